# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as people type them for Nmap: names, octet ranges, CIDR, IPv6, each with an optional port.

Source: Nmap Reference Guide, "Target Specification". What is typed may end up in a file or on a command line, so only
the characters of names and addresses are let in. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import re
from typing import Iterable, List, Optional, Sequence, Set, Tuple

MAX_TARGETS = 65536
"""Addresses one run may expand to: a mistyped prefix must not become a scan of the Internet."""
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


def expand(typed: Iterable[str], exclude: Sequence[str] = ()) -> List[TypedTarget]:
    """Expand targets, in their order, repeated ones included.

    :param exclude: addresses, ranges, networks or names to leave out
    :raises TargetSyntaxError: one can't be used, or together they are more than `MAX_TARGETS`
    """
    left_out = _Excluded(exclude)
    targets: List[TypedTarget] = []
    for word in typed:
        for target in expand_one(word, MAX_TARGETS - len(targets)):
            if target not in left_out:
                targets.append(target)
    return targets


def expand_one(word: str, limit: int = MAX_TARGETS) -> List[TypedTarget]:
    """Expand one target.

    :param limit: how many addresses it may give
    :raises TargetSyntaxError: it can't be used, or gives more
    """
    _check_characters(word)
    host, port = _split_port(word)
    if ":" in host:
        return [TypedTarget(word, address, port) for address in _ipv6(word, host, limit)]
    if "/" in host:
        return [TypedTarget(word, address, port) for address in _ipv4_network(word, host, limit)]
    if OCTETS.match(host):
        return [TypedTarget(word, address, port) for address in _ipv4_range(word, host, limit)]
    return [TypedTarget(word, _name(word, host), port)]


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


def _too_many(word: str, count: int, limit: int) -> None:
    if count > limit:
        raise TargetSyntaxError(
            "target %s: more than %d addresses in one run; give smaller ranges, or several runs" % (word, MAX_TARGETS)
        )


def _ipv6(word: str, host: str, limit: int) -> List[str]:
    address, slash, prefix = host.partition("/")
    plain, percent, zone = address.partition("%")
    if percent and not ZONE.match(zone):
        raise TargetSyntaxError("target %s: %s is no zone id" % (word, ascii(zone)))
    try:
        literal = ipaddress.IPv6Address(plain)
        if not slash:
            return [str(literal) + percent + zone]
        if percent:
            raise TargetSyntaxError("target %s: a network has no zone id" % word)
        network = ipaddress.IPv6Network("%s/%s" % (plain, prefix), strict=False)
    except ValueError as error:
        if isinstance(error, TargetSyntaxError):
            raise
        raise TargetSyntaxError("target %s is no IPv6 address or network: %s" % (word, error)) from error
    _too_many(word, network.num_addresses, limit)
    return [str(one) for one in network]


def _ipv4_network(word: str, host: str, limit: int) -> List[str]:
    address, slash, prefix = host.partition("/")
    if not prefix.isdigit() or not OCTETS.match(address) or int(prefix) > 32:
        raise TargetSyntaxError("target %s: a network is an address and a prefix length, as 192.0.2.0/24" % word)
    try:
        network = ipaddress.IPv4Network("%s/%s" % (address, prefix), strict=False)
    except ValueError as error:
        raise TargetSyntaxError("target %s is no IPv4 network: %s" % (word, error)) from error
    _too_many(word, network.num_addresses, limit)
    return [str(one) for one in network]


def _ipv4_range(word: str, host: str, limit: int) -> List[str]:
    octets = [_octet(word, part) for part in host.split(".")]
    count = 1
    for values in octets:
        count *= len(values)
    _too_many(word, count, limit)
    return [".".join(map(str, four)) for four in itertools.product(*octets)]


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


class _Excluded:
    """What is left out: addresses as networks, the rest as names without regard to case."""

    def __init__(self, words: Sequence[str]) -> None:
        self._names: Set[str] = set()
        self._addresses: Set[str] = set()
        self._networks: List[object] = []
        for word in words:
            _check_characters(word)
            if "/" in word:
                try:
                    self._networks.append(ipaddress.ip_network(word, strict=False))
                except ValueError as error:
                    raise TargetSyntaxError("exclude %s is no network: %s" % (word, error)) from error
                continue
            for target in expand_one(word):
                self._names.add(target.name.lower().rstrip("."))
                self._addresses.add(target.address if target.port is None else "")

    def __contains__(self, target: object) -> bool:
        if not isinstance(target, TypedTarget):
            return False
        if target.name.lower().rstrip(".") in self._names or target.address.lower().rstrip(".") in self._names:
            return True
        try:
            address = ipaddress.ip_address(target.address)
        except ValueError:
            return False
        return str(address) in self._addresses or any(address in network for network in self._networks)  # type: ignore[operator]
