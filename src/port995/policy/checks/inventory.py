# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of hosts against the inventory: who serves POP3S and is not watched, who is listed and not known.

Made only where the run is given a list (``--population``, ``audit_population``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..check import fleet_check
from ..model import Severity, Status
from ..population import Reconciled
from ..subject import Finding, FleetSubject, quoted

SHOWN = 3
"""Hosts named in a message; the evidence names `LISTED`."""

LISTED = 1000
Decide = Callable[[Reconciled], Sequence[Finding]]


def _given(decide: Decide) -> Callable[[FleetSubject], Sequence[Finding]]:
    """Ask about a run that was given a list."""

    def action(subject: FleetSubject) -> Sequence[Finding]:
        found = subject.population
        if found is None:
            why = "no list of hosts was given: give --population to the command, or audit_population to the role"
            return [Finding(Status.NOT_TESTED, why, reason="no-population")]
        open_questions = [
            Finding(Status.NOT_TESTED, f"the list is not whole: {problem}", reason="population")
            for problem in found.problems
        ]
        if not found.count:
            told = f"of {found.dark} addresses none gave a sign of life" if found.dark else "it holds no host"
            why = f"{quoted(found.source)} says nothing: {told}"
            return [*open_questions, Finding(Status.NOT_TESTED, why, reason="population")]
        return [*decide(found), *open_questions]

    return action


def _hosts(words: str, hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else ""
    return f"{words}: {'; '.join(hosts[:SHOWN])}{more}"


def _evidence(hosts: Sequence[str]) -> tuple[str, ...]:
    return (*hosts[:LISTED], *((f"and {len(hosts) - LISTED} more",) if len(hosts) > LISTED else ()))


def _dark(found: Reconciled) -> str:
    return f"; {found.dark} addresses gave no sign of life and count as no hosts" if found.dark else ""


@fleet_check(
    id="POP3S-INV-001",
    title="No listed host has POP3S open and is not looked at",
    severity=Severity.HIGH,
    categories=("default", "safe", "discovery"),
    rationale="A server that nobody knows is kept by nobody, and every audit of the known ones passes it by.",
    remediation="Find its owner, shut the port or add the host and address to the inventory, and audit it.",
    references=("NIST SP 800-53r5 CM-8(3)", "CIS Controls v8.1 1.1, 4.8", "PCI DSS 4.0.1 1.2.5, 12.5.1"),
    applies="to runs that are given a list of hosts",
)
@_given
def nobody_serves_unseen(found: Reconciled) -> Sequence[Finding]:
    """The port is 995, or another one on which a scan found POP3 inside TLS."""
    expected = "no open port on an address that the run does not look at"
    findings = []
    if found.open_strangers:
        count = f"{len(found.open_strangers)} listed hosts serve, and nobody looks at them"
        words = _hosts(count, found.open_strangers)
        findings.append(
            Finding(Status.FAIL, words, expected, f"{len(found.open_strangers)}", _evidence(found.open_strangers))
        )
    if found.open_undecided:
        words = _hosts(f"of {len(found.open_undecided)} listed hosts it can't be told", found.open_undecided)
        findings.append(
            Finding(Status.NOT_TESTED, words, expected, "", _evidence(found.open_undecided), reason="population")
        )
    return findings or [
        Finding(Status.PASS, f"of {found.count} listed hosts none serves unseen{_dark(found)}", expected, "none")
    ]


@fleet_check(
    id="POP3S-INV-002",
    title="Every listed host is in the inventory",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "discovery"),
    rationale="An audit is as complete as its inventory; a list from elsewhere shows what it lacks.",
    remediation="Add the host with its pop3s_intent (closed, where it must not serve), or take it from the list.",
    references=("NIST SP 800-53r5 CM-8", "CIS Controls v8.1 1.1", "AICPA AT-C 205.36 (completeness of information)"),
    applies="to runs that are given a list of hosts",
)
@_given
def every_host_is_known(found: Reconciled) -> Sequence[Finding]:
    """By an address, or by its name."""
    expected = "every listed host"
    findings = []
    if found.strangers:
        count = f"{len(found.strangers)} of {found.count} listed hosts are not in the inventory"
        words = _hosts(count, found.strangers)
        findings.append(Finding(Status.FAIL, words, expected, f"{len(found.strangers)}", _evidence(found.strangers)))
    if found.undecided:
        words = _hosts(f"of {len(found.undecided)} listed hosts it can't be told", found.undecided)
        findings.append(
            Finding(Status.NOT_TESTED, words, expected, "", _evidence(found.undecided), reason="population")
        )
    return findings or [
        Finding(Status.PASS, f"all {found.count} listed hosts are in the inventory{_dark(found)}", expected, "all")
    ]
