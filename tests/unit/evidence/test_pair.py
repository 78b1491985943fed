# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs side by side: which host changed from what to what, and only of runs that can be vouched for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from port995.evidence.conclude import conclude
from port995.evidence.pair import HostPair, Side, pair, to_json, to_text, write
from port995.evidence.run_folder import RunError
from port995.policy.model import HostPlan, Intent
from port995.probe.model import Observation, TcpConnect

from .runs import HOSTS, NOW, OPEN, SOURCES, TARGETS, all_seen, finished_probe, seen

LATER = "2026-11-24T11:30:00.000Z"
SECOND = "f" * 32
SILENT = TcpConnect("filtered", "no-response")


def run_of(out: Path, observations: Sequence[Observation], run_id: str, started: str) -> Path:
    mine = [dataclasses.replace(one, run_id=run_id) for one in observations]
    conclude(finished_probe(out, mine, run_id=run_id, started=started), at=NOW)
    return out


def first_open() -> list[Observation]:
    """The first host serves, the second is shut."""
    return [seen(target, source, service, OPEN if target is TARGETS[0] and service == "pop3s" else SILENT)
            for target in TARGETS for source in SOURCES for service in ("pop3", "pop3s")]  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    before = run_of(tmp_path / "before", first_open(), "0" * 32, "2026-11-24T11:00:00.000Z")
    after = run_of(tmp_path / "after", all_seen(tcp=SILENT), SECOND, LATER)
    return before, after


def test_it_says_which_host_changed_from_what_to_what(runs: tuple[Path, Path]) -> None:
    paired = pair(*runs)
    one, two = paired.hosts
    assert (one.name, one.before.ports, one.after.ports) == (HOSTS[0], {"192.0.2.1:995": "open"}, {"192.0.2.1:995": "filtered"})
    assert one.changed and one.is_shut and not two.changed and two.is_shut
    assert to_json(paired)["changed"] == [HOSTS[0]]
    text = to_text(paired)
    assert "1 of 2 hosts changed" in text and "192.0.2.1:995 open -> 192.0.2.1:995 filtered" in text
    assert "POP3S-PORT-001: fail -> " in text and "(as before)" in text, text


def test_the_statement_names_the_runs_by_their_gates(runs: tuple[Path, Path], tmp_path: Path) -> None:
    assert write(pair(*runs), tmp_path / "statement") == ["pair.json", "pair.txt"]
    written = json.loads((tmp_path / "statement" / "pair.json").read_text())
    assert written["schema"] == "port995/pair/1" and written["after"]["run_id"] == SECOND
    for side, folder in zip(("before", "after"), runs, strict=True):
        assert written[side]["gate_sha256"] == hashlib.sha256((folder / "gate.json").read_bytes()).hexdigest()


def test_nothing_is_added_to_a_run(runs: tuple[Path, Path]) -> None:
    with pytest.raises(RunError, match="nothing may be added"):
        write(pair(*runs), runs[1])


def test_a_run_that_was_changed_is_refused(runs: tuple[Path, Path]) -> None:
    (runs[1] / "report.json").write_text((runs[1] / "report.json").read_text().replace("open", "shut"))
    with (runs[1] / "report.json").open("a") as report:
        report.write("\n")
    with pytest.raises(RunError, match="was changed after the verdict"):
        pair(*runs)


def test_the_same_run_twice_or_the_wrong_way_round_is_refused(runs: tuple[Path, Path]) -> None:
    with pytest.raises(RunError, match="the same run"):
        pair(runs[0], runs[0])
    with pytest.raises(RunError, match="give the one before the change first"):
        pair(runs[1], runs[0])


def test_what_one_place_sees_open_is_not_shut_and_what_nobody_saw_neither(tmp_path: Path) -> None:
    before = run_of(tmp_path / "before", first_open(), "0" * 32, "2026-11-24T11:00:00.000Z")
    mixed = all_seen(tcp=SILENT)
    mixed = [dataclasses.replace(one, tcp=OPEN) if one.source == SOURCES[1] and one.target is TARGETS[0] else one for one in mixed]
    mixed = [dataclasses.replace(one, tcp=None, not_tested="no-route") if one.target is TARGETS[1] else one for one in mixed]
    paired = pair(before, run_of(tmp_path / "after", mixed, SECOND, LATER))
    assert paired.hosts[0].after.ports == {"192.0.2.1:995": "open"} and not paired.hosts[0].is_shut
    assert paired.hosts[1].after.ports == {"192.0.2.2:995": "no-route"} and not paired.hosts[1].is_shut


def test_a_host_that_a_run_does_not_have_is_told(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    plan = (*(HostPlan(name, Intent.CLOSED) for name in HOSTS), HostPlan("new", Intent.CLOSED, (), "outside of --limit"))
    out = tmp_path / "third"
    mine = [dataclasses.replace(one, run_id=SECOND) for one in all_seen(tcp=SILENT)]
    conclude(finished_probe(out, mine, run_id=SECOND, started=LATER, plan=plan), at=NOW)
    new = pair(runs[0], out).hosts[-1]
    assert new.name == "new" and new.before.status == "not seen" and not new.is_shut


def test_a_host_with_one_open_port_is_not_shut() -> None:
    after = Side("fail", {"192.0.2.1:995": "filtered", "[2001:db8::1]:995": "open"}, {})
    assert not HostPair("x", None, Side("pass", {}, {}), after).is_shut


def test_a_host_without_a_port_is_not_shut() -> None:
    assert not HostPair("x", None, Side("pass", {}, {}), Side("pass", {}, {})).is_shut
