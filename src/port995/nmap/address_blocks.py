# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks of addresses that are counted, indexed and asked for members without ever being listed.

Source: Nmap Reference Guide, "Target Specification". Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import FrozenSet, Tuple, Union


@dataclasses.dataclass(frozen=True)
class Octets:
    """IPv4 addresses whose octets are each one of some: ranges, lists, stars, and networks too."""

    choices: Tuple[Tuple[int, ...], ...]
    """Of each of the four octets the values it may have, ascending."""
    sets: Tuple[FrozenSet[int], ...] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sets", tuple(frozenset(values) for values in self.choices))

    @property
    def count(self) -> int:
        """How many addresses."""
        count = 1
        for values in self.choices:
            count *= len(values)
        return count

    def at(self, index: int) -> str:
        """The address at this index, counted from 0 in ascending order."""
        octets = []
        for values in reversed(self.choices):
            index, place = divmod(index, len(values))
            octets.append(str(values[place]))
        return ".".join(reversed(octets))

    def masked(self, prefix: int) -> Octets:
        """The networks, of this prefix length, that these addresses are in."""
        mask = ((1 << 32) - (1 << (32 - prefix))).to_bytes(4, "big")
        return Octets(
            tuple(
                tuple(sorted({(value & keep) | low for value in values for low in range(256) if not low & keep}))
                for values, keep in zip(self.choices, mask)  # noqa: B905 - Python 3.9 has no strict=
            )
        )

    def has(self, address: str) -> bool:
        """Whether an address, or a name that is none, is one of them."""
        try:
            packed = ipaddress.IPv4Address(address).packed
        except ValueError:
            return False
        return all(octet in values for octet, values in zip(packed, self.sets))  # noqa: B905 - as above


@dataclasses.dataclass(frozen=True)
class Network6:
    """An IPv6 network, or a single address, which may have a zone."""

    first: int
    count: int
    zone: str = ""
    """With its percent sign; empty: none was typed, and as an exclusion it stands for all zones."""

    def at(self, index: int) -> str:
        """The address at this index, counted from 0 in ascending order."""
        return str(ipaddress.IPv6Address(self.first + index)) + self.zone

    def has(self, address: str) -> bool:
        """Whether an address, or a name that is none, is one of them."""
        plain, percent, zone = address.partition("%")
        try:
            number = int(ipaddress.IPv6Address(plain))
        except ValueError:
            return False
        return self.first <= number < self.first + self.count and self.zone in ("", percent + zone)


@dataclasses.dataclass(frozen=True)
class Name:
    """A domain name, which is one target whatever it resolves to."""

    name: str
    count: int = 1

    def at(self, index: int) -> str:
        """The name as it was typed."""
        return self.name

    def has(self, address: str) -> bool:
        """Whether it is this name, without regard to case and the final dot."""
        return address.lower().rstrip(".") == self.name.lower().rstrip(".")


Block = Union[Octets, Network6, Name]
