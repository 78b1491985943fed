# SPDX-License-Identifier: GPL-3.0-or-later
"""A run begins before its search: what can't be written is told before a packet, and a search that is killed leaves a
run in which nobody was assessed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .command_line import QUICK, Listener, ended, listener, port995, start, wait_for

RANGE = "127.0.0.1-20"


@pytest.fixture
def server() -> Iterator[Listener]:
    """It counts connections, on one of the addresses."""
    with listener(holds=False) as running:
        yield running


def finding(server: Listener) -> tuple[object, ...]:
    return ("--find", "native", "-p", server.port, "--pop3-port", 0, *QUICK)


@pytest.mark.parametrize("kind", ["below-a-file", "a-file", "holds-a-run"])
def test_a_folder_that_can_t_be_written_costs_no_packet(kind: str, server: Listener, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").touch()
    out = {"below-a-file": tmp_path / "file/out", "a-file": tmp_path / "file", "holds-a-run": tmp_path / "run"}[kind]
    run = port995("audit", *finding(server), "--out", out, RANGE)
    assert run.code == 2 and "choose another --out" in run.err, run
    assert server.connections == 0
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "run", "run.json"]


def test_a_search_that_is_killed_leaves_a_run_in_which_nobody_was_assessed(server: Listener, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("audit", *finding(server), "--rate", 1, "--out", out, RANGE)
    wait_for(lambda: server.connections == 1, "the search to have begun", 60)
    process.kill()
    ended(process)
    assert {file.name for file in out.iterdir()} == {"run.json", "profile.yml", "anchors.pem"}
    gate = port995("gate", out)
    assert gate.code == 4, gate
    judged = port995("judge", out)
    assert judged.code == 3, judged
    report = json.loads((out / "report.json").read_text())
    assert sum(host.get("count") or 1 for host in report["hosts"]) == 20
    assert not {host["status"] for host in report["hosts"]} & {"pass", "waived", "not_applicable"}
    assert port995("gate", out).code == 3


def test_a_search_that_ends_leaves_one_run_with_its_own_population(server: Listener, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = port995("audit", *finding(server), "--out", out, "127.0.0.1-2")
    assert run.code != 2, run
    header = json.loads((out / "run.json").read_text())
    assert "127.0.0.1" in [host["name"] for host in header["plan"]]
    assert not [note for note in header["notes"] if "cut off" in note]
    assert {one["run_id"] for one in map(json.loads, (out / "journal-controller.jsonl").read_text().splitlines())} == {
        header["run_id"]
    }


def test_a_run_that_is_refused_after_its_search_leaves_nothing(server: Listener, tmp_path: Path) -> None:
    """That a waiver is for the whole fleet shows when the fleet is known."""
    waivers, scope, out = tmp_path / "waivers.yml", tmp_path / "scope.yml", tmp_path / "out"
    scope.write_text("schema: port995/scope/1\nticket: CHG-1\nnetworks: [127.0.0.0/24]\n")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    fields = {
        "id": "W-1", "hosts": '["127.0.0.*"]', "checks": "[POP3S-PORT-001]", "reason": "so it is", "ticket": "OPS-1",
        "requested_by": "a", "approved_by": "b", "created": (now - datetime.timedelta(days=1)).isoformat(),
        "expires": (now + datetime.timedelta(days=20)).isoformat(),
    }  # fmt: skip
    listed = "\n".join(f"    {key}: {value}" for key, value in fields.items())
    waivers.write_text(f"schema: port995/waivers/1\nwaivers:\n  -\n{listed}\n")
    run = port995("audit", *finding(server), "--waivers", waivers, "--scope", scope, "--out", out,
                  "127.0.0.1-2")  # fmt: skip
    assert run.code == 2 and "whole fleet" in run.err, run
    assert server.connections and not out.exists()


def test_a_search_that_the_scope_s_time_ends_is_kept(server: Listener, tmp_path: Path) -> None:
    scope, out = tmp_path / "scope.yml", tmp_path / "out"
    now = datetime.datetime.now(datetime.UTC)
    first, last = (now + datetime.timedelta(seconds=one) for one in (-60, 10))
    scope.write_text(
        "schema: port995/scope/1\nticket: CHG-1\nnetworks: [127.0.0.0/24]\n"
        f"times: [{{from: {first:%Y-%m-%dT%H:%M:%SZ}, to: {last:%Y-%m-%dT%H:%M:%SZ}}}]\n"
    )
    run = port995("audit", *finding(server), "--rate", 1, "--scope", scope, "--out", out, RANGE)
    gate = json.loads((out / "gate.json").read_text())
    assert run.code in (1, 3) and gate["incomplete"], run
    report = json.loads((out / "report.json").read_text())
    assert sum(host.get("count") or 1 for host in report["hosts"]) == 20
