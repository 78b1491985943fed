# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a refusal reaches: what it did not offer stays open, however much else was refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.belief import evidence_of
from port995.policy.profile import load_profile
from port995.policy.universe import SIGNATURES
from port995.probe.model import Hello
from port995.probe.tls.client_hello import digits, numbers

from .certificates import chain, good_leaf
from .hellos import ALERT, good_hellos, hello_of, questions, taken
from .seen import companion, good_tls, judged, result_of, session

LEAF = chain(good_leaf())[0]
HELLO_CHECKS = load_profile("baseline").narrowed(["POP3S-VER-005", "POP3S-GRP-001", "POP3S-SIG-001", "POP3S-CIPH-008"])
TIMEOUT: dict[str, Any] = {"outcome": "timeout"}
ANSWER_13 = taken(0x1301, 0x0304, group=0x001D)


def status(hellos: tuple[Hello, ...], check: str) -> str:
    return result_of(judged([session(hellos=hellos), companion()], profile=HELLO_CHECKS), check).status.value


def test_tls_1_2_may_be_spoken_although_every_suite_that_older_versions_have_was_refused() -> None:
    """Its control was lost, and so were the questions about its groups: then nothing is known of its groups."""
    asked = ("groups_rsa", "groups_ecdsa", "groups_ecdsa_alone", "signatures_rsa", "signatures_ecdsa")
    lost = good_hellos(LEAF, **dict.fromkeys(asked, TIMEOUT))
    hellos = (hello_of(questions()["control-1.2"], TIMEOUT), hello_of(questions()["control-1.3"], ANSWER_13), *lost[1:])
    assert {hello.answered_version for hello in hellos} == {None, 0x0304}
    assert status(hellos, "VER-005") == "pass"
    assert status(hellos, "GRP-001") == "not_tested"


DHE_TAKEN = taken(0x009E, signature=0x0804, dh_bits=2048)
SHA_1 = 0x0201


def test_weak_signatures_over_dhe_stay_open_until_they_were_asked_about() -> None:
    """Refused with ECDHE, they may be taken with DHE: a server that has no group in common with the client uses that."""
    hellos = good_hellos(LEAF, suites_dhe=DHE_TAKEN)
    asked, first = questions()["signatures-dhe"], questions()["signatures-dhe-first"]
    alone, passed_over = hello_of(asked, ALERT), hello_of(first, DHE_TAKEN)
    assert status(hellos, "CIPH-008") == "fail"
    assert status(hellos, "SIG-001") == "not_tested"
    assert status((*hellos, alone, passed_over), "SIG-001") == "pass"
    for one in (alone, passed_over):
        assert status((*hellos, one), "SIG-001") == "not_tested"
    weak = {**DHE_TAKEN, "signature": SHA_1}
    assert status((*hellos, hello_of(asked, weak)), "SIG-001") == "fail"
    assert status((*hellos, alone, hello_of(first, weak)), "SIG-001") == "fail"


def test_who_refuses_weak_signatures_alone_may_take_them_before_good_ones() -> None:
    """OpenJDK does: it looks for its certificate's own signature in the list before it takes what stands first."""
    name = next(hello.question for hello in good_hellos(LEAF) if hello.question in ("signatures-rsa", "signatures-ecdsa"))
    question = name.replace("-", "_")
    suite = 0xC02F if name == "signatures-rsa" else 0xC02B
    good = taken(suite, signature=0x0403)
    assert status(good_hellos(LEAF, **{question: good}), "SIG-001") == "pass"
    assert status(good_hellos(LEAF, **{question: {**good, "signature": SHA_1}}), "SIG-001") == "fail"
    assert status(good_hellos(LEAF, **{question: TIMEOUT}), "SIG-001") == "not_tested"
    assert status(good_hellos(LEAF, **{question: taken(suite)}), "SIG-001") == "not_tested", "no signature was read"
    hellos = good_hellos(LEAF, **{question: good})
    in_order = tuple(
        dataclasses.replace(one, signatures=digits(SIGNATURES)) if one.question == name else one for one in hellos
    )
    assert status(in_order, "SIG-001") == "not_tested", "a good one stood before the weak ones"


def test_who_takes_no_dhe_is_not_asked_for_its_signatures() -> None:
    assert questions()["signatures-dhe"].only_shown == "dhe-key-exchange"
    assert status(good_hellos(LEAF), "SIG-001") == "pass"
    assert status(good_hellos(LEAF, suites_dhe=TIMEOUT), "SIG-001") == "not_tested"


def test_weak_signatures_may_be_asked_about_in_several_offers() -> None:
    hellos = good_hellos(LEAF)
    position = next(n for n, hello in enumerate(hellos) if hello.question == "signatures-ecdsa-alone")
    whole = hellos[position]
    suites = numbers(whole.suites)
    halves = [dataclasses.replace(whole, suites=digits(part)) for part in (suites[::2], suites[1::2])]
    others = (*hellos[:position], *hellos[position + 1 :])
    assert status((*others, *halves), "SIG-001") == "pass"
    for half in halves:
        assert status((*others, half), "SIG-001") == "not_tested"


NO_COMMON_GROUP = {**ALERT, "alert": 10, "head": "1503030002020a"}


def test_openjdks_word_for_no_common_group_is_believed_beside_the_same_offer_with_more_groups() -> None:
    hellos = good_hellos(LEAF, groups_1_3=NO_COMMON_GROUP)
    asked = questions()["groups-1.3"]
    again = hello_of(asked, NO_COMMON_GROUP)
    more = hello_of(asked, ANSWER_13, groups=asked.groups + "001d")
    assert status(hellos, "GRP-001") == "not_tested"
    assert status((*hellos, more, again), "GRP-001") == "pass"
    spoilt = {
        "once only": (more,),
        "no answer between": (again, more),
        "more groups were not taken either": (hellos[0], hello_of(asked, NO_COMMON_GROUP, groups=more.groups), again),
        "another answer between": (hellos[0], again),
        "answered in TLS 1.2": (dataclasses.replace(more, answered_version=0x0303), again),
        "other suites": (dataclasses.replace(more, suites="13011302"), again),
        "other groups": (dataclasses.replace(more, groups="001d0017"), again),
        "other signatures": (dataclasses.replace(more, signatures="0804"), again),
    }
    for how, behind in spoilt.items():
        assert status((*hellos, *behind), "GRP-001") == "not_tested", how
    weak = dataclasses.replace(more, group=0x0013)
    assert status((*hellos, weak, again), "GRP-001") == "fail"


def test_the_same_word_below_tls_1_3_finds_fault_with_the_hello() -> None:
    name = next(hello.question for hello in good_hellos(LEAF) if hello.question.startswith("groups-"))
    hellos = good_hellos(LEAF, **{name.replace("-", "_"): NO_COMMON_GROUP})
    first = next(hello for hello in hellos if hello.question == name)
    more = hello_of(questions()[name], taken(0xC02B, group=0x001D), groups="001d" + first.groups)
    assert status((*hellos, more, first), "GRP-001") == "not_tested"


@pytest.mark.parametrize(("suite", "expected"), [(0xC013, "fail"), (0x0033, "fail"), (0x002F, "not_tested")])
def test_what_tls_1_1_signs_is_weak(suite: int, expected: str) -> None:
    """It has no list of signatures to refuse; RSA key exchange signs nothing, and says nothing of other suites."""
    assert status(good_hellos(LEAF, old_ecdhe_rsa=taken(suite, 0x0302)), "SIG-001") == expected


@pytest.mark.parametrize("answer", [taken(0xC013, 0x0302, group=0x001D), TIMEOUT], ids=["spoken", "may be spoken"])
def test_groups_of_tls_1_1_are_not_settled_by_those_of_tls_1_2(answer: dict[str, Any]) -> None:
    assert status(good_hellos(LEAF), "GRP-001") == "pass"
    assert status(good_hellos(LEAF, old_ecdhe_rsa=answer), "GRP-001") == "not_tested"


def test_where_no_session_came_about_the_control_has_to_be_answered_behind_all_refusals() -> None:
    """An answer among the refusals is not enough, nor is another one behind them: the last word is missing."""
    hellos = good_hellos(LEAF)
    assert sum(hello.complete for hello in hellos) > 1
    lost = dataclasses.replace(good_tls(), outcome="reset")

    def refusals(*behind: Hello) -> set[str]:
        return {one.hello.question for one in evidence_of(session(hellos=(*hellos, *behind), tls=lost)).refusals}

    assert refusals() == refusals(hello_of(questions()["control-1.3"], ANSWER_13)) == set()
    assert {"old-ecdhe-rsa", "old-dhe", "suites-dhe", "groups-1.3"} <= refusals(hellos[0])
