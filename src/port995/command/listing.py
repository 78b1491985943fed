# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 gate`` and ``checks``: what there is, and what a finished run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..evidence.conclude import read_gate
from ..evidence.run_folder import RunError, open_run
from ..policy.model import Exit
from ..policy.registry import SelectionError, all_checks, select
from ..report.escape import visible
from ..report.tally import VERDICTS
from .ending import guarded, say, stop


@guarded
def gate(
    out: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> int:
    """Read a run's gate.json, verify it against every file of the run, and end with its exit code.

    A verdict that is missing, foreign or does not fit its files is exit code 4.
    """
    try:
        verdict = read_gate(out)
        run = open_run(out)
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if as_json:
        say(
            json.dumps(
                {
                    "run_id": run.header.run_id,
                    "exit": int(verdict.exit),
                    "verdict": VERDICTS[verdict.exit],
                    "incomplete": verdict.incomplete,
                    "reasons": list(verdict.reasons),
                }
            )
        )
        return int(verdict.exit)
    say(f"gate: {VERDICTS[verdict.exit]} (exit {int(verdict.exit)}) of run {run.header.run_id}")
    for reason in verdict.reasons:
        say(f"  {visible(reason)}")
    return int(verdict.exit)


@guarded
def checks(
    expression: Annotated[
        Optional[str], typer.Argument(help="Ids, globs, categories, joined by and, or, not; none: a list of all.")
    ] = None,
) -> int:
    """List the checks, or explain those that an expression chooses."""
    known = all_checks()
    if expression is None:
        for check in known.values():
            say(f"{check.id:<16} {check.severity.value:<9} {check.title}  [{' '.join(check.categories)}]")
        return int(Exit.PASSED)
    try:
        chosen = select(expression)
    except SelectionError as error:
        stop(Exit.USAGE, str(error))
    for id_ in chosen:
        say(known[id_].explain())
    return int(Exit.PASSED)
