# SPDX-License-Identifier: GPL-3.0-or-later
"""The JUnit report as its readers see it: junitparser, Jenkins' schema, and GitLab's habits."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from port995.policy.gate import gate
from port995.policy.model import Coverage, Disposition, Exit, HostPlan, Judgement, Severity, Status
from port995.policy.registry import all_checks
from port995.probe.model import Vantage
from port995.report import junit as junit_report
from port995.report.activity import Activity, VantageActivity
from port995.report.junit import COVERAGE_CHECK, to_junit
from port995.report.junit_names import FLEET, UniqueNames, case_name, classname

from .judgements import (
    HOSTILE,
    cases_of,
    coverage_result,
    every_status,
    five_hosts,
    good_host,
    header_of,
    judgement_of,
    result,
    told,
)

SCHEMA = Path(__file__).resolve().parents[4] / "shared" / "schemas" / "junit-10.xsd"


def case_of(judgement: Judgement, words: str, class_: str = ""):
    """The one case with these words in its name, as junitparser reads it."""
    report = JUnitXml.fromstring(to_junit(*told(judgement)).encode())
    found = [case for suite in report for case in suite if words in case.name and class_ in case.classname]
    if len(found) != 1:
        raise LookupError(f"{len(found)} cases are called {words}")
    return found[0]


@pytest.mark.parametrize("judgement", [every_status(), five_hosts(), good_host()])
def test_the_report_fits_the_schema_of_jenkins(judgement: Judgement) -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema junit-10.xsd is not beside the repository")
    xmlschema = pytest.importorskip("xmlschema")
    errors = list(xmlschema.XMLSchema(str(SCHEMA)).iter_errors(to_junit(*told(judgement))))
    assert errors == []


def test_the_schema_would_refuse_a_wrong_report() -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema junit-10.xsd is not beside the repository")
    xmlschema = pytest.importorskip("xmlschema")
    wrong = to_junit(*told(good_host())).replace('errors="0" failures', 'disabled="0" errors="0" failures', 1)
    assert not xmlschema.XMLSchema(str(SCHEMA)).is_valid(wrong)


def test_a_fail_is_a_failure_that_says_all_in_its_text() -> None:
    (outcome,) = case_of(every_status(), "POP3S-TLS-003").result
    assert isinstance(outcome, Failure)
    assert outcome.message == "fail was what came out"
    for words in ("fail was what came out", "expected: what should be", "observed: what was", "second fact", "do this"):
        assert words in outcome.text


@pytest.mark.parametrize(("check", "kind"), [("POP3S-TLS-001", "error"), ("POP3S-TLS-002", "unreachable")])
def test_error_and_unreachable_are_errors_of_that_type(check: str, kind: str) -> None:
    (outcome,) = case_of(every_status(), check).result
    assert isinstance(outcome, Error)
    assert outcome.type == kind


@pytest.mark.parametrize(
    ("check", "word"),
    [
        ("POP3S-TLS-004", "NOT TESTED: "),
        ("POP3S-TLS-005", "MANUAL: "),
        ("POP3S-TLS-006", "WAIVED: "),
        ("POP3S-TLS-008", "N/A: "),
    ],
)
def test_what_was_not_decided_is_skipped_with_the_word_first(check: str, word: str) -> None:
    (outcome,) = case_of(every_status(), check).result
    assert isinstance(outcome, Skipped)
    assert outcome.message.startswith(word)
    assert outcome.text.startswith(word)


def test_only_a_pass_has_no_result_element() -> None:
    report = JUnitXml.fromstring(to_junit(*told(every_status())).encode())
    clean = [case.name for suite in report for case in suite if not case.result]
    assert len(clean) == 3  # the pass, the coverage of the host, the fleet's equation
    assert all("POP3S-TLS-007" in name or COVERAGE_CHECK in name or "FLT" in name for name in clean)


def test_five_hosts_have_five_classnames_and_their_statuses() -> None:
    report = JUnitXml.fromstring(to_junit(*told(five_hosts())).encode())
    found: dict[str, set[str]] = {}
    for suite in report:
        for case in suite:
            kinds = {type(outcome).__name__ for outcome in case.result} or {"Pass"}
            found.setdefault(case.classname, set()).update(kinds)
    assert found.pop(FLEET) == {"Pass", "Failure"}
    assert found == {
        "pop3s.good_example": {"Pass"},
        "pop3s.bad_example": {"Pass", "Failure"},
        "pop3s.lost_example": {"Error"},
        "pop3s.dark_example": {"Error", "Skipped"},
        "pop3s.shut_example": {"Pass", "Skipped"},
    }


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.FAIL])
def test_a_host_that_was_not_assessed_never_looks_green(status: Status) -> None:
    judgement = judgement_of([coverage_result("mx", status)], {"mx": Disposition.UNREACHABLE})
    (outcome,) = case_of(judgement, COVERAGE_CHECK).result
    assert isinstance(outcome, Error)
    expected = "error" if status in (Status.PASS, Status.NOT_APPLICABLE) else status.value
    assert outcome.type == expected


def test_an_excluded_host_is_red_unless_a_partial_run_was_asked_for() -> None:
    results = [coverage_result("good"), coverage_result("left", Status.NOT_TESTED, message="excluded: --limit")]
    plan = {"good": Disposition.ASSESSED, "left": Disposition.EXCLUDED}
    (whole,) = case_of(judgement_of(results, plan), COVERAGE_CHECK, "left").result
    (partial,) = case_of(judgement_of(results, plan, partial=True), COVERAGE_CHECK, "left").result
    assert isinstance(whole, Error)
    assert isinstance(partial, Skipped)
    assert partial.message == "NOT TESTED: excluded: --limit"


def test_every_host_of_the_plan_has_its_coverage_case_even_when_the_judgement_lost_it() -> None:
    judgement = good_host()
    header = header_of(judgement, plan=(HostPlan("good.example"), HostPlan("lost.example")))
    cases = cases_of(to_junit(judgement, gate(judgement), header))
    (lost,) = [case for case in cases if case.get("classname") == "pop3s.lost_example"]
    assert COVERAGE_CHECK in lost.get("name", "")
    assert lost.find("error") is not None


@pytest.mark.parametrize(
    ("judgement", "exit_", "kind"),
    [
        (good_host(), Exit.PASSED, None),
        (five_hosts(), Exit.FAILED, "failure"),
        (
            judgement_of([coverage_result("a", Status.UNREACHABLE)], {"a": Disposition.UNREACHABLE}),
            Exit.INCOMPLETE,
            "error",
        ),
        (judgement_of([], {}), Exit.INCOMPLETE, "error"),
        (dataclasses.replace(good_host(), coverage=Coverage(2, 1, 0, 0)), Exit.CANNOT_VOUCH, "error"),
    ],
)
def test_the_gate_is_a_case_of_the_fleet_with_its_reasons(judgement: Judgement, exit_: Exit, kind: str | None) -> None:
    verdict = gate(judgement)
    assert verdict.exit is exit_
    (case,) = [c for c in cases_of(to_junit(*told(judgement))) if c.get("name") == "gate"]
    outcomes = [child for child in case if child.tag != "system-out"]
    assert [child.tag for child in outcomes] == ([kind] if kind else [])
    for child in outcomes:
        assert f"exit {exit_.value}" in child.get("message", "")
        assert all(reason in (child.text or "") for reason in verdict.reasons)


def test_the_equation_is_in_properties_case_and_output_of_the_fleet() -> None:
    judgement = five_hosts()
    fleet = next(iter(JUnitXml.fromstring(to_junit(*told(judgement)).encode())))
    assert fleet.name == "fleet"
    equation = "inventory 5 = assessed 3 + unreachable 2 + excluded 0"
    assert {p.name: p.value for p in fleet.properties()}["equation"] == equation
    output = ET.fromstring(to_junit(*told(judgement)).encode()).findtext("testsuite/system-out")
    assert equation in (output or "")
    assert [case.name for case in fleet if case.system_out and equation in case.system_out] == ["gate"]


def test_each_suite_says_profile_run_tool_vantages_and_addresses() -> None:
    judgement, verdict, header = told(good_host())
    seen = Activity(2, (VantageActivity(Vantage("scanner", "outside"), ("127.0.0.2",), 2),))
    suites = list(JUnitXml.fromstring(to_junit(judgement, verdict, header, seen).encode()))
    assert len(suites) == 3
    for suite in suites:
        properties = {p.name: p.value for p in suite.properties()}
        assert properties["profile"] == f"baseline sha256:{'a' * 64}"
        assert properties["run"] == judgement.run_id
        assert properties["tool"] == "port995 0.1.0"
        assert properties["vantages"] == "scanner (outside) from 127.0.0.2"
        assert suite.timestamp == "2026-11-24T12:00:00"
    assert [p.value for p in suites[1].properties() if p.name == "endpoints"] == ["192.0.2.1:995"]


def test_names_depend_on_no_value_so_that_they_stay_the_same() -> None:
    def names(judgement: Judgement) -> list[tuple[str | None, str | None]]:
        return [(case.get("classname"), case.get("name")) for case in cases_of(to_junit(*told(judgement)))]

    judgement = every_status()
    later = dataclasses.replace(
        judgement,
        run_id="f" * 32,
        at="2027-01-01T00:00:00Z",
        results=tuple(
            dataclasses.replace(r, status=Status.PASS, message="other", observed="9", evidence=())
            for r in judgement.results
        ),
    )
    assert names(judgement) == names(later)
    assert len(set(names(judgement))) == len(names(judgement))


def test_class_and_name_occur_once_since_gitlab_drops_the_second() -> None:
    twice = [
        coverage_result("mx"),
        result("mx", Status.PASS, endpoint="192.0.2.1:995/a\x1b"),
        result("mx", Status.FAIL, endpoint="192.0.2.1:995/a\\x1b"),
    ]
    cases = cases_of(to_junit(*told(judgement_of(twice, {"mx": Disposition.ASSESSED}))))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(names) == 5
    assert len(set(names)) == len(names)


def test_two_hosts_never_share_a_classname() -> None:
    hosts = [
        "a.b", "a_b", "a..b", "a._b", "a_.b", "a__b", "a~b", "a~5f", "a b", "a/b", "a\x1bb", "A.b", "fleet", "",
        "2001:db8::1", "192.0.2.1", "192_0_2_1", "a.~2eb", "\u4e2d.example", "a._.b", "a.__b", "_a", ".a", "~2ea",
    ]  # fmt: skip
    names = [classname(host) for host in hosts]
    assert len(set(names)) == len(hosts)
    assert all(name.isprintable() and name.count(".") == 1 for name in names)
    assert FLEET not in names
    assert classname("mx3.example.org") == "pop3s.mx3_example_org"


def test_a_long_name_is_cut_for_azure_and_stays_unique() -> None:
    unique = UniqueNames()
    endpoint = "192.0.2.1:995/" + "x" * 2000
    names = [unique.take("c", case_name(result("mx", Status.PASS, endpoint=endpoint + tail))) for tail in "ab"]
    assert names[0] != names[1]
    assert all(len(name) <= 512 for name in names)


@pytest.mark.parametrize("status", [Status.FAIL, Status.ERROR, Status.NOT_TESTED])
def test_hostile_text_anywhere_leaves_a_file_that_parses_and_shows_it(status: Status) -> None:
    nasty = result(
        f"mx{HOSTILE}", status, endpoint=f"192.0.2.1:995/{HOSTILE}", message=HOSTILE, expected=HOSTILE,
        observed=HOSTILE, evidence=(HOSTILE, "x" * 100_000), remediation=HOSTILE, references=(HOSTILE,),
        title=HOSTILE,
    )  # fmt: skip
    host = nasty.host or ""
    judgement = judgement_of([coverage_result(host), nasty], {host: Disposition.ASSESSED}, **{HOSTILE: 1})
    judgement = dataclasses.replace(judgement, profile_id=HOSTILE)
    header = header_of(judgement, tool_version=HOSTILE)
    xml = to_junit(judgement, gate(judgement), header)
    outcome = next(child for case in cases_of(xml) for child in case if child.tag in ("failure", "error", "skipped"))
    assert r"\x1b[2J\x00\x07\u202e\uffff\ud800" in (outcome.text or "")
    for raw in ("\x1b", "\x00", "\u202e", "\uffff", "\x85", "<script>", "]]>", "[[ATTACHMENT|"):
        assert raw not in xml
    assert len(xml) < 60_000
    assert JUnitXml.fromstring(xml.encode("utf-8")).tests == len(cases_of(xml))
    if SCHEMA.is_file():
        pytest.importorskip("xmlschema").XMLSchema(str(SCHEMA)).validate(xml)


def test_an_empty_message_still_shows_as_what_it_is() -> None:
    judgement = judgement_of(
        [coverage_result("mx"), result("mx", Status.FAIL, message="")], {"mx": Disposition.ASSESSED}
    )
    (outcome,) = case_of(judgement, "POP3S-TLS-001").result
    assert isinstance(outcome, Failure)


def test_the_coverage_check_is_one_that_exists() -> None:
    assert COVERAGE_CHECK in all_checks()


def test_without_junit_xml_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit_report, "junit_xml", None)
    with pytest.raises(RuntimeError, match="pip install junit-xml"):
        to_junit(*told(good_host()))


def test_a_heavier_severity_shows_in_the_name() -> None:
    assert case_name(result("mx", Status.PASS, severity=Severity.CRITICAL)).startswith("[CRITICAL] POP3S-TLS-001 ")
