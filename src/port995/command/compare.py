# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 diff`` and ``port995 history``: runs beside each other."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..evidence.diff import compare, open_both, to_json, to_lines
from ..evidence.history import PERIODS, RunOfHistory
from ..evidence.history import history as read_history
from ..evidence.run_folder import RunError
from ..policy.model import Exit
from ..report.escape import visible
from ..report.markdown import plain
from .ending import guarded, say, stop

LINE = 2000


@guarded
def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the earlier run.")],
    after: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the later run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 where anything is different.")
    ] = False,
) -> int:
    """Tell what is different between two finished runs: hosts, verdicts, certificates, versions, suites, groups.

    What one of them did not see is told as not known, never as gone.
    """
    if as_json and markdown:
        stop(Exit.USAGE, "--json and --markdown: choose one")
    try:
        found = compare(*open_both(before, after))
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if as_json:
        say(json.dumps(to_json(found), indent=1))
    elif markdown:
        say("\n".join(["## POP3S: what is different", "", *(f"- {plain(line)}" for line in to_lines(found))]))
    else:
        say("\n".join(visible(line, LINE) for line in to_lines(found)))
    return int(Exit.FAILED if exit_code and found.any else Exit.PASSED)


@guarded
def history(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds run folders.")],
    expect: Annotated[
        Optional[str],
        typer.Option("--expect", metavar="|".join(PERIODS), help="How often a complete run has to be made."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> int:
    """List the runs of a folder: made, missed, incomplete, and which profile judged them.

    Exit code 0: none was missed; 1: some were; 4: a run folder can't be read.
    """
    if expect is not None and expect not in PERIODS:
        stop(Exit.USAGE, f"--expect is one of {', '.join(PERIODS)}, not {expect!a}")
    try:
        found = read_history(folder, expect, datetime.datetime.now(datetime.UTC))
    except RunError as error:
        stop(Exit.USAGE, str(error))
    code = Exit.CANNOT_VOUCH if found.unreadable else Exit.FAILED if found.missed else Exit.PASSED
    if as_json:
        runs = [{**vars(one), "path": str(one.path), "started": one.started.isoformat()} for one in found.runs]
        say(json.dumps({
            "exit": int(code), "runs": runs, "missed": found.missed, "changes": found.changes,
            "unreadable": found.unreadable,
        }, indent=1))  # fmt: skip
        return int(code)
    say(f"{'STARTED':<20}  {'EXIT':<4}  {'COMPLETE':<8}  {'PROFILE':<24}  RUN")
    for one in found.runs:
        say(visible(_line(one), LINE))
    for heading, lines in (("missed", found.missed), ("changed", found.changes), ("unreadable", found.unreadable)):
        for line in lines:
            say(visible(f"{heading}: {line}", LINE))
    return int(code)


def _line(one: RunOfHistory) -> str:
    verdict = "-" if one.exit is None else str(one.exit)
    complete = "no" if one.exit is None or one.incomplete else "yes"
    profile = f"{one.profile} {one.profile_sha256[:8]}"
    rest = one.problem or one.equation
    return f"{one.started:%Y-%m-%dT%H:%M:%SZ}  {verdict:<4}  {complete:<8}  {profile:<24}  {one.path.name}: {rest}"
