# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 lab``: run the embedded lab, alone or around a command, or hold a report against its truth."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Optional

import typer

from ..lab.compare import compare, load_truth
from ..lab.fleet import BASE_PORT, FLEET, SOURCES
from ..lab.lab import Lab, LabError
from ..policy.model import Exit
from ..report.escape import visible
from .ending import flush, guarded, say, stop


@guarded
def lab(
    command: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="[-- COMMAND...]", help="Run this while the lab is up, and end with its exit code."),
    ] = None,
    inventory: Annotated[
        Optional[Path], typer.Option("--inventory", help="Also write the lab's inventory to this file.")
    ] = None,
    ca_file: Annotated[
        Optional[Path], typer.Option("--ca-file", help="Also write the lab's CA certificate to this file.")
    ] = None,
    base_port: Annotated[
        int, typer.Option("--base-port", min=0, max=64540, help="Added to 995 and 110.")
    ] = BASE_PORT,
    against: Annotated[
        Optional[Path], typer.Option("--compare", help="Only compare this run's report with what must be found.")
    ] = None,
) -> int:
    """Run small POP3S servers on loopback addresses, one right and the others each wrong in one way.

    COMMAND finds the inventory in PORT995_LAB_INVENTORY and the CA in PORT995_LAB_CA. Without one the lab prints its
    inventory and runs until Ctrl-C or SIGTERM.
    """
    if against is not None:
        return _compare(against)
    with tempfile.TemporaryDirectory(prefix="port995-lab-") as folder:
        try:
            with Lab(Path(folder), base_port) as running:
                for source, wanted in ((running.inventory_file, inventory), (running.ca_file, ca_file)):
                    if wanted is not None:
                        shutil.copyfile(source, wanted)
                return _run(command, running) if command else _stay(running)
        except LabError as error:
            stop(Exit.USAGE, str(error))
        except OSError as error:
            stop(Exit.USAGE, f"{error.filename or folder}: {error.strerror or error}")


def _compare(folder: Path) -> int:
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        differences = compare(report, load_truth())
    except (OSError, ValueError, KeyError, TypeError) as error:
        stop(Exit.CANNOT_VOUCH, f"{folder} has no report that can be read ({error}): give the folder of a finished run")
    for difference in differences:
        say(visible(difference))
    if differences:
        say(f"lab: {len(differences)} differences from the truth")
        return int(Exit.FAILED)
    say(f"lab: all {len(FLEET)} servers got exactly the verdicts that are true")
    return int(Exit.PASSED)


def _run(command: list[str], running: Lab) -> int:
    environment = {
        **os.environ,
        "PORT995_LAB_INVENTORY": str(running.inventory_file),
        "PORT995_LAB_CA": str(running.ca_file),
    }
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        stop(Exit.USAGE, f"{command[0]} can't be run ({error.strerror})")
    # Ctrl-C reaches the child by itself, SIGTERM only us; the child decides, and its exit code is ours.
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, frame: child.terminate()),
    }
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _stay(running: Lab) -> int:
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    say(running.inventory_file.read_text(encoding="utf-8").rstrip())
    say(f"# CA certificate: {running.ca_file}")
    say(f"# audit it: port995 audit -i FILE --ca-file {running.ca_file} --source {' --source '.join(SOURCES)}")
    flush()
    while not ended.wait(timeout=3600):
        pass
    return int(Exit.PASSED)
