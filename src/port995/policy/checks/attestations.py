# SPDX-License-Identifier: GPL-3.0-or-later
"""Are the attestations themselves in order? Made in every run that is given some, whatever its profile."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from ..attestations import SOON, Attestation, AttestationUse
from ..check import fleet_check
from ..model import Severity, Status
from ..subject import Finding, FleetSubject

APPLIES = "to runs that are given attestations"
CATEGORIES = ("default", "safe")
REFERENCES = ("NIST SP 800-53r5 CA-2, CA-7",)


def _each(
    subject: FleetSubject, wrong: Callable[[Attestation, int, AttestationUse], str | None], good: str
) -> Sequence[Finding]:
    """A fail for every attestation of which something is wrong.

    :param wrong: the fault in words, or ``None``
    :param good: what is so of all of them
    """
    seen = subject.attestations
    if seen is None or not seen.uses:
        return [Finding(Status.NOT_APPLICABLE, "no attestations were given to this run")]
    findings = []
    for entry, count in seen.uses:
        fault = wrong(entry, count, seen)
        if fault is not None:
            words = f"attestation of {entry.control} by {entry.by} {fault}"
            findings.append(Finding(Status.FAIL, words, good, fault, (f"line {entry.line} of the attestations",)))
    return findings or [Finding(Status.PASS, f"{len(seen.uses)} attestations: {good}", good, good)]


@fleet_check(
    id="POP3S-ATT-001",
    title="No attestation has ended or ends soon",
    severity=Severity.INFO,
    categories=CATEGORIES,
    rationale="From its end on, the control that it is for stops the gate.",
    remediation="Have somebody look again, and attest it anew.",
    references=REFERENCES,
    applies=APPLIES,
)
def not_soon(subject: FleetSubject) -> Sequence[Finding]:
    """Within 30 days, or past. One that another follows is history."""

    def wrong(entry: Attestation, _count: int, seen: AttestationUse) -> str | None:
        later = any(
            (one.control, one.hosts) == (entry.control, entry.hosts) and one.until > entry.until
            for one, _count in seen.uses
        )
        left = entry.until - seen.at
        if later or left > datetime.timedelta(days=SOON):
            return None
        when = f"{entry.until:%Y-%m-%dT%H:%M:%SZ}"
        return f"ended at {when}" if left <= datetime.timedelta(0) else f"ends in {left.days} days, at {when}"

    return _each(subject, wrong, f"none ends within {SOON} days")


@fleet_check(
    id="POP3S-ATT-002",
    title="Every attestation is for something that a person has to look at",
    severity=Severity.INFO,
    categories=CATEGORIES,
    rationale="A person's word changes nothing of what a probe saw or did not see; who gave it may think that it does.",
    remediation="Remove it, or correct its control or its hosts.",
    references=REFERENCES,
    applies=APPLIES,
)
def used(subject: FleetSubject) -> Sequence[Finding]:
    """No result that it names is manual."""

    def wrong(_entry: Attestation, count: int, _seen: AttestationUse) -> str | None:
        return None if count else "is for nothing: no result that it names waits for a person"

    return _each(subject, wrong, "each is for something")
