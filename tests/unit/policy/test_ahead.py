# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes today and fails later is told with its day and its reason, and that day is the one it fails on."""

from __future__ import annotations

import dataclasses
import datetime
import random

from port995.policy.ahead import DAYS, REVIEW, TIMED
from port995.policy.model import Flip, HostPlan, Intent, Status
from port995.policy.profile import Profile, load_profile, read_profile
from port995.probe.model import Target
from port995.report import outlook

from .certificates import DAY, NOW, chain, intermediate, leaf
from .seen import companion, good_tls, judged, result_of, session, target

HEAD = "schema: port995/profile/1\nid: own\ndate: 2026-01-02\ntitle: Own\nsource: Us\nchecks:\n"


def own(checks: str) -> Profile:
    return read_profile((HEAD + checks).encode(), "own.yml")


def ahead(seen: list[object], profile: Profile, days: int = DAYS, **more: object) -> tuple[Flip, ...]:
    return judged(seen, profile=profile, ahead_days=days, **more).ahead  # type: ignore[arg-type]


def test_a_certificate_fails_from_the_day_on_which_too_little_of_it_is_left() -> None:
    # 90 days, 30 of them over: with a tenth required it fails 51 days from now, and not only when it has ended.
    profile = own("  POP3S-CERT-003: {parameters: {minimum_left: 0.1}}\n")
    (flip,) = ahead([session(), companion()], profile)
    assert flip.day == (NOW + 51 * DAY).date().isoformat()
    assert (flip.check_id, flip.now, flip.then) == ("POP3S-CERT-003", Status.PASS, Status.FAIL)
    day = datetime.datetime.fromisoformat(flip.day).replace(tzinfo=datetime.UTC)
    seen = [session(), companion()]
    assert result_of(judged(seen, profile=profile, at=day + DAY), "CERT-003").status is Status.FAIL
    assert result_of(judged(seen, profile=profile, at=day - DAY), "CERT-003").status is Status.PASS
    whole = own("  POP3S-CERT-003: {parameters: {minimum_left: 0.0}}\n")
    (at_its_end,) = ahead(seen, whole)
    assert at_its_end.day == (NOW + 60 * DAY).date().isoformat()
    assert "expired" in at_its_end.because


def test_a_rule_that_begins_is_told_with_its_clause() -> None:
    profile = own('  POP3S-TLS-001:\n  POP3S-VER-006: {effective: 2027-03-15, clause: "7"}\n')
    (flip,) = ahead([session(), companion()], profile)
    assert (flip.day, flip.check_id, flip.now, flip.then) == ("2027-03-15", "POP3S-VER-006", None, Status.FAIL)
    assert flip.because == "POP3S-VER-006 holds from 2027-03-15 on (Us 7)"
    at = datetime.datetime(2027, 3, 15, tzinfo=datetime.UTC)
    assert result_of(judged([session(), companion()], profile=profile, at=at), "VER-006").status is Status.FAIL
    assert ahead([session(), companion()], profile, days=30) == ()
    # What it asks and is met is no change for the worse, and one that ended before is none at all.
    assert ahead([session(), companion()], own("  POP3S-TLS-001:\n  POP3S-POP-001: {effective: 2027-03-15}\n")) == ()


def test_a_rule_that_ends_before_the_certificate_does_is_silent_then() -> None:
    profile = own("  POP3S-TLS-001:\n  POP3S-CERT-003: {until: 2026-12-01, parameters: {minimum_left: 0.1}}\n")
    assert ahead([session(), companion()], profile) == ()


def test_an_intermediate_that_ends_first_takes_the_path_with_it() -> None:
    long = chain(leaf("Good Intermediate", end=NOW + 1000 * DAY), intermediate())
    seen = session(tls=dataclasses.replace(good_tls(), certificates=long), hello_certificates=long[:1])
    found = ahead([seen, companion()], own("  POP3S-CERT-002:\n"), days=950)
    assert [(one.check_id, one.day) for one in found] == [
        ("POP3S-CERT-002", (NOW + 900 * DAY).date().isoformat()),
    ]


def test_what_fails_today_is_no_news() -> None:
    old = chain(leaf(end=NOW - DAY))
    seen = [
        session(tls=dataclasses.replace(good_tls(), certificates=old), hello_certificates=old),
        companion(tls=dataclasses.replace(good_tls(), certificates=old), hello_certificates=old),
    ]
    assert ahead(seen, own("  POP3S-CERT-003:\n")) == ()


def test_a_review_that_will_be_overdue_is_told() -> None:
    plan = [HostPlan("mx", Intent.SERVE, variables={"pop3s_review_date": "2027-03-15"})]
    (flip,) = ahead([session(), companion()], own("  POP3S-REG-002:\n"), plan=plan)
    assert (flip.day, flip.check_id, flip.endpoint) == ("2027-03-16", "POP3S-REG-002", None)


def fleet() -> tuple[list[HostPlan], list[Target], list[object]]:
    chains = [chain(leaf(end=NOW + (40 + 20 * number) * DAY)) for number in range(4)]
    aims = [target((f"h{number}",), f"192.0.2.{number + 1}") for number in range(12)]
    seen: list[object] = []
    for number, aim in enumerate(aims):
        own_ = chains[number % 4]
        seen += [
            session(aim, tls=dataclasses.replace(good_tls(), certificates=own_), hello_certificates=own_),
            companion(aim, tls=dataclasses.replace(good_tls(), certificates=own_), hello_certificates=own_),
        ]
    return [HostPlan(aim.hosts[0], Intent.SERVE) for aim in aims], aims, seen


def test_the_look_ahead_is_the_same_whatever_the_order_and_who_is_a_twin() -> None:
    plan, aims, seen = fleet()
    baseline = load_profile("baseline")
    first = ahead(seen, baseline, plan=plan, targets=aims)
    # A week out, the tenth of each of the four lifetimes; each of three hosts.
    assert len({one.day for one in first}) == 4
    assert len(first) == 12
    random.Random(7).shuffle(seen)
    assert ahead(seen, baseline, plan=list(reversed(plan)), targets=aims) == first
    alone: list[Flip] = []
    for host, aim in zip(plan, aims, strict=True):
        mine = [one for one in seen if one.target == aim]  # type: ignore[attr-defined]
        alone += ahead(mine, baseline, plan=[host], targets=[aim])
    assert sorted(map(repr, alone)) == sorted(map(repr, first))


def test_no_other_check_depends_on_the_clock() -> None:
    """The look ahead asks `TIMED` alone of what is in force: another day may change nothing else."""
    plan, aims, seen = fleet()
    plan = [dataclasses.replace(host, variables={"pop3s_review_date": "2026-12-01"}) for host in plan]
    profile = read_profile(load_profile("strict").raw.replace(b"id: strict", b"id: own") + b"  POP3S-REG-002:\n", "o")
    today = {(r.host, r.endpoint, r.check_id): r.status for r in judged(seen, profile=profile, plan=plan, targets=aims).results}  # type: ignore[arg-type]
    changed = set()
    for days in (20, 45, 70, 300, 2000, -400):
        then = judged(seen, profile=profile, plan=plan, targets=aims, at=NOW + days * DAY)  # type: ignore[arg-type]
        for result in then.results:
            if result.status is not today[result.host, result.endpoint, result.check_id]:
                changed.add(result.check_id)
    resting_on_the_path = {
        id_ for id_ in changed - {*TIMED, REVIEW} if id_.startswith("POP3S-CERT-")
    }  # they end with POP3S-CERT-002, which is told
    assert changed - resting_on_the_path <= {*TIMED, REVIEW}
    assert "POP3S-CERT-003" in changed


def test_people_and_programs_read_the_same_days() -> None:
    plan, aims, seen = fleet()
    judgement = judged(seen, plan=plan, targets=aims, ahead_days=DAYS)  # type: ignore[arg-type]
    told = outlook.ahead_json(judgement)
    assert told["count"] == len(told["changes"]) == 12
    lines = outlook.ahead_lines(judgement)
    assert "looked ahead to 2027-12-27" in lines[1]
    assert sum("and 2 more" in line for line in lines) == 4
    for one in told["changes"]:
        assert any(line.startswith(f"  {one['from']} {one['check_id']} fails") for line in lines)
    assert outlook.ahead_lines(judged(seen, plan=plan, targets=aims)) == []  # type: ignore[arg-type]
