# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model says of a client and a server: each reason, and that it says no more than is known."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from port995.policy.certificate import CertificateFacts, PublicKey
from port995.policy.clients.catalogue import CertificateRules
from port995.policy.clients.negotiation import model_of
from port995.policy.clients.result import CANNOT, CONNECTS, UNKNOWN, ClientResult

from .modelled import (
    AES128,
    AES256,
    CHACHA13,
    DHE_RSA_128,
    ECDHE_ECDSA_128,
    ECDHE_RSA_128,
    ECDHE_RSA_256,
    ECDHE_RSA_CBC,
    ECDHE_RSA_CHACHA,
    ECDSA_256,
    ECDSA_384,
    FFDHE2048,
    P256,
    P384,
    PKCS1,
    PKCS1_SHA1,
    PSS,
    RSA_128,
    RSA_CBC,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    X25519,
    client,
    facts,
    leaf,
    pairs,
    server,
    spoken,
    unsure,
)

OLD = client(versions=(TLS12,), key_shares=())


def outcome(result: ClientResult) -> tuple[str, str]:
    return result.outcome, result.reason


# What connects, and with what


def test_the_highest_common_version_with_the_servers_first_suite_and_group() -> None:
    found = model_of(client(key_shares=()), server(spoken(TLS13), spoken()))
    assert (found.outcome, found.versions, found.suites, found.groups) == (CONNECTS, (TLS13,), (AES256,), (X25519,))
    assert found.signatures == (PSS,) and found.keys == ("RSA",)
    found = model_of(OLD, server(spoken(TLS13), spoken()))
    assert (found.versions, found.suites, found.groups) == ((TLS12,), (ECDHE_RSA_256,), (X25519,))
    assert found.signatures == (PSS, PKCS1)


def test_the_clients_order_where_the_server_goes_by_it() -> None:
    by_client = spoken(suite_order="client", group_order="client")
    found = model_of(OLD, server(by_client))
    assert (found.suites, found.groups) == ((ECDHE_RSA_128,), (P256,))


def test_an_unknown_order_names_all_that_are_possible() -> None:
    found = model_of(OLD, server(spoken(suite_order="", group_order="")))
    assert found.outcome == CONNECTS
    assert (set(found.suites), set(found.groups)) == ({ECDHE_RSA_128, ECDHE_RSA_256}, {P256, X25519})


def test_what_stands_behind_the_same_one_in_both_orders_is_not_chosen() -> None:
    taken = spoken(suites=(ECDHE_RSA_128, ECDHE_RSA_256), suite_order="")
    assert model_of(OLD, server(taken)).suites == (ECDHE_RSA_128,)
    unsure_order = dataclasses.replace(OLD, uncertain={"suites": unsure(order=True)})
    assert len(model_of(unsure_order, server(taken)).suites) == 2


def test_of_one_common_suite_and_group_no_order_need_be_known() -> None:
    found = model_of(dataclasses.replace(OLD, groups=(P256,)), server(spoken(suites=(ECDHE_RSA_256,), suite_order="", group_order="")))
    assert (found.suites, found.groups) == ((ECDHE_RSA_256,), (P256,))


def test_a_group_with_a_key_share_may_be_taken_before_the_preferred_one() -> None:
    found = model_of(client(key_shares=(P256,)), server(spoken(TLS13)))
    assert found.groups == (X25519, P256)


def test_a_client_that_puts_chacha20_first_may_get_it_from_a_server_with_another_order() -> None:
    taken = spoken(suites=(ECDHE_RSA_256, ECDHE_RSA_CHACHA))
    first = dataclasses.replace(OLD, suites=(ECDHE_RSA_CHACHA, ECDHE_RSA_256))
    assert set(model_of(first, server(taken)).suites) == {ECDHE_RSA_256, ECDHE_RSA_CHACHA}
    last = dataclasses.replace(OLD, suites=(ECDHE_RSA_256, ECDHE_RSA_CHACHA))
    assert model_of(last, server(taken)).suites == (ECDHE_RSA_256,)


def test_the_rsa_key_exchange_needs_neither_group_nor_signature() -> None:
    taken = server(spoken(suites=(RSA_128,), groups=(), signatures=(), all_signatures=False))
    found = model_of(dataclasses.replace(OLD, groups=()), taken)
    assert (found.outcome, found.suites, found.groups, found.signatures) == (CONNECTS, (RSA_128,), (), ())


def test_ecdhe_without_a_common_group_hinders_nobody_where_another_suite_comes_first() -> None:
    """RFC 8422 section 5.1 wants it passed over; GnuTLS chooses it all the same, and fails."""
    without = dataclasses.replace(OLD, groups=(P384,))
    behind = model_of(without, server(spoken(suites=(RSA_128, ECDHE_RSA_256))))
    assert (behind.outcome, behind.suites) == (CONNECTS, (RSA_128,))
    before = model_of(without, server(spoken(suites=(ECDHE_RSA_256, RSA_128))))
    assert outcome(before) == (UNKNOWN, "group")


def test_below_tls_12_there_are_no_signatures_to_choose() -> None:
    old = dataclasses.replace(OLD, versions=(TLS10,), suites=(ECDHE_RSA_CBC,))
    found = model_of(old, server(spoken(TLS10, suites=(ECDHE_RSA_CBC,))))
    assert (found.outcome, found.versions, found.signatures) == (CONNECTS, (TLS10,), ())


# What cannot connect, each for its reason


def test_no_common_version() -> None:
    assert outcome(model_of(OLD, server(spoken(TLS13)))) == (CANNOT, "version")


def test_no_common_suite() -> None:
    found = model_of(dataclasses.replace(OLD, suites=(RSA_128,)), server(spoken()))
    assert outcome(found) == (CANNOT, "suite")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_no_common_group(version: int) -> None:
    one = client(versions=(version,), groups=(P384,), suites=(AES128, ECDHE_RSA_128))
    assert outcome(model_of(one, server(spoken(version)))) == (CANNOT, "group")


def test_finite_field_groups_are_none_of_ecdhe() -> None:
    one = dataclasses.replace(OLD, groups=(FFDHE2048,), suites=(ECDHE_RSA_128,))
    taken = spoken(groups=(X25519, FFDHE2048))
    assert outcome(model_of(one, server(taken))) == (CANNOT, "group")
    two = dataclasses.replace(one, groups=(FFDHE2048, X25519))
    assert model_of(two, server(dataclasses.replace(taken, group_order=""))).groups == (X25519,)


def test_no_common_signature() -> None:
    one = dataclasses.replace(OLD, signatures=(PKCS1_SHA1,), suites=(ECDHE_RSA_128,))
    assert outcome(model_of(one, server(spoken()))) == (CANNOT, "signature")


def test_no_suite_for_the_certificates_key() -> None:
    """A client without ECDSA, at a server with nothing else: its suites were all refused."""
    taken = spoken(suites=(ECDHE_ECDSA_128,), signatures=(ECDSA_256,))
    only = server(facts=facts(taken, keys=("ECDSA",)), leaves=(leaf("ECDSA", P256),))
    assert outcome(model_of(OLD, only)) == (CANNOT, "suite")


def test_a_prime_that_is_too_short() -> None:
    taken = spoken(suites=(DHE_RSA_128,))
    one = dataclasses.replace(OLD, suites=(DHE_RSA_128,), dh_bits=2048)
    assert outcome(model_of(one, server(facts=facts(taken, dh_bits=(1024,))))) == (CANNOT, "dh-size")
    assert model_of(one, server(facts=facts(taken, dh_bits=(2048,)))).outcome == CONNECTS
    assert outcome(model_of(one, server(facts=facts(taken, dh_bits=(1024, 2048))))) == (UNKNOWN, "dh-size")
    assert outcome(model_of(one, server(facts=facts(taken)))) == (UNKNOWN, "dh-size")


def test_a_signed_key_exchange_below_tls_12_that_the_client_does_not_take() -> None:
    one = dataclasses.replace(OLD, versions=(TLS10,), suites=(ECDHE_RSA_CBC, RSA_CBC), signed_below_12=False)
    signed = server(spoken(TLS10, suites=(ECDHE_RSA_CBC,)))
    assert outcome(model_of(one, signed)) == (CANNOT, "old-signature")
    # The RSA key exchange signs nothing.
    assert model_of(one, server(spoken(TLS10, suites=(RSA_CBC,)))).outcome == CONNECTS
    either = server(spoken(TLS10, suites=(RSA_CBC, ECDHE_RSA_CBC), suite_order=""))
    assert outcome(model_of(one, either)) == (UNKNOWN, "old-signature")


def test_a_server_without_secure_renegotiation() -> None:
    one = dataclasses.replace(OLD, secure_renegotiation=True)
    assert outcome(model_of(one, server(spoken(), renegotiation=False))) == (CANNOT, "renegotiation")
    assert outcome(model_of(one, server(spoken(), renegotiation=None))) == (UNKNOWN, "renegotiation")
    assert model_of(one, server(spoken())).outcome == model_of(OLD, server(spoken(), renegotiation=False)).outcome == CONNECTS


# What could not be told, each for its reason


def test_nothing_was_asked() -> None:
    found = model_of(OLD, server(spoken(), asked=False, why_not="the port is not open"))
    assert outcome(found) == (UNKNOWN, "incomplete") and found.words == "the port is not open"


def test_a_version_that_is_not_settled() -> None:
    seen = facts(spoken(), unspoken=(), unsettled=(TLS13,))
    assert outcome(model_of(client(), server(facts=seen))) == (UNKNOWN, "incomplete")
    # Who does not have it does not mind.
    assert model_of(OLD, server(spoken(), facts=seen)).outcome == CONNECTS


def test_no_common_version_while_one_is_not_settled() -> None:
    one = dataclasses.replace(OLD, versions=(TLS11, TLS10))
    seen = facts(spoken(), unspoken=(TLS11,), unsettled=(TLS10,))
    assert outcome(model_of(one, server(spoken(), facts=seen))) == (UNKNOWN, "incomplete")


def test_a_suite_that_is_neither_taken_nor_refused_may_be_the_one() -> None:
    """A depth of gate does not ask about every suite."""
    some = spoken(suites=(ECDHE_RSA_128,), all_suites=False, suite_order="")
    assert outcome(model_of(OLD, server(some, suite_choices={}))) == (UNKNOWN, "incomplete")
    refused = {TLS12: frozenset([ECDHE_RSA_256, RSA_128])}
    assert model_of(OLD, server(some, refused_suites=refused, suite_choices={})).suites == (ECDHE_RSA_128,)


def test_a_suite_that_is_not_settled_stands_back_where_another_was_chosen_before_it() -> None:
    some = spoken(suites=(ECDHE_RSA_128,), all_suites=False)
    assert model_of(OLD, server(some)).suites == (ECDHE_RSA_128,)
    unseen = {TLS12: pairs((ECDHE_RSA_128,), (RSA_128,))}
    assert model_of(OLD, server(some, suite_choices=unseen)).outcome == UNKNOWN


def test_no_common_suite_while_one_is_not_settled() -> None:
    one = dataclasses.replace(OLD, suites=(RSA_128,))
    assert outcome(model_of(one, server(spoken(all_suites=False)))) == (UNKNOWN, "incomplete")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_no_common_group_while_one_is_not_settled(version: int) -> None:
    one = client(versions=(version,), groups=(P384,), suites=(AES128, ECDHE_RSA_128))
    found = model_of(one, server(spoken(version, all_groups=False)))
    assert outcome(found) == (UNKNOWN, "incomplete")


def test_a_group_that_was_only_taken_with_the_other_type_of_key_is_not_settled() -> None:
    taken = spoken(suites=(ECDHE_RSA_128,), groups=(P256,), all_groups=False)
    two = facts(taken, keys=("RSA", "ECDSA"))
    other = {(TLS12, "ECDSA"): frozenset([P256])}
    assert outcome(model_of(OLD, server(facts=two, groups_by_key=other))) == (UNKNOWN, "incomplete")
    assert model_of(OLD, server(facts=two, groups_by_key={(TLS12, "RSA"): frozenset([P256])})).outcome == CONNECTS


def test_a_group_that_is_not_settled_is_named_where_it_may_be_chosen() -> None:
    open_ = spoken(groups=(P256,), all_groups=False, group_order="client")
    assert model_of(OLD, server(open_)).groups == (P256,)
    first = dataclasses.replace(OLD, groups=(X25519, P256))
    assert model_of(first, server(open_)).groups == (X25519, P256)


def test_a_refusal_of_groups_with_suites_that_are_not_taken_proves_nothing() -> None:
    ccm = 0x1304
    one = client(versions=(TLS13,), suites=(ccm,), groups=(P384,))
    assert model_of(one, server(spoken(TLS13, suites=(ccm,)))).outcome == UNKNOWN


def test_a_signature_that_is_not_settled() -> None:
    one = dataclasses.replace(OLD, signatures=(PKCS1_SHA1,), suites=(ECDHE_RSA_128,))
    found = model_of(one, server(spoken(all_signatures=False)))
    assert outcome(found) == (UNKNOWN, "signature")


def test_of_tls_13_no_refusal_of_signatures_is_known() -> None:
    one = client(versions=(TLS13,), signatures=(0x0806,))
    assert outcome(model_of(one, server(spoken(TLS13)))) == (UNKNOWN, "signature")


def test_signatures_refused_together_with_another_type_of_key_are_not_settled() -> None:
    """OpenSSL chooses a suite of RSA, finds no signature for it, and gives up though it has one for ECDSA."""
    both = spoken(suites=(ECDHE_ECDSA_128,), signatures=(ECDSA_384, PSS))
    one = dataclasses.replace(OLD, suites=(ECDHE_ECDSA_128,), signatures=(ECDSA_256,))
    two = server(facts=facts(both, keys=("RSA", "ECDSA")), leaves=(leaf("ECDSA", P256),), groups_by_key={(TLS12, "ECDSA"): frozenset([P256])})
    assert outcome(model_of(one, two)) == (UNKNOWN, "signature")


@pytest.mark.parametrize(("curve", "expected"), [(P256, CONNECTS), (P384, UNKNOWN), (None, UNKNOWN)])
def test_the_curve_of_the_certificates_key(curve: int | None, expected: str) -> None:
    taken = spoken(suites=(ECDHE_ECDSA_128,), signatures=(ECDSA_256,))
    one = dataclasses.replace(OLD, suites=(ECDHE_ECDSA_128,))
    found = model_of(one, server(taken, facts=facts(taken, keys=("ECDSA",)), leaves=(leaf("ECDSA", curve),)))
    assert found.outcome == expected and (expected == CONNECTS or found.reason == "key")


def test_a_certificate_with_a_curve_that_was_not_seen() -> None:
    taken = spoken(suites=(ECDHE_ECDSA_128,), signatures=(ECDSA_256,))
    one = dataclasses.replace(OLD, suites=(ECDHE_ECDSA_128,))
    assert outcome(model_of(one, server(taken, facts=facts(taken, keys=("ECDSA",)), leaves=()))) == (UNKNOWN, "key")


def test_a_client_that_sends_no_name_is_another_one() -> None:
    one = dataclasses.replace(OLD, server_name=False)
    assert outcome(model_of(one, server(spoken()))) == (UNKNOWN, "server-name")
    assert model_of(one, server(spoken(), named=False)).outcome == CONNECTS


def test_a_gap_in_the_servers_versions() -> None:
    """GnuTLS with 1.3 and 1.1 on and 1.2 off refuses a hello of 1.2."""
    one = dataclasses.replace(OLD, versions=(TLS12, TLS11), suites=(ECDHE_RSA_CBC,))
    old = spoken(TLS11, suites=(ECDHE_RSA_CBC,))
    assert outcome(model_of(one, server(spoken(TLS13), old))) == (UNKNOWN, "version-gap")
    assert model_of(one, server(old)).outcome == CONNECTS


def test_nothing_in_the_highest_version_and_something_below_it() -> None:
    one = client(suites=(CHACHA13, ECDHE_RSA_128))
    assert outcome(model_of(one, server(spoken(TLS13), spoken()))) == (UNKNOWN, "lower-version")
    neither = client(suites=(CHACHA13, RSA_128))
    assert outcome(model_of(neither, server(spoken(TLS13), spoken()))) == (CANNOT, "suite")


def test_who_offers_more_than_is_spoken_needs_an_answer_that_shows_the_way_down() -> None:
    """A server of OpenSSL with no group for TLS 1.3 chooses it all the same, and fails."""
    assert outcome(model_of(client(), server(spoken(), falls=frozenset()))) == (UNKNOWN, "lower-version")
    assert outcome(model_of(client(), server(spoken(), falls=frozenset([(TLS12, TLS11)])))) == (UNKNOWN, "lower-version")
    assert model_of(client(), server(spoken(), falls=frozenset([(TLS13, TLS12)]))).outcome == CONNECTS
    assert model_of(OLD, server(spoken(), falls=frozenset())).outcome == CONNECTS
    # Refused it is either way.
    assert outcome(model_of(client(suites=(AES128, RSA_128)), server(spoken(), falls=frozenset()))) == (CANNOT, "suite")


def test_dhe_that_is_refused_may_be_chosen_and_broken_off() -> None:
    """Dovecot without parameters; its refusals look alike."""
    one = dataclasses.replace(OLD, suites=(ECDHE_RSA_256, DHE_RSA_128))
    without = pairs((ECDHE_RSA_256,), (ECDHE_RSA_128,))
    assert outcome(model_of(one, server(spoken(), suite_choices={TLS12: without}))) == (UNKNOWN, "suite")
    # With it on offer another was chosen; or the client comes first, and puts another before it.
    assert model_of(one, server(spoken())).suites == (ECDHE_RSA_256,)
    by_client = spoken(suite_order="client")
    assert model_of(one, server(by_client, suite_choices={TLS12: without})).outcome == CONNECTS
    # Where some of it is taken there are parameters, and where the key is of another type it is no candidate.
    some = facts(spoken(suites=(ECDHE_RSA_256, 0x009F)), dh_bits=(2048,))
    assert model_of(one, server(facts=some, suite_choices={TLS12: without})).outcome == CONNECTS
    signed = dataclasses.replace(one, suites=(ECDHE_RSA_256, 0x00A2))
    assert model_of(signed, server(spoken(), suite_choices={TLS12: without})).outcome == CONNECTS
    # Chosen or not: there is nothing else.
    only = dataclasses.replace(OLD, suites=(DHE_RSA_128,))
    assert outcome(model_of(only, server(spoken()))) == (CANNOT, "suite")


def test_dhe_from_a_client_with_finite_field_groups_is_open() -> None:
    """RFC 7919 section 4: a server may refuse DHE to who offers none of its groups."""
    taken = spoken(suites=(DHE_RSA_128,))
    one = dataclasses.replace(OLD, suites=(DHE_RSA_128,), groups=(X25519, FFDHE2048))
    assert outcome(model_of(one, server(facts=facts(taken, dh_bits=(2048,))))) == (UNKNOWN, "incomplete")


def test_a_suite_of_static_keys_is_not_modelled() -> None:
    static = 0xC031
    one = dataclasses.replace(OLD, suites=(static,))
    assert model_of(one, server(spoken(suites=(static,)))).outcome == UNKNOWN


def test_the_rsa_key_exchange_with_a_client_that_lists_no_signature_of_rsa() -> None:
    """OpenSSL has no certificate for it then."""
    one = dataclasses.replace(OLD, suites=(RSA_128,), signatures=(ECDSA_256,))
    assert outcome(model_of(one, server(spoken(suites=(RSA_128,), all_signatures=False)))) == (UNKNOWN, "signature")
    # Below TLS 1.2 too, where the client says what it would take in TLS 1.2; who speaks nothing newer says nothing.
    both = dataclasses.replace(one, versions=(TLS12, TLS10), suites=(RSA_CBC,))
    assert outcome(model_of(both, server(spoken(TLS10, suites=(RSA_CBC,))))) == (UNKNOWN, "signature")
    signed = dataclasses.replace(both, suites=(ECDHE_RSA_CBC,))
    assert outcome(model_of(signed, server(spoken(TLS10, suites=(ECDHE_RSA_CBC,))))) == (UNKNOWN, "signature")
    old = dataclasses.replace(one, versions=(TLS10,), suites=(RSA_CBC,))
    assert model_of(old, server(spoken(TLS10, suites=(RSA_CBC,)))).outcome == CONNECTS


@pytest.mark.parametrize(("version", "suite"), [(TLS13, AES128), (TLS12, ECDHE_RSA_128), (TLS12, RSA_128)])
def test_a_certificate_that_is_signed_with_what_the_client_does_not_list(version: int, suite: int) -> None:
    one = client(versions=(version,), suites=(suite,))
    for name in ("sha512WithRSAEncryption", ""):
        shown = server(spoken(version, suites=(suite,)), leaves=(leaf(signature=name),))
        found = model_of(one, shown)
        assert found.outcome == UNKNOWN and "certificate is signed" in found.words
    assert model_of(one, server(spoken(version, suites=(suite,)))).outcome == CONNECTS


# What is not certain of the client


@pytest.mark.parametrize(
    ("field", "value", "offered"),
    [
        ("versions", TLS12, {}),
        ("suites", ECDHE_RSA_128, {"suites": (ECDHE_RSA_128,)}),
        ("groups", P256, {"groups": (P256,)}),
        ("signatures", PKCS1, {"signatures": (PKCS1,)}),
    ],
)
def test_what_is_not_certain_and_decides_leaves_it_open(field: str, value: int, offered: dict[str, Any]) -> None:
    one = dataclasses.replace(OLD, **offered, uncertain={field: unsure(value)})
    found = model_of(one, server(spoken()))
    assert outcome(found) == (UNKNOWN, "uncertain")
    assert field in found.words and "nobody said" in found.words
    assert model_of(dataclasses.replace(one, uncertain={}), server(spoken())).outcome == CONNECTS


def test_what_is_not_certain_and_decides_nothing_is_told() -> None:
    one = dataclasses.replace(OLD, uncertain={"suites": unsure(RSA_128), "groups": unsure(P256)})
    found = model_of(one, server(spoken()))
    assert (found.suites, found.groups) == ((ECDHE_RSA_256,), (X25519,))


def test_what_is_not_certain_and_only_changes_the_choice_is_named_both_ways() -> None:
    one = dataclasses.replace(OLD, uncertain={"suites": unsure(ECDHE_RSA_256)})
    assert model_of(one, server(spoken())).suites == (ECDHE_RSA_256, ECDHE_RSA_128)


def test_an_order_that_is_not_certain_chooses_nothing() -> None:
    one = dataclasses.replace(OLD, uncertain={"suites": unsure(order=True), "groups": unsure(order=True)})
    found = model_of(one, server(spoken(suite_order="client", group_order="client")))
    assert (set(found.suites), set(found.groups)) == ({ECDHE_RSA_128, ECDHE_RSA_256}, {P256, X25519})


def test_who_cannot_connect_either_way_cannot() -> None:
    one = dataclasses.replace(OLD, versions=(TLS11, TLS10), uncertain={"versions": unsure(TLS10)})
    assert outcome(model_of(one, server(spoken()))) == (CANNOT, "version")


# The certificate


def certificate(days: int, begin: datetime.date = datetime.date(2026, 1, 1), **changes: Any) -> dict[str, Any]:
    start = datetime.datetime(begin.year, begin.month, begin.day, tzinfo=datetime.UTC)
    # Any object stands for the parsed certificate: only that there is one is asked.
    return {"certificate": object(), "not_before": start, "not_after": start + datetime.timedelta(days=days), **changes}


RULES = CertificateRules(3072, ("sha1",), ((datetime.date(2019, 7, 1), 825),))


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (certificate(825), ["RSA of 2048 bits, 3072 are wanted"]),
        (certificate(825, signature="sha1WithRSAEncryption", signature_hash="sha1"), ["RSA of 2048 bits, 3072 are wanted", "signed with sha1"]),
        (certificate(900), ["RSA of 2048 bits, 3072 are wanted", "it lives 900 days, 825 are allowed"]),
        (certificate(900, datetime.date(2019, 6, 30)), ["RSA of 2048 bits, 3072 are wanted"]),
    ],
)
def test_what_it_finds_wrong_with_the_certificate(shown: dict[str, Any], words: list[str]) -> None:
    one = dataclasses.replace(OLD, certificates=RULES, signatures=(*OLD.signatures, PKCS1_SHA1))
    found = model_of(one, server(spoken(), leaves=(leaf(**shown),)))
    assert found.outcome == CONNECTS and list(found.certificate) == words


def test_cas_below_the_root_are_judged_and_what_signed_itself_is_not() -> None:
    weak = {"signature": "sha1WithRSAEncryption", "signature_hash": "sha1"}
    one = dataclasses.replace(OLD, certificates=CertificateRules(0, ("sha1",)), signatures=(*OLD.signatures, PKCS1_SHA1))
    root, below = (CertificateFacts("01", signature_hash="sha1", self_issued=itself) for itself in (True, False))
    for issuers, words in (((root,), ()), ((below, root), ("signed with sha1",))):
        shown = dataclasses.replace(leaf(**certificate(90)), issuers=issuers)
        assert model_of(one, server(spoken(), leaves=(shown,))).certificate == words
    alone = leaf(**certificate(90, self_issued=True, **weak))
    assert model_of(one, server(spoken(), leaves=(alone,))).certificate == ()
    short = CertificateFacts("02", key=PublicKey("RSA", 1024), self_issued=True)
    bits = dataclasses.replace(one, certificates=CertificateRules(2048))
    shown = dataclasses.replace(leaf(**certificate(90)), issuers=(short,))
    assert model_of(bits, server(spoken(), leaves=(shown,))).certificate == ()


def test_only_the_certificate_that_it_gets_is_judged() -> None:
    other = leaf("ECDSA", P256, **certificate(900))
    found = model_of(dataclasses.replace(OLD, certificates=RULES), server(spoken(), leaves=(other,)))
    assert found.certificate == ()
