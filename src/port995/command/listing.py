# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 gate``: what a finished run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..evidence.conclude import read_gate
from ..evidence.run_folder import RunError, open_run
from ..policy.model import Exit
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
