# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that standards' profiles brought: each passes, fails, can't be determined, and does not apply."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from port995.policy.inventory import plan_host
from port995.policy.model import Intent
from port995.policy.profile import read_profile
from port995.probe.model import Observation

from .certificates import DAY, NOW, chain, leaf
from .seen import CLOSED, good_tls, judged, session, status_of, target, unanswered
from .test_handshake import only_13

OWN = read_profile(
    b"schema: port995/profile/1\nid: own\ndate: 2026-01-02\ntitle: Own\nchecks:\n"
    b"  POP3S-COV-002: {parameters: {allowed: [serve, internal]}}\n  POP3S-REG-001:\n  POP3S-REG-002:\n"
    b"  POP3S-VER-006:\n  POP3S-CERT-018: {parameters: {days: 90}}\n",
    "own.yml",
)
REGISTER = {
    "pop3s_owner": "mail team", "pop3s_need": "customers' mail", "pop3s_approver": "security",
    "pop3s_review_date": "2027-03-15",
}  # fmt: skip


def of_host(check: str, **variables: object) -> str:
    plan, _targets = plan_host("mx", {"pop3s_address": "192.0.2.1", "pop3s_intent": "serve", **variables})
    return status_of(judged([], plan=[plan], targets=[], profile=OWN), check)


def of_endpoint(check: str, seen: Observation, intent: Intent = Intent.SERVE) -> str:
    return status_of(judged([seen], targets=[seen.target], profile=OWN, intent=intent), check)


def alone(**changes: object) -> Observation:
    return session(target(pop3_port=None), **changes)


@pytest.mark.parametrize(
    ("intent", "status"),
    [("serve", "pass"), ("internal", "pass"), ("closed", "fail"), (None, "not_tested"), ("closd", "error")],
)
def test_an_intent_must_be_one_that_the_profile_allows(intent: str | None, status: str) -> None:
    assert of_host("COV-002", pop3s_intent=intent) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"pop3s_intent": "internal"}, "pass"),
        ({"pop3s_owner": None}, "fail"),
        ({"pop3s_need": "  "}, "fail"),
        ({"pop3s_approver": ""}, "fail"),
        ({"pop3s_approver": "Mail Team"}, "fail"),  # nobody approves what is their own
        ({"pop3s_owner": ["a", "b"]}, "error"),
        ({"pop3s_owner": "{{ team }}"}, "error"),
        ({"pop3s_intent": "closed", "pop3s_owner": None}, "not_applicable"),
        ({"pop3s_intent": None}, "not_tested"),
    ],
)
def test_owner_need_and_approver_are_named(changes: dict[str, object], status: str) -> None:
    assert of_host("REG-001", **{**REGISTER, **changes}) == status


@pytest.mark.parametrize(
    ("day", "intent", "status"),
    [
        ("2027-03-15", "serve", "pass"),
        (datetime.date(2027, 3, 15), "serve", "pass"),  # as YAML reads it without quotes
        ("2026-11-24", "serve", "pass"),  # the day itself
        ("2026-11-23", "serve", "fail"),
        ("2029-01-01", "serve", "fail"),  # no review at all
        (None, "serve", "fail"),
        ("15.3.2027", "serve", "error"),
        ({"day": 1}, "serve", "error"),
        ("2026-11-23", "closed", "not_applicable"),
        ("2027-03-15", None, "not_tested"),
    ],
)
def test_the_review_is_not_overdue(day: object, intent: str | None, status: str) -> None:
    assert of_host("REG-002", **{**REGISTER, "pop3s_review_date": day, "pop3s_intent": intent}) == status


def test_the_register_is_kept_in_what_a_run_writes_down() -> None:
    plan, _targets = plan_host("mx", {**REGISTER, "pop3s_intent": "serve"})
    assert {key: plan.variables[key] for key in REGISTER} == REGISTER


def test_tls_1_2_is_refused_by_a_server_of_1_3_alone() -> None:
    assert of_endpoint("VER-006", alone(hellos=only_13())) == "pass"


def test_one_answer_in_tls_1_2_is_enough_for_the_contrary() -> None:
    assert of_endpoint("VER-006", alone()) == "fail"
    session_in_12 = dataclasses.replace(good_tls(), version="TLSv1.2")
    assert of_endpoint("VER-006", alone(hellos=only_13(), tls=session_in_12)) == "fail"


def test_whether_tls_1_2_is_refused_is_open_without_hellos_that_cover_it() -> None:
    assert of_endpoint("VER-006", alone(hellos=())) == "not_tested"
    assert of_endpoint("VER-006", alone(hellos=tuple(h for h in only_13() if h.question != "suites-dhe"))) == "not_tested"
    dhe_alone = tuple(h for h in only_13() if h.version != 0x0303 or h.question == "suites-dhe")
    assert of_endpoint("VER-006", alone(hellos=dhe_alone)) == "not_tested"
    unknown = dataclasses.replace(good_tls(), version=None)
    assert of_endpoint("VER-006", alone(hellos=only_13(), tls=unknown)) == "not_tested"


@pytest.mark.parametrize("check", ["VER-006", "CERT-018"])
def test_neither_applies_where_the_port_is_shut_as_intended(check: str) -> None:
    seen = unanswered(CLOSED, target(pop3_port=None))
    assert of_endpoint(check, seen, Intent.CLOSED) == "not_applicable"
    assert of_endpoint(check, seen) == "not_tested"


@pytest.mark.parametrize(
    ("days", "status"), [(89, "pass"), (90, "fail"), (400, "fail")]
)  # 90 days and the second that the last moment is
def test_a_certificate_lasts_as_long_as_the_profile_allows(days: int, status: str) -> None:
    own = chain(leaf(start=NOW - 2 * DAY, end=NOW + (days - 2) * DAY))
    seen = alone(tls=dataclasses.replace(good_tls(), certificates=own), hello_certificates=own)
    assert of_endpoint("CERT-018", seen) == status


def test_a_lifetime_that_was_not_seen_is_not_tested() -> None:
    assert of_endpoint("CERT-018", alone(tls=dataclasses.replace(good_tls(), outcome="timeout"))) == "not_tested"
    assert of_endpoint("CERT-018", alone(tls=dataclasses.replace(good_tls(), certificates=()))) == "not_tested"
