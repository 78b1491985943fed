# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate with a baseline stops on what is new, and on nothing that was there before."""

from __future__ import annotations

import copy
import dataclasses
import json

import jsonschema
import pytest

from port995.policy.baseline import BaselineError, apply_baseline, make_baseline, read_baseline
from port995.policy.gate import gate
from port995.policy.model import Exit, GateVerdict, HostPlan, Intent, Result, Severity, Status
from port995.policy.registry import WITH_INPUT
from port995.report import schema
from port995.report.json_report import to_json
from port995.report.run_header import RunHeader

from .certificates import DAY, NOW
from .seen import BASELINE, FILTERED, judged, result_of, session, status_of, target, unanswered

PROFILE = BASELINE.with_checks(WITH_INPUT["baseline.json"])
CHECK = "POP3S-PORT-001"
PLAN = [HostPlan(f"mx{n}", Intent.CLOSED) for n in (1, 2)]
TARGETS = [target((f"mx{n}",), f"192.0.2.{n}", server_name="mx.example.org", pop3_port=None) for n in (1, 2)]
PASSED = GateVerdict(Exit.PASSED, False, ())


def judgement(seen, **options):
    plan = options.pop("plan", PLAN)
    return judged(seen, plan=plan, targets=TARGETS, profile=PROFILE, **options)


def report(found, run_id="1" * 32):
    header = RunHeader(run_id, "2026-11-24T12:00:00Z", tuple(PLAN), tuple(TARGETS), "baseline", PROFILE.sha256, "ca", "0")
    return to_json(dataclasses.replace(found, run_id=run_id), PASSED, header)


def baseline(*reports, expires=NOW + 30 * DAY, created=NOW - DAY):
    data = make_baseline(reports, created, expires)
    return read_baseline(json.dumps(data).encode(), "b.json")


BOTH = [session(one) for one in TARGETS]
ONE = [session(TARGETS[0]), unanswered(FILTERED, TARGETS[1])]


def words(found):
    return {r.host: r.baseline for r in found.results if r.check_id == CHECK and r.status is Status.FAIL}


def test_what_failed_before_is_known_and_what_did_not_is_new():
    known = baseline(report(judgement(ONE)))
    found = judgement(BOTH, baseline=known)
    assert words(found) == {"mx1": "known", "mx2": "new"}
    assert [line for line in gate(found).reasons if CHECK in line and "mx1" in line] == []
    assert [line for line in gate(found).reasons if CHECK in line and "mx2" in line]


def test_a_known_fail_stays_a_fail_in_the_report():
    found = judgement(BOTH, baseline=baseline(report(judgement(BOTH))))
    assert status_of(found, CHECK, "mx1") == "fail"
    assert found.host_status["mx1"] is judgement(BOTH).host_status["mx1"]


def test_without_a_baseline_nothing_is_said():
    assert words(judgement(BOTH)) == {"mx1": "", "mx2": ""}


@pytest.mark.parametrize(
    ("at", "word", "status"),
    [
        (NOW + 29 * DAY, "known", "pass"),
        (NOW + 30 * DAY, "new", "fail"),
        (NOW - 2 * DAY, "new", "fail"),
    ],
)
def test_outside_of_its_time_nothing_is_known(at, word, status):
    found = judgement(BOTH, baseline=baseline(report(judgement(BOTH))), at=at)
    assert words(found)["mx1"] == word
    assert status_of(found, "POP3S-BASE-002", None) == status


def a_result(*facts, status=Status.FAIL, endpoint="192.0.2.1:995", host="mx"):
    return Result("POP3S-CIPH-001", "t", Severity.HIGH, status, host, endpoint, "m", facts=facts)


def of_facts(*results, **entry):
    fields = {"host": "mx", "endpoint": "192.0.2.1:995", "check_id": "POP3S-CIPH-001", "facts": ["A", "B"], "runs": 1}
    data = make_baseline([report(judgement(BOTH))], NOW - DAY, NOW + DAY)
    data["known"] = [{**fields, **entry}]
    known = read_baseline(json.dumps(data).encode(), "b.json")
    return [one.baseline for one in apply_baseline(known, ["mx"], results, NOW)[0]]


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (a_result("A", "B"), "known"),
        (a_result("A"), "known"),
        (a_result("A", "C"), "new"),
        (a_result("A", "B", "C"), "new"),
        (a_result(), "new"),
        (a_result("A", endpoint="192.0.2.1:995/mx.example.org"), "new"),
        (a_result("A", endpoint="192.0.2.1:996"), "new"),
        (a_result("A", host="other"), "new"),
        (a_result("A", status=Status.PASS), ""),
        (a_result("A", status=Status.NOT_TESTED), ""),
    ],
)
def test_one_more_fact_or_another_place_is_new(result, word):
    assert of_facts(result) == [word]


def test_what_failed_in_some_of_several_runs_flaps_and_counts():
    known = baseline(report(judgement(BOTH), "1" * 32), report(judgement(ONE), "2" * 32))
    found = judgement(BOTH, baseline=known)
    assert words(found) == {"mx1": "known", "mx2": "flapping"}
    assert any("mx2" in line and CHECK in line for line in gate(found).reasons)


def test_a_host_that_vanished_is_a_finding():
    known = baseline(report(judgement(BOTH)))
    found = judged([session(TARGETS[0])], plan=PLAN[:1], targets=TARGETS[:1], profile=PROFILE, baseline=known)
    result = result_of(found, "POP3S-BASE-001", None)
    assert (result.status, result.observed) == (Status.FAIL, "mx2")
    assert status_of(judgement(BOTH, baseline=known), "POP3S-BASE-001", None) == "pass"


def test_a_host_that_was_left_out_of_the_run_has_not_vanished():
    known = baseline(report(judgement(BOTH)))
    plan = [PLAN[0], HostPlan("mx2", None, (), "--limit")]
    found = judged([session(TARGETS[0])], plan=plan, targets=TARGETS[:1], profile=PROFILE, baseline=known)
    assert status_of(found, "POP3S-BASE-001", None) == "pass"


@pytest.mark.parametrize("check", WITH_INPUT["baseline.json"])
def test_without_one_its_checks_do_not_apply(check):
    assert status_of(judgement(BOTH), check, None) == "not_applicable"


def test_silence_is_never_known():
    """A fail that was known and is not seen any more is not tested, and stops the gate."""
    known = baseline(report(judgement(BOTH)))
    found = judgement([session(TARGETS[0]), unanswered(FILTERED, TARGETS[1])], baseline=known,
                      plan=[HostPlan("mx1", Intent.CLOSED), HostPlan("mx2", Intent.SERVE)])
    assert gate(found).exit is not Exit.PASSED
    assert gate(found).incomplete


GOOD = make_baseline([report(judgement(BOTH))], NOW - DAY, NOW + DAY)


def spoilt(**more):
    return json.dumps({**copy.deepcopy(GOOD), **more}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        spoilt(schema="port995/baseline/2"),
        spoilt(more=1),
        spoilt(created="2026-11-24T12:00:00"),
        spoilt(expires="2028-11-24T12:00:00Z"),
        spoilt(expires=GOOD["created"]),
        spoilt(runs=[]),
        spoilt(known=[{}]),
        spoilt(known=[{**GOOD["known"][0], "facts": []}]),
        spoilt(known=[{**GOOD["known"][0], "runs": 2}]),
        spoilt(known=[{**GOOD["known"][0], "runs": True}]),
        spoilt(known=[GOOD["known"][0], GOOD["known"][0]]),
        spoilt(hosts="mx1"),
    ],
)
def test_a_spoilt_baseline_is_refused(raw):
    with pytest.raises(BaselineError, match="b.json: .*port995 baseline RUN"):
        read_baseline(raw, "b.json")


def test_a_baseline_that_is_whole_is_read():
    assert read_baseline(spoilt(), "b.json").known


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        ([], "at least one"),
        ([report(judgement(BOTH))] * 2, "the same run is given twice"),
        (
            [report(judgement(BOTH)), {**report(judgement(BOTH), "2" * 32), "profile": {"id": "o", "sha256": "0"}}],
            "different profiles",
        ),
    ],
)
def test_runs_that_make_no_baseline_are_told(reports, words):
    with pytest.raises(BaselineError, match=words):
        make_baseline(reports, NOW, NOW + DAY)


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_a_baseline_lives_at_most_a_year(days):
    with pytest.raises(BaselineError, match="within 366 days"):
        make_baseline([report(judgement(BOTH))], NOW, NOW + days * DAY)


def test_what_is_made_fits_the_published_schema():
    validator = jsonschema.Draft202012Validator(schema.load("baseline-1"))
    validator.validate(GOOD)
    for raw in (spoilt(more=1), spoilt(runs=[]), spoilt(known=[{}])):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(json.loads(raw))


def test_a_fact_that_only_some_of_the_runs_had_is_not_known():
    first, second = report(judgement(BOTH), "1" * 32), report(judgement(BOTH), "2" * 32)
    place = {"host": "mx1", "check_id": CHECK}
    for told, facts in ((first, ["A", "B"]), (second, ["A", "C"])):
        for one in told["results"]:
            if all(one[key] == value for key, value in place.items()):
                one["facts"] = facts
    entry = next(one for one in make_baseline([first, second], NOW, NOW + DAY)["known"] if one["host"] == "mx1" and one["check_id"] == CHECK)
    assert (entry["facts"], entry["runs"]) == (["A"], 2)
    for one in second["results"]:
        if all(one[key] == value for key, value in place.items()):
            one["facts"] = ["C"]
    entry = next(one for one in make_baseline([first, second], NOW, NOW + DAY)["known"] if one["host"] == "mx1" and one["check_id"] == CHECK)
    assert entry["runs"] == 1, "nothing is known: it flaps"
