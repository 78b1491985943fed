# SPDX-License-Identifier: GPL-3.0-or-later
"""An observation that can't be kept ends the scan, whenever that happens, and is told once."""

from __future__ import annotations

import errno

import pytest

from port995.command.sink import Sink
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target

from .command_line import closed_port, listener


def full(seen: Observation) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_first_fault_is_raised_at_once_and_again_when_asked() -> None:
    calls: list[Observation] = []

    def keep(seen: Observation) -> None:
        calls.append(seen)
        full(seen)

    sink = Sink(keep)
    targets = [Target((f"h{n}",), f"127.0.0.{n}", closed_port()) for n in range(1, 30)]
    with pytest.raises(OSError, match="No space left"):
        run_scan(targets, ScanOptions(connect_timeout=1), local_vantage(), "r", sink)
    assert len(calls) == 1
    with pytest.raises(OSError, match="No space left"):
        sink.check()


def test_a_fault_while_the_scan_is_being_ended_is_not_lost() -> None:
    def keep(seen: Observation) -> None:
        if seen.not_tested is not None:
            full(seen)

    sink = Sink(keep)
    with listener() as silent, pytest.raises(OSError, match="No space left"):
        run_scan([Target(("h",), "127.0.0.1", silent.port)], ScanOptions(deadline=0.3), local_vantage(), "r", sink)
        sink.check()


def test_a_sink_that_kept_everything_has_nothing_to_say() -> None:
    kept: list[Observation] = []
    sink = Sink(kept.append)
    run_scan([Target(("h",), "127.0.0.1", closed_port())], ScanOptions(connect_timeout=1), local_vantage(), "r", sink)
    sink.check()
    assert [one.service for one in kept] == ["pop3", "pop3s"]
