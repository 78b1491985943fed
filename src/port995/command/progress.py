# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress on standard error, where a person is watching; nothing in a pipe or a log."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..probe.model import Observation


@contextlib.contextmanager
def progress(expected: int, quiet: bool = False) -> Iterator[Callable[[Observation], None]]:
    """Show how far a scan is.

    :param expected: observations to come, at least: a name may have several addresses
    :returns: (as the context's value) to be called with each observation
    """
    if quiet or not sys.stderr.isatty():
        yield lambda seen: None
        return
    columns = (TextColumn("observing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("observing", total=expected)
        done = 0

        def step(seen: Observation) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, total=max(expected, done))

        yield step
