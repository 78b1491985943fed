# SPDX-License-Identifier: GPL-3.0-or-later
"""A POP3S server with one mailbox, for logins: right by default, and wrong where a test says so. Its certificate is made
for the occasion, since a login verifies it by today's clock."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

from port995.probe.credentials import Logins, logins_of
from tests.hostile.behaviours import ENDLESS
from tests.hostile.server import Behaviour
from tests.integration.dovecot.certificates import make_chain

from .tls_servers import inside

NAME = "mail.test.example"
USER, SECRET = "monitor", "s3cret of Mine"
CHALLENGE = b"<42.7@mail.test.example>"
MESSAGES = {
    1: b"Subject: long\r\n\r\nhello, hello\r\n",
    2: b"Subject: x\r\n\r\n.dot\r\n..two\r\n",
    3: b"Subject: third\r\n\r\n" + b"y" * 9000 + b"\r\n",
}


@dataclasses.dataclass(frozen=True)
class Pki:
    """A CA, and a leaf for `NAME` and 127.0.0.1."""

    context: ssl.SSLContext
    ca_pem: str


def make_pki(folder: Path, name: str = NAME) -> Pki:
    chain, key, ca = make_chain(folder, name, address="127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return Pki(context, ca.read_text())


def stuffed(message: bytes) -> bytes:
    """As RFC 1939 section 3 sends it."""
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


def plain(user: str = USER, password: str = SECRET) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


@dataclasses.dataclass
class Mail:
    """One mailbox; `said` are the commands of all sessions, as they came."""

    greeting: bytes = b"+OK " + CHALLENGE
    capabilities: tuple[bytes, ...] = (b"TOP", b"UIDL", b"USER", b"SASL PLAIN", b"RESP-CODES", b"AUTH-RESP-CODE")
    messages: dict[int, bytes] = dataclasses.field(default_factory=lambda: dict(MESSAGES))
    password: str = SECRET
    refusal: bytes = b"-ERR [AUTH] no\r\n"
    answers: dict[bytes, bytes] = dataclasses.field(default_factory=dict)
    """What is said to a command instead, by its first word, once logged in; all of it as it stands."""

    before: dict[bytes, bytes] = dataclasses.field(default_factory=dict)
    """What is said to a whole line before the login."""

    endless: tuple[bytes, bytes, bytes] = (b"", b"", b"")
    """A command's first word, what is said to it first, and what is then said again and again."""

    said: list[bytes] = dataclasses.field(default_factory=list)
    sessions: int = 0
    close_on_refusal: bool = False
    rset_forgets: bool = False
    deleted: list[int] = dataclasses.field(default_factory=list)
    """What a QUIT deleted: must stay empty."""

    def behaviour(self, context: ssl.SSLContext) -> Behaviour:
        return inside(context, self.talk, say_goodbye=False)

    def talk(self, session: ssl.SSLSocket) -> None:
        """One session."""
        self.sessions += 1
        session.sendall(self.greeting + b"\r\n")
        marked: set[int] = set()
        logged_in, user = False, b""
        while True:
            line = _line(session)
            if line is None:
                return
            self.said.append(line)
            word, _, rest = line.partition(b" ")
            if word and word == self.endless[0]:
                session.sendall(self.endless[1])
                block = self.endless[2] * (65536 // len(self.endless[2]) + 1)
                for _block in range(ENDLESS // len(block)):
                    session.sendall(block)
                return
            if not logged_in and line in self.before:
                session.sendall(self.before[line])
                continue
            if word == b"QUIT":
                self.deleted += sorted(marked) if logged_in else []
                session.sendall(b"+OK bye\r\n")
                return
            if word == b"CAPA" and not (logged_in and b"CAPA" in self.answers):
                session.sendall(b"+OK\r\n" + b"".join(one + b"\r\n" for one in self.capabilities) + b".\r\n")
            elif logged_in:
                session.sendall(self._mailbox(word, rest, marked))
            elif word == b"USER":
                user = rest
                session.sendall(b"+OK\r\n")
            elif word in (b"PASS", b"AUTH", b"APOP"):
                if word == b"AUTH" and rest == b"PLAIN":
                    session.sendall(b"+ \r\n")
                    rest = b"PLAIN " + (_line(session) or b"")
                logged_in = self._right(word, rest, user)
                session.sendall(b"+OK logged in\r\n" if logged_in else self.refusal)
                if not logged_in and self.close_on_refusal:
                    return
            else:
                session.sendall(b"-ERR what?\r\n")

    def _right(self, word: bytes, rest: bytes, user: bytes) -> bool:
        if word == b"PASS":
            return (user, rest) == (USER.encode(), self.password.encode())
        if word == b"AUTH":
            return rest == b"PLAIN " + plain(password=self.password)
        return rest == USER.encode() + b" " + hashlib.md5(CHALLENGE + self.password.encode()).hexdigest().encode()

    def _mailbox(self, word: bytes, rest: bytes, marked: set[int]) -> bytes:
        if word in self.answers:
            return self.answers[word]
        left = {number: text for number, text in self.messages.items() if number not in marked}
        if word == b"STAT":
            return b"+OK %d %d\r\n" % (len(left), sum(map(len, left.values())))
        if word == b"LIST":
            return b"+OK\r\n" + b"".join(b"%d %d\r\n" % (n, len(text)) for n, text in left.items()) + b".\r\n"
        if word == b"UIDL":
            return b"+OK\r\n" + b"".join(b"%d uid%d\r\n" % (n, n) for n in left) + b".\r\n"
        if word == b"TOP":
            return b"+OK\r\n" + left[int(rest.split()[0])].split(b"\r\n\r\n")[0] + b"\r\n\r\n.\r\n"
        if word == b"RETR":
            return b"+OK\r\n" + stuffed(left[int(rest)])
        if word == b"DELE":
            marked.add(int(rest))
            return b"+OK\r\n"
        if word == b"RSET":
            if not self.rset_forgets:
                marked.clear()
            return b"+OK\r\n"
        return b"-ERR what?\r\n"


def _line(session: ssl.SSLSocket) -> bytes | None:
    line = b""
    while not line.endswith(b"\r\n"):
        octet = session.recv(1)
        if not octet:
            return None
        line += octet
    return line[:-2]


def logins(pki: Pki, password: str = SECRET, **options: bool) -> Logins:
    return logins_of({"user": USER, "password": password}, pki.ca_pem, **options)


def only(word: bytes, answer: bytes) -> Callable[[], Mail]:
    """A mailbox that answers one command otherwise."""
    return lambda: Mail(answers={word: answer})
