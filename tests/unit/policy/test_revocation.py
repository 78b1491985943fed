# SPDX-License-Identifier: GPL-3.0-or-later
"""CRLs that the user gives, beside OpenSSL's own word; and the staple that a certificate promises."""

from __future__ import annotations

import base64
import dataclasses
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from port995.policy.checks.revocation import staple_finding, staple_seen
from port995.policy.crl import NO_CRLS, CrlError, Crls, load_crls, read_crls
from port995.policy.extensions import Extensions, extensions_of
from port995.policy.model import Intent
from port995.policy.profile import load_profile
from port995.policy.registry import WITH_CRLS

from .certificates import (
    DAY,
    NAME,
    NOW,
    anchors,
    authority,
    authority_key,
    der,
    good_leaf,
    intermediate,
    key,
    leaf,
    make,
    name,
    usage,
)
from .hellos import good_hellos
from .seen import (
    BASELINE,
    CLOSED,
    companion,
    good_tls,
    judged,
    refused_companion,
    result_of,
    results_of,
    session,
    status_of,
    unanswered,
)

CHECK = "CERT-013"
TWO = "198.51.100.2"
POINT = "http://crl.example.org/1.crl"


def crl(
    *revoked, issuer="Good CA", signer=None, start=NOW - DAY, end=NOW + DAY, extensions=(), entry=(), when=None,
    reason=x509.ReasonFlags.key_compromise, digest=None,
):  # fmt: skip
    builder = x509.CertificateRevocationListBuilder().issuer_name(name(issuer)).last_update(start).next_update(end)
    for certificate in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        one = one.revocation_date(when or start)
        for extension, critical in (*([(x509.CRLReason(reason), False)] if reason else []), *entry):
            one = one.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(one.build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer or authority_key(issuer), digest or hashes.SHA256())


def pem(*lists):
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in lists)


def given(*lists) -> Crls:
    return read_crls(pem(*lists), ("given.pem",))


def scope(**fields):
    defaults = {
        "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False,
        "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return [(x509.IssuingDistributionPoint(**{**defaults, **fields}), True)]


def shown(*certificates, crls=NO_CRLS, at=NOW, trusted=()):
    texts = tuple(der(one) for one in certificates)
    handshake = dataclasses.replace(good_tls(), certificates=texts)
    both = {"tls": handshake, "hello_certificates": texts[:1]}
    profile = BASELINE.with_crls()
    return judged([session(**both), companion(**both)], crls=crls, at=at, profile=profile, anchors=anchors(*trusted))


FIRST = good_leaf()
OTHER = leaf(kind="p384")


def test_certificate_in_no_list_passes_and_one_in_it_fails_with_date_and_reason():
    good = result_of(shown(FIRST, crls=given(crl(OTHER))), CHECK)
    assert good.status.value == "pass" and "2026-11-25" in good.message
    bad = result_of(shown(FIRST, crls=given(crl(OTHER, FIRST))), CHECK)
    assert bad.status.value == "fail"
    assert "revoked at 2026-11-23T12:00:00Z (keyCompromise)" in bad.message
    assert status_of(shown(FIRST, crls=given(crl())), CHECK) == "pass"


def test_one_list_that_says_revoked_outweighs_another_that_does_not():
    both = (crl(start=NOW - DAY / 2), crl(FIRST))
    for lists in (both, both[::-1]):
        assert status_of(shown(FIRST, crls=given(*lists)), CHECK) == "fail"


FOREIGN_POINT = scope(full_name=[x509.UniformResourceIdentifier("http://crl.example.org/2.crl")])


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ([crl(issuer="Other CA")], "no CRL of"),
        ([crl(signer=key("ec", "imposter"))], "not signed with the key"),
        ([crl(start=NOW - 3 * DAY, end=NOW - DAY)], "outdated since 2026-11-23"),
        ([crl(start=NOW + DAY, end=NOW + 2 * DAY)], "yet to come"),
        ([crl(extensions=[(x509.DeltaCRLIndicator(1), True)])], "delta CRL"),
        ([crl(extensions=scope(indirect_crl=True))], "indirect CRL"),
        ([crl(extensions=scope(only_contains_attribute_certs=True))], "attribute certificates"),
        ([crl(extensions=scope(only_contains_ca_certs=True))], "of CAs only"),
        ([crl(extensions=scope(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise])))], "some reasons"),
        ([crl(extensions=FOREIGN_POINT)], "another than the certificate names"),
        ([crl(extensions=scope(full_name=[x509.DNSName("crl.example.org")]))], "no URL"),
        ([crl(extensions=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\0"), True)])], "1.2.3"),
        ([crl(OTHER, entry=[(x509.CertificateIssuer([x509.DirectoryName(name("X"))]), True)])], "an entry"),
    ],
)
def test_list_that_is_of_no_use_is_not_tested_with_the_reason(lists, words):
    result = result_of(shown(FIRST, crls=given(*lists)), CHECK)
    assert result.status.value == "not_tested" and words in result.message
    # One that is of use beside it is enough.
    assert status_of(shown(FIRST, crls=given(*lists, crl())), CHECK) == "pass"


@pytest.mark.parametrize(
    "extensions",
    [
        [(x509.CRLNumber(7), False)],
        [(x509.AuthorityKeyIdentifier(b"x", None, None), False)],
        [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\0"), False)],
        scope(only_contains_user_certs=True),
    ],
)
def test_list_with_extensions_that_are_known_or_do_not_matter_is_of_use(extensions):
    assert status_of(shown(FIRST, crls=given(crl(extensions=extensions))), CHECK) == "pass"
    assert status_of(shown(FIRST, crls=given(crl(FIRST, extensions=extensions))), CHECK) == "fail"


def test_part_of_a_list_is_of_use_where_the_certificate_names_it():
    uri = x509.UniformResourceIdentifier(POINT)
    named = leaf(extra=((x509.CRLDistributionPoints([x509.DistributionPoint([uri], None, None, None)]), False),))
    part = scope(full_name=[uri], only_contains_user_certs=True)
    assert status_of(shown(named, crls=given(crl(extensions=part))), CHECK) == "pass"
    assert status_of(shown(named, crls=given(crl(named, extensions=part))), CHECK) == "fail"
    assert status_of(shown(FIRST, crls=given(crl(extensions=part))), CHECK) == "not_tested"
    missing = result_of(shown(named, crls=given(crl(issuer="Other CA"))), CHECK)
    assert POINT in missing.message
    by_others = x509.DistributionPoint([uri], None, None, [x509.DirectoryName(name("Other CA"))])
    other = leaf(extra=((x509.CRLDistributionPoints([by_others]), False),))
    assert status_of(shown(other, crls=given(crl())), CHECK) == "not_tested"


def test_every_certificate_of_the_path_but_the_anchor_is_held_against_a_list():
    first, lists = leaf("Good Intermediate"), crl(issuer="Good Intermediate")
    result = result_of(shown(first, intermediate(), crls=given(lists)), CHECK)
    assert result.status.value == "not_tested" and "Good CA" in result.message
    assert status_of(shown(first, intermediate(), crls=given(lists, crl())), CHECK) == "pass"
    assert status_of(shown(first, intermediate(), crls=given(lists, crl(intermediate()))), CHECK) == "fail"
    # A list of server certificates alone says nothing of a CA's.
    users = crl(extensions=scope(only_contains_user_certs=True))
    assert status_of(shown(first, intermediate(), crls=given(lists, users)), CHECK) == "not_tested"


def test_issuer_that_may_not_sign_lists():
    own = key("ec", "No CRLs CA")
    bits = (usage(key_cert_sign=True), True)
    silent = make("No CRLs CA", "No CRLs CA", own, own, [(x509.BasicConstraints(True, None), True), bits])
    listed = given(crl(issuer="No CRLs CA", signer=own))
    result = result_of(shown(leaf("No CRLs CA"), crls=listed, trusted=(silent,)), CHECK)
    assert result.status.value == "not_tested" and "cRLSign" in result.message


def test_without_a_path_or_a_list_nothing_is_told_and_an_anchor_needs_none():
    assert status_of(shown(leaf("Other CA"), crls=given(crl(issuer="Other CA"))), CHECK) == "not_tested"
    assert status_of(shown(FIRST), CHECK) == "not_tested"
    own = key("ec", 9)
    alone = make(NAME, NAME, own, own, [(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)])
    assert status_of(shown(alone, crls=given(crl()), trusted=(alone,)), CHECK) == "not_applicable"


def test_without_a_session_or_behind_a_shut_port():
    options = {"crls": given(crl()), "profile": BASELINE.with_crls()}
    lost = dataclasses.replace(good_tls(), outcome="timeout")
    assert status_of(judged([session(tls=lost), companion(tls=lost)], **options), CHECK) == "not_tested"
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=TWO), refused_companion(), refused_companion(source=TWO)]
    assert status_of(judged(seen, intent=Intent.CLOSED, **options), CHECK) == "not_applicable"


def test_the_clock_of_the_judgement_is_the_clock_of_the_list():
    lists = given(crl(start=NOW - 3 * DAY, end=NOW + DAY))
    assert status_of(shown(FIRST, crls=lists), CHECK) == "pass"
    assert status_of(shown(FIRST, crls=lists, at=NOW + 2 * DAY), CHECK) == "not_tested"
    assert status_of(shown(FIRST, crls=lists, at=NOW - 4 * DAY), CHECK) == "not_tested"
    # Who was revoked once stays so, whatever the age of the list.
    assert status_of(shown(FIRST, crls=given(crl(FIRST)), at=NOW + 2 * DAY), CHECK) == "fail"


def test_the_check_is_in_no_profile_and_in_every_run_with_lists():
    for profile in (load_profile("baseline"), load_profile("strict")):
        assert not set(WITH_CRLS) & set(profile.checks)
        assert set(profile.with_crls().checks) == {*profile.checks, *WITH_CRLS}
    assert results_of(judged([session(), companion()]), CHECK) == []


@pytest.mark.parametrize(
    ("lists", "revoked"),
    [
        ([crl()], False), ([crl(OTHER)], False), ([crl(FIRST)], True), ([crl(FIRST, reason=None)], True),
        ([crl(issuer="Other CA")], None), ([crl(signer=key("ec", "imposter"))], None),
        ([crl(start=NOW - 3 * DAY, end=NOW - DAY)], None), ([crl(start=NOW + DAY, end=NOW + 2 * DAY)], None),
        ([crl(extensions=scope(only_contains_ca_certs=True))], None), ([crl(extensions=FOREIGN_POINT)], None),
        ([crl(extensions=scope(only_contains_user_certs=True))], False),
        ([crl(extensions=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\0"), True)])], None),
    ],
)  # fmt: skip
def test_openssl_says_the_same(tmp_path, lists, revoked):
    for file, data in (("root", pem_of(authority())), ("leaf", pem_of(FIRST)), ("crl", pem(*lists))):
        (tmp_path / file).write_bytes(data)
    run = subprocess.run(
        ["openssl", "verify", "-attime", str(int(NOW.timestamp())), "-CAfile", "root", "-CRLfile", "crl",
         "-crl_check", "leaf"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = True if "certificate revoked" in run.stderr else False if run.returncode == 0 else None
    assert said is revoked, run.stderr
    expected = {True: "fail", False: "pass", None: "not_tested"}[revoked]
    assert status_of(shown(FIRST, crls=given(*lists)), CHECK) == expected


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_files_in_pem_and_der_are_kept_as_one(tmp_path):
    (tmp_path / "one.pem").write_bytes(b"text before\n" + pem(crl(), crl(issuer="Other CA")))
    (tmp_path / "two.crl").write_bytes(crl(FIRST).public_bytes(serialization.Encoding.DER))
    loaded = load_crls([tmp_path / "one.pem", tmp_path / "two.crl"])
    assert len(loaded.lists) == 3 and loaded.sources == (str(tmp_path / "one.pem"), str(tmp_path / "two.crl"))
    again = read_crls(loaded.pem, loaded.sources)
    assert (again.sha256, len(again.lists)) == (loaded.sha256, 3)
    assert status_of(shown(FIRST, crls=again), CHECK) == "fail"
    assert load_crls([]) is NO_CRLS


def test_files_that_are_no_lists_are_refused_with_their_name(tmp_path):
    broken = pem(crl()).replace(b"CRL-----\nMI", b"CRL-----\nAA", 1)
    for number, data in enumerate((b"", b"text", pem_of(FIRST), pem(crl())[:-40], broken)):
        path = tmp_path / f"bad{number}"
        path.write_bytes(data)
        with pytest.raises(CrlError, match=r"bad|can't be read"):
            load_crls([path])
    with pytest.raises(CrlError, match="check its path"):
        load_crls([tmp_path / "missing"])


MUST_STAPLE = ((x509.TLSFeature([x509.TLSFeatureType.status_request]), False),)
RESPONDER = (
    (
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(
                    x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example")
                )
            ]
        ),
        False,
    ),
)


@pytest.mark.parametrize(
    ("extra", "stapled", "status"),
    [
        (MUST_STAPLE, True, "pass"), (MUST_STAPLE, False, "fail"), (MUST_STAPLE, None, "not_tested"),
        ((), True, "not_applicable"), ((), None, "not_applicable"), (RESPONDER, None, "not_applicable"),
        (RESPONDER, False, "not_applicable"), ((*MUST_STAPLE, *RESPONDER), None, "not_tested"),
    ],
)  # fmt: skip
def test_must_staple_needs_the_staple_and_without_it_nothing_is_owed(extra, stapled, status):
    extensions = extensions_of(leaf(extra=extra))
    assert staple_finding(session(), extensions, stapled).status.value == status


def test_the_responder_of_a_certificate_is_shown():
    finding = staple_finding(session(), extensions_of(leaf(extra=RESPONDER)), None)
    assert finding.evidence == ("OCSP responder http://ocsp.example",)
    assert "no responder" in staple_finding(session(), extensions_of(leaf()), None).message


def test_must_staple_is_not_told_where_extensions_can_not_be_parsed_or_nothing_was_seen():
    broken = Extensions(problem="its extensions can't be parsed")
    assert staple_finding(session(), broken, False).status.value == "not_tested"
    strict = load_profile("strict")
    assert status_of(judged([session(), companion()], profile=strict), "CERT-012") == "not_applicable"
    handshake = dataclasses.replace(good_tls(), certificates=(der(leaf(extra=MUST_STAPLE)),))
    both = {"tls": handshake, "hello_certificates": handshake.certificates}
    judgement = judged([session(**both), companion(**both)], profile=strict)
    assert status_of(judgement, "CERT-012") == "not_tested"


PROMISING = leaf(extra=MUST_STAPLE)


def answer_of(
    status=ocsp.OCSPResponseStatus.SUCCESSFUL, of=PROMISING, word=ocsp.OCSPCertStatus.GOOD, begin=NOW, end=NOW + DAY
):
    """What a responder says, base64 of its DER."""
    revoked = NOW - DAY if word is ocsp.OCSPCertStatus.REVOKED else None
    if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        built = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    else:
        builder = ocsp.OCSPResponseBuilder().add_response(
            of, authority(), hashes.SHA256(), word, begin, end, revoked, None
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, authority())
        built = builder.sign(authority_key(), hashes.SHA256())
    return base64.b64encode(built.public_bytes(serialization.Encoding.DER)).decode()


@pytest.mark.parametrize(
    ("asked", "staple", "status"),
    [
        (True, answer_of(), "pass"), (True, None, "fail"), (True, "anVuaw==", "fail"), (True, "%", "fail"),
        (True, answer_of(ocsp.OCSPResponseStatus.TRY_LATER), "fail"), (False, None, "not_tested"),
        (True, answer_of(of=FIRST), "fail"), (True, answer_of(word=ocsp.OCSPCertStatus.REVOKED), "fail"),
        (True, answer_of(word=ocsp.OCSPCertStatus.UNKNOWN), "fail"),
        (True, answer_of(begin=NOW - 3 * DAY, end=NOW - DAY), "fail"),
        (True, answer_of(begin=NOW + DAY, end=NOW + 2 * DAY), "fail"),
    ],
)  # fmt: skip
def test_must_staple_is_held_against_what_hellos_were_shown(asked, staple, status):
    texts = (der(PROMISING),)
    handshake = dataclasses.replace(good_tls(), certificates=texts)
    hellos = good_hellos(texts[0], "strict")
    shown_staple = {"staple": staple, "extensions": (0, 5, 10) if asked else (0, 10)}
    hellos = tuple(dataclasses.replace(one, **shown_staple) if one.complete else one for one in hellos)
    both = {"tls": handshake, "hellos": hellos, "hello_certificates": texts}
    judgement = judged([session(**both), companion(**both)], profile=load_profile("strict"))
    assert status_of(judgement, "CERT-012") == status


def test_a_staple_for_another_certificate_is_none_for_this_one():
    texts = (der(leaf(extra=MUST_STAPLE)), der(FIRST))
    hellos = tuple(
        dataclasses.replace(one, staple=answer_of(), extensions=(0, 5), certificate=1) if one.complete else one
        for one in good_hellos(texts[0], "strict")
    )
    seen = session(hellos=hellos, hello_certificates=texts)
    assert staple_seen(seen, texts[0]) is None
    assert staple_seen(seen, texts[1]) is True
    assert staple_seen(dataclasses.replace(seen, hello_certificates=()), texts[1]) is None
