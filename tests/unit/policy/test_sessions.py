# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS, clear text and POP3: where each check passes, fails, can't be determined, and has no object."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.model import Intent
from port995.policy.reach import closed_by_witnesses
from port995.probe.model import Capability

from .seen import (
    BEFORE_STLS,
    CLOSED,
    FILTERED,
    GOOD_CLEAR,
    GOOD_POP3,
    OPEN,
    companion,
    good_tls,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    target,
    unanswered,
)

TWO = "198.51.100.2"
SESSION_CHECKS = (
    "TLS-001",
    "TLS-002",
    "CLR-001",
    "CERT-001",
    "CERT-002",
    "CERT-003",
    "CERT-004",
    "CERT-005",
    "CERT-006",
    "CERT-007",
    "POP-001",
    "POP-002",
    "POP-003",
)


def tls(**changes):
    return judged([session(tls=dataclasses.replace(good_tls(), **changes)), companion()])


def pop3(**changes):
    return judged([session(pop3=dataclasses.replace(GOOD_POP3, **changes)), companion()])


def clear(**changes):
    return judged([session(), companion(clear=dataclasses.replace(GOOD_CLEAR, **changes))])


@pytest.mark.parametrize("check", SESSION_CHECKS)
def test_good_session_passes(check):
    assert status_of(judged([session(), companion()]), check) == "pass"


@pytest.mark.parametrize("check", SESSION_CHECKS)
def test_session_check_has_no_object_where_the_port_is_closed_as_intended(check):
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)]
    result = result_of(judged(seen, intent=Intent.CLOSED), check)
    assert result.status.value == "not_applicable"
    assert "conn-refused" in result.message


@pytest.mark.parametrize("check", SESSION_CHECKS)
@pytest.mark.parametrize("tcp", [CLOSED, FILTERED, None])
def test_session_check_of_an_endpoint_that_was_not_reached_is_not_tested(check, tcp):
    assert status_of(judged([unanswered(tcp), companion()]), check) == "not_tested"


@pytest.mark.parametrize("check", SESSION_CHECKS)
@pytest.mark.parametrize("outcome", ["eof", "reset", "timeout", "alert", "failed", "not-tested", "surprise"])
def test_handshake_that_did_not_complete_leaves_everything_undetermined(check, outcome):
    assert status_of(tls(outcome=outcome), check) == "not_tested"


@pytest.mark.parametrize("check", ["TLS-001", "CLR-001"])
@pytest.mark.parametrize("spoken", ["+OK ready\r\n", "SSH-2.0-x"])
def test_plain_text_on_the_tls_port_fails(check, spoken):
    seen = session(plaintext=spoken, tls=dataclasses.replace(good_tls(), outcome="not-tls"), pop3=None)
    judgement = judged([seen, companion()])
    assert status_of(judgement, check) == "fail"
    assert status_of(judgement, "CERT-001") == "not_tested"


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "SSLv3"])
def test_old_version_fails(version):
    assert status_of(tls(version=version), "TLS-002") == "fail"


@pytest.mark.parametrize("version", [None, "TLSv9"])
def test_unknown_version_is_not_tested(version):
    assert status_of(tls(version=version), "TLS-002") == "not_tested"


def test_good_version_does_not_claim_that_old_ones_are_off():
    result = result_of(tls(version="TLSv1.2"), "TLS-002")
    assert result.status.value == "pass"
    assert "one session" in result.message


def test_greeting_of_err_fails_unless_it_looks_like_throttling():
    refused = {"greeting_status": "-ERR", "outcome": "completed"}
    assert status_of(pop3(greeting="-ERR go away", **refused), "POP-001") == "fail"
    for text in ("-ERR [SYS/TEMP] later", "-ERR [IN-USE] x", "-ERR [LOGIN-DELAY] x", "-ERR Too many connections"):
        assert status_of(pop3(greeting=text, **refused), "POP-001") == "not_tested"


def test_something_else_than_pop3_inside_tls_fails():
    assert status_of(pop3(greeting="220 smtp", greeting_status="other", outcome="malformed"), "POP-001") == "fail"


@pytest.mark.parametrize("outcome", ["timeout", "eof", "reset", "oversize"])
def test_pop3_that_falls_silent_is_not_tested(outcome):
    silent = {"greeting": None, "greeting_status": None, "capa_status": "not-asked", "capabilities": ()}
    judgement = pop3(outcome=outcome, ended_in="greeting", **silent)
    assert [status_of(judgement, c) for c in ("POP-001", "POP-002", "POP-003")] == ["not_tested"] * 3
    judgement = pop3(outcome=outcome, ended_in="capa", capa_status="incomplete")
    assert [status_of(judgement, c) for c in ("POP-001", "POP-002", "POP-003")] == ["not_tested"] * 3


def test_server_that_closes_at_quit_still_answers_as_pop3():
    assert status_of(pop3(outcome="eof", ended_in="quit"), "POP-001") == "pass"


def test_refused_capa_fails_and_an_empty_list_tells_nothing():
    refused = pop3(capa_status="refused", capabilities=(), capa_reply="-ERR what")
    assert status_of(refused, "POP-002") == "fail"
    assert status_of(refused, "POP-003") == "not_tested"
    empty = pop3(capabilities=())
    assert [status_of(empty, c) for c in ("POP-002", "POP-003")] == ["not_tested"] * 2


def test_stls_inside_tls_fails():
    assert status_of(pop3(capabilities=(*GOOD_POP3.capabilities, Capability("STLS"))), "POP-003") == "fail"


def test_port_110_without_login_before_stls_passes():
    assert status_of(clear(), "CLR-002") == "pass"
    assert status_of(clear(), "CLR-003") == "pass"


@pytest.mark.parametrize(
    "way", [Capability("USER"), Capability("SASL", ("plain",)), Capability("SASL", ("CRAM-MD5", "LOGIN"))]
)
def test_login_offered_in_clear_text_fails(way):
    assert status_of(clear(capabilities=(*BEFORE_STLS[:2], way)), "CLR-002") == "fail"


def test_a_second_line_of_mechanisms_hides_no_clear_text_login():
    lines = (Capability("STLS"), Capability("SASL", ("PLAIN",)), Capability("SASL", ("CRAM-MD5",)))
    assert status_of(clear(capabilities=lines), "CLR-002") == "fail"
    assert status_of(clear(capabilities=lines[::-1]), "CLR-002") == "fail"


def test_login_offered_over_loopback_says_why_that_may_be():
    aim = target(address="127.0.0.1", server_name=None)
    dialogue = dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("USER"),))
    seen = [session(aim, source="127.0.0.1"), companion(aim, source="127.0.0.1", clear=dialogue)]
    result = result_of(judged(seen, targets=[aim]), "CLR-002")
    assert result.status.value == "fail"
    assert "loopback" in result.message


@pytest.mark.parametrize("status", ["refused", "incomplete", "malformed", "not-asked"])
def test_login_in_clear_text_can_not_be_told_without_a_list(status):
    assert status_of(clear(capa_status=status, capabilities=()), "CLR-002") == "not_tested"


@pytest.mark.parametrize("greeting", [None, "-ERR", "other"])
def test_port_110_that_does_not_greet_is_not_tested(greeting):
    judgement = clear(greeting=greeting, greeting_status=greeting)
    assert [status_of(judgement, c) for c in ("CLR-002", "CLR-003")] == ["not_tested"] * 2


def test_port_110_without_stls_fails():
    assert status_of(clear(capabilities=(Capability("UIDL"),), stls_reply=None), "CLR-003") == "fail"
    assert status_of(clear(stls_reply="-ERR no"), "CLR-003") == "fail"


def test_stls_that_does_not_lead_to_tls_is_not_tested():
    seen = companion(tls=dataclasses.replace(good_tls(), outcome="timeout"))
    assert status_of(judged([session(), seen]), "CLR-003") == "not_tested"


def test_octets_behind_the_answer_to_stls_fail():
    assert status_of(clear(octets_after_stls="+OK injected"), "CLR-003") == "fail"


def test_port_110_refused_and_995_answered_afterwards_is_shut():
    judgement = judged([session(), refused_companion()])
    assert status_of(judgement, "CLR-002") == "pass"
    assert status_of(judgement, "CLR-003") == "not_applicable"


def test_port_110_refused_and_995_answered_before_may_be_a_ban():
    late = refused_companion(started="2026-11-24T11:00:09.000Z", ended="2026-11-24T11:00:10.000Z")
    assert status_of(judged([session(), late]), "CLR-002") == "not_tested"


def test_port_110_refused_to_one_source_and_995_answered_to_another_may_be_a_ban():
    seen = [session(source=TWO), unanswered(FILTERED), refused_companion()]
    assert status_of(judged(seen), "CLR-002") == "not_tested"


def test_port_110_silent_to_one_source_is_not_tested_and_to_two_is_shut():
    silent = {"tcp": FILTERED, "tls": None, "clear": None}
    assert status_of(judged([session(), companion(**silent)]), "CLR-002") == "not_tested"
    both = [session(), session(source=TWO), companion(**silent), companion(source=TWO, **silent)]
    assert status_of(judged(both), "CLR-002") == "pass"
    dead = [
        unanswered(FILTERED),
        unanswered(FILTERED, source=TWO),
        companion(**silent),
        companion(source=TWO, **silent),
    ]
    assert status_of(judged(dead), "CLR-002") == "not_tested"


def test_port_110_open_to_one_of_two_sources_is_judged():
    seen = [session(), session(source=TWO), refused_companion(), companion(source=TWO, clear=None, tcp=OPEN)]
    assert status_of(judged(seen), "CLR-002") == "not_tested"


def test_port_110_that_nobody_looked_at_is_not_tested():
    aim = target(pop3_port=None)
    judgement = judged([session(aim)], targets=[aim])
    assert [status_of(judgement, c) for c in ("CLR-002", "CLR-003")] == ["not_tested"] * 2
    assert [status_of(judged([session()]), c) for c in ("CLR-002", "CLR-003")] == ["not_tested"] * 2


def test_open_110_of_a_host_that_is_closed_on_995_is_judged_all_the_same():
    dialogue = dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("USER"),))
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), companion(clear=dialogue), companion(source=TWO)]
    judgement = judged(seen, intent=Intent.CLOSED)
    assert status_of(judgement, "PORT-001") == "pass"
    assert status_of(judgement, "CLR-002") == "fail"


def test_only_the_same_source_can_show_that_a_refusal_is_no_ban():
    answered_elsewhere = (session(source=TWO), unanswered(FILTERED))
    assert closed_by_witnesses((refused_companion(),), answered_elsewhere) == ""
    assert "no ban" in closed_by_witnesses((refused_companion(),), (session(),))
    assert closed_by_witnesses((), (session(),)) == ""
