# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins with credentials that a user gave: USER and PASS, SASL PLAIN and APOP, each over a connection of its own.

What holds for all of them:

- Only inside TLS, and only when the certificate of that very session was verified against the anchors for the expected
  name, unless the user asked for less: a password must not go to an impostor.
- Exactly one attempt with a wrong password. Who refused once, or hung up on it, ends all further use of that credential
  in the run, whatever the host; logins with one credential are made one after the other, so that this can hold, and so
  that no mailbox is locked by ourselves.
- Nothing that the peer says from the password on is kept as text: it could be the password. Statuses, registered
  response codes and numbers are.

Sources: RFC 1939 sections 5 to 7, RFC 2449 sections 4 and 8, RFC 3206, RFC 4616, RFC 5034 section 4. Python 3.9,
standard library only.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import ssl
from typing import Callable, Dict, List, Optional

from .credentials import DELE, Credential, Logins
from .mailbox import Walk
from .model import Login, Pop3Dialogue, Target
from .pop3 import APOP_CHALLENGE, Dialogue, Ended, status_of
from .pop3_extras import lists
from .tcp import TcpStream, ending
from .tls.exchange import Line
from .tls_session import HandshakeEnded, NotTls, TlsStream, sni_of

USER, PLAIN, APOP = "USER", "PLAIN", "APOP"
PURPOSE = "login with %s"
CODE = re.compile(rb"-ERR \[(IN-USE|LOGIN-DELAY|SYS/TEMP|SYS/PERM|AUTH|UTF8)\](?: |$)", re.IGNORECASE)
"""IANA's POP3 response codes."""
TEMPORARY = ("IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM")
"""Refusals that say nothing of the password (RFC 2449 section 8.1, RFC 3206 section 4)."""
UNDECIDED = "cancelled"
"""The outcome until there is one."""
MAX_COMMAND = 255
"""Octets of a command with its CRLF (RFC 2449 section 4)."""


def ways(dialogue: Pop3Dialogue) -> List[str]:
    """The ways to log in that were offered inside TLS and are tried here. Where CAPA is unknown to the server, USER is
    all there is (RFC 1939 section 7)."""
    offered = [USER] if lists(dialogue, "USER") or dialogue.capa_status == "refused" else []
    offered += [PLAIN] if lists(dialogue, "SASL", "PLAIN") else []
    return offered + ([APOP] if dialogue.apop_challenge is not None else [])


def expected_name(target: Target) -> str:
    """What the certificate must be valid for: the name that is sent as SNI, else the IP address.

    :raises ValueError: not a name that can be sent
    """
    name = target.server_name or target.address
    return sni_of(name) or name.partition("%")[0]


class Desk:
    """Where a run's logins are made. One serves a whole run.

    :param logins: who may log in where
    :raises CredentialsError: their anchors can't be read
    """

    def __init__(self, logins: Logins) -> None:
        self.logins = logins
        self._context = logins.context()
        self._turns: Dict[Credential, asyncio.Lock] = {}
        self._spent: Dict[Credential, str] = {}
        """Credentials that were refused, and where."""

    def turn(self, target: Target) -> asyncio.Lock:
        """The lock under which a target's logins are made."""
        credential = self.logins.of(target)
        if credential is None:
            raise ValueError("no login is owed here")
        return self._turns.setdefault(credential, asyncio.Lock())

    async def log_in(
        self, line: Line, target: Target, dialogue: Pop3Dialogue, seconds: Callable[[], float],
        note: Callable[[Login], None],
    ) -> None:  # fmt: skip
        """Log in each way that is offered; the mailbox is walked through at the first that works.

        :param dialogue: what was said before login in this visit
        :param seconds: gives what is left for one login and what follows it
        :param note: takes each login as it ends
        """
        credential = self.logins.of(target)
        if credential is None:
            return
        stopped, walked = "", False
        for way in ways(dialogue):
            if credential in self._spent:
                stopped = "these credentials were not taken by %s" % self._spent[credential]
            elif seconds() <= 0:
                stopped = "no time was left"
            if stopped:
                note(Login(way, "not-tried", stopped))
                continue
            attempt = _Attempt(way, credential, target, None if walked else dialogue)
            try:
                await attempt.make(line, self._context, not self.logins.unverified, seconds())
            finally:
                login = attempt.result()
                if login.sent and login.outcome not in ("logged-in", "temporary"):
                    self._spent[credential] = "%s:%d" % (target.address, target.port)
                note(login)
            walked = walked or login.outcome == "logged-in"
            if login.outcome != "logged-in":
                stopped = "the login before it ended: %s" % login.outcome
            elif lists(dialogue, "LOGIN-DELAY"):
                stopped = "the server announces LOGIN-DELAY"


class _Attempt:
    """One login.

    :param before: what was said before login, where the mailbox is to be walked through; ``None``: only log in
    """

    def __init__(self, way: str, credential: Credential, target: Target, before: Optional[Pop3Dialogue]) -> None:
        self._way, self._credential, self._target, self._before = way, credential, target, before
        self._outcome, self._detail, self._code = UNDECIDED, "", ""
        self._verified = self._sent = False
        self._walk: Optional[Walk] = None
        self._walk_outcome = "timeout"

    def result(self) -> Login:
        """What came of it so far."""
        mailbox = None if self._walk is None else self._walk.result(self._walk_outcome)
        return Login(self._way, self._outcome, self._detail[:200], self._code, self._verified, self._sent, mailbox)

    async def make(self, line: Line, context: ssl.SSLContext, verify: bool, seconds: float) -> None:
        """Make it; how it ended is in `result`."""
        tcp, stream = await line.open(PURPOSE % self._way)
        if stream is None:
            self._outcome, self._detail = "not-connected", tcp.reason
            return
        try:
            await asyncio.wait_for(self._session(stream, context, verify), seconds)
        except HandshakeEnded as ended:
            if isinstance(ended.__cause__, ssl.SSLCertVerificationError):
                self._end("not-verified", ended.__cause__.verify_message or "the certificate was not verified")
            else:
                self._end(ended.outcome, ended.detail)
        except Ended as ended:
            self._end(ended.outcome)
        except (NotTls, ValueError):
            self._end("failed")
        except (asyncio.TimeoutError, ssl.SSLError, OSError) as error:
            self._end(ending(error))
        finally:
            line.close(stream)

    def _end(self, word: str, detail: str = "") -> None:
        """An early end: of the login, or of what follows it."""
        if self._outcome == "logged-in":
            self._walk_outcome = word if word != "failed" else "reset"
        elif self._outcome == UNDECIDED:
            self._outcome, self._detail = word, detail

    async def _session(self, stream: TcpStream, context: ssl.SSLContext, verify: bool) -> None:
        try:
            name = expected_name(self._target)
            tls = TlsStream(stream, context, self._target.server_name or self._target.address, expected=name)
        except ValueError:
            self._outcome, self._detail = "not-verified", "there is no name that the certificate could be held against"
            return
        await tls.handshake()
        self._verified = verify
        dialogue = Dialogue(tls.send, tls.receive)
        if not await dialogue.greet():
            self._outcome, self._detail = "not-tried", "the greeting of this session was -ERR"
            return
        reply = await self._say(dialogue)
        if reply is None:
            await dialogue.ask(b"QUIT")
            return
        status = status_of(reply)
        if status == "other":
            raise Ended("malformed")
        if status == "-ERR":
            code = CODE.match(reply)
            self._code = "" if code is None else code[1].decode("ascii").upper()
            self._outcome = "temporary" if self._code in TEMPORARY else "refused"
            await dialogue.ask(b"QUIT")
            return
        self._outcome = "logged-in"
        if self._before is None:
            await dialogue.ask(b"QUIT")
            return
        self._walk = Walk(dialogue, self._before, self._target.login == DELE)
        await self._walk.go()
        self._walk_outcome = "completed"

    async def _say(self, dialogue: Dialogue) -> Optional[bytes]:
        """The answer to the password; ``None``: it was not sent, and why is noted."""
        user, password = self._credential.user.encode("utf-8"), self._credential.password.encode("utf-8")
        if self._way != PLAIN and not (user + password).isascii():
            self._outcome, self._detail = "not-tried", "name or password is not ASCII: only SASL carries it (RFC 6856)"
            return None
        if self._way == USER:
            return await self._user_and_pass(dialogue, user, password)
        if self._way == PLAIN:
            return await self._plain(dialogue, base64.b64encode(b"\0" + user + b"\0" + password))
        return await self._apop(dialogue, user, password)

    async def _user_and_pass(self, dialogue: Dialogue, user: bytes, password: bytes) -> bytes:
        reply = await dialogue.ask(b"USER " + user)
        if status_of(reply) != "+OK":
            return reply
        self._sent = True
        return await dialogue.ask(b"PASS " + password)

    async def _plain(self, dialogue: Dialogue, response: bytes) -> bytes:
        command = b"AUTH PLAIN " + response
        fits = len(command) + 2 <= MAX_COMMAND
        self._sent = fits
        reply = await dialogue.ask(command if fits else b"AUTH PLAIN")
        if not (reply == b"+" or reply.startswith(b"+ ")):
            return reply
        # No room for an initial response, or a server older than it: the same response is said once it is asked for.
        self._sent = True
        return await dialogue.ask(response)

    async def _apop(self, dialogue: Dialogue, user: bytes, password: bytes) -> Optional[bytes]:
        challenge = APOP_CHALLENGE.search((dialogue.result().greeting or "").encode("latin-1"))
        # A challenge that is no msg-id is how CVE-2007-1558 is done.
        if challenge is None or not challenge.group().isascii():
            self._outcome, self._detail = "not-tried", "the greeting of this session held no good challenge"
            return None
        try:
            digest = hashlib.md5(challenge.group() + password).hexdigest()  # noqa: S324 - APOP is made of it
        except ValueError:
            self._outcome, self._detail = "not-tried", "this machine's OpenSSL has no MD5"
            return None
        self._sent = True
        return await dialogue.ask(b"APOP " + user + b" " + digest.encode("ascii"))
