# SPDX-License-Identifier: GPL-3.0-or-later
"""Was every host looked at, and does the run add up? These run in every profile: silence must not hide in a choice."""

from __future__ import annotations

from collections.abc import Sequence

from ...probe.model import Observation
from ..check import fleet_check, host_check
from ..model import Intent, Severity, Status
from ..reach import CLOSED, FILTERED, OPEN, UNTOLD, port_seen, port_status
from ..subject import Endpoint, Finding, FleetSubject, HostSubject


@fleet_check(
    id="POP3S-FLT-001",
    title="Coverage equation holds and the population is not empty",
    severity=Severity.CRITICAL,
    categories=("default", "safe"),
    rationale="A run over no hosts, or one that lost some on the way, finds nothing wrong with them.",
    remediation="Check the inventory, the --limit and the journals of the run, and run it again.",
    references=("AICPA AT-C 205.36 (completeness and accuracy of information)", "NIST SP 800-53r5 CM-8"),
)
def fleet_adds_up(subject: FleetSubject) -> Sequence[Finding]:
    """Equation, population and journals."""
    findings = []
    if not subject.equation_holds:
        findings.append(Finding(Status.ERROR, f"the equation does not hold: {subject.equation}", reason="equation"))
    if subject.inventory == 0:
        findings.append(Finding(Status.ERROR, "the population is empty: name hosts in the inventory or as targets"))
    findings += [Finding(Status.ERROR, f"the run can't be trusted whole: {problem}") for problem in subject.problems]
    if findings:
        return [Finding(f.status, f.message, "", subject.equation, subject.notes, f.reason) for f in findings]
    noted = f"; kept out: {'; '.join(subject.notes)}" if subject.notes else ""
    return [Finding(Status.PASS, f"{subject.equation}{noted}", "", subject.equation, subject.notes)]


@host_check(
    id="POP3S-COV-000",
    title="Host was assessed",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A host that was not seen is not a host that is in order.",
    remediation="See the reason: correct the name or the variables, restore the route, or probe from elsewhere.",
    references=("NIST SP 800-53r5 RA-5, CM-8", "PCI SSC FAQ: not tested is not the same as not applicable"),
)
def host_was_assessed(subject: HostSubject) -> Sequence[Finding]:
    """Every endpoint of the host has a definite answer, from every place that looked."""
    plan = subject.plan
    findings = [
        Finding(Status.ERROR, f"{problem}: correct the host's variables", reason="variables")
        for problem in plan.problems
    ]
    if not subject.endpoints and not findings:
        findings.append(
            Finding(Status.NOT_TESTED, "no service of the host was planned to be looked at", reason="no-target")
        )
    for endpoint in subject.endpoints:
        findings += _assessed(plan.intent, endpoint)
    if all(finding.status is Status.PASS for finding in findings):
        labels = ", ".join(endpoint.label for endpoint in subject.endpoints)
        return [Finding(Status.PASS, f"every endpoint gave a definite answer: {labels}", evidence=_evidence(subject))]
    return findings


def _assessed(intent: Intent | None, endpoint: Endpoint) -> list[Finding]:
    label = endpoint.label
    findings = [
        Finding(Status.UNREACHABLE, f"{label}: {words}: probe it again", reason="no-observation")
        for words in endpoint.missing_sessions
    ]
    if not endpoint.sessions and not findings:
        findings.append(
            Finding(
                Status.UNREACHABLE, f"{label}: no observation in the journal: probe it again", reason="no-observation"
            )
        )
    return findings + [_answer(intent, endpoint, seen) for seen in endpoint.sessions]


def _answer(intent: Intent | None, endpoint: Endpoint, seen: Observation) -> Finding:
    port, label = port_seen(seen), endpoint.label
    if port.state == UNTOLD:
        return Finding(port.status, f"{label}: {port.words}", reason=port.reason)
    if seen.not_tested is not None:
        status = Status.ERROR if seen.not_tested == "internal-error" else Status.NOT_TESTED
        return Finding(
            status, f"{label}: looked at, but not to the end ({seen.not_tested}): {port.words}", reason=seen.not_tested
        )
    if port.state in (OPEN, CLOSED):
        return Finding(Status.PASS, f"{label}: {port.words}")
    wanted_shut = intent is Intent.CLOSED or (intent is Intent.INTERNAL and seen.vantage.side == "outside")
    proven = port_status(intent, endpoint) if wanted_shut else Status.UNREACHABLE
    if port.state == FILTERED and proven in (Status.PASS, Status.FAIL):
        return Finding(Status.PASS, f"{label}: {port.words}, as intended")
    status = Status.NOT_TESTED if proven is Status.NOT_TESTED else Status.UNREACHABLE
    return Finding(status, f"{label}: {port.words}: silence is no answer", reason=port.reason)


def _evidence(subject: HostSubject) -> tuple[str, ...]:
    return tuple(f"{e.label}: {port_seen(o).words}" for e in subject.endpoints for o in e.sessions)


@host_check(
    id="POP3S-COV-001",
    title="Intent is declared",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="Whether an open port is right can only be judged against what its owner wants.",
    remediation="Set pop3s_intent of the host to serve, internal or closed.",
    references=("PCI DSS 4.0.1 1.2.5, 2.2.4", "CIS Controls v8.1 4.8", "NIST SP 800-53r5 CM-7"),
)
def intent_is_declared(subject: HostSubject) -> Sequence[Finding]:
    """The owner said what the port is for."""
    plan = subject.plan
    unreadable = [problem for problem in plan.problems if problem.startswith("pop3s_intent")]
    if unreadable:
        return [Finding(Status.ERROR, f"{unreadable[0]}: correct it", "serve, internal or closed", unreadable[0])]
    if plan.intent is None:
        return [Finding(Status.FAIL, "no intent is declared: set pop3s_intent", "serve, internal or closed", "none")]
    return [Finding(Status.PASS, f"declared: {plan.intent.value}", "serve, internal or closed", plan.intent.value)]
