# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as people type them for Nmap: names, octet ranges, CIDR, IPv6, each with an optional port.

Source: Nmap Reference Guide, "Target Specification". What is typed may end up in a file or on a command line, so only
the characters of names and addresses are let in. Python 3.9, standard library only.
"""

from __future__ import annotations

import bisect
import dataclasses
import ipaddress
import re
from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from .address_blocks import Block, Name, Network6, Octets
from .shuffled import shuffled

MAX_TARGETS = 65536
"""Addresses one run may expand to unless more are asked for: a mistyped prefix must not become a scan of the
Internet."""
MAX_NAME = 253
MAX_FILE_OCTETS = 16 * 1024 * 1024

LABEL = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$")
OCTETS = re.compile(r"^[0-9*,-]+(\.[0-9*,-]+){3}$")
ZONE = re.compile(r"^[A-Za-z0-9_.-]{1,32}$")


class TargetSyntaxError(ValueError):
    """A target that can't be used: which one, why, and what would do."""


@dataclasses.dataclass(frozen=True)
class TypedTarget:
    """One target after expansion."""

    typed: str
    """As it was typed, with the range it came from."""
    address: str
    """Name or IP literal, without brackets."""
    port: Optional[int] = None
    """``None``: none was typed."""

    @property
    def name(self) -> str:
        """The name under which it is told: the address, with the port where one was typed."""
        if self.port is None:
            return self.address
        return "[%s]:%d" % (self.address, self.port) if ":" in self.address else "%s:%d" % (self.address, self.port)


Resolver = Callable[[str], Optional[str]]
"""An IPv4 address that a name has; ``None``: none is known."""


class TargetSpace:
    """All targets of a run, repeated ones included, counted and walked through without a list of them."""

    def __init__(
        self,
        typed: Iterable[str],
        exclude: Sequence[str] = (),
        limit: int = MAX_TARGETS,
        resolver: Optional[Resolver] = None,
    ) -> None:
        """Read what was typed.

        :param exclude: addresses, ranges, networks or names to leave out
        :param limit: how many targets there may be, those that are left out included
        :param resolver: asked for the address of a name with a prefix length; without one those are refused
        :raises TargetSyntaxError: one can't be used, or together they are more than the limit
        """
        self._left_out = [_parsed(word, resolver) for word in exclude]
        self._blocks: List[_Typed] = []
        self._ends: List[int] = []
        self.count = 0
        """Targets, those that are left out included."""
        for word in typed:
            one = _parsed(word, resolver)
            self.count += one.block.count
            if self.count > limit:
                raise TargetSyntaxError(
                    "target %s: more than %d addresses in one run; give smaller ranges, several runs, or a higher"
                    " limit" % (word, limit)
                )
            self._blocks.append(one)
            self._ends.append(self.count)

    def __iter__(self) -> Iterator[TypedTarget]:
        """The targets that are not left out, in the order they were typed, each block ascending."""
        return self._kept(range(self.count))

    def randomized(self, key: bytes) -> Iterator[TypedTarget]:
        """The same targets in an order that looks random; the same key gives the same order."""
        return self._kept(shuffled(self.count, key))

    def _kept(self, indexes: Iterable[int]) -> Iterator[TypedTarget]:
        for index in indexes:
            place = bisect.bisect_right(self._ends, index)
            one = self._blocks[place]
            address = one.block.at(index - self._ends[place] + one.block.count)
            if not any(out.port in (None, one.port) and out.block.has(address) for out in self._left_out):
                yield TypedTarget(one.word, address, one.port)


def expand(typed: Iterable[str], exclude: Sequence[str] = (), limit: int = MAX_TARGETS) -> List[TypedTarget]:
    """Expand targets into a list, in their order, repeated ones included.

    :param exclude: addresses, ranges, networks or names to leave out
    :raises TargetSyntaxError: one can't be used, or together they are more than the limit
    """
    return list(TargetSpace(typed, exclude, limit))


def expand_one(word: str, limit: int = MAX_TARGETS) -> List[TypedTarget]:
    """Expand one target into a list.

    :param limit: how many addresses it may give
    :raises TargetSyntaxError: it can't be used, or gives more
    """
    return expand([word], limit=limit)


def read_list(text: str, source: str) -> List[str]:
    """Targets of an ``-iL`` file: parted by blanks or line ends, ``#`` begins a comment.

    :param text: the file's content
    :param source: its name, for errors
    :raises TargetSyntaxError: it is too large, or holds a NUL octet (it is no text)
    """
    if len(text) > MAX_FILE_OCTETS or "\0" in text:
        raise TargetSyntaxError("%s is no list of targets: give text of at most 16 MiB" % source)
    return [word for line in text.splitlines() for word in line.partition("#")[0].split()]


def _check_characters(word: str) -> None:
    if not word.strip():
        raise TargetSyntaxError("a target is empty: give a name, an address, a range or a network")
    shown = ascii(word[:80])
    if word.startswith("-"):
        raise TargetSyntaxError("target %s begins with a dash: options come before targets" % shown)
    if len(word) > MAX_NAME + 16:
        raise TargetSyntaxError("target %s... is longer than a domain name can be" % shown)
    bad = sorted(set(re.findall(r"[^A-Za-z0-9._:/%\[\]*,-]", word)))
    if bad:
        advice = "; write an internationalised name in its xn-- form" if any(ord(one) > 127 for one in bad) else ""
        raise TargetSyntaxError("target %s has characters no target has: %s%s" % (shown, ascii("".join(bad)), advice))


def _split_port(word: str) -> Tuple[str, Optional[int]]:
    if word.startswith("["):
        host, closed, rest = word[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise TargetSyntaxError("target %s: write [address] or [address]:port" % word)
        if ":" not in host:
            raise TargetSyntaxError("target %s: brackets are for IPv6 addresses" % word)
        return host, _port(word, rest[1:]) if rest else None
    if word.count(":") == 1:
        host, colon, port = word.partition(":")
        return host, _port(word, port)
    return word, None


def _port(word: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise TargetSyntaxError("target %s: a port is a number from 1 to 65535" % word)
    return int(text)


@dataclasses.dataclass(frozen=True)
class _Typed:
    word: str
    block: Block
    port: Optional[int]


def _parsed(word: str, resolver: Optional[Resolver]) -> _Typed:
    _check_characters(word)
    host, port = _split_port(word)
    if ":" in host:
        return _Typed(word, _ipv6(word, host), port)
    address, slash, prefix = host.partition("/")
    if not slash:
        return _Typed(word, _ipv4(word, host) if OCTETS.match(host) else Name(_name(word, host)), port)
    if not (prefix.isascii() and prefix.isdigit()) or len(prefix) > 2 or int(prefix) > 32:
        raise TargetSyntaxError("target %s: a network is an address and a prefix length, as 192.0.2.0/24" % word)
    if not OCTETS.match(address):
        address = _resolved(word, _name(word, address), resolver)
    return _Typed(word, _ipv4(word, address).masked(int(prefix)), port)


def _resolved(word: str, name: str, resolver: Optional[Resolver]) -> str:
    address = None if resolver is None else resolver(name)
    if address is None:
        raise TargetSyntaxError("target %s: no IPv4 address of that name is known, so neither is its network" % word)
    return address


def _ipv6(word: str, host: str) -> Network6:
    address, slash, prefix = host.partition("/")
    plain, percent, zone = address.partition("%")
    if percent and not ZONE.match(zone):
        raise TargetSyntaxError("target %s: %s is no zone id" % (word, ascii(zone)))
    if slash and percent:
        raise TargetSyntaxError("target %s: a network has no zone id" % word)
    try:
        network = ipaddress.IPv6Network("%s/%s" % (plain, prefix if slash else "128"), strict=False)
    except ValueError as error:
        raise TargetSyntaxError("target %s is no IPv6 address or network: %s" % (word, error)) from error
    return Network6(int(network.network_address), network.num_addresses, percent + zone)


def _ipv4(word: str, host: str) -> Octets:
    return Octets(tuple(tuple(_octet(word, part)) for part in host.split(".")))


def _octet(word: str, text: str) -> List[int]:
    values: Set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if part == "*":
            first, dash, last = "0", "-", "255"
        low, high = first or ("0" if dash else ""), (last or "255") if dash else first
        if not (low.isdigit() and high.isdigit()) or len(low) > 3 or len(high) > 3:
            raise TargetSyntaxError("target %s: %s is no octet, range or list of them" % (word, ascii(part)))
        if len(low) > 1 and low.startswith("0"):
            raise TargetSyntaxError("target %s: octet %s has a leading zero, which some read as octal" % (word, part))
        if int(low) > int(high) or int(high) > 255:
            raise TargetSyntaxError("target %s: octets run from 0 to 255, upwards, not %s" % (word, ascii(part)))
        values.update(range(int(low), int(high) + 1))
    return sorted(values)


def _name(word: str, host: str) -> str:
    labels = (host[:-1] if host.endswith(".") else host).split(".")
    if len(host) > MAX_NAME or not all(LABEL.match(label) for label in labels):
        raise TargetSyntaxError(
            "target %s is neither an address nor a domain name: names have labels of 1 to 63 letters, digits and dashes"
            % word
        )
    if all(label.isdigit() for label in labels):
        raise TargetSyntaxError("target %s looks like a part of an IPv4 address: write all four octets" % word)
    return host
