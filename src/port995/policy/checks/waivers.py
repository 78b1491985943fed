# SPDX-License-Identifier: GPL-3.0-or-later
"""Are the waivers themselves in order? Made in every run that is given some, whatever its profile."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from ..check import fleet_check
from ..model import Severity, Status
from ..subject import Finding, FleetSubject
from ..waivers import LONGEST_LIFE, SOON, Use, WaiverUse

APPLIES = "to runs that are given waivers"
NONE_GIVEN = Finding(Status.NOT_APPLICABLE, "no waivers were given to this run")
CATEGORIES = ("default", "safe")

WIDE = 0.5
"""Share of the population from which on a waiver is told to be broad."""


def _each(subject: FleetSubject, wrong: Callable[[Use, WaiverUse], str | None], good: str) -> Sequence[Finding]:
    """A fail for every waiver of which something is wrong.

    :param wrong: the fault in words, or ``None``
    :param good: what is so of all of them
    """
    seen = subject.waivers
    if seen is None:
        return [NONE_GIVEN]
    if not seen.uses:
        return [Finding(Status.NOT_APPLICABLE, "the file of waivers holds none")]
    findings = []
    for use in seen.uses:
        fault = wrong(use, seen)
        if fault is not None:
            words = f"waiver {use.waiver.id} ({use.waiver.ticket}) {fault}"
            findings.append(Finding(Status.FAIL, words, good, fault, (f"line {use.waiver.line} of the waivers",)))
    return findings or [Finding(Status.PASS, f"{len(seen.uses)} waivers: {good}", good, good)]


@fleet_check(
    id="POP3S-WVR-001",
    title="No waiver is out of its time",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="A waiver that has ended waives nothing; left in place, it makes readers believe that it does.",
    remediation="Mend what it was for, or have it approved anew with another end.",
    references=("NIST SP 800-53r5 CA-5, RA-7", "PCI DSS 4.0.1 12.3.1"),
    applies=APPLIES,
)
def in_time(subject: FleetSubject) -> Sequence[Finding]:
    """Over, or not begun: both waive nothing."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        counts = f"; it names {use.fails} fails" if use.fails else ""
        if use.waiver.ended(seen.at):
            return f"expired at {use.waiver.expires:%Y-%m-%dT%H:%M:%SZ} and waives nothing{counts}"
        if not use.waiver.begun(seen.at):
            return f"begins only at {use.waiver.created:%Y-%m-%dT%H:%M:%SZ} and waives nothing yet{counts}"
        return None

    return _each(subject, wrong, "each is within its time")


@fleet_check(
    id="POP3S-WVR-002",
    title="Every waiver is for something",
    severity=Severity.INFO,
    categories=CATEGORIES,
    rationale="A waiver that nothing needs waits for the next fault to hide.",
    remediation="Remove it, or correct its hosts, endpoints or checks.",
    references=("NIST SP 800-53r5 CA-5",),
    applies=APPLIES,
)
def used(subject: FleetSubject) -> Sequence[Finding]:
    """Names no host of the population, or no result that this run has. What was not seen may need it: not tested."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        if use.waived or use.fails or use.passes or use.open or use.left_out:
            return None
        if not use.hosts and "fleet" not in use.waiver.hosts:
            return f"names no host of the {seen.population} in the population"
        return "names nothing that this run looked at and that could fail"

    findings = list(_each(subject, wrong, "each names something that was looked at"))
    for use in subject.waivers.uses if subject.waivers is not None else ():
        if not (use.waived or use.fails or use.passes) and use.open:
            words = f"waiver {use.waiver.id}: nothing is known of what it is for ({use.open} results are open)"
            findings.append(Finding(Status.NOT_TESTED, words))
    return findings


@fleet_check(
    id="POP3S-WVR-003",
    title="No waiver is for most of the fleet",
    severity=Severity.LOW,
    categories=CATEGORIES,
    rationale="A check that is waived nearly everywhere is no check; out of the profile, it would at least show.",
    remediation="Name the hosts it is needed for, or take the check out of a profile of your own.",
    references=("NIST SP 800-53r5 CA-5",),
    applies=APPLIES,
)
def narrow(subject: FleetSubject) -> Sequence[Finding]:
    """More than half of three hosts or more."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        if seen.population > 2 and use.many > WIDE * seen.population:
            return f"is for {use.many} of {seen.population} hosts"
        return None

    return _each(subject, wrong, "none is for more than half of the fleet")


@fleet_check(
    id="POP3S-WVR-004",
    title="No waiver ends soon",
    severity=Severity.INFO,
    categories=CATEGORIES,
    rationale="What it waives fails again from that moment on.",
    remediation="Mend what it is for before, or ask for another one in time.",
    references=("NIST SP 800-53r5 CA-5",),
    applies=APPLIES,
)
def not_soon(subject: FleetSubject) -> Sequence[Finding]:
    """Within 30 days."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        left = use.waiver.expires - seen.at
        if datetime.timedelta(0) < left <= datetime.timedelta(days=SOON):
            return f"ends in {left.days} days, at {use.waiver.expires:%Y-%m-%dT%H:%M:%SZ}"
        return None

    return _each(subject, wrong, f"none ends within {SOON} days")


@fleet_check(
    id="POP3S-WVR-005",
    title="No waiver is for what passes",
    severity=Severity.INFO,
    categories=CATEGORIES,
    rationale="What was waived has been mended: a waiver that stays would hide its coming back.",
    remediation="Remove it.",
    references=("NIST SP 800-53r5 CA-5",),
    applies=APPLIES,
)
def still_needed(subject: FleetSubject) -> Sequence[Finding]:
    """All that it names passes. Where some of it is open, it is not known."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        if use.passes and not (use.waived or use.fails or use.open or use.left_out):
            return f"is for {use.passes} results that pass by now"
        return None

    findings = list(_each(subject, wrong, "none is for what passes by itself"))
    for use in subject.waivers.uses if subject.waivers is not None else ():
        if use.passes and use.open and not (use.waived or use.fails):
            words = f"waiver {use.waiver.id}: {use.passes} results pass by now, {use.open} are open"
            findings.append(Finding(Status.NOT_TESTED, words))
    return findings


@fleet_check(
    id="POP3S-WVR-006",
    title="No waiver lives longer than its severity allows",
    severity=Severity.MEDIUM,
    categories=CATEGORIES,
    rationale="A risk is accepted for a time in which it can be looked at again; the heavier it is, the shorter.",
    remediation="Have it approved for a shorter time: it waives nothing of that severity as it stands.",
    references=("NIST SP 800-53r5 CA-5", "PCI DSS 4.0.1 12.3.1"),
    applies=APPLIES,
)
def short_enough(subject: FleetSubject) -> Sequence[Finding]:
    """By the severity that the profile gives to the checks it waives."""

    def wrong(use: Use, seen: WaiverUse) -> str | None:
        if not use.too_long:
            return None
        heaviest = use.too_long[0]
        days = (use.waiver.expires - use.waiver.created).days
        return (
            f"lives {days} days, {LONGEST_LIFE[heaviest]} are allowed for {heaviest.value}; it waives nothing of"
            f" {', '.join(one.value for one in use.too_long)}"
        )

    return _each(subject, wrong, "each lives as long as the severity of what it waives allows")
