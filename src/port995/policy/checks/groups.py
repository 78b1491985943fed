# SPDX-License-Identifier: GPL-3.0-or-later
"""Named groups of the key exchange: weak ones refused, and one that a quantum computer does not open."""

from __future__ import annotations

import base64
from collections.abc import Collection

from ...probe.model import Hello, Observation
from ...probe.tls.certificate_key import key_of
from ...probe.tls.client_hello import TLS_1_2, TLS_1_3, VERSION_NAMES, numbers
from ...probe.tls.named_groups import BY_NUMBER, FFDHE, GROUPS, HYBRID, MLKEM, name_of
from ..belief import BELOW_13, Evidence
from ..check import GROUPS_ASKED, KEYS, POST_QUANTUM, VERSIONS, Parameter, endpoint_check
from ..hello import APPLIES, each_hello, hello_words, refusal_words, unproven
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from
from ..universe import COMMON_13, KEY_TYPES, ephemeral, every_signature

ALLOWED = tuple(group.name for group in GROUPS if not group.deprecated)
ALONE = "-alone"
QUESTIONS = ("groups-rsa", "groups-ecdsa", "groups-ecdsa-alone", "groups-1.3")


@endpoint_check(
    id="POP3S-GRP-001",
    title="Weak groups are refused",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "vuln"),
    rationale="Short curves and those over binary fields are withdrawn; a server that takes them can be steered there.",
    remediation="Name the groups (Dovecot: ssl_curve_list = X25519:prime256v1:secp384r1).",
    references=("RFC 8422 section 5.1.1", "RFC 9325 section 4.2.1", "NIST SP 800-52r2 section 3.3.1"),
    applies=APPLIES,
    parameters={
        "allowed": Parameter(ALLOWED, "groups that may be taken", choices=tuple(group.name for group in GROUPS))
    },
    asks=(GROUPS_ASKED, KEYS, VERSIONS),
)
@each_hello("TLSv1.2 group", "TLSv1.3 group", "alert", "eof")
def weak_groups(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Offered alone, and below TLS 1.3 for each type of key with the group of that certificate behind them."""
    allowed = set(subject.words("allowed"))
    weak = {group.number for group in GROUPS if group.name not in allowed}
    expected = "no group but those allowed"
    chosen = [hello for hello in evidence.answers if hello.group in weak]
    in_session = seen.tls.group if seen.tls is not None and seen.tls.outcome == "completed" else None
    if chosen or in_session in weak:
        shown = ", ".join(dict.fromkeys(name_of(hello.group or 0) for hello in chosen)) or name_of(in_session or 0)
        return Finding(
            Status.FAIL, f"expected no group but those allowed, the server took {shown} {seen_from(seen)}",
            expected, shown,
            tuple(f"chosen {name_of(hello.group or 0)} with {hello_words(hello)}" for hello in chosen),
        )  # fmt: skip
    missing = [] if evidence.is_unspoken(TLS_1_2) else _missing_below_13(evidence, seen, weak)
    old = ", ".join(VERSION_NAMES[version] for version in BELOW_13[:3] if not evidence.is_unspoken(version))
    if old:
        return not_tested(seen, f"groups are asked about from TLS 1.2 on, and {old} may be spoken too")
    if weak - _covered_13(evidence):
        missing.append("TLS 1.3")
    if missing:
        return unproven(seen, evidence, f"weak groups with {', '.join(missing)}", QUESTIONS)
    preferred = [hello for hello in evidence.answers if hello.question in QUESTIONS]
    remark = "; with the certificate's own group on offer the server preferred that" if preferred else ""
    return Finding(
        Status.PASS, f"no weak group was taken {seen_from(seen)}{remark}", expected, "refused",
        refusal_words(evidence, QUESTIONS),
    )  # fmt: skip


def _missing_below_13(evidence: Evidence, seen: Observation, weak: Collection[int]) -> list[str]:
    """The kinds of certificates with which weak groups are not settled in TLS 1.2."""
    asked = {number for number in weak if BY_NUMBER[number].tls12 and BY_NUMBER[number].kind != FFDHE}
    shown = _key_types(evidence, seen)
    return [
        f"certificates of type {key}"
        for key in KEY_TYPES
        if not asked <= _covered_12(evidence, key)
        and not (shown and key not in shown and _no_certificate(evidence, key))
    ]


def _key_types(evidence: Evidence, seen: Observation) -> set[str]:
    """Types of the keys that were shown."""
    found = set()
    for hello in evidence.answers:
        if hello.certificate is not None and hello.certificate < len(seen.hello_certificates):
            kind = key_of(base64.b64decode(seen.hello_certificates[hello.certificate])).type
            found.add("ECDSA" if kind == "EDDSA" else kind)
    return found


def _suites_with(key: str) -> frozenset[int]:
    return frozenset(suite.number for suite in ephemeral(key))


def _covered_12(evidence: Evidence, key: str) -> set[int]:
    """Groups that are settled as not taken with certificates of a type.

    Refused, or passed over for the last group of the offer, they are. With ECDSA certificates it takes both: with the
    certificate's own group beside them, where a server may have gone by order alone, and without it, where those that
    heed it refuse for want of it (RFC 8422 section 5.1).
    """
    wanted, alone, beside, passed = _suites_with(key), set[int](), set[int](), set[int]()
    for refusal in evidence.refusals:
        if refusal.version == TLS_1_2 and refusal.of_groups and refusal.suites >= wanted:
            (alone if refusal.hello.question.endswith(ALONE) else beside).update(refusal.groups)
    for hello in evidence.answers:
        if hello.version != TLS_1_2 or hello.answered_version != TLS_1_2:
            continue
        if set(numbers(hello.suites)) >= wanted and every_signature(TLS_1_2, numbers(hello.signatures)):
            passed |= _passed_over(hello)
    return (beside & alone) | (passed & alone) if key == "ECDSA" else beside | passed


def _passed_over(hello: Hello) -> set[int]:
    """Groups before the one that was chosen, when the choice was the last of the offer."""
    offered = numbers(hello.groups)
    return set(offered[:-1]) if offered and hello.group == offered[-1] else set()


def _no_certificate(evidence: Evidence, key: str) -> bool:
    """Whether every suite that would show a certificate of this type was refused with all groups on offer."""
    return _suites_with(key) <= evidence.refused_suites(TLS_1_2)


def _covered_13(evidence: Evidence) -> set[int]:
    covered: set[int] = set()
    for refusal in evidence.refusals:
        if refusal.version == TLS_1_3 and refusal.of_groups and refusal.suites >= set(COMMON_13):
            covered |= refusal.groups
    return covered


@endpoint_check(
    id="POP3S-GRP-002",
    title="A post-quantum group is taken",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="What is recorded today is opened by the quantum computers of tomorrow, unless the key exchange resists.",
    remediation="Renew the server's TLS library (OpenSSL 3.5 and later take X25519MLKEM768).",
    references=("RFC 10024", "FIPS 203"),
    applies=APPLIES,
    asks=(POST_QUANTUM,),
)
@each_hello("TLSv1.3 group", "alert", "eof")
def post_quantum(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Offered alone in TLS 1.3, they are taken or refused."""
    wanted = {group.number for group in GROUPS if group.kind in (HYBRID, MLKEM) and not group.deprecated}
    expected = "a post-quantum group taken"
    for hello in evidence.answers:
        if hello.group in wanted:
            name = name_of(hello.group or 0)
            return Finding(Status.PASS, f"{name} was taken {seen_from(seen)}", expected, name)
    if wanted <= _covered_13(evidence):
        return Finding(
            Status.FAIL, f"expected a post-quantum group, all {len(wanted)} were refused {seen_from(seen)}", expected,
            "refused", refusal_words(evidence, ("post-quantum",)),
        )  # fmt: skip
    return unproven(seen, evidence, "post-quantum readiness", ("post-quantum",))
