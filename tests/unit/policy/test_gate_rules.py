# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate can be told, row by row of the table in `policy.gate.gate`; above all, what it can't be told."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.gate import GateRules, gate
from port995.policy.model import Coverage, Disposition, Exit, Judgement, Result, Severity, Status

AT = "2026-11-24T12:00:00Z"
A, U, X = Disposition.ASSESSED, Disposition.UNREACHABLE, Disposition.EXCLUDED


def judgement(hosts, partial=False, fleet=(), **more):
    """A judgement of hosts by hand: name -> (disposition, statuses of POP3S-VER-001)."""
    results = [Result("POP3S-VER-001", "t", Severity.HIGH, status, None, None, "m") for status in fleet]
    for name, (_what, statuses) in hosts.items():
        results += [Result("POP3S-VER-001", "t", Severity.HIGH, status, name, None, "m") for status in statuses]
    what = {name: one[0] for name, one in hosts.items()}
    found = list(what.values())
    coverage = Coverage(len(found), *(found.count(one) for one in (A, U, X)))
    made = Judgement("r", "p", "s", AT, tuple(results), what, dict.fromkeys(what, Status.PASS), coverage, partial)
    return dataclasses.replace(made, **more)


GOOD = {"a": (A, [Status.PASS]), "b": (A, [Status.PASS])}
FAILS = {"a": (A, [Status.FAIL]), "b": (A, [Status.PASS])}
LOST = {"a": (A, [Status.PASS]), "b": (U, [Status.UNREACHABLE])}
WAIVED = {"a": (A, [Status.WAIVED, Status.WAIVED]), "b": (A, [Status.PASS])}
OPEN = {"a": (A, [Status.NOT_TESTED]), "b": (A, [Status.PASS])}
CUT = {"a": (A, [Status.PASS]), "b": (X, [Status.NOT_TESTED])}


@pytest.mark.parametrize(
    ("found", "rules", "exit_", "incomplete"),
    [
        (judgement(GOOD), GateRules(), Exit.PASSED, False),
        (judgement(FAILS), GateRules(), Exit.FAILED, False),
        (judgement(FAILS), GateRules(Severity.CRITICAL), Exit.PASSED, False),
        (judgement(FAILS), GateRules(checks="POP3S-VER-*"), Exit.FAILED, False),
        (judgement(FAILS), GateRules(checks="POP3S-CERT-*"), Exit.PASSED, False),
        # An open question stops the gate whatever it is of.
        (judgement(OPEN), GateRules(checks="POP3S-CERT-*"), Exit.INCOMPLETE, True),
        (judgement(OPEN), GateRules(Severity.CRITICAL), Exit.INCOMPLETE, True),
        (judgement(OPEN), GateRules(min_coverage=1), Exit.INCOMPLETE, True),
        (judgement(GOOD, fleet=[Status.ERROR]), GateRules(min_coverage=1), Exit.INCOMPLETE, True),
        (judgement(LOST), GateRules(), Exit.INCOMPLETE, True),
        (judgement(LOST), GateRules(min_coverage=51), Exit.INCOMPLETE, True),
        (judgement(LOST), GateRules(min_coverage=50), Exit.PASSED, False),
        (judgement({**LOST, "a": (A, [Status.FAIL])}), GateRules(min_coverage=50), Exit.FAILED, False),
        # Nothing assessed is nothing proven, whatever the tolerance.
        (judgement({"b": (U, [Status.UNREACHABLE])}), GateRules(min_coverage=0.001), Exit.INCOMPLETE, True),
        (judgement({}), GateRules(min_coverage=0.001), Exit.INCOMPLETE, True),
        (judgement({**GOOD, "c": (U, [])}), GateRules(min_coverage=50), Exit.INCOMPLETE, True),
        # Who was excluded is not counted among those that have to be assessed, and still has to be asked for.
        (judgement(CUT), GateRules(min_coverage=50), Exit.INCOMPLETE, True),
        (judgement(CUT, partial=True), GateRules(), Exit.PASSED, False),
        (judgement({**CUT, "c": (U, [Status.ERROR])}, partial=True), GateRules(min_coverage=51), Exit.INCOMPLETE, True),
        (judgement({**CUT, "c": (U, [Status.ERROR])}, partial=True), GateRules(min_coverage=50), Exit.PASSED, False),
        (judgement(WAIVED), GateRules(), Exit.PASSED, False),
        (judgement(WAIVED), GateRules(max_waived=2), Exit.PASSED, False),
        (judgement(WAIVED), GateRules(max_waived=1), Exit.FAILED, False),
        (judgement(WAIVED), GateRules(max_waived=0), Exit.FAILED, False),
        # What can't vouch for itself is never heard, whatever else holds.
        (judgement(FAILS, mistrust=("blind",)), GateRules(), Exit.CANNOT_VOUCH, True),
        (judgement(GOOD, coverage=Coverage(3, 2, 0, 0)), GateRules(min_coverage=1), Exit.CANNOT_VOUCH, True),
    ],
)
def test_the_table_row_by_row(found, rules, exit_, incomplete):
    rules.check()
    verdict = gate(found, rules)
    assert (verdict.exit, verdict.incomplete) == (exit_, incomplete), verdict.reasons
    assert bool(verdict.reasons) is (exit_ is not Exit.PASSED)


@pytest.mark.parametrize(
    ("oldest", "exit_"),
    [
        ("2026-11-24T11:00:00Z", Exit.PASSED),
        ("2026-11-24T10:59:59.500Z", Exit.INCOMPLETE),
        ("2026-11-24T12:04:59Z", Exit.PASSED),
        ("2026-11-24T12:05:01Z", Exit.INCOMPLETE),
        ("", Exit.INCOMPLETE),
        ("yesterday", Exit.INCOMPLETE),
        ("2026-11-24T11:00:00", Exit.INCOMPLETE),
    ],
)
def test_evidence_may_be_as_old_as_was_said(oldest, exit_):
    assert gate(judgement(GOOD), GateRules(max_age=3600), oldest=oldest).exit is exit_
    assert gate(judgement(GOOD), GateRules(), oldest=oldest).exit is Exit.PASSED


def test_a_fail_beside_a_lost_host_is_a_fail_and_incomplete():
    verdict = gate(judgement({**LOST, "a": (A, [Status.FAIL])}))
    assert (verdict.exit, verdict.incomplete) == (Exit.FAILED, True)
    assert len(verdict.reasons) == 3


@pytest.mark.parametrize(
    "rules",
    [
        GateRules(min_coverage=0),
        GateRules(min_coverage=-1),
        GateRules(min_coverage=100.1),
        GateRules(min_coverage=float("nan")),
        GateRules(max_waived=-1),
        GateRules(max_age=0),
        GateRules(max_age=float("inf")),
        GateRules(max_age=float("nan")),
        GateRules(checks="POP3S-NOPE-*"),
        GateRules(checks="("),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules):
    with pytest.raises(ValueError, match="expected|is no check|is missing|ends where"):
        rules.check()


def test_a_waived_group_counts_as_many_as_it_stands_for():
    found = judgement({"group": (A, [Status.WAIVED])}, counts={"group": 500}, coverage=Coverage(500, 500, 0, 0))
    assert gate(found, GateRules(max_waived=500)).exit is Exit.PASSED
    assert gate(found, GateRules(max_waived=499)).exit is Exit.FAILED
