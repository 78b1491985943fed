# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over every hostile server there is here, a good one among them: it ends in time, within bounds, and believes
nobody who proved nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import resource
import ssl
from collections.abc import Iterator

import pytest

from port995.policy.model import Status
from port995.probe.endpoint import PURPOSES
from port995.probe.model import Observation, Target
from port995.probe.tls.answer import MAX_ANSWER
from port995.probe.tls_session import MAX_HANDSHAKE_OCTETS
from tests.hostile.server import Server, dark_port, refusing_port
from tests.unit.policy.certificates import NAME
from tests.unit.probe.tls_servers import server_context

from .gate_run import HELLO_CHECKS, OPTIONS, SLACK, Run, gate_run
from .tls_liars import LIARS, PROVEN, STLS_LIARS, patient

DARK, SHUT, GOOD = "every SYN is dropped", "nobody listens", "the good one"
BEHIND = "STLS: "
GOOD_NEWS = (Status.PASS, Status.WAIVED, Status.MANUAL)
ONE_READ = 65536
HELLO_BOUND, SESSION_BOUND = MAX_ANSWER + ONE_READ, MAX_HANDSHAKE_OCTETS + ONE_READ
"""Octets that the connection of a hello, or of a session, may bring in at the most."""
MEMORY = 200 * 1024
"""KiB that the whole run may take more than before, the servers in this process included."""


@dataclasses.dataclass(frozen=True)
class Aftermath:
    """What is left to look at."""

    run: Run
    kibibytes: int
    """By which the process grew at the most."""


def good() -> ssl.SSLContext:
    context = server_context(ciphers="ECDHE+AESGCM:ECDHE+CHACHA20")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.fixture(scope="module")
def aftermath() -> Iterator[Aftermath]:
    with contextlib.ExitStack() as stack:
        targets = {}

        def add(host: str, address: str, port: int, pop3_port: int | None = None) -> None:
            targets[host] = Target((host,), address, port, NAME, pop3_port)

        for number, (host, behaviour) in enumerate(LIARS.items()):
            server = stack.enter_context(Server(behaviour, f"127.0.3.{number + 1}"))
            add(host, server.address, server.port)
        for number, (host, behaviour) in enumerate(STLS_LIARS.items()):
            clear = stack.enter_context(Server(behaviour, f"127.0.4.{number + 1}"))
            tls = stack.enter_context(Server(LIARS["a close after the hello"], clear.address))
            add(BEHIND + host, clear.address, tls.port, clear.port)
        add(DARK, "127.0.5.1", stack.enter_context(dark_port("127.0.5.1")))
        add(SHUT, "127.0.5.2", stack.enter_context(refusing_port("127.0.5.2")))
        # The last to be taken up: all the others stand before it.
        server = stack.enter_context(Server(patient(good()), "127.0.6.1"))
        add(GOOD, server.address, server.port)
        before = peak()
        run = gate_run(targets, dataclasses.replace(OPTIONS, concurrency=20))
        yield Aftermath(run, peak() - before)


HOSTILE = [*LIARS, *(BEHIND + name for name in STLS_LIARS), DARK, SHUT]


def lasted(seen: Observation) -> float:
    began, ended = (datetime.datetime.fromisoformat(text) for text in (seen.started, seen.ended))
    return (ended - began).total_seconds()


@pytest.mark.parametrize("host", HOSTILE)
def test_no_check_on_hellos_passes_on_a_server_that_proved_nothing(aftermath: Aftermath, host: str) -> None:
    found = aftermath.run.statuses(host)
    assert set(found) >= {id_ for id_ in HELLO_CHECKS if not id_.startswith("POP3S-STLS")}
    fine = {id_ for id_, status in found.items() if status in GOOD_NEWS}
    assert fine <= PROVEN.get(host, set()), {id_: found[id_].value for id_ in fine}


@pytest.mark.parametrize("host", HOSTILE)
def test_each_service_is_told_of_once_and_keeps_its_deadline(aftermath: Aftermath, host: str) -> None:
    seen = aftermath.run.of(host)
    services = ["pop3", "pop3s"] if host.startswith(BEHIND) else ["pop3s"]
    assert sorted(one.service for one in seen) == services
    for one in seen:
        assert one.not_tested is None, (one.not_tested, one.detail)
        assert lasted(one) < OPTIONS.endpoint_timeout + SLACK
        assert len(one.hellos) <= OPTIONS.budget


@pytest.mark.parametrize("host", HOSTILE)
def test_no_connection_takes_in_more_than_its_bound(aftermath: Aftermath, host: str) -> None:
    for seen in aftermath.run.of(host):
        for one in seen.connections:
            bound = SESSION_BOUND if one.purpose in PURPOSES.values() else HELLO_BOUND
            assert one.octets_received <= bound, one


def test_a_port_that_drops_and_one_that_refuses_are_told_apart(aftermath: Aftermath) -> None:
    assert {seen.tcp.state for seen in aftermath.run.of(DARK) if seen.tcp} == {"filtered"}
    assert {seen.tcp.state for seen in aftermath.run.of(SHUT) if seen.tcp} == {"closed"}


def test_the_run_ends_in_time(aftermath: Aftermath) -> None:
    assert OPTIONS.deadline is not None
    assert aftermath.run.seconds < OPTIONS.deadline + SLACK


def test_memory_is_bounded_whatever_is_said(aftermath: Aftermath) -> None:
    assert aftermath.kibibytes < MEMORY


def test_the_good_one_behind_them_all_is_seen_whole(aftermath: Aftermath) -> None:
    (seen,) = aftermath.run.of(GOOD)
    assert seen.tls is not None and seen.tls.outcome == "completed"
    assert seen.hellos_ended == ""
    found = aftermath.run.statuses(GOOD)
    passed = {id_ for id_, status in found.items() if status is Status.PASS}
    assert {f"POP3S-VER-00{number}" for number in range(1, 6)} <= passed, found
    assert {f"POP3S-CIPH-00{number}" for number in range(1, 9)} <= passed, found


@pytest.mark.parametrize(
    ("host", "outcome"),
    [
        ("a POP3 greeting", "early"),
        ("a greeting, an octet a second", "not-tls"),
        ("an HTTP answer", "not-tls"),
        ("an endless chain", "oversize"),
        ("a handshake message of 2^24 octets", "oversize"),
        ("records of length 0", "malformed"),
        ("alternating alerts", "malformed"),
        ("a version above the offer", "malformed"),
        ("a suite that nobody offered", "malformed"),
        ("a group that nobody offered", "malformed"),
        ("a reset after the certificate", "reset"),
        ("a flight, an octet a second", "timeout"),
        ("a flight before the hello", "early"),
        ("an alert before the hello", "early"),
        ("internal_error to everything", "alert"),
        ("close_notify to everything", "eof"),
        (DARK, "not-connected"),
        (SHUT, "not-connected"),
    ],
)
def test_the_observation_has_a_word_for_it(aftermath: Aftermath, host: str, outcome: str) -> None:
    (seen,) = aftermath.run.of(host)
    assert seen.hellos[0].outcome == outcome, seen.hellos[0]
