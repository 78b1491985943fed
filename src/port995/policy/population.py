# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of hosts that somebody else keeps (an asset list, a scan of the network), held against the inventory.

A host is known to the inventory by an address that it declares, that one of its names resolved to, or by its name. A
name that an address points back to is nobody's word: whoever owns the address writes it.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from ..probe.model import Target
from .model import HostPlan
from .subject import Endpoint, quoted

OPEN, CLOSED, FILTERED, UNTOLD = "open", "closed", "filtered", "untold"
"""What a list says of the port on a host."""

NOT_LOOKED_UP = "not-tested"
ADDRESS_VARIABLES = ("pop3s_address", "ansible_host")


@dataclasses.dataclass(frozen=True)
class ListedName:
    """What a name of the list led to when the run began."""

    name: str
    outcome: str
    """As `probe.model.Resolution.outcome`."""

    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listed:
    """One host of a list."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    state: str = UNTOLD
    """Of the port: ``open``, ``closed``, ``filtered`` or ``untold``."""

    where: str = ""
    """Line of the file, where it has lines."""

    def __str__(self) -> str:
        words = " ".join(dict.fromkeys([*map(_shown, self.names), *map(_shown, self.addresses)]))
        return f"{words} ({self.where})" if self.where else words


@dataclasses.dataclass(frozen=True)
class Population:
    """A list."""

    source: str
    hosts: tuple[Listed, ...]
    dark: int = 0
    """Addresses that a scan tried and that gave no sign of life: nothing shows that there is a host."""

    problems: tuple[str, ...] = ()
    """Why it is not all of the list."""

    names: Mapping[str, ListedName] = dataclasses.field(default_factory=dict)
    """What names led to."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What the inventory knows."""

    names: frozenset[str]
    addresses: frozenset[str]
    looked_at: frozenset[str]
    """Those of its addresses whose port is, or was to be, looked at."""

    unsettled: tuple[str, ...]
    """Hosts of which not every address is known: a listed one may be one of these."""


@dataclasses.dataclass(frozen=True)
class Reconciled:
    """The list against the inventory."""

    source: str
    count: int
    """Hosts that are listed."""

    dark: int
    problems: tuple[str, ...]
    strangers: tuple[str, ...]
    """Listed and not in the inventory, in words."""

    undecided: tuple[str, ...]
    """Listed, and it can't be told whether the inventory has them."""

    open_strangers: tuple[str, ...]
    """The port is open, and nobody looks at it."""

    open_undecided: tuple[str, ...]
    """The port is open or may be, and it can't be told whether somebody looks at it."""


def known_of(
    plan: Sequence[HostPlan], targets: Iterable[Target], endpoints: Mapping[str, Sequence[Endpoint]]
) -> Known:
    """What the inventory of a run knows.

    :param endpoints: what was seen of each host, by its name
    """
    names: set[str] = set()
    addresses: set[str] = set()
    looked_at: set[str] = set()
    of_host: dict[str, list[Target]] = {}
    for target in targets:
        for name in target.hosts:
            of_host.setdefault(name, []).append(target)
    unsettled = []
    for host in plan:
        declared = [host.name, *(host.variables[key] for key in ADDRESS_VARIABLES if key in host.variables)]
        literal = {plain_address(text) for text in declared} - {""}
        names.update(plain_name(text) for text in declared if not plain_address(text))
        addresses |= literal
        if host.excluded is not None:
            # Nobody looks, for a reason that is told; its place is known.
            looked_at |= literal
            if not literal:
                unsettled.append(host.name)
            continue
        settled = not host.problems and bool(of_host.get(host.name))
        for target in of_host.get(host.name, ()):
            found = {plain_address(target.address)} - {""} or _resolved(target, endpoints.get(host.name, ()))
            if not plain_address(target.address):
                names.add(plain_name(target.address))
            looked_at |= found
            settled = settled and bool(found)
        if not settled:
            unsettled.append(host.name)
    return Known(frozenset(names), frozenset(addresses | looked_at), frozenset(looked_at), tuple(unsettled))


def unknown_names(population: Population, known: Known) -> tuple[str, ...]:
    """The names that have to be looked up: of listed hosts without an address whose name the inventory does not
    know."""
    return tuple(
        dict.fromkeys(
            name
            for host in population.hosts
            if not host.addresses and not any(plain_name(one) in known.names for one in host.names)
            for name in host.names
        )
    )


def reconcile(population: Population, known: Known) -> Reconciled:
    """Hold a list against the inventory."""
    strangers: list[str] = []
    undecided: list[str] = []
    open_strangers: list[str] = []
    open_undecided: list[str] = []
    for host in population.hosts:
        addresses, why = _addresses(host, population.names)
        by_name = any(plain_name(name) in known.names for name in host.names)
        if not (by_name or addresses & known.addresses):
            if not addresses:
                undecided.append(f"{host}: {why}")
            elif known.unsettled:
                undecided.append(f"{host}: it may be {_some(known.unsettled)}, of which not every address is known")
            else:
                strangers.append(str(host))
        if addresses & known.looked_at or host.state == CLOSED:
            continue
        if host.state == OPEN:
            if known.unsettled or not addresses:
                open_undecided.append(f"{host}: open, and it may be {_some(known.unsettled) or 'any'}")
            elif by_name or addresses & known.addresses:
                open_strangers.append(f"{host}: the inventory has the host, and does not look at this address")
            else:
                open_strangers.append(str(host))
        elif not (by_name or addresses & known.addresses):
            told = "silent, which is no answer" if host.state == FILTERED else "not told"
            open_undecided.append(f"{host}: the state of the port is {told}")
    return Reconciled(
        population.source, len(population.hosts), population.dark, population.problems, tuple(strangers),
        tuple(undecided), tuple(open_strangers), tuple(open_undecided),
    )  # fmt: skip


def plain_address(text: str) -> str:
    """An IP address in its one spelling, without a zone; empty: it is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def plain_name(text: str) -> str:
    """A name in its one spelling: small letters, no dot at its end, international ones as they are in the DNS."""
    name = text.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _addresses(host: Listed, names: Mapping[str, ListedName]) -> tuple[set[str], str]:
    """Where a listed host is, or why that is not known."""
    if host.addresses:
        return {plain_address(one) for one in host.addresses} - {""}, "its address can't be read"
    found: set[str] = set()
    why = "its name was not looked up"
    for name in host.names:
        lookup = names.get(name)
        if lookup is not None and lookup.outcome != NOT_LOOKED_UP:
            found |= {plain_address(one) for one in lookup.addresses} - {""}
            why = f"its name did not resolve ({lookup.outcome})"
    return found, f"{why}; give its address in the list"


def _resolved(target: Target, endpoints: Sequence[Endpoint]) -> set[str]:
    found: set[str] = set()
    for endpoint in endpoints:
        for seen in (*endpoint.sessions, *endpoint.companions):
            if plain_name(seen.target.address) == plain_name(target.address):
                found |= {plain_address(one) for one in (seen.address or "", *seen.resolution.addresses)}
    return found - {""}


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(_shown, names[:3])) + (f" or {len(names) - 3} more" if len(names) > 3 else "")


def _shown(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= 80 else quoted(text)
