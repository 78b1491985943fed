# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C while the command is still starting: one line, the exit code of an incomplete run, no traceback."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from port995 import start
from port995.policy.model import Exit

from .command_line import listener, wait_for

SAID = "port995: interrupted: nothing is vouched for\n"
UNDER_WAY = "import 'port995.start'"
"""What Python says (-v) when it has imported the first of ours; before, an interruption is Python's own."""


def test_the_exit_code_is_that_of_an_incomplete_run() -> None:
    assert start.INCOMPLETE == Exit.INCOMPLETE


def started_with(folder: Path, typer: str, handler: signal.Handlers = signal.SIG_DFL) -> subprocess.CompletedProcess[str]:
    """Run the command with a library of ours in place of one that it imports.

    :param handler: what becomes of SIGINT in the beginning
    """
    (folder / "typer.py").write_text(f"import os\n{typer}\n")
    return subprocess.run(
        [sys.executable, "-m", "port995", "gate", folder], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
    )  # fmt: skip


@pytest.mark.parametrize(
    "typer",
    [
        "os.kill(os.getpid(), 2)",
        "try: os.kill(os.getpid(), 2)\nexcept BaseException: pass",
        "class Deaf:\n    def __del__(self): os.kill(os.getpid(), 2)\ndeaf = Deaf()\ndel deaf",
    ],
    ids=["plain", "caught", "in-a-destructor"],
)
def test_an_interruption_in_the_middle_of_an_import_is_the_end(typer: str, tmp_path: Path) -> None:
    """Also where a library would have caught the exception, or Python could only have shown it."""
    run = started_with(tmp_path, typer)
    assert (run.returncode, run.stdout, run.stderr) == (3, "", SAID)


@pytest.mark.parametrize("turn", range(15))
def test_an_interruption_in_the_first_second_shows_no_traceback(turn: int, tmp_path: Path) -> None:
    """At any time since the command began: while modules are imported, arguments are read, or the command works."""
    told = tmp_path / "told"
    with listener() as silent, told.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-v", "-m", "port995", "scan", silent.target, "--pop3-port", "0", "--tls-timeout", "60",
             "--endpoint-timeout", "60"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            wait_for(lambda: UNDER_WAY in told.read_text(errors="replace"), "the command to begin", 60)
            time.sleep(random.Random(turn).random())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 3
        finally:
            process.kill()
            process.communicate()
    assert "Traceback" not in told.read_text(errors="replace")


def test_an_interruption_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As of a job in the background, or under nohup."""
    run = started_with(tmp_path, "os.kill(os.getpid(), 2)\nraise SystemExit(7)", signal.SIG_IGN)
    assert (run.returncode, run.stderr) == (7, "")


@pytest.mark.parametrize("before", [start.end, signal.default_int_handler, signal.SIG_IGN])
def test_a_subcommand_has_it_as_an_exception_and_what_comes_after_has_not(before: Any) -> None:
    inherited = signal.signal(signal.SIGINT, before)
    try:
        with start.interruptible():
            assert signal.getsignal(signal.SIGINT) is (signal.default_int_handler if before is start.end else before)
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, inherited)
