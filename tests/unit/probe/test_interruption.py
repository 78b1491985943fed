# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody still waits for a result, for everything that can stand where a result is written."""

from __future__ import annotations

import os
import pty
import signal
import socket
from pathlib import Path

import pytest

from port995.probe.interruption import interruption, nobody_waits


def test_a_pipe_has_somebody_until_its_reader_is_gone() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"x")
        assert not nobody_waits(writer)
        os.close(reader)
        assert nobody_waits(writer)
    finally:
        os.close(writer)


def test_a_full_pipe_has_somebody() -> None:
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        assert not nobody_waits(writer)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_socket_has_somebody_until_both_of_its_directions_are_shut() -> None:
    """SSH servers give one socket as input and output; the end of the input is not the end of the reader."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x")
        assert not nobody_waits(ours.fileno())
        theirs.shutdown(socket.SHUT_WR)
        assert not nobody_waits(ours.fileno())
        theirs.close()
        assert nobody_waits(ours.fileno())


def test_a_terminal_has_somebody_until_it_is_hung_up() -> None:
    theirs, ours = pty.openpty()
    try:
        os.write(theirs, b"typed\n")
        assert not nobody_waits(ours)
        os.close(theirs)
        assert nobody_waits(ours)
    finally:
        os.close(ours)


def test_what_has_no_other_end_has_somebody(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, open(os.devnull, "w") as null:
        assert not nobody_waits(file.fileno())
        assert not nobody_waits(null.fileno())
        closed = null.fileno()
    assert not nobody_waits(closed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_interruption_and_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruption() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), number)
        assert interrupted()
    assert signal.getsignal(number) == before


def test_a_reader_that_goes_away_is_an_interruption_where_it_is_waited_for() -> None:
    reader, writer = os.pipe()
    try:
        with interruption() as deaf, interruption(writer) as interrupted:
            assert not interrupted()
            os.close(reader)
            assert interrupted() and not deaf()
    finally:
        os.close(writer)
