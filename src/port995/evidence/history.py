# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of a folder over time: made, missed, incomplete, and by which profile: what an auditor samples from."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from .conclude import read_gate
from .run_folder import REPORT, RUN, RunError, open_run, read_bytes

PERIODS = {"hourly": 1.0 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 31.0, "quarterly": 92.0, "yearly": 366.0}
"""Days."""

GRACE = 1.1
"""A period may take so much of itself: a weekly job that starts some hours late was not missed."""


@dataclasses.dataclass(frozen=True)
class RunOfHistory:
    """One run folder."""

    path: Path
    run_id: str
    started: datetime.datetime
    exit: int | None
    """Of its gate; ``None``: it has no verdict that can be trusted."""

    incomplete: bool
    profile: str
    profile_sha256: str
    equation: str
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class History:
    """What a folder of runs tells."""

    runs: tuple[RunOfHistory, ...]
    """By their start."""

    unreadable: tuple[str, ...]
    missed: tuple[str, ...]
    """Times without a complete run that were longer than the period, in words."""

    changes: tuple[str, ...]
    """Changes of profile between runs, and of inventories, in words."""


def history(folder: Path, expect: str | None, at: datetime.datetime) -> History:
    """Read the runs below a folder.

    :param expect: a word of `PERIODS`; ``None``: no run is missed
    :param at: now (aware)
    :raises RunError: there is no such folder, or no run in it
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such folder: give the one that holds the run folders")
    runs: list[RunOfHistory] = []
    unreadable: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / RUN).exists():
            try:
                runs.append(_run(path))
            except RunError as error:
                unreadable.append(str(error))
    if not runs and not unreadable:
        raise RunError(f"{folder}: holds no run folder: give the folder above them")
    runs.sort(key=lambda one: (one.started, one.run_id))
    missed = _missed(runs, PERIODS[expect], at) if expect is not None else []
    return History(tuple(runs), tuple(unreadable), tuple(missed), tuple(_changes(runs)))


def _run(path: Path) -> RunOfHistory:
    run = open_run(path)
    started = datetime.datetime.fromisoformat(run.header.started)
    if started.tzinfo is None:
        raise RunError(f"{path}: its start {run.header.started!a} has no time zone")
    try:
        gate = read_gate(path)
        equation = str(json.loads(read_bytes(path / REPORT))["coverage"]["equation"])
    except RunError as error:
        return RunOfHistory(
            path, run.header.run_id, started, None, True, run.header.profile_id, run.header.profile_sha256, "",
            str(error),
        )  # fmt: skip
    return RunOfHistory(
        path, run.header.run_id, started, gate.exit.value, gate.incomplete, run.header.profile_id,
        run.header.profile_sha256, equation,
    )  # fmt: skip


def _missed(runs: Sequence[RunOfHistory], days: float, at: datetime.datetime) -> list[str]:
    """A run that is incomplete or has no verdict fills no period."""
    longest = datetime.timedelta(days=days * GRACE)
    complete = [one.started for one in runs if one.exit in (0, 1) and not one.incomplete]
    if not complete:
        return ["no run was complete"]
    found = []
    begin = runs[0].started
    for start, end in zip([begin, *complete], [*complete, at], strict=True):
        if end - start > longest:
            words = "now" if end == at else f"{end:%Y-%m-%dT%H:%M:%SZ}"
            found.append(
                f"no complete run from {start:%Y-%m-%dT%H:%M:%SZ} to {words}"
                f" ({(end - start) / datetime.timedelta(days=1):.1f} days)"
            )
    return found


def _changes(runs: Sequence[RunOfHistory]) -> list[str]:
    found = []
    for before, after in zip(runs, runs[1:], strict=False):
        if before.profile_sha256 != after.profile_sha256:
            found.append(
                f"profile {before.profile} ({before.profile_sha256[:12]}) -> {after.profile}"
                f" ({after.profile_sha256[:12]}) with the run of {after.started:%Y-%m-%dT%H:%M:%SZ}"
            )
    return found
