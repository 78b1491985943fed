# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 baseline``: write down what fails today, so that a gate stops on what is new."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..evidence.atomic_write import write_atomically
from ..evidence.conclude import read_gate
from ..evidence.run_folder import REPORT, RunError, read_bytes
from ..policy.baseline import BaselineError, make_baseline, read_baseline
from ..policy.model import Exit
from ..report.escape import visible
from .ending import guarded, say, stop

DAYS = 90


@guarded
def baseline(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("baseline.json"),
    days: Annotated[
        int, typer.Option("--days", min=1, max=366, help="How many days from now it may be used.")
    ] = DAYS,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Write down what fails in finished runs. A gate that is given the file (--baseline) stops on other fails only.

    Of several runs, what failed in each is known; what failed in some of them flaps, and counts. A run needs a verdict
    (gate.json), not a pass. What is known stays a fail in every report.
    """
    reports: list[dict[str, Any]] = []
    try:
        for run in runs:
            # The report is the one that the verdict vouches for.
            read_gate(run)
            reports.append(json.loads(read_bytes(run / REPORT)))
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    try:
        data = make_baseline(reports, now, now + datetime.timedelta(days=days))
        raw = (json.dumps(data, indent=1) + "\n").encode("ascii")
        read_baseline(raw, str(out))
    except BaselineError as error:
        stop(Exit.USAGE, str(error))
    if out.exists() and not force:
        stop(Exit.USAGE, f"{out} is there already: name another file with --out, or say --force")
    try:
        write_atomically(out, raw)
    except OSError as error:
        stop(Exit.USAGE, f"{out} can't be written ({error.strerror or error}): choose another --out")
    always = sum(entry["runs"] == len(runs) for entry in data["known"])
    flapping = len(data["known"]) - always
    say(
        f"{visible(str(out))}: {always} known fails of {len(data['hosts'])} hosts"
        + (f", {flapping} that flap and count" if flapping else "")
        + f"; good until {data['expires']}"
    )
    return int(Exit.PASSED)
