# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C, SIGTERM and the deadline: what was seen is kept, every report is written, and the exit code is 3."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .command_line import Ended, Listener, closed_port, ended, journal, listener, port995, start, statuses, wait_for

LONG = ("--tls-timeout", "60", "--pop3-timeout", "60", "--endpoint-timeout", "60", "--connect-timeout", "60")
BOTH_SOURCES = ("--source", "127.0.0.1", "--source", "127.0.0.2")
NO_FAILURE = ("--checks", "not POP3S-PORT-001")
"""The hanging port is open where it should be closed: without this check nothing fails, and exit code 3 is bare."""
REPORTS = {"run.json", "profile.yml", "anchors.pem", "journal-controller.jsonl", "report.json", "TEST-port995.xml",
           "gate.json"}  # fmt: skip


@pytest.fixture
def silent() -> Iterator[Listener]:
    """A server that accepts, and never says a word."""
    with listener() as server:
        yield server


def told_as_incomplete(run: Ended, out: Path, silent: Listener, shut: str, word: str) -> None:
    """What was seen of the closed port is there, the hanging one is not tested, and the gate says so ever after."""
    assert run.code == 3, run
    assert {file.name for file in out.iterdir()} == REPORTS
    seen = {one["target"]["hosts"][0]: one for one in journal(out)}
    assert seen[shut]["tcp"]["state"] == "closed" and seen[shut]["not_tested"] is None
    assert seen[silent.target]["not_tested"] == word
    assert statuses(out, shut)["POP3S-COV-000"] == "pass"
    hanging = statuses(out, silent.target)
    assert hanging.pop("POP3S-COV-001") == "pass"
    assert set(hanging.values()) == {"not_tested"}
    assert port995("gate", out).code == 3
    assert "Traceback" not in run.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_keeps_what_was_seen_and_writes_every_report(
    number: signal.Signals, silent: Listener, tmp_path: Path
) -> None:
    out, shut = tmp_path / "out", f"127.0.0.1:{closed_port()}"
    process = start("audit", shut, silent.target, "--intent", "closed", "--pop3-port", 0, "--out", out,
                    *BOTH_SOURCES, *NO_FAILURE, *LONG)  # fmt: skip
    wait_for(lambda: silent.connections == 2 and len(journal(out)) == 2, "both sources at the hanging server")
    sent = time.monotonic()
    process.send_signal(number)
    run = ended(process)
    assert time.monotonic() - sent < 10
    assert "interrupted" in run.err
    told_as_incomplete(run, out, silent, shut, "cancelled")


def test_the_deadline_keeps_what_was_seen_and_writes_every_report(silent: Listener, tmp_path: Path) -> None:
    out, shut = tmp_path / "out", f"127.0.0.1:{closed_port()}"
    started = time.monotonic()
    run = port995("audit", shut, silent.target, "--intent", "closed", "--pop3-port", 0, "--out", out,
                  *BOTH_SOURCES, *NO_FAILURE, "--deadline", 1, *LONG)  # fmt: skip
    assert time.monotonic() - started < 10
    assert "the deadline was reached" in run.err
    told_as_incomplete(run, out, silent, shut, "deadline")


def test_a_signal_hides_no_failure_that_was_seen(silent: Listener, tmp_path: Path) -> None:
    """A policy failure in an incomplete run is exit code 1, and both are told."""
    out = tmp_path / "out"
    process = start("audit", f"127.0.0.1:{closed_port()}", silent.target, "--pop3-port", 0, "--out", out, *LONG)
    wait_for(lambda: silent.connections == 1 and len(journal(out)) == 1, "the closed port in the journal")
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    assert run.code == 1, run
    assert "the run is incomplete" in run.out


def test_targets_that_were_not_reached_before_the_signal_are_told_too(silent: Listener, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("audit", silent.target, f"127.0.1.1-40:{silent.port}", "--pop3-port", 0, "--out", out,
                    "--concurrency", 1, *LONG)  # fmt: skip
    wait_for(lambda: silent.connections == 1, "the first connection")
    process.send_signal(signal.SIGINT)
    run = ended(process)
    assert run.code == 3, run
    assert {one["not_tested"] for one in journal(out)} == {"cancelled"}
    assert len(journal(out)) == 41
    assert "inventory 41 = assessed 0 + unreachable 41 + excluded 0" in run.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_scan_prints_what_it_saw_and_is_incomplete(number: signal.Signals, silent: Listener) -> None:
    shut = f"127.0.0.1:{closed_port()}"
    process = start("scan", shut, silent.target, "--pop3-port", 0, *LONG)
    wait_for(lambda: silent.connections == 1, "a connection")
    process.send_signal(number)
    run = ended(process)
    assert run.code == 3, run
    lines = dict(line.split("  ", 1) for line in run.out.splitlines())
    assert "closed (conn-refused)" in lines[shut]
    assert "NOT TESTED: cancelled" in lines[silent.target]


def test_a_run_that_is_killed_leaves_no_verdict(silent: Listener, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("audit", silent.target, "--pop3-port", 0, "--out", out, *LONG)
    wait_for(lambda: silent.connections == 1, "a connection")
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    gate = port995("gate", out)
    assert gate.code == 4 and gate.out == ""
