# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's word can cost a host its pass, and never win it one; nobody else is let off the self-test for it."""

from __future__ import annotations

import base64
import dataclasses
import ssl
from typing import Any

import pytest

from port995.nmap.model import NmapHost, NmapPort, NmapRun, ScriptOutput
from port995.nmap.observe import observe
from port995.policy.gate import gate
from port995.policy.model import Exit, Intent
from port995.policy.nmaps_word import QUESTION, is_nmaps, mixed
from port995.policy.profile import load_profile
from port995.probe.codec import observation_from_json, observation_to_json
from port995.probe.model import Connection, Observation, Pop3Dialogue, Vantage

from .hellos import good_hellos
from .seen import RUN, companion, good_tls, judged, session, status_of, target

STATES = {"POP3S-PORT-001", "POP3S-COV-000", "POP3S-COV-001", "POP3S-FLT-001"}
"""Checks that Nmap's word may pass: the port answers, and its owner wants it to."""
LEAF = good_tls().certificates[0]


def told(service: str = "pop3s", suite: str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", clear: str = "open") -> Observation:
    """What the Nmap room makes of a good server."""
    listed = tuple(
        (f"{version}/ciphers//name", name)
        for version, name in (("TLSv1.2", suite), ("TLSv1.3", "TLS_AKE_WITH_AES_128_GCM_SHA256"))
    )
    scripts = (
        ScriptOutput("ssl-enum-ciphers", "", listed),
        ScriptOutput("ssl-cert", "", (("pem", ssl.DER_cert_to_PEM_cert(base64.b64decode(LEAF))),)),
        ScriptOutput("pop3-capabilities", "TOP UIDL SASL(PLAIN)"),
    )
    ports = (NmapPort("tcp", 995, "open", "syn-ack", scripts=scripts), NmapPort("tcp", 110, clear, "conn-refused"))
    host = NmapHost("up", "syn-ack", "192.0.2.1", 4, ports=ports, started=1760000000, ended=1760000000)
    return observe(NmapRun("scan.xml"), host, target(), service, vantage=Vantage("nmap"), run_id=RUN)


def passed(observations: list[Observation], profile: str, **options: Any) -> set[str]:
    judgement = judged(observations, profile=load_profile(profile), **options)
    return {one.check_id for one in judgement.results if one.status.value in ("pass", "not_applicable")}


@pytest.mark.parametrize("profile", ["baseline", "strict"])
@pytest.mark.parametrize("clear", ["open", "closed", "filtered"])
def test_only_the_ports_state_passes(profile: str, clear: str) -> None:
    seen = [told(clear=clear), told("pop3", clear=clear)]
    assert seen[0].hellos and seen[0].tls is not None and seen[0].tls.certificates
    found = passed(seen, profile)
    assert "POP3S-PORT-001" in found
    assert found <= STATES | {"POP3S-FLT-002"}, found - STATES
    judgement = judged(seen, profile=load_profile(profile))
    assert gate(judgement).exit is not Exit.PASSED
    assert judgement.mistrust == ()


@pytest.mark.parametrize("intent", [Intent.CLOSED, Intent.INTERNAL])
def test_a_port_is_never_shut_by_nmaps_word(intent: Intent) -> None:
    shut = [dataclasses.replace(told(service, clear="closed"), tls=None, pop3=None, hellos=(), hellos_ended="",
                                tcp=told("pop3", clear="closed").tcp) for service in ("pop3s", "pop3")]  # fmt: skip
    found = passed(shut, "strict", intent=intent)
    assert found <= STATES - {"POP3S-PORT-001"}, found


def test_a_weak_suite_that_nmap_lists_is_a_fail() -> None:
    weak = [told(suite="TLS_RSA_WITH_RC4_128_SHA"), told("pop3")]
    assert status_of(judged(weak), "CIPH-004") == "fail"
    assert status_of(judged([told(), told("pop3")]), "CIPH-004") == "not_tested"


def test_nmap_beside_this_probe_improves_nothing() -> None:
    own = [session(), companion()]
    alone = judged(own)
    beside = judged([*own, told(), told("pop3")])
    assert gate(alone).exit is Exit.PASSED
    assert gate(beside).exit is not Exit.PASSED
    good = {"pass", "not_applicable"}
    before = {(one.check_id, one.host, one.endpoint) for one in alone.results if one.status.value in good}
    after = {(one.check_id, one.host, one.endpoint) for one in beside.results if one.status.value in good}
    assert after <= before


def test_what_the_nmap_room_writes_is_taken_and_survives_the_journal() -> None:
    for seen in (told(), told("pop3")):
        assert mixed(seen) == ""
        assert observation_from_json(observation_to_json(seen)) == seen
    assert all(map(is_nmaps, told().hellos)) and told().hellos[0].question == QUESTION
    assert mixed(session()) == mixed(companion()) == ""


FORGED = {
    "a refusal of this probe": {"hellos": good_hellos(LEAF)},
    "a refusal under Nmap's question": {
        "hellos": tuple(dataclasses.replace(one, question=QUESTION) for one in good_hellos(LEAF))
    },
    "a fall to a lower version": {
        "hellos": tuple(dataclasses.replace(one, answered_version=0x0302) for one in told().hellos)
    },
    "a session": {"tls": good_tls()},
    "a dialogue": {"pop3": Pop3Dialogue("completed", capa_status="listed")},
    "a connection": {"connections": (Connection("session", "127.0.0.1", 40000, "open"),)},
    "a source": {"source": "192.0.2.9"},
    "a self-test": {"vantage": session().vantage},
    "plain text": {"plaintext": "+OK"},
    "somebody else": {"told_by": "masscan"},
    "hellos of Nmap without its mark": {"told_by": ""},
}


@pytest.mark.parametrize("what", FORGED)
def test_what_holds_more_than_nmap_can_tell_is_kept_out(what: str) -> None:
    seen = dataclasses.replace(told(), **FORGED[what])
    assert mixed(seen)
    judgement = judged([seen, told("pop3")])
    assert status_of(judgement, "PORT-001") != "pass"
    assert gate(judgement).exit is not Exit.PASSED


def test_the_mark_does_not_let_a_blind_probe_off() -> None:
    """All of a good journal, by a probe that saw nothing of its self-test, with Nmap's mark on it."""
    blind = dataclasses.replace(session().vantage, canaries=())
    forged = [dataclasses.replace(one, vantage=blind, told_by="nmap") for one in (session(), companion())]
    assert gate(judged(forged)).exit is not Exit.PASSED
    marked = tuple(dataclasses.replace(one, question=QUESTION) for one in session().hellos)
    unsaid = [session(vantage=blind, hellos=marked), companion(vantage=blind)]
    assert gate(judged(unsaid)).exit is Exit.CANNOT_VOUCH
