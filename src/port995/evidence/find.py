# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, then check: what is open in ranges becomes hosts to look at; all other addresses are told together, by what was
seen of their ports. None is lost: the population is every address, found or not.

The finding ends before the run begins, since the run's plan is made of it. What it saw goes into the run's journal.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..nmap.target_syntax import OCTETS, TypedTarget
from ..policy.inventory import merge_targets
from ..policy.model import HostPlan, Intent
from ..probe.endpoint import PORT_PURPOSE
from ..probe.model import OBSERVATION_SCHEMA, Connection, Observation, Resolution, Target, TcpConnect, Vantage
from ..probe.ranges import joined
from ..probe.sweep import NOT_LOOKED, PortWord, States

NMAP, SWEEP = "nmap", "sweep"
RANGES_OF_ONE = 20_000
"""Ranges in one observation at most: a line of the journal has a bound."""
SHOWN = 400
"""Characters of a group's ranges that are shown in reports; all stand in the journal."""

Planned = Callable[[TypedTarget], tuple[HostPlan, tuple[Target, ...]]]


@dataclasses.dataclass(frozen=True)
class Space:
    """What was typed, parted into what is looked at anyway and what is searched."""

    singles: tuple[TypedTarget, ...]
    """Names and addresses that were typed one by one."""

    ranged: tuple[TypedTarget, ...]
    """Addresses of ranges and networks, each once."""


def part(typed: Iterable[TypedTarget]) -> Space:
    """Part what was typed; an address that was typed by itself too is no part of its range."""
    singles: dict[str, TypedTarget] = {}
    ranged: dict[str, TypedTarget] = {}
    kinds: dict[str, bool] = {}
    for one in typed:
        if one.typed not in kinds:
            kinds[one.typed] = is_range(one.typed)
        (ranged if kinds[one.typed] else singles).setdefault(one.name, one)
    return Space(tuple(singles.values()), tuple(one for name, one in ranged.items() if name not in singles))


def is_range(word: str) -> bool:
    """Whether a target as typed is a range, list or network."""
    host = word.partition(":")[0] if word.count(":") == 1 else word
    return "/" in host or bool(OCTETS.match(host) and not re.match(r"[0-9.]+\Z", host))


@dataclasses.dataclass(frozen=True)
class View:
    """One look at a port of every address that is searched."""

    service: str
    """``pop3s`` or ``pop3``."""

    port: int
    """Where no other was typed with the address."""

    source: str | None
    states: States
    told_by: str
    started: str
    ended: str
    unlooked: str = ""
    """Why some have no word: ``deadline``, ``cancelled``; empty: nobody told."""


@dataclasses.dataclass(frozen=True)
class Found:
    """The population that finding made, and what it saw."""

    plan: tuple[HostPlan, ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...]
    space: Space
    views: tuple[View, ...]
    groups: dict[str, tuple[int, ...]]
    """Host of the plan that stands for many -> their places among the addresses that were searched."""

    open: frozenset[int]
    """Places of those that are looked at one by one."""

    words: tuple[tuple[str, Observation], ...] = ()
    """What Nmap told of hosts that were typed one by one, and of other ports, by host; the run is not known yet."""

    def to_look_at(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Those of the run's targets that the checker is handed: the groups are looked at no further."""
        return tuple(target for target in targets if not any(host in self.groups for host in target.hosts))

    def observations(self, run_id: str, vantage: Vantage, targets: Sequence[Target]) -> Iterator[Observation]:
        """What was seen while finding, for the run's journal.

        :param targets: those of the run: the same, with the logins they owe
        """
        of_host = {host: [one for one in targets if host in one.hosts] for one in targets for host in one.hosts}
        for name, places in self.groups.items():
            for view in self.views:
                yield from self._of_group(run_id, vantage, of_host[name][0], view, places)
        for place in sorted(self.open):
            one = self.space.ranged[place]
            for view in self.views:
                target = _with_service(of_host[one.name], view, one)
                if target is not None:
                    word = view.states.at(place)
                    yield _observation(run_id, vantage, target, view, word, one.address, ())
        for host, seen in self.words:
            target = next((one for one in of_host.get(host, ()) if seen.port in (one.port, one.pop3_port)), None)
            if target is not None:
                yield dataclasses.replace(seen, run_id=run_id, vantage=vantage, target=target)

    def _of_group(
        self, run_id: str, vantage: Vantage, target: Target, view: View, places: tuple[int, ...]
    ) -> Iterator[Observation]:
        by_word: dict[PortWord, list[str]] = {}
        for place in places:
            by_word.setdefault(view.states.at(place), []).append(self.space.ranged[place].address)
        for word, addresses in by_word.items():
            ranges = joined(addresses)
            for begin in range(0, len(ranges), RANGES_OF_ONE):
                some = ranges[begin : begin + RANGES_OF_ONE]
                yield _observation(run_id, vantage, target, view, word, None, some)


def population(
    space: Space,
    views: Sequence[View],
    intent: Intent,
    planned: Planned,
    more: dict[str, tuple[int, ...]] | None = None,
    words: Sequence[tuple[str, Observation]] = (),
) -> Found:
    """Make hosts of what was found.

    :param views: looks at the addresses of ``space.ranged``
    :param planned: what a typed target is as a host, with its services
    :param more: host -> ports other than the usual where POP3S was found, or may be
    :param words: what was told of hosts that were typed one by one, and of ``more``
    """
    more = more or {}
    plan: list[HostPlan] = []
    aims: list[Target] = []
    told = {host for host, seen in words if seen.target.address == seen.address}
    finder = views[0].told_by if views else NMAP

    def add(one: TypedTarget, usual: bool, found_by: str) -> None:
        host, targets = planned(one)
        others = [dataclasses.replace(t, port=port, pop3_port=None) for port in more.get(one.name, ()) for t in targets]
        plan.append(dataclasses.replace(host, found_by=found_by))
        aims.extend((*(targets if usual or not others else ()), *others))

    for one in space.singles:
        usual = any(host == one.name and _is_open(seen) for host, seen in words)
        add(one, usual or one.name not in more, finder if one.name in told else "")
    groups: dict[str, list[int]] = {}
    opened = set()
    for place, one in enumerate(space.ranged):
        seen = [view.states.at(place) for view in views]
        usual = any(word.state == "open" for word in seen)
        if usual or one.name in more:
            opened.add(place)
            add(one, usual, finder)
        else:
            groups.setdefault(_name_of_group(one, views, seen, planned), []).append(place)
    for name, places in groups.items():
        first = space.ranged[places[0]]
        host, targets = planned(first)
        ranges = ", ".join(joined(space.ranged[place].address for place in places))
        shown = ranges if len(ranges) <= SHOWN else ranges[:SHOWN] + " ..."
        plan.append(HostPlan(name, intent, host.problems, None, {"addresses": shown}, count=len(places)))
        aims += [dataclasses.replace(target, hosts=(name,), address=name, server_name=None) for target in targets]
    merged, notes = merge_targets(aims)
    return Found(
        tuple(plan), merged, notes, space, tuple(views), {name: tuple(places) for name, places in groups.items()},
        frozenset(opened), tuple(words),
    )  # fmt: skip


def _name_of_group(one: TypedTarget, views: Sequence[View], seen: Sequence[PortWord], planned: Planned) -> str:
    """What the addresses of a range that showed the same are called."""
    states: dict[str, list[str]] = {}
    for view, word in zip(views, seen, strict=True):
        told = f"{word.state} {word.reason}" if word.state else view.unlooked or "not told"
        states.setdefault(view.service, []).append(told)
    parts = [f"{service} {' / '.join(dict.fromkeys(told))}" for service, told in sorted(states.items(), reverse=True)]
    return f"{one.typed} [{', '.join(parts)}]"


def _is_open(seen: Observation) -> bool:
    return seen.tcp is not None and seen.tcp.state == "open"


def _with_service(targets: Sequence[Target], view: View, typed: TypedTarget) -> Target | None:
    """The target whose port a view was made of; ``None``: the host has none, only others were found."""
    if view.service == "pop3":
        return next((one for one in targets if one.pop3_port == view.port), None)
    return next((one for one in targets if one.port == (typed.port or view.port)), None)


def _observation(
    run_id: str,
    vantage: Vantage,
    target: Target,
    view: View,
    word: PortWord,
    address: str | None,
    addresses: tuple[str, ...],
) -> Observation:
    sample = address or addresses[0].partition("-")[0]
    not_tested: str | None = None
    tcp: TcpConnect | None = TcpConnect(word.state, word.reason, word.errno)
    if word == NOT_LOOKED and view.unlooked:
        tcp, not_tested = None, view.unlooked
    elif word == NOT_LOOKED:
        tcp = TcpConnect("unknown", "not-told")
    elif word.reason == "no-route":
        tcp, not_tested = None, "no-route"
    port = target.port if view.service == "pop3s" else target.pop3_port or 110
    made = view.told_by == SWEEP and tcp is not None
    return Observation(
        schema=OBSERVATION_SCHEMA,
        run_id=run_id,
        target=target,
        service=view.service,
        port=port,
        vantage=vantage,
        source=view.source,
        started=view.started,
        ended=view.ended,
        resolution=Resolution("numeric", (address,) if address is not None else ()),
        address=address,
        family=6 if ":" in sample else 4,
        not_tested=not_tested,
        tcp=tcp,
        connections=(Connection(PORT_PURPOSE, sample, port, word.source_address, view.started),) if made else (),
        told_by=view.told_by,
        addresses=addresses,
    )
