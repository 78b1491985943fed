# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says before login: each check where it passes, fails, can't be determined and does not apply."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.checks.pop3_extensions import version_in
from port995.policy.model import Intent
from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.probe.model import Capability, NtlmAnswer, NtlmHost, Observation
from port995.probe.options import EXTRAS

from .seen import (
    BASELINE,
    BEHIND_STLS,
    CLOSED,
    FILTERED,
    GOOD_CLEAR,
    GOOD_EXTRAS,
    GOOD_POP3,
    OUTSIDE,
    companion,
    good_tls,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    unanswered,
)

STRICT = load_profile("strict")
ON_SESSIONS = tuple(f"POP-{number:03}" for number in (4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17))
OF_EXTRAS = ("POP-008", "POP-009", "POP-013", "POP-014", "POP-016")
ON_COMPANIONS = ("POP-011", "POP-012")
FULL = (*GOOD_POP3.capabilities, Capability("PIPELINING"), Capability("LANG"), Capability("AUTH-RESP-CODE"))
FULL_EXTRAS = dataclasses.replace(
    GOOD_EXTRAS, pipelining="obeyed", pipelined=("+OK", "+OK bye"), lang_status="listed", languages=("en",)
)
NTLM = (Capability("USER"), Capability("SASL", ("PLAIN", "NTLM")))


def of(check: str, *seen: Observation) -> str:
    return status_of(judged(seen, profile=STRICT), check)


def pop3(check: str, **changes: Any) -> str:
    return of(check, session(pop3=dataclasses.replace(GOOD_POP3, **changes)), companion())


def extras(check: str, capabilities: tuple[Capability, ...] = FULL, **changes: Any) -> str:
    dialogue = dataclasses.replace(GOOD_POP3, capabilities=capabilities)
    seen = session(pop3=dialogue, extras=dataclasses.replace(FULL_EXTRAS, **changes))
    return of(check, seen, companion())


@pytest.mark.parametrize("check", ON_SESSIONS)
def test_a_server_as_it_should_be(check: str) -> None:
    expected = "not_applicable" if check == "POP-009" else "pass"
    assert extras(check) == expected


@pytest.mark.parametrize("check", ON_SESSIONS)
def test_where_the_port_is_shut_as_intended_there_is_nothing_to_look_at(check: str) -> None:
    seen = [unanswered(CLOSED), unanswered(CLOSED, source="198.51.100.2")]
    assert status_of(judged(seen, intent=Intent.CLOSED, profile=STRICT), check) == "not_applicable"


@pytest.mark.parametrize("check", ON_SESSIONS)
@pytest.mark.parametrize("tcp", [CLOSED, FILTERED, None])
def test_an_endpoint_that_was_not_reached(check: str, tcp: Any) -> None:
    assert of(check, unanswered(tcp), companion()) == "not_tested"


@pytest.mark.parametrize("check", ON_SESSIONS)
@pytest.mark.parametrize("outcome", ["eof", "reset", "timeout", "alert", "failed", "not-tested", "surprise"])
def test_a_handshake_that_did_not_complete(check: str, outcome: str) -> None:
    assert of(check, session(tls=dataclasses.replace(good_tls(), outcome=outcome)), companion()) == "not_tested"


@pytest.mark.parametrize("check", ON_SESSIONS)
@pytest.mark.parametrize("outcome", ["timeout", "eof", "reset", "oversize"])
def test_a_dialogue_that_fell_silent_at_the_greeting(check: str, outcome: str) -> None:
    silent = dataclasses.replace(
        GOOD_POP3, outcome=outcome, ended_in="greeting", greeting=None, greeting_status=None, capa_status="not-asked",
        capabilities=(), quit_reply=None,
    )  # fmt: skip
    assert of(check, session(pop3=silent, extras=None), companion()) == "not_tested"


@pytest.mark.parametrize("check", [one for one in ON_SESSIONS if one not in ("POP-004", "POP-005", "POP-010", "POP-013")])
@pytest.mark.parametrize("status", ["incomplete", "malformed", "refused", "not-asked"])
def test_without_a_list_nothing_is_known(check: str, status: str) -> None:
    assert pop3(check, capa_status=status, capabilities=()) == "not_tested"
    assert pop3(check, capabilities=()) == "not_tested"


@pytest.mark.parametrize("check", OF_EXTRAS)
def test_what_was_not_asked_is_not_tested(check: str) -> None:
    dialogue = dataclasses.replace(GOOD_POP3, capabilities=(*FULL, *NTLM))
    assert of(check, session(pop3=dialogue, extras=None), companion()) == "not_tested"


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("+OK Dovecot ready.", None),
        ("+OK Dovecot (Ubuntu) ready. <3f2.1.65@mx1.example.org>", None),
        ("+OK Cyrus POP3 v2.4.17-Fedora-RPM-2.4.17-8.el7_4.1 server ready <1.2@x>", "2.4.17"),
        ("IMPLEMENTATION Cyrus-3.4.1", "3.4.1"),
        ("+OK POP3 server (qpopper 4.0.5) at mx-1.2.3.example.org starting.", "4.0.5"),
        ("+OK POP3 server at mx-1.2.3.example.org starting.", None),
        ("+OK 192.0.2.1 ready", None),
        ("+OK ready at 192.0.2.1.", None),
        ("+OK 10.0.0.7 ready", "10.0.0.7"),
        ("+OK Microsoft Exchange Server 2007 POP3 service ready", "2007"),
        ("+OK it is 12:00 on 2026-11-25", None),
        ("", None),
    ],
)
def test_versions_are_told_from_names_and_challenges(line: str, version: str | None) -> None:
    assert version_in(line, "192.0.2.1") == version


@pytest.mark.parametrize(
    "told",
    [
        {"greeting": "+OK Foo 1.2 ready"},
        {"capa_reply": "+OK Foo/1.2.3"},
        {"quit_reply": "+OK bye from Foo-9.1"},
        {"capabilities": (*FULL, Capability("IMPLEMENTATION", ("Foo", "v3.2.1")))},
    ],
)
def test_a_version_before_login_fails(told: dict[str, Any]) -> None:
    assert pop3("POP-004", **told) == "fail"


@pytest.mark.parametrize(("capa", "status"), [("refused", "pass"), ("incomplete", "not_tested"), ("malformed", "not_tested")])
def test_a_version_may_stand_in_a_list_that_was_not_seen(capa: str, status: str) -> None:
    assert pop3("POP-004", capa_status=capa, capabilities=()) == status
    assert pop3("POP-004", capa_status=capa, capabilities=(), greeting="+OK Foo 1.2") == "fail"


def test_apop() -> None:
    assert pop3("POP-005") == "pass"
    assert pop3("POP-005", apop_challenge="<1.2@mx>", greeting="+OK <1.2@mx>") == "fail"
    assert pop3("POP-005", greeting="-ERR no", greeting_status="-ERR") == "not_tested"


@pytest.mark.parametrize("word", ["CRAM-MD5", "digest-md5", "NTLM", "ANONYMOUS"])
def test_weak_mechanisms_fail_on_whatever_line_they_stand(word: str) -> None:
    lines = (Capability("SASL", ("PLAIN",)), Capability("SASL", (word,)))
    assert pop3("POP-006", capabilities=lines) == "fail"
    assert pop3("POP-006", capabilities=lines[::-1]) == "fail"


def test_mechanisms_that_are_fine_inside_tls() -> None:
    assert pop3("POP-006", capabilities=(Capability("SASL", ("PLAIN", "LOGIN", "SCRAM-SHA-256")),)) == "pass"
    assert pop3("POP-006", capabilities=(Capability("USER"),)) == "pass"


def test_a_way_to_log_in() -> None:
    for ways in ((Capability("USER"),), (Capability("UIDL"), Capability("SASL", ("EXTERNAL",)))):
        assert pop3("POP-007", capabilities=ways) == "pass"
    none = (Capability("UIDL"), Capability("SASL"), Capability("STLS"))
    assert pop3("POP-007", capabilities=none) == "fail"
    assert pop3("POP-007", capabilities=none, apop_challenge="<1@x>") == "pass"


@pytest.mark.parametrize(
    ("pipelining", "status"),
    [("obeyed", "pass"), ("lost", "fail"), ("disordered", "fail"), ("refused", "fail"), ("incomplete", "not_tested"),
     ("not-asked", "not_tested")],
)  # fmt: skip
def test_pipelining(pipelining: str, status: str) -> None:
    assert extras("POP-008", pipelining=pipelining) == status
    assert extras("POP-008", (Capability("USER"),), pipelining="not-asked") == "not_applicable"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (NtlmAnswer("challenge", None, NtlmHost("EXAMPLE")), "fail"),
        (NtlmAnswer("challenge", None, NtlmHost(os_version="10.0.1")), "fail"),
        (NtlmAnswer("challenge", None, NtlmHost()), "pass"),
        (NtlmAnswer("refused", "-ERR"), "pass"),
        (NtlmAnswer("challenge"), "not_tested"),
        (NtlmAnswer("malformed", "no base64"), "not_tested"),
        (NtlmAnswer("timeout"), "not_tested"),
        (NtlmAnswer("not-connected"), "not_tested"),
        (None, "not_tested"),
    ],
)
def test_ntlm(answer: NtlmAnswer | None, status: str) -> None:
    assert extras("POP-009", NTLM, ntlm=answer) == status


@pytest.mark.parametrize(("seen", "status"), [(True, "pass"), (False, "fail"), (None, "not_tested")])
def test_close_notify(seen: bool | None, status: str) -> None:
    tls = dataclasses.replace(good_tls(), close_notify=seen)
    assert of("POP-010", session(tls=tls), companion()) == status
    assert of("POP-010", session(tls=tls, extras=None), companion()) == status


def test_an_end_before_quit_shows_no_close_notify_that_was_owed() -> None:
    tls = dataclasses.replace(good_tls(), close_notify=False)
    broken = dataclasses.replace(GOOD_EXTRAS, outcome="eof", ended_in="unknown")
    assert of("POP-010", session(tls=tls, extras=broken), companion()) == "not_tested"
    early = dataclasses.replace(GOOD_POP3, outcome="eof", ended_in="capa")
    assert of("POP-010", session(tls=tls, pop3=early, extras=None), companion()) == "not_tested"
    at_quit = dataclasses.replace(GOOD_POP3, outcome="eof", ended_in="quit")
    assert of("POP-010", session(tls=tls, pop3=at_quit, extras=None), companion()) == "fail"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"unknown_reply": "+OK", "unknown_status": "+OK"}, "fail"),
        ({"unknown_reply": "huh", "unknown_status": "other", "outcome": "malformed", "ended_in": "unknown"}, "fail"),
        ({"unknown_reply": None, "unknown_status": None, "outcome": "eof", "ended_in": "unknown"}, "not_tested"),
        ({"outcome": "eof", "ended_in": "auth"}, "not_tested"),
        ({"outcome": "eof", "ended_in": "quit"}, "pass"),
    ],
)
def test_an_unknown_command(changes: dict[str, Any], status: str) -> None:
    assert extras("POP-013", **changes) == status


def test_an_end_right_behind_the_refusal_is_no_session_that_goes_on() -> None:
    gone = dataclasses.replace(GOOD_EXTRAS, outcome="eof", ended_in="quit", auth_status="not-asked", auth_mechanisms=())
    dialogue = dataclasses.replace(GOOD_POP3, quit_reply=None)
    assert of("POP-013", session(pop3=dialogue, extras=gone), companion()) == "not_tested"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"auth_mechanisms": ("plain",)}, "pass"),
        ({"auth_mechanisms": ("PLAIN", "LOGIN")}, "fail"),
        ({"auth_mechanisms": ()}, "fail"),
        ({"auth_status": "refused"}, "not_applicable"),
        ({"auth_status": "incomplete"}, "not_tested"),
        ({"auth_status": "not-asked"}, "not_tested"),
    ],
)
def test_auth_and_capa(changes: dict[str, Any], status: str) -> None:
    assert extras("POP-014", **changes) == status
    assert extras("POP-014", (Capability("USER"),), **changes) == "not_applicable"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (Capability("LOGIN-DELAY", ("300",)), "pass"),
        (Capability("LOGIN-DELAY", ("300", "USER")), "pass"),
        (Capability("LOGIN-DELAY", ("soon",)), "fail"),
        (Capability("LOGIN-DELAY"), "fail"),
        (Capability("EXPIRE", ("NEVER",)), "pass"),
        (Capability("EXPIRE", ("0", "USER")), "pass"),
        (Capability("EXPIRE", ("-1",)), "fail"),
        (Capability("UTF8", ("USER",)), "pass"),
        (Capability("UTF8", ("YES",)), "fail"),
        (Capability("IMPLEMENTATION"), "fail"),
        (Capability("TOP", ("1",)), "fail"),
        (Capability("USER"), "fail"),
        (Capability("X-OWN", ("what", "ever")), "pass"),
    ],
)
def test_capabilities_as_registered(line: Capability, status: str) -> None:
    assert pop3("POP-015", capabilities=(*GOOD_POP3.capabilities, line)) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"languages": ()}, "fail"),
        ({"lang_status": "refused", "languages": ()}, "fail"),
        ({"lang_status": "malformed", "languages": ()}, "fail"),
        ({"lang_status": "incomplete", "languages": ()}, "not_tested"),
        ({"lang_status": "not-asked", "languages": ()}, "not_tested"),
    ],
)
def test_languages(changes: dict[str, Any], status: str) -> None:
    assert extras("POP-016", **changes) == status
    assert extras("POP-016", (Capability("USER"),), **changes) == "not_applicable"


def test_response_codes() -> None:
    assert pop3("POP-017", capabilities=(Capability("AUTH-RESP-CODE"),)) == "pass"
    assert pop3("POP-017", capabilities=(Capability("RESP-CODES"),)) == "fail"


def behind(capabilities: tuple[Capability, ...], **changes: Any) -> Observation:
    return companion(pop3=dataclasses.replace(BEHIND_STLS, capabilities=capabilities), **changes)


def test_both_ports_offer_the_same() -> None:
    assert of("POP-011", session(), companion()) == "pass"
    assert of("POP-011", session(), behind(GOOD_POP3.capabilities[::-1])) == "pass"
    assert of("POP-011", session(), behind((*GOOD_POP3.capabilities, Capability("STLS")))) == "pass"
    assert of("POP-011", session(), behind(GOOD_POP3.capabilities[:-1])) == "fail"
    other = (*GOOD_POP3.capabilities[:-1], Capability("SASL", ("PLAIN", "CRAM-MD5")))
    assert of("POP-011", session(), behind(other)) == "fail"


def test_only_what_was_seen_from_one_place_is_compared() -> None:
    assert of("POP-011", session(source="198.51.100.2"), session(tls=None), companion()) == "not_tested"
    elsewhere = judged([session(), companion(vantage=OUTSIDE)], profile=STRICT)
    assert status_of(elsewhere, "POP-011") == "not_tested"
    unknown = dataclasses.replace(BEHIND_STLS, capa_status="incomplete", capabilities=())
    assert of("POP-011", session(), companion(pop3=unknown)) == "not_tested"


def test_stls_behind_stls() -> None:
    assert of("POP-012", session(), companion()) == "pass"
    assert of("POP-012", session(), behind((*GOOD_POP3.capabilities, Capability("STLS")))) == "fail"
    assert of("POP-012", session(), behind(())) == "not_tested"


@pytest.mark.parametrize("check", ON_COMPANIONS)
def test_where_no_stls_is_there_is_nothing_behind_it(check: str) -> None:
    without = dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("UIDL"),), stls_reply=None)
    assert of(check, session(), companion(clear=without, tls=None, pop3=None)) == "not_applicable"
    assert of(check, session(), refused_companion()) == "not_applicable"


@pytest.mark.parametrize("check", ON_COMPANIONS)
@pytest.mark.parametrize("lost", [{"pop3": None}, {"tls": None}, {"tls": None, "pop3": None, "clear": None}])
def test_a_session_behind_stls_that_was_lost(check: str, lost: dict[str, Any]) -> None:
    assert of(check, session(), companion(**lost)) == "not_tested"
    assert of(check, session()) == "not_tested"


def test_only_a_profile_that_judges_it_asks_more_before_login() -> None:
    assert EXTRAS in {question.kind for question in compile_offers(STRICT)}
    assert EXTRAS not in {question.kind for question in compile_offers(BASELINE)}


def test_text_of_the_host_is_quoted() -> None:
    nasty = dataclasses.replace(GOOD_POP3, greeting="+OK \x1b[31m 1.2 \u202e")
    result = result_of(judged([session(pop3=nasty), companion()], profile=STRICT), "POP-004")
    assert result.status.value == "fail" and "\x1b" not in result.message and "\u202e" not in result.message
