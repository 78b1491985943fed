# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and names inside certificates: exponents, SRV-IDs, wildcards, common names; and the certificate behind STLS."""

from __future__ import annotations

import base64
import dataclasses
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from port995.policy.certificate import SRV_NAME, read_certificate
from port995.policy.certificate import _srv_name as srv_name
from port995.policy.model import HostPlan, Intent
from port995.policy.names import matching_name, matching_srv_name, reference_name, unusable
from port995.policy.profile import load_profile
from port995.probe.model import Capability

from .certificates import DAY, NAME, NOW, anchors, authority, authority_key, der, good_leaf, key, leaf, make
from .seen import (
    CLOSED,
    GOOD_CLEAR,
    companion,
    good_tls,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    unanswered,
)

STRICT = load_profile("strict")
NO_STLS = dataclasses.replace(GOOD_CLEAR, capabilities=(Capability("UIDL"),), stls_reply=None)
TWO = "198.51.100.2"


def tls_of(*certificates, **changes):
    texts = tuple(c if isinstance(c, str) else der(c) for c in certificates)
    return dataclasses.replace(good_tls(), certificates=texts, **changes)


def shown(*certificates, trusted=None, domains=(), **changes):
    handshake = tls_of(*certificates, **changes)
    both = {"tls": handshake, "hello_certificates": handshake.certificates[:1]}
    plan = [HostPlan("mx", Intent.SERVE, domains=domains)]
    return judged([session(**both), companion(**both)], plan=plan, anchors=anchors(*(trusted or ())), profile=STRICT)


def with_exponent(exponent):
    """A certificate whose RSA key has another exponent: changed in place, so its signature is wrong, which other checks
    tell."""
    whole = base64.b64decode(der(leaf(kind="rsa2048")))
    changed = whole.replace(bytes.fromhex("0203010001"), bytes.fromhex("0203") + exponent.to_bytes(3, "big"))
    assert changed != whole
    return base64.b64encode(changed).decode()


@pytest.mark.parametrize("exponent", [65536, 0x10002, 0x7FFFFE])
def test_even_exponent_fails_though_the_library_loads_no_such_key(exponent):
    judgement = shown(with_exponent(exponent))
    assert status_of(judgement, "CERT-008") == "fail"
    assert status_of(judgement, "CERT-004") == "fail"


def test_exponent_1_fails():
    whole = base64.b64decode(der(leaf(kind="rsa2048")))
    at = whole.index(bytes.fromhex("0203010001"))
    # Two octets shorter inside: every length around it is shorter too (SEQUENCE, BIT STRING, SEQUENCE, TBS, whole).
    changed = bytearray(whole[:at] + bytes.fromhex("020101") + whole[at + 5 :])
    # Outermost to innermost headers with two octets of length that hold the key.
    position, found = 0, 0
    while position < at:
        holds = changed[position] in (0x30, 0x03) and changed[position + 1] == 0x82
        length = int.from_bytes(whole[position + 2 : position + 4], "big") if holds else 0
        if holds and position + 4 <= at < position + 4 + length:
            changed[position + 2 : position + 4] = (length - 2).to_bytes(2, "big")
            found += 1
            position += 5 if changed[position] == 0x03 else 4
            continue
        position += 1
    assert found >= 4
    facts = read_certificate(base64.b64encode(bytes(changed)).decode())
    assert (facts.problem, facts.key.kind, facts.key.exponent, facts.key.bits) == (None, "RSA", 1, 2048)
    judgement = shown(base64.b64encode(bytes(changed)).decode())
    assert status_of(judgement, "CERT-008") == "fail" and "encrypts nothing" in result_of(judgement, "CERT-008").message
    assert status_of(judgement, "CERT-004") == "fail"


def test_exponents_of_good_and_of_small_keys():
    assert status_of(shown(leaf(kind="rsa2048")), "CERT-008") == "pass"
    assert status_of(shown(with_exponent(0x7FFFFF)), "CERT-008") == "pass"
    named = [(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)]
    three = make(NAME, "Good CA", rsa.generate_private_key(3, 2048), authority_key(), named)
    result = result_of(shown(three), "CERT-008")
    assert result.status.value == "fail" and result.observed == "3"
    assert status_of(shown(three), "CERT-004") == "pass"


def test_key_of_another_type_has_no_exponent():
    assert status_of(shown(good_leaf()), "CERT-008") == "not_applicable"


def test_key_of_an_unknown_type_is_not_tested():
    whole = base64.b64decode(der(leaf(kind="rsa2048")))
    unknown = whole.replace(bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d01017f"))
    assert unknown != whole
    judgement = shown(base64.b64encode(unknown).decode())
    assert status_of(judgement, "CERT-008") == "not_tested" == status_of(judgement, "CERT-004")


def test_the_hash_of_a_key_is_that_of_openssl(tmp_path):
    for kind in ("ec", "rsa2048", "ed25519"):
        own = leaf(kind=kind)
        info = own.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashes.Hash(hashes.SHA256())
        digest.update(info)
        assert read_certificate(der(own)).key_sha256 == digest.finalize().hex()


def srv(*names, oid=SRV_NAME):
    others = [x509.OtherName(x509.ObjectIdentifier(oid), bytes([0x16, len(name)]) + name.encode()) for name in names]
    return leaf(dns=(), extra=((x509.SubjectAlternativeName(others), False),))


@pytest.mark.parametrize(
    ("certificate", "domains", "status"),
    [
        (srv("_pop3s.example.org", "_pop3.example.org"), ("Example.org",), "pass"),
        (srv("_pop3s.example.org", "_pop3.example.org"), ("other.example", "example.org"), "pass"),
        (srv("_POP3S.example.ORG", "_pop3.example.org"), ("example.org",), "pass"),
        (srv("_pop3s.example.org"), (), "fail"),
        (srv("_pop3s.example.org"), ("example.org",), "fail"),  # behind STLS the service is pop3
        (srv("_imaps.example.org"), ("example.org",), "fail"),
        (srv("_pop3s.other.example", "_pop3.other.example"), ("example.org",), "fail"),
        (srv("_pop3s.*.org", "_pop3.*.org"), ("example.org",), "fail"),
        (srv("_pop3s.example.org", "_pop3.example.org", oid="1.2.3.4"), ("example.org",), "fail"),
        (srv("_pop3s.example.org", "_pop3.example.org"), ("not a domain",), "fail"),
        (good_leaf(), ("example.org",), "pass"),
    ],
)
def test_srv_id_of_a_declared_mail_domain_is_a_match(certificate, domains, status):
    result = result_of(shown(certificate, domains=domains), "CERT-001")
    assert result.status.value == status
    if certificate is not good_leaf():
        assert any(line.startswith("subjectAltName _") for line in result.evidence) or "_" not in result.observed


def test_srv_ids_are_shown_and_broken_ones_are_none():
    assert read_certificate(der(srv("_pop3s.example.org"))).srv_names == ("_pop3s.example.org",)
    for value in (b"", b"\x16", b"\x16\x05abc", b"\x0c\x03abc", b"\x16\x03a\xffc", b"\x16\x82\x00\x03abc"):
        assert srv_name(x509.OtherName(x509.ObjectIdentifier(SRV_NAME), value)) is None, value
    assert matching_srv_name("pop3s", ("", "."), ["_pop3s."]) is None


@pytest.mark.parametrize(
    ("name", "usable"),
    [
        ("mail.example.org", True), ("*.example.org", True), ("localhost", True), ("*", False), ("*.org", False),
        ("m*.example.org", False), ("mail.*.org", False), ("*.*.example.org", False), ("mail.example.org.", False),
        ("192.0.2.1", False), ("mail .example.org", False), ("", False), ("a" * 64 + ".org", False), ("a..org", False),
    ],
)  # fmt: skip
def test_names_that_no_client_can_match(name, usable):
    assert (unusable(name) == "") is usable
    if not usable and name:
        # What is called unusable is never matched either; a trailing dot stands in no reference.
        for text in ("mail.example.org", "www.example.org", "a.org", "192.0.2.1"):
            assert matching_name(reference_name(text), [name], []) is None


def test_names_in_a_certificate():
    assert status_of(shown(good_leaf()), "CERT-017") == "pass"
    assert "left-most" in result_of(shown(leaf(dns=(NAME, "m*.example.org"))), "CERT-017").message
    alone = result_of(shown(leaf(dns=("other.example.org",))), "CERT-017")
    assert alone.status.value == "fail" and "common name alone" in alone.message
    assert "common name" in result_of(shown(leaf(dns=("other.example.org",))), "CERT-001").message
    own = authority_key()
    nameless = make("", "Good CA", key("ec", 1), own, [(x509.BasicConstraints(False, None), True)])
    assert status_of(shown(nameless), "CERT-017") == "not_applicable"


@pytest.mark.parametrize("check", ["CERT-008", "CERT-017"])
def test_without_a_session_or_behind_a_shut_port(check):
    lost = dataclasses.replace(good_tls(), outcome="timeout")
    assert status_of(judged([session(tls=lost), companion(tls=lost)], profile=STRICT), check) == "not_tested"
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)]
    assert status_of(judged(seen, intent=Intent.CLOSED, profile=STRICT), check) == "not_applicable"


@pytest.mark.parametrize("name", [NAME, "other.example.org", "a.b.example.org", "example.org", "192.0.2.1"])
@pytest.mark.parametrize("presented", [(NAME,), ("*.example.org",), ("*.org",), ("m*.example.org",), ("192.0.2.1",)])
def test_openssl_matches_the_same_names(tmp_path, name, presented):
    certificate = leaf(dns=presented, ips=("192.0.2.1",))
    path = tmp_path / "leaf.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    option = "-checkip" if name[0].isdigit() else "-checkhost"
    said = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", option, name], capture_output=True, text=True, check=False
    ).stdout
    ours = matching_name(reference_name(name), presented, read_certificate(der(certificate)).ip_addresses)
    if presented == ("m*.example.org",) and name == NAME:
        # OpenSSL takes a part of a label for a wildcard, RFC 9525 section 6.3 does not.
        assert "does match" in said and ours is None
    else:
        assert ("does match" in said) is (ours is not None), said


EXPIRED = leaf(start=NOW - 90 * DAY, end=NOW - DAY)


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (leaf(dns=("other.example",)), "CERT-001"), (leaf("Other CA"), "CERT-002"), (EXPIRED, "CERT-003"),
        (leaf(kind="rsa1024"), "CERT-004"), (leaf("Good Intermediate"), "CERT-002"),
    ],
)  # fmt: skip
def test_certificate_behind_stls_is_judged_too(bad, check):
    judgement = judged([session(), companion(tls=tls_of(bad))])
    result = result_of(judgement, check)
    assert result.status.value == "fail" and "(behind STLS)" in result.message


def test_without_stls_there_is_no_certificate_behind_it():
    seen = companion(tls=None, clear=NO_STLS, hellos=(), injection=None)
    assert status_of(judged([session(), seen]), "CERT-001") == "pass"
    silent = companion(tls=None, clear=None, hellos=(), injection=None)
    assert status_of(judged([session(), silent]), "CERT-001") == "not_tested"


def test_weak_signature_on_an_intermediate_counts_and_on_an_anchor_does_not():
    def weak(certificate):
        whole = base64.b64decode(der(certificate))
        changed = whole.replace(bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105"))
        return base64.b64encode(changed).decode()

    root_key, own = authority_key("RSA CA", "rsa2048"), key("rsa2048", "RSA Intermediate")
    between = make(
        "RSA Intermediate", "RSA CA", own, root_key,
        [(x509.BasicConstraints(True, None), True), (x509.AuthorityKeyIdentifier(b"other", None, None), False)],
    )  # fmt: skip
    first = leaf("RSA Intermediate", issuer_kind="rsa2048")
    trusted = [authority("RSA CA", "rsa2048")]
    assert status_of(shown(first, between, trusted=trusted), "CERT-005") == "pass"
    assert status_of(shown(first, weak(between), trusted=trusted), "CERT-005") == "fail"
    # One of the same name as its issuer that is not signed by itself is relied on like any other.
    renewed = make("RSA CA", "RSA CA", own, root_key, [(x509.BasicConstraints(True, None), True)])
    assert status_of(shown(first, between, weak(renewed), trusted=trusted), "CERT-005") == "fail"
    old_root = make("Old Root", "Old Root", own, own, [(x509.BasicConstraints(True, None), True)])
    assert status_of(shown(first, between, der(old_root), trusted=trusted), "CERT-005") == "pass"
