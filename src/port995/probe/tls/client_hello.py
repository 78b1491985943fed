# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing ClientHellos, from SSLv2 to TLS 1.3, octet by octet.

Sources: RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2, RFC 6101 (SSL 3.0), the SSL 2.0 draft of 1995
(draft-hickman-netscape-ssl-00), RFC 6066 (SNI), RFC 5746 (renegotiation SCSV), RFC 7627 (extended master secret),
RFC 7685 (padding). Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import struct
from typing import List, Optional, Tuple

SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304

VERSION_NAMES = {
    SSL_2: "SSLv2", SSL_3: "SSLv3", TLS_1_0: "TLSv1", TLS_1_1: "TLSv1.1", TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3",
}  # fmt: skip
"""OpenSSL's words, as they stand in configurations."""

SERVER_NAME, SUPPORTED_GROUPS, POINT_FORMATS, SIGNATURE_ALGORITHMS = 0, 10, 11, 13
STATUS_REQUEST, ALPN, CERTIFICATE_TIMESTAMPS = 5, 16, 18
PADDING, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, SESSION_TICKET = 21, 22, 23, 35
SUPPORTED_VERSIONS, PSK_MODES, KEY_SHARE = 43, 45, 51
RENEGOTIATION_SCSV = 0x00FF
"""RFC 5746 section 3.3: servers that insist on it refuse a hello without any sign of it."""
X25519 = 0x001D
BAD_LENGTHS = range(256, 512)
"""Length of a handshake message that hangs old F5 balancers (RFC 7685 section 1)."""
MAX_HELLO = 16384


@dataclasses.dataclass(frozen=True)
class Offer:
    """What one hello offers. Numbers are IANA's; an empty tuple leaves the extension out."""

    version: int
    suites: Tuple[int, ...]
    groups: Tuple[int, ...] = ()
    signatures: Tuple[int, ...] = ()
    key_share: str = "none"
    """``none``, ``empty`` or ``x25519``; for TLS 1.3."""
    server_name: Optional[str] = None
    pad_to: int = 0
    """Octets of the record at least."""
    extras: bool = False
    """Offer compression, an OCSP staple, SCTs, encrypt-then-MAC and session tickets too."""
    alpn: Tuple[str, ...] = ()
    grease: bool = False
    """Put values that mean nothing into every list (RFC 8701)."""

    @property
    def offers_compression(self) -> bool:
        """Whether DEFLATE is on offer (RFC 3749); TLS 1.3 has no compression."""
        return self.extras and SSL_3 <= self.version < TLS_1_3


@dataclasses.dataclass(frozen=True)
class Written:
    """A hello ready to be sent."""

    octets: bytes
    extensions: Tuple[int, ...]


@functools.lru_cache(maxsize=4096)
def numbers(digits: str, size: int = 4) -> Tuple[int, ...]:
    """Read a list of numbers.

    :param digits: hexadecimal, ``size`` digits each
    :raises ValueError: something else
    """
    if len(digits) % size:
        raise ValueError("%d digits do not divide into numbers of %d" % (len(digits), size))
    return tuple(int(digits[at : at + size], 16) for at in range(0, len(digits), size))


@functools.lru_cache(maxsize=4096)
def digits(values: Tuple[int, ...], size: int = 4) -> str:
    """Write a list of numbers, ``size`` hexadecimal digits each."""
    return "".join("%0*x" % (size, value) for value in values)


def write_hello(offer: Offer) -> Written:
    """The hello as it goes onto the wire, with fresh randomness.

    :raises ValueError: it would not fit into one record
    """
    if offer.version == SSL_2:
        return Written(_ssl_2(offer), ())
    suites = offer.suites if offer.version == TLS_1_3 else (*offer.suites, RENEGOTIATION_SCSV)
    if offer.grease:
        suites = (_grease(), *suites)
    session = os.urandom(32) if offer.version == TLS_1_3 else b""
    start = b"".join((
        struct.pack("!H", min(offer.version, TLS_1_2)),
        os.urandom(32),
        _vector(1, session),
        _list(suites),
        b"\x02\x01\x00" if offer.offers_compression else b"\x01\x00",
    ))  # fmt: skip
    # SSL 3.0 has no extensions; a server that speaks nothing newer may refuse a hello that goes on.
    extensions = [] if offer.version == SSL_3 else _extensions(offer)
    body = _body(start, extensions)
    padding = 0 if offer.version == SSL_3 else _padding(len(body) + 4, bool(extensions), offer.pad_to)
    if padding:
        extensions.append((PADDING, bytes(padding - 4)))
        body = _body(start, extensions)
    message = b"\x01" + _vector(3, body)
    if len(message) > MAX_HELLO:
        raise ValueError("a hello of %d octets does not fit into one record" % len(message))
    # TLS 1.0 on the record is what every server takes for a first message (RFC 8446 section 5.1).
    record_version = SSL_3 if offer.version == SSL_3 else TLS_1_0
    return Written(
        struct.pack("!BH", 22, record_version) + _vector(2, message), tuple(kind for kind, content in extensions)
    )


def _body(start: bytes, extensions: List[Tuple[int, bytes]]) -> bytes:
    if not extensions:
        return start
    return start + _vector(2, b"".join(struct.pack("!H", kind) + _vector(2, content) for kind, content in extensions))


def _extensions(offer: Offer) -> List[Tuple[int, bytes]]:
    """In an order in which no empty extension is the last: some servers refuse that."""
    found: List[Tuple[int, bytes]] = []
    if offer.grease:
        found.append((_grease(), b""))
    if offer.server_name is not None:
        found.append((SERVER_NAME, _vector(2, b"\x00" + _vector(2, offer.server_name.encode("ascii")))))
    if offer.version < TLS_1_3:
        found.append((EXTENDED_MASTER_SECRET, b""))
    if offer.extras and offer.version < TLS_1_3:
        found += [(ENCRYPT_THEN_MAC, b""), (SESSION_TICKET, b""), (CERTIFICATE_TIMESTAMPS, b"")]
        # An OCSP responder of any name, no extensions (RFC 6066 section 8).
        found.append((STATUS_REQUEST, b"\x01\x00\x00\x00\x00"))
    if offer.alpn:
        found.append((ALPN, _vector(2, b"".join(_vector(1, name.encode("latin-1")) for name in offer.alpn))))
    if offer.groups:
        groups = (_grease(), *offer.groups) if offer.grease else offer.groups
        found.append((SUPPORTED_GROUPS, _list(groups)))
        if offer.version < TLS_1_3:
            found.append((POINT_FORMATS, b"\x01\x00"))
    # Before TLS 1.2 a client must not send it (RFC 5246 section 7.4.1.4.1).
    if offer.signatures and offer.version >= TLS_1_2:
        signatures = (_grease(), *offer.signatures) if offer.grease else offer.signatures
        found.append((SIGNATURE_ALGORITHMS, _list(signatures)))
    if offer.version == TLS_1_3:
        versions = (_grease(), TLS_1_3) if offer.grease else (TLS_1_3,)
        found.append((SUPPORTED_VERSIONS, _vector(1, struct.pack("!%dH" % len(versions), *versions))))
        # Servers fail without it, although nothing is resumed (RFC 8446 section 4.2.9).
        found.append((PSK_MODES, b"\x01\x01"))
        share = struct.pack("!H", X25519) + _vector(2, os.urandom(32)) if offer.key_share == "x25519" else b""
        if offer.key_share != "none":
            found.append((KEY_SHARE, _vector(2, share)))
    if found and not found[-1][1]:
        found.insert(0, found.pop())
    # One that stands alone has no other order: then there is none.
    return found if found and found[-1][1] else []


def _padding(message: int, has_extensions: bool, record_at_least: int) -> int:
    """Octets that a padding extension must add, its own header of four included; 0: none is needed."""
    message += 0 if has_extensions else 2
    wanted = max(message, record_at_least - 5)
    if wanted in BAD_LENGTHS:
        wanted = BAD_LENGTHS.stop
    while wanted > 512 and wanted % 256 in (10, 14):
        wanted += 5  # 522, 778 ... and 526, 782 ... break other boxes.
    added = wanted - message
    if added == 0:
        return 0
    # An extension with nothing in it must not be the last one.
    return max(added, 5)


def _ssl_2(offer: Offer) -> bytes:
    specs = b"".join(cipher.to_bytes(3, "big") for cipher in offer.suites)
    challenge = os.urandom(16)
    body = struct.pack("!BHHHH", 1, SSL_2, len(specs), 0, len(challenge)) + specs + challenge
    return struct.pack("!H", 0x8000 | len(body)) + body


@functools.lru_cache(maxsize=4096)
def _list(values: Tuple[int, ...]) -> bytes:
    """The same few lists go to every endpoint."""
    return _vector(2, struct.pack("!%dH" % len(values), *values))


def _grease() -> int:
    """A value that nobody will ever give a meaning (RFC 8701 section 2)."""
    return 0x1010 * (os.urandom(1)[0] & 15) + 0x0A0A


def _vector(length_size: int, content: bytes) -> bytes:
    return len(content).to_bytes(length_size, "big") + content
