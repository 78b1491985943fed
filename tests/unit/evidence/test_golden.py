# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of earlier versions: verified, and judged again as they were judged; what is judged otherwise is said."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from port995.evidence.bundle import SCHEMA as BUNDLE_SCHEMA
from port995.evidence.bundle import SIGNATURE, SUMS, sums_of
from port995.evidence.conclude import read_gate
from port995.evidence.sshsig import read_signers, sign
from port995.evidence.verify import verify_bundle
from port995.probe.model import OBSERVATION_SCHEMA
from port995.report.gate_file import GATE_SCHEMA
from port995.report.json_report import REPORT_SCHEMA
from port995.report.run_header import RUN_SCHEMA
from tests.golden.make import FOLDER, SIGNERS, key, signers_line

BUNDLES = sorted(path.parent for path in FOLDER.glob("*/bundle.json"))
EXITS = {"passed": 0, "failed": 1, "incomplete": 3}
OTHERWISE: dict[str, tuple[str, ...]] = {}
"""What is judged otherwise today, by bundle and for good reasons, each told in the changelog."""

MAY_SIGN = read_signers(SIGNERS.read_bytes(), "signers")
WORDS = "the reports differ in their words"


def ids(path: Path) -> str:
    return path.name


def test_there_are_golden_bundles_of_every_schema_that_is_written_today() -> None:
    schemas = set()
    for path in BUNDLES:
        for name in ("bundle.json", "run.json", "report.json", "gate.json"):
            schemas.add(json.loads((path / name).read_text())["schema"])
        schemas.add(json.loads((path / "journal-controller.jsonl").read_text().splitlines()[0])["schema"])
    missing = {BUNDLE_SCHEMA, RUN_SCHEMA, REPORT_SCHEMA, GATE_SCHEMA, OBSERVATION_SCHEMA} - schemas
    assert not missing, "make bundles of it: python -m tests.golden.make NAME"
    assert SIGNERS.read_text() == signers_line()


@pytest.mark.parametrize("bundle", BUNDLES, ids=ids)
def test_it_is_whole_and_judged_as_it_was(bundle: Path) -> None:
    found = verify_bundle(bundle, MAY_SIGN)
    assert (found.problems, found.judged_again) == ((), True)
    assert found.signer.startswith("golden@port995.example")
    told = tuple(one for one in found.differences if one != WORDS)
    assert told == OTHERWISE.get(bundle.name, ()), "judged otherwise: is that meant? Then say so in OTHERWISE"
    assert int(read_gate(bundle).exit) == EXITS[bundle.name.rpartition("-")[2]]


@pytest.mark.parametrize("bundle", BUNDLES, ids=ids)
def test_a_flipped_byte_of_any_file_is_found(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    for path in sorted((tmp_path / "b").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
            assert verify_bundle(tmp_path / "b", MAY_SIGN).problems, path.name
            path.write_bytes(data)
    assert not verify_bundle(tmp_path / "b", MAY_SIGN).problems


def test_a_verdict_that_this_version_does_not_come_to_is_said(tmp_path: Path) -> None:
    """As if the version that made it had judged otherwise, and signed it."""
    (bundle,) = [path for path in BUNDLES if path.name == "bundle-1-failed"]
    copy = tmp_path / "b"
    shutil.copytree(bundle, copy)
    report: dict[str, Any] = json.loads((copy / "report.json").read_text())
    gate: dict[str, Any] = json.loads((copy / "gate.json").read_text())
    for document in (report["gate"], gate):
        document.update(exit=0, verdict="passed", incomplete=False, reasons=[])
    for result in report["results"]:
        result["status"] = "pass"
    (copy / "report.json").write_text(json.dumps(report))
    gate["files"]["report.json"] = hashlib.sha256((copy / "report.json").read_bytes()).hexdigest()
    (copy / "gate.json").write_text(json.dumps(gate))
    sums = sums_of(copy)
    (copy / SUMS).write_bytes(sums)
    (copy / SIGNATURE).write_bytes(sign(sums, key()))
    found = verify_bundle(copy, MAY_SIGN)
    assert found.problems == ()
    assert "the gate says exit 1, it says 0" in found.differences
    assert "two.example 192.0.2.2:995 POP3S-PORT-001 is fail, it says pass" in found.differences
    assert any("it was judged by version 0.0.0" in note for note in found.notes)
    assert dataclasses.asdict(found)["judged_again"] is True


def test_a_schema_that_nobody_knows_is_refused_and_not_guessed_at(tmp_path: Path) -> None:
    copy = tmp_path / "b"
    shutil.copytree(BUNDLES[0], copy)
    document = json.loads((copy / "bundle.json").read_text())
    document["schema"] = "port995/bundle/2"
    (copy / "bundle.json").write_text(json.dumps(document))
    sums = sums_of(copy)
    (copy / SUMS).write_bytes(sums)
    (copy / SIGNATURE).write_bytes(sign(sums, key()))
    found = verify_bundle(copy, MAY_SIGN)
    assert "none that this version reads" in found.problems[0]
