# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: a fail that two people accepted, for a reason and until a day. Schema: ``report/schema/waivers-1.json``.

A waiver turns a ``fail`` into ``waived`` and nothing else: what was not seen, what broke and what passes stays what it
is. Whose time is over, whose life is longer than the severity of what it waives allows, or whose time has not begun,
waives nothing. What is wrong with waivers is told by checks of their own (``checks/waivers.py``).
"""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from ..probe.model import Target
from .model import HostPlan, Result, Severity, Status
from .strict_yaml import YamlError

FLEET = "fleet"
"""As a host: findings that are about no single one."""

GROUP = "group:"
NOT_WAIVABLE = ("POP3S-FLT-001", "POP3S-COV-000")
"""Whether a host was looked at, and whether the run adds up, is nothing that somebody can accept."""

FAMILY = "POP3S-WVR-"
"""Findings about waivers can't be waived: a waiver would then vouch for itself."""

LONGEST_LIFE = {
    Severity.CRITICAL: 30, Severity.HIGH: 90, Severity.MEDIUM: 180, Severity.LOW: 365, Severity.INFO: 365,
}  # fmt: skip
"""Days from ``created`` to ``expires`` that a waiver may have, by the severity of what it waives."""

SOON = 30
"""Days before its end from which a waiver is told to be renewed or closed."""


class WaiverError(YamlError):
    """Waivers that can't be used; names the file and the line."""


@dataclasses.dataclass(frozen=True)
class Waiver:
    """One accepted risk."""

    id: str
    hosts: tuple[str, ...]
    """Patterns: a name with ``*``, ``?`` and ``[]``, ``group:NAME``, an address or a network, or ``fleet``."""

    checks: tuple[str, ...]
    reason: str
    ticket: str
    requested_by: str
    approved_by: str
    created: datetime.datetime
    expires: datetime.datetime
    """The first moment at which it waives no more."""

    endpoints: tuple[str, ...] = ()
    """Patterns for ``address:port/server-name``; none: every endpoint of the hosts, and what is about the host."""

    compensating_control: str = ""
    allow_broad: bool = False
    line: int = 0

    def words(self) -> str:
        """What a report says beside what is waived."""
        control = f"; compensating control: {self.compensating_control}" if self.compensating_control else ""
        return (
            f"waiver {self.id} until {self.expires:%Y-%m-%dT%H:%M:%SZ}, {self.ticket}, approved by {self.approved_by}:"
            f" {self.reason}{control}"
        )

    def begun(self, at: datetime.datetime) -> bool:
        """Whether its time has begun."""
        return self.created <= at

    def ended(self, at: datetime.datetime) -> bool:
        """Whether its time is over."""
        return at >= self.expires

    def too_long_for(self, severity: Severity) -> bool:
        """Whether it would live longer than may be for this severity."""
        return self.expires - self.created > datetime.timedelta(days=LONGEST_LIFE[severity])


@dataclasses.dataclass(frozen=True)
class Waivers:
    """The waivers of a run."""

    entries: tuple[Waiver, ...]
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Use:
    """What became of one waiver in a run."""

    waiver: Waiver
    hosts: tuple[str, ...]
    """Hosts of the population that it names."""

    many: int = 0
    """How many hosts these are: one that stands for many counts as many."""

    waived: int = 0
    fails: int = 0
    """Fails that it names and can't waive: its time has not begun or is over, or it lives too long for them."""

    too_long: tuple[Severity, ...] = ()
    """Severities for which it lives too long, among the fails that it names."""

    passes: int = 0
    """Results that it names and that pass."""

    open: int = 0
    """Results that it names of which nothing is known (error, unreachable, not tested, manual)."""

    left_out: int = 0
    """Hosts that it names and that were excluded from the run."""


@dataclasses.dataclass(frozen=True)
class WaiverUse:
    """What became of all waivers, for their checks."""

    uses: tuple[Use, ...]
    at: datetime.datetime
    population: int


def addresses_of(targets: Iterable[Target]) -> dict[str, list[str]]:
    """What the plan says where each host is."""
    found: dict[str, list[str]] = {}
    for target in targets:
        for host in target.hosts:
            found.setdefault(host, []).append(target.address)
    return found


def refuse_broad(
    waivers: Waivers, plan: Sequence[HostPlan], addresses: Mapping[str, Sequence[str]], source: str
) -> None:
    """Refuse a waiver that takes a check away from the whole fleet, unless it says that it is meant to.

    A host that is named in full is no broad pattern, even where it is the only one.

    :param addresses: of each host, as planned
    :raises WaiverError: naming file, line and waiver
    """
    for waiver in waivers.entries:
        if waiver.allow_broad:
            continue
        for pattern in waiver.hosts:
            if not is_wide(pattern):
                continue
            everything = pattern in ("*", f"{GROUP}all") or (
                len(plan) > 1 and all(pattern_names(pattern, host, addresses.get(host.name, ())) for host in plan)
            )
            if everything or _is_whole_internet(pattern):
                raise WaiverError(
                    f"{source}:{waiver.line}: waiver {waiver.id} is for the whole fleet ({pattern!a}): name hosts, or"
                    " say allow_broad: true"
                )
        if len(plan) > 2 and all(
            any(pattern_names(pattern, host, addresses.get(host.name, ())) for pattern in waiver.hosts) for host in plan
        ):
            raise WaiverError(
                f"{source}:{waiver.line}: waiver {waiver.id} is for the whole fleet (its patterns together): name"
                " fewer hosts, or say allow_broad: true"
            )


def is_wide(pattern: str) -> bool:
    """Whether a pattern can be for more than one host."""
    return pattern.startswith(GROUP) or "/" in pattern or any(character in pattern for character in "*?[")


def _is_whole_internet(pattern: str) -> bool:
    return "/" in pattern and not pattern.startswith(GROUP) and ipaddress.ip_network(pattern).prefixlen == 0


def apply_waivers(
    waivers: Waivers,
    plan: Sequence[HostPlan],
    results: Sequence[Result],
    addresses: Mapping[str, Sequence[str]],
    at: datetime.datetime,
) -> tuple[list[Result], WaiverUse]:
    """Turn fails that a waiver is for into ``waived``.

    :param addresses: of each host's endpoints, by population name
    :param at: the clock (aware)
    :returns: the results in their order, and what became of each waiver
    """
    named = {
        waiver.id: frozenset(
            host.name
            for host in plan
            if any(pattern_names(pattern, host, addresses.get(host.name, ())) for pattern in waiver.hosts)
        )
        for waiver in waivers.entries
    }
    excluded = {host.name for host in plan if host.excluded is not None}
    by_check: dict[str, list[Waiver]] = {}
    for waiver in waivers.entries:
        for check in waiver.checks:
            by_check.setdefault(check, []).append(waiver)
    counts = {waiver.id: {"waived": 0, "fails": 0, "passes": 0, "open": 0} for waiver in waivers.entries}
    too_long: dict[str, set[Severity]] = {waiver.id: set() for waiver in waivers.entries}
    after: list[Result] = []
    for result in results:
        concerned = [one for one in by_check.get(result.check_id, ()) if _is_for(one, result, named[one.id])]
        told = None
        for waiver in concerned:
            word = "open"
            if result.status is Status.PASS:
                word = "passes"
            elif result.status is Status.NOT_APPLICABLE:
                continue
            elif result.status is Status.FAIL:
                holds = waiver.begun(at) and not waiver.ended(at)
                if waiver.too_long_for(result.severity):
                    too_long[waiver.id].add(result.severity)
                    holds = False
                word = "waived" if holds else "fails"
                told = waiver if holds and told is None else told
            elif result.host in excluded:
                continue
            counts[waiver.id][word] += 1
        after.append(result if told is None else _waived(result, told))
    size = {host.name: host.count for host in plan}
    uses = tuple(
        Use(
            waiver, tuple(sorted(named[waiver.id])), sum(size[name] for name in named[waiver.id]), **counts[waiver.id],
            too_long=tuple(one for one in Severity if one in too_long[waiver.id]),
            left_out=len(named[waiver.id] & excluded),
        )
        for waiver in waivers.entries
    )  # fmt: skip
    return after, WaiverUse(uses, at, sum(size.values()))


def _waived(result: Result, waiver: Waiver) -> Result:
    return dataclasses.replace(
        result, status=Status.WAIVED, message=f"{result.message} ({waiver.words()})", waiver=waiver.id
    )


def _is_for(waiver: Waiver, result: Result, hosts: frozenset[str]) -> bool:
    if result.host is None:
        return FLEET in waiver.hosts
    if result.host not in hosts:
        return False
    if waiver.endpoints:
        return result.endpoint is not None and _any(waiver.endpoints, result.endpoint)
    networks = [one for one in waiver.hosts if _is_address(one)]
    if result.endpoint is None or len(networks) < len(waiver.hosts):
        return True
    # Only addresses stand in it, so what is at another address of the host is not meant.
    return any(_within(_address_of(result.endpoint), one) for one in networks)


def pattern_names(pattern: str, host: HostPlan, addresses: Iterable[str]) -> bool:
    """Whether a pattern is for a host.

    :param addresses: those of its endpoints
    """
    if pattern.startswith(GROUP):
        group = pattern[len(GROUP) :].strip()
        return group == "all" or group in host.groups
    if _is_address(pattern):
        return host.name == pattern or any(_within(address, pattern) for address in addresses)
    return _any((pattern,), host.name)


def _any(patterns: Iterable[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _is_address(pattern: str) -> bool:
    try:
        ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
    return True


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address_of(endpoint: str) -> str:
    place = endpoint.split("/", 1)[0]
    return place[1:].split("]", 1)[0] if place.startswith("[") else place.rsplit(":", 1)[0]


def pattern_fault(pattern: str) -> str:
    """What is wrong with a pattern for hosts; empty: nothing."""
    if pattern.startswith(GROUP):
        return "" if pattern[len(GROUP) :].strip() else "names no group: write group:NAME"
    if "/" in pattern:
        try:
            ipaddress.ip_network(pattern)
        except ValueError as error:
            return f"is no network: {error}"
    return ""
