# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures over the key exchange: MD5, SHA-1 and DSA must be refused."""

from __future__ import annotations

from ...probe.model import Hello, Observation
from ...probe.tls.client_hello import SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, VERSION_NAMES, numbers
from ...probe.tls.signature_schemes import SCHEMES, name_of
from ..belief import Evidence
from ..check import KEYS, SIGNATURES, VERSIONS, endpoint_check
from ..hello import APPLIES, each_hello, hello_words, refusal_words, unproven
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from
from ..universe import KEY_TYPES, SIGNED_DHE, ephemeral, every_signature

WEAK = frozenset(scheme.number for scheme in SCHEMES if {"md5", "sha1", "dsa"} & set(scheme.weak))
WEAK_12 = frozenset(scheme.number for scheme in SCHEMES if scheme.tls12 and scheme.number in WEAK)
BY_KEY = tuple(frozenset(suite.number for suite in ephemeral(key)) for key in KEY_TYPES)
SIGNED = frozenset[int]().union(*BY_KEY)
SIGNED_BY_DHE = frozenset(suite.number for suite in SIGNED_DHE)
BELOW_12 = (SSL_3, TLS_1_0, TLS_1_1)
ALONE = ("signatures-rsa-alone", "signatures-ecdsa-alone", "signatures-dhe")
QUESTIONS = (*ALONE, "signatures-rsa", "signatures-ecdsa", "signatures-dhe-first")


@endpoint_check(
    id="POP3S-SIG-001",
    title="Weak signatures in the key exchange are refused",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "vuln"),
    rationale="Whoever finds a collision in time can be the server.",
    remediation="Raise the security level of the server's TLS library (OpenSSL: SECLEVEL 1 or above).",
    references=("RFC 9155", "RFC 9325 section 4.3", "CVE-2015-7575 (SLOTH)"),
    applies=APPLIES,
    asks=(SIGNATURES, KEYS, VERSIONS),
)
@each_hello("TLSv1.2 signature", "alert", "eof")
def weak_signatures(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Offered alone in TLS 1.2. Older versions have no others (RFC 4346 section 7.4.3, RFC 8422 section 5.4), TLS 1.3
    has none of them (RFC 8446 section 4.2.3)."""
    expected = "no signature with MD5, SHA-1 or DSA"
    chosen = list(dict.fromkeys(name_of(h.signature) for h in evidence.answers if h.signature in WEAK and h.signature))
    if not chosen and seen.tls is not None and seen.tls.signature_scheme in WEAK and seen.tls.signature_scheme:
        chosen = [name_of(seen.tls.signature_scheme)]
    if chosen:
        shown = ", ".join(chosen)
        return Finding(
            Status.FAIL, f"expected {expected}, the server signed with {shown} {seen_from(seen)}",
            expected, shown, tuple(f"signed with {one}" for one in chosen),
        )  # fmt: skip
    below = (hello for hello in evidence.answers if hello.answered_version in BELOW_12)
    signed = next((hello for hello in below if hello.suite in SIGNED | SIGNED_BY_DHE), None)
    if signed is not None:
        words = f"{hello_words(signed)}, which signs with SHA-1 (RSA: and MD5) whatever the client offers"
        return Finding(
            Status.FAIL, f"expected {expected}, the server chose {words} {seen_from(seen)}", expected, words,
            (f"chosen {hello_words(signed)}",),
        )  # fmt: skip
    old = ", ".join(VERSION_NAMES[version] for version in BELOW_12 if not evidence.is_unspoken(version))
    if old:
        return not_tested(seen, f"only TLS 1.2 is asked for its signatures, and {old} may be spoken too")
    alone = _refused_with_weak(evidence) >= SIGNED | SIGNED_BY_DHE
    if alone and all(_passed_over(evidence, suites) for suites in (*BY_KEY, SIGNED_BY_DHE)):
        return Finding(
            Status.PASS, f"weak signatures were refused in TLS 1.2 {seen_from(seen)}", expected, "refused",
            refusal_words(evidence, QUESTIONS),
        )  # fmt: skip
    only_weak = (h for h in evidence.answers if h.question in ALONE and set(numbers(h.signatures)) <= WEAK)
    other = next(only_weak, None)
    if other is not None:
        heard = name_of(other.signature) if other.signature is not None else "a signature that was not read"
        words = f"offered only weak signatures, the server answered with {heard}: it does not heed the list"
        return Finding(Status.NOT_TESTED, f"{words} {seen_from(seen)}", expected, words)
    return unproven(seen, evidence, "whether weak signatures are taken", (*QUESTIONS, "suites-dhe"))


def _refused_with_weak(evidence: Evidence) -> frozenset[int]:
    """Suites that were refused in TLS 1.2 with every weak signature on offer, alone or among all others."""
    found = (
        refusal.suites
        for refusal in evidence.refusals
        if refusal.version == TLS_1_2 and refusal.of_signatures and refusal.signatures >= WEAK_12
    )
    return frozenset[int]().union(*found)


def _passed_over(evidence: Evidence, suites: frozenset[int]) -> bool:
    """Whether nobody who puts weak signatures first gets one with these suites: a good one was chosen then, or the
    suites are refused with every signature there is."""
    if evidence.refused_suites(TLS_1_2) >= suites:
        return True
    return any(
        hello.suite in suites and hello.signature is not None and hello.signature not in WEAK and _weak_first(hello)
        for hello in evidence.answers
        if hello.version == hello.answered_version == TLS_1_2 and set(numbers(hello.suites)) >= suites
    )


def _weak_first(hello: Hello) -> bool:
    offered = numbers(hello.signatures)
    return set(offered[: len(WEAK_12)]) == WEAK_12 and every_signature(TLS_1_2, offered)
