# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the answer to a ClientHello, octet by octet as it comes, from a peer that nobody vouches for.

What the server says in clear is read: ServerHello, HelloRetryRequest, and below TLS 1.3 Certificate, ServerKeyExchange
and ServerHelloDone; alerts; SSLv2's SERVER-HELLO. Any input ends in an `Answer`; none raises. Reads are bounded.
Sources: RFC 8446 sections 4 to 6, RFC 5246 section 7, RFC 8422 section 5.4, draft-hickman-netscape-ssl-00.
Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Tuple

from .cipher_suites import BY_NUMBER
from .client_hello import SSL_2, TLS_1_2, TLS_1_3, X25519, Offer
from .presentation import Octets, Unreadable

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE, CERTIFICATE_STATUS = 2, 11, 12, 14, 22
EXTENSION_ALPN, EXTENSION_TIMESTAMPS = 16, 18
EXTENSION_SUPPORTED_VERSIONS, EXTENSION_KEY_SHARE = 43, 51
STATUS_OCSP = 1
WARNING, FATAL, CLOSE_NOTIFY = 1, 2, 0
SSL_2_ERROR, SSL_2_SERVER_HELLO = 0, 4
EXPLICIT_PRIME, EXPLICIT_CHAR2, NAMED_CURVE = 1, 2, 3
EXPLICIT_GROUPS = {EXPLICIT_PRIME: 0xFF01, EXPLICIT_CHAR2: 0xFF02}

HELLO_RETRY_REQUEST = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""ServerHello.random of a HelloRetryRequest: SHA-256 of its name (RFC 8446 section 4.1.3)."""

MAX_RECORD = 16384 + 2048
MAX_MESSAGE = 96 * 1024
"""Octets of one handshake message: OpenSSL's own bound on a chain is 100 KiB."""
MAX_ANSWER = 160 * 1024
MAX_EMPTY_RECORDS = 16
MAX_WARNINGS = 8
HEAD = 32
MAX_DH_OCTETS = 4096
MAX_STAPLE = 32 * 1024
MAX_CHAIN = 16
"""Certificates that are kept of one chain."""


@dataclasses.dataclass
class Answer:
    """What came, in the words of `port995.probe.model.Hello`."""

    outcome: str = ""
    """Empty while it is not over."""
    detail: str = ""
    version: Optional[int] = None
    suite: Optional[int] = None
    group: Optional[int] = None
    signature: Optional[int] = None
    dh_bits: Optional[int] = None
    complete: bool = False
    alert: Optional[int] = None
    leaf: Optional[bytes] = None
    """DER of the first certificate."""
    chain: Tuple[bytes, ...] = ()
    """DER of those behind it, in the order sent."""
    alpn: Optional[str] = None
    staple: Optional[bytes] = None
    scts: Optional[int] = None
    dh_prime: bytes = b""
    dh_public: bytes = b""
    extensions: Tuple[int, ...] = ()
    random_tail: str = ""
    compression: Optional[int] = None
    head: bytes = b""
    octets: int = 0


class _Stop(Exception):
    """The answer is over.

    :param outcome: its word
    """

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(outcome)
        self.outcome, self.detail = outcome, detail


class AnswerReader:
    """Read the answer to one offer.

    :param offer: what was offered: a choice that is not in it is no answer
    """

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._records = bytearray()
        self._messages = bytearray()
        self._empty = self._warnings = 0
        self.answer = Answer()

    def feed(self, data: bytes) -> bool:
        """Take octets.

        :returns: whether the answer is over
        """
        if self.answer.outcome:
            return True
        self.answer.octets += len(data)
        if len(self.answer.head) < HEAD:
            self.answer.head = (self.answer.head + data)[:HEAD]
        self._records += data
        try:
            if self._offer.version != SSL_2 or self._is_tls_record:
                self._read_records()
            else:
                self._ssl_2()
            if self.answer.octets > MAX_ANSWER:
                raise _Stop("oversize", "more than %d octets" % MAX_ANSWER)
        except _Stop as stop:
            self.answer.outcome, self.answer.detail = stop.outcome, stop.detail
        except Unreadable as problem:
            self.answer.outcome, self.answer.detail = "malformed", str(problem)
        return bool(self.answer.outcome)

    def end(self, how: str) -> None:
        """The connection ended before the answer was over.

        :param how: ``eof``, ``reset``, ``timeout``
        """
        if not self.answer.outcome:
            self.answer.outcome = how

    def _read_records(self) -> None:
        while len(self._records) >= 5:
            kind, major = self._records[0], self._records[1]
            if kind not in (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA) or major != 3:
                raise _Stop("malformed" if self._started else "not-tls")
            length = int.from_bytes(self._records[3:5], "big")
            if length > MAX_RECORD:
                raise _Stop("malformed", "a record of %d octets" % length)
            if len(self._records) < 5 + length:
                return
            content = bytes(self._records[5 : 5 + length])
            del self._records[: 5 + length]
            self._record(kind, content)
        # Not even a header yet: the first octet alone may show that this is no TLS.
        if self._records and not self._started and self._records[0] not in (ALERT, HANDSHAKE):
            raise _Stop("not-tls")

    @property
    def _started(self) -> bool:
        return self.answer.octets > len(self._records) or self.answer.version is not None

    def _record(self, kind: int, content: bytes) -> None:
        if not content:
            self._empty += 1
            if self._empty > MAX_EMPTY_RECORDS:
                raise _Stop("malformed", "more than %d empty records" % MAX_EMPTY_RECORDS)
        elif kind == ALERT:
            self._alert(content)
        elif kind == HANDSHAKE:
            self._messages += content
            self._read_messages()
        elif kind == APPLICATION_DATA:
            raise Unreadable("application data in clear")

    def _alert(self, content: bytes) -> None:
        if len(content) != 2:
            raise Unreadable("an alert of %d octets" % len(content))
        level, description = content[0], content[1]
        if description == CLOSE_NOTIFY:
            raise _Stop("eof", "close_notify")
        if level == FATAL:
            self.answer.alert = description
            raise _Stop("alert")
        self._warnings += 1
        if level != WARNING or self._warnings > MAX_WARNINGS:
            raise Unreadable("alerts that are neither fatal nor few")

    def _read_messages(self) -> None:
        while len(self._messages) >= 4:
            length = int.from_bytes(self._messages[1:4], "big")
            if length > MAX_MESSAGE:
                raise _Stop("oversize", "a handshake message of %d octets" % length)
            if len(self._messages) < 4 + length:
                return
            kind, body = self._messages[0], Octets(bytes(self._messages[4 : 4 + length]))
            del self._messages[: 4 + length]
            self._message(kind, body)

    def _message(self, kind: int, body: Octets) -> None:
        if self.answer.version is None:
            if kind != SERVER_HELLO:
                raise Unreadable("message %d before the ServerHello" % kind)
            self._server_hello(body)
        elif kind == SERVER_HELLO:
            raise Unreadable("a second ServerHello")
        elif kind == CERTIFICATE and self.answer.leaf is None:
            self._certificate(body.vector(3))
        elif kind == CERTIFICATE_STATUS and self.answer.staple is None:
            if body.number(1) == STATUS_OCSP:
                self.answer.staple = body.vector(3).rest()[:MAX_STAPLE]
        elif kind == SERVER_KEY_EXCHANGE:
            self._server_key_exchange(body)
        elif kind == SERVER_HELLO_DONE:
            self.answer.complete = True
            raise _Stop("server-hello")

    def _certificate(self, chain: Octets) -> None:
        self.answer.leaf = chain.vector(3).rest() if chain else b""
        others: List[bytes] = []
        while chain and len(others) < MAX_CHAIN:
            others.append(chain.vector(3).rest())
        self.answer.chain = tuple(others)

    def _server_hello(self, body: Octets) -> None:
        answer, offer = self.answer, self._offer
        version, random = body.number(2), body.take(32)
        body.vector(1)
        suite, compression = body.number(2), body.number(1)
        extensions = body.vector(2) if body else Octets(b"")
        if body:
            raise Unreadable("octets behind the ServerHello")
        kinds, group = [], None
        while extensions:
            kind, content = extensions.number(2), extensions.vector(2)
            kinds.append(kind)
            if kind == EXTENSION_SUPPORTED_VERSIONS:
                version = content.number(2)
            elif kind == EXTENSION_KEY_SHARE:
                group = content.number(2)
            elif kind == EXTENSION_ALPN:
                answer.alpn = content.vector(2).vector(1).rest().decode("latin-1")
            elif kind == EXTENSION_TIMESTAMPS:
                answer.scts = _count(content.vector(2))
        if suite not in offer.suites:
            raise Unreadable("suite 0x%04x was chosen and not offered" % suite)
        if not 0x0300 <= version <= offer.version:
            raise Unreadable("version 0x%04x was chosen, 0x%04x offered" % (version, offer.version))
        answer.version, answer.suite, answer.compression = version, suite, compression
        answer.extensions, answer.random_tail = tuple(kinds[:64]), random[-8:].hex()
        if version == TLS_1_3:
            self._answer_1_3(random, group)

    def _answer_1_3(self, random: bytes, group: Optional[int]) -> None:
        retry = random == HELLO_RETRY_REQUEST
        shared = (X25519,) if self._offer.key_share == "x25519" and not retry else self._offer.groups
        if group is not None and group not in shared:
            raise Unreadable("group 0x%04x was chosen and not offered" % group)
        if group is None and self._offer.key_share == "empty":
            raise Unreadable("no group was chosen, and no key share was offered")
        self.answer.group = group
        # All behind it is encrypted: nothing more can be read, and nothing more is needed.
        self.answer.complete = True
        raise _Stop("hello-retry-request" if retry else "server-hello")

    def _server_key_exchange(self, body: Octets) -> None:
        suite = BY_NUMBER.get(self.answer.suite or 0)
        exchange = suite.key_exchange if suite is not None else ""
        if exchange.startswith("ECDHE") or exchange == "ECDH_anon":
            self._elliptic(body)
        elif exchange.startswith("DHE") or exchange == "DH_anon":
            self._finite_field(body)
        else:
            return
        signed = suite is not None and suite.authentication not in ("anon", "PSK")
        if body and signed and self.answer.version == TLS_1_2:
            self.answer.signature = body.number(2)

    def _elliptic(self, body: Octets) -> None:
        kind = body.number(1)
        if kind == NAMED_CURVE:
            self.answer.group = body.number(2)
            if self._offer.groups and self.answer.group not in self._offer.groups:
                raise Unreadable("group 0x%04x was chosen and not offered" % self.answer.group)
            body.vector(1)
        elif kind in EXPLICIT_GROUPS:
            self.answer.group = EXPLICIT_GROUPS[kind]
            body.rest()
        else:
            raise Unreadable("curve type %d" % kind)

    def _finite_field(self, body: Octets) -> None:
        prime = body.vector(2).rest()
        if len(prime) > MAX_DH_OCTETS:
            raise Unreadable("a prime of %d octets" % len(prime))
        self.answer.dh_bits = int.from_bytes(prime, "big").bit_length()
        body.vector(2)
        self.answer.dh_prime, self.answer.dh_public = prime, body.vector(2).rest()

    @property
    def _is_tls_record(self) -> bool:
        return len(self._records) > 1 and self._records[0] in (ALERT, HANDSHAKE) and self._records[1] == 3

    def _ssl_2(self) -> None:
        """An SSLv2 record: two octets of header, the high bit set; a header of three belongs to encrypted ones."""
        data = self._records
        if not data[0] & 0x80 and (data[0] not in (ALERT, HANDSHAKE) or len(data) > 1):
            raise _Stop("not-tls")
        if len(data) < 3:
            return
        length = int.from_bytes(data[:2], "big") & 0x7FFF
        if data[2] not in (SSL_2_ERROR, SSL_2_SERVER_HELLO) or length > MAX_RECORD:
            raise _Stop("not-tls")
        if len(data) < 2 + length:
            return
        body = Octets(bytes(data[3 : 2 + length]))
        if data[2] == SSL_2_ERROR:
            raise _Stop("ssl2-error", "error %d" % body.number(2))
        self._ssl_2_hello(body)

    def _ssl_2_hello(self, body: Octets) -> None:
        body.take(2)
        version = body.number(2)
        certificate, specs, identity = body.number(2), body.number(2), body.number(2)
        leaf, kinds = body.take(certificate), body.take(specs)
        body.take(identity)
        if version != SSL_2 or specs % 3:
            raise Unreadable("an SSLv2 SERVER-HELLO of version 0x%04x" % version)
        # An empty list still means that SSLv2 is spoken (CVE-2015-3197).
        self.answer.version, self.answer.leaf, self.answer.complete = SSL_2, leaf, True
        self.answer.suite = int.from_bytes(kinds[:3], "big") if kinds else None
        raise _Stop("server-hello")


def _count(items: Octets) -> int:
    """How many vectors stand in a list."""
    count = 0
    while items:
        items.vector(2)
        count += 1
    return count
