# SPDX-License-Identifier: GPL-3.0-or-later
"""Places to look from, as an inventory declares them: the members of the group `GROUP`, and those named one by one.

Nothing is guessed: a side that is missing or misspelt would turn what is proven around, so it ends the run before it
begins.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

GROUP = "pop3s_vantages"
"""The group whose members look."""

SIDE, SOURCES = "pop3s_vantage_side", "pop3s_vantage_source_addresses"
"""Variables of a member."""

SIDES = ("inside", "outside")

DECLARE_A_SERVICE = ("pop3s_intent", "pop3s_address", "pop3s_server_name", "pop3s_endpoints", "pop3s_domain")
"""Variables by which a member of the group says that it is a server too. Ports and the like only say how one would be
looked at, and are often set for all hosts."""


class VantageError(ValueError):
    """What is wrong with a vantage, and where it is set."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A place to look from."""

    name: str
    """In journals and reports."""

    side: str = "undeclared"
    """``inside``, ``outside`` or ``undeclared``."""

    sources: tuple[str, ...] = ()
    """Its own addresses to look from; none: the kernel's choice."""

    host: str | None = None
    """Inventory host to look from; ``None``: the controller."""


def is_vantage_only(declared: Iterable[str]) -> bool:
    """Whether a member of the group is no server: then it is not in the population.

    :param declared: names of the variables that it has, whatever their values
    """
    return not set(declared) & set(DECLARE_A_SERVICE)


def member(name: str, variables: Mapping[str, object]) -> Place:
    """A member of the group.

    :param name: inventory name
    :param variables: its variables, templated
    :raises VantageError: a side that is missing or none of `SIDES`, source addresses that are none
    """
    side = variables.get(SIDE)
    if side not in SIDES:
        shown = "not set" if side is None else ascii(side)[:80]
        raise VantageError(
            f"{SIDE} of {name!a} is {shown}: {name!a} is in the group {GROUP}, so set it to {' or '.join(SIDES)}"
        )
    sources = variables.get(SOURCES)
    given = [sources] if isinstance(sources, str) else sources
    if given is not None and not isinstance(given, (list, tuple)):
        raise VantageError(f"{SOURCES} of {name!a} is {ascii(sources)[:80]}: a list of IP addresses is expected")
    return Place(name, str(side), _addresses(given or (), f"{SOURCES} of {name!a}"), name)


def all_places(named: Sequence[Place], members: Iterable[Place]) -> tuple[Place, ...]:
    """Who looks: those that were named one by one, then the members of the group.

    :param named: where one of them stands on a host of the group, it stands there in place of the member
    :raises VantageError: none at all, or two with one name
    """
    hosts = {place.host for place in named}
    places = (*named, *(one for one in members if one.host not in hosts))
    if not places:
        raise VantageError(f"vantages: give at least one, or put hosts into the group {GROUP}")
    for number, place in enumerate(places):
        if any(place.name == other.name for other in places[:number]):
            raise VantageError(f"vantages: two are called {place.name!a}: give each a name of its own")
    return places


def _addresses(given: Iterable[object], where: str) -> tuple[str, ...]:
    found: dict[ipaddress.IPv4Address | ipaddress.IPv6Address, str] = {}
    for one in given:
        try:
            address = ipaddress.ip_address(one if isinstance(one, str) else "")
        except ValueError:
            raise VantageError(f"{where}: {ascii(one)[:80]} is no IP address") from None
        if address in found:
            raise VantageError(f"{where}: {ascii(one)[:80]} stands there twice, and is one source only")
        found[address] = str(one)
    return tuple(found.values())
