# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a run folder: reports, the gate last, and no trust in a folder that was touched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml

from port995.evidence import conclude as conclude_module
from port995.evidence.conclude import conclude, read_gate
from port995.evidence.run_folder import RunError, RunFolder, VantagePlan, create_run, open_run
from port995.policy.gate import GateRules
from port995.policy.model import Exit, HostPlan, Intent, Severity, Status
from port995.probe.journal import JournalWriter
from port995.probe.model import Vantage
from port995.report import schema

from .runs import (
    HOSTS,
    NOW,
    OPEN,
    PROFILE,
    RUN,
    SOURCES,
    TARGETS,
    all_seen,
    anchors_pem,
    crls_pem,
    finished_probe,
    header,
    make_run,
    seen,
)


def concluded(out: Path) -> RunFolder:
    run = finished_probe(out)
    conclude(run, at=NOW)
    return run


def test_a_run_that_is_as_it_should_be_passes_and_its_gate_reads_back(tmp_path: Path) -> None:
    conclusion = conclude(finished_probe(tmp_path), at=NOW)
    assert conclusion.gate.exit is Exit.PASSED, conclusion.gate.reasons
    assert read_gate(tmp_path) == conclusion.gate
    assert conclusion.files == ("report.json", "TEST-port995.xml", "gate.json")
    assert conclusion.activity.observations == 8


def test_the_gate_names_every_other_file_with_its_hash(tmp_path: Path) -> None:
    concluded(tmp_path)
    listed = json.loads((tmp_path / "gate.json").read_text())["files"]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    del found["gate.json"]
    assert listed == found
    assert set(listed) == {
        "run.json", "profile.yml", "anchors.pem", "journal-controller.jsonl", "report.json", "TEST-port995.xml",
    }  # fmt: skip


def test_what_is_written_fits_the_schemas_and_agrees(tmp_path: Path) -> None:
    conclusion = conclude(finished_probe(tmp_path), at=NOW)
    documents = {}
    for name in ("run", "report", "gate"):
        documents[name] = json.loads((tmp_path / f"{name}.json").read_text())
        Draft202012Validator(schema.load(f"{name}-1")).validate(documents[name])
    report = JUnitXml.fromfile(str(tmp_path / "TEST-port995.xml"))
    assert documents["report"]["counts"] == documents["gate"]["counts"]
    assert report.tests == sum(documents["gate"]["counts"].values()) + 1 == len(conclusion.judgement.results) + 1
    assert documents["report"]["judged_at"] == "2026-11-24T12:00:00Z"


def test_a_host_that_answers_and_must_not_fails_the_gate(tmp_path: Path) -> None:
    observations = all_seen()
    observations[-1] = seen(TARGETS[1], SOURCES[1], tcp=OPEN)
    verdict = conclude(finished_probe(tmp_path, observations), at=NOW).gate
    assert verdict.exit is Exit.FAILED
    assert read_gate(tmp_path) == verdict


def test_fail_on_is_heeded_and_written(tmp_path: Path) -> None:
    plan = (HostPlan(HOSTS[0], Intent.CLOSED), HostPlan(HOSTS[1], None))
    run = finished_probe(tmp_path, plan=plan)
    assert any(r.status is Status.FAIL for r in conclude(run, at=NOW, rules=GateRules(Severity.LOW)).judgement.results)
    assert conclude(run, at=NOW).gate.exit is Exit.FAILED
    assert conclude(run, at=NOW, rules=GateRules(Severity.CRITICAL)).gate.exit is Exit.INCOMPLETE
    assert json.loads((tmp_path / "gate.json").read_text())["fail_on"] == "critical"
    assert json.loads((tmp_path / "report.json").read_text())["gate"]["fail_on"] == "critical"


@pytest.mark.parametrize("kept", range(8))
def test_a_journal_cut_off_anywhere_never_passes(tmp_path: Path, kept: int) -> None:
    run = finished_probe(tmp_path)
    path = run.journal_path("controller")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]))
    assert conclude(run, at=NOW).gate.exit is Exit.INCOMPLETE
    (tmp_path / "gate.json").unlink()
    path.write_bytes(b"".join(lines[:kept]) + lines[kept][:40])
    verdict = conclude(run, at=NOW).gate
    assert verdict.exit is Exit.INCOMPLETE
    assert any("was cut off" in reason for reason in verdict.reasons)


def test_a_bad_line_behind_everything_owed_still_makes_the_run_incomplete(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    with run.journal_path("controller").open("ab") as journal:
        journal.write(b"garbage\n")
    assert conclude(run, at=NOW).gate.exit is Exit.INCOMPLETE


def test_a_lost_journal_never_passes(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    run.journal_path("controller").unlink()
    assert conclude(run, at=NOW).gate.exit is Exit.INCOMPLETE


def test_a_vantage_whose_journal_is_empty_is_missed(tmp_path: Path) -> None:
    vantages = (VantagePlan("controller", "undeclared", SOURCES), VantagePlan("scanner"))
    run = finished_probe(tmp_path, vantages=vantages)
    run.journal_path("scanner").touch()
    assert run.observations()[1] == []
    assert conclude(run, at=NOW).gate.exit is Exit.INCOMPLETE


def test_a_journal_of_another_run_never_passes(tmp_path: Path) -> None:
    foreign = [dataclasses.replace(observation, run_id="f" * 32) for observation in all_seen()]
    assert conclude(finished_probe(tmp_path, foreign), at=NOW).gate.exit is Exit.INCOMPLETE


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"name": "controller"}, "of 'controller', and not of its vantage 'scanner'"),
        ({"name": "scanner", "side": "inside"}, "from 'inside', and 'scanner' is outside"),
    ],
)
def test_a_journal_pays_no_other_vantages_debt_and_changes_no_side(
    claims: dict[str, str], words: str, tmp_path: Path
) -> None:
    """A machine that others rule may send what it likes: here all that the controller owes, whose own journal is empty,
    or its own looks from the other side."""
    mine = VantagePlan("controller", "undeclared", SOURCES)
    run = make_run(tmp_path, vantages=(mine, VantagePlan("scanner", "outside", SOURCES)))
    for name, vantage in (("controller", Vantage("controller")), ("scanner", Vantage(**claims))):
        with JournalWriter(str(run.journal_path(name))) as journal:
            for observation in all_seen(vantage=vantage) if name == "scanner" or claims["name"] == "scanner" else ():
                journal.append(observation)
    conclusion = conclude(run, at=NOW)
    assert conclusion.gate.exit is Exit.INCOMPLETE
    assert any(words in reason and "journal-scanner.jsonl" in reason for reason in conclusion.gate.reasons)
    assert all(status is Status.UNREACHABLE for status in conclusion.judgement.host_status.values())


def test_a_journal_of_a_vantage_that_was_not_asked_is_told_and_not_used(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    with JournalWriter(str(run.journal_path("stranger"))) as journal:
        for observation in all_seen(vantage=Vantage("stranger"), tcp=OPEN):
            journal.append(observation)
    verdict = conclude(run, at=NOW).gate
    assert verdict.exit is Exit.INCOMPLETE
    assert [reason for reason in verdict.reasons if "no vantage of the run writes there" in reason]


def test_a_run_without_hosts_never_passes(tmp_path: Path) -> None:
    verdict = conclude(make_run(tmp_path, plan=(), targets=()), at=NOW).gate
    assert verdict.exit is Exit.INCOMPLETE
    assert read_gate(tmp_path).exit is Exit.INCOMPLETE


def test_an_excluded_host_counts_and_only_a_partial_run_may_pass_without_it(tmp_path: Path) -> None:
    plan = (HostPlan(HOSTS[0], Intent.CLOSED), HostPlan(HOSTS[1], Intent.CLOSED, excluded="--limit"))
    mine = [o for o in all_seen() if o.target == TARGETS[0]]
    for partial, expected in ((False, Exit.INCOMPLETE), (True, Exit.PASSED)):
        run = finished_probe(tmp_path / str(partial), mine, plan=plan, targets=TARGETS[:1], partial=partial)
        conclusion = conclude(run, at=NOW)
        assert conclusion.gate.exit is expected, conclusion.gate.reasons
        assert str(conclusion.judgement.coverage) == "inventory 2 = assessed 1 + unreachable 0 + excluded 1"


def test_chosen_checks_alone_are_judged(tmp_path: Path) -> None:
    conclusion = conclude(finished_probe(tmp_path, checks="POP3S-PORT-001"), at=NOW)
    ids = {result.check_id for result in conclusion.judgement.results if result.host is not None}
    assert ids == {"POP3S-PORT-001", "POP3S-COV-000"}
    # What was left out is told, and holds the gate of a run that was not to be partial.
    assert "POP3S-TLS-001" in conclusion.judgement.deselected
    assert conclusion.gate.exit is Exit.INCOMPLETE


def test_judging_again_replaces_the_reports(tmp_path: Path) -> None:
    run = concluded(tmp_path)
    (tmp_path / "TEST-port995-007.xml").write_text("stale")
    first = (tmp_path / "report.json").read_bytes()
    conclude(open_run(tmp_path), at=NOW)
    assert (tmp_path / "report.json").read_bytes() == first
    assert not (tmp_path / "TEST-port995-007.xml").exists()
    assert read_gate(tmp_path).exit is Exit.PASSED
    assert run.header.run_id == RUN


@pytest.mark.parametrize("name", ["report.json", "TEST-port995.xml", "gate.json"])
def test_when_a_report_cannot_be_written_no_gate_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = concluded(tmp_path)
    real = conclude_module.write_atomically

    def full(path: Path, data: bytes) -> None:
        if path.name == name:
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(conclude_module, "write_atomically", full)
    with pytest.raises(RunError, match="free some space"):
        conclude(run, at=NOW)
    assert not (tmp_path / "gate.json").exists()
    with pytest.raises(RunError, match=r"gate\.json is not there"):
        read_gate(tmp_path)


def test_the_gate_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    real = conclude_module.write_atomically

    def note(path: Path, data: bytes) -> None:
        order.append(path.name)
        real(path, data)

    monkeypatch.setattr(conclude_module, "write_atomically", note)
    conclude(finished_probe(tmp_path), at=NOW)
    assert order == ["report.json", "TEST-port995.xml", "gate.json"]


@pytest.mark.parametrize("name", ["profile.yml", "anchors.pem", "run.json"])
def test_a_run_whose_profile_anchors_or_header_changed_is_not_judged(tmp_path: Path, name: str) -> None:
    run = concluded(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(RunError, match=name.replace(".", r"\.")):
        conclude(run, at=NOW)
    with pytest.raises(RunError, match="was changed"):
        read_gate(tmp_path)
    # Without the verdict, which tells, what stands in the header does.
    (tmp_path / "gate.json").unlink()
    with pytest.raises(RunError, match=name.replace(".", r"\.")):
        conclude(run, at=NOW)
    assert not (tmp_path / "gate.json").exists()


def test_a_journal_that_still_grows_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished_probe(tmp_path)
    real = RunFolder.observations

    def grow(self: RunFolder):
        found = real(self)
        with JournalWriter(str(self.journal_path("controller"))) as journal:
            journal.append(seen(TARGETS[0], SOURCES[0], tcp=OPEN))
        return found

    monkeypatch.setattr(RunFolder, "observations", grow)
    with pytest.raises(RunError, match="wait for the probe to end"):
        conclude(run, at=NOW)
    assert not (tmp_path / "gate.json").exists()


def test_a_missing_gate_is_told(tmp_path: Path) -> None:
    finished_probe(tmp_path)
    with pytest.raises(RunError, match=r"gate\.json is not there"):
        read_gate(tmp_path)
    with pytest.raises(RunError):
        read_gate(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["run.json", "profile.yml", "anchors.pem", "journal-controller.jsonl", "report.json", "TEST-port995.xml"]
)
def test_a_file_that_was_changed_or_removed_after_the_verdict_is_noticed(tmp_path: Path, name: str) -> None:
    concluded(tmp_path)
    before = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(before.replace(b"a", b"b", 1) if name == "run.json" else before + b"\n")
    with pytest.raises(RunError):
        read_gate(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError):
        read_gate(tmp_path)
    (tmp_path / name).write_bytes(before)
    assert read_gate(tmp_path).exit is Exit.PASSED


@pytest.mark.parametrize("name", ["journal-late.jsonl", "TEST-port995-002.xml", "TEST-other.xml"])
def test_a_journal_or_report_that_came_later_is_noticed(tmp_path: Path, name: str) -> None:
    concluded(tmp_path)
    (tmp_path / name).write_text("")
    with pytest.raises(RunError, match="came after the verdict"):
        read_gate(tmp_path)


def test_a_gate_of_another_run_is_noticed(tmp_path: Path) -> None:
    concluded(tmp_path / "mine")
    finished_probe(tmp_path / "theirs", run_id="f" * 32)
    (tmp_path / "theirs" / "gate.json").write_bytes((tmp_path / "mine" / "gate.json").read_bytes())
    with pytest.raises(RunError, match="belongs to run"):
        read_gate(tmp_path / "theirs")


def test_a_fail_that_was_edited_into_a_pass_is_noticed(tmp_path: Path) -> None:
    observations = all_seen()
    observations[-1] = seen(TARGETS[1], SOURCES[1], tcp=OPEN)
    conclude(finished_probe(tmp_path, observations), at=NOW)
    document = json.loads((tmp_path / "gate.json").read_text())
    document.update(exit=0, verdict="passed", incomplete=False, reasons=[])
    document["coverage"].update(assessed=2, unreachable=0)
    (tmp_path / "gate.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match="do not say the same"):
        read_gate(tmp_path)


@pytest.mark.parametrize("left_out", ["run.json", "profile.yml", "anchors.pem", "report.json", "TEST-port995.xml"])
def test_a_gate_that_does_not_vouch_for_a_file_is_refused(tmp_path: Path, left_out: str) -> None:
    concluded(tmp_path)
    document = json.loads((tmp_path / "gate.json").read_text())
    del document["files"][left_out]
    (tmp_path / "gate.json").write_text(json.dumps(document))
    with pytest.raises(RunError):
        read_gate(tmp_path)


@pytest.mark.parametrize("name", ["gate.json", "run.json", "report.json", "journal-controller.jsonl", "TEST-port995.xml"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    concluded(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    # In a process of its own: what waits in the kernel for a writer could not be ended here.
    code = "import pathlib, sys; from port995.evidence.conclude import read_gate; read_gate(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "is no plain file" in done.stderr


def test_the_anchors_of_the_run_are_used_not_those_of_the_machine(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    assert conclude_module._anchors(run).pem == anchors_pem()


def with_crls(out: Path) -> RunFolder:
    """A run that was given a CRL."""
    more = {"crl_sources": ("ca.crl",), "crls_sha256": hashlib.sha256(crls_pem()).hexdigest()}
    run = create_run(out, header(**more), PROFILE.raw, anchors_pem(), crls_pem())
    with JournalWriter(str(run.journal_path("controller"))) as journal:
        for observation in all_seen():
            journal.append(observation)
    return run


def test_crls_are_kept_judged_by_and_vouched_for(tmp_path: Path) -> None:
    conclusion = conclude(with_crls(tmp_path), at=NOW)
    assert conclusion.gate.exit is Exit.PASSED, conclusion.gate.reasons
    results = [one for one in conclusion.judgement.results if one.check_id == "POP3S-CERT-013"]
    assert {one.host for one in results} == set(HOSTS)
    assert "crls.pem" in json.loads((tmp_path / "gate.json").read_text())["files"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["crls"] == {"sources": ["ca.crl"], "sha256": hashlib.sha256(crls_pem()).hexdigest()}
    (tmp_path / "crls.pem").write_bytes(crls_pem() + b"\n")
    with pytest.raises(RunError, match="crls.pem was changed"):
        read_gate(tmp_path)
    (tmp_path / "gate.json").unlink()
    with pytest.raises(RunError, match="not the CRLs of this run"):
        conclude(open_run(tmp_path), at=NOW)
    (tmp_path / "crls.pem").unlink()
    with pytest.raises(RunError, match="crls.pem"):
        conclude(open_run(tmp_path), at=NOW)


def test_a_gate_that_does_not_name_the_crls_is_not_read(tmp_path: Path) -> None:
    conclude(with_crls(tmp_path), at=NOW)
    document = json.loads((tmp_path / "gate.json").read_text())
    del document["files"]["crls.pem"]
    (tmp_path / "gate.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match="does not vouch for crls.pem"):
        read_gate(tmp_path)
