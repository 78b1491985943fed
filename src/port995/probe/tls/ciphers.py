# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough cryptography, in Python alone, to hold one TLS 1.2 connection for a few records: X25519,
ChaCha20-Poly1305, AES-128-GCM and the PRF.

Python's ssl module can't ask for a renegotiation, so `port995.probe.tls.small_client` makes its own connection. Nothing
secret is ever sent over it: this code is neither quick nor safe against who measures time, and need not be. Sources:
RFC 7748 (X25519), RFC 8439 (ChaCha20-Poly1305), FIPS 197 (AES), NIST SP 800-38D (GCM), RFC 5246 section 5 (PRF).
Python 3.9, standard library only.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import struct
from typing import List, Tuple

P = 2**255 - 19
BASE_POINT = (9).to_bytes(32, "little")


class WrongTag(ValueError):
    """What was decrypted is not what was encrypted."""


def x25519(scalar: bytes, point: bytes) -> bytes:
    """The shared secret (RFC 7748 section 5).

    :param scalar: 32 octets
    :param point: 32 octets of the other side; `BASE_POINT` makes the own public value
    """
    k = int.from_bytes(scalar, "little")
    k = (k & ~7 & (2**255 - 1)) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swapped = 1, 0, u, 1, 0
    for place in range(254, -1, -1):
        bit = (k >> place) & 1
        if swapped ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def prf(secret: bytes, label: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """The pseudorandom function of TLS 1.2.

    :param hash_name: ``sha256`` or ``sha384``, as the suite says
    """
    seed = label + seed
    out, a = b"", seed
    while len(out) < length:
        a = hmac.new(secret, a, hash_name).digest()
        out += hmac.new(secret, a + seed, hash_name).digest()
    return out[:length]


def transcript_hash(messages: bytes, hash_name: str) -> bytes:
    """The hash of all handshake messages."""
    return hashlib.new(hash_name, messages).digest()


class ChaCha20Poly1305:
    """RFC 8439 section 2.8."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        """:returns: what was encrypted, and 16 octets of tag"""
        encrypted = self._stream(nonce, data)
        return encrypted + self._tag(nonce, encrypted, associated)

    def decrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        """:raises WrongTag: it was changed, or the key is another"""
        if len(data) < 16 or not hmac.compare_digest(self._tag(nonce, data[:-16], associated), data[-16:]):
            raise WrongTag("the tag is wrong")
        return self._stream(nonce, data[:-16])

    def _stream(self, nonce: bytes, data: bytes) -> bytes:
        blocks = range(1, 2 + len(data) // 64)
        stream = b"".join(_chacha_block(self._key, number, nonce) for number in blocks)
        return bytes(a ^ b for a, b in zip(data, stream))

    def _tag(self, nonce: bytes, encrypted: bytes, associated: bytes) -> bytes:
        one_time = _chacha_block(self._key, 0, nonce)
        r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
        s = int.from_bytes(one_time[16:32], "little")
        message = _padded(associated) + _padded(encrypted) + struct.pack("<QQ", len(associated), len(encrypted))
        total = 0
        for at in range(0, len(message), 16):
            block = int.from_bytes(message[at : at + 16] + b"\x01", "little")
            total = (total + block) * r % (2**130 - 5)
        return ((total + s) % 2**128).to_bytes(16, "little")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _chacha_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    x = list(start)
    for _round in range(10):
        for quarter in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12),
                        (2, 7, 8, 13), (3, 4, 9, 14)):  # fmt: skip
            _quarter_round(x, *quarter)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))


def _quarter_round(x: List[int], a: int, b: int, c: int, d: int) -> None:
    for left, right, other, places in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[left] = (x[left] + x[right]) & 0xFFFFFFFF
        mixed = x[other] ^ x[left]
        x[other] = ((mixed << places) | (mixed >> (32 - places))) & 0xFFFFFFFF


class Aes128Gcm:
    """AES with a key of 16 octets in Galois/Counter Mode, nonces of 12 octets."""

    def __init__(self, key: bytes) -> None:
        self._keys = _expanded(key)
        self._h = int.from_bytes(_aes_block(self._keys, bytes(16)), "big")

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        """:returns: what was encrypted, and 16 octets of tag"""
        encrypted = self._stream(nonce, data)
        return encrypted + self._tag(nonce, encrypted, associated)

    def decrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        """:raises WrongTag: it was changed, or the key is another"""
        if len(data) < 16 or not hmac.compare_digest(self._tag(nonce, data[:-16], associated), data[-16:]):
            raise WrongTag("the tag is wrong")
        return self._stream(nonce, data[:-16])

    def _stream(self, nonce: bytes, data: bytes) -> bytes:
        numbers = range(2, 2 + (len(data) + 15) // 16)
        stream = b"".join(_aes_block(self._keys, nonce + struct.pack("!I", number)) for number in numbers)
        return bytes(a ^ b for a, b in zip(data, stream))

    def _tag(self, nonce: bytes, encrypted: bytes, associated: bytes) -> bytes:
        message = _padded(associated) + _padded(encrypted)
        message += struct.pack("!QQ", 8 * len(associated), 8 * len(encrypted))
        total = 0
        for at in range(0, len(message), 16):
            total = _gf_multiply(total ^ int.from_bytes(message[at : at + 16], "big"), self._h)
        mask = _aes_block(self._keys, nonce + b"\x00\x00\x00\x01")
        return bytes(a ^ b for a, b in zip(total.to_bytes(16, "big"), mask))


def _gf_multiply(x: int, y: int) -> int:
    """In GF(2^128) as SP 800-38D section 6.3 writes it: the first bit is the heaviest."""
    product = 0
    for place in range(127, -1, -1):
        if (x >> place) & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


@functools.lru_cache(maxsize=1)
def _sbox() -> Tuple[int, ...]:
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then the affine map."""
    powers = [1]
    for _power in range(254):
        powers.append(_times(powers[-1], 3))  # 3 generates all but 0.
    inverse = {power: powers[-place % 255] for place, power in enumerate(powers)}
    table = []
    for value in range(256):
        spread = start = inverse.get(value, 0)
        for shift in range(1, 5):
            spread ^= ((start << shift) | (start >> (8 - shift))) & 0xFF
        table.append(spread ^ 0x63)
    return tuple(table)


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _expanded(key: bytes) -> List[bytes]:
    """The eleven round keys."""
    sbox, words, constant = _sbox(), [key[at : at + 4] for at in range(0, 16, 4)], 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            word = bytes(sbox[octet] for octet in word[1:] + word[:1])
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _times(constant, 2)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word)))
    return [b"".join(words[at : at + 4]) for at in range(0, 44, 4)]


def _aes_block(keys: List[bytes], block: bytes) -> bytes:
    sbox = _sbox()
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [sbox[state[(place + 4 * (place % 4)) % 16]] for place in range(16)]
        if number < 10:
            state = [octet for at in range(0, 16, 4) for octet in _mixed(state[at : at + 4])]
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def _mixed(column: List[int]) -> List[int]:
    doubled = [((octet << 1) ^ (0x11B if octet & 0x80 else 0)) for octet in column]
    return [
        doubled[n] ^ column[(n + 1) % 4] ^ doubled[(n + 1) % 4] ^ column[(n + 2) % 4] ^ column[(n + 3) % 4]
        for n in range(4)
    ]
