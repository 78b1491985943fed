# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the models: lines, JSON, and the check; from whole observations."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest

from port995.policy.clients.catalogue import CLIENT_IDS, client_of
from port995.policy.clients.negotiation import model
from port995.policy.clients.result import CANNOT, CONNECTS, UNKNOWN, ClientResult, clients_text, result_to_json
from port995.policy.clients.server import server_of
from port995.policy.model import HostPlan, Intent
from port995.policy.profile import Profile, read_profile
from port995.probe.model import Hello, Observation, TlsSession
from port995.probe.tls.certificate_key import key_of
from port995.probe.tls.client_hello import digits

from .certificates import chain, good_leaf
from .hellos import ALERT, hello_of, questions, taken
from .modelled import AES128, ECDHE_RSA_128, PSS, RSA_128, TLS12, TLS13, X25519
from .seen import CLOSED, companion, judged, refused_companion, result_of, session, status_of, unanswered

RESULTS = (
    ClientResult("one", "One", CONNECTS, (TLS12,), (ECDHE_RSA_128,), (X25519,), (PSS,), ("RSA",)),
    ClientResult("another", "Another", CONNECTS, (TLS13, TLS12), (AES128, ECDHE_RSA_128, RSA_128), certificate=("old",)),
    ClientResult("third", "Third", CANNOT, reason="group", words="no common group in TLSv1.2"),
    ClientResult("fourth", "Fourth", UNKNOWN, reason="incomplete", words="whether it is is not settled"),
)


def test_a_line_for_each_in_columns_and_each_says_that_it_is_a_model() -> None:
    assert clients_text(RESULTS) == [
        "modelled  one      connects           TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 RSA",
        "modelled  another  connects           TLSv1.3 or TLSv1.2 one of 3 suites; would refuse the certificate: old",
        "modelled  third    cannot connect     no common group in TLSv1.2",
        "modelled  fourth   could not be told  whether it is is not settled",
    ]
    assert clients_text([]) == []


def test_the_json_form_says_it_too() -> None:
    told = json.loads(json.dumps([result_to_json(one) for one in RESULTS]))
    assert all(one["modelled"] is True for one in told)
    assert told[0] == {
        "client": "one", "title": "One", "modelled": True, "outcome": "connects", "versions": ["TLSv1.2"],
        "suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], "groups": ["x25519"],
        "signatures": ["rsa_pss_rsae_sha256"], "keys": ["RSA"], "reason": "", "words": "", "certificate": [],
    }  # fmt: skip
    assert told[2]["outcome"] == "cannot-connect" and told[2]["reason"] == "group"


# Whole observations

LEAF = chain(good_leaf())[0]


def profile(clients: str = "") -> Profile:
    parameters = f"\n    parameters: {{clients: [{clients}]}}" if clients else ""
    text = f"schema: port995/profile/1\nid: mine\ndate: 2026-11-25\ntitle: Mine\nchecks:\n  POP3S-CLNT-001:\n    severity: info{parameters}\n"
    return read_profile(text.encode(), "mine")


def only_12() -> tuple[Hello, ...]:
    """Of a server of TLS 1.2 with one suite, the certificate's; all else is refused, one hello after the other."""
    asked = questions("strict")
    own = {"ECDSA": 0xC02B, "RSA": 0xC02F}[key_of(base64.b64decode(LEAF)).type]
    answer = taken(own, group=X25519, signature=0x0403, certificate=0, answer_extensions=(0xFF01,))
    control = hello_of(asked["control-1.2"], answer)
    rest = tuple(one for one in _numbers(control.suites) if one != own)
    refused = [
        dataclasses.replace(hello_of(asked["control-1.2"], ALERT), suites=digits(rest), question="rest"),
        hello_of(asked["control-1.3"], ALERT),
        *(hello_of(asked[name], ALERT, version=version) for name in ("old-ecdhe-rsa", "old-dhe") for version in (0x0302, 0x0301, 0x0300)),
        hello_of(asked["control-dhe"], ALERT),
    ]
    return (control, *refused, control)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 4], 16) for at in range(0, len(text), 4))


def seen_12() -> Observation:
    """With a session that did not come about: the control stands behind all others."""
    return session(hellos=only_12(), tls=None, pop3=None)


def test_an_observation_is_enough() -> None:
    found = model(client_of("outlook-windows-10"), seen_12())
    assert (found.outcome, found.versions, found.suites) == (CONNECTS, (TLS12,), (0xC02B,))
    assert X25519 in found.groups and found.keys == ("ECDSA",)
    assert model(client_of("outlook-windows-7"), seen_12()).outcome == CANNOT


def test_without_the_refusals_nobody_is_shut_out() -> None:
    """Taking any one answer away makes no client connect, and none shut out, that was not."""
    whole = {id_: model(client_of(id_), seen_12()).outcome for id_ in CLIENT_IDS}
    hellos = only_12()
    for place in range(1, len(hellos) - 1):
        less = session(hellos=(*hellos[:place], *hellos[place + 1 :]), tls=None, pop3=None)
        for id_ in CLIENT_IDS:
            assert model(client_of(id_), less).outcome in (whole[id_], UNKNOWN)


def test_names_are_told_apart() -> None:
    assert server_of(seen_12()).named
    nameless = tuple(dataclasses.replace(hello, server_name=None) for hello in only_12())
    assert not server_of(session(hellos=nameless, tls=None, pop3=None)).named


def test_only_an_offer_of_everything_shows_what_comes_before_what() -> None:
    """With few groups on offer another suite may only have been out of reach."""
    first = only_12()[0]
    assert server_of(seen_12()).suite_choices[TLS12]
    few = dataclasses.replace(first, groups=digits((X25519,)))
    assert not server_of(session(hellos=(few, *only_12()[1:-1], few), tls=None, pop3=None)).suite_choices[TLS12]
    one_way = dataclasses.replace(first, signatures=digits((0x0403,)))
    assert not server_of(session(hellos=(one_way, *only_12()[1:-1], one_way), tls=None, pop3=None)).suite_choices[TLS12]


def test_secure_renegotiation_is_known_where_all_answers_agree() -> None:
    hellos = only_12()
    without = tuple(dataclasses.replace(hello, answer_extensions=()) for hello in hellos)
    assert server_of(seen_12()).renegotiation is True
    assert server_of(session(hellos=without, tls=None, pop3=None)).renegotiation is False
    assert server_of(session(hellos=(*hellos[:-1], without[-1]), tls=None, pop3=None)).renegotiation is None


def test_the_way_down_is_shown_by_answers_in_a_lower_version_and_by_the_session() -> None:
    assert server_of(seen_12()).falls == frozenset()
    made = dataclasses.replace(session().tls or TlsSession("eof"), version="TLSv1.2")
    assert server_of(session(hellos=only_12(), tls=made)).falls == {(TLS13, TLS12)}
    assert server_of(session(hellos=only_12())).falls == frozenset()
    broken = dataclasses.replace(made, outcome="eof")
    assert server_of(session(hellos=only_12(), tls=broken)).falls == frozenset()
    lower = dataclasses.replace(only_12()[0], suites=digits((0xC009,)), answered_version=0x0301, suite=0xC009)
    assert (TLS12, 0x0301) in server_of(session(hellos=(lower, lower), tls=None, pop3=None)).falls


# The check


def checked(seen: Observation, clients: str = "", *beside: Observation) -> str:
    return status_of(judged([seen, *(beside or (refused_companion(),))], profile=profile(clients)), "CLNT-001")


def test_the_check_passes_where_every_client_named_connects() -> None:
    assert checked(seen_12(), "outlook-windows-10") == "pass"


def test_the_check_fails_where_one_is_shut_out() -> None:
    judgement = judged([seen_12(), refused_companion()], profile=profile())
    result = result_of(judgement, "CLNT-001")
    assert result.status.value == "fail" and "outlook-windows-7" in result.message and "modelled" in result.message
    assert all(line.startswith("modelled") for line in result.evidence)


def test_the_check_is_not_tested_where_it_could_not_be_told() -> None:
    hellos = (only_12()[0], only_12()[-1])
    assert checked(session(hellos=hellos, tls=None, pop3=None), "outlook-windows-10") == "not_tested"
    assert checked(session(hellos=()), "outlook-windows-10") == "not_tested"


def test_the_check_does_not_apply_where_the_port_is_shut_as_intended() -> None:
    shut = [
        one
        for source in ("198.51.100.1", "198.51.100.2")
        for one in (unanswered(CLOSED, source=source), refused_companion(source=source))
    ]
    judgement = judged(shut, plan=[HostPlan("mx", Intent.CLOSED)], profile=profile())
    assert status_of(judgement, "CLNT-001") == "not_applicable"


def test_the_check_looks_behind_stls_too() -> None:
    """A server that takes less there shuts out there."""
    beside = companion(hellos=only_12(), tls=None)
    alone = checked(seen_12(), "outlook-windows-10", beside)
    assert alone == "pass"
    old = dataclasses.replace(only_12()[0], suites=digits((0xC02B,)))
    assert checked(seen_12(), "outlook-windows-10", companion(hellos=(old, old), tls=None)) == "not_tested"


@pytest.mark.parametrize("name", ["nobody", "outlook"])
def test_a_client_that_there_is_not_is_refused_in_a_profile(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        profile(name)
