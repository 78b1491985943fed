# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the command, and small servers for it to look at."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from port995.cli import app

from ..ports import own_port

QUICK = ("--connect-timeout", "3", "--tls-timeout", "3", "--pop3-timeout", "3", "--resolve-timeout", "3")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a run of the command ended."""

    code: int
    out: str
    err: str


def port995(*arguments: object) -> Ended:
    """The command in this process: quick, and exit codes and streams are the same."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="port995")
    return Ended(result.exit_code, result.stdout, result.stderr)


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, for signals; it is killed when the tests end without having ended it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "port995", *(str(one) for one in arguments)],
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
    )
    atexit.register(lambda: process.poll() is None and process.kill())
    return process


def ended(process: subprocess.Popen[str], seconds: float = 20) -> Ended:
    """Wait for it; one that does not end is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def statuses(out: Path, host: str) -> dict[str, str]:
    """Check id -> status of one host in the report of a run."""
    report = json.loads((out / "report.json").read_text())
    return {one["check_id"]: one["status"] for one in report["results"] if one["host"] == host}


def journal(out: Path) -> list[dict[str, Any]]:
    """The observations of a run."""
    return [json.loads(line) for line in (out / "journal-controller.jsonl").read_text().splitlines()]


@dataclasses.dataclass
class Listener:
    """A listening port of this test's own."""

    port: int
    connections: int = 0
    accepted: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def listener(speaks: bytes = b"", holds: bool = True) -> Iterator[Listener]:
    """A server that counts connections.

    :param speaks: what it says to each
    :param holds: it then keeps silent until the test ends; else it closes
    """
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        told = Listener(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connected, _ = server.accept()
                except OSError:
                    return
                told.connections += 1
                held.append(connected)
                with contextlib.suppress(OSError):
                    connected.sendall(speaks)
                if not holds:
                    connected.close()
                told.accepted.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
            for connected in held:
                connected.close()


def closed_port() -> int:
    """A port that nobody listens on, on any address of this machine."""
    return own_port()


def wait_for(condition: Any, what: str, seconds: float = 15) -> None:
    """Wait until something is so, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
