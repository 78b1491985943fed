# SPDX-License-Identifier: GPL-3.0-or-later
"""Put each mutant into a copy of the tree and see the tests turn red.

    python -m tests.mutants.run [--whole] [--only NAME]... [--list]

Exit code 1 when a mutant survives, can't be applied or breaks the tests' own imports, or when the tests are red without
any. Nothing in this tree is changed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .catalogue import MUTANTS
from .mutant import ROOT, Mutant, MutantError
from .overlay import Overlay, make_overlay

SECONDS = 1800
"""For one run of the tests; a mutant that makes them hang longer counts as noticed."""

COPIES = max(1, min(4, os.cpu_count() or 1))
"""Copies of the tree, and so mutants at a time."""

TESTS_PASSED, TESTS_FAILED = 0, 1
"""pytest's exit codes; any other one says nothing about the mutant."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants; the exit code."""
    asked = _asked(arguments)
    chosen = [mutant for mutant in MUTANTS if not asked.only or mutant.name in asked.only]
    if asked.list:
        for mutant in chosen:
            print(f"{mutant.name:<52} {mutant.lie}")
        return 0
    with tempfile.TemporaryDirectory(prefix="port995-mutants-") as folder:
        overlay = make_overlay(Path(folder))
        everything: tuple[str, ...] = () if asked.whole else tuple(sorted({t for m in chosen for t in m.tests}))
        started = time.monotonic()
        workers = ("-n", str(COPIES + 1), "--dist", "loadfile")
        code, said = _tests(overlay, (*workers, *everything))
        if code != TESTS_PASSED:
            print(said)
            print(f"mutants: the tests are not green without a mutant (pytest's exit code {code}): mend them first")
            return 1
        print(f"{'no mutant':<52} green    {time.monotonic() - started:6.1f} s", flush=True)
        overlays = [overlay, *(make_overlay(Path(folder) / f"copy{n}") for n in range(1, min(COPIES, len(chosen))))]
        bad = _survivors(chosen, overlays, asked.whole)
    if bad:
        print(f"mutants: {len(bad)} of {len(chosen)} were not noticed: {', '.join(bad)}")
        return 1
    print(f"mutants: all {len(chosen)} were noticed")
    return 0


def _survivors(chosen: Sequence[Mutant], overlays: Sequence[Overlay], whole: bool) -> list[str]:
    """Names of the mutants that were not noticed; as many at a time as there are copies of the tree."""
    free: queue.SimpleQueue[Overlay] = queue.SimpleQueue()
    for overlay in overlays:
        free.put(overlay)

    def killed(mutant: Mutant) -> bool:
        overlay = free.get()
        try:
            return _killed(mutant, overlay, whole)
        finally:
            free.put(overlay)

    with concurrent.futures.ThreadPoolExecutor(len(overlays)) as threads:
        noticed = list(threads.map(killed, chosen))
    return [mutant.name for mutant, was in zip(chosen, noticed, strict=True) if not was]


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=(__doc__ or "").split("\n", 1)[0])
    names = [mutant.name for mutant in MUTANTS]
    parser.add_argument("--whole", action="store_true", help="run the whole suite for each, not only the tests it names")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="this mutant; repeatable")
    parser.add_argument("--list", action="store_true", help="list the mutants and what each would claim")
    return parser.parse_args(arguments)


def _killed(mutant: Mutant, overlay: Overlay, whole: bool) -> bool:
    """Whether the tests notice it; tells how it went."""
    started = time.monotonic()
    try:
        before = mutant.apply(overlay.tree)
    except MutantError as error:
        print(f"{mutant.name:<52} BROKEN   {error}", flush=True)
        return False
    try:
        code, said = _tests(overlay, () if whole else mutant.tests)
    finally:
        (overlay.tree / mutant.file).write_text(before, encoding="utf-8")
    seconds = f"{time.monotonic() - started:6.1f} s"
    # A file of tests that can't even be imported shows that the mutant is no program, not that a test noticed it.
    if (code == TESTS_FAILED and "ERROR collecting" not in said) or code is None:
        noticed = next((line.split(" - ")[0] for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
        print(f"{mutant.name:<52} killed   {seconds}  {noticed or 'the tests hang'}", flush=True)
        return True
    if code == TESTS_PASSED:
        print(f"{mutant.name:<52} SURVIVED {seconds}  it claims: {mutant.lie}", flush=True)
        return False
    print(said)
    print(f"{mutant.name:<52} BROKEN   {seconds}  pytest ended with exit code {code}", flush=True)
    return False


def _tests(overlay: Overlay, tests: Sequence[str]) -> tuple[int | None, str]:
    """Run tests in the copy until the first that fails.

    :returns: pytest's exit code, ``None`` when it had to be ended; and what it said
    """
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT995_WHEELHOUSE": os.environ.get("PORT995_WHEELHOUSE", str(ROOT / ".cache" / "wheelhouse")),
    }
    with subprocess.Popen(
        [overlay.python, "-m", "pytest", "-x", "-q", "-rfE", "--tb=short", "-m", "not matrix", "-p", "no:hypothesispytest",
         *tests],
        cwd=overlay.tree, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate(timeout=SECONDS)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


if __name__ == "__main__":
    sys.exit(main())
