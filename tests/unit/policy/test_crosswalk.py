# SPDX-License-Identifier: GPL-3.0-or-later
"""What results show of a control: never more than its checks cover, never better than the worst of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from port995.policy import crosswalk
from port995.policy.crosswalk import FOLDER, Control, Framework, frameworks, read_framework, results_of
from port995.policy.model import HostPlan, Intent, Judgement, Status
from port995.policy.profile_rules import ProfileError
from port995.report import outlook, schema

from .seen import BASELINE, CLOSED, companion, judged, session, target, unanswered

HEAD = "schema: port995/framework/1\nid: f\ntitle: F\nsource: s\nnote: n\ncontrols:\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_the_frameworks_fit_the_published_schema(path: Path) -> None:
    data = yaml.safe_load(path.read_bytes())
    Draft202012Validator(schema.load("framework-1")).validate(data)
    assert data["id"] == path.stem
    next(iter(data["controls"].values())).pop("leaves")
    assert not Draft202012Validator(schema.load("framework-1")).is_valid(data)


def test_the_four_frameworks_are_there_and_hold_what_was_asked_for() -> None:
    known = {one.id: {control.id for control in one.controls} for one in frameworks()}
    assert set(known) == {"nist-800-53r5", "pci-dss-4.0.1", "cis-controls-8.1", "iso-27001-2022"}
    assert {"CM-7", "SC-8", "IA-5(1)(c)", "RA-5"} <= known["nist-800-53r5"]
    assert {"1.2.5", "2.2.4", "4.2.1", "12.3.3"} <= known["pci-dss-4.0.1"]
    assert {"3.10", "4.8", "12.6"} <= known["cis-controls-8.1"]
    assert {"A.8.20", "A.8.24"} <= known["iso-27001-2022"]


def shown(judgement: Judgement, framework: str, control: str) -> crosswalk.ControlResult:
    for one, controls in results_of(judgement):
        if one.id == framework:
            return next(result for result in controls if result.control.id == control)
    raise LookupError(framework)


def test_a_good_run_is_no_statement_of_compliance() -> None:
    judgement = judged([session(), companion()])
    for _framework, controls in results_of(judgement):
        assert {one.verdict for one in controls} <= {"partial", "not shown", "no object"}
    assert shown(judgement, "pci-dss-4.0.1", "4.2.1").verdict == "partial"


def test_one_fail_is_the_verdict_also_beside_what_is_not_known() -> None:
    judgement = judged([session(plaintext="+OK hi", tls=None, pop3=None, hellos=()), companion()])
    found = shown(judgement, "nist-800-53r5", "SC-8")
    assert found.verdict == "not met"
    assert found.counts[Status.FAIL] >= 1


def test_what_was_not_seen_is_not_shown() -> None:
    judgement = judged([])
    found = shown(judgement, "nist-800-53r5", "SC-8(1)")
    assert found.verdict == "not shown"
    assert found.status in (Status.UNREACHABLE, Status.NOT_TESTED)
    # A check that was deselected is no evidence either.
    narrowed = judged([session(), companion()], profile=BASELINE.narrowed(["POP3S-PORT-001"]), partial=True)
    assert shown(narrowed, "iso-27001-2022", "A.8.24").verdict == "not shown"
    assert shown(narrowed, "iso-27001-2022", "A.8.24").counts == {}


FULL = Control("X", "x", "full", "", ("POP3S-PORT-001",), True)


def with_framework(monkeypatch: pytest.MonkeyPatch, *controls: Control) -> None:
    monkeypatch.setattr(crosswalk, "frameworks", lambda: (Framework("f", "F", "s", "n", controls),))


@pytest.mark.parametrize(
    ("control", "verdict"),
    [
        (FULL, "met on TCP 995"),
        (dataclasses.replace(FULL, coverage="partial", leaves="more"), "partial"),
        (dataclasses.replace(FULL, certain=False), "partial"),
        (dataclasses.replace(FULL, checks=("POP3S-PORT-001", "POP3S-REG-001")), "partial"),  # one was not made
        (dataclasses.replace(FULL, checks=("POP3S-REG-001",)), "not shown"),
    ],
)
def test_met_is_said_only_where_all_of_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, control: Control, verdict: str
) -> None:
    with_framework(monkeypatch, control)
    assert shown(judged([session(), companion()]), "f", "X").verdict == verdict


def test_nothing_is_met_where_a_host_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with_framework(monkeypatch, FULL)
    plan = [HostPlan("mx", Intent.SERVE), HostPlan("other", Intent.SERVE, excluded="--limit")]
    assert shown(judged([session(), companion()], plan=plan, partial=True), "f", "X").verdict == "partial"


def test_a_control_without_an_object_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with_framework(monkeypatch, dataclasses.replace(FULL, checks=("POP3S-TLS-001",)))
    seen = [unanswered(CLOSED, target(pop3_port=None), source=source) for source in ("198.51.100.1", "198.51.100.2")]
    shut = judged(seen, targets=[target(pop3_port=None)], intent=Intent.CLOSED)
    assert shown(shut, "f", "X").verdict == "no object"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("  X: {title: t, coverage: most, checks: [POP3S-TLS-001]}\n", 7, "full or partial"),
        ("  X: {title: t, coverage: full, leaves: l, checks: [POP3S-TLS-001]}\n", 7, "leaves open"),
        ("  X: {title: t, coverage: partial, checks: [POP3S-TLS-001]}\n", 7, "leaves open"),
        ("  X: {title: t, coverage: full, checks: [POP3S-TLS-999]}\n", 7, "POP3S-TLS-999"),
        ("  X: {title: t, coverage: full, checks: [all]}\n", 7, "no id"),
        ("  X: {title: t, coverage: full, checks: []}\n", 7, "no check"),
        ("  X: {title: t, coverage: full, chekcs: []}\n", 7, "chekcs"),
    ],
)
def test_a_mapping_that_is_not_understood_is_refused(text: str, line: int, word: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read_framework((HEAD + text).encode(), "f.yml")
    assert f"f.yml:{line}" in str(caught.value)
    assert word in str(caught.value)


def test_the_same_is_said_in_json_in_text_and_in_junit() -> None:
    judgement = judged([session(), companion()])
    text = "\n".join(outlook.frameworks_lines(judgement))
    properties = outlook.framework_properties(judgement)
    for section in outlook.frameworks_json(judgement):
        assert section["title"] in text
        assert sum(section["verdicts"].values()) == len(section["controls"])
        for control in section["controls"]:
            assert control["id"] in text
            assert properties[f"{section['id']} {control['id']}"].startswith(
                f"{control['verdict']}; worst {control['status']}"
            )
            assert control["leaves"] or control["coverage"] == "full"
    assert "ompliant" not in text
