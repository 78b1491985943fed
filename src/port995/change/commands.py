# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program of the host: no shell, a deadline that ends it and its children, and no more output than is allowed.

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Dict, Optional, Sequence

TIMEOUT = 20.0
"""Seconds a program may take."""
MAX_OUTPUT = 4 * 1024 * 1024
"""Octets that a program may write: a ruleset with a hundred thousand elements has fewer."""
SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
"""Where programs are looked for: a user's own PATH often leaves out the administrator's."""


class CommandError(Exception):
    """A program is missing, failed, took too long or said too much; with what it said."""


@dataclasses.dataclass(frozen=True)
class Done:
    """What a program left."""

    code: int
    output: str
    errors: str


def find(program: str) -> Optional[str]:
    """The program's path, or ``None``."""
    return shutil.which(program, path=SEARCH_PATH)


def _environment() -> Dict[str, str]:
    """Messages are read, so they are to be in one language."""
    return {"PATH": SEARCH_PATH, "LC_ALL": "C", "HOME": "/root"}


def run(argv: Sequence[str], text: str = "", timeout: float = TIMEOUT) -> Done:
    """Run a program and wait for it.

    :param argv: its name, which is looked for in `SEARCH_PATH`, and its arguments
    :param text: what it reads as standard input
    :param timeout: seconds
    :raises CommandError: it is not there, took longer or wrote more than is allowed
    """
    path = find(argv[0])
    if path is None:
        raise CommandError("%s is not installed on this host" % argv[0])
    with tempfile.TemporaryFile() as given:
        given.write(text.encode())
        given.seek(0)
        try:
            # The process is waited for below, in every event.
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [path] + list(argv[1:]), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=_environment(), cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CommandError("%s can't be started: %s" % (path, error)) from error
    try:
        output, errors = _read(process, argv, timeout)
        return Done(process.wait(), output, errors)
    finally:
        _end(process)


def _read(process: subprocess.Popen[bytes], argv: Sequence[str], timeout: float) -> Sequence[str]:
    end = time.monotonic() + timeout
    read: Dict[str, bytearray] = {"output": bytearray(), "errors": bytearray()}
    with selectors.DefaultSelector() as selector:
        for name, pipe in (("output", process.stdout), ("errors", process.stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, name)
        while selector.get_map():
            for key, _events in selector.select(max(0.0, end - time.monotonic())):
                piece = os.read(key.fd, 65536)
                read[key.data] += piece
                if not piece:
                    selector.unregister(key.fileobj)
                if len(read[key.data]) > MAX_OUTPUT:
                    raise CommandError("%s wrote more than %d octets" % (" ".join(argv), MAX_OUTPUT))
            if time.monotonic() >= end:
                raise CommandError("%s did not end in %g s" % (" ".join(argv), timeout))
    try:
        process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise CommandError("%s did not end in %g s" % (" ".join(argv), timeout)) from None
    return read["output"].decode(errors="replace"), read["errors"].decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def demand(argv: Sequence[str], text: str = "", timeout: float = TIMEOUT) -> str:
    """Run a program that has to succeed.

    :returns: what it wrote
    :raises CommandError: it did not
    """
    done = run(argv, text, timeout)
    if done.code:
        said = (done.errors.strip() or done.output.strip())[-2000:]
        raise CommandError("%s failed (exit %d): %s" % (" ".join(argv), done.code, said or "it said nothing"))
    return done.output
