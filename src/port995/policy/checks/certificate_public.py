# SPDX-License-Identifier: GPL-3.0-or-later
"""What the browsers' forum and the logs ask of certificates of public CAs. Private ones are exempt: see `public_ca`."""

from __future__ import annotations

import datetime

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts, timestamp
from ..check import Parameter, endpoint_check
from ..leaf import APPLIES, each_leaf
from ..model import Severity, Status
from ..public_ca import publicity_of
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from

APPLIES_TO_PUBLIC = APPLIES + "; not to certificates of private CAs"

LIFETIMES: tuple[tuple[str, int], ...] = (
    # Issued on this day or later: days at the most. CA/Browser Forum Baseline Requirements section 6.3.2, ballots 193,
    # SC-22 (398 days were the browsers' own limit) and SC-081v3.
    ("2018-03-01", 825),
    ("2020-09-01", 398),
    ("2026-03-15", 200),
    ("2027-03-15", 100),
    ("2029-03-15", 47),
)

BACKDATED = datetime.timedelta(hours=48)
"""notBefore may differ this much from the moment of issue (Baseline Requirements section 7.1.2.7)."""

DAY = datetime.timedelta(days=1)


def lifetime_limit(issued: datetime.datetime) -> int | None:
    """Days that a certificate of a public CA may last.

    :param issued: the moment of issue (aware)
    :returns: ``None``: issued before the oldest limit in the table
    """
    day = issued.astimezone(datetime.UTC).date()
    return next((days for since, days in reversed(LIFETIMES) if day >= datetime.date.fromisoformat(since)), None)


@endpoint_check(
    id="POP3S-CERT-009",
    title="Lifetime keeps to the limit of its day of issue",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="A public CA that certifies for longer breaks its own rules; strict clients refuse the certificate.",
    remediation="Have it issued again for a shorter time, and let ACME renew it.",
    references=("CA/Browser Forum SC-081v3", "CA/Browser Forum Baseline Requirements section 6.3.2"),
    applies=APPLIES_TO_PUBLIC,
)
@each_leaf
def lifetime(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Both ends count, and a part of a day is a day. The moment of issue is notBefore, give or take two days."""
    public = publicity_of(subject.trust, tls.certificates)
    if public.status is not Status.PASS:
        return _not_public(seen, public.status, public.words)
    start, end = leaf.not_before, leaf.not_after
    if start is None or end is None or end <= start:
        return not_tested(seen, "its dates can't be read")
    days = -(-(end - start + datetime.timedelta(seconds=1)) // DAY)
    limit, lenient = lifetime_limit(start), lifetime_limit(start - BACKDATED)
    if limit is None:
        return Finding(
            Status.NOT_APPLICABLE, f"issued at {timestamp(start)}, before the limits known here {seen_from(seen)}"
        )
    expected = f"{limit} days at the most, for one issued at {timestamp(start)}"
    observed = f"{days} days"
    evidence = (*leaf.evidence, f"public CA: {public.words}")
    if days <= limit:
        return Finding(Status.PASS, f"{observed} of {limit} {seen_from(seen)}", expected, observed, evidence)
    if lenient is None or days <= lenient:
        return not_tested(
            seen, f"it lasts {days} days, and whether it was issued before the limit of {limit} began can't be told"
        )
    return Finding(
        Status.FAIL, f"expected {expected}, it lasts {observed} {seen_from(seen)}; have it issued again", expected,
        observed, evidence,
    )  # fmt: skip


@endpoint_check(
    id="POP3S-CERT-010",
    title="Certificate is no precertificate",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A precertificate is made for logs alone; its poison extension makes every careful client refuse it.",
    remediation="Install the certificate that the CA issued after it, not the entry of a log.",
    references=("RFC 6962 section 3.1",),
    applies=APPLIES,
)
@each_leaf
def no_precertificate(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Whoever the CA is."""
    expected = "no poison extension"
    extensions = subject.trust.extensions(tls.certificates[0])
    if extensions.problem:
        return not_tested(seen, extensions.problem)
    if extensions.precertificate:
        message = f"expected {expected}, it is a precertificate {seen_from(seen)}; install the certificate itself"
        return Finding(Status.FAIL, message, expected, "a precertificate", leaf.evidence)
    return Finding(Status.PASS, f"it is no precertificate {seen_from(seen)}", expected, "none", leaf.evidence)


@endpoint_check(
    id="POP3S-CERT-011",
    title="Certificate of a public CA holds timestamps of logs",
    severity=Severity.LOW,
    categories=("default", "safe"),
    rationale="A certificate that no log knows may have been issued behind its owner's back; some clients refuse it.",
    remediation="Have it issued again by a CA that logs what it issues, which is what they do by default.",
    references=("RFC 6962 section 3.3", "RFC 9162"),
    applies=APPLIES_TO_PUBLIC,
    parameters={"minimum": Parameter(2, "signed certificate timestamps embedded, at least", 1, 10)},
)
@each_leaf
def timestamps(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Counted, not verified: the logs' keys are not here. Those in a TLS extension count where a hello was shown them,
    those in a staple are not looked at."""
    public = publicity_of(subject.trust, tls.certificates)
    if public.status is not Status.PASS:
        return _not_public(seen, public.status, public.words)
    minimum = int(subject.number("minimum"))
    expected = f"{minimum} embedded timestamps or more"
    count = subject.trust.extensions(tls.certificates[0]).timestamps or 0
    evidence = (*leaf.evidence, f"public CA: {public.words}", f"embedded timestamps {count}")
    beside = _beside(seen, tls.certificates[0])
    if count < minimum <= beside:
        words = f"{beside} timestamps beside the certificate, not verified"
        return Finding(Status.PASS, f"{words} {seen_from(seen)}", expected, words, evidence)
    if count < minimum:
        return Finding(
            Status.FAIL, f"expected {expected}, it has {count} {seen_from(seen)}", expected, str(count), evidence
        )
    return Finding(
        Status.PASS, f"{count} embedded timestamps, not verified {seen_from(seen)}", expected, str(count), evidence
    )


def _beside(seen: Observation, certificate: str) -> int:
    """Timestamps in the ServerHello that a certificate came with, at the most."""
    shown = seen.hello_certificates
    return max(
        (
            hello.scts or 0
            for hello in seen.hellos
            if hello.certificate is not None and shown[hello.certificate : hello.certificate + 1] == (certificate,)
        ),
        default=0,
    )


def _not_public(seen: Observation, status: Status, words: str) -> Finding:
    return not_tested(seen, words) if status is Status.NOT_TESTED else Finding(status, f"{words} {seen_from(seen)}")
