# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put together of one observation: what is known, and what is only not seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.facts import CLIENT, SERVER, TlsFacts, facts_of
from port995.probe.model import Hello
from port995.probe.tls.client_hello import digits

from .certificates import chain, good_leaf
from .hellos import ALERT, good_hellos, hello_of, questions, taken
from .seen import session

LEAF = chain(good_leaf())[0]
A, B, C = 0xC02F, 0xC030, 0xCCA8


def facts(*more: Hello, **answers: dict[str, Any]) -> TlsFacts:
    return facts_of(session(hellos=(*good_hellos(LEAF, **answers), *more)))


def offer(suites: tuple[int, ...], chosen: int, groups: tuple[int, ...] = (0x001D, 0x0017), group: int = 0x001D) -> Hello:
    question = dataclasses.replace(questions()["control-1.2"], id="suites-ecdhe-rsa")
    return hello_of(question, taken(chosen, group=group), suites=digits(suites), groups=digits(groups))


@pytest.mark.parametrize(
    ("offers", "order"),
    [
        ([((A, B), A), ((B, A), A)], ""),  # nobody knows that it takes B
        ([((A, B), A), ((B, A), B)], CLIENT),
        ([((A, B), A), ((B,), B)], ""),
        ([((A, B, C), A), ((B, C), B), ((C, B, A), C)], CLIENT),
        ([((A, B, C), A), ((B, C), B), ((C, B, A), A)], SERVER),
    ],
)
def test_two_offers_in_opposite_order_tell_whose_counts(
    offers: list[tuple[tuple[int, ...], int]], order: str
) -> None:
    found = facts_of(session(hellos=tuple(offer(suites, chosen) for suites, chosen in offers))).version(0x0303)
    assert found is not None and found.suite_order == order


def test_what_was_not_refused_is_not_known_to_be_missing() -> None:
    found = facts(suites_dhe={"outcome": "timeout"}).version(0x0303)
    assert found is not None and found.suites == (0xC02B,) and not found.all_suites


def test_versions_are_spoken_refused_or_open() -> None:
    found = facts(ssl2={"outcome": "timeout"})
    assert [one.version for one in found.versions] == [0x0304, 0x0303]
    assert found.unspoken == (0x0302, 0x0301, 0x0300) and found.unsettled == (0x0002,)


def test_a_version_of_the_session_alone_is_spoken() -> None:
    one = next(one for one in facts().versions if one.version == 0x0304)
    assert one.suites == () and not one.all_suites and not one.all_groups


def test_a_refusal_that_is_no_answer_to_ssl_2_leaves_it_open() -> None:
    assert 0x0002 in facts(ssl2={**ALERT, "alert": 40}).unspoken


def test_what_the_answers_lack_is_told_and_what_nobody_asked_is_none() -> None:
    good, bad = facts(), facts(control_1_2=taken(0xC02B, group=0x001D, answer_extensions=()))
    assert (good.extended_master_secret, good.secure_renegotiation) == (True, True)
    assert (bad.extended_master_secret, bad.secure_renegotiation) == (False, False)
    assert good.compression is None
    asked = hello_of(questions("strict")["extras"], taken(compression=1), offers_compression=True, experiment=True)
    assert facts(asked).compression is True


def test_a_signature_of_tls_1_3_is_the_one_that_was_offered_alone_to_a_server_that_heeds_the_list() -> None:
    question = dataclasses.replace(questions()["control-1.3"], id="signature-1.3-0805")
    alone = hello_of(question, taken(0x1301, 0x0304, group=0x001D), signatures="0805", experiment=True)
    others = dataclasses.replace(question, id="signature-1.3-others")
    refused = hello_of(others, ALERT, signatures="08070808", experiment=True)
    answered = hello_of(others, taken(0x1301, 0x0304, group=0x001D), signatures="08070808", experiment=True)
    for more, known in (((alone, refused), (0x0805,)), ((alone, answered), ()), ((alone,), ())):
        spoken = facts(*more).version(0x0304)
        assert spoken is not None and spoken.signatures == known, more
