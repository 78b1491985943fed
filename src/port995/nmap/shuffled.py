# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers below a bound in an order that looks random, each once, without a list of them.

A Feistel network of four rounds permutes the numbers of an even count of bits (M. Luby, C. Rackoff, 1988); a number
that comes out beyond the bound goes in again until it does not ("cycle walking": J. Black, P. Rogaway, 2002), which is
less than four times on average. It spreads probes over networks; it hides nothing. Python 3.9, standard library only.
"""

from __future__ import annotations

import hashlib
from typing import Iterator

ROUNDS = 4


def shuffled(bound: int, key: bytes) -> Iterator[int]:
    """Every number from 0 up to, not including, the bound, once.

    :param key: at most 64 octets; the same key gives the same order
    """
    half = max(1, (max(bound - 1, 0).bit_length() + 1) // 2)
    for number in range(bound):
        while True:
            number = _permuted(number, half, key)
            if number < bound:
                break
        yield number


def _permuted(number: int, half: int, key: bytes) -> int:
    left, right = number >> half, number & ((1 << half) - 1)
    for turn in range(ROUNDS):
        left, right = right, left ^ _mixed(right, turn, half, key)
    return left << half | right


def _mixed(right: int, turn: int, half: int, key: bytes) -> int:
    digest = hashlib.blake2b(right.to_bytes(16, "big") + bytes([turn]), key=key, digest_size=16).digest()
    return int.from_bytes(digest, "big") & ((1 << half) - 1)
