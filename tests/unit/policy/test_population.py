# SPDX-License-Identifier: GPL-3.0-or-later
"""Every host of the plan appears, the equation adds up, and the gate opens only when all is told."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.gate import GateRules, gate
from port995.policy.judge import judge
from port995.policy.model import (
    Coverage,
    Disposition,
    Exit,
    HostPlan,
    Intent,
    Judgement,
    Result,
    Severity,
    Status,
    fold,
)
from port995.policy.registry import all_checks
from port995.probe.model import Resolution

from .certificates import NOW, anchors
from .seen import (
    BASELINE,
    CLOSED,
    companion,
    good_tls,
    judged,
    result_of,
    results_of,
    session,
    status_of,
    target,
    unanswered,
)

SERVE = Intent.SERVE


def test_fleet_of_good_hosts_passes_the_gate():
    judgement = judged([session(), companion()])
    assert gate(judgement).exit is Exit.PASSED
    assert str(judgement.coverage) == "inventory 1 = assessed 1 + unreachable 0 + excluded 0"
    assert status_of(judgement, "FLT-001", None) == "pass"


def test_host_with_a_broken_variable_is_an_error_and_stays_in_the_population():
    plan = [
        HostPlan("mx", SERVE),
        HostPlan("typo", None, ("pop3s_intent: 'closd' is none of serve, internal, closed",)),
    ]
    judgement = judged([session(), companion()], plan=plan)
    assert status_of(judgement, "COV-000", "typo") == "error"
    assert status_of(judgement, "COV-001", "typo") == "error"
    assert judgement.coverage == Coverage(2, 1, 1, 0, {"variables": 1})
    assert judgement.host_status == {"mx": Status.PASS, "typo": Status.ERROR}
    assert gate(judgement).exit is Exit.INCOMPLETE


def test_host_without_any_target_is_not_assessed():
    judgement = judged([], plan=[HostPlan("bare", SERVE)], targets=[])
    assert status_of(judgement, "COV-000", "bare") == "not_tested"
    assert judgement.coverage.reasons == {"no-target": 1}


def test_planned_target_without_an_observation_is_unreachable():
    judgement = judged([])
    assert "no observation in the journal" in result_of(judgement, "COV-000").message
    assert status_of(judgement, "COV-000") == "unreachable"
    assert status_of(judgement, "TLS-001") == "not_tested"
    assert judgement.coverage.reasons == {"no-observation": 1}


def test_excluded_host_is_counted_and_stops_the_gate_unless_the_run_is_partial():
    plan = [HostPlan("mx", SERVE), HostPlan("left", SERVE, excluded="--limit")]
    seen = [session(), companion()]
    judgement = judged(seen, plan=plan)
    assert judgement.coverage == Coverage(2, 1, 0, 1, {"--limit": 1})
    assert judgement.dispositions["left"] is Disposition.EXCLUDED
    assert judgement.host_status["left"] is Status.NOT_TESTED
    assert [r.check_id for r in judgement.results if r.host == "left"] == ["POP3S-COV-000"]
    assert gate(judgement).exit is Exit.INCOMPLETE
    assert gate(judged(seen, plan=plan, partial=True)).exit is Exit.PASSED


def test_partial_run_in_which_everything_was_excluded_does_not_pass():
    judgement = judged([], plan=[HostPlan("left", SERVE, excluded="--limit")], targets=[], partial=True)
    assert gate(judgement).exit is Exit.INCOMPLETE


def test_two_hosts_that_share_a_service_both_get_its_results():
    aim = target(("a", "b"))
    plan = [HostPlan("a", SERVE), HostPlan("b", Intent.CLOSED)]
    judgement = judged([session(aim), companion(aim)], plan=plan, targets=[aim])
    assert status_of(judgement, "PORT-001", "a") == "pass"
    assert status_of(judgement, "PORT-001", "b") == "fail"


def test_empty_population_is_an_error_of_the_fleet():
    judgement = judged([], plan=[], targets=[])
    assert status_of(judgement, "FLT-001", None) == "error"
    assert gate(judgement).exit is Exit.INCOMPLETE


def test_damaged_journal_is_an_error_of_the_fleet():
    judgement = judged([session(), companion()], problems=["journal-x.jsonl line 7 was cut off"])
    assert status_of(judgement, "FLT-001", None) == "error"
    assert gate(judgement).exit is Exit.INCOMPLETE


def test_host_named_twice_breaks_the_equation():
    judgement = judged([session(), companion()], plan=[HostPlan("mx", SERVE), HostPlan("mx", SERVE)])
    assert not judgement.coverage.holds
    assert gate(judgement).exit is Exit.CANNOT_VOUCH
    assert status_of(judgement, "FLT-001", None) == "error"


def test_target_of_a_host_outside_the_population_is_an_error_of_the_fleet():
    aim = target(("mx", "stranger"))
    judgement = judged([session(aim), companion(aim)], targets=[aim])
    assert "stranger" in result_of(judgement, "FLT-001", None).message
    assert status_of(judgement, "FLT-001", None) == "error"


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "e" * 32},
        {"schema": "port995/observation/2"},
        {"port": 996},
        {"service": "imaps"},
        {"target": target(address="192.0.2.66")},
        {"address": "192.0.2.66"},
        {"address": "no address"},
        {"family": 6},
    ],
)
def test_observation_that_is_not_of_this_run_is_noted_and_not_trusted(change):
    judgement = judged([dataclasses.replace(session(), **change), companion()])
    assert status_of(judgement, "COV-000") == "unreachable"
    result = result_of(judgement, "FLT-001", None)
    assert "not trusted" in result.message
    assert len(result.evidence) == 1


def test_observation_of_an_address_that_its_own_name_never_had_is_not_trusted():
    aim = target(address="mail.example.org")
    resolved = Resolution("resolved", ("192.0.2.1",))
    beside = dataclasses.replace(companion(aim), address="192.0.2.1", family=4, resolution=resolved)
    judgement = judged([session(aim, resolution=resolved, address="192.0.2.66"), beside], targets=[aim])
    assert status_of(judgement, "COV-000") == "unreachable"
    assert "not one its name resolved to" in result_of(judgement, "FLT-001", None).message


def test_check_that_breaks_is_an_error_and_costs_nobody_else(monkeypatch):
    def broken(subject):
        raise ZeroDivisionError("oh\nno")

    checks = all_checks()
    checks["POP3S-TLS-002"] = dataclasses.replace(checks["POP3S-TLS-002"], on_endpoint=broken)
    monkeypatch.setattr("port995.policy.judge.all_checks", lambda: checks)
    judgement = judged([session(), companion()])
    assert status_of(judgement, "TLS-002") == "error"
    assert "\n" not in result_of(judgement, "TLS-002").message
    assert status_of(judgement, "TLS-001") == "pass"


def test_check_that_says_nothing_is_not_tested(monkeypatch):
    checks = all_checks()
    checks["POP3S-TLS-002"] = dataclasses.replace(checks["POP3S-TLS-002"], on_endpoint=lambda subject: [])
    monkeypatch.setattr("port995.policy.judge.all_checks", lambda: checks)
    assert status_of(judged([session(), companion()]), "TLS-002") == "not_tested"


def test_narrowed_profile_still_tells_who_was_assessed():
    profile = BASELINE.narrowed(["POP3S-TLS-001"])
    judgement = judged([session(), companion()], profile=profile)
    made = {r.check_id for r in judgement.results if r.check_id not in judgement.deselected}
    assert made == {"POP3S-FLT-001", "POP3S-COV-000", "POP3S-TLS-001"}


def test_clock_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        judge(
            run_id="",
            plan=[],
            targets=[],
            observations=[],
            profile=BASELINE,
            anchors=anchors(),
            at=NOW.replace(tzinfo=None),
        )


def test_host_name_of_two_services_gets_each_of_them():
    aims = [target(), target(port=1995, pop3_port=None)]
    judgement = judged([session(aims[0]), companion(aims[0]), session(aims[1])], targets=aims)
    assert [r.endpoint for r in results_of(judgement, "TLS-001")] == [
        "192.0.2.1:1995/mail.example.org",
        "192.0.2.1:995/mail.example.org",
    ]


def test_messages_are_one_line_whatever_a_host_says():
    nasty = "+OK \x1b[31m\r\n]]>[[ATTACHMENT|x]]"
    seen = session(plaintext=nasty, tls=dataclasses.replace(good_tls(), outcome="not-tls", detail=nasty), pop3=None)
    for result in judged([seen, companion()]).results:
        assert result.message.isprintable(), result


def a_judgement(*statuses, severity=Severity.HIGH, disposition=Disposition.ASSESSED, partial=False):
    """A judgement of one host with these statuses, by hand."""
    results = tuple(Result(f"X-{n}", "t", severity, status, "h", None, "m") for n, status in enumerate(statuses))
    counted = [disposition is d for d in (Disposition.ASSESSED, Disposition.UNREACHABLE, Disposition.EXCLUDED)]
    coverage = Coverage(1, *map(int, counted))
    return Judgement("r", "p", "s", "t", results, {"h": disposition}, {"h": Status.PASS}, coverage, partial)


@pytest.mark.parametrize(
    ("statuses", "exit_", "incomplete"),
    [
        ([Status.PASS], Exit.PASSED, False),
        ([Status.PASS, Status.WAIVED, Status.NOT_APPLICABLE], Exit.PASSED, False),
        ([Status.PASS, Status.FAIL], Exit.FAILED, False),
        ([Status.PASS, Status.NOT_TESTED], Exit.INCOMPLETE, True),
        ([Status.PASS, Status.UNREACHABLE], Exit.INCOMPLETE, True),
        ([Status.PASS, Status.ERROR], Exit.INCOMPLETE, True),
        ([Status.PASS, Status.MANUAL], Exit.INCOMPLETE, True),
        ([Status.FAIL, Status.NOT_TESTED], Exit.FAILED, True),
        ([], Exit.INCOMPLETE, True),
    ],
)
def test_truth_table_of_the_gate(statuses, exit_, incomplete):
    verdict = gate(a_judgement(*statuses))
    assert (verdict.exit, verdict.incomplete) == (exit_, incomplete)
    assert bool(verdict.reasons) == (exit_ is not Exit.PASSED)


@pytest.mark.parametrize(
    ("severity", "fail_on", "exit_"),
    [
        (Severity.HIGH, Severity.HIGH, Exit.FAILED),
        (Severity.CRITICAL, Severity.HIGH, Exit.FAILED),
        (Severity.MEDIUM, Severity.HIGH, Exit.PASSED),
        (Severity.INFO, Severity.LOW, Exit.PASSED),
        (Severity.LOW, Severity.LOW, Exit.FAILED),
    ],
)
def test_fail_counts_from_the_severity_that_was_asked_for(severity, fail_on, exit_):
    assert gate(a_judgement(Status.FAIL, severity=severity), GateRules(fail_on)).exit is exit_


def test_open_question_stops_the_gate_whatever_its_severity():
    assert (
        gate(a_judgement(Status.NOT_TESTED, severity=Severity.INFO), GateRules(Severity.CRITICAL)).exit is Exit.INCOMPLETE
    )


def test_failed_and_incomplete_says_both():
    verdict = gate(a_judgement(Status.FAIL, Status.ERROR))
    assert verdict.exit is Exit.FAILED
    assert any("fail" in reason for reason in verdict.reasons)
    assert any("error" in reason for reason in verdict.reasons)


def test_unreachable_disposition_alone_stops_the_gate():
    assert gate(a_judgement(Status.PASS, disposition=Disposition.UNREACHABLE)).exit is Exit.INCOMPLETE


def test_counts_that_contradict_the_hosts_can_not_be_vouched_for():
    good = a_judgement(Status.PASS)
    assert gate(dataclasses.replace(good, coverage=Coverage(1, 0, 0, 0))).exit is Exit.CANNOT_VOUCH
    assert gate(dataclasses.replace(good, coverage=Coverage(2, 2, 0, 0))).exit is Exit.CANNOT_VOUCH
    assert gate(dataclasses.replace(good, dispositions={"h": Disposition.UNREACHABLE})).exit is Exit.CANNOT_VOUCH
    assert gate(dataclasses.replace(good, host_status={})).exit is Exit.CANNOT_VOUCH


def test_reasons_are_bounded():
    verdict = gate(a_judgement(*[Status.FAIL] * 500))
    assert len(verdict.reasons) == 21
    assert "480 more" in verdict.reasons[-1]


def test_dark_closed_and_good_hosts_are_told_apart_in_one_run():
    plan = [HostPlan(n, SERVE) for n in ("good", "dark", "refusing")]
    aims = [target((n,), f"192.0.2.{i}") for i, n in enumerate(("good", "dark", "refusing"), 1)]
    seen = [session(aims[0]), companion(aims[0]), unanswered(CLOSED, aims[2]), companion(aims[2])]
    judgement = judged(seen, plan=plan, targets=aims)
    assert judgement.host_status == {"good": Status.PASS, "dark": Status.UNREACHABLE, "refusing": Status.FAIL}
    verdict = gate(judgement)
    assert (verdict.exit, verdict.incomplete) == (Exit.FAILED, True)


def test_endpoint_that_was_cut_off_in_the_middle_is_not_assessed():
    judgement = judged([session(not_tested="deadline", pop3=None), companion()])
    assert status_of(judgement, "PORT-001") == "pass"
    assert status_of(judgement, "COV-000") == "not_tested"
    assert judgement.coverage == Coverage(1, 0, 1, 0, {"deadline": 1})


def test_nothing_folds_into_not_tested():
    assert fold([]) is Status.NOT_TESTED
    assert fold([Status.PASS, Status.NOT_APPLICABLE]) is Status.PASS
    assert fold([Status.PASS, Status.WAIVED, Status.MANUAL]) is Status.MANUAL
    assert fold(Status) is Status.ERROR
