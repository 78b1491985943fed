# SPDX-License-Identifier: GPL-3.0-or-later
"""From a heap of observations to endpoints, and to what is missing in the heap.

An observation that is not there must be noticed: a journal says how much it should hold. Every vantage that looked at
a target owes one observation per service, per address its resolver gave, per source address it used in that family.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..probe.model import OBSERVATION_SCHEMA, Observation, Target
from ..probe.ranges import count_of
from ..probe.scope import OUT_OF_SCOPE
from .finders_word import SWEEP, parted
from .inventory import service_of
from .model import HostPlan
from .nmaps_word import is_nmaps_word, mixed
from .subject import Endpoint, quoted

SERVICES = ("pop3s", "pop3")

UNTRIED = ("no-route", "family-not-asked", "no-address-in-family", OUT_OF_SCOPE)
"""`Observation.not_tested` words that hold for an address whatever the source address."""


@dataclasses.dataclass(frozen=True)
class Heap:
    """The observations that belong to the run, by service, and what was kept out."""

    by_service: Mapping[Target, tuple[Observation, ...]]
    """Keyed by the target without its hosts."""

    sources: Mapping[tuple[str, int], frozenset[str]]
    """(vantage, family) -> source addresses asked for, over the whole run."""

    expected: Mapping[str, tuple[str, ...]] | None
    """Vantage -> source addresses it was told to use, where the run's header says it."""

    notes: tuple[str, ...]
    mistrust: tuple[str, ...] = ()
    """Vantages whose probe saw not one fault of its self-test."""

    owed: Mapping[str, frozenset[Target]] | None = None
    """Vantage -> services that it had to look at; ``None``: each of them at all."""

    def owes(self, vantage: str, service: Target) -> bool:
        """Whether a vantage had to look at a service."""
        return self.owed is None or service in self.owed.get(vantage, frozenset())


def sort_out(
    run_id: str,
    targets: Sequence[Target],
    observations: Iterable[Observation],
    expected: Mapping[str, Sequence[str]] | None = None,
    owed: Mapping[str, Collection[Target]] | None = None,
) -> Heap:
    """Sort the observations by service; keep out those that can't be vouched for, and note why.

    :param expected: vantage name -> the source addresses it was told to use (none: the kernel's choice); every one
        of these vantages must have looked at every target. ``None``: each target needs any vantage.
    :param owed: vantage name -> the targets that it had to look at, where that is not every one
    """
    planned = {service_of(target) for target in targets}
    by_service: dict[Target, list[Observation]] = {service: [] for service in planned}
    sources: dict[tuple[str, int], set[str]] = {}
    refused: dict[str, int] = {}
    blind: set[str] = set()
    for observation in observations:
        problem = _foreign(run_id, planned, observation)
        if problem:
            refused[problem] = refused.get(problem, 0) + 1
            continue
        by_service[service_of(observation.target)].append(observation)
        if observation.hellos and not observation.vantage.canaries and not is_nmaps_word(observation):
            blind.add(observation.vantage.name)
        if observation.source and observation.family:
            sources.setdefault((observation.vantage.name, observation.family), set()).add(observation.source)
    for vantage, addresses in (expected or {}).items():
        for address in addresses:
            sources.setdefault((vantage, 6 if ":" in address else 4), set()).add(address)
    return Heap(
        {service: _ordered(seen) for service, seen in by_service.items()},
        {key: frozenset(values) for key, values in sources.items()},
        None if expected is None else {name: tuple(addresses) for name, addresses in expected.items()},
        tuple(f"{count} observations not trusted: {problem}" for problem, count in sorted(refused.items())),
        tuple(
            f"the probe of vantage {quoted(name)} saw not one fault of its self-test: what it misses proves nothing"
            for name in sorted(blind)
        ),
        None if owed is None else {name: frozenset(map(service_of, mine)) for name, mine in owed.items()},
    )


def endpoints_of(host: HostPlan, targets: Iterable[Target], heap: Heap) -> tuple[Endpoint, ...]:
    """The endpoints of one host, each with what was seen and what is missing, sorted by label.

    :param targets: the whole plan's targets; those that name the host are taken
    """
    parts: dict[str, list[Endpoint]] = {}
    for target in targets:
        if host.name in target.hosts:
            for part in _endpoints_of_target(host, target, heap):
                parts.setdefault(part.label, []).append(part)
    return tuple(_join(parts[label]) for label in sorted(parts))


def label_of(target: Target, address: str | None) -> str:
    """``address:port`` with IPv6 in brackets, ``/server-name`` where one is expected."""
    name = target.server_name or (None if _ip(target.address) else target.address)
    where = address or target.address
    text = f"[{where}]:{target.port}" if ":" in where else f"{where}:{target.port}"
    if name and name != where:
        text += f"/{name}"
    return text + (f"+proxy-{target.proxy_protocol}" if target.proxy_protocol else "")


def _ip(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


def _same(one: str, other: str) -> bool:
    return one == other or (_ip(one) is not None and _ip(one) == _ip(other))


def _foreign(run_id: str, planned: set[Target], seen: Observation) -> str:
    """Why an observation can't be vouched for; empty: it belongs here."""
    if seen.schema != OBSERVATION_SCHEMA:
        return f"schema {quoted(seen.schema)} is not {OBSERVATION_SCHEMA}"
    if seen.run_id != run_id:
        return f"they belong to another run ({quoted(seen.run_id)})"
    if problem := mixed(seen):
        return problem
    if service_of(seen.target) not in planned:
        return f"nothing in the plan is {quoted(label_of(seen.target, None))}"
    if seen.service not in SERVICES:
        return f"service {quoted(seen.service)} is none of {', '.join(SERVICES)}"
    if seen.port != (seen.target.port if seen.service == "pop3s" else seen.target.pop3_port):
        return f"port {seen.port} is not the target's"
    if seen.addresses and (seen.address is not None or _ip(seen.target.address) is not None):
        return "they stand for many addresses, and have one of their own"
    if seen.address is not None:
        address = _ip(seen.address)
        if address is None or (seen.family is not None and seen.family != address.version):
            return f"address {quoted(seen.address)} is no IP address of its family"
        if _ip(seen.target.address) is not None and not _same(seen.address, seen.target.address):
            return f"address {quoted(seen.address)} is not the target's"
        given = seen.resolution.addresses
        if given and not any(_same(seen.address, one) for one in given):
            return f"address {quoted(seen.address)} is not one its name resolved to"
    return ""


def _ordered(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """In an order that depends on the content alone. All of it counts only where the rest is the same: it is long."""
    groups: dict[tuple[str, ...], list[Observation]] = {}
    for seen in observations:
        place = (seen.vantage.name, seen.source or "", seen.address or "", seen.service, seen.started, seen.ended)
        groups.setdefault(place, []).append(seen)
    return tuple(
        seen
        for place in sorted(groups)
        for seen in (sorted(groups[place], key=repr) if len(groups[place]) > 1 else groups[place])
    )


def _endpoints_of_target(host: HostPlan, target: Target, heap: Heap) -> list[Endpoint]:
    service = service_of(target)
    seen = heap.by_service.get(service, ())
    looking = {name for name in heap.expected or () if heap.owes(name, service)}
    names = sorted({observation.vantage.name for observation in seen} | looking)
    parts: list[Endpoint] = []
    if not names:
        return [
            _part(
                target,
                None,
                (),
                [("pop3s", "no observation in the journal"), ("pop3", "no observation in the journal")],
            )
        ]
    for vantage in names:
        parts += _owed_by(vantage, host, target, [o for o in seen if o.vantage.name == vantage], heap)
    return parts


def _owed_by(vantage: str, host: HostPlan, target: Target, seen: list[Observation], heap: Heap) -> list[Endpoint]:
    """Endpoints of one target as one vantage saw them, with what that vantage still owes."""
    addresses: list[str | None] = []
    for observation in seen:
        for address in (observation.address, *observation.resolution.addresses):
            # Two spellings of one address are one endpoint; the first one stands.
            if address is not None and not any(known is not None and _same(known, address) for known in addresses):
                addresses.append(address)
    if not addresses or any(observation.address is None for observation in seen):
        addresses.append(None)
    parts = []
    for address in addresses:
        own, found = parted([o for o in seen if _at(o, address)])
        missing = _missing(vantage, target, address, own, heap)
        missing += _missing_count(host, own)
        if host.found_by and host.count == 1:
            told = [o for o in found if o.told_by == host.found_by]
            missing += [
                (service, f"{words} (what {host.found_by} found there)")
                for service, words in _missing(vantage, target, address, told, heap, host.found_by == SWEEP)
            ]
        parts.append(_part(target, address, own, missing, found))
    return parts


def _missing_count(host: HostPlan, seen: Iterable[Observation]) -> list[tuple[str, str]]:
    """What is missing of observations that stand for several addresses: each source owes a word on all of them."""
    told: dict[tuple[str, str | None, str], list[str]] = {}
    for one in seen:
        told.setdefault((one.service, one.source, one.told_by), []).extend(one.addresses)
    return [
        (service, f"observations of {count} of {host.count} addresses are in the journal")
        for (service, _source, _by), words in told.items()
        if (count := count_of(words) if words else 1) != host.count
    ]


def _at(seen: Observation, address: str | None) -> bool:
    if address is None or seen.address is None:
        return seen.address is None and address is None
    return _same(seen.address, address)


def _missing(
    vantage: str,
    target: Target,
    address: str | None,
    seen: Sequence[Observation],
    heap: Heap,
    each_source: bool = True,
) -> list[tuple[str, str]]:
    ip = _ip(address)
    # Observations of many addresses have none of their own, and are made from each source all the same.
    family = next((o.family for o in seen if o.addresses), None) if ip is None else ip.version
    sources = sorted(heap.sources.get((vantage, family), ())) if family is not None and each_source else []
    missing = []
    for service in SERVICES if target.pop3_port is not None else SERVICES[:1]:
        mine = [o for o in seen if o.service == service]
        if not mine:
            missing.append((service, f"no observation in the journal from {vantage}"))
            continue
        if any(o.not_tested in UNTRIED for o in mine):
            continue
        missing += [
            (service, f"no observation in the journal from {vantage}, source {source}")
            for source in sources
            if not any(o.source is not None and _same(o.source, source) for o in mine)
        ]
    return missing


def _part(
    target: Target,
    address: str | None,
    seen: tuple[Observation, ...],
    missing: Sequence[tuple[str, str]],
    found: tuple[Observation, ...] = (),
) -> Endpoint:
    return Endpoint(
        label_of(target, address),
        (target,),
        address,
        tuple(o for o in seen if o.service == "pop3s"),
        tuple(o for o in seen if o.service == "pop3"),
        tuple(words for service, words in missing if service == "pop3s"),
        tuple(words for service, words in missing if service == "pop3" and target.pop3_port is not None),
        found,
    )


def _join(parts: list[Endpoint]) -> Endpoint:
    """Parts with the same label are one endpoint: seen by several vantages, or by targets that differ elsewhere."""
    if len(parts) == 1:
        return parts[0]
    return Endpoint(
        parts[0].label,
        tuple(dict.fromkeys(target for part in parts for target in part.targets)),
        next((part.address for part in parts if part.address), None),
        _ordered(o for part in parts for o in part.sessions),
        _ordered(o for part in parts for o in part.companions),
        tuple(sorted({words for part in parts for words in part.missing_sessions})),
        tuple(sorted({words for part in parts for words in part.missing_companions})),
        _ordered(o for part in parts for o in part.found),
    )
