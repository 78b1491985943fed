# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run may touch: networks, addresses that are never touched, own addresses, times. Whoever connects asks here
first, and anew for every connection: a name may lead elsewhere than its owner said, and a window may have ended.

Source: PCI SSC and ISO 27001 auditors ask for the agreed scope of a scan; the words are those of the file that
`policy.scope_file` reads. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import ipaddress
from typing import List, Optional, Tuple, Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

OUT_OF_SCOPE = "out-of-scope"
"""`Observation.not_tested` of what was not touched for it."""

WORDS = "out of scope"
TIME = "%Y-%m-%dT%H:%M:%SZ"
MAX_ITEMS = 4096
"""Networks, and windows, of a scope."""

MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
"""IPv4 written as IPv6 (RFC 4291 section 2.5.5.2): a connection to it goes out as IPv4."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
"""IPv6 that leads to the IPv4 address inside it (RFC 6052, RFC 3056)."""


class ScopeError(ValueError):
    """A scope that can't be used; says what is wrong with it."""


class OutOfScope(Exception):
    """A connection that must not be made; nothing was sent."""


@dataclasses.dataclass(frozen=True)
class Window:
    """A time in which connections may be made. Both are UTC, as ``2026-11-27T22:00:00Z``."""

    begins: str
    ends: str
    """The first moment that is no longer in it."""


@dataclasses.dataclass(frozen=True)
class Scope:
    """What a run may touch."""

    networks: Tuple[str, ...]
    """Addresses and networks that may be connected to; one at least."""

    never: Tuple[str, ...] = ()
    """Addresses and networks that must not, whatever else is said."""

    sources: Tuple[str, ...] = ()
    """Own addresses and networks that connections may come from; none: any."""

    times: Tuple[Window, ...] = ()
    """None: at any time."""

    ticket: str = ""
    """What its owner calls the permission."""

    sha256: str = ""
    """Of the file it came from, hex."""

    file: str = ""
    """Its name, as it was given."""

    def check(self) -> None:
        """See that all of it can be read.

        :raises ScopeError: it can't
        """
        if not self.networks:
            raise ScopeError("a scope names at least one network: 0.0.0.0/0 and ::/0 are all")
        for words in (self.networks, self.never, self.sources, self.times):
            if len(words) > MAX_ITEMS:
                raise ScopeError("a scope has at most %d networks, and as many windows" % MAX_ITEMS)
        for text in (*self.networks, *self.never, *self.sources):
            network = network_of(text)
            if network.version == 6 and network.subnet_of(MAPPED):
                raise ScopeError("%s is IPv4 written as IPv6: write it as IPv4" % text)
        for window in self.times:
            if moment(window.begins) >= moment(window.ends):
                raise ScopeError("the window from %s to %s is empty" % (window.begins, window.ends))

    def outside(self, address: str) -> str:
        """Why an address must not be connected to; empty: it may."""
        ip = _ip(address)
        if ip is None:
            return "%s: %s is no IP address" % (WORDS, ascii(address)[:80])
        if ip.is_unspecified:
            # A connection to it reaches this machine under an address that nobody named.
            return "%s: %s stands for every address of a machine" % (WORDS, ip)
        for one in (ip, *_inside(ip)):
            found = _first(self.never, one)
            if found:
                return "%s: %s is on the never-scan list (%s)" % (WORDS, ip, found)
        if not _first(self.networks, ip):
            return "%s: %s is in no network of the scope" % (WORDS, ip)
        return ""

    def outside_source(self, address: str) -> str:
        """Why a connection must not come from an address of this machine; empty: it may."""
        if not self.sources:
            return ""
        ip = _ip(address)
        if ip is None or not _first(self.sources, ip):
            return "%s: own address %s is none of the scope's" % (WORDS, ascii(address)[1:-1][:80])
        return ""

    def seconds_left(self, now: float) -> Optional[float]:
        """How long connections may still be made; 0: not now; ``None``: there is no end.

        :param now: seconds since 1970, UTC
        """
        if not self.times:
            return None
        until = now
        for begins, ends in sorted((moment(one.begins), moment(one.ends)) for one in self.times):
            if begins <= until < ends:
                until = ends
        return until - now

    def times_in_words(self) -> str:
        """The windows, for messages."""
        shown = ["from %s to %s" % (one.begins, one.ends) for one in self.times[:4]]
        return ", ".join(shown) + (" and %d more" % (len(self.times) - 4) if len(self.times) > 4 else "")

    def require(self, address: str, now: float) -> None:
        """Let a connection be made.

        :raises OutOfScope: it must not be
        """
        why = self.outside(address)
        if not why and self.seconds_left(now) == 0:
            why = "%s: its time was %s" % (WORDS, self.times_in_words())
        if why:
            raise OutOfScope(why)

    def beyond(self, family: int) -> List[str]:
        """All addresses of a family that are out of scope, as few networks: for a program that is told what to leave
        out.

        :param family: 4 or 6
        """
        kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
        never = [one for one in map(network_of, self.never) if one.version == family]
        if family == 6:
            # What is written as IPv6 and is IPv4 is for a run over IPv4.
            never.append(MAPPED)
            for text in self.never:
                never += _embedded(network_of(text))
        never.append(ipaddress.ip_network("0.0.0.0/32" if family == 4 else "::/128"))
        mine = sorted(_range(one) for one in map(network_of, self.networks) if one.version == family)
        left: List[Network] = []
        at, last = 0, (1 << (32 if family == 4 else 128)) - 1
        for first, end in [*mine, (last + 1, last + 1)]:
            if first > at:
                left += ipaddress.summarize_address_range(kind(at), kind(first - 1))
            at = max(at, end + 1)
        return [str(one) for one in ipaddress.collapse_addresses([*left, *never])]  # type: ignore[type-var]


def network_of(text: str) -> Network:
    """An address or network.

    :raises ScopeError: it is none, or has bits behind its prefix
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            wide = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ScopeError("%s is neither an address nor a network: %s" % (ascii(text)[:80], error)) from error
        raise ScopeError("%s has bits behind its prefix: write %s, or the one address" % (text, wide)) from error


def moment(text: str) -> float:
    """A time of a window, in seconds since 1970.

    :raises ScopeError: it is none
    """
    try:
        return datetime.datetime.strptime(text, TIME).replace(tzinfo=datetime.timezone.utc).timestamp()
    except ValueError as error:
        raise ScopeError("%s is no time: 2026-11-27T22:00:00Z is one" % ascii(text)[:80]) from error


def _ip(address: str) -> Optional[Address]:
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _inside(ip: Address) -> Tuple[Address, ...]:
    """The IPv4 address that an IPv6 one leads to."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
        if ip in SIX_TO_FOUR:
            return (ipaddress.IPv4Address(int(ip) >> 80 & 0xFFFFFFFF),)
    return ()


def _embedded(network: Network) -> List[Network]:
    """The IPv6 networks that lead into an IPv4 one."""
    if network.version == 6:
        return []
    first = int(network.network_address)
    return [
        ipaddress.IPv6Network((int(NAT64.network_address) | first, 96 + network.prefixlen)),
        ipaddress.IPv6Network((int(SIX_TO_FOUR.network_address) | first << 80, 16 + network.prefixlen)),
    ]


@functools.lru_cache(maxsize=64)
def _networks(texts: Tuple[str, ...]) -> Tuple[Network, ...]:
    return tuple(network_of(text) for text in texts)


def _first(texts: Tuple[str, ...], ip: Address) -> str:
    """The first of these networks that an address is in; empty: none."""
    return next((str(one) for one in _networks(texts) if one.version == ip.version and ip in one), "")


def _range(network: Network) -> Tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)
