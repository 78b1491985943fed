# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run: every target ends in observations in every event, and what was seen by then is kept."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import gc
import itertools
import logging
import os
import random
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from port995.probe import endpoint, engine, pop3, tls_session
from port995.probe.engine import ScanSummary, local_vantage, run_scan, scan
from port995.probe.model import Observation, Target
from port995.probe.options import ScanOptions
from tests.hostile import behaviours
from tests.hostile.behaviours import Behaviour, Caller
from tests.hostile.server import Server, dark_port, refusing_port

from .seeing import HERE, QUICK, SAFETY, look, see, tls_target
from .tls_servers import ANSWERS, GREETING, inside, server_context
from .tls_servers import pop3 as serve


@pytest.fixture(scope="module")
def good() -> Iterator[Server]:
    with Server(inside(server_context())) as server:
        yield server


@contextlib.contextmanager
def names(monkeypatch: pytest.MonkeyPatch, known: dict[str, list[str]], *, hang: str = "") -> Iterator[None]:
    """A resolver that knows these names; those that begin with ``hang`` get no answer until the end."""
    real, over = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        if hang and str(host).startswith(hang):
            over.wait(SAFETY)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        if host in known:
            return [(0, socket.SOCK_STREAM, 6, "", (address, 0)) for address in known[host]]
        if str(host).endswith(".example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        yield
    finally:
        over.set()


def word(seen: Observation) -> tuple[Any, ...]:
    """What an observation comes to, without times and ports."""
    return (
        seen.target.hosts,
        seen.service,
        seen.address,
        seen.family,
        seen.source,
        seen.resolution.outcome,
        seen.not_tested,
        seen.tcp and (seen.tcp.state, seen.tcp.reason),
        seen.tls and seen.tls.outcome,
        seen.clear and seen.clear.outcome,
        seen.pop3 and seen.pop3.outcome,
    )


def owed(target: Target) -> int:
    return 1 if target.pop3_port is None else 2


def test_a_run_without_targets_is_a_run() -> None:
    seen, summary = look([])
    assert seen == []
    assert (summary.observations, summary.connections, summary.cancelled, summary.deadline_reached) == (
        0,
        0,
        False,
        False,
    )


def test_both_services_of_a_target_are_looked_at_clear_text_first(good: Server) -> None:
    """A session on the TLS port afterwards shows that a refusal on the other was no ban."""
    with refusing_port() as closed:
        seen, summary = look(tls_target(good.port, pop3_port=closed))
    assert [(one.service, one.port) for one in seen] == [("pop3", closed), ("pop3s", good.port)]
    clear, tls = seen
    assert clear.tcp is not None and clear.tcp.state == "closed"
    assert tls.pop3 is not None and tls.pop3.outcome == "completed"
    assert tls.started >= clear.ended
    assert (summary.observations, summary.connections) == (2, 2)


def test_every_connection_is_counted_with_its_purpose(good: Server) -> None:
    answers = {b"CAPA": b"+OK\r\nUSER\r\n.\r\n", b"QUIT": b"+OK\r\n"}
    before = good.accepted
    with Server(behaviours.answering(b"+OK\r\n", answers)) as clear:
        seen, summary = look([tls_target(good.port, pop3_port=clear.port), tls_target(good.port, "127.0.0.1")])
        assert clear.accepted == 1
    purposes = collections.Counter(one.purpose for seen_one in seen for one in seen_one.connections)
    assert purposes == {"POP3 and STLS session": 1, "TLS and POP3 session": 2}
    assert summary.connections == sum(purposes.values()) == 1 + good.accepted - before
    octets = sum(one.octets_sent + one.octets_received for seen_one in seen for one in seen_one.connections)
    assert summary.octets == octets > 3000
    for one in seen:
        assert one.connections[0].source_address == "127.0.0.1"
        assert (one.connections[0].address, one.connections[0].port) == ("127.0.0.1", one.port)


def test_the_depth_port_says_not_a_word(good: Server) -> None:
    heard: list[bytes] = []
    with Server(lambda caller: heard.append(caller.hear())) as server:
        seen = see(tls_target(server.port, proxy_protocol="v1"), depth="port")
        end = time.monotonic() + 10
        while not heard and time.monotonic() < end:
            time.sleep(0.01)  # The server's thread may come late to what the scan has long done.
    assert seen.tcp is not None and seen.tcp.state == "open"
    assert (seen.tls, seen.pop3, seen.clear, seen.plaintext) == (None, None, None, None)
    assert [one.purpose for one in seen.connections] == ["state of the port"]
    assert heard == [b""] and seen.connections[0].octets_sent == 0


def test_a_target_given_twice_is_answered_twice(good: Server) -> None:
    one = tls_target(good.port, hosts=("a",))
    seen, _summary = look([one, one, dataclasses.replace(one, hosts=("b",))])
    assert sorted(each.target.hosts for each in seen) == [("a",), ("a",), ("b",)]
    assert {each.tls and each.tls.outcome for each in seen} == {"completed"}


# --- families and names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("families", "words"),
    [
        ("auto", {("127.0.0.1", 4, None), ("::1", 6, None)}),
        ("4", {("127.0.0.1", 4, None), ("::1", 6, "family-not-asked")}),
        ("6", {("127.0.0.1", 4, "family-not-asked"), ("::1", 6, None)}),
        ("both", {("127.0.0.1", 4, None), ("::1", 6, None)}),
    ],
)
def test_each_address_of_a_name_is_an_endpoint_of_its_own(
    monkeypatch: pytest.MonkeyPatch, good: Server, families: str, words: set[Any]
) -> None:
    with names(monkeypatch, {"mail.example": ["::1", "127.0.0.1"]}):
        seen, _summary = look(tls_target(good.port, "mail.example"), families=families)
    assert {(one.address, one.family, one.not_tested) for one in seen} == words
    assert all(one.resolution.addresses == ("::1", "127.0.0.1") for one in seen)
    assert all(not one.connections for one in seen if one.not_tested)
    assert all(one.tcp is not None for one in seen if not one.not_tested)


def test_a_name_that_lacks_a_family_is_told_where_both_are_wanted(
    monkeypatch: pytest.MonkeyPatch, good: Server
) -> None:
    with names(monkeypatch, {"mail.example": ["127.0.0.1"]}):
        seen, _summary = look(tls_target(good.port, "mail.example"), families="both")
    assert {(one.address, one.family, one.not_tested) for one in seen} == {
        ("127.0.0.1", 4, None),
        (None, 6, "no-address-in-family"),
    }


def test_a_name_that_does_not_resolve_costs_no_other_target(monkeypatch: pytest.MonkeyPatch, good: Server) -> None:
    gone = tls_target(good.port, "gone.example", hosts=("gone",), pop3_port=110)
    fine = tls_target(good.port, hosts=("fine",))
    with names(monkeypatch, {}):
        seen, summary = look([gone, fine])
    assert sorted((one.target.hosts[0], one.service, one.resolution.outcome) for one in seen) == [
        ("fine", "pop3s", "numeric"),
        ("gone", "pop3", "not-found"),
        ("gone", "pop3s", "not-found"),
    ]
    assert summary.connections == 1
    for one in seen:
        if one.target.hosts == ("gone",):
            assert (one.tcp, one.not_tested, one.address) == (None, None, None)


def test_a_dead_resolver_ends_and_costs_no_literal(monkeypatch: pytest.MonkeyPatch, good: Server) -> None:
    targets = [tls_target(good.port, f"dead{number}.example", hosts=(f"dead{number}",)) for number in range(70)]
    targets.append(tls_target(good.port, hosts=("fine",)))
    with names(monkeypatch, {}, hang="dead"):
        seen, summary = look(targets, resolve_timeout=0.3)
    assert summary.observations == len(seen) == 71
    assert collections.Counter(one.resolution.outcome for one in seen) == {"timeout": 70, "numeric": 1}
    assert {one.tls and one.tls.outcome for one in seen} == {None, "completed"}


def test_each_source_address_makes_its_own_observation(good: Server) -> None:
    seen, _summary = look(tls_target(good.port), source_addresses=("127.0.0.5", "127.0.0.6", "::1"))
    assert sorted((str(one.source), one.source_address) for one in seen) == [
        ("127.0.0.5", "127.0.0.5"),
        ("127.0.0.6", "127.0.0.6"),
    ]


# --- order, and how many at one time ---------------------------------------------------------------------------------


def test_the_order_of_targets_changes_nothing(monkeypatch: pytest.MonkeyPatch, good: Server) -> None:
    with (
        names(monkeypatch, {"mail.example": ["127.0.0.1", "::1"]}),
        Server(behaviours.answering(b"+OK plain\r\n", {})) as plain,
        Server(behaviours.close_at_once) as closing,
        Server(behaviours.alerting(40)) as alerting,
        refusing_port() as closed,
    ):
        targets = [
            tls_target(good.port, hosts=("good",)),
            tls_target(good.port, "mail.example", hosts=("name",), pop3_port=closed),
            tls_target(good.port, "gone.example", hosts=("gone",)),
            tls_target(plain.port, hosts=("plain",)),
            tls_target(closed, hosts=("closed",), pop3_port=closed),
            tls_target(alerting.port, hosts=("alert",)),
            tls_target(closing.port, hosts=("throttle",), pop3_port=plain.port),
        ]
        results = []
        for seed in range(4):
            random.Random(seed).shuffle(targets)
            seen, _summary = look(targets, concurrency=[1, 2, 50, 200][seed], pop3_timeout=1.5)
            # Closing with the hello unread may arrive as a reset.
            results.append(sorted(str(word(one)).replace("'reset'", "'eof'") for one in seen))
    # Two services at two addresses of the name, two services of two others, one each of four.
    assert len(results[0]) == 12
    assert all(result == results[0] for result in results[1:])


@pytest.mark.parametrize("targets", [3, 12])
def test_one_address_is_never_crowded(monkeypatch: pytest.MonkeyPatch, good: Server, targets: int) -> None:
    flying: collections.Counter[str] = collections.Counter()
    most: collections.Counter[str] = collections.Counter()
    real = engine.observe

    async def observe(aim: Any, service: str, scene: Any) -> Observation:
        flying[aim.address] += 1
        most[aim.address] = max(most[aim.address], flying[aim.address])
        try:
            await asyncio.sleep(0.02)
            return await real(aim, service, scene)
        finally:
            flying[aim.address] -= 1

    monkeypatch.setattr(engine, "observe", observe)
    addresses = ("127.0.0.1", "127.0.0.2")
    with Server(inside(server_context()), "127.0.0.2") as other:
        ports = {"127.0.0.1": good.port, "127.0.0.2": other.port}
        seen, _summary = look([tls_target(ports[one], one) for one in addresses for _number in range(targets)])
    assert most == dict.fromkeys(addresses, 2)
    assert len(seen) == 2 * targets and {one.tls and one.tls.outcome for one in seen} == {"completed"}


def test_no_more_endpoints_fly_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    flying = most = 0
    real = engine.observe

    async def observe(aim: Any, service: str, scene: Any) -> Observation:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        try:
            return await real(aim, service, scene)
        finally:
            flying -= 1

    monkeypatch.setattr(engine, "observe", observe)
    with refusing_port("0.0.0.0") as port:  # Nobody else takes it on any address.
        seen, _summary = look([tls_target(port, f"127.0.1.{number}") for number in range(1, 41)], concurrency=3)
    assert len(seen) == 40 and most == 3


# --- the ends of a run -----------------------------------------------------------------------------------------------


def hang_in(phase: str, reached: list[str]) -> Behaviour:
    """A server that is well until one phase, and silent from then on.

    :param reached: gets the phase of every connection that has come so far, as its client knows too
    """

    def silent(caller: Caller) -> None:
        caller.hear()
        reached.append(phase)
        caller.wait_for_end()

    if phase == "tls":
        return silent

    def talk(session: ssl.SSLSocket) -> None:
        if phase != "greeting":
            session.sendall(GREETING)
            if phase in ("quit", "goodbye"):
                answers = {b"CAPA": ANSWERS[b"CAPA"], b"QUIT": ANSWERS[b"QUIT"] if phase == "goodbye" else b""}
                serve(session, b"", answers)
            else:
                session.recv(1024)
        reached.append(phase)
        while session.recv(1024):
            pass

    return inside(server_context(), talk)


PHASES = ["connect", "tls", "greeting", "capa", "quit", "goodbye"]


@contextlib.contextmanager
def hanging(phase: str, reached: list[str]) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        if phase == "connect":
            yield stack.enter_context(dark_port())
        else:
            yield stack.enter_context(Server(hang_in(phase, reached))).port


def until(happened: Callable[[], bool]) -> Callable[[], Any]:
    async def wait() -> None:
        while not happened():
            await asyncio.sleep(0.02)

    return wait


def run_until_stopped(
    targets: list[Target], stop_when: Callable[[], bool], **changes: Any
) -> tuple[list[Observation], ScanSummary]:
    seen: list[Observation] = []

    async def run() -> ScanSummary:
        stop = asyncio.Event()

        async def watch() -> None:
            await until(stop_when)()
            await asyncio.sleep(0.3)
            stop.set()

        watcher = asyncio.ensure_future(watch())
        options = dataclasses.replace(QUICK, **changes)
        try:
            return await asyncio.wait_for(scan(targets, options, HERE, "run", seen.append, stop), SAFETY)
        finally:
            watcher.cancel()

    return seen, asyncio.run(run())


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
@pytest.mark.parametrize("phase", PHASES)
def test_an_end_in_any_phase_keeps_what_was_seen_by_then(
    monkeypatch: pytest.MonkeyPatch, good: Server, phase: str, how: str
) -> None:
    # Everything is set to outlast the run.
    slow = {"connect_timeout": 50, "tls_timeout": 50, "pop3_timeout": 50, "endpoint_timeout": 55}
    monkeypatch.setattr(endpoint, "GOODBYE_SECONDS", 50.0)
    # A busy machine may not come as far as the phase in a second: then there is more.
    for deadline in (1.0, 4.0, 16.0):
        reached: list[str] = []
        with hanging(phase, reached) as port:
            targets = [
                tls_target(port, "127.0.0.1", hosts=("hangs",)),
                tls_target(good.port, hosts=("good",)),
                *(tls_target(port, "127.0.0.1", hosts=(f"waits{number}",)) for number in range(4)),
            ]
            started = time.monotonic()
            if how == "deadline":
                seen, summary = look(targets, deadline=deadline, **slow)
            else:
                seen, summary = run_until_stopped(targets, lambda: phase == "connect" or len(reached) == 2, **slow)
        assert time.monotonic() - started < 30
        if phase == "connect" or len(reached) == 2:
            break
    assert (summary.deadline_reached, summary.cancelled) == (how == "deadline", how == "cancelled")
    by_host = {one.target.hosts[0]: one for one in seen}
    assert len(seen) == len(by_host) == 6 and summary.observations == 6
    # Two of an address fly at one time, so these two hosts do, whatever the order.
    hangs = [one for one in seen if one.target.hosts[0] != "good" and one.connections]
    waits = [one for one in seen if one.target.hosts[0] != "good" and not one.connections]
    assert {one.not_tested for one in waits} <= {how}
    assert all(one.tcp is None and one.tls is None for one in waits)
    if phase != "connect":
        assert hangs and {one.not_tested for one in hangs} == {how}
    for one in hangs:
        if phase == "connect":
            assert one.tcp is None
            continue
        assert one.tcp is not None and one.tcp.state == "open"
        tls = one.tls and one.tls.outcome
        assert tls == ("timeout" if phase == "tls" else "completed")
        if phase not in ("connect", "tls"):
            assert one.pop3 is not None
            expected = (None, None) if phase == "greeting" else ("+OK ready", "+OK")
            assert (one.pop3.greeting, one.pop3.greeting_status) == expected
            listed = {"greeting": "not-asked", "capa": "incomplete"}.get(phase, "listed")
            assert one.pop3.capa_status == listed


def test_a_connect_that_was_cut_off_is_counted_and_no_state_of_the_port() -> None:
    """Its SYN is out: a report of what was sent must hold it."""
    with dark_port() as port:
        seen, summary = look(tls_target(port), deadline=0.5, connect_timeout=50, endpoint_timeout=55)
    assert (seen[0].not_tested, seen[0].tcp) == ("deadline", None)
    assert [one.purpose for one in seen[0].connections] == ["TLS and POP3 session"]
    assert summary.connections == 1


def test_a_deadline_while_names_are_looked_up_leaves_nobody_out(monkeypatch: pytest.MonkeyPatch, good: Server) -> None:
    targets = [tls_target(good.port, f"dead{number}.example", pop3_port=110) for number in range(80)]
    targets.append(tls_target(good.port))
    with names(monkeypatch, {}, hang="dead"):
        seen, summary = look(targets, deadline=0.5, resolve_timeout=40)
    assert summary.deadline_reached and len(seen) == 161
    untold = [one for one in seen if one.target.address != "127.0.0.1"]
    assert {(one.not_tested, one.resolution.outcome) for one in untold} == {("deadline", "not-tested")}


def test_a_deadline_that_is_not_reached_changes_nothing(good: Server) -> None:
    seen, summary = look(tls_target(good.port), deadline=50)
    assert (summary.deadline_reached, seen[0].not_tested) == (False, None)
    assert summary.seconds < 40


def test_a_stop_before_the_start_tells_every_target_and_sends_nothing() -> None:
    seen: list[Observation] = []

    async def run(port: int) -> ScanSummary:
        stop = asyncio.Event()
        stop.set()
        targets = [tls_target(port, hosts=(str(number),)) for number in range(5)]
        return await asyncio.wait_for(scan(targets, QUICK, HERE, "run", seen.append, stop), SAFETY)

    with Server(behaviours.silence) as server:
        summary = asyncio.run(run(server.port))
    assert summary.cancelled and {one.not_tested for one in seen} == {"cancelled"}
    assert sorted(one.target.hosts[0] for one in seen) == list("01234")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order(number: signal.Signals) -> None:
    seen: list[Observation] = []
    # A shell that starts the tests in the background has SIGINT ignored; what asyncio leaves is the default.
    before = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
    inherited = signal.signal(number, before)
    with Server(behaviours.silence) as server:

        def interrupt() -> None:
            server.wait_for_peers(1)
            os.kill(os.getpid(), number)

        sender = threading.Thread(target=interrupt)
        sender.start()
        targets = [tls_target(server.port, hosts=(str(one),)) for one in range(5)]
        summary = run_scan(targets, dataclasses.replace(QUICK, tls_timeout=50), HERE, "run", seen.append, True)
        sender.join()
    left = signal.signal(number, inherited)
    assert summary.cancelled and len(seen) == 5 and {one.not_tested for one in seen} == {"cancelled"}
    assert left == before


def test_a_run_whose_result_nobody_waits_for_ends_in_order() -> None:
    """A signal may be lost on its way here (ansible-core's worker dies of the second one before it passed on the
    first); what is left when the worker is gone is the end of the pipe that it read."""
    seen: list[Observation] = []
    reader, writer = os.pipe()
    with Server(behaviours.silence) as server:

        def go_away() -> None:
            server.wait_for_peers(1)
            os.close(reader)

        leaver = threading.Thread(target=go_away)
        leaver.start()
        targets = [tls_target(server.port, hosts=(str(one),)) for one in range(5)]
        options = dataclasses.replace(QUICK, tls_timeout=50)
        summary = run_scan(targets, options, HERE, "run", seen.append, waiting=writer)
        leaver.join()
    os.close(writer)
    assert summary.cancelled and len(seen) == 5 and {one.not_tested for one in seen} == {"cancelled"}
    assert summary.seconds < 20


def test_a_run_whose_result_is_waited_for_is_looked_at_to_its_end(good: Server) -> None:
    seen: list[Observation] = []
    reader, writer = os.pipe()
    try:
        summary = run_scan([tls_target(good.port)], QUICK, HERE, "run", seen.append, waiting=writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert not summary.cancelled and [one.not_tested for one in seen] == [None]


def test_nothing_is_left_open_by_a_run_that_was_cut_off() -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    with Server(behaviours.silence) as server:
        look(tls_target(server.port), deadline=0.2)
        gc.collect()
        before = files()
        look([tls_target(server.port, hosts=(str(number),)) for number in range(4)], deadline=0.3)
        for _turn in range(100):
            if files() <= before:
                break
            time.sleep(0.05)
        assert files() <= before


# --- faults of our own -----------------------------------------------------------------------------------------------


class Broken(Exception):
    """A fault of the test's own making."""


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_sink_that_raises_ends_the_scan_with_its_own_error(
    good: Server, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    taken = itertools.count(1)

    def sink(seen: Observation) -> None:
        if next(taken) >= at:
            raise Broken("no space left")

    async def run() -> None:
        targets = [tls_target(good.port, hosts=(str(number),)) for number in range(8)]
        await asyncio.wait_for(scan(targets, QUICK, HERE, "run", sink), SAFETY)

    with caplog.at_level(logging.ERROR, "asyncio"):
        with pytest.raises(Broken, match="no space left"):
            asyncio.run(run())
        gc.collect()
    assert [one.getMessage() for one in caplog.records] == []


PLACES = [
    (endpoint, "connect"),
    (tls_session.TlsStream, "handshake"),
    (tls_session.TlsStream, "receive"),
    (tls_session.TlsStream, "session"),
    (pop3.Dialogue, "greet"),
    (pop3.Dialogue, "capa"),
    (pop3.Dialogue, "quit"),
    (pop3, "capability_of"),
]


@pytest.mark.parametrize(
    "error", [Broken("bug"), ZeroDivisionError("bug"), MemoryError("bug")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize(("where", "name"), PLACES, ids=[name for _where, name in PLACES])
def test_a_fault_of_ours_costs_one_observation_and_never_passes(
    monkeypatch: pytest.MonkeyPatch, good: Server, where: Any, name: str, error: Exception
) -> None:
    real = getattr(where, name)
    calls = itertools.count()

    def breaks(*arguments: Any, **more: Any) -> Any:
        if next(calls) == 0:
            raise error
        return real(*arguments, **more)

    monkeypatch.setattr(where, name, breaks)
    seen, _summary = look([tls_target(good.port, hosts=(str(number),)) for number in range(3)])
    broken = [one for one in seen if one.not_tested]
    assert [(one.not_tested, one.detail) for one in broken] == [("internal-error", f"{type(error).__name__}: bug")]
    assert len(seen) == 3
    for one in seen:
        if not one.not_tested:
            assert one.pop3 is not None and one.pop3.outcome == "completed"


def test_a_fault_of_the_engine_itself_is_raised_and_hangs_nobody(monkeypatch: pytest.MonkeyPatch, good: Server) -> None:
    async def observe(*arguments: Any) -> Observation:
        raise Broken("bug")

    monkeypatch.setattr(engine, "observe", observe)
    with pytest.raises(Broken):
        look([tls_target(good.port, hosts=(str(number),)) for number in range(3)])


def test_a_fault_while_names_become_aims_is_raised_and_hangs_nobody(
    monkeypatch: pytest.MonkeyPatch, good: Server
) -> None:
    def aims_of(*arguments: Any) -> Any:
        raise Broken("bug")

    monkeypatch.setattr(engine, "aims_of", aims_of)
    with pytest.raises(Broken):
        look([tls_target(good.port, hosts=(str(number),)) for number in range(3)])


# --- hostile servers, all at once ------------------------------------------------------------------------------------


def test_hostile_servers_cost_a_good_one_nothing(good: Server) -> None:
    hostile: list[Behaviour] = [
        behaviours.silence,
        behaviours.close_at_once,
        behaviours.reset_at_once,
        behaviours.reset_after_hearing,
        behaviours.saying(b"+OK plain\r\n"),
        behaviours.drip(b"\x16\x03\x03\x40\x00" + bytes(400), 0.02, after_hearing=True),
        behaviours.endless(b"x"),
        behaviours.endless(b"\x16\x03\x03\x40\x00" + bytes(16384), after_hearing=True),
        behaviours.garbage(1),
        behaviours.garbage(2, after_hearing=True),
        behaviours.alerting(80),
    ]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(one)) for one in hostile]
        targets = [tls_target(server.port, hosts=(f"hostile{at}",)) for at, server in enumerate(servers)]
        targets.append(tls_target(good.port, hosts=("good",)))
        seen, summary = look(targets, tls_timeout=1.5, pop3_timeout=1.5)
    by_host = {one.target.hosts[0]: one for one in seen}
    assert len(by_host) == len(targets) == summary.observations
    assert by_host["good"].pop3 is not None and by_host["good"].pop3.outcome == "completed"
    for host, one in by_host.items():
        if host != "good":
            assert one.not_tested is None and one.tls is not None and one.tls.outcome != "completed", word(one)
            assert one.pop3 is None
            assert one.connections[0].octets_received < 4 * 1024 * 1024


def test_an_octet_a_second_ends_at_the_deadline_of_the_endpoint() -> None:
    def talk(caller: Caller) -> None:
        behaviours.drip(b"+OK " + b"x" * 200, 0.1)(caller)

    with Server(talk) as server, refusing_port() as other:
        seen, summary = look(
            tls_target(other, pop3_port=server.port), endpoint_timeout=1.0, pop3_timeout=50, tls_timeout=50
        )
    clear = next(one for one in seen if one.service == "pop3")
    assert clear.clear is not None and (clear.clear.outcome, clear.clear.ended_in) == ("timeout", "greeting")
    assert summary.seconds < 30


def test_the_vantage_knows_this_machine() -> None:
    here = local_vantage("scanner", "inside", "1.2.3")
    assert (here.name, here.side, here.tool_version) == ("scanner", "inside", "1.2.3")
    assert here.hostname == socket.gethostname() and here.openssl == ssl.OPENSSL_VERSION
    assert set(here.families) <= {4, 6}


def test_every_observation_says_when_where_and_by_which_run(good: Server) -> None:
    seen = see(tls_target(good.port))
    assert (seen.schema, seen.run_id, seen.vantage) == ("port995/observation/1", "run", HERE)
    assert seen.started <= seen.connections[0].started <= seen.ended
    assert seen.started.endswith("Z") and len(seen.started) == 24
    assert ScanOptions().deadline is None
