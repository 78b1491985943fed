# SPDX-License-Identifier: GPL-3.0-or-later
"""Attestations: what no probe can see, said by a person, for a time. Schema: ``report/schema/attestations-1.json``.

The file names controls that a person has to look at, and who looked. A control, attested or not, is ``manual`` and
stays it: that somebody says so is no evidence that it is so. What an attestation that is in force does is that the gate
does not wait for a person any more; one that has ended, or is not there, stops it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from .check import Check, Scope
from .model import HostPlan, Result, Severity, Status
from .subject import Finding, FleetSubject, HostSubject
from .waivers import pattern_names

FAMILY = "POP3S-ATT-"
"""Findings about attestations can't be attested."""

LONGEST_LIFE = 366
"""Days that an attestation may hold: what a person saw once is looked at again."""

SOON = 30
"""Days before its end from which an attestation is told to be made anew."""


@dataclasses.dataclass(frozen=True)
class ManualControl:
    """What a person has to look at."""

    id: str
    title: str
    severity: Severity = Severity.MEDIUM
    hosts: tuple[str, ...] = ()
    """Patterns as in waivers: each host that one names has the control; none: it is about the fleet."""

    references: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Attestation:
    """That a person looked, and found it to be so."""

    control: str
    """Id of a control of the file, or of a check that asks for a person."""

    by: str
    made: datetime.datetime
    until: datetime.datetime
    """The first moment at which it holds no more."""

    text: str
    hosts: tuple[str, ...] = ()
    """Patterns; none: every host that has the control."""

    line: int = 0

    def words(self) -> str:
        """What a report says beside what is attested."""
        return f"attested by {self.by} at {_zulu(self.made)} until {_zulu(self.until)}: {self.text}"

    def holds(self, at: datetime.datetime) -> bool:
        """Whether it is in force."""
        return self.made <= at < self.until


@dataclasses.dataclass(frozen=True)
class Attestations:
    """The attestations of a run."""

    controls: tuple[ManualControl, ...] = ()
    entries: tuple[Attestation, ...] = ()

    def checks(self) -> tuple[Check, ...]:
        """The controls as checks: each is asked, and says that a person has to look."""
        return tuple(map(_as_check, self.controls))


@dataclasses.dataclass(frozen=True)
class AttestationUse:
    """What became of each attestation, for the checks of them."""

    uses: tuple[tuple[Attestation, int], ...]
    """How many results each was for, whether it held or not."""

    at: datetime.datetime


def apply_attestations(
    attestations: Attestations,
    plan: Sequence[HostPlan],
    results: Sequence[Result],
    addresses: Mapping[str, Sequence[str]],
    at: datetime.datetime,
) -> tuple[list[Result], AttestationUse]:
    """Say beside every ``manual`` result who attested it, and until when; no status changes.

    :param addresses: of each host's endpoints, by population name
    :param at: the clock (aware)
    """
    hosts = {host.name: host for host in plan}
    by_control: dict[str, list[int]] = {}
    for number, entry in enumerate(attestations.entries):
        by_control.setdefault(entry.control, []).append(number)
    counts = [0] * len(attestations.entries)
    after: list[Result] = []
    for result in results:
        if result.status is not Status.MANUAL:
            after.append(result)
            continue
        mine = [
            number for number in by_control.get(result.check_id, ())
            if _is_for(attestations.entries[number], result, hosts, addresses)
        ]  # fmt: skip
        for number in mine:
            counts[number] += 1
        after.append(_told(result, [attestations.entries[number] for number in mine], at))
    uses = tuple(zip(attestations.entries, counts, strict=True))
    return after, AttestationUse(uses, at)


def _told(result: Result, entries: Sequence[Attestation], at: datetime.datetime) -> Result:
    holding = [entry for entry in entries if entry.holds(at)]
    if holding:
        # The one that holds longest speaks.
        words = max(holding, key=lambda entry: (entry.until, entry.made, entry.by)).words()
        return dataclasses.replace(result, attested=words, message=f"{result.message}; {words}")
    if entries:
        last = max(entries, key=lambda entry: (entry.until, entry.made, entry.by))
        when = f"ended at {_zulu(last.until)}" if last.until <= at else f"begins only at {_zulu(last.made)}"
        return dataclasses.replace(result, message=f"{result.message}; what {last.by} attested {when}: look again")
    return dataclasses.replace(result, message=f"{result.message}; nobody attested it")


def _is_for(
    entry: Attestation, result: Result, hosts: Mapping[str, HostPlan], addresses: Mapping[str, Sequence[str]]
) -> bool:
    if not entry.hosts:
        return True
    host = hosts.get(result.host or "")
    return host is not None and any(
        pattern_names(pattern, host, addresses.get(host.name, ())) for pattern in entry.hosts
    )


def _as_check(control: ManualControl) -> Check:
    look = f"{control.title}: a person has to look"
    common = {
        "id": control.id, "title": control.title, "severity": control.severity, "categories": ("safe",),
        "rationale": "No probe can see it from outside.",
        "remediation": "Have somebody look, and attest it with a name and an end (--attestations).",
        "references": control.references,
    }  # fmt: skip

    def on_fleet(_subject: FleetSubject) -> Sequence[Finding]:
        return [Finding(Status.MANUAL, look, reason="manual")]

    def on_host(subject: HostSubject) -> Sequence[Finding]:
        addresses = [
            one.address or target.address for one in subject.endpoints for target in one.targets
        ]  # fmt: skip
        if not any(pattern_names(pattern, subject.plan, addresses) for pattern in control.hosts):
            return [Finding(Status.NOT_APPLICABLE, "the control is for other hosts")]
        return [Finding(Status.MANUAL, look, reason="manual")]

    if control.hosts:
        return Check(**common, scope=Scope.HOST, applies="to the hosts it names", on_host=on_host)  # type: ignore[arg-type]
    return Check(**common, scope=Scope.FLEET, applies="to the fleet", on_fleet=on_fleet)  # type: ignore[arg-type]


def _zulu(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
