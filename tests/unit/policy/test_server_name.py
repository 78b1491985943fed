# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that names nobody: what it gets beyond the named one, and that neither says anything of the other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.profile import load_profile
from port995.probe.model import Hello, Observation

from .certificates import chain, good_leaf
from .hellos import ALERT, good_hellos, taken
from .seen import companion, judged, session, status_of

STRICT = load_profile("strict")
LEAF = chain(good_leaf())[0]


def hellos(**answers: dict[str, Any]) -> tuple[Hello, ...]:
    return good_hellos(LEAF, "strict", **answers)


def found(check: str, seen: Observation) -> str:
    beside = companion(hellos=hellos())
    return status_of(judged([seen, beside], profile=STRICT), check)


def test_a_server_that_refuses_without_a_name_too_passes() -> None:
    assert found("SNI-001", session(hellos=hellos())) == "pass"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("old_ecdhe_rsa_without_name", taken(0xC013, 0x0301)),
        ("old_dhe_without_name", taken(0x0033, 0x0302)),
        ("suites_ecdhe_rsa_without_name", taken(0x0005)),
        ("suites_dhe_without_name", taken(0x0016)),
    ],
)
def test_what_only_the_nameless_client_gets_fails(question: str, answer: dict[str, Any]) -> None:
    seen = session(hellos=hellos(**{question: answer}))
    assert found("SNI-001", seen) == "fail"
    assert found("VER-003", seen) == found("CIPH-004", seen) == "pass"


def test_what_the_named_client_gets_too_is_its_own_finding() -> None:
    both = {"suites_ecdhe_rsa": taken(0x0005), "suites_ecdhe_rsa_without_name": taken(0x0005)}
    seen = session(hellos=hellos(**both))
    assert found("CIPH-004", seen) == "fail"
    assert found("SNI-001", seen) != "fail"


@pytest.mark.parametrize("outcome", ["timeout", "eof", "reset", "malformed"])
def test_what_was_not_settled_without_a_name_is_not_tested(outcome: str) -> None:
    seen = session(hellos=hellos(old_ecdhe_rsa_without_name={"outcome": outcome}))
    assert found("SNI-001", seen) == "not_tested"
    assert found("VER-003", seen) == "pass"


def test_a_refusal_without_a_name_covers_no_offer_with_it() -> None:
    seen = session(hellos=hellos(old_ecdhe_rsa={"outcome": "timeout"}, old_ecdhe_rsa_without_name=ALERT))
    assert found("VER-004", seen) == "not_tested"


def test_where_no_name_is_ever_sent_the_check_does_not_apply() -> None:
    nameless = tuple(
        dataclasses.replace(one, server_name=None) for one in hellos() if not one.question.endswith("-without-name")
    )
    seen = session(hellos=nameless)
    beside = companion(hellos=nameless)
    judgement = judged([seen, beside], profile=STRICT)
    assert status_of(judgement, "SNI-001") == "not_applicable"
    assert status_of(judgement, "VER-003") == "pass"


def test_questions_without_a_name_that_were_never_asked_leave_it_open() -> None:
    assert found("SNI-001", session(hellos=good_hellos(LEAF))) == "not_tested"


def test_hellos_of_ssl_that_can_carry_no_name_count_for_both() -> None:
    """Recorded as they are sent: without one."""
    nameless = tuple(dataclasses.replace(one, server_name=None) if one.version <= 0x0300 else one for one in hellos())
    seen = session(hellos=nameless)
    beside = companion(hellos=nameless)
    judgement = judged([seen, beside], profile=STRICT)
    assert status_of(judgement, "VER-001") == "pass"
    spoken = taken(0x010080, 0x0002)
    bad = tuple(dataclasses.replace(one, **spoken) if one.question == "ssl2" else one for one in nameless)
    assert status_of(judged([session(hellos=bad), beside], profile=STRICT), "VER-001") == "fail"
