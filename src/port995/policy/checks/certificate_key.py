# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers inside a certificate's key, beyond type and size."""

from __future__ import annotations

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts
from ..check import Parameter, endpoint_check
from ..leaf import APPLIES, each_leaf
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from


@endpoint_check(
    id="POP3S-CERT-008",
    title="Public exponent of an RSA key",
    severity=Severity.LOW,
    categories=("default", "safe"),
    rationale="Exponent 1 encrypts nothing, an even one is no RSA; small ones turn slips in padding into forgeries.",
    remediation="Make a new key with the exponent 65537, as every tool does by default.",
    references=("FIPS 186-5 section A.1.1", "NIST SP 800-56B r2 section 6.2", "CVE-2006-4339"),
    applies=APPLIES + "; not to keys of another type",
    parameters={"minimum": Parameter(65537, "least public exponent", 3, 2**256)},
)
@each_leaf
def public_exponent(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """1 and even ones are POP3S-CERT-004's to fail; smaller ones than the least are this check's alone."""
    minimum = int(subject.number("minimum"))
    expected = f"an odd exponent of {minimum} or more"
    if leaf.key.kind == "unknown":
        return not_tested(seen, "the kind of its public key is not known to the library")
    if leaf.key.kind != "RSA":
        return Finding(Status.NOT_APPLICABLE, f"the key is {leaf.key}, which has no exponent {seen_from(seen)}")
    exponent = leaf.key.exponent
    if exponent is None:
        return not_tested(seen, "the exponent of its key can't be read")
    shown = str(exponent) if exponent.bit_length() <= 64 else f"a number of {exponent.bit_length()} bits"
    evidence = (*leaf.evidence, f"key {leaf.key}, exponent {shown}")
    if exponent < minimum or exponent % 2 == 0:
        words = "1, which encrypts nothing" if exponent == 1 else f"{shown}{', even' if exponent % 2 == 0 else ''}"
        message = f"expected {expected}, got {words} {seen_from(seen)}; make a new key"
        return Finding(Status.FAIL, message, expected, shown, evidence)
    return Finding(Status.PASS, f"exponent {shown} {seen_from(seen)}", expected, shown, evidence)
