# SPDX-License-Identifier: GPL-3.0-or-later
"""What vantages saw of one port stands side by side, and where they differ is said."""

from __future__ import annotations

from port995.policy.model import HostPlan, Intent, Judgement, Views
from port995.probe.model import Observation, TcpConnect
from port995.report.side_by_side import agreement, lines_of, worth_showing

from .seen import CLOSED, FILTERED, INSIDE, OPEN, OUTSIDE, judged, target, unanswered

UNKNOWN = TcpConnect("unknown", "no-route")
NEAR, FAR = "192.0.2.9", "198.51.100.9"


def judgement_of(*looks: Observation, **options: object) -> Judgement:
    return judged(looks, plan=[HostPlan("mx", Intent.CLOSED)], **options)


def of(*looks: Observation, **options: object) -> Views:
    (views,) = judgement_of(*looks, **options).views
    return views


def look(tcp: TcpConnect, vantage=INSIDE, source: str = NEAR, **more: object) -> Observation:
    return unanswered(tcp, target(), source, vantage, **more)


def test_looks_that_agree_are_told_line_by_line() -> None:
    views = of(look(CLOSED), look(CLOSED, OUTSIDE, FAR))
    assert (views.host, views.differ, views.missing) == ("mx", "", ())
    assert agreement(views) == "all say closed"
    assert lines_of(views) == [
        f"internet  outside  {FAR}  IPv4  closed (conn-refused)",
        f"office    inside   {NEAR}     IPv4  closed (conn-refused)",
    ]


def test_looks_that_differ_are_told_and_a_refusal_is_no_silence() -> None:
    assert of(look(OPEN), look(CLOSED, OUTSIDE, FAR)).differ == (
        f"open to office (inside), source {NEAR}; closed to internet (outside), source {FAR}"
    )
    assert of(look(FILTERED), look(CLOSED, OUTSIDE, FAR)).differ == (
        f"closed to internet (outside), source {FAR}; filtered to office (inside), source {NEAR}"
    )


def test_who_can_not_tell_disagrees_with_nobody_and_agrees_with_nobody() -> None:
    views = of(look(OPEN), look(UNKNOWN, OUTSIDE, FAR))
    assert (views.differ, agreement(views)) == ("", "not all could tell")
    assert any("not told (no-route)" in line for line in lines_of(views))


def test_a_look_that_is_owed_and_not_there_is_told() -> None:
    views = of(look(CLOSED), expected={"office": (), "internet": ()})
    assert views.missing == ("no observation in the journal from internet",)
    assert agreement(views) == "1 missing"
    assert lines_of(views)[-1] == "missing: no observation in the journal from internet"


def test_nothing_is_laid_side_by_side_where_one_vantage_agrees_with_itself() -> None:
    assert worth_showing(judgement_of(look(CLOSED), look(CLOSED, source="192.0.2.10"))) == []
    assert len(worth_showing(judgement_of(look(CLOSED), look(OPEN, source="192.0.2.10")))) == 1
    assert len(worth_showing(judgement_of(look(CLOSED), look(CLOSED, OUTSIDE, FAR)))) == 1


def test_an_excluded_host_has_no_views() -> None:
    assert judged([], plan=[HostPlan("mx", None, (), "--limit")]).views == ()
