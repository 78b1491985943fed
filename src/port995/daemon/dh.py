# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffie-Hellman parameters: the group ffdhe3072 of RFC 7919, which takes no time to make and which anybody can check.

Python 3.9, standard library only.
"""

from __future__ import annotations

import base64
import textwrap

BITS = 3072


def _e_times_power(bits: int) -> int:
    """The whole part of e times two to the power of ``bits``, by its series."""
    guard = 64
    term = total = 1 << (bits + guard)
    count = 1
    while term:
        term //= count
        total += term
        count += 1
    return total >> guard


def prime() -> int:
    """p of ffdhe3072: 2^3072 - 2^3008 + (floor(2^2942 e) + 2625351) 2^64 - 1 (RFC 7919 appendix A.2)."""
    return 2**3072 - 2**3008 + ((_e_times_power(2942) + 2625351) << 64) - 1


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _integer(value: int) -> bytes:
    # One octet more where the first bit would be read as a sign.
    return _tagged(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem() -> str:
    """As daemons read it: DHParameter of PKCS #3, prime and generator."""
    der = _tagged(0x30, _integer(prime()) + _integer(2))
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return "-----BEGIN DH PARAMETERS-----\n%s\n-----END DH PARAMETERS-----\n" % lines
