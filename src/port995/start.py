# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the command begins: what must hold before all the rest is imported, which takes its time.

Ctrl-C ends with one line and the exit code of an incomplete run, from here on. While modules are imported and arguments
are read an exception would not do: it comes out of any line of any library, of those too that show a traceback and go
on. There the signal ends the process, which has done nothing yet; a subcommand has it as `KeyboardInterrupt`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

INCOMPLETE = 3
"""`port995.policy.model.Exit.INCOMPLETE`; that module is among those that take time."""
INTERRUPTED = "interrupted: nothing is vouched for"


def end(*_signal: object) -> None:
    """Say so, and end at once."""
    with contextlib.suppress(OSError):
        os.write(2, f"port995: {INTERRUPTED}\n".encode())
    os._exit(INCOMPLETE)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be an exception while this lasts, where `main` made it the end."""
    if signal.getsignal(signal.SIGINT) is not end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, end)


def main() -> None:
    """Run the command."""
    # One that is ignored (nohup, a job in the background) stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)
    if sys.argv[1:] == ["--version"]:
        from .copies import tell_version

        tell_version()
        return
    from .cli import main as run

    run()
