# SPDX-License-Identifier: GPL-3.0-or-later
"""The port's state against the intent: silence proves nothing, and one source address may be banned."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.model import Disposition, HostPlan, Intent
from port995.probe.model import Resolution, TcpConnect

from .seen import (
    CLOSED,
    FILTERED,
    INSIDE,
    OUTSIDE,
    companion,
    judged,
    refused_companion,
    result_of,
    results_of,
    session,
    status_of,
    target,
    unanswered,
)

ONE, TWO = "198.51.100.1", "198.51.100.2"


def test_open_port_of_a_host_that_must_serve_passes():
    judgement = judged([session(), companion()])
    assert status_of(judgement, "PORT-001") == "pass"
    assert judgement.dispositions == {"mx": Disposition.ASSESSED}


def test_refused_port_of_a_host_that_must_serve_fails():
    judgement = judged([unanswered(CLOSED), companion()])
    assert status_of(judgement, "PORT-001") == "fail"
    assert judgement.dispositions == {"mx": Disposition.ASSESSED}


def test_unreachable_host_is_never_a_pass():
    judgement = judged([unanswered(FILTERED), companion(tcp=FILTERED, tls=None, clear=None)])
    assert status_of(judgement, "PORT-001") == "unreachable"
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}
    assert judgement.coverage.reasons == {"no-response": 1}
    assert all(r.status.value != "not_applicable" for r in judgement.results)
    passing = {r.check_id for r in judgement.results if r.status.value == "pass"}
    assert passing == {"POP3S-FLT-001", "POP3S-COV-001"}


def test_refusal_to_one_source_while_another_is_answered_points_at_a_ban():
    judgement = judged([session(), unanswered(CLOSED, source=TWO), companion(), companion(source=TWO)])
    result = result_of(judgement, "PORT-001")
    assert result.status.value == "fail"
    assert "ban" in result.message


@pytest.mark.parametrize("reason", ["too-many-files", "permission-denied", "deadline"])
def test_port_that_this_machine_could_not_try_is_not_tested(reason):
    judgement = judged([unanswered(TcpConnect("unknown", reason)), companion()])
    assert status_of(judgement, "PORT-001") == "not_tested"
    assert judgement.coverage.reasons == {reason: 1}


@pytest.mark.parametrize("word", ["no-route", "family-not-asked", "no-address-in-family", "deadline", "cancelled"])
def test_endpoint_that_was_not_tried_is_not_tested_and_its_host_not_assessed(word):
    judgement = judged([unanswered(None, not_tested=word), companion()])
    assert status_of(judgement, "PORT-001") == "not_tested"
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}
    assert judgement.coverage.reasons == {word: 1}


@pytest.mark.parametrize("outcome", ["not-found", "timeout", "failed"])
def test_name_that_does_not_resolve_is_an_error(outcome):
    aim = target(address="mail.example.org", server_name=None)
    lost = {"address": None, "resolution": Resolution(outcome)}
    seen = [unanswered(None, aim, **lost), companion(aim, **lost, tcp=None, clear=None, tls=None)]
    judgement = judged(seen, targets=[aim])
    assert status_of(judgement, "PORT-001") == "error"
    assert status_of(judgement, "COV-000") == "error"
    assert result_of(judgement, "PORT-001").endpoint == "mail.example.org:995"
    assert judgement.host_status["mx"].value == "error"


def test_undeclared_intent_leaves_the_port_unjudged():
    judgement = judged([session(), companion()], intent=None)
    assert status_of(judgement, "PORT-001") == "not_tested"
    assert status_of(judgement, "COV-001") == "fail"
    assert judgement.dispositions == {"mx": Disposition.ASSESSED}


def closed_host(*observations, targets=None):
    return judged(observations, intent=Intent.CLOSED, targets=targets)


def test_closed_port_with_two_witnesses_passes():
    judgement = closed_host(
        unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)
    )
    assert status_of(judgement, "PORT-001") == "pass"
    assert status_of(judgement, "TLS-001") == "not_applicable"
    assert status_of(judgement, "CLR-002") == "pass"
    assert judgement.host_status["mx"].value == "pass"


def test_closed_port_with_one_witness_is_not_tested_since_a_ban_looks_the_same():
    judgement = closed_host(unanswered(CLOSED), refused_companion())
    result = result_of(judgement, "PORT-001")
    assert result.status.value == "not_tested"
    assert "ban" in result.message
    assert status_of(judgement, "CLR-002") == "not_tested"


def test_same_source_address_twice_is_one_witness():
    judgement = closed_host(unanswered(CLOSED), unanswered(CLOSED, vantage=OUTSIDE), refused_companion())
    assert status_of(judgement, "PORT-001") == "not_tested"


def test_observation_that_does_not_know_its_own_address_is_no_witness():
    nameless = [unanswered(CLOSED, source=None, vantage=v, connections=()) for v in (INSIDE, OUTSIDE)]
    assert status_of(closed_host(*nameless), "PORT-001") == "not_tested"


def test_port_that_is_open_to_anybody_is_not_closed():
    judgement = closed_host(unanswered(CLOSED), session(source=TWO), refused_companion(), refused_companion(source=TWO))
    assert status_of(judgement, "PORT-001") == "fail"
    assert status_of(judgement, "TLS-001") == "pass"


def test_silence_to_two_sources_without_proof_of_life_is_unreachable():
    silent = {"tcp": FILTERED, "tls": None, "clear": None}
    judgement = closed_host(
        unanswered(FILTERED), unanswered(FILTERED, source=TWO), companion(**silent), companion(source=TWO, **silent)
    )
    assert status_of(judgement, "PORT-001") == "unreachable"
    assert status_of(judgement, "TLS-001") == "not_tested"
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}


def test_silence_to_two_sources_of_a_host_that_is_alive_on_110_passes():
    judgement = closed_host(
        unanswered(FILTERED), unanswered(FILTERED, source=TWO), refused_companion(), refused_companion(source=TWO)
    )
    assert status_of(judgement, "PORT-001") == "pass"
    assert status_of(judgement, "TLS-001") == "not_applicable"
    assert judgement.dispositions == {"mx": Disposition.ASSESSED}


def test_proof_of_life_at_another_address_is_none():
    aim = target(address="mail.example.org", server_name=None)
    both = Resolution("resolved", ("192.0.2.1", "192.0.2.2"))
    silent = [unanswered(FILTERED, aim, source=s, address="192.0.2.1", resolution=both) for s in (ONE, TWO)]
    alive = [unanswered(CLOSED, aim, source=s, address="192.0.2.2", resolution=both) for s in (ONE, TWO)]
    judgement = closed_host(*silent, *alive, targets=[aim])
    found = {r.endpoint: r.status.value for r in results_of(judgement, "PORT-001")}
    assert found == {"192.0.2.1:995/mail.example.org": "unreachable", "192.0.2.2:995/mail.example.org": "pass"}
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}


def test_closed_port_with_one_witness_and_one_that_could_not_try_is_not_tested():
    judgement = closed_host(unanswered(CLOSED), unanswered(None, source=TWO, not_tested="no-route"))
    assert status_of(judgement, "PORT-001") == "not_tested"


def internal_host(*observations):
    return judged(observations, intent=Intent.INTERNAL)


def outside_shut(tcp=FILTERED, sources=(ONE, TWO)):
    return [unanswered(tcp, source=s, vantage=OUTSIDE) for s in sources] + [
        companion(source=s, vantage=OUTSIDE, tcp=tcp, tls=None, clear=None) for s in sources
    ]


def inside_open():
    return [session(source="10.0.0.9", vantage=INSIDE), companion(source="10.0.0.9", vantage=INSIDE)]


@pytest.mark.parametrize("tcp", [CLOSED, FILTERED])
def test_internal_host_that_answers_inside_and_not_to_two_sources_outside_passes(tcp):
    judgement = internal_host(*inside_open(), *outside_shut(tcp))
    assert status_of(judgement, "PORT-001") == "pass"
    assert status_of(judgement, "TLS-001") == "pass"
    assert judgement.dispositions == {"mx": Disposition.ASSESSED}


def test_internal_host_with_one_source_outside_is_not_tested():
    assert status_of(internal_host(*inside_open(), *outside_shut(sources=(ONE,))), "PORT-001") == "not_tested"


def test_internal_host_that_answers_outside_fails():
    judgement = internal_host(*inside_open(), *outside_shut(), session(source="198.51.100.3", vantage=OUTSIDE))
    assert status_of(judgement, "PORT-001") == "fail"


def test_internal_host_not_seen_from_inside_is_not_tested():
    judgement = internal_host(*outside_shut())
    assert status_of(judgement, "PORT-001") == "not_tested"
    assert status_of(judgement, "TLS-001") == "not_tested"


def test_internal_host_that_is_shut_inside_fails_and_silent_inside_is_unreachable():
    refused = [unanswered(CLOSED, source="10.0.0.9", vantage=INSIDE), *outside_shut()]
    silent = [unanswered(FILTERED, source="10.0.0.9", vantage=INSIDE), *outside_shut()]
    assert status_of(internal_host(*refused), "PORT-001") == "fail"
    assert status_of(internal_host(*silent), "PORT-001") == "unreachable"


def test_vantage_of_no_declared_side_can_prove_nothing_about_an_internal_host():
    judgement = internal_host(*inside_open(), *outside_shut(), session(source="198.51.100.3"))
    result = result_of(judgement, "PORT-001")
    assert result.status.value == "not_tested"
    assert "declare" in result.message


def test_every_address_of_a_name_is_its_own_endpoint_and_one_unassessed_costs_the_host():
    aim = target(address="mail.example.org", server_name=None)
    both = Resolution("resolved", ("192.0.2.1", "2001:db8::1"))
    seen = [
        session(aim, address="192.0.2.1", resolution=both),
        companion(aim, address="192.0.2.1", resolution=both, family=4),
        unanswered(None, aim, address="2001:db8::1", resolution=both, not_tested="no-route"),
        companion(
            aim, address="2001:db8::1", family=6, resolution=both, tcp=None, clear=None, tls=None, not_tested="no-route"
        ),
    ]
    judgement = judged(seen, targets=[aim])
    found = {r.endpoint: r.status.value for r in results_of(judgement, "PORT-001")}
    assert found == {"192.0.2.1:995/mail.example.org": "pass", "[2001:db8::1]:995/mail.example.org": "not_tested"}
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}
    assert judgement.coverage.reasons == {"no-route": 1}


def test_address_that_was_resolved_and_not_observed_is_missed():
    aim = target(address="mail.example.org", server_name=None)
    both = Resolution("resolved", ("192.0.2.1", "192.0.2.2"))
    seen = [session(aim, address="192.0.2.1", resolution=both), companion(aim, address="192.0.2.1", resolution=both)]
    judgement = judged(seen, targets=[aim])
    found = {r.endpoint: r.status.value for r in results_of(judgement, "PORT-001")}
    assert found["192.0.2.2:995/mail.example.org"] == "unreachable"
    assert judgement.dispositions == {"mx": Disposition.UNREACHABLE}


def test_source_that_is_missing_at_one_endpoint_is_missed():
    other = target(("other",), "192.0.2.7")
    seen = [session(), companion(), session(other), companion(other)]
    seen += [session(source=TWO), companion(source=TWO)]
    plan = [HostPlan("mx", Intent.SERVE), HostPlan("other", Intent.SERVE)]
    judgement = judged(seen, plan=plan, targets=[target(), other])
    assert judgement.dispositions == {"mx": Disposition.ASSESSED, "other": Disposition.UNREACHABLE}
    assert TWO in result_of(judgement, "COV-000", "other").message


def test_conflicting_observations_of_one_endpoint_fold_into_the_worst():
    other = dataclasses.replace(session(source=TWO), tls=None)
    judgement = judged([session(), companion(), other, companion(source=TWO)])
    result = result_of(judgement, "TLS-001")
    assert result.status.value == "not_tested"
    assert "1 pass more" in result.message
