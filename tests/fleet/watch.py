# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a port with the native checker, once or until ended, from the namespace that this runs in.

    python -m tests.fleet.watch [--once] PORT ADDRESS...

One line for each connect: seconds (CLOCK_MONOTONIC), address, state, reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from port995.probe.tcp import NoRoute, connect

if TYPE_CHECKING:
    from .lab import Vantage

TIMEOUT = 1.0
"""Seconds of silence that are called ``filtered``; on a bridge in memory an answer takes less than a millisecond."""
PAUSE = 0.05
"""Seconds from one connect to the next."""


async def look(address: str, port: int) -> tuple[str, str]:
    """State and reason."""
    try:
        attempt = await connect(address, port, ipaddress.ip_address(address).version, None, TIMEOUT)
    except NoRoute as error:
        return "unknown", str(error)
    if attempt.stream is not None:
        attempt.stream.close()
    return str(attempt.tcp.state), str(attempt.tcp.reason)


async def _tell(address: str, port: int) -> None:
    began = time.monotonic()
    state, reason = await look(address, port)
    print(f"{began:.3f} {address} {state} {reason}", flush=True)


async def _follow(address: str, port: int, once: bool) -> None:
    if once:
        return await _tell(address, port)
    async with asyncio.TaskGroup() as looks:
        while True:
            # One that waits for an answer must not keep the next from being sent: a door may be open for a moment only.
            looks.create_task(_tell(address, port))
            await asyncio.sleep(PAUSE)


async def _all(port: int, addresses: list[str], once: bool) -> None:
    await asyncio.gather(*(_follow(address, port, once) for address in addresses))


@dataclasses.dataclass(frozen=True)
class Look:
    """One connect of a `Watch`."""

    seconds: float
    address: str
    state: str


class Watch:
    """Context manager: look at a port of addresses from a vantage, again and again, all the while."""

    def __init__(self, vantage: Vantage, port: int, *addresses: str) -> None:
        self._output = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [*vantage.prefix(), sys.executable, "-m", "tests.fleet.watch", str(port), *addresses],
            stdin=subprocess.DEVNULL, stdout=self._output, env={**os.environ}, cwd=os.getcwd(),
        )  # fmt: skip

    def looks(self) -> list[Look]:
        """What was seen so far."""
        self._output.seek(0)
        rows: list[Any] = [line.split() for line in self._output.read().splitlines()]
        return [Look(float(row[0]), row[1], row[2]) for row in rows if len(row) >= 3]

    def states(self, since: float = 0.0) -> set[str]:
        """The states that were seen from a time on (CLOCK_MONOTONIC)."""
        return {look.state for look in self.looks() if look.seconds >= since}

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()


if __name__ == "__main__":
    words = sys.argv[1:]
    only_once = "--once" in words
    words = [word for word in words if word != "--once"]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_all(int(words[0]), words[1:], only_once))
