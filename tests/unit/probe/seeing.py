# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a server of a test, and get the observations."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

from port995.probe.engine import ScanSummary, scan
from port995.probe.model import Observation, Target, Vantage
from port995.probe.options import ScanOptions
from port995.probe.tcp import TcpStream, connect

QUICK = ScanOptions(resolve_timeout=10, connect_timeout=10, tls_timeout=10, pop3_timeout=10, endpoint_timeout=30)
HERE = Vantage("here", "outside", "test", (4, 6), "0", "0", "0")
SAFETY = 60.0
"""Seconds after which a test gives up on what should have ended long before."""


def tls_target(port: int, address: str = "127.0.0.1", **more: Any) -> Target:
    """A target with TLS from the first octet, and no other service."""
    return Target(**{"hosts": ("host",), "address": address, "port": port, "pop3_port": None, **more})


def clear_target(port: int, address: str = "127.0.0.1", *, tls_port: int, **more: Any) -> Target:
    """A target with clear-text POP3 too."""
    return Target(**{"hosts": ("host",), "address": address, "port": tls_port, "pop3_port": port, **more})


def look(
    targets: Target | Sequence[Target], options: ScanOptions = QUICK, **changes: Any
) -> tuple[list[Observation], ScanSummary]:
    """Scan, within `SAFETY`."""
    wanted = [targets] if isinstance(targets, Target) else list(targets)
    seen: list[Observation] = []

    async def run() -> ScanSummary:
        work = scan(wanted, dataclasses.replace(options, **changes), HERE, "run", seen.append)
        return await asyncio.wait_for(work, SAFETY)

    return seen, asyncio.run(run())


def see(target: Target, options: ScanOptions = QUICK, **changes: Any) -> Observation:
    """The one observation of a target."""
    seen, _summary = look(target, options, **changes)
    assert len(seen) == 1, seen
    return seen[0]


def see_clear(port: int, *, tls_port: int, **changes: Any) -> Observation:
    """The observation of clear-text POP3."""
    seen, _summary = look(clear_target(port, tls_port=tls_port), **changes)
    (clear,) = [one for one in seen if one.service == "pop3"]
    return clear


async def stream_to(port: int, address: str = "127.0.0.1") -> TcpStream:
    """A connected stream."""
    attempt = await connect(address, port, 6 if ":" in address else 4, None, 10)
    assert attempt.stream is not None, attempt.tcp
    return attempt.stream
