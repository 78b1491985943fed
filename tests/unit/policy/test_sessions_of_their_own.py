# SPDX-License-Identifier: GPL-3.0-or-later
"""Resumption, early data and renegotiation: each check passes, fails, can't be determined, and does not apply."""

from __future__ import annotations

import pytest

from port995.policy.profile import load_profile, read_profile
from port995.probe.model import Observation, Renegotiation, Resumption

from .seen import judged, session, status_of, target
from .test_handshake import only_13

OWN = read_profile(
    load_profile("strict").raw.replace(b"id: strict", b"id: own")
    + b"  POP3S-RENEG-002: {}\n  POP3S-EARLY-001: {}\n  POP3S-RES-001: {parameters: {seconds: 7200}}\n",
    "own.yml",
)


def found(check: str, seen: Observation) -> str:
    return status_of(judged([seen], targets=[seen.target], profile=OWN), check)


def alone(**changes: object) -> Observation:
    return session(target(pop3_port=None), **changes)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("refused", "pass"), ("ignored", "pass"), ("accepted", "fail"), ("ended", "not_tested"),
        ("not-tested", "not_tested"), ("timeout", "not_tested"), ("failed", "not_tested"), ("eof", "not_tested"),
        ("not-connected", "not_tested"),
    ],
)  # fmt: skip
def test_only_an_answer_proves_that_a_renegotiation_is_refused(outcome: str, status: str) -> None:
    assert found("RENEG-002", alone(renegotiation=Renegotiation(outcome))) == status


def test_without_tls_1_2_there_is_none() -> None:
    assert found("RENEG-002", alone(hellos=only_13())) == "not_applicable"
    assert found("RENEG-002", alone()) == "not_tested"


def ticket(version: str = "TLSv1.3", lifetime: int | None = 7200, early: int | None = None) -> Resumption:
    return Resumption(version, "ticket", "not-resumed", lifetime, early)


NOTHING = Resumption("TLSv1.2", "ticket", "nothing-given")


@pytest.mark.parametrize(
    ("tickets", "status"),
    [
        ((ticket(),), "pass"),
        ((ticket(early=0),), "pass"),
        ((ticket(early=16384),), "fail"),
        ((ticket(lifetime=None),), "not_tested"),
        ((Resumption("TLSv1.3", "ticket", "timeout"),), "not_tested"),
        ((ticket("TLSv1.2"),), "not_tested"),
        ((), "not_tested"),
    ],
)
def test_early_data_is_read_from_the_ticket(tickets: tuple[Resumption, ...], status: str) -> None:
    assert found("EARLY-001", alone(resumptions=tickets)) == status


@pytest.mark.parametrize(
    ("tickets", "status"),
    [
        ((ticket(), ticket("TLSv1.2")), "pass"),
        ((ticket(), NOTHING), "pass"),
        ((ticket(lifetime=7201), ticket("TLSv1.2")), "fail"),
        ((ticket(lifetime=7201),), "fail"),
        ((ticket(),), "not_tested"),
        ((ticket(), Resumption("TLSv1.2", "ticket", "eof")), "not_tested"),
        ((Resumption("TLSv1.3", "ticket", "nothing-given"), NOTHING), "not_applicable"),
        ((), "not_tested"),
    ],
)
def test_the_life_of_tickets(tickets: tuple[Resumption, ...], status: str) -> None:
    assert found("RES-001", alone(resumptions=tickets)) == status
