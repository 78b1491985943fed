# SPDX-License-Identifier: GPL-3.0-or-later
"""A line without sockets: a server is a function from the hello it reads to the octets it says."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from port995.probe.model import Hello, Mark, Question, TcpConnect
from port995.probe.tls import exchange
from port995.probe.tls.client_hello import SSL_2, digits
from port995.probe.tls.interrogation import Heard, Interrogation

from . import flights
from .parsed_hello import ParsedHello, parse_hello

FOREVER = 3600.0


@dataclasses.dataclass(frozen=True)
class Ssl2Hello:
    """Nobody needs more of it than that it is one."""


Asked = ParsedHello | Ssl2Hello
Says = Callable[[Asked], "bytes | str"]
"""Octets; or ``eof``, ``reset``, ``silence``, ``shut`` (no connection), ``early`` (closed before the hello)."""


class ScriptedStream:
    """One connection."""

    def __init__(self, says: Says, line: ScriptedLine) -> None:
        self._says, self._line = says, line
        self._answer: bytes | str = ""
        self.early: bytes | None = None

    def peek(self) -> bytes | None:
        return self.early

    def round_trip(self) -> float | None:
        return 0.0001

    async def send(self, data: bytes) -> None:
        asked: Asked = Ssl2Hello() if data[0] & 0x80 else parse_hello(data)
        self._line.asked.append(asked)
        self._answer = self._says(asked)

    async def receive(self, limit: int = 16384) -> bytes:
        said, self._answer = self._answer, b""
        if said == "reset":
            raise ConnectionResetError
        if said == "silence":
            await asyncio.sleep(FOREVER)
        return b"" if isinstance(said, str) else said


class ScriptedLine(exchange.Line):
    """Every connection to one server.

    :param says: what it answers to each hello
    :param open_at: whether connection number so and so (from 0) comes about, in words of `Says`; ``""``: it does
    """

    def __init__(self, says: Says, open_at: Callable[[int], str] = lambda number: "") -> None:
        self._says, self._open_at = says, open_at
        self.asked: list[Asked] = []
        self.opened = self.closed = 0

    async def open(self, purpose: str) -> tuple[TcpConnect, Any]:
        how = self._open_at(self.opened)
        self.opened += 1
        if how == "shut":
            return TcpConnect("closed", "conn-refused", "ECONNREFUSED"), None
        stream = ScriptedStream(self._says, self)
        stream.early = {"early": b"", "greets": b"+OK ready\r\n"}.get(how)
        return TcpConnect("open", "syn-ack", None, 0.0001), stream

    def close(self, stream: Any) -> None:
        self.closed += 1


class ScriptedServer:
    """A TLS server with a choice of its own: versions, suites, a certificate's octets; what it does not take it refuses.

    :param refuses: what it says then
    :param gaps: it refuses a version that it does not speak although it speaks a lower one, as GnuTLS does
    """

    def __init__(
        self,
        versions: Sequence[int],
        suites: Sequence[int],
        *,
        leaf: bytes = b"leaf",
        refuses: bytes | str = "",
        gaps: bool = False,
    ) -> None:
        self.versions, self.suites, self.leaf = tuple(versions), tuple(suites), leaf
        self.refuses, self.gaps = refuses or flights.alert(40), gaps

    def __call__(self, asked: Asked) -> bytes | str:
        if isinstance(asked, Ssl2Hello):
            return self.refuses
        highest = 0x0304 if asked.extension(43) is not None else asked.version
        versions = [one for one in self.versions if one <= highest and (one < 0x0304 or highest == 0x0304)]
        if highest == 0x0304:
            versions = [one for one in versions if one == 0x0304]
        if not versions or (self.gaps and asked.version not in self.versions and min(self.versions) < asked.version):
            return self.refuses
        version = max(versions)
        suite = next((one for one in self.suites if one in asked.suites and fits(one, version)), None)
        if suite is None:
            return self.refuses
        if version == 0x0304:
            group = next(iter(asked.listed(10)), 0x001D)
            return flights.record(flights.server_hello_13(suite, group, retry=asked.shares == ()))
        exchange_ = b""
        if suite >> 8 in (0xC0, 0xCC):
            group = next(iter(asked.listed(10)), 0x0017)
            exchange_ = flights.ecdhe(group, 0x0804 if version == 0x0303 else None)
        flight = flights.server_hello(version, suite) + flights.certificate(self.leaf) + exchange_ + flights.DONE
        return flights.record(flight)


def fits(suite: int, version: int) -> bool:
    """Whether a suite exists in a version; of those that the tests use."""
    if suite >> 8 == 0x13:
        return version == 0x0304
    if suite in (0xC02F, 0xC030, 0xC02B, 0x009C, 0x009E, 0xCCA8):
        return version == 0x0303
    return version < 0x0304


def question(id_: str, version: int, suites: Sequence[int], **more: Any) -> Question:
    """A question in numbers; ``marks``: words with their suites."""
    marks = tuple(Mark(word, digits(tuple(shown))) for word, shown in more.pop("marks", {}).items())
    lists = {name: digits(tuple(more.pop(name))) for name in ("groups", "signatures") if name in more}
    size = 6 if version == SSL_2 else 4
    return Question(id_, id_, version, digits(tuple(suites), size), marks=marks, **lists, **more)


def interrogate(
    line: exchange.Line,
    questions: Sequence[Question],
    *,
    server_name: str | None = "mail.example.org",
    timeout: float = 5.0,
    budget: int = 80,
    seconds: float = 30.0,
) -> tuple[list[Hello], Heard]:
    """Ask it all."""
    heard = Heard()

    async def run() -> None:
        end_at = time.monotonic() + seconds
        asking = Interrogation(line, questions, server_name, False, timeout, budget, heard, lambda: end_at)
        await asyncio.wait_for(asking.run(), 60)

    asyncio.run(run())
    return heard.hellos, heard
