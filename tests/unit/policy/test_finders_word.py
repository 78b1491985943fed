# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found before it was looked at: it wins nobody a pass, and what contradicts it is not believed. Many
addresses that are told together count as many, and all of them must be there."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from port995.policy.baseline import Baseline, KnownFail, RunOfBaseline
from port995.policy.gate import gate
from port995.policy.model import Exit, HostPlan, Intent, Judgement
from port995.policy.nmaps_word import mixed
from port995.probe.codec import observation_from_json, observation_to_json
from port995.probe.model import Connection, Observation, Resolution, Target, TcpConnect, Vantage
from port995.probe.ranges import count_of

from .certificates import NOW
from .seen import (
    CLOSED,
    CONTROLLER,
    FILTERED,
    OPEN,
    RUN,
    companion,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    target,
)

ONE, OTHER = "198.51.100.1", "198.51.100.2"
NMAP = Vantage("controller", families=(4,))


def word(
    tcp: TcpConnect | None = OPEN,
    service: str = "pop3s",
    told_by: str = "sweep",
    source: str = ONE,
    aim: Target | None = None,
    **changes: Any,
) -> Observation:
    """What a finder says of one port."""
    aim = aim or target()
    base = session(aim, source)
    return Observation(
        base.schema, RUN, aim, service, 995 if service == "pop3s" else 110, CONTROLLER if told_by == "sweep" else NMAP,
        source if told_by == "sweep" else None, base.started, base.ended, base.resolution, base.address, 4, tcp=tcp,
        connections=(Connection("state of the port", base.address or "", 995, source),) if told_by == "sweep" else (),
        told_by=told_by, **changes,
    )  # fmt: skip


def found(told_by: str = "sweep", intent: Intent = Intent.SERVE) -> list[HostPlan]:
    return [HostPlan("mx", intent, found_by=told_by)]


def words(tcp: TcpConnect = OPEN, told_by: str = "sweep", source: str = ONE) -> list[Observation]:
    return [word(tcp, "pop3s", told_by, source), word(OPEN, "pop3", told_by, source)]


LOOKED = [session(source=ONE), companion(source=ONE)]


@pytest.mark.parametrize("told_by", ["sweep", "nmap"])
def test_a_finder_that_agrees_changes_nothing(told_by: str) -> None:
    alone = judged(LOOKED)
    beside = judged([*LOOKED, *words(told_by=told_by)], plan=found(told_by))
    assert gate(alone).exit is gate(beside).exit is Exit.PASSED
    assert [(r.check_id, r.status) for r in alone.results] == [(r.check_id, r.status) for r in beside.results]
    assert any("found port 995" in line for line in result_of(beside, "PORT-001").evidence), "both words are kept"


@pytest.mark.parametrize("told_by", ["sweep", "nmap"])
@pytest.mark.parametrize("tcp", [CLOSED, FILTERED], ids=lambda tcp: tcp.state)
def test_a_finder_that_does_not_agree_is_told_and_costs_the_pass(told_by: str, tcp: TcpConnect) -> None:
    judgement = judged([*LOOKED, *words(tcp, told_by)], plan=found(told_by))
    result = result_of(judgement, "PORT-001")
    assert result.status.value == "not_tested" and "do not agree" in result.message
    assert gate(judgement).exit is Exit.INCOMPLETE


@pytest.mark.parametrize("told_by", ["sweep", "nmap"])
def test_a_port_that_was_found_open_is_not_closed_by_a_ban_afterwards(told_by: str) -> None:
    """Refused to two sources after it was found open: without the finder's word that would be a pass."""
    shut = [
        one(source=source, tcp=CLOSED, tls=None, pop3=None, hellos=(), extras=None, clear=None, injection=None)
        for source in (ONE, OTHER) for one in (session, companion)
    ]  # fmt: skip
    options = {"intent": Intent.CLOSED, "expected": {"controller": (ONE, OTHER)}}
    assert status_of(judged(shut, **options), "PORT-001") == "pass"
    told = words(told_by=told_by) + (words(source=OTHER) if told_by == "sweep" else [])
    judgement = judged([*shut, *told], plan=found(told_by, Intent.CLOSED), **options)
    assert status_of(judgement, "PORT-001") == "fail"
    lost = judged(shut, plan=found(told_by, Intent.CLOSED), **options)
    assert status_of(lost, "PORT-001") == "unreachable", "a word of the finder's that is lost is missed"
    if told_by == "sweep":
        half = judged([*shut, *words(source=OTHER)], plan=found(told_by, Intent.CLOSED), **options)
        assert status_of(half, "PORT-001") != "pass"


def test_a_finders_word_alone_passes_the_open_port_and_nothing_that_needs_a_look() -> None:
    judgement = judged(words(), plan=found())
    good = {r.check_id for r in judgement.results if r.status.value in ("pass", "not_applicable")}
    assert good <= {"POP3S-PORT-001", "POP3S-COV-000", "POP3S-COV-001", "POP3S-FLT-001"}, good
    assert gate(judgement).exit is not Exit.PASSED


@pytest.mark.parametrize(
    "more",
    [{"tls": session().tls}, {"hellos": session().hellos}, {"plaintext": "+OK"}, {"addresses": ("x",)}],
    ids=lambda more: next(iter(more)),
)
def test_a_sweep_that_says_more_than_a_ports_state_is_kept_out(more: dict[str, Any]) -> None:
    assert mixed(dataclasses.replace(word(), **more))


GROUP = "198.51.100.0/24 [pop3s closed conn-refused]"


def word_of_group(
    tcp: TcpConnect | None = CLOSED,
    source: str = ONE,
    addresses: tuple[str, ...] = ("198.51.100.0-198.51.100.249",),
    told_by: str = "sweep",
    **changes: Any,
) -> Observation:
    aim = Target((GROUP,), GROUP, pop3_port=None)
    seen = word(tcp, told_by=told_by, source=source, aim=aim, addresses=addresses, **changes)
    return dataclasses.replace(seen, address=None, resolution=Resolution("numeric"))


def of_group(*seen: Observation, intent: Intent = Intent.CLOSED, count: int = 250, **options: Any) -> Judgement:
    return judged(
        seen, plan=[HostPlan(GROUP, intent, count=count)], targets=[Target((GROUP,), GROUP, pop3_port=None)], **options
    )


TWO = {"expected": {"controller": (ONE, OTHER)}}


def test_each_address_of_a_group_is_in_the_equation() -> None:
    judgement = of_group(word_of_group(), word_of_group(source=OTHER), **TWO)
    assert str(judgement.coverage) == "inventory 250 = assessed 250 + unreachable 0 + excluded 0"
    assert status_of(judgement, "PORT-001", GROUP) == "pass"
    assert gate(judgement).exit is not Exit.CANNOT_VOUCH
    silent = of_group(word_of_group(FILTERED), word_of_group(FILTERED, OTHER), **TWO)
    assert str(silent.coverage) == "inventory 250 = assessed 0 + unreachable 250 + excluded 0"
    assert silent.coverage.reasons == {"no-response": 250}
    assert status_of(silent, "PORT-001", GROUP) == "unreachable", "silence proves nothing, of however many"
    refused = of_group(word_of_group(), intent=Intent.SERVE)
    assert status_of(refused, "PORT-001", GROUP) == "fail"


def test_a_group_is_closed_to_two_sources_or_not_proven() -> None:
    assert status_of(of_group(word_of_group()), "PORT-001", GROUP) == "not_tested"
    by_nmap = of_group(dataclasses.replace(word_of_group(told_by="nmap"), vantage=NMAP))
    assert status_of(by_nmap, "PORT-001", GROUP) == "not_tested", "Nmap is no witness of a closed port"


@pytest.mark.parametrize(
    "spoilt",
    [
        [word_of_group()],
        [word_of_group(), word_of_group(source=OTHER, addresses=("198.51.100.0-198.51.100.248",))],
        [word_of_group(addresses=("198.51.100.0-198.51.100.9",)), word_of_group(source=OTHER)],
        [word_of_group(addresses=()), word_of_group(source=OTHER)],
        [],
    ],
)
def test_addresses_of_which_the_journal_says_nothing_are_missed(spoilt: list[Observation]) -> None:
    judgement = of_group(*spoilt, **TWO)
    assert status_of(judgement, "COV-000", GROUP) != "pass"
    assert status_of(judgement, "PORT-001", GROUP) != "pass"
    assert judgement.coverage.assessed == 0


def test_a_group_in_several_lines_is_one() -> None:
    halves = [
        word_of_group(source=source, addresses=(addresses,))
        for source in (ONE, OTHER)
        for addresses in ("198.51.100.0-198.51.100.99", "198.51.100.100-198.51.100.249")
    ]
    assert status_of(of_group(*halves, **TWO), "PORT-001", GROUP) == "pass"


def test_many_addresses_under_one_that_is_alone_are_kept_out() -> None:
    lying = dataclasses.replace(session(), addresses=("192.0.2.1-192.0.2.99",))
    assert status_of(judged([lying, companion()]), "PORT-001") == "unreachable"
    assert observation_from_json(observation_to_json(word_of_group())) == word_of_group()


def test_a_gate_that_counts_groups_as_one_does_not_vouch() -> None:
    judgement = of_group(word_of_group(), word_of_group(source=OTHER), **TWO)
    assert gate(dataclasses.replace(judgement, counts={})).exit is Exit.CANNOT_VOUCH


def test_a_refused_clear_text_port_shows_that_a_silent_host_is_alive() -> None:
    """As for a single host: the other port's refusal is the sign of life."""
    aim = target()
    seen = [
        one for source in (ONE, OTHER)
        for one in (session(aim, source, tcp=FILTERED, tls=None, pop3=None, hellos=(), extras=None),
                    refused_companion(aim, source))
    ]  # fmt: skip
    assert status_of(judged(seen, intent=Intent.CLOSED), "PORT-001") == "pass"


@pytest.mark.parametrize(
    "later",
    [("198.51.100.7-198.51.100.8",), ("198.51.100.6", "198.51.100.8"), ("198.51.100.6-198.51.100.8",)],
    ids=["others", "one other", "one more"],
)
def test_a_baseline_knows_which_addresses_it_knew_and_not_how_many(later: tuple[str, ...]) -> None:
    """The name of a group says what was seen, and not of which addresses."""

    def refused(addresses: tuple[str, ...], **options: Any) -> Judgement:
        count = count_of(addresses)
        return of_group(word_of_group(addresses=addresses), intent=Intent.SERVE, count=count, **options)

    def said_of(judgement: Judgement) -> str:
        return result_of(judgement, "PORT-001", GROUP).baseline

    before = refused(("198.51.100.6-198.51.100.7",))
    at = NOW
    result = result_of(before, "PORT-001", GROUP)
    known = Baseline(
        at, at + datetime.timedelta(days=9), (RunOfBaseline("1", "", "", ""),), (GROUP,),
        {(GROUP, result.endpoint, result.check_id): KnownFail(frozenset(result.facts), 1)},
    )  # fmt: skip
    assert said_of(refused(("198.51.100.6-198.51.100.7",), baseline=known)) == "known"
    assert said_of(refused(later, baseline=known)) == "new"
