# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about one server: the answer first, what is not known said so, and nothing of a host's text obeyed."""

from __future__ import annotations

import dataclasses

from port995.probe.model import Capability, Observation, Pop3Dialogue, TlsSession
from port995.report.page import page
from tests.unit.policy.hellos import replaced, taken
from tests.unit.policy.seen import CLOSED, GOOD_POP3, companion, judged, session, unanswered


def lines_of(*observations: Observation) -> list[str]:
    return page("mx", judged(observations), observations)


def text(*observations: Observation) -> str:
    return "\n".join(lines_of(*observations))


def after(lines: list[str], heading: str) -> str:
    return lines[lines.index(heading) + 1]


def test_the_answer_of_a_good_server_comes_first() -> None:
    lines = lines_of(session(), companion())
    assert lines[0] == "mx" and lines.index("ANSWER") < 5
    assert after(lines, "ANSWER").startswith("  As it should be by the profile baseline; ")
    assert "WHAT TO CHANGE" not in lines


def test_what_fails_is_said_before_anything_else_and_what_mends_it() -> None:
    greeting = dataclasses.replace(GOOD_POP3, greeting="+OK Dovecot ready.")
    expired = session(pop3=greeting, tls=TlsSession("alert", "handshake failure", 40), hellos=())
    lines = lines_of(expired, companion())
    assert "NOT as it should be" in after(lines, "ANSWER") or "Not proven" in after(lines, "ANSWER")
    assert any(line.startswith("  [not told]") for line in lines)


def test_a_daemon_that_says_who_it_is_gets_its_own_setting() -> None:
    dovecot = dataclasses.replace(GOOD_POP3, greeting="+OK Dovecot ready.", capabilities=(*GOOD_POP3.capabilities,))
    open_login = companion(clear=dataclasses.replace(dovecot, capabilities=(Capability("STLS"), Capability("USER"))))
    shown = text(session(pop3=dovecot), open_login)
    assert "The server says that it is Dovecot." in shown and "ssl = required" in shown
    nobody = dataclasses.replace(GOOD_POP3, capabilities=(Capability("STLS"), Capability("USER")), stls_reply="+OK")
    silent = text(session(), companion(clear=nobody))
    assert "The server does not say what it is." in silent and "ssl = required" not in silent.split("WHAT TO CHANGE")[1]


def test_what_was_not_asked_is_not_known() -> None:
    shown = text(session(hellos=()), companion(hellos=()))
    assert "not asked" in shown and "TLSv1.1 refused" not in shown


def test_a_closed_port_says_so() -> None:
    shown = text(unanswered(CLOSED), companion())
    assert "closed (conn-refused)" in shown and "no session" in shown


def test_hostile_text_is_shown_and_does_nothing() -> None:
    evil = Pop3Dialogue(
        "completed", greeting="+OK \x1b[2J\x07 \x85", greeting_status="+OK", capa_status="listed",
        capabilities=(Capability("X\x1b]0;t\x07", ("\u202e",)),),
    )  # fmt: skip
    lines = lines_of(session(pop3=evil), companion(clear=evil))
    assert all(line.isprintable() for line in lines) and any("\\x1b" in line for line in lines)


def test_modelled_clients_are_marked_as_such() -> None:
    lines = page("mx", judged([session(), companion()]), [session()], ["Outlook  connects"])
    assert any("modelled" in line for line in lines) and "  Outlook  connects" in lines


def test_a_check_that_fails_is_not_read_as_one_that_passes() -> None:
    clear = dataclasses.replace(GOOD_POP3, capabilities=(Capability("STLS"), Capability("USER")), stls_reply="+OK")
    shown = " ".join(text(session(), companion(clear=clear)).split())
    assert "[high] No clear-text login on the POP3 port: NO, expected no login before STLS" in shown


def test_checks_that_are_not_told_for_the_same_reason_are_told_together() -> None:
    refused = session(pop3=None, tls=TlsSession("alert", "handshake failure", 40))
    lines = lines_of(refused, companion())
    start, end = lines.index("ANSWER"), lines.index("", lines.index("ANSWER"))
    whole = " ".join(" ".join(lines[start:end]).split())
    assert "[not told] Certificate stands for the expected name; Certificate leads to a trust anchor; " in whole
    assert "POP3S-CERT-001, POP3S-CERT-002, POP3S-CERT-003" in whole


def test_what_only_repeats_the_title_is_left_out() -> None:
    old = replaced(session().hellos, 1, taken(0xC013, 0x0302))
    shown = " ".join(text(session(hellos=old), companion()).split())
    assert "[high] TLS 1.1 is refused: NO, the server chose TLSv1.1" in shown


def test_after_stls_no_greeting_is_missed() -> None:
    clear = dataclasses.replace(GOOD_POP3, capabilities=(Capability("STLS"), *GOOD_POP3.capabilities))
    inside = dataclasses.replace(GOOD_POP3, greeting=None)
    assert "port 110 after STLS: the same, without STLS" in text(session(), companion(clear=clear, pop3=inside))
    more = dataclasses.replace(inside, capabilities=(*inside.capabilities, Capability("APOP")))
    shown = text(session(), companion(clear=clear, pop3=more))
    assert "port 110 after STLS:\n    capabilities:" in shown and "no greeting" not in shown
    cut = dataclasses.replace(inside, outcome="eof", ended_in="capa")
    assert "ended by eof in capa" in text(session(), companion(clear=clear, pop3=cut))
