# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the chain is sent, and whether its CAs may certify the names: beside OpenSSL's own word."""

from __future__ import annotations

import dataclasses
import ipaddress
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from port995.policy.model import Intent
from port995.policy.trust import SYSTEM

from .certificates import NAME, anchors, authority, authority_key, der, good_leaf, intermediate, key, leaf, make
from .certificates import name as common_name
from .seen import CLOSED, companion, good_tls, judged, refused_companion, result_of, session, status_of, unanswered

TWO = "198.51.100.2"
CHECKS = ["CERT-014", "CERT-015", "CERT-016"]


def shown(*certificates, trusted=(), system=False, **changes):
    texts = tuple(c if isinstance(c, str) else der(c) for c in certificates)
    handshake = dataclasses.replace(good_tls(), certificates=texts, **changes)
    both = {"tls": handshake, "hello_certificates": texts[:1]}
    given = anchors(*trusted)
    given = dataclasses.replace(given, source=f"{SYSTEM}x") if system else given
    return judged([session(**both), companion(**both)], anchors=given)


def test_intermediate_that_only_the_anchors_hold_was_not_sent():
    first = leaf("Good Intermediate")
    both = (authority(), intermediate())
    missing = result_of(shown(first, trusted=both), "CERT-014")
    assert missing.status.value == "fail" and "Good Intermediate" in missing.message
    assert status_of(shown(first, trusted=both), "CERT-002") == "pass"
    assert status_of(shown(first, intermediate(), trusted=both), "CERT-014") == "pass"
    assert status_of(shown(first, intermediate()), "CERT-014") == "pass"
    assert status_of(shown(good_leaf()), "CERT-014") == "pass"


def test_intermediate_that_is_trusted_by_itself_is_as_good_as_a_root():
    first = leaf("Good Intermediate")
    assert status_of(shown(first, trusted=(intermediate(),)), "CERT-014") == "pass"
    # Beside its root in the machine's own store: every client of the kind has it.
    assert status_of(shown(first, trusted=(authority(), intermediate()), system=True), "CERT-014") == "pass"


def test_certificates_that_are_not_there_to_look_at():
    first = leaf("Good Intermediate")
    assert status_of(shown(first), "CERT-014") == "not_tested"
    assert status_of(shown(good_leaf(), chain_source="leaf-only"), "CERT-014") == "not_tested"
    assert status_of(shown(good_leaf(), chain_source="leaf-only"), "CERT-015") == "not_tested"
    own = self_signed()
    assert status_of(shown(own, trusted=(own,)), "CERT-014") == "not_applicable"


def self_signed():
    own = key("ec", 9)
    return make(NAME, NAME, own, own, [(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)])


def test_anchor_that_is_sent_is_told():
    first = leaf("Good Intermediate")
    assert status_of(shown(first, intermediate()), "CERT-015") == "pass"
    sent = result_of(shown(first, intermediate(), authority()), "CERT-015")
    assert sent.status.value == "fail" and sent.severity.value == "info"
    assert status_of(shown(good_leaf(), authority("Other CA")), "CERT-015") == "fail"
    # An intermediate certificate that the user trusts is needed by everybody else.
    assert status_of(shown(first, intermediate(), trusted=(intermediate(),)), "CERT-015") == "pass"
    assert status_of(shown(self_signed(), authority()), "CERT-015") == "not_applicable"
    assert status_of(shown(good_leaf(), "anVuaw=="), "CERT-015") == "not_tested"


def limited_ca(permitted=None, excluded=None, *, critical=True, anchor=False):
    """A CA with name constraints; ``anchor``: a root of its own."""
    own = key("ec", "Limited CA")
    extensions = [
        (x509.BasicConstraints(True, None), True),
        (x509.NameConstraints(permitted, excluded), critical),
        (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
    ]
    if anchor:
        return make("Limited CA", "Limited CA", own, own, extensions)
    return make("Limited CA", "Good CA", own, authority_key(), extensions)


def dns(*names):
    return [x509.DNSName(one) for one in names]


NETWORK = [x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))]
OTHER_NETWORK = [x509.IPAddress(ipaddress.ip_network("198.51.100.0/24"))]
COUNTRY = [x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]))]
OWN_NAME = [x509.DirectoryName(common_name(NAME.upper()))]
MAIL = [x509.RFC822Name("example.org")]

CASES = [
    # permitted, excluded, DNS names, IP addresses, inside?
    (dns("example.org"), None, (NAME,), (), True),
    (dns(NAME), None, (NAME,), (), True),
    (dns("EXAMPLE.org"), None, (NAME,), (), True),
    (dns("ample.org"), None, (NAME,), (), False),
    (dns("example.com"), None, (NAME,), (), False),
    (dns("example.com", "example.org"), None, (NAME,), (), True),
    (dns("example.org"), None, (NAME, "mail.example.com"), (), False),
    (dns(".example.org"), None, (NAME,), (), True),
    (dns(".example.org"), None, ("example.org",), (), False),
    (dns("example.org"), None, ("*.example.org",), (), True),
    (dns("mail.example.org"), None, ("*.example.org",), (), False),
    (None, dns("example.org"), (NAME,), (), False),
    (None, dns("example.com"), (NAME,), (), True),
    (dns("example.org"), dns("mail.example.org"), (NAME,), (), False),
    (dns("example.org"), dns("dev.example.org"), (NAME,), (), True),
    (NETWORK, None, (NAME,), ("192.0.2.1",), True),
    (OTHER_NETWORK, None, (NAME,), ("192.0.2.1",), False),
    (None, NETWORK, (NAME,), ("192.0.2.1",), False),
    (NETWORK, None, (NAME,), (), True),
    (COUNTRY, None, (NAME,), (), False),
    (OWN_NAME, None, (NAME,), (), True),
    (None, OWN_NAME, (NAME,), (), False),
    (None, COUNTRY, (NAME,), (), True),
    (MAIL, None, (NAME,), (), True),
]


@pytest.mark.parametrize(("permitted", "excluded", "names", "addresses", "inside"), CASES)
@pytest.mark.parametrize("anchor", [False, True])
def test_names_inside_and_outside_of_constraints_as_openssl_sees_them(
    tmp_path, permitted, excluded, names, addresses, inside, anchor
):
    limited = limited_ca(permitted, excluded, anchor=anchor)
    first = leaf("Limited CA", dns=names, ips=addresses)
    trusted = (limited,) if anchor else (authority(),)
    judgement = shown(first, *(() if anchor else (limited,)), trusted=trusted)
    assert status_of(judgement, "CERT-016") == ("pass" if inside else "fail")
    # The verifier of the path never takes what is outside, and leaves open what it does not know.
    assert status_of(judgement, "CERT-002") in (("pass", "not_tested") if inside else ("fail", "not_tested"))
    assert verified_by_openssl(tmp_path, first, limited, trusted[0]) is inside


def verified_by_openssl(folder, first, limited, root):
    for file, certificate in (("leaf", first), ("limited", limited), ("root", root)):
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    run = subprocess.run(
        ["openssl", "verify", "-attime", "1795521600", "-CAfile", "root", "-untrusted", "limited", "leaf"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0 or "subtree violation" in run.stderr, run
    return run.returncode == 0


def test_wildcard_that_covers_an_excluded_name_is_outside():
    """OpenSSL takes the wildcard for a name like any other; what it stands for is what was excluded."""
    limited = limited_ca(None, dns("mail.example.org"))
    assert status_of(shown(leaf("Limited CA", dns=("*.example.org",)), limited), "CERT-016") == "fail"
    assert status_of(shown(leaf("Limited CA", dns=("*.example.com", NAME[5:])), limited), "CERT-016") == "pass"


def test_constraints_on_forms_of_names_that_are_not_judged_are_not_tested():
    others = [x509.DNSName(NAME), x509.RFC822Name("root@example.com")]
    first = leaf("Limited CA", dns=(), extra=((x509.SubjectAlternativeName(others), False),))
    assert status_of(shown(first, limited_ca(MAIL)), "CERT-016") == "not_tested"
    assert status_of(shown(first, limited_ca(dns("example.com"))), "CERT-016") == "fail"


def test_without_constraints_there_is_no_object_and_without_an_anchor_no_answer():
    assert status_of(shown(good_leaf()), "CERT-016") == "not_applicable"
    assert status_of(shown(leaf("Good Intermediate"), intermediate()), "CERT-016") == "not_applicable"
    own = self_signed()
    assert status_of(shown(own, trusted=(own,)), "CERT-016") == "not_applicable"
    assert status_of(shown(leaf("Other CA"), authority("Other CA")), "CERT-016") == "not_tested"
    # A violation that was seen counts wherever the chain leads.
    lost = shown(leaf("Limited CA"), limited_ca(dns("example.com")), trusted=(authority("Other CA"),))
    assert status_of(lost, "CERT-016") == "fail"


def test_constraints_the_verifier_can_not_read_leave_the_path_open_and_are_judged_here():
    judgement = shown(leaf("Limited CA"), limited_ca(COUNTRY))
    assert status_of(judgement, "CERT-002") == "not_tested"
    judgement = shown(leaf("Limited CA"), limited_ca(dns(".example.org")))
    assert status_of(judgement, "CERT-002") == "not_tested"
    assert status_of(judgement, "CERT-016") == "pass"


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_session_or_behind_a_shut_port(check):
    lost = dataclasses.replace(good_tls(), outcome="timeout")
    assert status_of(judged([session(tls=lost), companion(tls=lost)]), check) == "not_tested"
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)]
    assert status_of(judged(seen, intent=Intent.CLOSED), check) == "not_applicable"
