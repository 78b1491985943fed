# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says to a ClientHello, octet by octet."""

from __future__ import annotations

RANDOM = bytes(range(32))
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
FATAL, WARNING = 2, 1


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def number(value: int) -> bytes:
    return value.to_bytes(2, "big")


def record(content: bytes, kind: int = 22, version: int = 0x0303) -> bytes:
    return bytes([kind]) + number(version) + vector(2, content)


def alert(description: int, level: int = FATAL) -> bytes:
    return record(bytes([level, description]), 21)


def message(kind: int, body: bytes = b"") -> bytes:
    return bytes([kind]) + vector(3, body)


def extension(kind: int, content: bytes = b"") -> bytes:
    return number(kind) + vector(2, content)


def server_hello(
    version: int = 0x0303, suite: int = 0xC02F, *extensions: bytes, random: bytes = RANDOM, compression: int = 0
) -> bytes:
    """ServerHello up to TLS 1.2; an extension block only where there are extensions."""
    body = number(version) + random + b"\0" + number(suite) + bytes([compression])
    return message(2, body + (vector(2, b"".join(extensions)) if extensions else b""))


def server_hello_13(suite: int = 0x1301, group: int | None = 0x001D, *, retry: bool = False) -> bytes:
    """ServerHello of TLS 1.3, or a HelloRetryRequest."""
    extensions = [extension(43, number(0x0304))]
    if group is not None:
        share = number(group) if retry else number(group) + vector(2, bytes(32))
        extensions.append(extension(51, share))
    return server_hello(0x0303, suite, *extensions, random=RETRY if retry else RANDOM)


def certificate(*chain: bytes) -> bytes:
    return message(11, vector(3, b"".join(vector(3, one) for one in chain)))


def ecdhe(group: int = 0x001D, signature: int | None = 0x0804, *, curve_type: int = 3) -> bytes:
    """ServerKeyExchange on a named curve; without a signature scheme as before TLS 1.2."""
    signed = (b"" if signature is None else number(signature)) + vector(2, bytes(64))
    return message(12, bytes([curve_type]) + number(group) + vector(1, bytes(32)) + signed)


def dhe(bits: int, signature: int | None = 0x0804) -> bytes:
    """ServerKeyExchange with a prime of so many bits, written with a leading zero octet as some do."""
    prime = b"\0" + (1 << (bits - 1)).to_bytes((bits + 7) // 8, "big")
    signed = (b"" if signature is None else number(signature)) + vector(2, bytes(64))
    return message(12, vector(2, prime) + vector(2, b"\x02") + vector(2, b"\x03") + signed)


DONE = message(14)
FLIGHT = record(server_hello() + certificate(b"leaf", b"intermediate") + ecdhe() + DONE)
"""A whole flight of TLS 1.2, in one record."""


def ssl_2_hello(*ciphers: int, leaf: bytes = b"", version: int = 0x0002, claimed: int | None = None) -> bytes:
    """SSLv2's SERVER-HELLO."""
    specs = b"".join(cipher.to_bytes(3, "big") for cipher in ciphers)
    length = len(specs) if claimed is None else claimed
    body = b"\x04\0\x01" + number(version) + number(len(leaf)) + number(length) + number(16) + leaf + specs + bytes(16)
    return number(0x8000 | len(body)) + body


def ssl_2_error(code: int) -> bytes:
    return number(0x8003) + b"\0" + number(code)


def in_records_of(size: int, content: bytes) -> bytes:
    """The same messages, in records of so many octets."""
    return b"".join(record(content[at : at + size]) for at in range(0, len(content), size))
