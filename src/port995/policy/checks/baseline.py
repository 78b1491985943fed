# SPDX-License-Identifier: GPL-3.0-or-later
"""Can the baseline still be used? Made in every run that is given one, whatever its profile."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import fleet_check
from ..model import Severity, Status
from ..subject import Finding, FleetSubject

APPLIES = "to runs that are given a baseline"
NONE_GIVEN = Finding(Status.NOT_APPLICABLE, "no baseline was given to this run")
SHOWN = 20
"""Hosts named in a message."""


@fleet_check(
    id="POP3S-BASE-001",
    title="No host of the baseline has vanished",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A host that is no longer in the inventory fails nothing, and may still be there.",
    remediation="Put it back into the inventory (pop3s_intent: closed if it is to be off), or make a new baseline.",
    references=("NIST SP 800-53r5 CM-8", "PCI DSS 4.0.1 12.5.1"),
    applies=APPLIES,
)
def none_vanished(subject: FleetSubject) -> Sequence[Finding]:
    """By the names of the inventory."""
    seen = subject.baseline
    if seen is None:
        return [NONE_GIVEN]
    expected = "every host of the baseline is in the population"
    if seen.vanished:
        rest = len(seen.vanished) - SHOWN
        named = ", ".join(seen.vanished[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        words = f"{len(seen.vanished)} hosts of the baseline are not in the population: {named}"
        return [Finding(Status.FAIL, words, expected, named, seen.vanished)]
    return [Finding(Status.PASS, f"all {len(seen.baseline.hosts)} hosts of the baseline are there", expected, "all")]


@fleet_check(
    id="POP3S-BASE-002",
    title="Baseline is within its time",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A baseline is for the time in which what it knows is mended; after that it would be a waiver of nobody.",
    remediation="Mend what it knows, have what stays waived, or make a new baseline.",
    references=("NIST SP 800-53r5 CA-5",),
    applies=APPLIES,
)
def in_time(subject: FleetSubject) -> Sequence[Finding]:
    """Outside of it, every fail is new."""
    seen = subject.baseline
    if seen is None:
        return [NONE_GIVEN]
    baseline = seen.baseline
    end, begin = f"{baseline.expires:%Y-%m-%dT%H:%M:%SZ}", f"{baseline.created:%Y-%m-%dT%H:%M:%SZ}"
    expected = f"a time from {begin} to {end}"
    told = f"{seen.known} fails known, {seen.new} new, {seen.flapping} flapping; {seen.mended} known ones pass by now"
    if seen.at >= baseline.expires:
        return [Finding(Status.FAIL, f"the baseline expired at {end}: every fail counts ({told})", expected, end)]
    if seen.at < baseline.created:
        return [Finding(Status.FAIL, f"the baseline begins only at {begin}: every fail counts", expected, begin)]
    return [Finding(Status.PASS, f"the baseline of {begin} is good until {end}: {told}", expected, end)]
