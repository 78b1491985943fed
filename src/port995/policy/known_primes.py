# SPDX-License-Identifier: GPL-3.0-or-later
"""Primes for Diffie-Hellman that many servers share, by the formulas of the documents that define them.

Whoever prepares for one of them attacks all who use it; at 1024 bits that is within reach (CVE-2015-4000), from 2048 on
a shared prime is what RFC 7919 recommends. Sources: RFC 2409 section 6, RFC 3526, RFC 7919 appendix A.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

_WITH_PI = {
    768: (149686, "RFC 2409 group 1"), 1024: (129093, "RFC 2409 group 2"), 1536: (741804, "RFC 3526 group 5"),
    2048: (124476, "RFC 3526 group 14"), 3072: (1690314, "RFC 3526 group 15"), 4096: (240904, "RFC 3526 group 16"),
    6144: (929484, "RFC 3526 group 17"), 8192: (4743158, "RFC 3526 group 18"),
}  # fmt: skip
_WITH_E = {
    2048: (560316, "ffdhe2048"), 3072: (2625351, "ffdhe3072"), 4096: (5736041, "ffdhe4096"),
    6144: (15705020, "ffdhe6144"), 8192: (10965728, "ffdhe8192"),
}  # fmt: skip
_SCALE = 8192 + 64
"""Bits behind the point that pi and e are computed to; the last few are wrong, and none of those is used."""


def name_of_prime(prime: bytes) -> str:
    """Whose prime it is; empty: none that is known here.

    :param prime: octets, the heaviest first
    """
    return known_primes().get(int.from_bytes(prime, "big"), "")


@functools.cache
def known_primes() -> Mapping[int, str]:
    """Every known prime and its name."""
    found = {}
    for table, constant in ((_WITH_PI, _pi()), (_WITH_E, _e())):
        for bits, (summand, name) in table.items():
            digits = constant >> (_SCALE - (bits - 130))
            found[2**bits - 2 ** (bits - 64) - 1 + 2**64 * (digits + summand)] = name
    return found


def _pi() -> int:
    """Pi times 2**_SCALE (Machin's formula)."""
    return 16 * _arctan_of_inverse(5) - 4 * _arctan_of_inverse(239)


def _arctan_of_inverse(x: int) -> int:
    total, term, n = 0, (1 << _SCALE) // x, 0
    while term:
        total += -term // (2 * n + 1) if n % 2 else term // (2 * n + 1)
        term //= x * x
        n += 1
    return total


def _e() -> int:
    """E times 2**_SCALE (the sum of 1/n!)."""
    total, term, n = 0, 1 << _SCALE, 1
    while term:
        total += term
        term //= n
        n += 1
    return total
