# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a certificate lasts, whoever issued it: a limit that a profile sets."""

from __future__ import annotations

import datetime

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts
from ..check import Parameter, endpoint_check
from ..leaf import APPLIES, each_leaf
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from

DAY = datetime.timedelta(days=1)


@endpoint_check(
    id="POP3S-CERT-018",
    title="Lifetime is no longer than the profile allows",
    severity=Severity.LOW,
    categories=("safe",),
    rationale="A stolen key is good for as long as its certificate lasts, since few clients ask about revocation.",
    remediation="Have it issued again for a shorter time, and let it be renewed without hands (ACME).",
    references=("Mozilla Server Side TLS 6.0 (certificate lifespan)",),
    applies=APPLIES,
    parameters={"days": Parameter(398, "days that a certificate may last at the most", 1, 10000)},
)
@each_leaf
def short_lived(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Both ends count (RFC 5280 section 4.1.2.5), and a part of a day is a day."""
    most = int(subject.number("days"))
    expected = f"{most} days at the most"
    start, end = leaf.not_before, leaf.not_after
    if start is None or end is None or end < start:
        return not_tested(seen, "its dates can't be read")
    days = -(-(end - start + datetime.timedelta(seconds=1)) // DAY)
    observed = f"{days} days"
    if days > most:
        return Finding(
            Status.FAIL, f"expected {expected}, it lasts {observed} {seen_from(seen)}; have it issued for less",
            expected, observed, leaf.evidence,
        )  # fmt: skip
    return Finding(Status.PASS, f"it lasts {observed} {seen_from(seen)}", expected, observed, leaf.evidence)
