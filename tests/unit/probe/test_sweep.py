# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep says of a port what every other connect says of it; what was not seen has no word."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator

import pytest

from port995.probe import sweep as sweeping
from port995.probe.sweep import NOT_LOOKED, PortWord, States, sweep
from tests.ports import own_port


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port), backlog=128):
        yield


def swept(places: list[tuple[str, int]], **options: object) -> list[PortWord]:
    states = States(len(places))
    sweep(places, options.pop("source", None), options.pop("timeout", 3.0), states, **options)  # type: ignore[arg-type]
    return [states.at(index) for index in range(len(places))]


def test_open_and_closed_ports_are_told_apart_by_the_hundred() -> None:
    port, shut = own_port(), own_port()
    with listening(port):
        words = swept([("127.0.0.1", port if index % 2 else shut) for index in range(240)])
    assert {(word.state, word.reason) for word in words[1::2]} == {("open", "syn-ack")}
    assert {(word.state, word.reason) for word in words[::2]} == {("closed", "conn-refused")}


def test_silence_is_filtered_and_the_syn_went_out_twice() -> None:
    """A listener whose queue is full drops SYNs: a real silence, on this machine."""
    port = own_port()
    with socket.socket() as full:
        full.bind(("127.0.0.1", port))
        full.listen(0)
        waiting = [socket.socket() for _number in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        states = States(1)
        begun = sweep([("127.0.0.1", port)], None, 0.3, states)
        for one in waiting:
            one.close()
    assert (states.at(0).state, states.at(0).reason) == ("filtered", "no-response")
    assert begun == 2, "a time limit below that of the kernel's own repetition takes a second connect"


def test_what_this_machine_can_not_send_is_no_state_of_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_family: int, _source: str | None) -> socket.socket:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(sweeping, "open_socket", refused)
    assert [(word.state, word.reason) for word in swept([("127.0.0.1", 1)])] == [("unknown", "permission-denied")]


def test_too_few_files_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that passes costs no address its state."""
    port, failures, real = own_port(), iter(range(20)), sweeping.open_socket

    def sometimes(family: int, source: str | None) -> socket.socket:
        if next(failures, None) is not None:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(family, source)

    monkeypatch.setattr(sweeping, "open_socket", sometimes)
    with listening(port):
        words = swept([("127.0.0.1", port)] * 50)
    assert {word.state for word in words} == {"open"}


def test_files_that_never_come_are_told_as_our_own_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_family: int, _source: str | None) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(sweeping, "open_socket", never)
    monkeypatch.setattr(sweeping, "SCARCE_SECONDS", 0.1)
    assert {(word.state, word.reason) for word in swept([("127.0.0.1", 1)] * 3)} == {("unknown", "too-many-files")}


def test_what_a_stopped_sweep_did_not_reach_has_no_word() -> None:
    port, asked = own_port(), iter(range(3))
    with listening(port):
        words = swept([("127.0.0.1", port)] * 2000, stopped=lambda: next(asked, None) is None)
    assert words[0].state == "open" and words[-1] == NOT_LOOKED


def test_a_rate_is_kept() -> None:
    began = time.monotonic()
    swept([("127.0.0.1", own_port())] * 20, rate=40.0)
    assert time.monotonic() - began >= 19 / 40 * 0.9


def test_the_source_address_is_the_one_that_was_asked_for() -> None:
    port = own_port()
    with listening(port):
        assert swept([("127.0.0.1", port)], source="127.0.0.3")[0].source_address == "127.0.0.3"
