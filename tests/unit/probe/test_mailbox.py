# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers of mailbox answers: the same octets mean the same in whatever pieces they come, and noise raises nothing
but what is declared."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe.mailbox import Walk, numbers_in
from port995.probe.model import Capability, Mailbox, Pop3Dialogue
from port995.probe.pop3 import Dialogue, Ended, LineReader

from .mail_server import stuffed
from .test_pop3 import Peer

BEFORE = Pop3Dialogue("completed", capa_status="listed", capabilities=(Capability("UIDL"), Capability("TOP")))
MESSAGE_OCTETS = st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"x", b"..", b"\r\n.", b"yy"]), max_size=30)


def counted(octets: bytes, sizes: list[int], limit: int = 10**6) -> tuple[int, bytes]:
    """What is counted of a message that comes in pieces of these sizes, and what is left behind it."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(octets[at : at + size])
        at += size
    pieces.append(octets[at:])

    async def receive(most: int) -> bytes:
        while pieces:
            piece = pieces.pop(0)
            if piece:
                return piece
        return b""

    reader = LineReader(receive)
    count = asyncio.run(reader.message_octets(limit))
    return count, reader.buffered + b"".join(pieces)


@given(MESSAGE_OCTETS, st.lists(st.integers(0, 5), max_size=20))
def test_a_message_is_as_long_as_it_is_in_whatever_pieces(parts: list[bytes], sizes: list[int]) -> None:
    message = b"".join(parts) + b"\r\n"
    assert counted(stuffed(message) + b"+OK\r\n", sizes) == (len(message), b"+OK\r\n")


@pytest.mark.parametrize(
    ("sent", "octets"),
    [
        (b".\r\n", 0),
        (b"a\r\n.\r\n", 3),
        (b"..\r\n.\r\n", 3),
        (b"..a\r\n...\r\n.\r\n", 8),
        (b"\n.\r\n\r\n.\r\n", 6),
        (b"a\r.\r\n.\r\n", 5),
    ],
)
def test_octets_by_hand(sent: bytes, octets: int) -> None:
    for size in (1, 2, 3, 100):
        assert counted(sent, [size] * 20) == (octets, b"")


@pytest.mark.parametrize("sent", [b"", b".", b".\r", b"a\r\n", b"a\r\n.", b"a\r\n.\r", b"a.\r\n", b"\n.\n", b"a\n.\r\n"])
def test_without_its_end_there_is_no_length(sent: bytes) -> None:
    for size in (1, 100):
        with pytest.raises(Ended, match="eof"):
            counted(sent, [size] * 20)


@pytest.mark.parametrize("sent", [b"x" * 50, b"x\r\n" * 20, b"..\r\n" * 20, b"\r" * 50])
def test_more_than_the_limit_ends_it(sent: bytes) -> None:
    for size in (1, 100):
        with pytest.raises(Ended, match="oversize"):
            counted(sent + b"\r\n.\r\n", [size] * 100, limit=20)


@pytest.mark.parametrize(
    ("reply", "numbers"),
    [(b"+OK 0 0", (0, 0)), (b"+OK 3 300 and more", (3, 300)), (b"+OK 3", None), (b"+OK", None), (b"+OK 3 x", None),
     (b"+OK -1 3", None), (b"+OK 3 300x", None), (b"+OK  3 3", None), (b"+OK 3 3\r", None), (b"-ERR", None),
     (b"+OK " + b"9" * 19 + b" 1", None), ("+OK \u0663 1".encode(), None)],
)  # fmt: skip
def test_numbers_of_stat(reply: bytes, numbers: tuple[int, int] | None) -> None:
    if numbers is None:
        with pytest.raises(Ended, match="malformed"):
            numbers_in(reply)
    else:
        assert numbers_in(reply) == numbers


def walked(answers: list[bytes], allow_dele: bool = False) -> tuple[Mailbox, list[bytes]]:
    peer = Peer([b"", *answers])

    async def run() -> Mailbox:
        walk = Walk(Dialogue(peer.send, peer.receive), BEFORE, allow_dele)
        try:
            await walk.go()
        except Ended as ended:
            return walk.result(ended.outcome)
        return walk.result()

    return asyncio.run(run()), peer.commands


GOOD = [
    b"+OK 2 30\r\n", b"+OK\r\n1 10\r\n2 20\r\n.\r\n", b"+OK\r\n1 a\r\n2 b\r\n.\r\n", b"+OK\r\nA: b\r\n\r\n.\r\n",
    b"+OK\r\n12345678\r\n.\r\n", b"+OK\r\nTOP\r\n.\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK 2 30\r\n", b"+OK\r\n",
]  # fmt: skip


def test_a_walk_with_dele() -> None:
    seen, commands = walked(GOOD, allow_dele=True)
    assert seen.outcome == "completed" and (seen.retr_octets, seen.retr_listed, seen.quit) == (10, 10, "+OK")
    assert commands[-4:] == [b"DELE 1\r\n", b"RSET\r\n", b"STAT\r\n", b"QUIT\r\n"]
    assert commands[3:5] == [b"TOP 1 0\r\n", b"RETR 1\r\n"]


@pytest.mark.parametrize("after", [b"+OK 1 20\r\n", b"-ERR\r\n", b"+OK\r\n", b"", b"+OK 2 31\r\n"])
def test_quit_is_said_only_where_nothing_is_marked(after: bytes) -> None:
    seen, commands = walked([*GOOD[:8], after, b"+OK\r\n"], allow_dele=True)
    assert b"QUIT\r\n" not in commands and seen.quit == "not-asked"


@given(st.lists(st.binary(max_size=80), max_size=10), st.integers(0, 9), st.booleans())
def test_noise_in_the_middle_raises_nothing_else(noise: list[bytes], at: int, allow_dele: bool) -> None:
    seen, _commands = walked([*GOOD[:at], *noise], allow_dele)
    assert seen.outcome in ("completed", "eof", "malformed", "oversize")
    for value in dataclasses.astuple(seen):
        assert value is None or isinstance(value, (bool, int, str, tuple))


@given(st.lists(st.sampled_from([b"+OK", b"-ERR", b"1 1", b"2 2", b".", b"", b" ", b"1 a", b"\xff"]), max_size=40))
def test_lines_that_are_nearly_right_raise_nothing_else(lines: list[bytes]) -> None:
    octets = b"".join(line + b"\r\n" for line in lines)
    seen, _commands = walked([octets])
    assert seen.outcome in ("completed", "eof", "malformed", "oversize")
    seen, _commands = walked([line + b"\r\n" for line in lines])
    assert seen.outcome in ("completed", "eof", "malformed", "oversize")
