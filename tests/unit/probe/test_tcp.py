# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects: what the peer did and what this machine could not do are never mixed up."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from port995.probe import tcp
from port995.probe.model import TcpConnect
from port995.probe.tcp import Attempt, NoRoute, TcpStream, connect, ending, route_source
from tests.hostile import behaviours
from tests.hostile.server import Server, dark_port, refusing_port

from .seeing import SAFETY

PEER_STATES = ("open", "closed", "filtered")


def attempt(port: int, address: str = "127.0.0.1", source: str | None = None, timeout: float = 20) -> Attempt:
    async def run() -> Attempt:
        made = await connect(address, port, 6 if ":" in address else 4, source, timeout)
        if made.stream is not None:
            made.stream.close()
        return made

    return asyncio.run(asyncio.wait_for(run(), SAFETY))


def with_stream(port: int, work: Callable[[TcpStream], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        stream = (await connect("127.0.0.1", port, 4, None, 20)).stream
        assert stream is not None
        try:
            return await work(stream)
        finally:
            stream.close()

    return asyncio.run(asyncio.wait_for(run(), SAFETY))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_listener_is_open(address: str) -> None:
    with Server(behaviours.silence, address) as server:
        made = attempt(server.port, address)
    assert (made.tcp.state, made.tcp.reason, made.tcp.errno) == ("open", "syn-ack", None)
    assert made.source_address == address and made.stream is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_refusal_is_closed(address: str) -> None:
    with refusing_port(address) as port:
        made = attempt(port, address)
    assert (made.tcp.state, made.tcp.reason, made.tcp.errno) == ("closed", "conn-refused", "ECONNREFUSED")
    assert made.stream is None and made.source_address == address


def test_silence_is_filtered_and_ends_at_its_deadline() -> None:
    started = time.monotonic()
    with dark_port() as port:
        made = attempt(port, timeout=0.5)
    assert (made.tcp.state, made.tcp.reason, made.tcp.errno) == ("filtered", "no-response", None)
    assert made.stream is None
    assert 0.5 <= time.monotonic() - started < 20


def test_an_answer_that_came_while_this_process_stood_still_is_no_silence() -> None:
    """Stopped by a signal, or busy with others, beyond the deadline: the port answered all the same."""

    async def run(port: int) -> Attempt:
        connecting = asyncio.ensure_future(connect("127.0.0.1", port, 4, None, 0.2))

        async def stand_still() -> None:
            time.sleep(0.5)

        # Its turn is in the same round of the loop, right after the SYN was sent.
        standing = asyncio.ensure_future(stand_still())
        made = await connecting
        await standing
        if made.stream is not None:
            made.stream.close()
        return made

    with Server(behaviours.silence) as server:
        made = asyncio.run(asyncio.wait_for(run(server.port), SAFETY))
    assert (made.tcp.state, made.tcp.reason) == ("open", "syn-ack")


@pytest.mark.parametrize("seconds", [1e-9, 1e-6, 1e-5, 1e-4])
def test_no_port_is_open_for_want_of_time(seconds: float) -> None:
    with refusing_port() as port, dark_port() as dark:
        for _number in range(20):
            assert attempt(port, timeout=seconds).tcp.state != "open"
            assert attempt(dark, timeout=seconds).tcp.state != "open"


@pytest.mark.parametrize("seconds", [0, -1.5])
def test_a_connect_without_any_time_left_is_no_silence(seconds: float) -> None:
    with Server(behaviours.silence) as server:
        made = attempt(server.port, timeout=seconds)
    assert (made.tcp.state, made.tcp.reason, made.stream) == ("unknown", "deadline", None)
    assert server.accepted == 0


def test_a_listener_that_resets_at_once_is_never_closed() -> None:
    """The SYN was answered: TCP wrappers and throttles do this, and the port is as open as can be."""
    with Server(behaviours.reset_at_once) as server:
        states = {(attempt(server.port).tcp.state, attempt(server.port).tcp.reason) for _number in range(100)}
    assert states == {("open", "syn-ack")}


def test_a_listener_that_closes_at_once_is_open() -> None:
    with Server(behaviours.close_at_once) as server:
        assert {attempt(server.port).tcp.state for _number in range(20)} == {"open"}


class Connecting:
    """Stands for a socket whose connect ends with one error, at the call or later."""

    at_call: int
    later: int

    def __init__(self, at_call: int, later: int = 0) -> None:
        self.at_call, self.later = at_call, later
        self.pair = socket.socketpair()

    def connect_ex(self, where: Any) -> int:
        return self.at_call

    def getsockopt(self, level: int, option: int) -> int:
        return self.later

    def setsockopt(self, *arguments: Any) -> None:
        pass

    def recvmsg(self, *arguments: Any) -> Any:
        raise BlockingIOError

    def fileno(self) -> int:
        return self.pair[0].fileno()

    def close(self) -> None:
        for end in self.pair:
            end.close()


def attempt_ending_with(monkeypatch: pytest.MonkeyPatch, at_call: int, later: int = 0) -> TcpConnect:
    monkeypatch.setattr(tcp, "open_socket", lambda family, source: Connecting(at_call, later))
    return attempt(995, timeout=10).tcp


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (errno.ECONNREFUSED, "closed", "conn-refused"),
        (errno.ETIMEDOUT, "filtered", "no-response"),
        (errno.EHOSTUNREACH, "filtered", "host-unreach"),
        (errno.ENETUNREACH, "filtered", "net-unreach"),
        (errno.ENOPROTOOPT, "filtered", "proto-unreach"),
    ],
)
def test_an_answer_of_the_network_has_nmaps_word(
    monkeypatch: pytest.MonkeyPatch, code: int, state: str, reason: str
) -> None:
    seen = attempt_ending_with(monkeypatch, errno.EINPROGRESS, code)
    assert (seen.state, seen.reason, seen.errno) == (state, reason, errno.errorcode[code])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EACCES, "admin-prohibited"),
        (errno.EPERM, "permission-denied"),
        (errno.EADDRNOTAVAIL, "address-not-available"),
        (errno.ENETUNREACH, "no-route"),
        (errno.EHOSTUNREACH, "no-route"),
        (errno.ENOBUFS, "internal-error"),
        (errno.ENOMEM, "internal-error"),
        (errno.EINVAL, "internal-error"),
    ],
)
def test_an_error_of_this_machine_is_no_state_of_the_peer(
    monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    seen = attempt_ending_with(monkeypatch, code)
    assert (seen.state, seen.reason, seen.errno) == ("unknown", reason, errno.errorcode[code])


@pytest.mark.parametrize("code", sorted(set(errno.errorcode) - {errno.ECONNREFUSED, errno.EINPROGRESS, errno.EINTR}))
def test_no_error_at_the_call_but_a_refusal_says_anything_of_the_peer(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    assert attempt_ending_with(monkeypatch, code).state == "unknown"


@pytest.mark.parametrize("code", [errno.ENOBUFS, errno.EIO, errno.EADDRINUSE, 9999])
def test_an_unknown_error_is_never_silence(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    assert attempt_ending_with(monkeypatch, errno.EINPROGRESS, code).state not in PEER_STATES


def test_without_a_file_descriptor_the_peer_has_no_state(tmp_path: Path) -> None:
    """The listener is there all the time; a "filtered" here would prove a port shut that nobody looked at."""
    script = tmp_path / "few_files.py"
    script.write_text(
        "import asyncio, os, resource, sys\n"
        "from port995.probe import tcp\n"
        "tcp.FILE_WAITS = (0.05, 0.1)\n"
        "async def run():\n"
        "    await asyncio.sleep(0)\n"
        "    free = os.dup(0); os.close(free)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))\n"
        "    made = await tcp.connect('127.0.0.1', int(sys.argv[1]), 4, None, 10)\n"
        "    print(made.tcp.state, made.tcp.reason, made.tcp.errno, made.stream)\n"
        "asyncio.run(run())\n"
    )
    with Server(behaviours.silence) as server:
        done = subprocess.run(
            [sys.executable, str(script), str(server.port)], capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.stdout, done.stderr) == ("unknown too-many-files EMFILE None\n", "")


def test_a_file_descriptor_that_comes_free_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shortage = iter([errno.EMFILE, errno.ENFILE])
    real = tcp.route_source

    def route(address: str, family: int, source: str | None) -> str:
        code = next(shortage, None)
        if code is not None:
            raise OSError(code, os.strerror(code))
        return real(address, family, source)

    monkeypatch.setattr(tcp, "route_source", route)
    with Server(behaviours.silence) as server:
        assert attempt(server.port).tcp.state == "open"


def test_waiting_for_a_file_descriptor_takes_nothing_from_the_peers_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that had only what was left of the deadline would be called silent."""
    shortage = iter([errno.EMFILE, errno.EMFILE])
    given: list[float] = []
    real = asyncio.wait_for

    async def wait_for(work: Any, timeout: float) -> Any:
        given.append(timeout)
        return await real(work, timeout)

    def route(address: str, family: int, source: str | None) -> str:
        code = next(shortage, None)
        if code is not None:
            raise OSError(code, os.strerror(code))
        return address

    monkeypatch.setattr(tcp, "route_source", route)
    monkeypatch.setattr(tcp, "FILE_WAITS", (0.3, 0.3))
    with Server(behaviours.silence) as server:

        async def run() -> None:
            monkeypatch.setattr(asyncio, "wait_for", wait_for)
            made = await connect("127.0.0.1", server.port, 4, None, 0.7)
            assert made.stream is not None
            made.stream.close()

        asyncio.run(run())
    assert len(given) == 1 and given[0] > 0.6


def test_a_connection_to_itself_is_no_listener() -> None:
    """On loopback the kernel may choose the very port that is asked for as the source port of the connect."""

    def with_port(port: int) -> Callable[[int, str | None], socket.socket]:
        def make(family: int, source: str | None) -> socket.socket:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setblocking(False)
            made.bind(("127.0.0.1", port))
            return made

        return make

    with refusing_port() as port:
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tcp, "open_socket", with_port(port))
        made = attempt(port)
    assert (made.tcp.state, made.tcp.reason, made.stream) == ("closed", "conn-refused", None)


def test_the_source_address_asked_for_is_used() -> None:
    with Server(behaviours.silence) as server:
        made = attempt(server.port, source="127.0.0.77")
        assert server.wait_for_peers()[0][0] == "127.0.0.77"
    assert made.source_address == "127.0.0.77"


def test_the_source_address_is_known_of_a_refusal_too() -> None:
    with refusing_port() as port:
        assert attempt(port, source="127.0.0.78").source_address == "127.0.0.78"


def test_a_source_address_that_is_not_ours_is_no_route() -> None:
    with Server(behaviours.silence) as server:
        with pytest.raises(NoRoute, match="EADDRNOTAVAIL"):
            attempt(server.port, source="192.0.2.77")
    assert server.accepted == 0


def test_one_source_address_serves_many_connects_at_once() -> None:
    async def run(port: int) -> list[Attempt]:
        made = await asyncio.gather(*(connect("127.0.0.1", port, 4, "127.0.0.79", 20) for _number in range(100)))
        for one in made:
            assert one.stream is not None, one.tcp
            one.stream.close()
        return made

    with Server(behaviours.silence) as server:
        made = asyncio.run(asyncio.wait_for(run(server.port), SAFETY))
    assert {one.source_address for one in made} == {"127.0.0.79"}


def test_asking_for_the_route_sends_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.2)
        assert route_source("127.0.0.1", 4, None) == "127.0.0.1"
        assert route_source("::1", 6, None) == "::1"
        with pytest.raises(TimeoutError):
            listener.recv(1)


def test_a_connect_that_is_cancelled_leaves_no_socket_behind() -> None:
    async def run(port: int) -> None:
        work = asyncio.ensure_future(connect("127.0.0.1", port, 4, None, 30))
        await asyncio.sleep(0.1)
        before = len(os.listdir("/proc/self/fd"))
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert len(os.listdir("/proc/self/fd")) == before - 1

    with dark_port() as port:
        asyncio.run(asyncio.wait_for(run(port), SAFETY))


def test_octets_are_counted_both_ways() -> None:
    async def work(stream: TcpStream) -> tuple[bytes, int, int]:
        await stream.send(b"x" * 1000)
        heard = b""
        while piece := await stream.receive(7):
            assert len(piece) <= 7
            heard += piece
        return heard, stream.octets_sent, stream.octets_received

    with Server(behaviours.saying(b"+OK hello\r\n", after_hearing=True, then_close=True)) as server:
        assert with_stream(server.port, work) == (b"+OK hello\r\n", 1000, 11)


def test_the_word_for_an_end() -> None:
    assert ending(TimeoutError()) == "timeout"
    assert ending(OSError(errno.ETIMEDOUT, "no acknowledgement")) == "timeout"
    assert ending(ConnectionResetError(errno.ECONNRESET, "reset")) == "reset"
    assert ending(BrokenPipeError(errno.EPIPE, "broken")) == "reset"


def test_a_zone_id_is_kept_on_the_way_to_the_kernel() -> None:
    index = socket.if_nametoindex("lo")
    assert tcp.sockaddr("fe80::1%lo", 995, 6)[3] == index
    with pytest.raises(NoRoute):
        route_source("fe80::1%no-such-device", 6, None)
