# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the certificate still good: CRLs that the user gives, and whether the staple comes that a certificate promises.
Nothing is fetched from a CA."""

from __future__ import annotations

import base64
import datetime

from ...probe.model import Hello, Observation, TlsSession
from ...probe.tls.client_hello import STATUS_REQUEST
from ..belief import BELOW_13
from ..certificate import CertificateFacts, one_line, timestamp
from ..check import EXTRAS, endpoint_check
from ..extensions import Extensions
from ..leaf import APPLIES, each_leaf, found_path
from ..libraries import ocsp
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from


def staple_seen(seen: Observation, certificate: str) -> bool | None:
    """Whether an OCSP staple came with a certificate, below TLS 1.3, where a client asked for one.

    :param certificate: base64 of its DER
    :returns: ``True``: one that a responder gave (`staple_fault` looks into it); ``False``: none came, or what is no
        answer of a responder; ``None``: nobody asked
    """
    asked = _asked_for_staple(seen, certificate)
    if not asked:
        return None
    return any(hello.staple is not None and _is_answer(hello.staple) for hello in asked)


def _asked_for_staple(seen: Observation, certificate: str) -> list[Hello]:
    return [
        hello
        for hello in seen.hellos
        if STATUS_REQUEST in hello.extensions and hello.complete and hello.answered_version in BELOW_13
        if hello.certificate is not None
        if seen.hello_certificates[hello.certificate : hello.certificate + 1] == (certificate,)
    ]


def staple_fault(seen: Observation, certificate: str, leaf: CertificateFacts, at: datetime.datetime) -> str:
    """What is wrong with a staple that came; empty: every one says that this certificate is good today. Who signed it
    is not looked into.

    :param certificate: base64 of its DER
    :param at: the clock (aware)
    """
    for hello in _asked_for_staple(seen, certificate):
        if hello.staple is None or not _is_answer(hello.staple):
            continue
        try:
            answer = ocsp.load_der_ocsp_response(base64.b64decode(hello.staple))
            if leaf.certificate is None or answer.serial_number != leaf.certificate.serial_number:
                return "it is for another certificate"
            if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
                return f"it says {answer.certificate_status.name.lower()}"
            if answer.this_update_utc > at:
                return f"it holds from {timestamp(answer.this_update_utc)} on"
            if answer.next_update_utc is not None and answer.next_update_utc < at:
                return f"it was good until {timestamp(answer.next_update_utc)}"
        except Exception as error:  # noqa: BLE001 - hostile DER: whatever the library raises, it vouches for nothing
            return f"it can't be read: {one_line(error)}"
    return ""


def _is_answer(staple: str) -> bool:
    try:
        answer = ocsp.load_der_ocsp_response(base64.b64decode(staple, validate=True))
        return answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    except Exception:  # noqa: BLE001 - hostile DER
        return False


def staple_finding(
    seen: Observation, extensions: Extensions, stapled: bool | None, evidence: tuple[str, ...] = ()
) -> Finding:
    """What a certificate promises about staples, held against whether one came.

    :param stapled: whether a staple came; ``None``: nobody looked
    """
    expected = "a staple, as the certificate promises"
    if extensions.problem:
        return not_tested(seen, extensions.problem)
    if not extensions.must_staple:
        responders = extensions.responders
        where = f"; its responder is {quoted(responders[0])}" if responders else " and no responder"
        return Finding(
            Status.NOT_APPLICABLE, f"the certificate names no must-staple{where} {seen_from(seen)}", expected,
            evidence=tuple(f"OCSP responder {url}" for url in responders[:10]),
        )  # fmt: skip
    if stapled is None:
        return not_tested(seen, "the certificate promises a staple (must-staple), and none was asked for below TLS 1.3")
    if not stapled:
        return Finding(
            Status.FAIL, f"expected {expected}, none came {seen_from(seen)}; switch OCSP stapling on", expected, "none",
            evidence,
        )  # fmt: skip
    return Finding(Status.PASS, f"a staple came, as promised {seen_from(seen)}", expected, "a staple", evidence)


@endpoint_check(
    id="POP3S-CERT-012",
    title="Must-staple certificate comes with a staple",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="A client that heeds the promise refuses the certificate without its staple.",
    remediation="Switch OCSP stapling on, or have the certificate issued without must-staple.",
    references=("RFC 7633", "RFC 6066 section 8"),
    applies=APPLIES + "; not to a certificate without must-staple",
    asks=(EXTRAS,),
)
@each_leaf
def must_staple(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """A certificate without must-staple owes nothing, whether it names a responder or not."""
    text = tls.certificates[0]
    found = staple_finding(seen, subject.trust.extensions(text), staple_seen(seen, text), leaf.evidence)
    fault = staple_fault(seen, text, leaf, subject.at) if found.status is Status.PASS else ""
    if not fault:
        return found
    words = f"expected a staple that vouches for the certificate, {fault} {seen_from(seen)}"
    return Finding(Status.FAIL, words, found.expected, fault, leaf.evidence)


@endpoint_check(
    id="POP3S-CERT-013",
    title="Certificate is not revoked by the CRLs given",
    severity=Severity.CRITICAL,
    categories=("safe",),
    rationale="Whoever stole a revoked certificate's key is its server to every client that does not look.",
    remediation="Replace certificate and key; where a CRL is missing or outdated, give a current one.",
    references=("RFC 5280 section 6.3", "NIST SP 800-52r2 section 3.4.1.2"),
    applies="in every run that is given CRLs; not where the certificate is itself a trust anchor",
)
@each_leaf
def not_revoked(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Each certificate of the path but the anchor must be spoken of by a CRL that is signed, current and complete.

    It is in no profile: without CRLs it can't say a thing, and would leave every run incomplete. A run that is given
    CRLs has it whatever the profile."""
    expected = "a current CRL for each certificate of the path, without it"
    path = found_path(subject, seen, tls)
    if isinstance(path, Finding):
        return path
    if len(path.chain) == 1:
        return Finding(Status.NOT_APPLICABLE, f"the certificate is itself a trust anchor {seen_from(seen)}")
    if not subject.trust.crls.lists:
        return not_tested(seen, "no CRL was given: give those of the CAs (--crl)")
    said = [
        (quoted(certificate.subject.rfc4514_string()), answer)
        for certificate, answer in zip(path.chain, subject.trust.revocation(tls.certificates), strict=False)
    ]
    evidence = (*leaf.evidence, *(f"{name}: {answer.words}" for name, answer in said))
    for status in (Status.FAIL, Status.NOT_TESTED):
        for name, answer in said:
            if answer.status is status:
                words = f"{name}: {answer.words}"
                advice = "; replace it and its key" if status is Status.FAIL else ""
                return Finding(
                    status, f"expected {expected}: {words} {seen_from(seen)}{advice}", expected, answer.words, evidence
                )
    if not said or any(answer.status is not Status.PASS for _name, answer in said):
        return not_tested(seen, "not every certificate of the path was held against a CRL")
    words = f"{len(said)} certificates of the path, each {said[0][1].words}"
    return Finding(Status.PASS, f"{words} {seen_from(seen)}", expected, "in none", evidence)
