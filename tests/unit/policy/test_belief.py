# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers to hellos prove, and what they do not: every rule of belief, and that no loss makes good news."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest

from port995.policy.belief import NOTHING_BETWEEN, evidence_of
from port995.policy.gate import gate
from port995.policy.model import FOLDING_ORDER, Exit, Status
from port995.policy.profile import load_profile
from port995.probe.model import Hello, Observation
from port995.probe.tls.canaries import PATH
from port995.probe.tls.certificate_key import key_of

from .certificates import chain, good_leaf, leaf
from .hellos import ALERT, EOF, good_hellos, hello_of, questions, replaced, taken
from .seen import companion, good_tls, judged, result_of, session

HELLO_CHECKS = (
    "VER-001", "VER-002", "VER-003", "VER-004", "VER-005", "CIPH-001", "CIPH-002", "CIPH-003", "CIPH-004", "CIPH-005",
    "CIPH-006", "CIPH-007", "CIPH-008", "GRP-001", "SIG-001", "NODE-001",
)  # fmt: skip
HELLOS_ONLY = load_profile("baseline").narrowed([f"POP3S-{check}" for check in HELLO_CHECKS])
LEAF = chain(good_leaf())[0]
KEY = key_of(base64.b64decode(LEAF)).type
SIGNED = f"signatures_{KEY.lower()}"
"""The question that a good server answers, with a good signature."""


def with_hellos(hellos: tuple[Hello, ...], **changes: Any) -> Observation:
    return session(hellos=hellos, **changes)


def statuses(seen: Observation) -> dict[str, str]:
    """Of the checks that rest on hellos, with a good companion beside."""
    judgement = judged([seen, companion()], profile=HELLOS_ONLY)
    return {check: result_of(judgement, check).status.value for check in HELLO_CHECKS}


def good(**answers: dict[str, Any]) -> tuple[Hello, ...]:
    return good_hellos(LEAF, **answers)


def by_ends(*, again: bool = True, head: str = "", octets: int = 0) -> tuple[Hello, ...]:
    """A server that refuses by closing: the control, every question, the control again, every question again.

    :param head: octets that came before the end
    """
    ended = {"outcome": "eof", "alert": None, "head": head, "octets_received": octets}
    first = [one if one.complete else dataclasses.replace(one, **ended) for one in good()]
    control = first[0]
    return (*first, control, *first[1:]) if again else tuple(first)


def test_a_server_that_refuses_all_it_should_passes_every_check() -> None:
    assert set(statuses(session()).values()) == {"pass"}


def test_ends_of_the_connection_are_believed_when_they_come_twice_around_an_answer() -> None:
    assert set(statuses(with_hellos(by_ends())).values()) == {"pass"}


@pytest.mark.parametrize("level", ["01", "02"])
def test_an_end_announced_by_close_notify_is_an_end_like_any_other(level: str) -> None:
    """Courier on GnuTLS refuses so."""
    announced = {"head": f"1503030002{level}00", "octets": 7}
    assert set(statuses(with_hellos(by_ends(**announced))).values()) == {"pass"}
    once = statuses(with_hellos(by_ends(again=False, **announced)))
    assert {once[check] for check in HELLO_CHECKS if check != "VER-005"} == {"not_tested"}


@pytest.mark.parametrize(
    ("head", "octets"),
    [("15030300020100", 8), ("15030300020100", 6), ("15030300020128", 7), ("150303000201", 6), ("16030300020100", 7)],
)
def test_other_octets_before_an_end_make_it_no_refusal(head: str, octets: int) -> None:
    found = statuses(with_hellos(by_ends(head=head, octets=octets)))
    assert {found[check] for check in HELLO_CHECKS if check != "VER-005"} == {"not_tested"}


def test_an_end_that_came_once_proves_nothing() -> None:
    found = statuses(with_hellos(by_ends(again=False)))
    assert found["VER-005"] == "pass"
    assert {found[check] for check in HELLO_CHECKS if check != "VER-005"} == {"not_tested"}


def test_two_ends_without_an_answer_between_prove_nothing() -> None:
    hellos = by_ends()
    half = len(hellos) // 2
    without_control = tuple(one for n, one in enumerate(hellos) if n == 0 or not one.complete)
    assert sum(one.complete for one in hellos[: half + 1]) > 1
    assert statuses(with_hellos(without_control))["VER-003"] == "not_tested"


@pytest.mark.parametrize(
    ("question", "answer", "check"),
    [
        ("old_ecdhe_rsa", taken(0xC013, 0x0302), "VER-004"),
        ("old_ecdhe_rsa", taken(0xC013, 0x0301), "VER-003"),
        ("old_dhe", taken(0x0033, 0x0300), "VER-002"),
        ("ssl2", taken(0x010080, 0x0002), "VER-001"),
        ("suites_ecdhe_rsa", taken(0x0002), "CIPH-001"),
        ("suites_ecdhe_rsa", taken(0xC018), "CIPH-002"),
        ("suites_ecdhe_rsa", taken(0x0003), "CIPH-003"),
        ("suites_ecdhe_rsa", taken(0x0005), "CIPH-004"),
        ("suites_ecdhe_rsa", taken(0x000A), "CIPH-005"),
        ("suites_ecdhe_rsa", taken(0x009C), "CIPH-006"),
        ("suites_ecdhe_rsa", taken(0xC013), "CIPH-007"),
        ("suites_dhe", taken(0x009E), "CIPH-008"),
        ("suites_1_3", taken(0xC0B4, 0x0304), "CIPH-001"),
        ("groups_1_3", taken(0x1301, 0x0304, group=0x0013), "GRP-001"),
        (f"groups_{KEY.lower()}", taken(0xC02B, group=0x0013), "GRP-001"),
        ("signatures_ecdsa_alone", taken(0xC02B, signature=0x0201), "SIG-001"),
    ],
)
def test_one_answer_is_enough_for_a_fail(question: str, answer: dict[str, Any], check: str) -> None:
    found = statuses(with_hellos(good(**{question: answer})))
    assert found[check] == "fail"


def test_an_answer_is_never_outvoted() -> None:
    """A forbidden handshake that completed once stands, whatever the same offer got before and after."""
    hellos = good()
    position = next(n for n, hello in enumerate(hellos) if hello.question == "old-ecdhe-rsa")
    old = replaced(hellos, position, taken(0xC013, 0x0302))[position]
    found = statuses(with_hellos((*hellos, old, *hellos)))
    assert found["VER-004"] == "fail"
    assert found["NODE-001"] == "fail"
    assert found["CIPH-004"] == "not_tested", "what was on offer beside it was passed over, not refused"


def test_a_flight_that_did_not_come_to_its_end_is_neither_answer_nor_refusal() -> None:
    cut = {**taken(0xC013, 0x0302), "complete": False, "outcome": "eof"}
    found = statuses(with_hellos(good(old_ecdhe_rsa=cut)))
    assert found["VER-004"] == found["CIPH-003"] == "not_tested"


@pytest.mark.parametrize("alert", [10, 22, 47, 50, 51, 109, 112])
def test_alerts_that_find_fault_with_the_hello_refuse_nothing(alert: int) -> None:
    assert statuses(with_hellos(good(old_ecdhe_rsa={**ALERT, "alert": alert})))["VER-004"] == "not_tested"


def test_any_alert_refuses_sslv2() -> None:
    assert statuses(with_hellos(good(ssl2={**ALERT, "alert": 50})))["VER-001"] == "pass"
    assert statuses(with_hellos(good(ssl2={"outcome": "ssl2-error"})))["VER-001"] == "fail"


@pytest.mark.parametrize("outcome", ["timeout", "early", "not-connected", "malformed", "oversize", "not-tls", "no-stls"])
def test_what_is_no_refusal_settles_nothing(outcome: str) -> None:
    found = statuses(with_hellos(good(old_ecdhe_rsa={"outcome": outcome}, old_dhe={"outcome": outcome})))
    assert found["VER-004"] == found["CIPH-003"] == "not_tested"


def test_an_end_right_after_the_connect_is_a_throttle_even_when_it_comes_twice() -> None:
    hellos = tuple(dataclasses.replace(one, quiet_seconds=0.001) if not one.complete else one for one in by_ends())
    assert statuses(with_hellos(hellos))["VER-004"] == "not_tested"


def test_an_end_that_was_on_its_way_before_the_hello_arrived_is_no_answer() -> None:
    slow = {"connect_seconds": 0.1, "quiet_seconds": 0.2}
    hellos = tuple(dataclasses.replace(one, **slow, answer_seconds=0.02) for one in by_ends())
    assert statuses(with_hellos(hellos))["VER-004"] == "not_tested"
    hellos = tuple(dataclasses.replace(one, **slow, answer_seconds=0.11) for one in by_ends())
    assert statuses(with_hellos(hellos))["VER-004"] == "pass"


def test_refusals_behind_the_last_answer_prove_nothing() -> None:
    gone = dataclasses.replace(good_tls(), outcome="reset")
    found = statuses(session(tls=gone, hellos=tuple(one for n, one in enumerate(good()) if n == 0 or not one.complete)))
    assert found["VER-004"] == found["CIPH-001"] == "not_tested"


def test_refusals_before_the_first_answer_prove_nothing() -> None:
    hellos = good()
    found = statuses(with_hellos((*hellos[1:], hellos[0])))
    assert found["VER-004"] == found["CIPH-001"] == "not_tested"


def test_an_end_of_an_offer_that_mixes_families_proves_nothing() -> None:
    both = questions()["old-ecdhe-rsa"].suites + questions()["old-dhe"].suites
    mixed = tuple(
        dataclasses.replace(one, suites=both) if one.question.startswith("old-") else one for one in by_ends()
    )
    assert statuses(with_hellos(mixed))["VER-004"] == "not_tested"
    refused = tuple(dataclasses.replace(one, suites=both) if one.question.startswith("old-") else one for one in good())
    assert statuses(with_hellos(refused))["VER-004"] == "pass"


def test_a_refusal_covers_no_version_below_its_own() -> None:
    """GnuTLS with TLS 1.0 and 1.2 on and 1.1 off refuses a hello of 1.1 with protocol_version, and speaks 1.0."""
    at_11_only = tuple(one for one in good() if one.version not in (0x0300, 0x0301))
    found = statuses(with_hellos(at_11_only))
    assert found["VER-004"] == "pass"
    assert found["VER-003"] == found["VER-002"] == found["CIPH-001"] == "not_tested"


def test_a_version_that_is_refused_as_such_is_refused_with_every_suite() -> None:
    refused = tuple(
        dataclasses.replace(one, alert=70) if one.question == "old-ecdhe-rsa" else one
        for one in good()
        if one.question != "old-dhe"
    )
    assert set(statuses(with_hellos(refused)).values()) == {"pass"}


def test_an_answer_in_a_lower_version_shows_that_the_offered_one_is_not_spoken() -> None:
    found = statuses(with_hellos(good(old_ecdhe_rsa=taken(0xC013, 0x0301))))
    assert found["VER-004"] == "pass"
    assert found["VER-003"] == "fail"


def test_an_offer_that_two_questions_make_one_after_the_other_is_settled_by_a_later_repetition() -> None:
    """Without a certificate that was seen the questions about groups with ECDSA are one and the same offer."""
    hellos = by_ends()
    position = next(n for n, one in enumerate(hellos) if one.question == "groups-1.3")
    same = dataclasses.replace(hellos[position], question="another")
    twice = (*hellos[: position + 1], same, *hellos[position + 1 :])
    assert evidence_of(with_hellos(twice)).doubts == () and statuses(with_hellos(twice))["NODE-001"] == "pass"
    never = tuple(one for one in twice[position + 2 :] if one.question != "groups-1.3")
    left = evidence_of(with_hellos((*twice[: position + 2], *never))).doubts
    assert [one.why for one in left if one.hello.question == "another"] == [NOTHING_BETWEEN]


def test_a_version_that_is_not_spoken_needs_no_refusal_of_its_suites() -> None:
    """Its highest is TLS 1.1: to every offer of TLS 1.2 it answered in that."""
    lower = taken(0xC013, 0x0302)
    hellos = good(control_1_2={**lower, "certificate": 0}, old_ecdhe_rsa=lower, suites_ecdhe_rsa=lower, suites_dhe=lower,
                  **{SIGNED: lower})  # fmt: skip
    asked = questions()
    rest = [
        hello_of(asked["old-ecdhe-rsa"], ALERT, suites=asked["old-ecdhe-rsa"].suites.replace("c013", "")),
    ]
    found = statuses(with_hellos((*hellos, *rest)))
    assert found["VER-004"] == found["CIPH-007"] == "fail"
    assert found["CIPH-001"] == found["CIPH-004"] == found["CIPH-008"] == "pass"


def test_a_second_certificate_has_its_own_question_about_groups() -> None:
    """Weak groups were refused with one certificate; with the other nobody asked."""
    other = "ECDSA" if KEY == "RSA" else "RSA"
    found = statuses(with_hellos(good(**{f"key_{other.lower()}": taken(0xC02B, certificate=0)})))
    assert found["GRP-001"] == "not_tested"


def test_a_server_that_prefers_its_certificates_group_is_said_to() -> None:
    question = questions()[f"groups-{KEY.lower()}"]
    own = hello_of(question, taken(0xC02B, group=0x0017), groups=question.groups + "0017")
    hellos = tuple(own if one.question == question.id else one for one in good())
    result = result_of(judged([with_hellos(hellos), companion(hellos=hellos)]), "GRP-001")
    assert result.status is Status.PASS
    assert "preferred" in result.message
    # Without it a server that does not heed the certificate's group might take a weak one.
    unasked = tuple(one for one in hellos if not one.question.endswith("-alone"))
    assert statuses(with_hellos(unasked))["GRP-001"] == "not_tested"


def test_one_that_ignores_the_list_of_signatures_is_not_tested() -> None:
    assert statuses(with_hellos(good(signatures_ecdsa_alone=taken(0xC02B, signature=0x0403))))["SIG-001"] == "not_tested"


def test_a_vantage_that_missed_a_canary_may_find_faults_and_not_their_absence() -> None:
    blind = dataclasses.replace(session().vantage, canaries=("SSLv2", "alert"))
    found = statuses(session(vantage=blind))
    assert found["VER-001"] == "pass"
    assert found["VER-003"] == found["CIPH-001"] == found["GRP-001"] == "not_tested"
    bad = statuses(session(vantage=blind, hellos=good(old_ecdhe_rsa=taken(0xC013, 0x0302))))
    assert bad["VER-004"] == "fail"


def test_a_probe_that_saw_no_canary_at_all_can_not_vouch_for_the_run() -> None:
    blind = dataclasses.replace(session().vantage, canaries=())
    verdict = gate(judged([session(vantage=blind), companion(vantage=blind)]))
    assert verdict.exit is Exit.CANNOT_VOUCH
    assert "self-test" in verdict.reasons[0]
    assert gate(judged([session(), companion()])).exit is Exit.PASSED


def test_where_a_canary_host_was_asked_old_hellos_must_have_come_through() -> None:
    asked = dataclasses.replace(session().vantage, canary_host="192.0.2.99:995")
    found = statuses(session(vantage=asked))
    assert found["VER-003"] == found["CIPH-001"] == found["VER-001"] == "not_tested"
    assert found["GRP-001"] == found["VER-005"] == "pass"
    through = dataclasses.replace(asked, canaries=(*asked.canaries, PATH))
    judgement = judged([session(vantage=through), companion(vantage=through)], profile=HELLOS_ONLY)
    assert result_of(judgement, "VER-003").status is Status.PASS


def test_two_certificates_of_one_type_are_two_servers() -> None:
    tls = dataclasses.replace(good_tls(), certificates=chain(leaf()))
    seen = session(tls=tls)
    assert statuses(seen)["NODE-001"] == ("pass" if chain(leaf())[0] == LEAF else "fail")


def test_without_hellos_nothing_is_known_of_what_would_be_refused() -> None:
    assert set(statuses(session(hellos=())).values()) == {"not_tested"}


def test_the_clear_text_port_is_asked_too() -> None:
    spoken = companion(hellos=good(old_ecdhe_rsa=taken(0xC013, 0x0302)))
    assert result_of(judged([session(), spoken]), "VER-004").status is Status.FAIL
    silent = companion(hellos=())
    assert result_of(judged([session(), silent]), "VER-004").status is Status.NOT_TESTED


SERVERS = {
    "good, by alerts": good(),
    "good, by ends": by_ends(),
    "TLS 1.1": good(old_ecdhe_rsa=taken(0xC013, 0x0302)),
    "SSLv2": good(ssl2=taken(0x010080, 0x0002)),
    "CBC": good(suites_ecdhe_rsa=taken(0xC013)),
    "weak group": good(groups_1_3=taken(0x1301, 0x0304, group=0x0013)),
    "weak signature": good(signatures_ecdsa_alone=taken(0xC02B, signature=0x0201)),
}
LOSSES: dict[str, dict[str, Any] | None] = {
    "removed": None,
    "EOF": EOF,
    "RST": {"outcome": "reset"},
    "timeout": {"outcome": "timeout"},
    "garbage": {"outcome": "malformed", "octets_received": 12, "head": "16030300ff"},
    "plain text": {"outcome": "not-tls", "octets_received": 12, "head": "2d455252"},
    "early": {"outcome": "early"},
    "internal_error": {**ALERT, "alert": 80},
    "not connected": {"outcome": "not-connected", "detail": "conn-refused"},
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_loss_of_an_answer_improves_any_status(server: str, loss: str) -> None:
    """For every k: the answer k removed, or in its place an end, a reset, silence, garbage, plain text."""
    hellos = SERVERS[server]
    before = statuses(with_hellos(hellos))
    order = [status.value for status in FOLDING_ORDER]
    answer = LOSSES[loss]
    for position, hello in enumerate(hellos):
        after = statuses(
            with_hellos(
                (*hellos[:position], *hellos[position + 1 :]) if answer is None else replaced(hellos, position, answer)
            )
        )
        for check, status in after.items():
            better = order.index(status) > order.index(before[check]) and status in ("pass", "not_applicable")
            assert not better, (server, loss, hello.question, check, before[check], status)


BY_KEY = ("groups-rsa", "groups-ecdsa", "groups-ecdsa-alone", "signatures-rsa", "signatures-ecdsa")
"""Questions of both types of key, which are asked where no certificate was shown."""


@pytest.mark.parametrize("times", [1, 2])
def test_a_server_of_tls_1_3_alone_can_pass(times: int) -> None:
    """Its control of TLS 1.2 is refused before anything was answered; that one settles nothing, and nothing needs it."""
    asked = questions()
    hellos = good()
    refused = replaced(hellos, 0, ALERT if times == 1 else EOF)[0]
    answered_13 = hello_of(asked["control-1.3"], taken(0x1301, 0x0304, group=0x001D))
    both_keys = tuple(
        hello_of(asked[name], ALERT, groups=asked[name].groups)
        for name in BY_KEY
    )
    kept = tuple(one for one in hellos[1:] if not one.question.startswith(("key-", *BY_KEY)))
    again = (refused,) if times == 2 else ()
    found = statuses(with_hellos((refused, answered_13, *kept, *both_keys, *again)))
    assert set(found.values()) == {"pass"}, found


@pytest.mark.parametrize("question", [f"groups-{KEY.lower()}", "groups-1.3", f"signatures-{KEY.lower()}-alone"])
def test_suites_that_were_offered_with_little_are_not_refused_with_it(question: str) -> None:
    """Refused with weak groups or weak signatures alone, they may be taken with good ones."""
    hellos = good()
    alone = (hellos[0], *(one for one in hellos if one.question == question))
    evidence = evidence_of(with_hellos(alone))
    assert [one.hello.question for one in evidence.refusals] == [question]
    assert evidence.refused_suites(0x0303) == evidence.refused_suites(0x0304) == frozenset()


def test_evidence_says_why_an_offer_is_open() -> None:
    evidence = evidence_of(with_hellos(good(old_dhe={"outcome": "timeout"})))
    (doubt,) = evidence.doubts
    assert doubt.hello.question == "old-dhe"
    assert "timeout" in doubt.why
