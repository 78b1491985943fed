# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS on the POP3S port: from the first byte, and in a version that is still good."""

from __future__ import annotations

from ...probe.model import Observation
from ..check import Parameter, endpoint_check
from ..model import Severity, Status
from ..session import APPLIES, completed_tls, each_session, not_tested, tls_words
from ..subject import EndpointSubject, Finding, quoted, seen_from

VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""Oldest first, in OpenSSL's words."""


def spoken_in_clear(seen: Observation) -> str | None:
    """What the service said in clear text where TLS was expected; ``None``: nothing."""
    if seen.plaintext:
        return seen.plaintext
    if seen.clear is not None and seen.clear.greeting is not None:
        return seen.clear.greeting
    return "" if seen.tls is not None and seen.tls.outcome == "not-tls" else None


@endpoint_check(
    id="POP3S-TLS-001",
    title="TLS from the first byte",
    severity=Severity.CRITICAL,
    categories=("default", "safe"),
    rationale="Implicit TLS leaves no clear text to strip or inject into; clients on this port expect it.",
    remediation="Switch TLS on for this listener (Dovecot: `ssl = yes` in the inet_listener pop3s).",
    references=("RFC 8314 section 3.1", "RFC 9325 section 3.2", "PCI DSS 4.0.1 4.2.1"),
    applies=APPLIES,
)
@each_session
def tls_from_first_byte(subject: EndpointSubject, seen: Observation) -> Finding:
    """A handshake that completed proves it; something else that was spoken disproves it; silence does neither."""
    expected = "a TLS handshake as the first thing on the connection"
    spoken = spoken_in_clear(seen)
    if spoken is not None:
        words = f"not TLS but {quoted(spoken) if spoken else 'something else'}"
        return Finding(
            Status.FAIL,
            f"expected TLS, the service spoke {words} {seen_from(seen)}; switch TLS on",
            expected,
            words,
            (spoken,) if spoken else (),
        )
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    return Finding(Status.PASS, f"the handshake completed {seen_from(seen)}", expected, tls_words(seen))


@endpoint_check(
    id="POP3S-TLS-002",
    title="Negotiated protocol version",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="TLS 1.0 and 1.1 and all of SSL are broken or withdrawn.",
    remediation="Raise the lowest version (Dovecot: ssl_min_protocol = TLSv1.2).",
    references=("RFC 8996", "RFC 8997", "RFC 9325 section 3.1.1", "NIST SP 800-52r2 section 3.1"),
    applies=APPLIES,
    parameters={"minimum": Parameter(("TLSv1.2",), "oldest version accepted, in OpenSSL's words", choices=VERSIONS)},
)
@each_session
def negotiated_version(subject: EndpointSubject, seen: Observation) -> Finding:
    """One session shows one version; that older ones are off is not claimed."""
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    minimum = max(VERSIONS.index(word) for word in subject.words("minimum"))
    expected = f"{VERSIONS[minimum]} or newer"
    if tls.version not in VERSIONS:
        return not_tested(seen, f"the negotiated version is not known ({quoted(tls.version)})")
    scope = "negotiated in one session; whether older versions are refused was not asked"
    if VERSIONS.index(tls.version) < minimum:
        return Finding(
            Status.FAIL,
            f"expected {expected}, got {tls.version} {seen_from(seen)}; raise the lowest version",
            expected,
            tls.version,
            (f"version {tls.version}",),
        )
    return Finding(
        Status.PASS,
        f"{tls.version} was {scope}, {seen_from(seen)}",
        expected,
        tls.version,
        (f"version {tls.version}", f"cipher suite {tls.cipher_suite}"),
    )
