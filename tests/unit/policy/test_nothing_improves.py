# SPDX-License-Identifier: GPL-3.0-or-later
"""The one promise, as a property: what is taken away or spoiled never makes good news.

A fail whose evidence is lost becomes ``not_tested`` or ``unreachable``, which still stops the gate; it never becomes
one of the statuses that let something through. (A port that must be shut is the one place where silence itself is
evidence, so there a lost answer is not replaced by silence here: that is what two witnesses are for.)
"""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from port995.policy.gate import gate
from port995.policy.model import FOLDING_ORDER, Exit, HostPlan, Intent, Status
from port995.probe.model import Capability, Resolution, TcpConnect

from .certificates import DAY, NOW, chain, der, intermediate, leaf
from .hellos import good_hellos, taken
from .seen import (
    CLOSED,
    CONTROLLER,
    FILTERED,
    GOOD_CLEAR,
    GOOD_POP3,
    INSIDE,
    OUTSIDE,
    companion,
    good_tls,
    judged,
    refused_companion,
    session,
    target,
    unanswered,
)

GOOD_NEWS = (Status.MANUAL, Status.WAIVED, Status.PASS, Status.NOT_APPLICABLE)

RSA_LEAF = chain(leaf(kind="rsa2048"))
SHARED = {"tls": dataclasses.replace(good_tls(), certificates=RSA_LEAF), "hello_certificates": RSA_LEAF}
SESSIONS = {
    "good": {},
    "shared RSA key": {**SHARED, "hellos": good_hellos(RSA_LEAF[0])},
    "SSL 2.0 with it": {**SHARED, "hellos": good_hellos(RSA_LEAF[0], ssl2=taken(0x010080, 0x0002))},
    "expired": {"tls": dataclasses.replace(good_tls(), certificates=chain(leaf(end=NOW - DAY)))},
    "wrong name": {"tls": dataclasses.replace(good_tls(), certificates=chain(leaf(dns=("other.example",))))},
    "unknown CA": {"tls": dataclasses.replace(good_tls(), certificates=chain(leaf("Other CA")))},
    "long chain": {
        "tls": dataclasses.replace(good_tls(), certificates=(der(leaf("Good Intermediate")), der(intermediate())))
    },
    "old version": {"tls": dataclasses.replace(good_tls(), version="TLSv1")},
    "plain text": {"tls": dataclasses.replace(good_tls(), outcome="not-tls"), "plaintext": "+OK hi", "pop3": None},
    "hangs": {
        "pop3": dataclasses.replace(
            GOOD_POP3, outcome="timeout", ended_in="greeting", greeting=None, greeting_status=None
        )
    },
    "refusing greeting": {"pop3": dataclasses.replace(GOOD_POP3, greeting="-ERR no", greeting_status="-ERR")},
    "STLS inside": {"pop3": dataclasses.replace(GOOD_POP3, capabilities=(Capability("STLS"),))},
    "closed": {"tcp": CLOSED, "tls": None, "pop3": None},
    "filtered": {"tcp": FILTERED, "tls": None, "pop3": None},
    "no file": {"tcp": TcpConnect("unknown", "too-many-files"), "tls": None, "pop3": None},
    "no route": {"tcp": None, "tls": None, "pop3": None, "not_tested": "no-route"},
}
COMPANIONS = {
    "good": {},
    "expired": {"tls": dataclasses.replace(good_tls(), certificates=chain(leaf(end=NOW - DAY)))},
    "login": {"clear": dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("USER"),))},
    "no STLS": {"clear": dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("UIDL"),), stls_reply="-ERR")},
    "closed": {"tcp": CLOSED, "tls": None, "clear": None},
    "filtered": {"tcp": FILTERED, "tls": None, "clear": None},
}
PLACES = ((CONTROLLER, "198.51.100.1"), (CONTROLLER, "198.51.100.2"))
SIDES = ((INSIDE, "10.0.0.9"), (OUTSIDE, "198.51.100.1"), (OUTSIDE, "198.51.100.2"))


@st.composite
def runs(draw):
    """(plan, targets, observations, expected): one to three hosts, each seen from every place."""
    places = draw(st.sampled_from((PLACES[:1], PLACES, SIDES)))
    plan, targets, observations = [], [], []
    for number in range(draw(st.integers(1, 2))):
        name = f"host{number}"
        aim = target((name,), f"192.0.2.{number + 1}")
        plan.append(HostPlan(name, draw(st.sampled_from((*Intent, None)))))
        targets.append(aim)
        for vantage, source in places:
            observations.append(session(aim, source, vantage, **SESSIONS[draw(st.sampled_from(sorted(SESSIONS)))]))
            observations.append(
                companion(aim, source, vantage, **COMPANIONS[draw(st.sampled_from(sorted(COMPANIONS)))])
            )
    expected: dict[str, list[str]] = {}
    for vantage, source in places:
        expected.setdefault(vantage.name, []).append(source)
    return plan, targets, observations, expected


def spoiled(seen, intent):
    """Every way in which one answer of an observation can be lost."""
    nothing = {"tls": None, "pop3": None, "clear": None, "plaintext": None}
    for word in ("deadline", "cancelled", "no-route", "internal-error"):
        yield dataclasses.replace(seen, tcp=None, not_tested=word, **nothing)
    yield dataclasses.replace(seen, tcp=None, **nothing)
    yield dataclasses.replace(seen, tcp=TcpConnect("unknown", "too-many-files"), **nothing)
    yield dataclasses.replace(seen, tcp=None, address=None, resolution=Resolution("timeout"), **nothing)
    if seen.service == "pop3s" and (
        intent in (Intent.SERVE, None) or (intent is Intent.INTERNAL and seen.vantage.side == "inside")
    ):
        yield dataclasses.replace(seen, tcp=FILTERED, **nothing)
    yield dataclasses.replace(seen, run_id="f" * 32)
    yield dataclasses.replace(seen, connections=(), source=seen.source)
    yield dataclasses.replace(seen, vantage=dataclasses.replace(seen.vantage, side="undeclared"))
    for field in ("tls", "pop3", "clear"):
        yield dataclasses.replace(seen, **{field: None})
        part = getattr(seen, field)
        if part is None:
            continue
        for outcome in ("timeout", "eof", "reset", "failed", "not-tested"):
            lost = {"tls": None, "pop3": None} if field == "tls" else {}
            yield dataclasses.replace(seen, **{**lost, field: dataclasses.replace(part, outcome=outcome)})
            if field != "tls":
                for phase in ("greeting", "capa", "stls"):
                    cut = {"capa_status": "incomplete" if phase == "capa" else part.capa_status}
                    if phase == "greeting":
                        cut = {
                            "greeting": None,
                            "greeting_status": None,
                            "capa_status": "not-asked",
                            "capabilities": (),
                        }
                    yield dataclasses.replace(
                        seen, **{field: dataclasses.replace(part, outcome=outcome, ended_in=phase, **cut)}
                    )
        if field == "tls":
            for change in (
                {"certificates": ()},
                {"chain_source": "leaf-only"},
                {"version": None},
                {"chain_source": "none"},
            ):
                yield dataclasses.replace(seen, tls=dataclasses.replace(part, **change))
        else:
            for change in (
                {"capabilities": ()},
                {"capa_status": "incomplete"},
                {"greeting_status": None},
                {"stls_reply": None},
            ):
                yield dataclasses.replace(seen, **{field: dataclasses.replace(part, **change)})


def improved(before: Status, after: Status) -> bool:
    return after in GOOD_NEWS and FOLDING_ORDER.index(after) > FOLDING_ORDER.index(before)


def assert_nothing_improved(before, after, what):
    old = {(r.host, r.endpoint, r.check_id): r for r in before.results}
    new = {(r.host, r.endpoint, r.check_id): r for r in after.results}
    for key, result in old.items():
        if key in new:
            assert not improved(result.status, new[key].status), (what, result, new[key])
        else:
            assert key[0] is not None
            assert after.host_status[key[0]] not in GOOD_NEWS, (what, key)
    for host, status in before.host_status.items():
        assert not improved(status, after.host_status[host]), (what, host)
    was, now = gate(before), gate(after)
    assert now.exit is not Exit.PASSED or was.exit is Exit.PASSED, what
    assert now.incomplete or not was.incomplete, what


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))  # Each is judged 50 times.
@given(runs(), st.data())
def test_losing_or_spoiling_an_answer_never_makes_good_news(run, data):
    plan, targets, observations, expected = run
    before = judged(observations, plan=plan, targets=targets, expected=expected)
    index = data.draw(st.integers(0, len(observations) - 1))
    seen = observations[index]
    intent = next(host.intent for host in plan if host.name in seen.target.hosts)
    rest = observations[:index] + observations[index + 1 :]
    dropped = judged(rest, plan=plan, targets=targets, expected=expected)
    assert_nothing_improved(before, dropped, "dropped")
    for changed in spoiled(seen, intent):
        after = judged([*rest, changed], plan=plan, targets=targets, expected=expected)
        assert_nothing_improved(before, after, changed)


@settings(max_examples=30, deadline=None)
@given(runs(), st.randoms(use_true_random=False))
def test_order_of_the_observations_changes_nothing(run, random):
    plan, targets, observations, expected = run
    before = judged(observations, plan=plan, targets=targets, expected=expected)
    random.shuffle(observations)
    assert judged(observations, plan=plan, targets=targets, expected=expected) == before


def test_an_observation_that_is_lost_is_missed_without_the_header_too():
    seen = [session(), companion()]
    assert judged(seen).host_status["mx"] is Status.PASS
    assert judged(seen[1:]).host_status["mx"] is Status.UNREACHABLE
    assert judged(seen[:1]).host_status["mx"] is Status.NOT_TESTED
    assert judged([]).host_status["mx"] is Status.UNREACHABLE


def test_a_vantage_of_which_everything_is_lost_is_missed_by_the_header():
    seen = [session(), companion()]
    expected = {"controller": ["198.51.100.1"], "internet": []}
    after = judged(seen, expected=expected)
    assert after.host_status["mx"] is Status.UNREACHABLE
    assert "internet" in next(r.message for r in after.results if r.check_id == "POP3S-COV-000")


def test_refusals_kept_as_they_are_make_a_closed_host_pass():
    seen = [unanswered(CLOSED, source=s) for _, s in PLACES] + [refused_companion(source=s) for _, s in PLACES]
    assert gate(judged(seen, intent=Intent.CLOSED)).exit is Exit.PASSED
