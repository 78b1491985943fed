# SPDX-License-Identifier: GPL-3.0-or-later
"""STLS on the clear-text port: each check where it passes, fails, can't be determined and does not apply."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.profile import load_profile
from port995.probe.model import Capability, Injection, Observation

from .certificates import chain, good_leaf, leaf
from .seen import CLOSED, GOOD_CLEAR, companion, good_tls, judged, session, status_of

STRICT = load_profile("strict")
NO_STLS = dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("UIDL"),), stls_reply=None)


def found(check: str, seen: Observation) -> str:
    return status_of(judged([session(), seen], profile=STRICT), check)


def shut(**changes: Any) -> Observation:
    return companion(tcp=CLOSED, tls=None, clear=None, hellos=(), **changes)


@pytest.mark.parametrize(
    ("tried", "status"),
    [
        (Injection("answered", ("+OK bye",)), "pass"),
        (Injection("alert"), "pass"),
        (Injection("answered", ("+OK capabilities", "UIDL", ".", "+OK bye"), 1), "fail"),
        (Injection("clear-text"), "fail"),
        (Injection("answered", ("+OK capabilities", ".", "+OK bye"), 3), "not_tested"),
        (Injection("answered", ("+OK capabilities", ".", "+OK bye"), None), "not_tested"),
        (Injection("answered"), "not_tested"),
        (Injection("eof"), "not_tested"),
        (Injection("eof", repeated=True), "pass"),
        (Injection("reset", repeated=True), "pass"),
        (Injection("timeout", repeated=True), "not_tested"),
        (Injection("reset"), "not_tested"),
        (Injection("timeout"), "not_tested"),
        (Injection("failed"), "not_tested"),
        (Injection("not-connected"), "not_tested"),
        (Injection("no-stls"), "not_tested"),
        (None, "not_tested"),
    ],
)
def test_commands_before_stls(tried: Injection | None, status: str) -> None:
    assert found("STLS-001", companion(injection=tried)) == status


@pytest.mark.parametrize(
    ("after", "status"), [(None, "pass"), ("+OK extra\r\n", "fail")]
)
def test_octets_behind_the_answer_to_stls(after: str | None, status: str) -> None:
    seen = companion(clear=dataclasses.replace(GOOD_CLEAR, octets_after_stls=after))
    assert found("STLS-002", seen) == status


def test_a_server_that_hangs_up_on_stls_alone_too_shows_nothing() -> None:
    gone = dataclasses.replace(good_tls(), outcome="eof")
    assert found("STLS-001", companion(injection=Injection("eof", repeated=True), tls=gone)) == "not_tested"


def test_without_tls_behind_it_nothing_is_known_of_the_answer_to_stls() -> None:
    assert found("STLS-002", companion(tls=dataclasses.replace(good_tls(), outcome="timeout"))) == "not_tested"
    assert found("STLS-002", companion(clear=dataclasses.replace(GOOD_CLEAR, stls_reply=None))) == "not_tested"


def test_one_certificate_on_both_ports() -> None:
    other = dataclasses.replace(good_tls(), certificates=chain(leaf(dns=("pop.example.org",))))
    assert found("STLS-003", companion()) == "fail"
    assert found("STLS-003", companion(tls=other)) == "pass"
    assert found("STLS-003", companion(tls=dataclasses.replace(good_tls(), outcome="eof"))) == "not_tested"
    assert found("STLS-003", companion(tls=dataclasses.replace(good_tls(), certificates=()))) == "not_tested"
    assert chain(good_leaf())[0] in good_tls().certificates


@pytest.mark.parametrize("check", ["STLS-001", "STLS-002", "STLS-003"])
def test_where_no_stls_is_offered_there_is_nothing_to_look_at(check: str) -> None:
    seen = companion(clear=NO_STLS, tls=None, hellos=(), injection=None)
    assert found(check, seen) == "not_applicable"


@pytest.mark.parametrize("check", ["STLS-001", "STLS-002", "STLS-003"])
def test_a_port_that_refuses_before_the_other_one_answers_is_shut(check: str) -> None:
    assert found(check, shut()) == "not_applicable"
    later = shut(started="2026-11-24T12:00:00.000Z", ended="2026-11-24T12:00:01.000Z")
    assert found(check, later) == "not_tested"
