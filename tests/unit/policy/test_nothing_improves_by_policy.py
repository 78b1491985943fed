# SPDX-License-Identifier: GPL-3.0-or-later
"""The same promise with waivers, a baseline, attestations and shards: what is taken away never makes good news of what
is left, what somebody accepts changes fails alone, and whatever is counted adds up."""

from __future__ import annotations

import dataclasses
import datetime
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from port995.policy.attestations import Attestation, Attestations, ManualControl
from port995.policy.baseline import make_baseline, read_baseline
from port995.policy.gate import gate
from port995.policy.model import Disposition, Exit, GateVerdict, HostPlan, Intent, Status
from port995.policy.registry import WITH_INPUT, adding
from port995.policy.waivers import Waiver, Waivers
from port995.report.json_report import to_json
from port995.report.run_header import RunHeader

from .certificates import DAY, NOW
from .seen import BASELINE, judged, target
from .test_nothing_improves import assert_nothing_improved, runs

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
POLICY = ("attestations.yml", "baseline.json", "waivers.yml")
WITH_ALL = BASELINE.with_checks([id_ for name in POLICY for id_ in WITH_INPUT[name]])
CHECKS = ("POP3S-PORT-001", "POP3S-CERT-001", "POP3S-CERT-003", "POP3S-TLS-001", "POP3S-CLR-001", "POP3S-STLS-001")
ABOUT_POLICY = ("POP3S-WVR-", "POP3S-BASE-", "POP3S-ATT-")


@st.composite
def waivers(draw):
    entries = []
    for number in range(draw(st.integers(1, 3))):
        begun, left = draw(st.sampled_from((0, 1, 20))), draw(st.sampled_from((-1, 0, 5, 20)))
        entries.append(Waiver(
            f"W-{number}", (draw(st.sampled_from(("host0", "host1", "host*", "192.0.2.0/24", "fleet", "other"))),),
            (draw(st.sampled_from(CHECKS)),), "x", "T", "a", "b", NOW - begun * DAY - datetime.timedelta(days=3),
            NOW + left * DAY,
        ))  # fmt: skip
    return Waivers(tuple(entries))


def statuses(judgement, without=ABOUT_POLICY):
    return {
        (r.host, r.endpoint, r.check_id): r.status for r in judgement.results if not r.check_id.startswith(without)
    }


def report(judgement, plan, targets):
    header = RunHeader("1" * 32, "2026-11-24T12:00:00Z", tuple(plan), tuple(targets), "baseline", "0" * 64, "ca", "0")
    verdict = GateVerdict(Exit.FAILED, False, ("x",))
    return to_json(dataclasses.replace(judgement, run_id="1" * 32), verdict, header)


def assert_counts_agree(judgement, plan, targets):
    coverage = judgement.coverage
    found = list(judgement.dispositions.values())
    assert coverage.holds and coverage.inventory == len(plan) == len(found)
    assert coverage.unreachable == found.count(Disposition.UNREACHABLE)
    assert coverage.assessed == found.count(Disposition.ASSESSED)
    assert sum(coverage.reasons.values()) == coverage.unreachable + coverage.excluded
    document = report(judgement, plan, targets)
    assert sum(document["counts"].values()) == len(judgement.results) == len(document["results"])
    assert document["counts"] == {s.value: sum(r.status is s for r in judgement.results) for s in Status}
    assert {host["name"]: host["status"] for host in document["hosts"]} == {
        name: status.value for name, status in judgement.host_status.items()
    }


@QUICK
@given(runs(), waivers(), st.data())
def test_a_waiver_changes_fails_alone_and_hides_no_loss(run, accepted, data):
    plan, targets, observations, expected = run
    options = {"plan": plan, "targets": targets, "expected": expected, "profile": WITH_ALL}
    plain, before = judged(observations, **options), judged(observations, waivers=accepted, **options)
    was, now = statuses(plain), statuses(before)
    assert was.keys() == now.keys()
    for key, status in was.items():
        assert now[key] is status or (status is Status.FAIL and now[key] is Status.WAIVED), key
    assert gate(before).incomplete or not gate(plain).incomplete
    index = data.draw(st.integers(0, len(observations) - 1))
    rest = observations[:index] + observations[index + 1 :]
    after = judged(rest, waivers=accepted, **options)
    family = tuple(r for r in before.results if not r.check_id.startswith(ABOUT_POLICY))
    assert_nothing_improved(dataclasses.replace(before, results=family), after, "dropped")
    assert_counts_agree(before, plan, targets)
    assert_counts_agree(after, plan, targets)


@QUICK
@given(runs(), st.data())
def test_a_baseline_changes_no_status_and_hides_no_loss(run, data):
    plan, targets, observations, expected = run
    options = {"plan": plan, "targets": targets, "expected": expected, "profile": WITH_ALL}
    plain = judged(observations, **options)
    made = make_baseline([report(plain, plan, targets)], NOW - DAY, NOW + 30 * DAY)
    known = read_baseline(json.dumps(made).encode(), "b.json")
    before = judged(observations, baseline=known, **options)
    assert statuses(plain) == statuses(before) and plain.coverage == before.coverage
    index = data.draw(st.integers(0, len(observations) - 1))
    after = judged(observations[:index] + observations[index + 1 :], baseline=known, **options)
    verdict = gate(after)
    assert verdict.exit is not Exit.PASSED and verdict.incomplete
    assert_counts_agree(after, plan, targets)


@QUICK
@given(runs(), st.booleans())
def test_what_people_attest_changes_no_status(run, attested):
    plan, targets, observations, expected = run
    options = {"plan": plan, "targets": targets, "expected": expected}
    controls = (ManualControl("M-A-001", "A"), ManualControl("M-B-001", "B", hosts=("host*",)))
    names = (*CHECKS, *(one.id for one in controls))
    entries = tuple(Attestation(id_, "a", NOW - DAY, NOW + DAY, "x") for id_ in names) if attested else ()
    given_ = Attestations(controls, entries)
    plain = judged(observations, **options)
    with adding(given_.checks()):
        found = judged(observations, attestations=given_, profile=WITH_ALL.with_checks([one.id for one in controls]),
                       **options)  # fmt: skip
    mine = statuses(found, (*ABOUT_POLICY, "M-"))
    own = {key: status for key, status in statuses(plain).items() if key in mine}
    assert {key: mine[key] for key in own} == own and own.keys() == statuses(plain).keys()
    assert {r.status for r in found.results if r.check_id.startswith("M-")} == {Status.MANUAL}
    assert gate(found).exit is not Exit.PASSED or (attested and gate(plain).exit is Exit.PASSED)
    assert gate(found).incomplete == (gate(plain).incomplete or not attested)


@QUICK
@given(runs(), st.sampled_from((*Intent, None)), st.booleans())
def test_a_host_that_nobody_reached_changes_nothing_of_others_and_stops_the_gate(run, intent, planned):
    plan, targets, observations, expected = run
    before = judged(observations, plan=plan, targets=targets, expected=expected)
    more = [*targets, target(("lost",), "192.0.2.99")] if planned else targets
    wider = [*plan, HostPlan("lost", intent)]
    after = judged(observations, plan=wider, targets=more, expected=expected)
    was = {key: status for key, status in statuses(before).items() if key[0] is not None}
    now = {key: status for key, status in statuses(after).items() if key[0] not in (None, "lost")}
    assert was == now
    assert after.coverage.inventory == before.coverage.inventory + 1
    assert after.coverage.unreachable == before.coverage.unreachable + 1
    assert after.coverage.assessed == before.coverage.assessed
    assert gate(after).incomplete and gate(after).exit is not Exit.PASSED
    assert_counts_agree(after, wider, more)


@st.composite
def shards(draw):
    """A run whose observations were made by one or two jobs, each with vantages of its own names."""
    plan, targets, observations, expected = draw(runs())
    owners = {aim.hosts[0]: draw(st.sampled_from(((1,), (2,), (1, 2)))) for aim in targets}
    found, named, owed = [], {}, {}
    for aim in targets:
        for number in owners[aim.hosts[0]]:
            for vantage, sources in expected.items():
                name = f"{number}/{vantage}"
                named[name] = sources
                owed.setdefault(name, []).append(aim)
    for seen in observations:
        for number in owners[seen.target.hosts[0]]:
            place = dataclasses.replace(seen.vantage, name=f"{number}/{seen.vantage.name}")
            found.append(dataclasses.replace(seen, vantage=place))
    return (plan, targets, observations, expected), found, named, owed


@QUICK
@given(shards(), st.data())
def test_shards_say_what_one_run_says_and_what_one_of_them_lost_is_missed(sharded, data):
    (plan, targets, observations, expected), found, named, owed = sharded
    whole = judged(observations, plan=plan, targets=targets, expected=expected)
    options = {"plan": plan, "targets": targets, "expected": named, "owed": owed}
    merged = judged(found, **options)
    assert statuses(merged) == statuses(whole) and merged.coverage == whole.coverage
    assert gate(merged).exit is gate(whole).exit
    index = data.draw(st.integers(0, len(found) - 1))
    after = judged(found[:index] + found[index + 1 :], **options)
    assert_nothing_improved(merged, after, "an observation of a shard")
    assert gate(after).incomplete
    gone = data.draw(st.sampled_from((1, 2)))
    without = [seen for seen in found if not seen.vantage.name.startswith(f"{gone}/")]
    if len(without) < len(found):
        assert_nothing_improved(merged, judged(without, **options), "a shard")
        assert gate(judged(without, **options)).incomplete
    assert_counts_agree(merged, plan, targets)


@QUICK
@given(shards(), st.randoms(use_true_random=False))
def test_the_order_of_what_shards_saw_changes_nothing(sharded, random):
    (plan, targets, _observations, _expected), found, named, owed = sharded
    options = {"plan": plan, "targets": targets, "expected": named, "owed": owed}
    before = judged(found, **options)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert judged(shuffled, **options) == before
