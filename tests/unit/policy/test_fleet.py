# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that several hosts share, what SSL 2.0 on one of them does to the others, and who expires next."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from cryptography import x509

from port995.policy.fleet import MAX_EXPIRING, MAX_PLACES
from port995.policy.model import HostPlan, Intent, Status
from port995.probe.model import Vantage

from .certificates import DAY, NAME, NOW, authority_key, chain, key, leaf, make
from .hellos import good_hellos, taken
from .seen import (
    CLOSED,
    companion,
    good_tls,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    target,
    unanswered,
)

TWO = "198.51.100.2"
SSL_2 = taken(0x010080, 0x0002)
UNSETTLED = {"outcome": "timeout"}


@dataclasses.dataclass(frozen=True)
class Host:
    """One host of a fleet, as it was seen."""

    name: str
    kind: str = "rsa2048"
    """Type of its key; the same kind is the same key, unless ``own`` says otherwise."""
    own: bool = False
    ssl_2: object = None
    """Answer to the hello of SSL 2.0; ``None``: refused."""
    server_name: str | None = None
    lost: bool = False
    """No handshake came about."""
    rsa: object = None
    """Answer to the question for an RSA key; ``None``: refused."""
    end: object = NOW + 60 * DAY


def certificate_of(host):
    if not host.own:
        return leaf(kind=host.kind, end=host.end)
    names = [(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)]
    return make(NAME, "Good CA", key(host.kind, host.name), authority_key(), names, end=host.end)


def seen_of(host, number):
    """What was seen of its TLS port; the clear-text port is not looked at."""
    name = host.server_name or f"{host.name}.example.org"
    aim = target((host.name,), f"192.0.2.{number + 1}", server_name=name, pop3_port=None)
    if host.lost:
        ended = dataclasses.replace(good_tls(), outcome="eof", certificates=())
        return session(aim, tls=ended, hellos=(), hello_certificates=())
    texts = chain(certificate_of(host))
    answers = {"ssl2": host.ssl_2, "key_rsa": host.rsa}
    hellos = good_hellos(texts[0], **{question: answer for question, answer in answers.items() if answer})
    handshake = dataclasses.replace(good_tls(), certificates=texts)
    return session(aim, tls=handshake, hellos=hellos, hello_certificates=texts)


def fleet(*hosts, excluded=(), **options):
    plan = [HostPlan(host.name, Intent.SERVE) for host in hosts]
    plan += [HostPlan(name, Intent.SERVE, (), "--limit") for name in excluded]
    seen = [seen_of(host, number) for number, host in enumerate(hosts)]
    return judged(seen, plan=plan, targets=[one.target for one in seen], **options)


def said(judgement, check):
    return result_of(judgement, check, None)


A, B = Host("a"), Host("b")


def test_key_on_two_hosts_is_told_with_the_hosts():
    result = said(fleet(A, B), "FLT-002")
    assert (result.status.value, result.severity.value) == ("fail", "info")
    assert "one key is on 2 hosts: a, b" in result.message
    assert len([line for line in result.evidence if line.startswith(("a 192.0.2.1", "b 192.0.2.2"))]) == 2


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ((Host("a", own=True), Host("b", own=True)), "pass"),
        ((Host("a", "ec"), Host("b")), "pass"),
        # Nodes behind one name are one service.
        ((Host("a", server_name="mail.example.org"), Host("b", server_name="MAIL.example.org.")), "pass"),
        ((Host("a", own=True), Host("b", lost=True)), "not_tested"),
        ((A, B, Host("c", lost=True)), "fail"),
        ((A,), "not_applicable"),
        ((Host("a", lost=True),), "not_tested"),
    ],
)
def test_who_shares_a_key(hosts, status):
    assert said(fleet(*hosts), "FLT-002").status.value == status


def test_hosts_that_were_left_out_are_told_of():
    judgement = fleet(Host("a", own=True), Host("b", own=True), excluded=("c",))
    assert "1 hosts were left out" in said(judgement, "FLT-002").message


def test_key_of_a_host_with_ssl_2_is_lost_to_all_who_have_it():
    result = said(fleet(Host("old", ssl_2=SSL_2), B, Host("c", own=True)), "FLT-003")
    assert (result.status.value, result.severity.value) == ("fail", "critical")
    assert "b 192.0.2.2:995/b.example.org shares its RSA key with old 192.0.2.1:995/old.example.org" in result.message
    assert not any("c 192.0.2.3" in line for line in result.evidence)


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ((A, B), "pass"),
        ((Host("old", ssl_2=SSL_2, own=True), Host("b", own=True)), "pass"),
        # All of them speak it: each has its own finding, and there is nobody else to hurt.
        ((Host("old", ssl_2=SSL_2), Host("b", ssl_2=SSL_2)), "pass"),
        ((Host("old", ssl_2=SSL_2), Host("b", "ec")), "pass"),
        # Undetermined beside somebody with the same key.
        ((Host("a", ssl_2=UNSETTLED), B), "not_tested"),
        ((Host("a", ssl_2=UNSETTLED), Host("b", ssl_2=UNSETTLED)), "not_tested"),
        ((Host("a", ssl_2=UNSETTLED, own=True), Host("b", own=True)), "pass"),
        ((Host("a", ssl_2=UNSETTLED), Host("old", ssl_2=SSL_2), B), "fail"),
        # Somebody whose key nobody saw may be either end.
        ((Host("old", ssl_2=SSL_2, own=True), Host("b", lost=True)), "not_tested"),
        ((Host("a"), Host("b", lost=True)), "not_tested"),
        ((Host("old", ssl_2=SSL_2), Host("b", "ec", rsa=UNSETTLED)), "not_tested"),
        ((A, Host("b", "ec", rsa=UNSETTLED)), "pass"),
        ((Host("a", "ec"), Host("b", "p384")), "not_applicable"),
        ((Host("a", lost=True),), "not_tested"),
        ((A,), "pass"),
    ],
)
def test_drown_across_hosts(hosts, status):
    assert said(fleet(*hosts), "FLT-003").status.value == status


def test_the_order_of_the_hosts_changes_nothing():
    hosts = (Host("old", ssl_2=SSL_2), B, Host("c", own=True), Host("d", lost=True))
    results = {
        tuple(said(fleet(*order), check).status.value for check in ("FLT-002", "FLT-003"))
        for order in itertools.permutations(hosts)
    }
    assert results == {("fail", "fail")}


def test_a_probe_that_would_not_see_ssl_2_proves_nothing():
    blind = Vantage("controller", families=(4,), canaries=("alert",))
    aim = target(pop3_port=None)
    texts = chain(leaf(kind="rsa2048"))
    handshake = dataclasses.replace(good_tls(), certificates=texts)
    seen = session(aim, vantage=blind, tls=handshake, hellos=good_hellos(texts[0]), hello_certificates=texts)
    other = target(("b",), "192.0.2.2", pop3_port=None)
    plan = [HostPlan("mx", Intent.SERVE), HostPlan("b", Intent.SERVE)]
    both = [seen, dataclasses.replace(seen, target=other, address="192.0.2.2", resolution=dataclasses.replace(
        seen.resolution, addresses=("192.0.2.2",)))]  # fmt: skip
    assert status_of(judged(both, plan=plan, targets=[aim, other]), "FLT-003", None) == "not_tested"


def test_ports_that_are_shut_as_intended_have_no_key():
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)]
    judgement = judged(seen, intent=Intent.CLOSED)
    assert {said(judgement, check).status.value for check in ("FLT-002", "FLT-003")} == {"not_applicable"}


def test_certificate_behind_stls_counts_like_any_other():
    texts = chain(leaf(kind="rsa2048"))
    handshake = dataclasses.replace(good_tls(), certificates=texts)
    old = {"tls": handshake, "hellos": good_hellos(texts[0], ssl2=SSL_2), "hello_certificates": texts}
    good = {"tls": handshake, "hellos": good_hellos(texts[0]), "hello_certificates": texts}
    aims = [target(("a",), "192.0.2.1", server_name="a.example.org"), target(("b",), "192.0.2.2")]
    seen = [session(aims[0], **good), companion(aims[0], **old), session(aims[1], **good), companion(aims[1], **good)]
    plan = [HostPlan("a", Intent.SERVE), HostPlan("b", Intent.SERVE)]
    judgement = judged(seen, plan=plan, targets=aims)
    assert status_of(judgement, "VER-001", "a") == "fail" and status_of(judgement, "VER-001", "b") == "pass"
    assert said(judgement, "FLT-003").status is Status.FAIL


def test_certificates_that_expire_next_come_first_and_each_once():
    hosts = (
        Host("late", own=True, end=NOW + 50 * DAY), Host("soon", own=True, end=NOW + 5 * DAY),
        Host("gone", own=True, end=NOW - DAY),
    )  # fmt: skip
    listed = fleet(*hosts).expiring
    assert [one.endpoints[0].split()[0] for one in listed] == ["gone", "soon", "late"]
    assert listed[1].not_after == "2026-11-29T12:00:00Z"
    shared = [session(aim := target((f"h{n}",), f"192.0.2.{n + 1}", pop3_port=None)) for n in range(MAX_PLACES + 3)]
    plan = [HostPlan(f"h{n}", Intent.SERVE) for n in range(len(shared))]
    one, *others = judged(shared, plan=plan, targets=[seen.target for seen in shared]).expiring
    assert (one.count, len(one.endpoints), others) == (MAX_PLACES + 3, MAX_PLACES, [])
    assert aim.pop3_port is None and MAX_EXPIRING == 100
