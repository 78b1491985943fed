# SPDX-License-Identifier: GPL-3.0-or-later
"""A server with TLS 1.0 on that turns against us at connection k, for every k: no fail of it ever becomes a pass."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator

import pytest

from port995.policy.model import Status
from port995.probe.model import Target
from tests.hostile.behaviours import garbage
from tests.hostile.server import Behaviour, Caller, Server
from tests.unit.policy.certificates import NAME
from tests.unit.policy.hellos import replaced
from tests.unit.probe.tls_servers import server_context
from tests.unit.probe_tls import flights

from .gate_run import OPTIONS, SLACK, Run, gate_run, statuses
from .tls_liars import OncePerSecond, patient

HANDSHAKE_FAILURE = flights.alert(40)


def old_context() -> ssl.SSLContext:
    """TLS 1.0 to 1.2, CBC suites among those of AES."""
    context = server_context(ciphers="ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2
    return context


class Banning(Server):
    """A good listener in front of a bad TLS server, and a ban.

    :param k: number of the connection, from 0, at which it begins; ``None``: never
    :param way: what a banned client gets; ``None``: nobody listens any more
    :param once: it is over with the next connection
    """

    def __init__(self, context: ssl.SSLContext, k: int | None, way: Behaviour | None, once: bool, address: str) -> None:
        super().__init__(self._behave, address)
        self._serve, self._k, self._way, self._once = patient(context), k, way, once
        self._number = itertools.count()
        self._turn = threading.Lock()

    def _behave(self, caller: Caller) -> None:
        with self._turn:
            number = next(self._number)
        if self._k is not None and (number == self._k if self._once else number >= self._k) and self._way is not None:
            self._way(caller)
            return
        if self._way is None and self._k is not None and number == self._k - 1:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._serve(caller)


def eof_at_once(caller: Caller) -> None:
    """Accept and close."""


def eof(caller: Caller) -> None:
    caller.hear()


def reset(caller: Caller) -> None:
    caller.hear()
    caller.reset()


def reset_at_once(caller: Caller) -> None:
    caller.reset()


def hang(caller: Caller) -> None:
    caller.wait_for_end()


def refuse(caller: Caller) -> None:
    """As a box that breaks off all TLS does: with the alert that refuses suites."""
    caller.hear()
    caller.say(HANDSHAKE_FAILURE)


WAYS: dict[str, Behaviour | None] = {
    "closed without a word": eof_at_once, "closed": eof, "reset": reset, "reset without a word": reset_at_once,
    "silent": hang, "garbage": garbage(995, 400, after_hearing=True), "refused by alert": refuse, "no listener": None,
}  # fmt: skip
FOR_GOOD = tuple(WAYS)
ONCE = ("closed without a word", "closed", "reset", "silent", "garbage")
"""An alert that refuses one hello alone is what a refusal is."""

Case = tuple[str, int, bool]


@dataclasses.dataclass(frozen=True)
class Bans:
    """What came of all the bans."""

    run: Run
    cases: dict[str, Case]
    unspoilt: dict[str, Status]


DEADLINE = 120.0
UNSPOILT, THROTTLED = "unspoilt", "throttled"
GOOD_NEWS = (Status.PASS, Status.NOT_APPLICABLE, Status.WAIVED, Status.MANUAL)


@pytest.fixture(scope="module")
def alone() -> Run:
    """The same server without a ban."""
    with Banning(old_context(), None, None, False, "127.0.1.1") as server:
        return gate_run({UNSPOILT: Target((UNSPOILT,), server.address, server.port, NAME, None)})


@pytest.fixture(scope="module")
def bans(alone: Run) -> Iterator[Bans]:
    connections = len(alone.of(UNSPOILT)[0].connections)
    # From the first connection to the one behind the last.
    cases = {
        f"{'once' if once else 'for-good'}-{way.replace(' ', '-')}-{k}": (way, k, once)
        for once, ways in ((False, FOR_GOOD), (True, ONCE))
        for way in ways
        for k in range(1 if WAYS[way] is None else 0, connections + 1)
    }
    context = old_context()
    with contextlib.ExitStack() as stack:
        targets = {}
        for number, (host, (way, k, once)) in enumerate(cases.items()):
            address = f"127.0.{2 + number // 250}.{1 + number % 250}"
            server = stack.enter_context(Banning(context, k, WAYS[way], once, address))
            targets[host] = Target((host,), address, server.port, NAME, None)
        throttle = stack.enter_context(Server(OncePerSecond(patient(context)), "127.0.1.2"))
        targets[THROTTLED] = Target((THROTTLED,), throttle.address, throttle.port, NAME, None)
        # Who is silent for good takes all the time there is for an endpoint, and so does a throttle; the others take a
        # second or two. These may have more of it, lest a busy machine is taken for a hostile server.
        slow = {host: one for host, one in targets.items() if host.startswith("for-good-silent") or host == THROTTLED}
        others = {host: one for host, one in targets.items() if host not in slow}
        runs = [
            gate_run(slow, dataclasses.replace(OPTIONS, concurrency=64, endpoint_timeout=6.0)),
            gate_run(others, dataclasses.replace(OPTIONS, concurrency=32, endpoint_timeout=30.0, deadline=DEADLINE)),
        ]
        observations = tuple(seen for run in runs for seen in run.observations)
        run = Run(targets, observations, max(one.seconds for one in runs))
        yield Bans(run, cases, alone.statuses(UNSPOILT))


def test_the_unspoilt_server_fails_and_says_so(alone: Run) -> None:
    found = alone.statuses(UNSPOILT)
    failed = {id_.removeprefix("POP3S-") for id_, status in found.items() if status is Status.FAIL}
    # TLS 1.0 and 1.1, CBC, signatures with SHA-1.
    assert failed == {"VER-003", "VER-004", "CIPH-007", "SIG-001"}, found
    assert alone.of(UNSPOILT)[0].hellos_ended == ""


def test_no_ban_at_any_connection_makes_good_news_of_bad(bans: Bans) -> None:
    wrong = [
        (host, id_, status)
        for host in (*bans.cases, THROTTLED)
        for id_, status in bans.run.statuses(host).items()
        if status in GOOD_NEWS and bans.unspoilt[id_] not in GOOD_NEWS
    ]
    assert wrong == []


def test_a_ban_from_the_first_connection_on_proves_nothing_at_all(bans: Bans) -> None:
    hosts = [host for host, (_way, k, once) in bans.cases.items() if k == 0 and not once]
    assert len(hosts) == len(FOR_GOOD) - 1
    for host in hosts:
        assert Status.PASS not in bans.run.statuses(host).values(), host


def test_every_endpoint_is_told_of_and_none_outlasts_its_time(bans: Bans) -> None:
    assert {host for seen in bans.run.observations for host in seen.target.hosts} == {*bans.cases, THROTTLED}
    assert bans.run.seconds < DEADLINE + SLACK
    assert not [seen for seen in bans.run.observations if seen.not_tested]


def test_a_fault_of_one_connection_is_got_over(bans: Bans) -> None:
    """What was seen without the fault is seen with it, if it did not meet the session at the end."""
    last = max(k for _way, k, _once in bans.cases.values())
    for host, (way, k, once) in bans.cases.items():
        if once and way in ("closed", "reset") and 0 < k < last - 1:
            found = bans.run.statuses(host)
            failed = {id_ for id_, status in found.items() if status is Status.FAIL}
            assert failed == {id_ for id_, status in bans.unspoilt.items() if status is Status.FAIL}, (host, found)


NOTHING = {
    "EOF": {"outcome": "eof"},
    "RST": {"outcome": "reset"},
    "timeout": {"outcome": "timeout", "answer_seconds": 2.0},
    "garbage": {"outcome": "malformed", "octets_received": 400, "head": "ff" * 32},
    "plain text": {"outcome": "not-tls", "octets_received": 11, "head": b"+OK ready\r\n".hex()},
}


@pytest.mark.parametrize("way", [*NOTHING, "removed"])
def test_an_answer_that_is_lost_or_spoilt_in_the_journal_improves_no_status(alone: Run, way: str) -> None:
    target, (seen,) = alone.targets[UNSPOILT], alone.of(UNSPOILT)
    before = alone.statuses(UNSPOILT)
    for k in range(len(seen.hellos)):
        hellos = (*seen.hellos[:k], *seen.hellos[k + 1 :])
        if way in NOTHING:
            hellos = replaced(seen.hellos, k, NOTHING[way])
        after = statuses(target, [dataclasses.replace(seen, hellos=hellos)])
        for id_, status in after.items():
            better = status in GOOD_NEWS and before[id_] not in GOOD_NEWS
            assert not better, (k, seen.hellos[k].question, id_, before[id_], status)
