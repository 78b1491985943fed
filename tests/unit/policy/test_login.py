# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins: each check where it passes, fails, can't be determined, does not apply, and where no login is owed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from port995.policy.model import FOLDING_ORDER, Intent, Status
from port995.policy.profile import load_profile
from port995.policy.registry import all_checks
from port995.probe.model import Capability, Login, Mailbox, Observation

from .seen import (
    CLOSED,
    FILTERED,
    GOOD_POP3,
    companion,
    good_tls,
    judged,
    result_of,
    results_of,
    session,
    target,
    unanswered,
)

STRICT = load_profile("strict")
AUTH = ("AUTH-001", "AUTH-002", "AUTH-003", "AUTH-004")
BOX = Mailbox(
    "completed", None, "+OK", 2, 300, "+OK", 2, 300, "+OK", 2, True, "+OK", "+OK", 100, 100, "", "+OK", ("UIDL",),
    "+OK", "+OK", 2, 300, "+OK",
)  # fmt: skip
LOGINS = (
    Login("USER", "logged-in", verified=True, sent=True, mailbox=BOX),
    Login("PLAIN", "logged-in", verified=True, sent=True),
)
EMPTY = dataclasses.replace(
    BOX, messages=0, octets=0, list_messages=0, list_octets=0, uidl_messages=0, top="not-asked", retr="not-asked",
    retr_octets=None, retr_listed=None, retr_skipped="empty", dele="not-asked", rset="not-asked", messages_after=None,
    octets_after=None,
)  # fmt: skip


def of(check: str, seen: Sequence[Observation], login: str | None = "dele", **options: Any) -> str:
    found = result_of(judged(seen, profile=STRICT, targets=[target(login=login)], **options), check)
    return found.status.value


def with_logins(*logins: Login, login: str = "dele", **changes: Any) -> list[Observation]:
    aim = target(login=login)
    return [session(aim, logins=logins, **changes), companion(aim)]


def with_box(**changes: Any) -> list[Observation]:
    box = dataclasses.replace(BOX, **changes)
    return with_logins(dataclasses.replace(LOGINS[0], mailbox=box), LOGINS[1])


@pytest.mark.parametrize("check", AUTH)
def test_a_login_as_it_should_be(check: str) -> None:
    assert of(check, with_logins(*LOGINS)) == "pass"


@pytest.mark.parametrize("name", ["baseline", "strict"])
def test_without_credentials_there_are_no_results_and_nothing_is_missing(name: str) -> None:
    found = judged([session(), companion()], profile=load_profile(name))
    assert not [one for one in found.results if "-AUTH-" in one.check_id]
    assert {f"POP3S-{check}" for check in AUTH} <= set(load_profile(name).checks)
    if name == "baseline":
        assert "not_tested" not in {one.status.value for one in found.results}


def test_dele_is_judged_only_where_it_was_allowed() -> None:
    aim = target(login="read")
    found = judged([session(aim, logins=LOGINS), companion(aim)], profile=STRICT, targets=[aim])
    assert [len(results_of(found, check)) for check in AUTH] == [1, 1, 1, 0]


@pytest.mark.parametrize("check", AUTH)
def test_it_is_the_plan_that_owes_a_login(check: str) -> None:
    """Observations without it belong to another target, and take no check away."""
    assert of(check, [session(), companion()]) == "not_tested"
    assert of(check, []) == "not_tested"
    assert of(check, with_logins()) == "not_tested"


@pytest.mark.parametrize("check", AUTH)
@pytest.mark.parametrize("tcp", [CLOSED, FILTERED, None])
def test_an_endpoint_that_was_not_reached(check: str, tcp: Any) -> None:
    aim = target(login="dele")
    assert of(check, [unanswered(tcp, aim), companion(aim)]) == "not_tested"


@pytest.mark.parametrize("check", AUTH)
def test_a_port_that_is_shut_as_intended(check: str) -> None:
    aim = target(login="dele")
    seen = [unanswered(CLOSED, aim), unanswered(CLOSED, aim, source="198.51.100.2")]
    assert of(check, seen, intent=Intent.CLOSED) == "not_applicable"


@pytest.mark.parametrize("check", AUTH)
@pytest.mark.parametrize(
    "lost",
    [
        {"tls": dataclasses.replace(good_tls(), outcome="timeout")},
        {"tls": None},
        {"pop3": None},
        {"logins_ended": "no POP3 session", "logins": ()},
    ],
)
def test_a_session_that_was_lost(check: str, lost: dict[str, Any]) -> None:
    seen = with_logins(*LOGINS)
    assert of(check, [dataclasses.replace(seen[0], **lost), seen[1]]) == "not_tested"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("refused", "fail"),
        *((word, "not_tested") for word in ("temporary", "not-verified", "not-tried", "eof", "reset", "timeout",
                                            "oversize", "malformed", "alert", "failed", "not-connected", "cancelled",
                                            "surprise")),
    ],
)  # fmt: skip
def test_how_a_login_may_end(outcome: str, status: str) -> None:
    for at in (0, 1):
        logins = list(LOGINS)
        logins[at] = dataclasses.replace(logins[at], outcome=outcome, mailbox=None)
        assert of("AUTH-001", with_logins(*logins)) == status


def test_a_way_that_is_offered_and_was_not_tried() -> None:
    assert of("AUTH-001", with_logins(LOGINS[0])) == "not_tested"
    assert of("AUTH-001", with_logins(LOGINS[1])) == "not_tested"
    offering = dataclasses.replace(GOOD_POP3, apop_challenge="<1@x>")
    assert of("AUTH-001", with_logins(*LOGINS, pop3=offering)) == "not_tested"
    assert of("AUTH-001", with_logins(*LOGINS, Login("APOP", "logged-in"), pop3=offering)) == "pass"


@pytest.mark.parametrize("status", ["incomplete", "malformed", "not-asked"])
def test_what_is_offered_is_not_known(status: str) -> None:
    unknown = dataclasses.replace(GOOD_POP3, capa_status=status, capabilities=())
    assert of("AUTH-001", with_logins(*LOGINS, pop3=unknown)) == "not_tested"


def test_nothing_that_is_tried_here_is_offered() -> None:
    none = dataclasses.replace(GOOD_POP3, capabilities=(Capability("UIDL"), Capability("SASL", ("CRAM-MD5",))))
    assert of("AUTH-001", with_logins(logins_ended="no way", pop3=none)) == "not_tested"


def test_that_nobody_was_verified_is_said() -> None:
    logins = [dataclasses.replace(login, verified=False) for login in LOGINS]
    aim = target(login="dele")
    found = judged([session(aim, logins=tuple(logins)), companion(aim)], profile=STRICT, targets=[aim])
    assert "no certificate was verified" in result_of(found, "AUTH-001").message


@pytest.mark.parametrize("check", AUTH[1:])
def test_a_refused_login_shows_nothing_of_the_mailbox(check: str) -> None:
    assert of(check, with_logins(Login("USER", "refused"), Login("PLAIN", "not-tried"))) == "not_tested"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        *(({field: "-ERR"}, "fail") for field in ("stat", "listing", "uidl", "top", "retr", "capa", "quit")),
        *(({field: "not-asked"}, "not_tested") for field in ("stat", "listing", "capa")),
        ({"retr": "not-asked", "retr_octets": None}, "not_tested"),
        ({"retr_octets": None}, "not_tested"),
        ({"messages": 3}, "fail"),
        ({"list_messages": 3}, "fail"),
        ({"uidl_messages": 3}, "fail"),
        ({"uidl_unique": False}, "fail"),
        ({"uidl": "not-asked", "uidl_messages": None, "uidl_unique": None, "top": "not-asked"}, "pass"),
        ({"outcome": "malformed", "ended_in": "list"}, "fail"),
        *(({"outcome": word, "ended_in": "retr"}, "not_tested") for word in ("timeout", "eof", "reset", "oversize")),
        ({"outcome": "eof", "ended_in": "quit", "quit": "not-asked"}, "pass"),
        ({"retr": "not-asked", "retr_octets": None, "retr_skipped": "too-large"}, "pass"),
        ({"retr": "not-asked", "retr_octets": None, "retr_skipped": "expires"}, "pass"),
        (dataclasses.asdict(EMPTY), "pass"),
    ],
)
def test_the_mailbox_commands(changes: dict[str, Any], status: str) -> None:
    assert of("AUTH-002", with_box(**changes)) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"octets": 301}, "fail"),
        ({"retr_octets": 99}, "fail"),
        ({"retr_octets": None, "outcome": "eof", "ended_in": "retr"}, "not_tested"),
        ({"retr_octets": None, "retr_skipped": "too-large"}, "not_tested"),
        ({"list_octets": None}, "not_tested"),
        ({"octets": None}, "not_tested"),
        (dataclasses.asdict(EMPTY), "not_applicable"),
    ],
)
def test_sizes(changes: dict[str, Any], status: str) -> None:
    assert of("AUTH-003", with_box(**changes)) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"messages_after": 1, "octets_after": 200}, "fail"),
        ({"octets_after": 299}, "fail"),
        ({"dele": "-ERR"}, "fail"),
        ({"rset": "-ERR"}, "fail"),
        ({"dele": "not-asked", "rset": "not-asked", "messages_after": None, "octets_after": None}, "not_tested"),
        ({"messages_after": None, "outcome": "eof", "ended_in": "rset"}, "not_tested"),
        ({"rset": "not-asked", "messages_after": None, "outcome": "timeout", "ended_in": "rset"}, "not_tested"),
        (dataclasses.asdict(EMPTY), "not_applicable"),
    ],
)
def test_dele_and_rset(changes: dict[str, Any], status: str) -> None:
    assert of("AUTH-004", with_box(**changes)) == status


def test_what_is_taken_away_never_makes_good_news() -> None:
    """Every field of a walk that failed, lost: the fail may become an open question, and nothing better."""
    bad = dataclasses.replace(
        BOX, messages=5, octets=1, list_octets=2, uidl_unique=False, retr_octets=1, messages_after=9, octets_after=9
    )
    good = (Status.PASS, Status.NOT_APPLICABLE, Status.WAIVED, Status.MANUAL)
    for field in dataclasses.fields(Mailbox):
        nothing = dict(vars(Mailbox("timeout", "stat")))[field.name]
        spoiled = dataclasses.replace(bad, **{field.name: nothing})
        logins = [dataclasses.replace(LOGINS[0], mailbox=spoiled)]
        for check in AUTH[1:]:
            assert of(check, with_logins(*logins)) not in {status.value for status in good}, (field.name, check)
    assert set(good) < set(FOLDING_ORDER)


def test_a_check_that_needs_a_login_says_so() -> None:
    needing = {id_ for id_, check in all_checks().items() if check.needs}
    assert needing == {f"POP3S-{check}" for check in AUTH}
