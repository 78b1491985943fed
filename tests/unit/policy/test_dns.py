# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS says of a service, held against the service: passes, fails, what can't be told, what does not apply."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from port995.dns.model import DNS_SCHEMA, DnsPlan, Lookup, Srv, Tlsa
from port995.policy.dns_questions import first_questions, further_questions, names_of
from port995.policy.dns_view import DnsSeen
from port995.policy.gate import gate
from port995.policy.inventory import plan_host
from port995.policy.model import Exit, HostPlan, Intent, Judgement, Severity
from port995.policy.profile import load_profile, read_profile
from port995.policy.registry import select
from port995.policy.tlsa import key_info
from port995.probe.model import Observation, Target

from .certificates import DAY, NAME, NOW, authority, chain, der, good_leaf, intermediate, key, leaf, make
from .hellos import good_hellos
from .seen import (
    CLOSED,
    FILTERED,
    RUN,
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

STRICT = load_profile("strict")
BASELINE = load_profile("baseline")
LOCAL = DnsPlan(("127.0.0.1:53",), "--resolver", trusted=True)
REMOTE = DnsPlan(("192.0.2.53:53",), "--resolver")
DOMAIN = "example.org"
SRV, CLEAR, TLSA = f"_pop3s._tcp.{DOMAIN}", f"_pop3._tcp.{DOMAIN}", f"_995._tcp.{NAME}"
HERE = Srv(0, 1, 995, NAME)
BOTH = ("198.51.100.1", "198.51.100.2")


def said(name: str, type_: str, outcome: str = "answered", *, ad: bool = True, **more: Any) -> Lookup:
    return Lookup(DNS_SCHEMA, RUN, name, type_, "", outcome, resolver="127.0.0.1:53", authenticated=ad, **more)


def lookups(*changed: Lookup, ad: bool = True, root: bool = True, plan: Sequence[HostPlan] | None = None,
            targets: Sequence[Target] | None = None) -> tuple[Lookup, ...]:  # fmt: skip
    """Every lookup that the plan makes necessary: those given, and of all others that there is nothing."""
    plan = [HostPlan("mx", Intent.SERVE, domains=(DOMAIN,))] if plan is None else plan
    targets = [target()] if targets is None else targets
    found = {lookup.key: lookup for lookup in changed}
    for _round in range(4):
        for question in (*first_questions(plan, targets), *further_questions(plan, targets, found.values())):
            if question.key not in found:
                missing = said(question.name, question.type, "nxdomain", ad=ad, zone=DOMAIN)
                found[question.key] = said(".", "SOA", ad=root) if question.type == "SOA" else missing
    return tuple(found.values())


def verdict(
    *changed: Lookup,
    intent: Intent | None = Intent.SERVE,
    domains: tuple[str, ...] = (DOMAIN,),
    dns: DnsPlan = LOCAL,
    seen: Sequence[Observation] | None = None,
    ad: bool = True,
    root: bool = True,
    exactly: Iterable[Lookup] | None = None,
    plan: Sequence[HostPlan] | None = None,
    targets: Sequence[Target] | None = None,
    **options: Any,
) -> Judgement:
    plan = [HostPlan("mx", intent, domains=domains)] if plan is None else plan
    targets = [target()] if targets is None else targets
    told = lookups(*changed, ad=ad, root=root, plan=plan, targets=targets) if exactly is None else tuple(exactly)
    return judged(
        [session(), companion()] if seen is None else seen, plan=plan, targets=targets,
        **{"profile": STRICT, "dns": DnsSeen(dns, told), **options},
    )  # fmt: skip


def srv(*records: Srv, name: str = SRV, **more: Any) -> Lookup:
    return said(name, "SRV", srv=records, **more)


def shut() -> list[Observation]:
    return [
        *(unanswered(CLOSED, source=source) for source in BOTH), *(refused_companion(source=source) for source in BOTH)
    ]  # fmt: skip


# SRV records: POP3S-DNS-001


def test_srv_that_leads_to_what_is_served_passes() -> None:
    judgement = verdict(srv(HERE))
    assert status_of(judgement, "DNS-001") == "pass"
    assert "AD set by 127.0.0.1:53" in result_of(judgement, "DNS-001").message


def test_srv_may_name_the_service_by_another_name_of_its_address() -> None:
    other = "pop.example.org"
    address = said(other, "A", addresses=("192.0.2.1",))
    assert status_of(verdict(srv(Srv(0, 1, 995, other)), address), "DNS-001") == "pass"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((Srv(0, 0, 0, "."),), "not offered"),
        ((HERE, Srv(0, 0, 0, ".")), "at the same time"),
        ((Srv(0, 1, 1995, NAME),), "not declared to serve that port"),
        ((HERE, Srv(1, 1, 995, "gone.example.org")), "has no address"),
    ],
)
def test_srv_that_contradicts_what_is_served_fails(records: tuple[Srv, ...], words: str) -> None:
    judgement = verdict(srv(*records))
    assert status_of(judgement, "DNS-001") == "fail"
    assert words in result_of(judgement, "DNS-001").message
    assert gate(judgement).exit is Exit.FAILED


def test_srv_that_leads_to_a_port_that_refuses_fails() -> None:
    seen = [unanswered(CLOSED), refused_companion()]
    assert status_of(verdict(srv(HERE), seen=seen), "DNS-001") == "fail"


@pytest.mark.parametrize("outcome", ["timeout", "servfail", "refused", "malformed", "failed", "oversize", "not-tested"])
def test_srv_of_which_nothing_is_known_is_not_tested(outcome: str) -> None:
    judgement = verdict(said(SRV, "SRV", outcome, detail="why \x1b", ad=False))
    assert status_of(judgement, "DNS-001") == "not_tested"
    assert outcome in result_of(judgement, "DNS-001").message
    assert "\x1b" not in result_of(judgement, "DNS-001").message
    assert gate(judgement).exit is Exit.INCOMPLETE


def test_srv_whose_lookup_is_lost_or_stands_twice_is_not_tested() -> None:
    every = lookups(srv(HERE))
    lost = [lookup for lookup in every if lookup.key != (SRV, "SRV")]
    assert status_of(verdict(exactly=lost), "DNS-001") == "not_tested"
    twice = [*every, srv(HERE, detail="again")]
    assert status_of(verdict(exactly=twice), "DNS-001") == "not_tested"
    foreign = [*lost, dataclasses.replace(srv(HERE), run_id="f" * 32)]
    judgement = verdict(exactly=foreign)
    assert status_of(judgement, "DNS-001") == "not_tested"
    assert "another run" in result_of(judgement, "FLT-001", None).message


def test_srv_that_leads_out_of_the_run_or_to_silence_is_not_tested() -> None:
    elsewhere = said("mx2.example.org", "A", addresses=("192.0.2.77",))
    assert status_of(verdict(srv(HERE, Srv(9, 1, 995, "mx2.example.org")), elsewhere), "DNS-001") == "not_tested"
    lost = said("mx2.example.org", "A", "timeout")
    assert status_of(verdict(srv(HERE, Srv(9, 1, 995, "mx2.example.org")), lost), "DNS-001") == "not_tested"
    assert status_of(verdict(srv(HERE), seen=[unanswered(FILTERED), companion()]), "DNS-001") == "not_tested"


def test_no_srv_record_and_no_name_is_not_applicable() -> None:
    judgement = verdict()
    assert status_of(judgement, "DNS-001") == "not_applicable"
    assert "nxdomain" in result_of(judgement, "DNS-001").message
    plain = target(server_name=None)
    nameless = verdict(domains=(), targets=[plain], seen=[session(plain), companion(plain)])
    assert {status_of(nameless, f"DNS-00{number}") for number in (1, 2, 3, 4)} == {"not_applicable"}


def test_a_name_that_only_a_search_list_makes_whole_is_not_tested() -> None:
    aim = target(address="mx", server_name=None)
    seen = [session(aim, address="192.0.2.1"), companion(aim, address="192.0.2.1")]
    judgement = verdict(domains=(), targets=[aim], seen=seen)
    assert {status_of(judgement, f"DNS-00{number}") for number in (1, 2, 3)} == {"not_tested"}


def test_closed_wants_no_srv_record_or_the_owners_word() -> None:
    closed = {"intent": Intent.CLOSED, "seen": shut()}
    assert status_of(verdict(srv(Srv(0, 0, 0, ".")), **closed), "DNS-001") == "pass"
    assert status_of(verdict(**closed), "DNS-001") == "not_applicable"
    judgement = verdict(srv(HERE), **closed)
    assert status_of(judgement, "DNS-001") == "fail"
    assert "which must not answer" in result_of(judgement, "DNS-001").message
    assert status_of(verdict(said(SRV, "SRV", "timeout"), **closed), "DNS-001") == "not_tested"
    elsewhere = said("mx2.example.org", "A", addresses=("192.0.2.77",))
    led = srv(Srv(9, 1, 995, "mx2.example.org"))
    assert status_of(verdict(led, elsewhere, **closed), "DNS-001") == "not_applicable"
    lost = said("mx2.example.org", "A", "timeout")
    assert status_of(verdict(led, lost, **closed), "DNS-001") == "not_tested"


@pytest.mark.parametrize("by_name", [True, False])
def test_a_closed_host_is_found_by_the_records_of_another_hosts_domain(by_name: bool) -> None:
    plan = [HostPlan("mx", Intent.SERVE, domains=(DOMAIN,)), HostPlan("old", Intent.CLOSED)]
    old = target(("old",), "192.0.2.2", server_name="old.example.org" if by_name else None)
    targets = [target(), old]
    seen = [session(), companion()]
    seen += [unanswered(CLOSED, old, source=source) for source in BOTH]
    seen += [refused_companion(old, source=source) for source in BOTH]
    records = srv(HERE, Srv(5, 1, 995, "old.example.org"))
    where = said("old.example.org", "A", addresses=("192.0.2.2",))
    judgement = verdict(records, where, plan=plan, targets=targets, seen=seen)
    assert status_of(judgement, "DNS-001", "old") == "fail"
    assert status_of(judgement, "DNS-001", "mx") == "fail", "it leads to what is declared closed"
    without = verdict(srv(HERE), where, plan=plan, targets=targets, seen=seen)
    assert status_of(without, "DNS-001", "old") == "not_applicable"
    assert status_of(without, "DNS-001", "mx") == "pass"


def test_of_hosts_with_one_server_name_those_count_that_the_name_leads_to() -> None:
    """Public addresses: of a private one the DNS may know another side."""
    plan = [HostPlan("mx", Intent.SERVE, domains=(DOMAIN,)), HostPlan("old", Intent.CLOSED)]
    serving, old = target(address="203.0.114.1"), target(("old",), "203.0.114.2")
    seen = [session(serving), companion(serving)]
    seen += [unanswered(CLOSED, old, source=source) for source in BOTH]
    seen += [refused_companion(old, source=source) for source in BOTH]
    options: dict[str, Any] = {"plan": plan, "targets": [serving, old], "seen": seen}
    one = said(NAME, "A", addresses=("203.0.114.1",))
    both = said(NAME, "A", addresses=("203.0.114.1", "203.0.114.2"))
    judgement = verdict(srv(HERE), one, **options)
    assert (status_of(judgement, "DNS-001", "mx"), status_of(judgement, "DNS-001", "old")) == ("pass", "not_applicable")
    judgement = verdict(srv(HERE), both, **options)
    assert (status_of(judgement, "DNS-001", "mx"), status_of(judgement, "DNS-001", "old")) == ("fail", "fail")
    moved = verdict(srv(HERE), said(NAME, "A", addresses=("203.0.114.9",)), **options)
    assert status_of(moved, "DNS-001", "mx") == "not_tested", "the name leads to a server that nobody looked at"
    unknown = verdict(srv(HERE), said(NAME, "A", "timeout"), **options)
    assert status_of(unknown, "DNS-001", "old") == "fail"


@pytest.mark.parametrize(
    ("side", "record", "status"),
    [
        ("undeclared", HERE, "not_tested"),
        ("undeclared", Srv(0, 0, 0, "."), "not_tested"),
        ("inside", HERE, "pass"),
        ("inside", Srv(0, 0, 0, "."), "fail"),
        ("outside", HERE, "fail"),
        ("outside", Srv(0, 0, 0, "."), "pass"),
    ],
)
def test_of_an_internal_service_srv_is_judged_by_the_side_it_is_seen_from(side: str, record: Srv, status: str) -> None:
    where = dataclasses.replace(LOCAL, side=side)
    assert status_of(verdict(srv(record), intent=Intent.INTERNAL, dns=where), "DNS-001") == status
    assert status_of(verdict(intent=Intent.INTERNAL, dns=where), "DNS-001") == "not_applicable"


def test_without_an_intent_a_record_can_not_be_judged() -> None:
    assert status_of(verdict(srv(HERE), intent=None), "DNS-001") == "not_tested"
    assert status_of(verdict(intent=None), "DNS-001") == "not_applicable"


# Clear text: POP3S-DNS-002


def clear(*records: Srv, **more: Any) -> Lookup:
    return said(CLEAR, "SRV", srv=records, **more)


def test_clear_text_beside_pop3s_or_denied_passes() -> None:
    assert status_of(verdict(srv(HERE), clear(Srv(0, 1, 110, NAME))), "DNS-002") == "pass"
    assert status_of(verdict(clear(Srv(0, 0, 0, "."))), "DNS-002") == "pass"


@pytest.mark.parametrize("beside", [said(SRV, "SRV", "nodata"), srv(Srv(0, 0, 0, "."))], ids=["none", "denied"])
def test_clear_text_alone_fails(beside: Lookup) -> None:
    judgement = verdict(beside, clear(Srv(0, 1, 110, NAME)), profile=BASELINE)
    assert status_of(judgement, "DNS-002") == "fail"
    assert result_of(judgement, "DNS-002").severity is Severity.INFO


def test_clear_text_of_which_nothing_is_known_is_not_tested() -> None:
    assert status_of(verdict(said(CLEAR, "SRV", "timeout")), "DNS-002") == "not_tested"
    lost = said(SRV, "SRV", "servfail")
    assert status_of(verdict(lost, clear(Srv(0, 1, 110, NAME))), "DNS-002") == "not_tested"


def test_clear_text_that_is_not_published_is_not_applicable() -> None:
    assert status_of(verdict(srv(HERE)), "DNS-002") == "not_applicable"


# TLSA records: POP3S-DNS-003


def record(certificate: x509.Certificate, usage: int = 3, selector: int = 1, matching: int = 1) -> Tlsa:
    whole = certificate.public_bytes(serialization.Encoding.DER)
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    data = (whole, public)[selector]
    digests = (data.hex(), hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest())
    return Tlsa(usage, selector, matching, digests[matching])


def tlsa(*records: Tlsa, **more: Any) -> Lookup:
    return said(TLSA, "TLSA", tlsa=records, **more)


def showing(*certificates: x509.Certificate, **changes: Any) -> list[Observation]:
    """A server with this chain."""
    tls = dataclasses.replace(good_tls(), certificates=chain(*certificates), **changes)
    hellos = {"hellos": good_hellos(der(certificates[0])), "hello_certificates": chain(certificates[0])}
    return [session(tls=tls, **hellos), companion(tls=tls, **hellos)]


LONG = (leaf("Good Intermediate"), intermediate(), authority())


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("usage", "place"), [(3, 0), (1, 0), (2, 1), (2, 2), (0, 1), (0, 2)])
def test_tlsa_of_every_kind_matches_what_it_stands_for(usage: int, place: int, selector: int, matching: int) -> None:
    lookup = tlsa(record(LONG[place], usage, selector, matching))
    judgement = verdict(lookup, seen=showing(*LONG))
    assert status_of(judgement, "DNS-003") == "pass", result_of(judgement, "DNS-003")
    assert "AD set by 127.0.0.1:53" in result_of(judgement, "DNS-003").message


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("usage", [0, 1, 2, 3])
def test_tlsa_of_another_certificate_fails_under_dnssec(usage: int, selector: int, matching: int) -> None:
    other = authority("Other CA") if usage in (0, 2) else leaf("Other CA", kind="p384")
    judgement = verdict(tlsa(record(other, usage, selector, matching)), seen=showing(*LONG))
    assert status_of(judgement, "DNS-003") == "fail"
    assert gate(judgement).exit is Exit.FAILED


def test_one_record_that_stands_for_it_is_enough() -> None:
    other = record(leaf("Other CA", kind="p384"))
    unusable = Tlsa(9, 9, 9, "00")
    judgement = verdict(tlsa(other, record(good_leaf()), unusable))
    assert status_of(judgement, "DNS-003") == "pass"
    assert "1 of 3 records can't be used" in result_of(judgement, "DNS-003").message


@pytest.mark.parametrize(
    ("lookup", "seen", "words"),
    [
        # The name and the dates count for all usages but DANE-EE.
        (tlsa(record(authority(), 2)), showing(leaf(dns=("other.example",)), authority()), "does not stand for"),
        (tlsa(record(authority(), 2)), showing(leaf(end=NOW - DAY), authority()), "not valid today"),
        (tlsa(record(leaf(dns=("other.example",)), 1)), showing(leaf(dns=("other.example",))), "does not stand for"),
        # A CA that was sent and did not make the leaf.
        (tlsa(record(authority("Other CA"), 2)), showing(good_leaf(), authority("Other CA")), "does not lead to it"),
        # PKIX usages want an anchor of the run beside the match.
        (tlsa(record(leaf("Other CA"), 1)), showing(leaf("Other CA")), "trust anchor"),
        # DANE-TA of a CA that was not sent, DANE-EE of a CA.
        (tlsa(record(authority(), 2)), showing(good_leaf()), "was sent"),
        (tlsa(record(authority(), 3)), showing(good_leaf(), authority()), "not for the certificate shown"),
        (tlsa(Tlsa(3, 1, 1, "00" * 31)), showing(good_leaf()), "no record can be used"),
        (tlsa(Tlsa(255, 0, 0, "00")), showing(good_leaf()), "no record can be used"),
        (tlsa(Tlsa(3, 0, 0, "3003020101ff")), showing(good_leaf()), "no record can be used"),
    ],
)
def test_tlsa_that_a_client_would_not_take_fails(lookup: Lookup, seen: list[Observation], words: str) -> None:
    judgement = verdict(lookup, seen=seen)
    assert status_of(judgement, "DNS-003") == "fail"
    assert words in result_of(judgement, "DNS-003").message


def test_dates_and_names_do_not_matter_to_dane_ee() -> None:
    odd = leaf(dns=("other.example",), end=NOW - DAY)
    assert status_of(verdict(tlsa(record(odd)), seen=showing(odd)), "DNS-003") == "pass"


def test_every_certificate_of_the_server_must_be_in_the_records() -> None:
    """One with a key of each type: the session saw one, a client may be shown the other."""
    other = leaf(kind="rsa2048")
    seen = [
        session(hellos=good_hellos(der(good_leaf())), hello_certificates=chain(good_leaf(), other)), companion(),
    ]  # fmt: skip
    first, *rest = seen[0].hellos
    both = (dataclasses.replace(first, certificate=1), *rest)
    seen[0] = dataclasses.replace(seen[0], hellos=both)
    assert status_of(verdict(tlsa(record(good_leaf())), seen=seen), "DNS-003") == "fail"
    assert status_of(verdict(tlsa(record(good_leaf()), record(other)), seen=seen), "DNS-003") == "pass"
    # Of the other one's chain nothing was recorded but itself.
    foreign = leaf("Other CA", kind="rsa2048")
    tls = dataclasses.replace(good_tls(), certificates=chain(good_leaf(), authority()))
    shown = dataclasses.replace(seen[0], tls=tls, hello_certificates=chain(good_leaf(), foreign))
    assert status_of(verdict(tlsa(record(authority(), 2)), seen=[shown, companion()]), "DNS-003") == "not_tested"


def test_a_ca_key_with_two_certificates_matches_by_either() -> None:
    """One self-signed, one signed by another CA: the record of the key stands for both, and the leaf leads to one."""
    own = key("ec", "Good CA")
    extensions = [(x509.BasicConstraints(True, None), True)]
    stranger = make("Some CA", "Other CA", own, key("ec", "Other CA"), extensions, start=NOW - 9 * DAY)
    lookup = tlsa(record(authority(), 2))
    for order in ((stranger, authority()), (authority(), stranger)):
        assert status_of(verdict(lookup, seen=showing(good_leaf(), *order)), "DNS-003") == "pass"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ad": False, "root": True}, "which validates: not signed"),
        ({"ad": False, "root": False}, "not seen to validate"),
        ({"ad": True, "root": True, "dns": REMOTE}, "not on this machine"),
    ],
)
def test_a_match_without_proven_dnssec_is_not_tested(options: dict[str, Any], words: str) -> None:
    ad = options.pop("ad")
    judgement = verdict(tlsa(record(good_leaf()), ad=ad), **options)
    assert status_of(judgement, "DNS-003") == "not_tested"
    assert words in result_of(judgement, "DNS-003").message


def test_a_mismatch_fails_wherever_ad_is_set_and_is_open_elsewhere() -> None:
    other = record(leaf("Other CA", kind="p384"))
    assert status_of(verdict(tlsa(other), dns=REMOTE), "DNS-003") == "fail"
    assert status_of(verdict(tlsa(other, ad=False)), "DNS-003") == "not_tested"


@pytest.mark.parametrize("outcome", ["timeout", "servfail", "malformed", "not-tested"])
def test_tlsa_of_which_nothing_is_known_is_not_tested(outcome: str) -> None:
    assert status_of(verdict(said(TLSA, "TLSA", outcome)), "DNS-003") == "not_tested"
    assert status_of(verdict(said(NAME, "A", outcome)), "DNS-003") == "not_tested"
    every = [lookup for lookup in lookups() if lookup.type != "TLSA"]
    assert status_of(verdict(exactly=every), "DNS-003") == "not_tested"


def test_tlsa_of_a_server_that_was_not_seen_is_not_tested() -> None:
    lookup = tlsa(record(good_leaf()))
    assert status_of(verdict(lookup, seen=[unanswered(FILTERED), companion()]), "DNS-003") == "not_tested"
    broken = dataclasses.replace(good_tls(), outcome="eof", certificates=())
    assert status_of(verdict(lookup, seen=[session(tls=broken), companion()]), "DNS-003") == "not_tested"
    partial = showing(good_leaf(), chain_source="leaf-only")
    assert status_of(verdict(tlsa(record(authority(), 2)), seen=partial), "DNS-003") == "not_tested"
    assert status_of(verdict(seen=[]), "DNS-003") == "not_applicable", "there is no record, whatever was seen"


def test_no_tlsa_record_is_not_applicable_and_says_what_that_rests_on() -> None:
    for ad, words in ((True, "AD set by 127.0.0.1:53"), (False, "no AD from 127.0.0.1:53, which validates: not signed")):
        judgement = verdict(ad=ad)
        assert status_of(judgement, "DNS-003") == "not_applicable"
        assert f"(nxdomain; {words})" in result_of(judgement, "DNS-003").message


def test_tlsa_of_a_port_shut_as_intended_is_not_applicable() -> None:
    lookup = tlsa(record(good_leaf()))
    assert status_of(verdict(lookup, intent=Intent.CLOSED, seen=shut()), "DNS-003") == "not_applicable"


def test_records_behind_an_alias_and_at_the_target_of_an_srv_record_count() -> None:
    other = record(leaf("Other CA", kind="p384"))
    alias = said(NAME, "A", aliases=("mx.hoster.example",), addresses=("192.0.2.1",))
    behind = said("_995._tcp.mx.hoster.example", "TLSA", tlsa=(other,))
    assert status_of(verdict(alias, behind), "DNS-003") == "fail"
    good = said("_995._tcp.mx.hoster.example", "TLSA", tlsa=(record(good_leaf()),))
    assert status_of(verdict(alias, good), "DNS-003") == "pass"
    lost = said("_995._tcp.mx.hoster.example", "TLSA", "timeout")
    assert status_of(verdict(alias, lost), "DNS-003") == "not_tested"
    led = (srv(Srv(0, 1, 995, "pop.example.org")), said("pop.example.org", "A", addresses=("192.0.2.1",)))
    assert status_of(verdict(*led, said("_995._tcp.pop.example.org", "TLSA", tlsa=(other,))), "DNS-003") == "fail"


def test_the_key_is_read_from_the_certificate_octet_by_octet() -> None:
    for certificate in (good_leaf(), leaf(kind="rsa2048"), leaf(kind="ed25519"), leaf(kind="p521"), authority()):
        written = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        whole = certificate.public_bytes(serialization.Encoding.DER)
        assert key_info(whole) == written
        for end in range(0, len(whole), 7):
            assert key_info(whole[:end]) is None
    assert key_info(b"") is None and key_info(b"\x30\x84\xff\xff\xff\xff") is None and key_info(b"\x30\x80") is None


# DNSSEC: POP3S-DNS-004


def test_dnssec_state_is_told() -> None:
    insecure = verdict(ad=False)
    for judgement, status, state in (
        (verdict(), "pass", "secure, AD set by 127.0.0.1:53"),
        (insecure, "fail", "insecure, no AD from 127.0.0.1:53"),
        (verdict(ad=False, root=False), "not_tested", "unknown, no AD from 127.0.0.1:53"),
        (verdict(dns=REMOTE), "not_tested", "unknown, AD set by"),
    ):
        assert status_of(judgement, "DNS-004") == status
        assert f" {state}" in result_of(judgement, "DNS-004").message
    assert result_of(insecure, "DNS-004").severity is Severity.INFO
    assert status_of(verdict(said(TLSA, "TLSA", "servfail", ad=False)), "DNS-004") == "not_tested"


# In which runs


def test_a_run_that_asks_nobody_is_as_complete_as_it_was() -> None:
    for profile in (BASELINE, STRICT):
        judgement = judged([session(), companion()], profile=profile)
        assert not [result for result in judgement.results if "-DNS-" in result.check_id]
    assert gate(judged([session(), companion()])).exit is Exit.PASSED
    asked = verdict(srv(HERE), tlsa(record(good_leaf())), profile=BASELINE)
    assert gate(asked).exit is Exit.PASSED
    assert {result.check_id for result in asked.results if "-DNS-" in result.check_id} == {
        "POP3S-DNS-001", "POP3S-DNS-002", "POP3S-DNS-003",
    }  # fmt: skip


def test_a_profile_that_demands_dns_is_not_tested_in_a_run_that_asks_nobody() -> None:
    text = "schema: port995/profile/1\nid: own\ndate: 2026-01-02\ntitle: Own\nchecks:\n  POP3S-DNS-003:\n"
    judgement = judged([session(), companion()], profile=read_profile(text.encode(), "own.yml"))
    assert status_of(judgement, "DNS-003") == "not_tested"
    assert "--dns" in result_of(judgement, "DNS-003").message
    assert gate(judgement).exit is Exit.INCOMPLETE


@pytest.mark.parametrize("entry", ["POP3S-DNS-003: {only_with: nds}", "POP3S-COV-000: {only_with: dns}"])
def test_only_with_is_read_strictly(entry: str) -> None:
    head = "schema: port995/profile/1\nid: own\ndate: 2026-01-02\ntitle: Own\nchecks:\n  POP3S-TLS-001:\n  "
    with pytest.raises(ValueError, match="only_with"):
        read_profile(f"{head}{entry}\n".encode(), "own.yml")


def test_judging_again_gives_the_same_in_any_order() -> None:
    told = lookups(srv(HERE), tlsa(record(good_leaf())))
    first = verdict(exactly=told)
    assert verdict(exactly=told) == first == verdict(exactly=reversed(told)) == verdict(exactly=[*told, *told])


def test_losing_any_lookup_improves_nothing() -> None:
    good = ("pass", "not_applicable")
    records = (srv(HERE, Srv(9, 1, 1995, NAME)), clear(Srv(0, 1, 110, NAME)), tlsa(record(leaf("Other CA", kind="p384"))))
    every = lookups(*records)
    before = verdict(exactly=every)
    assert {status_of(before, f"DNS-00{number}") for number in (1, 3)} == {"fail"}
    for lost in every:
        rest = [lookup for lookup in every if lookup is not lost]
        for changed in (rest, [*rest, dataclasses.replace(lost, outcome="timeout", srv=(), tlsa=(), addresses=())]):
            after = verdict(exactly=changed)
            for number in (1, 2, 3, 4):
                was, now = (status_of(one, f"DNS-00{number}") for one in (before, after))
                assert now not in good or was in good, (lost.key, number, was, now)


def test_the_name_that_is_given_is_asked_about_whole_or_not_at_all() -> None:
    assert names_of(target(address="mx", server_name=NAME)) == (NAME,)
    assert names_of(target(address=NAME, server_name="mx")) == ("mx", NAME)
    assert names_of(target(address=f"{NAME.upper()}.", server_name=NAME)) == (NAME,)
    assert names_of(target(address="mx", server_name=None)) == ("mx",)
    assert names_of(target(address="2001:db8::1", server_name=None)) == ()


# The owner's variables


def test_mail_domains_are_read_and_those_that_are_none_cost_an_error() -> None:
    host, _targets = plan_host("mx", {"pop3s_domain": "example.org"})
    assert host.domains == ("example.org",)
    host, _targets = plan_host("mx", {"pop3s_domain": ["b.example", "a.example", "b.example"]})
    assert host.domains == ("b.example", "a.example")
    for bad in ("two words", ["ok.example", 7], "192.0.2.1", {"a": 1}, ["x"] * 1001):
        host, _targets = plan_host("mx", {"pop3s_domain": bad})
        assert len(host.problems) == 1 and "pop3s_domain" in host.problems[0]


def test_only_names_that_are_given_are_asked_about() -> None:
    plan = [HostPlan("mx", Intent.SERVE, domains=("BÜCHER.example",)), HostPlan("out", excluded="--limit")]
    names = {question.name for question in first_questions(plan, [target(server_name="Mail.Example.org.")])}
    assert names == {
        ".", "mail.example.org", "_995._tcp.mail.example.org", "_pop3s._tcp.mail.example.org",
        "_pop3._tcp.mail.example.org", "_pop3s._tcp.xn--bcher-kva.example", "_pop3._tcp.xn--bcher-kva.example",
    }  # fmt: skip
    assert first_questions([HostPlan("mx")], [target(server_name=None)]) == ()


def test_dns_checks_are_chosen_among_those_of_the_run() -> None:
    assert select("POP3S-DNS-*", STRICT.of_run(dns=True).checks) == tuple(f"POP3S-DNS-00{n}" for n in (1, 2, 3, 4))
