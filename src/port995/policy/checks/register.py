# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of services: who wants this one, what for, who said yes, and when that is looked at again. Declared in
the inventory beside the intent; what is not declared there, nobody answers for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ..check import Parameter, host_check
from ..model import HostPlan, Intent, Severity, Status
from ..subject import Finding, HostSubject, quoted

OWNER, NEED, APPROVER, REVIEW = "pop3s_owner", "pop3s_need", "pop3s_approver", "pop3s_review_date"
"""Variables of a host that is to serve; `policy.inventory` keeps them."""

APPLIES = "to hosts that are declared to serve, inside or outside"


@host_check(
    id="POP3S-COV-002",
    title="Intent is one that the profile allows",
    severity=Severity.HIGH,
    categories=("safe",),
    rationale="Where a service is not to be at all, a host that declares it is as wrong as one that answers.",
    remediation="Set pop3s_intent to one that is allowed and make it so, or judge the host by another profile.",
    references=("NIST SP 800-53r5 CM-7", "CIS Controls v8.1 4.8", "PCI DSS 4.0.1 2.2.4"),
    parameters={
        "allowed": Parameter(
            tuple(intent.value for intent in Intent), "intents that a host may declare",
            choices=tuple(intent.value for intent in Intent),
        )
    },
)  # fmt: skip
def intent_is_allowed(subject: HostSubject) -> Sequence[Finding]:
    """Nothing is assumed of a host that declares none."""
    allowed = subject.words("allowed")
    expected = " or ".join(allowed)
    unknown, intent = _unknown(subject.plan), subject.plan.intent
    if unknown is not None or intent is None:
        return [unknown or Finding(Status.NOT_TESTED, "no intent is declared", reason="intent")]
    if intent.value not in allowed:
        words = f"declared: {intent.value}; the profile allows {expected}"
        return [Finding(Status.FAIL, words, expected, intent.value, reason="intent")]
    return [Finding(Status.PASS, f"declared: {intent.value}", expected, intent.value)]


@host_check(
    id="POP3S-REG-001",
    title="Owner, need and approver of the service are named",
    severity=Severity.MEDIUM,
    categories=("safe",),
    rationale="A service that nobody owns, needs or approved is one that nobody will switch off.",
    remediation=f"Set {OWNER}, {NEED} and {APPROVER} of the host or its group; the approver is not the owner.",
    references=("PCI DSS 4.0.1 1.2.5, 2.2.4", "CIS Controls v8.1 4.8", "NIST SP 800-53r5 CM-7"),
    applies=APPLIES,
)
def register_is_whole(subject: HostSubject) -> Sequence[Finding]:
    """Three texts; who approves is somebody else than who owns."""
    other = _elsewhere(subject.plan)
    if other is not None:
        return [other]
    expected = f"{OWNER}, {NEED} and {APPROVER}"
    told = {name: subject.plan.variables.get(name, "").strip() for name in (OWNER, NEED, APPROVER)}
    missing = [name for name, value in told.items() if not value]
    shown = tuple(f"{name}: {value}" for name, value in told.items() if value)
    if missing:
        words = f"not declared: {', '.join(missing)}"
        told_to = f"{words}; set them for the host or its group"
        return [Finding(Status.FAIL, told_to, expected, words, shown, "register")]
    if told[OWNER].casefold() == told[APPROVER].casefold():
        words = f"{quoted(told[OWNER])} approves the service of its own"
        return [Finding(Status.FAIL, f"{words}; let somebody else approve it", expected, words, shown, "register")]
    return [Finding(Status.PASS, "owner, need and approver are declared", expected, "all three", shown)]


@host_check(
    id="POP3S-REG-002",
    title="Review of the service is not overdue",
    severity=Severity.MEDIUM,
    categories=("safe",),
    rationale="What was needed and approved once is asked again from time to time, or it stays for ever.",
    remediation=f"Review whether the service is still needed, and set {REVIEW} to the day of the next review.",
    references=("PCI DSS 4.0.1 1.2.5, 2.2.4", "CIS Controls v8.1 4.8"),
    applies=APPLIES,
    parameters={"most_days": Parameter(400, "how far ahead the next review may lie, in days", 1, 4000)},
)
def review_is_due_later(subject: HostSubject) -> Sequence[Finding]:
    """The day of the review itself is in time; a day that lies years ahead is no review."""
    other = _elsewhere(subject.plan)
    if other is not None:
        return [other]
    most = int(subject.number("most_days"))
    expected = f"a day of review, not past and not more than {most} days ahead"
    given = subject.plan.variables.get(REVIEW, "").strip()
    if not given:
        words = f"{REVIEW} is not declared; set it to the day of the next review, like 2027-03-15"
        return [Finding(Status.FAIL, words, expected, "none", reason="register")]
    try:
        day = datetime.date.fromisoformat(given)
    except ValueError:
        words = f"{REVIEW} is {quoted(given)}: a date like 2027-03-15 is expected"
        return [Finding(Status.ERROR, words, expected, given, reason="variables")]
    left = (day - subject.at.astimezone(datetime.UTC).date()).days
    if left < 0:
        words = f"the review was due on {day}, {-left} days ago; review the service and set the next day"
        return [Finding(Status.FAIL, words, expected, str(day), reason="register")]
    if left > most:
        words = f"the review is due on {day}, {left} days ahead; set a day within {most} days"
        return [Finding(Status.FAIL, words, expected, str(day), reason="register")]
    return [Finding(Status.PASS, f"the next review is due on {day}, in {left} days", expected, str(day))]


def _unknown(plan: HostPlan) -> Finding | None:
    """That the intent is not known; ``None``: it is."""
    unreadable = [problem for problem in plan.problems if problem.startswith("pop3s_intent")]
    if unreadable:
        return Finding(Status.ERROR, f"{unreadable[0]}: correct it", reason="variables")
    if plan.intent is None:
        return Finding(Status.NOT_TESTED, "no intent is declared: set pop3s_intent", reason="intent")
    return None


def _elsewhere(plan: HostPlan) -> Finding | None:
    """Why the register is not asked about a host; ``None``: it is."""
    unknown = _unknown(plan)
    if unknown is not None:
        return unknown
    broken = [problem for problem in plan.problems if problem.startswith((OWNER, NEED, APPROVER, REVIEW))]
    if broken:
        return Finding(Status.ERROR, f"{broken[0]}: correct it", reason="variables")
    if plan.intent is Intent.CLOSED:
        return Finding(Status.NOT_APPLICABLE, "it is declared closed: there is no service to register")
    return None
