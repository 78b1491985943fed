# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints that showed the same are judged once, and nothing of that can be seen: each verdict is the one it would have
had alone, in whatever order."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from port995.policy import judge as judge_module
from port995.policy.model import HostPlan, Intent, Judgement, Result
from port995.policy.profile import load_profile
from port995.policy.registry import all_checks
from port995.policy.twins import LOOK_AT_THE_ADDRESS, Twins, is_shared
from port995.probe.model import Connection, Observation, Resolution, Target
from tests.bench.bench_judge import fleet

from .certificates import chain, leaf
from .hellos import EOF, good_hellos
from .seen import GOOD_POP3, INSIDE, companion, good_tls, judged, session, target
from .test_nothing_improves import runs

STRICT = load_profile("strict")


def told(results: Sequence[Result]) -> list[str]:
    return sorted(repr(one) for one in results if one.host is not None)


def one_by_one(plan: Sequence[HostPlan], targets: Sequence[Target], seen: Sequence[Observation], **more: Any) -> list[str]:
    found: list[str] = []
    for host in plan:
        aims = [aim for aim in targets if host.name in aim.hosts]
        mine = [one for one in seen if host.name in one.target.hosts]
        found += told(judged(mine, plan=[host], targets=aims, **more).results)
    return sorted(found)


def test_a_fleet_is_judged_as_each_endpoint_alone_in_a_random_order() -> None:
    plan, targets, seen = fleet(450, "strict")
    whole = judged(seen, plan=plan, targets=targets, profile=STRICT)
    chance = random.Random(995)
    some = chance.sample(range(len(plan)), 60)
    mine = [plan[number] for number in some]
    hosts = {host.name for host in mine}
    alone = one_by_one(mine, targets, [one for one in seen if one.target.hosts[0] in hosts], profile=STRICT)
    assert alone == told([one for one in whole.results if one.host in hosts])
    chance.shuffle(seen)
    again = judged(seen, plan=plan, targets=targets, profile=STRICT)
    assert again == whole


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs())
def test_whatever_a_run_is_made_of_twins_are_judged_as_if_they_were_none(run: Any) -> None:
    plan, targets, seen, expected = run
    with_twins = judged(seen, plan=plan, targets=targets, expected=expected, profile=STRICT)
    without = _without_twins(seen, plan=plan, targets=targets, expected=expected, profile=STRICT)
    assert with_twins == without


def _without_twins(seen: Sequence[Observation], **more: Any) -> Judgement:
    class Strangers(Twins):
        def find(self, key: object) -> None:
            return None

    known = judge_module.Twins
    judge_module.Twins = Strangers  # type: ignore[misc]
    try:
        return judged(seen, **more)
    finally:
        judge_module.Twins = known  # type: ignore[misc]


def key(seen: Observation, plan: HostPlan | None = None, **more: Any) -> object:
    """The key that an endpoint with this observation has."""
    found: list[object] = []

    class Watching(Twins):
        def key_of(self, plan: HostPlan, endpoint: Any) -> object:
            # By the content: numbers of transcripts are those of one judgement.
            self._number = lambda hellos: _content(self, hellos)  # type: ignore[method-assign, assignment]
            found.append(super().key_of(plan, endpoint))
            return found[-1]

    known = judge_module.Twins
    judge_module.Twins = Watching  # type: ignore[misc]
    try:
        judged([seen, *more.get("others", ())], targets=[seen.target], plan=[plan or HostPlan("mx", Intent.SERVE)])
    finally:
        judge_module.Twins = known  # type: ignore[misc]
    (one,) = found
    return one


def _content(twins: Twins, hellos: Any) -> Any:
    Twins._number(twins, hellos)
    return next(iter(twins._hellos))


ALONE = target(pop3_port=None)


@pytest.mark.parametrize(
    "change",
    [
        {"port": 1995}, {"vantage": INSIDE}, {"source": "198.51.100.9"}, {"not_tested": "deadline"},
        {"plaintext": "+OK"}, {"tls": dataclasses.replace(good_tls(), version="TLSv1.2")},
        {"tls": dataclasses.replace(good_tls(), certificates=chain(leaf()))},
        {"pop3": dataclasses.replace(GOOD_POP3, greeting="+OK other")}, {"hellos": ()}, {"hellos_ended": "deadline"},
        {"hello_chains": (("x",),)}, {"dh_primes": ("17",)}, {"told_by": "nmap"}, {"logins_ended": "no"},
        {"connections": (Connection("x", "192.0.2.1", 995, "203.0.113.9"),)},
        {"resolution": Resolution("failed", (), "no")},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_who_differs_in_anything_that_counts_is_no_twin(change: dict[str, Any]) -> None:
    good = session(ALONE)
    other = dataclasses.replace(good, **change)
    if "port" in change:
        other = dataclasses.replace(other, target=dataclasses.replace(ALONE, port=1995))
    if change.get("told_by"):
        assert is_shared(all_checks()["POP3S-TLS-001"])
        return  # refused before it is judged, by `nmaps_word.mixed`
    assert key(good) != key(other)


def test_who_differs_in_name_and_place_and_time_alone_is_a_twin() -> None:
    good = session(ALONE)
    elsewhere = dataclasses.replace(ALONE, address="192.0.2.77")
    slow = tuple(dataclasses.replace(hello, answer_seconds=0.2, connect_seconds=0.1) for hello in good.hellos)
    other = dataclasses.replace(
        session(elsewhere), started="2026-11-24T11:20:02.000Z", ended="2026-11-24T11:20:03.000Z", hellos=slow
    )
    assert key(good) == key(other)


def test_times_count_where_a_hello_ended_without_an_answer() -> None:
    ended = good_hellos(chain(leaf())[0], old_dhe=EOF)
    slow = tuple(dataclasses.replace(hello, quiet_seconds=0.001) for hello in ended)
    assert key(session(ALONE, hellos=ended)) != key(session(ALONE, hellos=slow))


def test_the_address_counts_where_it_is_the_name() -> None:
    nameless = dataclasses.replace(ALONE, server_name=None)
    assert key(session(nameless)) != key(session(dataclasses.replace(nameless, address="192.0.2.77")))


def test_the_intent_counts() -> None:
    assert key(session(ALONE)) != key(session(ALONE), HostPlan("mx", Intent.CLOSED))


def test_checks_that_look_at_addresses_names_of_the_dns_or_are_not_ours_are_not_shared() -> None:
    checks = all_checks()
    for id_ in LOOK_AT_THE_ADDRESS:
        assert not is_shared(checks[id_])
    assert not is_shared(checks["POP3S-DNS-001"])
    assert not is_shared(checks["POP3S-COV-000"])
    assert is_shared(checks["POP3S-VER-003"])
    assert not is_shared(dataclasses.replace(checks["POP3S-VER-003"], id="OWN-VER-003"))


def test_a_loopback_is_told_though_its_twin_is_none() -> None:
    """CLR-002 says of a loopback that it is one."""
    from port995.probe.model import Capability

    aims = [target(("far",), "192.0.2.1"), target(("near",), "127.0.0.1")]
    seen: list[Observation] = []
    for aim in aims:
        clear = companion(aim).clear
        assert clear is not None
        offers = dataclasses.replace(clear, capabilities=(*clear.capabilities, Capability("USER")))
        seen += [
            session(aim, connections=(), source=None),
            companion(aim, clear=offers, connections=(), source=None),
        ]
    plan = [HostPlan("far", Intent.SERVE), HostPlan("near", Intent.SERVE)]
    judgement = judged(seen, plan=plan, targets=aims)
    found = {r.host: r.message for r in judgement.results if r.check_id == "POP3S-CLR-002"}
    assert "loopback" in found["near"]
    assert "loopback" not in found["far"]
