# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says beside its choice of version, suite and group: signs that protect a handshake, and Diffie-Hellman
parameters."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ...probe.model import Hello, Observation
from ...probe.tls.cipher_suites import BY_NUMBER, FAMILY_DHE
from ...probe.tls.client_hello import (
    EXTENDED_MASTER_SECRET,
    SSL_2,
    SSL_3,
    TLS_1_2,
    TLS_1_3,
    VERSION_NAMES,
)
from ..belief import BELOW_13, Evidence
from ..check import EXTRAS, SUITES_ASKED, VERSIONS, Parameter, endpoint_check
from ..facts import facts_of
from ..hello import APPLIES, each_hello, hello_words, unproven
from ..known_primes import name_of_prime
from ..model import Severity, Status
from ..nmaps_word import is_nmaps
from ..subject import EndpointSubject, Finding, seen_from
from ..universe import DHE_FAMILY

RENEGOTIATION_INFO = 0xFF01
SENTINEL_1_2, SENTINEL_BELOW = b"DOWNGRD\x01".hex(), b"DOWNGRD\x00".hex()
"""Last octets of ServerHello.random when a server of TLS 1.3 answers lower (RFC 8446 section 4.1.3)."""
CONTROLS = ("control-1.2", "control-short", "control-dhe", "control-old", "old-ecdhe-rsa", "old-dhe")


def below_13(evidence: Evidence) -> list[Hello]:
    """Answers in TLS 1.2 and below, down to SSL 3.0."""
    below = [hello for hello in evidence.answers if SSL_2 < (hello.answered_version or 0) < TLS_1_3]
    return [hello for hello in below if not is_nmaps(hello)]


def only_13(seen: Observation, evidence: Evidence, what: str) -> Finding | None:
    """``not_applicable`` where nothing below TLS 1.3 is spoken, proven; ``None`` else."""
    if evidence.speaking(TLS_1_3) is not None and all(evidence.is_unspoken(version) for version in BELOW_13):
        return Finding(Status.NOT_APPLICABLE, f"nothing below TLS 1.3 is spoken, which has no {what} {seen_from(seen)}")
    return None


def _unsettled(evidence: Evidence, answers: Iterable[Hello]) -> bool:
    """Whether a version of TLS below 1.3 may be spoken of which no answer was seen: each may be carried out by other
    code, or another box."""
    shown = {hello.answered_version for hello in answers}
    return any(version not in shown and not evidence.is_unspoken(version) for version in BELOW_13 if version != SSL_3)


@endpoint_check(
    id="POP3S-RENEG-001",
    title="Secure renegotiation is signalled",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "vuln"),
    rationale="Without it a handshake can be spliced behind an attacker's own session, and a mailbox opened to him.",
    remediation="Renew the server's TLS library: all since 2010 have it.",
    references=("RFC 5746 section 3.6", "RFC 9325 section 3.5", "CVE-2009-3555"),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello()
def secure_renegotiation(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Every answer below TLS 1.3 to a hello with the signalling suite must hold the extension."""
    expected = "renegotiation_info in every ServerHello below TLS 1.3"
    # SSL 3.0 has no extensions in the hello, and servers answer its signalling suite as they like.
    answers = [hello for hello in below_13(evidence) if hello.answered_version != SSL_3]
    without = [hello for hello in answers if RENEGOTIATION_INFO not in hello.answer_extensions]
    if without:
        words = hello_words(without[0])
        return Finding(
            Status.FAIL, f"expected {expected}, it is missing in {words} {seen_from(seen)}", expected, "missing",
            tuple(f"missing in the answer to {hello.question}: {hello_words(hello)}" for hello in without[:8]),
        )  # fmt: skip
    if answers and not _unsettled(evidence, answers):
        return Finding(Status.PASS, f"secure renegotiation was signalled {seen_from(seen)}", expected, "there")
    return only_13(seen, evidence, "renegotiation") or unproven(seen, evidence, "secure renegotiation", CONTROLS)


@endpoint_check(
    id="POP3S-EMS-001",
    title="The extended master secret is used",
    severity=Severity.LOW,
    categories=("safe", "vuln"),
    rationale="Without it two sessions can be given the same keys, and one be passed off as the other.",
    remediation="Renew the server's TLS library (OpenSSL 1.1.0 and later have it).",
    references=("RFC 7627", "RFC 9325 section 3.5", "NIST SP 800-52r2 section 3.4.1"),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello()
def extended_master_secret(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Every answer below TLS 1.3 to a hello that offers it must take it."""
    expected = "extended_master_secret in every ServerHello below TLS 1.3"
    asked = [hello for hello in below_13(evidence) if EXTENDED_MASTER_SECRET in hello.extensions]
    without = [hello for hello in asked if EXTENDED_MASTER_SECRET not in hello.answer_extensions]
    if without:
        return Finding(
            Status.FAIL, f"expected {expected}, it is missing in {hello_words(without[0])} {seen_from(seen)}", expected,
            "missing", tuple(f"missing in {hello_words(hello)}" for hello in without[:8]),
        )  # fmt: skip
    if asked and not _unsettled(evidence, asked):
        return Finding(Status.PASS, f"the extended master secret was taken {seen_from(seen)}", expected, "taken")
    return only_13(seen, evidence, "extended master secret") or unproven(
        seen, evidence, "the extended master secret", CONTROLS
    )


@endpoint_check(
    id="POP3S-DOWN-001",
    title="A downgrade from TLS 1.3 would be noticed",
    severity=Severity.MEDIUM,
    categories=("safe", "vuln"),
    rationale="A server of TLS 1.3 that answers lower says so in its random, where an attacker can't take it out.",
    remediation="Renew the server's TLS library, or the box before it that ends TLS 1.3 and not 1.2.",
    references=("RFC 8446 section 4.1.3",),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello("TLSv1.3 group")
def downgrade_sentinel(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Where TLS 1.3 is spoken, every answer below must end its random with the sentinel of its version."""
    expected = "the sentinel in every ServerHello below TLS 1.3"
    if facts_of(seen).version(TLS_1_3) is None:
        if TLS_1_3 in facts_of(seen).unspoken or _session_was_answered_lower(seen):
            return Finding(Status.NOT_APPLICABLE, f"TLS 1.3 is not spoken {seen_from(seen)}")
        return unproven(seen, evidence, "whether TLS 1.3 is spoken", ("control-1.3", "suites-1.3", "groups-1.3"))
    answers = below_13(evidence)
    without = [
        hello
        for hello in answers
        if hello.random_tail not in ((SENTINEL_1_2,) if hello.answered_version == TLS_1_2 else (SENTINEL_BELOW,))
    ]
    if without:
        one = without[0]
        return Finding(
            Status.FAIL,
            f"expected {expected}, {hello_words(one)} ends its random with {one.random_tail} {seen_from(seen)}",
            expected, one.random_tail, tuple(f"{hello_words(hello)}: {hello.random_tail}" for hello in without[:8]),
        )  # fmt: skip
    if answers and not _unsettled(evidence, answers):
        words = f"every answer below TLS 1.3 bore the sentinel {seen_from(seen)}"
        return Finding(Status.PASS, words, expected, "there")
    return only_13(seen, evidence, "lower version to fall to") or unproven(
        seen, evidence, "the sentinel below TLS 1.3", CONTROLS
    )


def _session_was_answered_lower(seen: Observation) -> bool:
    """Whether the session, which offers TLS 1.3 wherever its library has it, got a lower version."""
    has_13 = seen.vantage.openssl.startswith(("OpenSSL 1.1.1", "OpenSSL 3.", "OpenSSL 4."))
    tls = seen.tls
    return has_13 and tls is not None and tls.outcome == "completed" and tls.version not in (None, "TLSv1.3")


@endpoint_check(
    id="POP3S-COMP-001",
    title="TLS compression is refused",
    severity=Severity.HIGH,
    categories=("safe", "vuln"),
    rationale="What is compressed together with a secret betrays it by its length.",
    remediation="Switch compression off (Dovecot: ssl_options = no_compression, its default).",
    references=("RFC 9325 section 3.3", "CVE-2012-4929 (CRIME)"),
    applies=APPLIES,
    asks=(EXTRAS,),
)
@each_hello()
def compression(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Offered once in TLS 1.2, together with none."""
    expected = "no compression"
    asked = [hello for hello in below_13(evidence) if hello.offers_compression]
    # One that was chosen without an offer is a fault of the server's as well.
    taken = [hello for hello in below_13(evidence) if hello.compression]
    if taken:
        shown = f"method {taken[0].compression}"
        return Finding(
            Status.FAIL, f"expected {expected}, the server chose {shown} in {hello_words(taken[0])} {seen_from(seen)}",
            expected, shown,
        )  # fmt: skip
    if asked:
        words = f"DEFLATE was offered in {VERSION_NAMES[asked[0].version]} and not taken {seen_from(seen)}"
        return Finding(Status.PASS, words, expected, "not taken")
    return only_13(seen, evidence, "compression") or unproven(
        seen, evidence, "TLS compression", ("order-1.2", "extras")
    )


@endpoint_check(
    id="POP3S-DH-001",
    title="Diffie-Hellman parameters are long enough",
    severity=Severity.HIGH,
    categories=("default", "safe", "vuln"),
    rationale="For a prime of 1024 bits a wealthy attacker can prepare once, and then open every session over it.",
    remediation="Give 2048 bits or more (Dovecot: ssl_dh), or leave DHE suites out: RFC 10015 deprecates them.",
    references=("RFC 9325 section 4.5", "CVE-2015-4000 (Logjam)"),
    applies=APPLIES,
    parameters={"bits": Parameter(2048, "size of the prime at least", minimum=512, maximum=16384)},
    asks=(SUITES_ASKED, VERSIONS),
    forbids=("dhe-key-exchange",),
)
@each_hello("TLSv1.2 group", "alert", "eof")
def dh_parameters(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Every prime that was shown; where no suite of DHE is taken there is none."""
    least = int(subject.number("bits"))
    expected = f"primes of {least} bits or more"
    answers = [hello for hello in evidence.answers if hello.dh_bits is not None]
    short = [hello for hello in answers if (hello.dh_bits or 0) < least]
    names = ", ".join(dict.fromkeys(_prime_words(seen, hello) for hello in answers))
    if short:
        return Finding(
            Status.FAIL, f"expected {expected}, the server showed {names} {seen_from(seen)}", expected, names,
            tuple(f"{_prime_words(seen, hello)} in {hello_words(hello)}" for hello in short[:8]),
        )  # fmt: skip
    unread = [hello for hello in evidence.answers if _is_ephemeral_dh(hello) and hello.dh_bits is None]
    if unread:
        return unproven(seen, evidence, f"the prime of {hello_words(unread[0])}", ("suites-dhe", "old-dhe"))
    without = _without_dhe(seen, evidence, {hello.answered_version for hello in answers})
    if answers and without.status is Status.NOT_APPLICABLE:
        return Finding(Status.PASS, f"the server showed {names} {seen_from(seen)}", expected, names)
    return without


def _without_dhe(seen: Observation, evidence: Evidence, shown: Container[int | None] = ()) -> Finding:
    """``not_applicable`` where every suite of DHE is refused, else what is open.

    :param shown: versions that need no look: their prime was seen, and each version may have another
    """
    for version in reversed(BELOW_13):
        if version in shown:
            continue
        suites = {suite.number for suite in DHE_FAMILY if suite.minimum_version <= version}
        if not evidence.is_unspoken(version) and suites - evidence.refused_suites(version):
            what = f"DHE in {VERSION_NAMES[version]}"
            return unproven(seen, evidence, what, ("suites-dhe", "old-dhe", "control-dhe"))
    return Finding(Status.NOT_APPLICABLE, f"no suite with DHE is taken {seen_from(seen)}")


def _is_ephemeral_dh(hello: Hello) -> bool:
    suite = BY_NUMBER.get(hello.suite or 0)
    return suite is not None and suite.family == FAMILY_DHE and suite.key_exchange != "DH"


def _prime_words(seen: Observation, hello: Hello) -> str:
    words = f"{hello.dh_bits} bits"
    if hello.dh_prime is None or hello.dh_prime >= len(seen.dh_primes):
        return words
    known = name_of_prime(bytes.fromhex(seen.dh_primes[hello.dh_prime]))
    return f"{words} ({known}, a prime that many share)" if known else words


@endpoint_check(
    id="POP3S-DH-002",
    title="Diffie-Hellman keys are fresh",
    severity=Severity.LOW,
    categories=("safe", "vuln"),
    rationale="A private value that serves many sessions opens them all, and may be found piece by piece (Raccoon).",
    remediation="Renew the server's TLS library: OpenSSL stopped doing this in 1.0.2f.",
    references=("RFC 9325 section 7.4", "CVE-2020-1968 (Raccoon)"),
    applies=APPLIES,
    asks=(SUITES_ASKED, VERSIONS),
    forbids=("dhe-key-exchange",),
)
@each_hello("TLSv1.2 group")
def dh_reuse(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """The same public value in two answers; one answer alone shows nothing."""
    expected = "another public value in every answer"
    values = [hello.dh_public for hello in evidence.answers if hello.dh_public]
    again = len(values) - len(set(values))
    if again:
        words = f"{again} of {len(values)} answers"
        return Finding(
            Status.FAIL, f"expected {expected}, {words} repeated one {seen_from(seen)}", expected, words
        )
    if len(values) > 1:
        words = f"{len(values)} answers had {len(values)} values {seen_from(seen)}"
        return Finding(Status.PASS, words, expected, "fresh")
    if not values and not any(map(_is_ephemeral_dh, evidence.answers)):
        return _without_dhe(seen, evidence)
    return unproven(seen, evidence, "whether public values of DHE are used again", ("suites-dhe", "old-dhe"))
