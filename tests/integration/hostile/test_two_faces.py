# SPDX-License-Identifier: GPL-3.0-or-later
"""A box that serves new hellos well and lies to old ones only, in front of a server with TLS 1.0 on: what is no refusal is
never taken for one, though every control is answered and the session at the end is perfect.

A box that closes or alerts instead does what a server does that refuses; for that there is the canary host.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket

import pytest

from port995.policy.model import Status
from port995.probe.model import Target
from tests.hostile.behaviours import drip
from tests.hostile.server import Behaviour, Caller, Server
from tests.unit.policy.certificates import NAME
from tests.unit.probe_tls import flights
from tests.unit.probe_tls.parsed_hello import parse_hello

from .gate_run import OPTIONS, Run, gate_run
from .test_ban_at_every_connection import old_context
from .tls_liars import LIARS, always, patient

OLD_CHECKS = ("POP3S-VER-003", "POP3S-VER-004")
REFUSALS = {
    "a close at once", "a reset at once", "a close after the hello", "a reset after the hello",
    "handshake_failure to everything", "protocol_version to everything", "internal_error to everything",
    "one connection a second", "an alert before the hello", "an alert that crosses the hello",
    "an alert whatever the hello",
    "close_notify to everything",  # an end that TLS announces: Courier on GnuTLS refuses so
}  # fmt: skip
"""Whoever hears the hello first and then does this has refused it."""


def choosing(*behind: bytes) -> Behaviour:
    """Choose what was offered, the version and its first suite, and then say something else instead of the rest."""

    def behave(caller: Caller) -> None:
        offered = parse_hello(caller.hear())
        caller.say(flights.record(flights.server_hello(offered.version, offered.suites[0])) + b"".join(behind))

    return behave


FACES: dict[str, Behaviour] = {
    **{name: liar for name, liar in LIARS.items() if name not in REFUSALS},
    **{f"alert {number}": always(flights.alert(number)) for number in (10, 20, 22, 47, 50, 51, 90, 109, 120, 255)},
    "a refusal that is a warning": always(flights.alert(40, flights.WARNING)),
    "a refusal of another level": always(flights.alert(40, 3)),
    "a choice, then a refusal": choosing(flights.alert(40)),
    "a choice, then the end": choosing(),
    "a choice, then another": choosing(flights.record(flights.server_hello(0x0300, 0x0035))),
    "a choice, then a certificate and a refusal": choosing(
        flights.record(flights.certificate(b"leaf")), flights.alert(70)
    ),
    "half an alert": always(flights.alert(40)[:6]),
    "an alert with more in it": always(flights.record(b"\x02\x28\x02", 21)),
    "an alert behind plain text": always(b"+OK\r\n" + flights.alert(40)),
    "a refusal, an octet in half a minute": drip(flights.alert(40), 30.0, after_hearing=True),
}


def version_of(hello: bytes) -> int:
    """The version that a hello offers; 0: it is no hello of SSL 3.0 or later."""
    return int.from_bytes(hello[9:11], "big") if hello[:1] == b"\x16" else 0


def two_faced(lie: Behaviour, serve: Behaviour) -> Behaviour:
    def behave(caller: Caller) -> None:
        first = caller.socket.recv(4096, socket.MSG_PEEK)
        (lie if 0x0300 <= version_of(first) <= 0x0302 else serve)(caller)

    return behave


@pytest.fixture(scope="module")
def run() -> Run:
    serve = patient(old_context())
    with contextlib.ExitStack() as stack:
        targets = {}
        for number, (face, lie) in enumerate(FACES.items()):
            server = stack.enter_context(Server(two_faced(lie, serve), f"127.0.8.{number + 1}"))
            targets[face] = Target((face,), server.address, server.port, NAME, None)
        # Enough for whoever is silent to be asked everything twice: else nothing would be believed for that alone.
        return gate_run(targets, dataclasses.replace(OPTIONS, tls_timeout=1.0, endpoint_timeout=30.0, concurrency=64))


@pytest.mark.parametrize("face", FACES)
def test_a_lie_to_old_hellos_is_no_proof_that_old_versions_are_off(run: Run, face: str) -> None:
    found = run.statuses(face)
    assert {found[id_] for id_ in OLD_CHECKS} <= {Status.NOT_TESTED, Status.FAIL}, found


@pytest.mark.parametrize("face", FACES)
def test_the_other_face_was_really_seen(run: Run, face: str) -> None:
    """Else nothing would be believed anyway."""
    (seen,) = run.of(face)
    assert seen.hellos[0].complete
    assert seen.hellos_ended == ""
    assert seen.tls is not None and seen.tls.outcome == "completed"
