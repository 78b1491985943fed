# SPDX-License-Identifier: GPL-3.0-or-later
"""When the client that begins a renegotiation believes an answer: behind the greeting only."""

from __future__ import annotations

import asyncio

import pytest

from port995.probe.tls import small_client
from port995.probe.tls.small_client import ALERT, APPLICATION_DATA, HANDSHAKE, CannotTell, SmallClient

GREETING = (APPLICATION_DATA, b"+OK ready\r\n")
BYE = (APPLICATION_DATA, b"+OK bye\r\n")
SERVER_HELLO = (HANDSHAKE, b"\x02\x00\x00\x00")


class LateServer(SmallClient):
    """A connection whose server reads nothing before it has greeted, and then what was sent, in its order."""

    def __init__(self, greeting: list[tuple[int, bytes]], to_hello: list[tuple[int, bytes]], late: float) -> None:
        self._said: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self._greeting, self._to_hello, self._late = greeting, to_hello, late
        self._greeted = asyncio.Event()
        self._verify_data, self._name, self._transcript = bytes(12), None, b""
        self._tasks: list[asyncio.Task[None]] = []

    async def handshake(self) -> None:
        self._tasks.append(asyncio.create_task(self._greet()))

    async def _greet(self) -> None:
        await asyncio.sleep(self._late)
        for record in self._greeting:
            self._said.put_nowait(record)
        self._greeted.set()

    async def _record(self) -> tuple[int, bytes] | None:
        return await self._said.get()

    async def _send_record(self, kind: int, content: bytes) -> None:
        self._tasks.append(asyncio.create_task(self._reply(kind)))

    async def _reply(self, kind: int) -> None:
        await self._greeted.wait()
        for record in self._to_hello if kind == HANDSHAKE else [BYE]:
            self._said.put_nowait(record)


def outcome(greeting: list[tuple[int, bytes]], to_hello: list[tuple[int, bytes]], late: float = 0.0) -> str:
    async def ask() -> str:
        found = await asyncio.wait_for(small_client._renegotiate(LateServer(greeting, to_hello, late)), 1)
        return found.outcome

    return asyncio.run(ask())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_client, "QUIET", 0.05)


@pytest.mark.parametrize("late", [0.0, 0.2])
def test_a_late_greeting_is_no_answer_to_the_hello(late: float) -> None:
    assert outcome([GREETING], [SERVER_HELLO], late) == "accepted"


def test_a_greeting_in_pieces_is_no_answer_either() -> None:
    assert outcome([(APPLICATION_DATA, b"+OK "), (APPLICATION_DATA, b"ready\r\n")], [SERVER_HELLO], 0.2) == "accepted"


def test_who_goes_on_with_the_session_ignored_it() -> None:
    assert outcome([GREETING], []) == "ignored"


def test_a_late_greeting_alone_shows_nothing() -> None:
    with pytest.raises(asyncio.TimeoutError):
        outcome([GREETING], [], 0.2)


def test_without_a_greeting_nothing_is_told() -> None:
    with pytest.raises(CannotTell):
        outcome([(ALERT, b"\x01\x00")], [])
