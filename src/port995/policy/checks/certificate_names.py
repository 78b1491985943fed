# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in a certificate that help nobody: no client can match them, or none looks where they stand."""

from __future__ import annotations

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts
from ..check import endpoint_check
from ..leaf import APPLIES, each_leaf
from ..model import Severity, Status
from ..names import is_host_name, unusable
from ..session import not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from


@endpoint_check(
    id="POP3S-CERT-017",
    title="Every name in the certificate can be used",
    severity=Severity.INFO,
    categories=("default", "safe"),
    rationale="A name that no client can match looks like protection to its owner, and to no client.",
    remediation="Have it issued with each name as a DNS name of its own; a wildcard only as *.example.org.",
    references=("RFC 9525 sections 2 and 6.3", "RFC 7817 section 3", "CA/Browser Forum Baseline Requirements 7.1.4"),
    applies=APPLIES + "; not to a certificate with no name of a host at all",
)
@each_leaf
def names_usable(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Wildcards elsewhere than as the left-most label, addresses as DNS names, names in the common name alone."""
    expected = "names that clients can match"
    if leaf.names_problem and not leaf.names_problem.endswith("no subjectAltName"):
        return not_tested(seen, leaf.names_problem)
    presented = {name.lower() for name in leaf.dns_names} | {str(ip) for ip in leaf.ip_addresses}
    common = [name for name in leaf.common_names if is_host_name(name)]
    odd = [f"{quoted(name)} {why}" for name in leaf.dns_names if (why := unusable(name))]
    odd += [
        f"{quoted(name)} stands in the common name alone, where no client looks"
        for name in common
        if name.lower() not in presented
    ]
    if odd:
        return Finding(
            Status.FAIL, f"expected {expected}, but {odd[0]} {seen_from(seen)}", expected, odd[0], tuple(odd[:100])
        )
    if not presented and not common and not leaf.srv_names:
        return Finding(Status.NOT_APPLICABLE, f"it has no name of a host at all {seen_from(seen)}")
    count = len(leaf.dns_names) + len(leaf.ip_addresses) + len(leaf.srv_names)
    return Finding(
        Status.PASS, f"{count} names, each of use {seen_from(seen)}", expected, f"{count} names",
        tuple(f"SRV-ID {name}" for name in leaf.srv_names[:100]),
    )  # fmt: skip
