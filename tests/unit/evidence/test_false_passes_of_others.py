# SPDX-License-Identifier: GPL-3.0-or-later
"""Situations in which tools of this kind told good news that was none, taken from what their users reported. Each test is
one situation; the numbers are those of the list they come from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, JUnitXml, Skipped
from typer.testing import CliRunner

from port995.cli import app
from port995.evidence.conclude import Conclusion, conclude, read_gate
from port995.evidence.run_folder import RunError, open_run
from port995.nmap.model import NmapRun
from port995.nmap.observe import unaccounted
from port995.policy.baseline import make_baseline, read_baseline
from port995.policy.gate import GateRules, gate
from port995.policy.model import Exit, GateVerdict, HostPlan, Intent, Judgement, Severity, Status
from port995.policy.own_checks import OwnFile, load_own
from port995.policy.registry import WITH_INPUT, adding
from port995.policy.waiver_file import read_waivers
from port995.policy.waivers import WaiverError
from port995.probe.model import Resolution, TcpConnect
from port995.report.json_report import to_json
from port995.report.run_header import RunHeader
from tests.unit.policy import seen as given
from tests.unit.policy.certificates import DAY, NOW
from tests.unit.policy.hellos import good_hellos
from tests.unit.policy.seen import CLOSED, FILTERED, companion, judged, result_of, session, status_of, unanswered

from . import runs

HOSTS = [f"mx{n}" for n in range(1, 11)]
PLAN = [HostPlan(name, Intent.SERVE) for name in HOSTS]
TARGETS = [given.target((name,), f"192.0.2.{n}") for n, name in enumerate(HOSTS, 1)]
LEAF = given.good_tls().certificates[0]


def in_junit(host: str) -> str:
    """A host as it stands in a class name, whose parts are joined by dots."""
    return host.replace(".", "_")


def served(*numbers: int) -> list[Any]:
    return [one for n in numbers for one in (session(TARGETS[n]), companion(TARGETS[n]))]


def fleet(seen: list[Any], **options: Any) -> Judgement:
    return judged(seen, plan=PLAN, targets=TARGETS, **options)


def finished(tmp_path: Path, observations: list[Any] | None = None, **more: Any) -> Conclusion:
    return conclude(runs.finished_probe(tmp_path / "run", observations, **more), at=runs.NOW)


def cases(tmp_path: Path) -> list[Any]:
    return [case for suite in JUnitXml.fromfile(str(tmp_path / "run" / "TEST-port995.xml")) for case in suite]


# 1: nine of ten hosts were unreachable, the JUnit file had the tenth alone, and the run was a success.
def test_hosts_that_were_not_reached_stand_in_junit_and_stop_the_gate(tmp_path: Path) -> None:
    aims = runs.TARGETS
    seen = [one for one in runs.all_seen() if one.target == aims[0]]
    found = finished(tmp_path, seen)
    assert found.gate.exit is Exit.INCOMPLETE
    lost = [case for case in cases(tmp_path) if in_junit(runs.HOSTS[1]) in case.classname]
    assert any(isinstance(result, Error) for case in lost for result in case.result)


def test_nine_of_ten_unreachable_is_no_success() -> None:
    found = fleet(served(0))
    assert (found.coverage.assessed, found.coverage.unreachable) == (1, 9)
    assert gate(found).exit is Exit.INCOMPLETE


# 2, 22: no host matched, so nothing failed.
def test_a_run_over_no_hosts_is_no_success(tmp_path: Path) -> None:
    found = judged([], plan=[], targets=[])
    assert status_of(found, "POP3S-FLT-001", None) == "error" and gate(found).exit is Exit.INCOMPLETE
    (tmp_path / "hosts").write_text("# none\n")
    assert CliRunner().invoke(app, ["audit", "-iL", str(tmp_path / "hosts")]).exit_code == 2


# 3: the exit code of an unreachable host was documented as another one.
def test_what_was_not_reached_is_exit_code_3_and_what_is_wrong_1() -> None:
    assert int(gate(fleet(served(0))).exit) == 3
    wrong = [*served(*range(9)), unanswered(CLOSED, TARGETS[9]), companion(TARGETS[9])]
    assert int(gate(fleet(wrong)).exit) == 1


# 4: a control without a test in it passed, or was gone from the results.
def test_a_check_that_says_nothing_does_not_pass_and_does_not_vanish() -> None:
    text = """
from port995_checks import Severity, endpoint_check
@endpoint_check(id="X-EMPTY-001", title="Says nothing", severity=Severity.LOW, categories=("safe",), rationale="x",
                remediation="x", references=("x",), applies="x")
def empty(subject):
    return []
"""
    loaded = load_own([OwnFile("empty.py", text.encode())])
    with adding(loaded.checks):
        found = judged([session(), companion()], profile=given.BASELINE.with_checks(["X-EMPTY-001"]))
    assert [r.status for r in found.results if r.check_id == "X-EMPTY-001"] == [Status.ERROR]
    assert gate(found).exit is Exit.INCOMPLETE


def test_every_check_of_the_profile_has_a_result_for_every_host_that_was_seen_or_not() -> None:
    every = {r.check_id for r in fleet(served(*range(10))).results if r.host == "mx1"}
    for seen in ([], served(1), [unanswered(FILTERED, TARGETS[0])]):
        assert {r.check_id for r in fleet(seen).results if r.host == "mx1"} == every


# 5: a file that was missing was skipped, and skipped was as good as passed.
@pytest.mark.parametrize("name", ["journal-controller.jsonl", "profile.yml", "anchors.pem"])
def test_a_file_of_the_evidence_that_is_missing_is_no_skip(tmp_path: Path, name: str) -> None:
    run = runs.finished_probe(tmp_path / "run")
    (run.path / name).unlink()
    try:
        found = conclude(open_run(run.path), at=runs.NOW)
    except RunError:
        assert not (run.path / "gate.json").exists()
    else:
        assert found.gate.exit is Exit.INCOMPLETE


# 6: what did not apply broke the pipeline, or what was skipped did not: users asked for both to be said.
def test_what_does_not_apply_stops_nothing_and_what_was_left_out_does_unless_a_part_was_asked_for() -> None:
    whole = judged([session(), companion()])
    assert any(r.status is Status.NOT_APPLICABLE for r in whole.results) and gate(whole).exit is Exit.PASSED
    left_out = [HostPlan("mx", Intent.SERVE), HostPlan("other", excluded="--limit")]
    for partial, code in ((False, Exit.INCOMPLETE), (True, Exit.PASSED)):
        assert gate(judged([session(), companion()], plan=left_out, partial=partial)).exit is code


# 7: a host that answers a ping had its closed port reported as reachable.
def test_a_host_that_is_alive_elsewhere_does_not_serve() -> None:
    found = judged([unanswered(CLOSED), companion()])
    assert status_of(found, "PORT-001") == "fail"
    found = judged([unanswered(FILTERED), companion()])
    assert status_of(found, "PORT-001") == "unreachable" and gate(found).exit is Exit.INCOMPLETE


# 8: the year of a waiver's date was read and the rest was not; one that had ended was shown as waived.
@pytest.mark.parametrize("expires", ["2027", "2027-01", "2026-12-20", "2026-12-20T00:00:00", "20 Dec 2026"])
def test_an_end_that_is_no_moment_is_refused(expires: str) -> None:
    with pytest.raises(WaiverError):
        read_waivers(waiver(expires=expires), "w.yml")


def waiver(**more: str) -> bytes:
    fields = {
        "id": "W-1", "hosts": "[mx]", "checks": "[POP3S-PORT-001]", "reason": "x", "ticket": "T-1",
        "requested_by": "a", "approved_by": "b", "created": "2026-11-20T00:00:00Z", "expires": "2026-12-20T00:00:00Z",
        **more,
    }  # fmt: skip
    lines = [f"{'  - ' if n == 0 else '    '}{key}: {value}" for n, (key, value) in enumerate(fields.items())]
    return "\n".join(["schema: port995/waivers/1", "waivers:", *lines]).encode()


def test_a_waiver_that_has_ended_waives_nothing_from_its_first_second_on() -> None:
    waivers = read_waivers(waiver(), "w.yml")
    profile = given.BASELINE.with_checks(WITH_INPUT["waivers.yml"])
    end = waivers.entries[0].expires
    for at, status in ((end - DAY / 86400, "waived"), (end, "fail")):
        found = judged([unanswered(CLOSED), companion()], waivers=waivers, profile=profile, at=at)
        assert status_of(found, "PORT-001") == status


# 16: nobody was told of ignored findings, nor of ignores that match nothing any more.
def test_what_is_waived_is_listed_and_a_waiver_for_nothing_is_told() -> None:
    profile = given.BASELINE.with_checks(WITH_INPUT["waivers.yml"])
    found = judged([session(), companion()], waivers=read_waivers(waiver(hosts="[gone]"), "w.yml"), profile=profile)
    assert status_of(found, "POP3S-WVR-002", None) == "fail"
    found = judged([unanswered(CLOSED), companion()], waivers=read_waivers(waiver(), "w.yml"), profile=profile)
    assert result_of(found, "PORT-001").waiver == "W-1"


# 9: reports of several targets could not be one. See test_merge.py.


# 10, 23: the JUnit file did not say which host failed, nor why.
def test_junit_names_host_and_cause_in_every_case_that_is_not_a_pass(tmp_path: Path) -> None:
    finished(tmp_path, [])
    told = [(case, result) for case in cases(tmp_path) for result in case.result]
    assert told
    for case, result in told:
        assert result.message and result.message.strip()
    for host in runs.HOSTS:
        assert any(in_junit(host) in case.classname for case, _result in told)


# 12: a baseline knew a finding without its place, and so hid another one.
def test_a_baseline_hides_nothing_that_is_elsewhere() -> None:
    plan = [HostPlan(name, Intent.CLOSED) for name in ("mx1", "mx2")]
    aims = [dataclasses.replace(TARGETS[n], pop3_port=None) for n in (0, 1)]
    one = [session(aims[0]), unanswered(FILTERED, aims[1])]
    profile = given.BASELINE.with_checks(WITH_INPUT["baseline.json"])
    before = judged(one, plan=plan, targets=aims, profile=profile)
    report = as_report(before, plan, aims)
    known = read_baseline(json.dumps(make_baseline([report], NOW - DAY, NOW + DAY)).encode(), "b.json")
    after = judged([session(aim) for aim in aims], plan=plan, targets=aims, profile=profile, baseline=known)
    words = {r.host: r.baseline for r in after.results if r.check_id == "POP3S-PORT-001"}
    assert words == {"mx1": "known", "mx2": "new"}
    # 13: and the report was empty of what is known.
    assert status_of(after, "PORT-001", "mx1") == "fail"
    # 21: and what was not looked at this time counted as mended.
    gone = judged([session(aims[1])], plan=plan, targets=aims, profile=profile, baseline=known)
    assert gone.host_status["mx1"] is Status.UNREACHABLE and gate(gone).incomplete


def as_report(found: Judgement, plan: list[HostPlan], aims: list[Any]) -> dict[str, Any]:
    header = RunHeader("1" * 32, "2026-11-24T12:00:00Z", tuple(plan), tuple(aims), "baseline", "0" * 64, "ca", "0")
    document: dict[str, Any] = to_json(
        dataclasses.replace(found, run_id="1" * 32), GateVerdict(Exit.FAILED, False, ("x",)), header
    )
    return document


# 14: a scan without findings had no tests in it, so nothing showed that it ran.
def test_a_clean_run_shows_what_it_looked_at(tmp_path: Path) -> None:
    found = finished(tmp_path)
    assert found.gate.exit is Exit.PASSED
    names = " ".join(case.classname for case in cases(tmp_path))
    assert all(in_junit(host) in names for host in runs.HOSTS) and len(cases(tmp_path)) > 20
    document = json.loads((tmp_path / "run" / "report.json").read_text())
    assert document["activity"]["observations"] == 8


# 15: to fail on heavy findings only, the light ones had to be given up.
def test_light_fails_are_told_where_heavy_ones_alone_stop_the_gate() -> None:
    found = judged([session(), companion()])
    light = [dataclasses.replace(r, status=Status.FAIL, severity=Severity.LOW) if r.check_id == "POP3S-POP-001" else r
             for r in found.results]  # fmt: skip
    changed = dataclasses.replace(found, results=tuple(light))
    assert gate(changed, GateRules(fail_on=Severity.HIGH)).exit is Exit.PASSED
    assert gate(changed).exit is Exit.FAILED
    assert any(r.status is Status.FAIL for r in changed.results)


# 17, 18: hosts beyond an error limit were skipped without a word, or printed like findings.
def test_hosts_that_a_deadline_cut_off_are_named_with_the_word_and_are_no_findings() -> None:
    late = [session(TARGETS[1], tcp=None, tls=None, pop3=None, not_tested="deadline"), companion(TARGETS[1])]
    found = fleet([*served(0, *range(2, 10)), *late])
    assert status_of(found, "COV-000", "mx2") == "not_tested"
    assert "deadline" in result_of(found, "COV-000", "mx2").message
    verdict = gate(found)
    assert verdict.exit is Exit.INCOMPLETE and any("mx2" in reason for reason in verdict.reasons)
    assert not [r for r in found.results if r.host == "mx2" and r.status is Status.FAIL]


# 19: waived and not applicable were one, and no two tools counted alike.
def test_waived_and_not_applicable_are_two_and_the_counts_add_up(tmp_path: Path) -> None:
    found = finished(tmp_path, [one for one in runs.all_seen() if one.target == runs.TARGETS[0]])
    document = json.loads((tmp_path / "run" / "report.json").read_text())
    counts = {status.value: sum(r.status is status for r in found.judgement.results) for status in Status}
    assert document["counts"] == counts and sum(counts.values()) == len(document["results"])
    skipped = [r.message.split(":")[0] for case in cases(tmp_path) for r in case.result if isinstance(r, Skipped)]
    assert {"NOT TESTED", "N/A"} <= set(skipped)


# 20: what was not checked was not explained.
def test_what_is_not_a_pass_says_why() -> None:
    for seen in ([], [unanswered(FILTERED)], [session(tls=None, pop3=None), companion()]):
        assert all(r.message.strip() for r in judged(seen).results)


# 24: a character that XML does not know made the whole report unreadable.
def test_what_a_server_says_breaks_no_report(tmp_path: Path) -> None:
    evil = "+OK \x00\x1b[2J]]>&<\ud800\ufffe\x85"
    noisy = [dataclasses.replace(one, tcp=TcpConnect("unknown", evil, evil)) for one in runs.all_seen()]
    found = finished(tmp_path, noisy)
    assert cases(tmp_path) and found.gate.exit is Exit.INCOMPLETE
    json.loads((tmp_path / "run" / "report.json").read_text())


# 25 and by reading code: a handshake that ended in a timeout, a refusal or nothing was "the version is off".
@pytest.mark.parametrize("outcome", ["timeout", "eof", "reset", "failed", "not-tested"])
def test_an_offer_of_an_old_version_without_an_answer_is_not_its_absence(outcome: str) -> None:
    hellos = tuple(
        dataclasses.replace(one, outcome=outcome, alert=None, octets_received=0, head="") if one.version < 0x0303 else one
        for one in good_hellos(LEAF)
    )
    assert hellos != good_hellos(LEAF)
    found = judged([session(hellos=hellos), companion()])
    old = [r for r in found.results if r.check_id in ("POP3S-VER-001", "POP3S-VER-002", "POP3S-VER-003", "POP3S-VER-004")]
    assert any(r.status is Status.NOT_TESTED for r in old), [(r.check_id, r.status) for r in old]
    assert gate(found).exit is Exit.INCOMPLETE


@pytest.mark.parametrize(
    "tcp", [FILTERED, CLOSED, TcpConnect("unknown", "no-route"), TcpConnect("unknown", "too-many-files")]
)
def test_a_port_that_does_not_answer_proves_nothing_of_versions_and_suites(tcp: TcpConnect) -> None:
    found = judged([unanswered(tcp), companion()])
    about = [r for r in found.results if r.check_id.startswith(("POP3S-VER-", "POP3S-CIPH-", "POP3S-CERT-")) and r.endpoint]
    assert about and not [r for r in about if r.status is Status.PASS]
    assert gate(found).exit is not Exit.PASSED


# By reading code: a tool that could not list listeners had listed none, so the port was "not listening".
def test_a_port_is_not_closed_because_the_probe_could_not_try() -> None:
    aim = given.target(pop3_port=None)
    tried = [session(aim, tcp=None, tls=None, pop3=None, hellos=(), extras=None, not_tested=word, source=source)
             for word, source in (("no-route", "198.51.100.1"), ("internal-error", "198.51.100.2"))]  # fmt: skip
    found = judged(tried, intent=Intent.CLOSED, targets=[aim])
    assert status_of(found, "PORT-001") in ("error", "not_tested") and gate(found).exit is Exit.INCOMPLETE


def test_silence_is_not_closed() -> None:
    aim = given.target(pop3_port=None)
    found = judged([unanswered(FILTERED, aim, source=s) for s in ("198.51.100.1", "198.51.100.2")],
                   intent=Intent.CLOSED, targets=[aim])  # fmt: skip
    assert status_of(found, "PORT-001") == "unreachable" and gate(found).exit is Exit.INCOMPLETE


# By reading code: a name that does not resolve was a target less, with exit code 0.
def test_a_name_that_does_not_resolve_is_an_error_of_its_host() -> None:
    lost = session(tcp=None, tls=None, pop3=None, hellos=(), extras=None, address=None, resolution=Resolution("not-found"))
    found = judged([lost])
    assert found.host_status["mx"] is Status.ERROR and gate(found).exit is Exit.INCOMPLETE


def test_a_target_that_nmap_did_not_resolve_is_missed() -> None:
    run = NmapRun("scan.xml", arguments="nmap -oX - mail.example.org gone.example.org")
    assert unaccounted(run, ["192.0.2.1", "mail.example.org"]) == ["gone.example.org"]


# 25: "fleet scan complete: 1 succeeded", and no report had come.
def test_a_run_without_its_report_has_no_verdict(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "run" / "report.json").unlink()
    with pytest.raises(RunError):
        read_gate(tmp_path / "run")
    assert CliRunner().invoke(app, ["gate", str(tmp_path / "run")]).exit_code == 4
