# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts show from inside is kept in the run, and what is lost, spoiled or foreign of it is told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from port995.evidence.conclude import conclude, read_gate
from port995.evidence.host_files import host_path, read_hosts, write_failure, write_seen
from port995.evidence.run_folder import RunError, RunFolder, create_run
from port995.policy.model import HostPlan, Intent
from port995.policy.profile import load_profile
from port995.probe.codec import to_json
from tests.unit.policy.inside import looked

from .runs import anchors_pem, header

PROFILE = load_profile("baseline")


def run_with(out: Path, *names: str, inside: bool = True) -> RunFolder:
    plan = tuple(HostPlan(name, Intent.SERVE) for name in names)
    return create_run(
        out, dataclasses.replace(header(), plan=plan, inside=inside, targets=(), vantages=()), PROFILE.raw, anchors_pem()
    )


def told(run: RunFolder, **changes: Any) -> Any:
    return {**json.loads(json.dumps(to_json(looked(run_id=run.header.run_id)))), **changes}


def test_what_a_host_shows_comes_back(tmp_path: Path) -> None:
    run = run_with(tmp_path, "mx")
    # Who it is says the controller.
    write_seen(tmp_path, run.header.run_id, "mx", told(run, host="somebody else"))
    hosts, problems = read_hosts(run)
    assert problems == [] and hosts == {"mx": looked(run_id=run.header.run_id)}
    with pytest.raises(RunError, match="looked at once in a run"):
        write_seen(tmp_path, run.header.run_id, "mx", told(run))


@pytest.mark.parametrize("change", [{"run_id": "0" * 31 + "1"}, {"schema": "x"}, {"listening": None}, {"more": 1}])
def test_what_can_t_be_read_is_kept_as_a_failure(tmp_path: Path, change: dict[str, Any]) -> None:
    run = run_with(tmp_path, "mx")
    assert write_seen(tmp_path, run.header.run_id, "mx", told(run, **change)).outcome == "failed"
    assert read_hosts(run)[0]["mx"].outcome == "failed"


@pytest.mark.parametrize("spoil", [b"", b"{}\n", b"\n", b"cut", b"\xff\n"])
def test_a_spoiled_file_is_a_problem_of_the_run(tmp_path: Path, spoil: bytes) -> None:
    run = run_with(tmp_path, "mx")
    write_seen(tmp_path, run.header.run_id, "mx", told(run))
    host_path(tmp_path, "mx").write_bytes(spoil)
    hosts, problems = read_hosts(run)
    assert hosts == {} and len(problems) == 1 and "is lost, run the audit again" in problems[0]


def test_a_second_line_another_host_and_a_stranger_are_problems(tmp_path: Path) -> None:
    run = run_with(tmp_path, "mx", "my")
    write_seen(tmp_path, run.header.run_id, "mx", told(run))
    line = host_path(tmp_path, "mx").read_bytes()
    host_path(tmp_path, "my").write_bytes(line)
    host_path(tmp_path, "mx").write_bytes(line + line)
    host_path(tmp_path, "stranger").write_bytes(line)
    hosts, problems = read_hosts(run)
    assert hosts == {} and len(problems) == 3


def test_names_never_leave_the_folder_or_meet(tmp_path: Path) -> None:
    names = ("a/b", "a_b", "../a", "A", "a", "x" * 300, "x" * 301, "é")
    paths = {host_path(tmp_path, name) for name in names}
    assert len(paths) == len(names) and {path.parent for path in paths} == {tmp_path}
    with pytest.raises(RunError):
        host_path(tmp_path, "")


def test_a_run_that_does_not_look_inside_takes_no_such_file(tmp_path: Path) -> None:
    run = run_with(tmp_path, "mx", inside=False)
    write_failure(tmp_path, run.header.run_id, "mx", "failed", "no Python")
    assert "does not belong to this run" in read_hosts(run)[1][0]
    with pytest.raises(ValueError, match="no failure"):
        write_failure(tmp_path, run.header.run_id, "my", "seen", "")


def test_the_gate_vouches_for_the_files_and_misses_what_is_changed_later(tmp_path: Path) -> None:
    run = run_with(tmp_path, "mx")
    write_seen(tmp_path, run.header.run_id, "mx", told(run))
    conclude(run)
    read_gate(tmp_path)
    path = host_path(tmp_path, "mx")
    line = path.read_bytes()
    path.write_bytes(line.replace(b"dovecot.service", b"dovecot.servicf"))
    with pytest.raises(RunError, match="was changed after the verdict"):
        read_gate(tmp_path)
    path.write_bytes(line)
    host_path(tmp_path, "late").write_bytes(line)
    with pytest.raises(RunError, match="came after the verdict"):
        read_gate(tmp_path)
