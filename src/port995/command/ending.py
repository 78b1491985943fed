# SPDX-License-Identifier: GPL-3.0-or-later
"""How every subcommand ends: an exit code that never says more than is known, and words that say what to do next."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from ..policy.model import Exit
from ..report.escape import visible
from ..start import INTERRUPTED, interruptible

P = ParamSpec("P")

_tracebacks = False


def show_tracebacks(wanted: bool) -> None:
    """Let internal errors show where they come from (``port995 --debug``)."""
    global _tracebacks
    _tracebacks = wanted


def stop(code: Exit, message: str) -> NoReturn:
    """Say why, on standard error, and end."""
    print(f"port995: {visible(message)}", file=sys.stderr)
    raise typer.Exit(int(code))


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """Make a command of a function that returns its exit code.

    Ctrl-C is incomplete (3), never a verdict; a fault of ours can't vouch for anything (4).
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with interruptible():
                code = command(*args, **kwargs)
                flush()
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            stop(Exit.INCOMPLETE, INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is exit code 4 and not a traceback
            if _tracebacks:
                traceback.print_exc()
            stop(
                Exit.CANNOT_VOUCH,
                f"internal error: {type(error).__name__}: {error}; nothing is vouched for (port995 --debug COMMAND"
                " shows where)",
            )
        raise typer.Exit(code)

    return run


def say(text: str) -> None:
    """Print to standard output; a reader that has gone away (``| head``) does not change the verdict."""
    try:
        print(text)
    except BrokenPipeError:
        _discard()


def flush() -> None:
    """Write out what was said, as `say` does."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()


def _discard() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
