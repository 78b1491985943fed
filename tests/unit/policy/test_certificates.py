# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate checks on real DER."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from port995.policy.certificate import read_certificate, read_der

from .certificates import (
    DAY,
    NAME,
    NOW,
    anchors,
    authority,
    authority_key,
    chain,
    der,
    good_leaf,
    intermediate,
    key,
    leaf,
    make,
    usage,
)
from .seen import companion, good_tls, judged, result_of, session, status_of, target


def shown(*certificates, aim=None, trusted=None, **changes):
    """The judgement of a server that shows these certificates."""
    texts = tuple(c if isinstance(c, str) else der(c) for c in certificates)
    handshake = dataclasses.replace(good_tls(), certificates=texts, **changes)
    aim = aim or target()
    both = {"tls": handshake, "hello_certificates": texts[:1]}
    seen = [session(aim, **both), companion(aim, **both)]
    return judged(seen, targets=[aim], anchors=anchors(*(trusted or ())))


CERT_CHECKS = [f"CERT-00{n}" for n in range(1, 8)]


def test_certificate_that_can_not_be_parsed_is_a_finding():
    judgement = shown(base64.b64encode(b"\x30\x82 no certificate").decode())
    assert {status_of(judgement, c) for c in CERT_CHECKS} == {"fail"}
    assert status_of(judgement, "TLS-001") == "pass"


def test_damaged_record_of_a_certificate_is_an_error_and_no_finding():
    assert {status_of(shown("%%%"), c) for c in CERT_CHECKS} == {"error"}
    assert {status_of(shown(""), c) for c in CERT_CHECKS} == {"error"}


def test_no_certificate_is_not_tested():
    assert {status_of(shown(), c) for c in CERT_CHECKS} == {"not_tested"}


@pytest.mark.parametrize("size", [10, 100, 250])
def test_cut_certificate_never_crashes(size):
    whole = base64.b64decode(der(good_leaf()))
    assert read_der(whole[:size]).problem is not None
    assert read_certificate(der(good_leaf())).problem is None


def test_wrong_name_fails_and_the_common_name_does_not_help():
    assert status_of(shown(leaf(dns=("other.example.org",))), "CERT-001") == "fail"
    result = result_of(shown(leaf(dns=())), "CERT-001")
    assert result.status.value == "fail"
    assert "subjectAltName" in result.message


def test_ip_address_is_matched_by_an_ip_identifier_only():
    aim = target(server_name=None)
    assert status_of(shown(leaf(ips=("192.0.2.1",)), aim=aim), "CERT-001") == "pass"
    assert status_of(shown(leaf(dns=("192.0.2.1",)), aim=aim), "CERT-001") == "fail"
    assert status_of(shown(leaf(), aim=aim), "CERT-001") == "fail"


def test_path_through_an_intermediate_that_is_sent():
    certificate = leaf("Good Intermediate")
    assert status_of(shown(certificate, intermediate()), "CERT-002") == "pass"
    assert status_of(shown(certificate, intermediate(), authority()), "CERT-002") == "pass"
    assert status_of(shown(certificate), "CERT-002") == "fail"
    assert status_of(shown(certificate, chain_source="leaf-only"), "CERT-002") == "not_tested"


def test_unknown_ca_and_self_signed_leaf_fail():
    assert status_of(shown(leaf("Other CA")), "CERT-002") == "fail"
    assert status_of(shown(leaf("Other CA"), authority("Other CA")), "CERT-002") == "fail"
    own = key("ec", 9)
    alone = make(NAME, NAME, own, own, [(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)])
    assert "self-signed" in result_of(shown(alone), "CERT-002").message
    assert status_of(shown(alone), "CERT-002") == "fail"
    assert status_of(shown(alone, trusted=[alone]), "CERT-002") == "pass"


def test_ca_of_the_same_name_with_another_key_fails():
    imposter = make(NAME, "Good CA", key("ec", 1), key("ec", "imposter"), [])
    assert status_of(shown(imposter), "CERT-002") == "fail"


def test_plain_private_ca_is_welcome_and_its_deviations_are_listed():
    judgement = shown(leaf("Plain CA"), trusted=[authority("Plain CA", plain=True)])
    assert status_of(judgement, "CERT-002") == "pass"
    result = result_of(judgement, "CERT-007")
    assert result.status.value == "fail"
    assert "anchor: has no keyUsage (RFC 5280 4.2.1.3)" in result.evidence


def test_every_deviation_is_listed():
    result = result_of(
        shown(leaf("Plain CA", identifiers=False, purpose=None), trusted=[authority("Plain CA", plain=True)]),
        "CERT-007",
    )
    assert len(result.evidence) == 3


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda: intermediate("Not A CA", ca=False), id="no-ca"),
        pytest.param(
            lambda: make(
                "Not A CA",
                "Good CA",
                key("ec", "Not A CA"),
                authority_key(),
                [
                    (x509.BasicConstraints(True, None), True),
                    (usage(digital_signature=True), True),
                ],
            ),
            id="no-certificate-signing",
        ),
        pytest.param(
            lambda: make("Not A CA", "Good CA", key("ec", "Not A CA"), authority_key(), []), id="no-basic-constraints"
        ),
        pytest.param(
            lambda: make(
                "Not A CA",
                "Good CA",
                key("ec", "Not A CA"),
                authority_key(),
                [
                    (x509.BasicConstraints(True, None), True),
                    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),
                ],
            ),
            id="unknown-critical-extension",
        ),
        pytest.param(
            lambda: make(
                "Not A CA",
                "Good CA",
                key("ec", "Not A CA"),
                authority_key(),
                [
                    (x509.BasicConstraints(True, None), True),
                    (x509.NameConstraints([x509.DNSName("example.com")], None), True),
                ],
            ),
            id="name-constraints",
        ),
        pytest.param(
            lambda: make(
                "Not A CA",
                "Good CA",
                key("ec", "Not A CA"),
                authority_key(),
                [(x509.BasicConstraints(True, None), True)],
                end=NOW - DAY,
            ),
            id="expired",
        ),
    ],
)
def test_intermediate_that_may_not_sign_leads_nowhere(bad):
    assert status_of(shown(leaf("Not A CA"), bad()), "CERT-002") == "fail"


def test_leaf_for_clients_only_leads_nowhere():
    assert status_of(shown(leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH)), "CERT-002") == "fail"


def test_algorithm_that_the_verifier_does_not_judge_is_not_tested():
    trusted = [authority("Edwards CA", "ed25519")]
    judgement = shown(leaf("Edwards CA", issuer_kind="ed25519"), trusted=trusted)
    assert status_of(judgement, "CERT-002") == "not_tested"
    assert status_of(judgement, "CERT-007") == "not_tested"
    assert status_of(judgement, "CERT-005") == "pass"
    assert status_of(judgement, "CERT-006") == "pass"


def test_expired_leaf_fails_its_own_check_and_not_the_path():
    judgement = shown(leaf(start=NOW - 90 * DAY, end=NOW - DAY))
    assert status_of(judgement, "CERT-003") == "fail"
    assert "expired at 2026-11-23" in result_of(judgement, "CERT-003").message
    result = result_of(judgement, "CERT-002")
    assert result.status.value == "pass"
    assert "validated as of" in result.message


def test_leaf_that_is_not_yet_valid_fails():
    assert status_of(shown(leaf(start=NOW + DAY, end=NOW + 90 * DAY)), "CERT-003") == "fail"


@pytest.mark.parametrize(
    ("total", "left", "status"),
    [(90, 8, "fail"), (90, 10, "pass"), (365, 35, "fail"), (6, 1, "pass"), (6, 0.5, "fail"), (90, 60, "pass")],
)
def test_time_left_is_a_share_of_the_lifetime_and_no_number_of_days(total, left, status):
    result = result_of(shown(leaf(start=NOW - (total - left) * DAY, end=NOW + left * DAY)), "CERT-003")
    assert result.status.value == status
    assert ("renewal is due" in result.message) == (status == "pass" and left / total < 1 / 3)


def test_evidence_of_a_certificate_names_it():
    lines = result_of(shown(good_leaf()), "CERT-003").evidence
    for word in ("subject ", "issuer ", "serial ", "sha256 ", "notBefore ", "notAfter "):
        assert any(line.startswith(word) for line in lines)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "ec", "p384", "p521", "ed25519", "ed448"])
def test_good_key_passes(kind):
    assert status_of(shown(leaf(kind=kind)), "CERT-004") == "pass"


@pytest.mark.parametrize("kind", ["rsa1024", "p224"])
def test_weak_key_fails(kind):
    assert status_of(shown(leaf(kind=kind)), "CERT-004") == "fail"


def test_signature_with_pss_is_read_by_its_parameters():
    trusted = [authority("RSA CA", "rsa2048")]
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    judgement = shown(leaf("RSA CA", issuer_kind="rsa2048", padding=pss), trusted=trusted)
    result = result_of(judgement, "CERT-005")
    assert result.status.value == "pass"
    assert "RSASSA-PSS with sha256" in result.message


def sha1_signed():
    """A certificate whose signature says SHA-1: the OIDs of a real one changed in place (the library signs none)."""
    whole = base64.b64decode(der(leaf("RSA CA", issuer_kind="rsa2048")))
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    changed = whole.replace(sha256, sha1)
    return base64.b64encode(changed).decode()


def test_sha1_signature_fails_and_no_path_rests_on_it():
    judgement = shown(sha1_signed(), trusted=[authority("RSA CA", "rsa2048")])
    assert status_of(judgement, "CERT-005") == "fail"
    assert status_of(judgement, "CERT-002") == "fail"
    assert "sha1" in result_of(judgement, "CERT-005").message


def test_signature_of_what_could_not_be_seen_is_not_tested():
    judgement = shown(good_leaf(), chain_source="leaf-only")
    assert status_of(judgement, "CERT-005") == "not_tested"
    assert status_of(judgement, "CERT-006") == "not_tested"


def test_order_of_the_chain():
    first = leaf("Good Intermediate")
    assert status_of(shown(first, intermediate()), "CERT-006") == "pass"
    assert "superfluous" not in result_of(shown(first, intermediate()), "CERT-006").message
    sent_anchor = result_of(shown(first, intermediate(), authority()), "CERT-006")
    assert sent_anchor.status.value == "pass"
    assert "anchor is sent" in sent_anchor.message
    assert status_of(shown(first, authority(), intermediate()), "CERT-006") == "fail"
    assert status_of(shown(first, intermediate(), intermediate()), "CERT-006") == "fail"
    assert status_of(shown(first, intermediate(), leaf("Other CA")), "CERT-006") == "fail"
    assert status_of(shown(first, base64.b64encode(b"junk").decode()), "CERT-006") == "fail"


def test_issuer_of_the_right_name_that_did_not_sign_is_out_of_order():
    imposter = make(
        "Good Intermediate",
        "Good CA",
        key("ec", "imposter"),
        authority_key(),
        [(x509.BasicConstraints(True, None), True)],
    )
    assert status_of(shown(leaf("Good Intermediate"), imposter), "CERT-006") == "fail"


def also_shown(other, **answer):
    """The judgement of a server that is good in the session, and shows some hello another leaf."""
    good = session()
    asked = tuple(
        dataclasses.replace(hello, certificate=1, **answer) if number == 1 else hello
        for number, hello in enumerate(good.hellos)
    )
    return judged([session(hellos=asked, hello_certificates=(*good.hello_certificates, der(other))), companion()])


@pytest.mark.parametrize(
    ("other", "check", "status"),
    [
        (leaf(kind="rsa2048", dns=("other.example",)), "CERT-001", "fail"),
        (leaf("Good Intermediate", kind="rsa2048"), "CERT-002", "not_tested"),
        (leaf(kind="rsa2048", end=NOW - 5 * DAY), "CERT-003", "fail"),
        (leaf(kind="rsa1024"), "CERT-004", "fail"),
        *((leaf(kind="rsa2048"), f"CERT-00{number}", "pass") for number in range(1, 8)),
    ],
)
def test_certificate_that_only_hellos_were_shown_is_judged_too(other, check, status):
    assert status_of(also_shown(other), check) == status


def test_certificate_that_a_client_without_a_name_is_shown_is_not_the_one_for_this_name():
    assert status_of(also_shown(leaf(dns=("other.example",)), server_name=None), "CERT-001") == "pass"


def test_chains_are_base64_of_der():
    assert read_certificate(chain(good_leaf())[0]).subject == f"CN={NAME}"
