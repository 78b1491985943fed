# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 remediate`` and ``port995 pair``: playbooks for what fails, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..evidence import pair as pairing
from ..evidence.remediate import remediation_of, summary_lines, write
from ..evidence.run_folder import RunError
from ..policy.model import Exit
from ..report.escape import visible
from .ending import guarded, say, stop


@guarded
def remediate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for playbooks and lists.")],
) -> int:
    """Write a playbook for each group of hosts that the same role mends, and a list of what no role mends.

    Nothing is sent, and nothing is changed: read the playbooks, then run them with your inventory.
    """
    if out.exists():
        stop(Exit.USAGE, f"--out: {out} is there already: name another folder")
    try:
        found = remediation_of(run)
        write(run, found, out)
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    for line in summary_lines(found, out):
        say(line)
    return int(Exit.PASSED)


@guarded
def pair(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Folder of the run before a change.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Folder of the run after it.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the statement, outside of both.")],
) -> int:
    """State of every host what it was before a change and what it is after it, bound to both runs by their hashes."""
    try:
        found = pairing.pair(before, after)
        files = pairing.write(found, out)
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    say(pairing.to_text(found).rstrip("\n"))
    say(f"statement: {visible(str(out))} ({', '.join(files)})")
    return int(Exit.PASSED)
