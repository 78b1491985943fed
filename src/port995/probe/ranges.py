# SPDX-License-Identifier: GPL-3.0-or-later
"""Many IP addresses as few words: ``192.0.2.7`` or ``192.0.2.9-192.0.2.200``. Python 3.9, standard library only."""

from __future__ import annotations

import ipaddress
from typing import Iterable, List, Sequence, Tuple


def joined(addresses: Iterable[str]) -> Tuple[str, ...]:
    """Addresses in ascending order, those that follow one another as one word.

    :param addresses: IP literals without a zone, of one family or both
    :raises ValueError: one is none
    """
    found: List[Tuple[int, int, int]] = []
    for version, number in sorted({_number(address) for address in addresses}):
        if found and found[-1][0] == version and found[-1][2] + 1 == number:
            found[-1] = (version, found[-1][1], number)
        else:
            found.append((version, number, number))
    return tuple(
        _text(version, first) if first == last else "%s-%s" % (_text(version, first), _text(version, last))
        for version, first, last in found
    )


def members(words: Iterable[str]) -> Iterable[str]:
    """The addresses that words stand for, one by one.

    :raises ValueError: a word is no range
    """
    for word in words:
        version, first, last = _range(word)
        for number in range(first, last + 1):
            yield _text(version, number)


def count_of(words: Sequence[str]) -> int:
    """How many different addresses words stand for.

    :raises ValueError: a word is no range
    """
    count = 0
    reached = (0, -1)
    for version, first, last in sorted(map(_range, words)):
        if version == reached[0]:
            first = max(first, reached[1] + 1)
        if last >= first:
            count += last - first + 1
            reached = (version, last)
    return count


def _range(word: str) -> Tuple[int, int, int]:
    first, dash, last = word.partition("-")
    low, high = _number(first), _number(last if dash else first)
    if low[0] != high[0] or low[1] > high[1]:
        raise ValueError("%.100r is no range of addresses" % word)
    return low[0], low[1], high[1]


def _number(address: str) -> Tuple[int, int]:
    if "%" in address:
        raise ValueError("%.100r has a zone" % address)
    read = ipaddress.ip_address(address)
    return read.version, int(read)


def _text(version: int, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))
