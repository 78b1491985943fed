# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with checks of one's own and attestations, and the runs of job slices as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.policy.own_checks_kit import template

from .ansible_run import WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide

ATTESTED = """\
schema: port995/attestations/1
controls:
  - {id: M-KEYS-001, title: Keys are kept in the vault}
attestations:
  - {control: M-KEYS-001, by: a, made: 2026-01-01T00:00:00Z, until: 2026-12-31T00:00:00Z, text: saw it}
"""


def test_the_file_of_the_wheel_serves_in_the_collection(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    own, attested = tmp_path / "own" / "greeting.py", tmp_path / "attested.yml"
    own.parent.mkdir()
    own.write_text(template("greeting"))
    attested.write_text(ATTESTED.replace("2026-01-01", "2026-06-01"))
    chosen = {**WITHOUT_HELLOS, "audit_checks": f"{WITHOUT_HELLOS['audit_checks']} or safe and not POP3S-*"}
    options = {**seen_by_two, **chosen, "audit_checks_path": [str(own)], "audit_gate": False}
    run = playbook(tmp_path / "a", inventory_of(lab_good), **options, audit_attestations=str(attested))
    assert run.code == 0, run.said
    assert run.results["good"]["X-GREETING-001"] == "pass" and run.results["fleet"]["M-KEYS-001"] == "manual"
    assert "attested by a" in run.said
    assert (run.out / "checks-1.py").read_bytes() == own.read_bytes()
    judged = CliRunner().invoke(app, ["judge", str(run.out), "--checks-path", str(own)])
    assert judged.exit_code == run.gate["exit"], judged.output
    own.write_text("import no_such_library\n")
    run = playbook(tmp_path / "b", inventory_of(lab_good), **options)
    assert run.gate["exit"] == 3 and run.results["fleet"]["POP3S-FLT-001"] == "error", run.said
    assert "no_such_library" in run.said


def test_the_runs_of_two_slices_are_one(five: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    """A job slice sees its own part of the inventory, and calls its vantage what the others call theirs."""
    parts = [{"good": five["good"]}, {"bad": five["bad"]}]
    runs = [
        playbook(tmp_path / str(n), inventory_of(part), **seen_by_two, **WITHOUT_HELLOS, audit_gate=False)
        for n, part in enumerate(parts)
    ]
    assert all(run.code == 0 for run in runs), [run.said for run in runs]
    hosts = tmp_path / "hosts.csv"
    hosts.write_text("name\ngood\nbad\nlost.example\n")
    said = CliRunner().invoke(app, ["merge", *(str(run.out) for run in runs), "--population", str(hosts), "--out",
                                    str(tmp_path / "all")])  # fmt: skip
    assert "inventory 3 = assessed 2 + unreachable 1 + excluded 0" in said.output, said.output
    assert said.exit_code == 1
    names = sorted(name for name in os.listdir(tmp_path / "all") if name.startswith("journal-"))
    assert names == ["journal-1~2f~controller.jsonl", "journal-2~2f~controller.jsonl"]
    for name, run in zip(names, runs, strict=True):
        assert (tmp_path / "all" / name).read_bytes() == (run.out / "journal-controller.jsonl").read_bytes()
    alone = CliRunner().invoke(app, ["gate", str(tmp_path / "all")])
    assert alone.exit_code == 1, alone.output
