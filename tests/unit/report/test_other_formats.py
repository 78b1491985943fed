# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF, OSCAL, CSV, Prometheus and Markdown: valid by others' schemas, equal in their counts, harmless."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from port995.policy.model import FOLDING_ORDER, Flip, HostPlan, Intent, Judgement, Severity, Status, View, Views
from port995.report.activity import activity_of
from port995.report.formats import FormatError, all_formats, formats_of
from port995.report.sarif import GITHUB_RESULTS
from port995.report.spreadsheets import cell
from port995.report.tally import tally
from port995.report.told import Told
from tests.unit.policy.seen import FILTERED, judged, session, target, unanswered

from .judgements import every_status, five_hosts, good_host, told

SCHEMAS = Path(__file__).resolve().parents[4] / "shared" / "schemas"
HOSTILE = "\x1b[2J\u202e]]><script>alert(1)</script>[[ATTACHMENT|/etc/passwd]]|\n=cmd()\udcff" + "A" * 65536

JUDGEMENTS = [every_status(), five_hosts(), good_host()]


def a_run(judgement: Judgement, **more: Any) -> Told:
    found, verdict, header = told(judgement)
    return Told(found, verdict, header, **more)


def spoilt() -> Judgement:
    """A judgement in which every text that a host can have written is hostile."""
    base = every_status()
    results = tuple(
        dataclasses.replace(one, message=HOSTILE, expected=HOSTILE, observed=HOSTILE, evidence=(HOSTILE,))
        for one in base.results
    )
    return dataclasses.replace(base, results=results)


def files(run: Told) -> dict[str, bytes]:
    return {name: data for one in all_formats().values() for name, data in one.write(run).items()}


def document(run: Told, name: str) -> Any:
    return json.loads(files(run)[name])


def schema(name: str) -> Any:
    path = SCHEMAS / name
    if not path.is_file():
        pytest.skip(f"no {name}: the schemas of other formats are not beside this checkout")
    text = path.read_text().replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d")
    return json.loads(text)


@pytest.mark.parametrize("judgement", [*JUDGEMENTS, spoilt()])
@pytest.mark.parametrize("name", ["port995.sarif", "port995-github.sarif"])
def test_sarif_is_valid_by_its_schema(judgement: Judgement, name: str) -> None:
    jsonschema.Draft4Validator(schema("sarif-schema-2.1.0.json")).validate(document(a_run(judgement), name))


@pytest.mark.parametrize("judgement", [*JUDGEMENTS, spoilt()])
def test_oscal_is_valid_by_its_schema(judgement: Judgement) -> None:
    jsonschema.Draft7Validator(schema("oscal_complete_schema-1-1-3.json")).validate(
        document(a_run(judgement), "assessment-results.json")
    )


def test_the_schemas_notice_a_fault() -> None:
    """The validators above can fail."""
    sarif = document(a_run(good_host()), "port995.sarif")
    del sarif["runs"][0]["results"][0]["message"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema("sarif-schema-2.1.0.json")).validate(sarif)
    oscal = document(a_run(good_host()), "assessment-results.json")
    oscal["assessment-results"]["results"][0]["observations"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema("oscal_complete_schema-1-1-3.json")).validate(oscal)


KINDS = {"pass": "pass", "notApplicable": "not_applicable", "review": "manual"}


@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_every_format_counts_the_same(judgement: Judgement) -> None:
    run = a_run(judgement)
    expected = tally(run.judgement.results)
    sarif: Counter[str] = Counter()
    for result in document(run, "port995.sarif")["runs"][0]["results"]:
        kind = result["kind"]
        if kind == "fail":
            sarif["waived" if result.get("suppressions") else "fail"] += 1
        else:
            sarif[KINDS.get(kind, result["properties"]["status"])] += 1
    oscal: Counter[str] = Counter(
        prop["value"]
        for one in document(run, "assessment-results.json")["assessment-results"]["results"][0]["observations"]
        for prop in one["props"]
        if prop["name"] == "result"
    )
    prometheus: Counter[str] = Counter()
    for status, count in re.findall(r'port995_results\{.*?status="(\w+)".*?\} (\d+)', _text(run, "port995.prom")):
        prometheus[status] += int(count)
    table = re.search(r"\n\| error .*\n\|.*\n\|(.*)\|\n", _text(run, "summary.md"))
    assert table is not None
    markdown = dict(zip(expected, map(int, table.group(1).split("|")), strict=True))
    for found in (sarif, oscal, prometheus, markdown):
        assert {status.value: found[status.value] for status in FOLDING_ORDER} == expected


def _text(run: Told, name: str) -> str:
    return files(run)[name].decode()


@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_the_equation_and_the_exit_code_are_told(judgement: Judgement) -> None:
    run = a_run(judgement)
    equation = str(run.judgement.coverage)
    assert document(run, "port995.sarif")["runs"][0]["properties"]["equation"] == equation
    assert document(run, "port995.sarif")["runs"][0]["invocations"][0]["exitCode"] == run.gate.exit.value
    assert equation in _text(run, "assessment-results.json")
    assert equation.replace("+", "\\+") in _text(run, "summary.md")
    assert f"(exit {run.gate.exit.value})" in _text(run, "summary.md")
    assert f'port995_gate_exit_code{{profile="{run.judgement.profile_id}"}} {run.gate.exit.value}\n' in _text(
        run, "port995.prom"
    )


def test_an_incomplete_run_is_no_successful_execution() -> None:
    run = a_run(five_hosts())
    invocation = document(run, "port995.sarif")["runs"][0]["invocations"][0]
    assert run.gate.incomplete and invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"]
    assert document(a_run(good_host()), "port995.sarif")["runs"][0]["invocations"][0]["executionSuccessful"] is True


def test_github_is_told_fails_that_count_and_where_the_inventory_names_the_host() -> None:
    run = a_run(every_status())
    fail = next(one for one in run.judgement.results if one.status is Status.FAIL)
    plan = tuple(HostPlan(host.name, Intent.SERVE, place="inventory/prod hosts.yml:7") for host in run.header.plan)
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, plan=plan))
    (result,) = document(run, "port995-github.sarif")["runs"][0]["results"]
    assert result["ruleId"] == fail.check_id and "kind" not in result and "suppressions" not in result
    place = result["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "inventory/prod%20hosts.yml"}, "region": {"startLine": 7},
    } or fail.host is None  # fmt: skip
    known = dataclasses.replace(fail, baseline="known")
    others = tuple(known if one is fail else one for one in run.judgement.results)
    run = dataclasses.replace(run, judgement=dataclasses.replace(run.judgement, results=others))
    assert document(run, "port995-github.sarif")["runs"][0]["results"] == []
    assert any(
        one.get("baselineState") == "unchanged" for one in document(run, "port995.sarif")["runs"][0]["results"]
    )


def test_github_gets_what_it_takes_and_is_told_of_the_rest() -> None:
    run = a_run(every_status())
    fail = next(one for one in run.judgement.results if one.status is Status.FAIL)
    many = tuple(dataclasses.replace(fail, endpoint=f"192.0.2.1:{n}", severity=Severity.LOW) for n in range(6000))
    heavy = dataclasses.replace(fail, endpoint="192.0.2.1:995", severity=Severity.CRITICAL)
    run = dataclasses.replace(run, judgement=dataclasses.replace(run.judgement, results=(*many, heavy)))
    log = document(run, "port995-github.sarif")["runs"][0]
    assert len(log["results"]) == GITHUB_RESULTS
    assert log["results"][0]["properties"]["severity"] == "critical"
    notes = log["invocations"][0]["toolExecutionNotifications"]
    assert any(f"{6001 - GITHUB_RESULTS} more fails" in note["message"]["text"] for note in notes)


def test_what_was_not_assessed_has_no_finding_in_oscal() -> None:
    run = a_run(five_hosts())
    (result,) = document(run, "assessment-results.json")["assessment-results"]["results"]
    items = {item["uuid"]: item for item in result["local-definitions"]["inventory-items"]}
    assert len(items) == run.judgement.coverage.inventory
    seen = {subject["subject-uuid"] for one in result["observations"] for subject in one.get("subjects", ())}
    assert seen == set(items)
    satisfied = [one for one in result["findings"] if one["target"]["status"]["state"] == "satisfied"]
    for one in satisfied:
        statuses = {r.status for r in run.judgement.results if r.check_id.lower() == one["target"]["target-id"]}
        assert statuses <= {Status.PASS, Status.NOT_APPLICABLE}


def rows(run: Told, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(run, name))))


def seen_run(observations: list[Any], hosts: list[str]) -> Told:
    targets = [one.target for one in observations]
    plan = [HostPlan(name, Intent.SERVE, variables={"pop3s_owner": "mail team"}) for name in hosts]
    base = a_run(good_host())
    judgement = judged(observations, plan=plan, targets=targets)
    header = dataclasses.replace(base.header, plan=tuple(plan), run_id=judgement.run_id)
    return Told(judgement, base.gate, header, activity_of(judgement.run_id, observations), base.rules, tuple(observations))


def test_the_inventories_hold_what_was_seen_and_who_was_not() -> None:
    one, two = target(("mx1",), "192.0.2.1"), target(("mx2",), "192.0.2.2")
    silent = dataclasses.replace(unanswered(FILTERED, two), hello_certificates=())
    run = seen_run([session(one), silent], ["mx1", "mx2", "mx3"])
    certificates, protocols = rows(run, "certificates.csv"), rows(run, "protocols.csv")
    for found in (certificates, protocols):
        assert {row["host"] for row in found} == {"mx1", "mx2", "mx3"}
        assert {row["owner"] for row in found} == {"mail team"}
    assert any(len(row["sha256"]) == 64 and row["not_after"].endswith("Z") for row in certificates)
    assert [row["subject"] for row in certificates if row["host"] == "mx2"] == ["none seen: filtered (no-response)"]
    assert [row["endpoint"] for row in certificates if row["host"] == "mx3"] == ["not seen: unreachable"]
    assert {row["version"] for row in protocols if row["host"] == "mx1"} >= {"TLSv1.2", "TLSv1.3"}
    assert "port995_certificate_not_after_seconds{host=\"mx1\"" in _text(run, "port995.prom")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["mx1", "CN=mx1", "1.2.3.4"])
def test_a_cell_without_danger_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_hostile_text_is_harmless_in_every_format() -> None:
    run = a_run(spoilt())
    for name, data in files(run).items():
        text = data.decode()
        assert not any(ord(c) < 32 and c not in "\r\n" for c in text), name
        assert "\u202e" not in text and "\x7f" not in text, name
    markdown = _text(run, "summary.md")
    assert "<script" not in markdown and "](" not in markdown
    for line in markdown.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 9), line
    for line in _text(run, "port995.prom").splitlines():
        assert line.startswith("# ") or re.fullmatch(r'\w+\{(\w+="([^"\\]|\\.)*",?)*\} [0-9.e+-]+', line), line


def test_the_summary_of_a_large_fleet_fits_a_comment() -> None:
    run = a_run(every_status())
    fail = next(one for one in run.judgement.results if one.status is Status.FAIL)
    many = tuple(dataclasses.replace(fail, endpoint=f"192.0.2.1:{n}") for n in range(5000))
    run = dataclasses.replace(run, judgement=dataclasses.replace(run.judgement, results=(*many, *run.judgement.results)))
    data = files(run)["summary.md"]
    assert len(data) < 65_535
    shown = len(re.findall(rb"^\| \w+ \| POP3S", data, re.MULTILINE))
    (rest,) = re.findall(rb"and (\d+) more in report.json", data)
    assert shown > 50 and b"### Fails: 5001" in data and int(rest) > 4000


def test_the_same_run_gives_the_same_bytes() -> None:
    assert files(a_run(five_hosts())) == files(copy.deepcopy(a_run(five_hosts())))


def test_formats_are_chosen_by_name() -> None:
    assert [one.name for one in formats_of(["csv,oscal", "csv"])] == ["oscal", "csv"]
    assert [one.name for one in formats_of(["all"])] == list(all_formats())
    assert formats_of([]) == ()
    with pytest.raises(FormatError, match="no format 'pdf': choose among sarif"):
        formats_of(["pdf"])


def many_as_one() -> Told:
    """A host that stands for ten, looks that differ, a change ahead, and a host that only looks."""
    base = five_hosts()
    looks = tuple(
        View(name, side, None, "192.0.2.2", 4, state, "x")
        for name, side, state in (("a", "inside", "open"), ("b", "outside", "closed"))
    )
    flip = Flip(
        "2026-12-01", "POP3S-CERT-003", Severity.HIGH, "good.example", "192.0.2.1:995", Status.PASS, Status.FAIL,
        "it ends =cmd()", "x",
    )  # fmt: skip
    judgement = dataclasses.replace(
        base, counts={"dark.example": 10}, ahead=(flip,), ahead_days=90,
        views=(Views("bad.example", "192.0.2.2:995", looks, (), "a says open"),),
    )  # fmt: skip
    found, verdict, header = told(judgement)
    return Told(found, verdict, dataclasses.replace(header, vantage_hosts=("eye.example",)))


def test_how_many_hosts_a_host_stands_for_is_told_in_each_format() -> None:
    run = many_as_one()
    sarif = document(run, "port995.sarif")["runs"][0]
    assert {one["properties"].get("hosts") for one in sarif["results"]} == {None, 10}
    items = document(run, "assessment-results.json")["assessment-results"]["results"][0]["local-definitions"][
        "inventory-items"
    ]
    assert [prop["value"] for one in items for prop in one["props"] if prop["name"] == "hosts"] == ["10"]
    for name in ("certificates.csv", "protocols.csv"):
        rows = list(csv.DictReader(io.StringIO(_text(run, name))))
        assert {row["host"]: row["hosts"] for row in rows}["dark.example"] == "10"
        assert {row["hosts"] for row in rows} == {"1", "10"}
    assert r"dark.example 192.0.2.4\:995 \(10 hosts\)" in _text(run, "summary.md")


def test_looks_that_differ_changes_ahead_and_vantages_are_told() -> None:
    run = many_as_one()
    summary = _text(run, "summary.md")
    assert "### Vantages do not agree: 1" in summary and "a says open" in summary
    assert r"2026\-12\-01 POP3S\-CERT\-003 fails" in summary and "eye.example" in summary
    metrics = _text(run, "port995.prom")
    assert re.search(r'^port995_next_change_timestamp_seconds\{profile="baseline"\} 1796083200$', metrics, re.MULTILINE)
    assert re.search(r'^port995_framework_controls\{.*verdict=".*"\} \d+$', metrics, re.MULTILINE)
    result = document(run, "assessment-results.json")["assessment-results"]["results"][0]
    names = Counter(prop["name"] for prop in result["props"])
    assert names["vantage-only"] == 1 and names["control"] > 10
    views = [prop["value"] for one in result["observations"] for prop in one["props"] if prop["name"] == "views"]
    assert views == ["they differ: a says open"]
    assert document(run, "port995.sarif")["runs"][0]["properties"]["ahead"] == 1


def test_what_was_added_keeps_to_the_schemas() -> None:
    jsonschema.Draft4Validator(schema("sarif-schema-2.1.0.json")).validate(document(many_as_one(), "port995.sarif"))
    jsonschema.Draft7Validator(schema("oscal_complete_schema-1-1-3.json")).validate(
        document(many_as_one(), "assessment-results.json")
    )
