# SPDX-License-Identifier: GPL-3.0-or-later
"""Each flavour of JUnit as its readers take it; the cases and their outcomes are the same in all."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from port995.policy.gate import gate
from port995.policy.model import Disposition, HostPlan, Intent, Judgement, Status, View, Views
from port995.report.junit import to_junit, to_junit_files
from port995.report.junit_flavours import Flavour, shape
from port995.report.tally import tally

from .judgements import (
    HOSTILE,
    coverage_result,
    every_status,
    five_hosts,
    good_host,
    header_of,
    judgement_of,
    result,
    told,
)
from .test_formats_agree import counted_by_junitparser
from .test_junit import SCHEMA

JUDGEMENTS = [every_status(), five_hosts(), good_host(), judgement_of([], {})]


def written(judgement: Judgement, flavour: Flavour, **header: object) -> str:
    return to_junit(judgement, gate(judgement), header_of(judgement, **header), None, flavour)


def hostile() -> Judgement:
    """A host whose name, and every word of it, are hostile."""
    results = [
        coverage_result(HOSTILE),
        result(HOSTILE, Status.FAIL, "POP3S-PORT-001", HOSTILE, message=HOSTILE, observed=HOSTILE, evidence=(HOSTILE,)),
    ]
    base = judgement_of(results, {HOSTILE: Disposition.ASSESSED})
    looks = (View("a", "inside", None, None, None, "open", HOSTILE), View("b", "outside", None, None, None, "closed", ""))
    return dataclasses.replace(base, views=(Views(HOSTILE, HOSTILE, looks, (), "a says open"),))


def seen_by_two() -> Judgement:
    """The case of the port has output of its own."""
    looks = (
        View("a", "inside", None, None, None, "open", "syn-ack"),
        View("b", "outside", None, None, None, "closed", "reset"),
    )
    base = five_hosts()
    return dataclasses.replace(base, views=(Views("bad.example", "192.0.2.2:995", looks, (), "a says open, b closed"),))


def breaches_of_windyroad(xml: str) -> list[str]:
    """What windyroad's JUnit.xsd (of 2011, for Ant) would refuse, by its rules."""
    found = []
    root = ET.fromstring(xml.encode())
    if root.tag != "testsuites" or root.attrib:
        found.append("the root is no testsuites without attributes")
    suite_attributes = {"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id"}
    for number, suite in enumerate(root):
        if not suite_attributes <= set(suite.attrib) <= suite_attributes | {"skipped"}:
            found.append(f"attributes of a suite: {sorted(suite.attrib)}")
        if suite.get("id") != str(number):
            found.append("id does not count from 0")
        if not suite.get("hostname", "").strip() or not suite.get("name", "").strip():
            found.append("a name is empty")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", "")):
            found.append("timestamp has a zone or parts of seconds")
        order = "".join({"properties": "p", "testcase": "c", "system-out": "o", "system-err": "e"}[o.tag] for o in suite)
        if not re.fullmatch("pc*oe", order):
            found.append(f"order of a suite: {order}")
        for case in suite.iter("testcase"):
            if set(case.attrib) != {"name", "classname", "time"}:
                found.append(f"attributes of a case: {sorted(case.attrib)}")
            if len(case) > 1 or any(one.tag not in ("failure", "error", "skipped") for one in case):
                found.append("a case holds more than its outcome")
            found += ["no type" for one in case if one.tag != "skipped" and "type" not in one.attrib]
        for name in ("time", *(("tests", "failures", "errors"))):
            if not re.fullmatch(r"\d+(\.\d+)?", suite.get(name, "")):
                found.append(f"{name} is no number")
    return found


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_every_flavour_counts_the_same(judgement: Judgement, flavour: Flavour) -> None:
    assert counted_by_junitparser(written(judgement, flavour)) == tally(judgement.results)


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("judgement", [*JUDGEMENTS, seen_by_two(), hostile()])
def test_names_and_outcomes_are_the_same_in_every_flavour(judgement: Judgement, flavour: Flavour) -> None:
    def outcomes(xml: str) -> list[tuple[str | None, ...]]:
        return [
            (case.get("classname"), case.get("name"), *((one.tag, one.get("message"), one.text) for one in case
             if not one.tag.startswith("system")))
            for case in ET.fromstring(xml.encode()).iter("testcase")
        ]  # fmt: skip

    assert outcomes(written(judgement, flavour)) == outcomes(written(judgement, Flavour.JENKINS))


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("judgement", [*JUDGEMENTS, seen_by_two(), hostile()])
def test_every_flavour_fits_the_schema_of_jenkins(judgement: Judgement, flavour: Flavour) -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema junit-10.xsd is not beside the repository")
    xmlschema = pytest.importorskip("xmlschema")
    xml = written(judgement, flavour, inventory="inventory.yml")
    if flavour is Flavour.GITLAB:
        # GitLab's own attribute is the one thing that the schema does not know.
        xml, taken_out = re.subn(r' file="inventory\.yml"', "", xml)
        assert taken_out == xml.count("<testcase")
    assert list(xmlschema.XMLSchema(str(SCHEMA)).iter_errors(xml)) == []


@pytest.mark.parametrize("judgement", [*JUDGEMENTS, seen_by_two(), hostile()])
def test_the_strict_flavour_fits_the_schema_of_windyroad_too(judgement: Judgement) -> None:
    assert breaches_of_windyroad(written(judgement, Flavour.STRICT)) == []


def test_the_rules_of_windyroad_refuse_the_other_flavours() -> None:
    for flavour in (Flavour.JENKINS, Flavour.GITLAB):
        assert breaches_of_windyroad(written(seen_by_two(), flavour)) != []


def test_what_a_case_may_not_say_its_suite_says() -> None:
    root = ET.fromstring(written(seen_by_two(), Flavour.STRICT).encode())
    said = {suite.get("name"): suite.findtext("system-out", "") for suite in root}
    assert "POP3S-PORT-001" in said["endpoint bad.example 192.0.2.2:995"]
    assert "views side by side: they differ" in said["endpoint bad.example 192.0.2.2:995"]
    assert "inventory 5 = assessed 3" in said["fleet"]
    assert said["host good.example"] == ""


def test_of_several_outcomes_the_strict_flavour_keeps_the_first() -> None:
    suite = ET.fromstring(
        '<testsuite name="a" id="1"><testcase name="b"><failure type="x"/><skipped type="y"/></testcase></testsuite>'
    )
    shape(suite, Flavour.STRICT, "")
    assert [one.tag for one in suite.find("testcase") or ()] == ["failure"]


def test_gitlab_is_told_in_which_file_the_host_stands() -> None:
    judgement = good_host()
    plan = (HostPlan("good.example", Intent.SERVE, place="group/hosts:12.yml:7"),)
    root = ET.fromstring(written(judgement, Flavour.GITLAB, plan=plan, inventory="group").encode())
    files = {(case.get("classname"), case.get("file")) for case in root.iter("testcase")}
    assert files == {("port995.fleet", "group"), ("pop3s.good_example", "group/hosts:12.yml")}
    assert root.find(".//properties") is None
    # Typed targets stand in no file.
    assert "file=" not in written(judgement, Flavour.GITLAB)


def test_nothing_that_gitlab_obeys_is_left_of_what_a_host_said() -> None:
    plan = (HostPlan(HOSTILE, Intent.SERVE, place=f"{HOSTILE}:3"),)
    xml = written(hostile(), Flavour.GITLAB, plan=plan)
    root = ET.fromstring(xml.encode())
    for element in root.iter():
        for text in (element.text or "", *element.attrib.values()):
            assert "[[ATTACHMENT|" not in text
            assert "]]>" not in text
            assert all(one.isprintable() or one == "\n" for one in text), ascii(text)
    assert "script" not in Counter(one.tag for one in root.iter())


@pytest.mark.parametrize("flavour", Flavour)
def test_a_large_fleet_is_cut_into_files_of_the_flavour(flavour: Flavour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("port995.report.junit.MAX_CASES", 4)
    judgement, verdict, header = told(five_hosts())
    files = to_junit_files(judgement, verdict, header, None, flavour)
    assert len(files) > 1
    assert all(("<testsuites>" in xml) is (flavour is Flavour.STRICT) for xml in files.values())
    cases = sum(xml.count("<testcase") for xml in files.values())
    assert cases == to_junit(judgement, verdict, header).count("<testcase")
