# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handshake messages tell that Python's ssl module does not: the chain as sent, group, signature scheme.

The TLS library shows its messages through ``SSLContext._msg_callback`` (private, there in CPython 3.8 and later), the
encrypted ones of TLS 1.3 too. The readers here are pure and trust nothing: a message they can't read says nothing.
Sources: RFC 8446 section 4, RFC 5246 section 7.4, RFC 8422 section 5.4. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, List, Optional, Tuple, TypeVar

from .tls.presentation import Octets, Unreadable

T = TypeVar("T")

ALERT, HANDSHAKE = 21, 22
SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_VERIFY = 2, 11, 12, 15
NEW_SESSION_TICKET = 4
KEPT = (SERVER_HELLO, NEW_SESSION_TICKET, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_VERIFY)
SUPPORTED_VERSIONS, KEY_SHARE, EARLY_DATA = 43, 51, 42
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
NAMED_CURVE = 3
FATAL, CLOSE_NOTIFY = 2, 0
MAX_KEPT = 256 * 1024
"""Octets of messages kept of one handshake."""


@dataclasses.dataclass(frozen=True)
class HandshakeFacts:
    """What was read; ``None`` and empty: it was not seen."""

    version: Optional[int] = None
    group: Optional[int] = None
    signature_scheme: Optional[int] = None
    certificates: Tuple[bytes, ...] = ()


class Transcript:
    """The messages and alerts of one peer, as the TLS library shows them, bounded."""

    def __init__(self) -> None:
        self.messages: Dict[int, bytes] = {}
        self.alerts: List[Tuple[int, int]] = []
        """(level, description) of each alert received."""
        self.tickets: List[bytes] = []
        """Each NewSessionTicket: a server may send several, and not all alike."""
        self._octets = 0

    def record(self, content_type: int, message_type: int, data: bytes) -> None:
        """Take one message that was received; of several of one kind the last stands (a HelloRetryRequest comes
        before the ServerHello, and looks like one)."""
        if content_type == ALERT and len(data) == 2:
            if len(self.alerts) < 16:
                self.alerts.append((data[0], data[1]))
        elif content_type == HANDSHAKE and message_type in KEPT:
            self._octets += len(data)
            if self._octets <= MAX_KEPT:
                self.messages[message_type] = data
                if message_type == NEW_SESSION_TICKET:
                    self.tickets.append(data)

    @property
    def fatal_alert(self) -> Optional[int]:
        """Description of the first fatal alert received (RFC 8446 section 6)."""
        return next((description for level, description in self.alerts if level == FATAL), None)

    @property
    def closed(self) -> bool:
        """Whether close_notify came."""
        return any(description == CLOSE_NOTIFY for level, description in self.alerts)


def read_handshake(transcript: Transcript, cipher_suite: Optional[str]) -> HandshakeFacts:
    """Read what can be read.

    :param cipher_suite: OpenSSL's name of the negotiated suite: below TLS 1.3 it says what a ServerKeyExchange holds
    """
    version, group = _or_nothing(_server_hello, transcript.messages.get(SERVER_HELLO)) or (None, None)
    scheme: Optional[int] = None
    if version == TLS_1_3:
        scheme = _or_nothing(_certificate_verify, transcript.messages.get(CERTIFICATE_VERIFY))
    elif "ECDHE" in (cipher_suite or ""):
        exchange = _or_nothing(_ecdhe, transcript.messages.get(SERVER_KEY_EXCHANGE))
        if exchange is not None:
            group, scheme = exchange[0], exchange[1] if version == TLS_1_2 else None
    elif "DHE" in (cipher_suite or "") and version == TLS_1_2:
        scheme = _or_nothing(_dhe, transcript.messages.get(SERVER_KEY_EXCHANGE))
    message = transcript.messages.get(CERTIFICATE)
    chain = _or_nothing(_chain_1_3 if version == TLS_1_3 else _chain, message) if version is not None else None
    return HandshakeFacts(version, group, scheme, chain or ())


def read_ticket(message: Optional[bytes], version: Optional[str]) -> Tuple[Optional[int], Optional[int]]:
    """What a NewSessionTicket says (RFC 5077 section 3.3, RFC 8446 section 4.6.1).

    :param version: the one that was negotiated, in OpenSSL's words
    :returns: lifetime in seconds, and octets of early data; ``None``: not there, or it can't be read
    """
    reader = _ticket_1_3 if version == "TLSv1.3" else _ticket
    return _or_nothing(reader, message) or (None, None)


def _ticket(body: Octets) -> Tuple[Optional[int], Optional[int]]:
    return body.number(4), None


def _ticket_1_3(body: Octets) -> Tuple[Optional[int], Optional[int]]:
    lifetime = body.number(4)
    body.take(4)
    body.vector(1)
    body.vector(2)
    extensions, early = body.vector(2), None
    while extensions:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == EARLY_DATA:
            early = content.number(4)
    return lifetime, early


def _or_nothing(reader: Callable[[Octets], T], message: Optional[bytes]) -> Optional[T]:
    if message is None:
        return None
    try:
        octets = Octets(message)
        kind, body = octets.number(1), octets.vector(3)
        if kind not in KEPT or octets:
            return None
        return reader(body)
    except Unreadable:
        return None


def _server_hello(body: Octets) -> Tuple[int, Optional[int]]:
    version = body.number(2)
    body.take(32)
    body.vector(1)
    body.take(3)
    group: Optional[int] = None
    extensions = body.vector(2) if body else Octets(b"")
    while extensions:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == SUPPORTED_VERSIONS:
            version = content.number(2)
        elif kind == KEY_SHARE:
            group = content.number(2)
    return version, group


def _chain_1_3(body: Octets) -> Tuple[bytes, ...]:
    body.vector(1)
    entries, found = body.vector(3), []
    while entries:
        found.append(entries.vector(3).rest())
        entries.vector(2)
    return tuple(found)


def _chain(body: Octets) -> Tuple[bytes, ...]:
    entries, found = body.vector(3), []
    while entries:
        found.append(entries.vector(3).rest())
    return tuple(found)


def _certificate_verify(body: Octets) -> int:
    return body.number(2)


def _ecdhe(body: Octets) -> Tuple[int, Optional[int]]:
    if body.number(1) != NAMED_CURVE:
        raise Unreadable("no named curve")
    group = body.number(2)
    body.vector(1)
    return group, body.number(2) if body else None


def _dhe(body: Octets) -> Optional[int]:
    for _parameter in range(3):
        body.vector(2)
    return body.number(2) if body else None
