# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that is shown, on the POP3S port and behind STLS, and the chain that is sent."""

from __future__ import annotations

import itertools

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts, timestamp
from ..check import Parameter, endpoint_check
from ..issuing import Issuing, issuing
from ..leaf import APPLIES, each_chain, each_leaf, found_path
from ..model import Severity, Status
from ..names import common_name_only, matching_name, matching_srv_name, reference_name
from ..path import MAX_SENT, WEAK_HASHES, clock_note
from ..session import not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

SHORT_SERIAL = 32
"""Bits of a serial number up to which it is told: CAs of today take 64 random ones or more (Baseline Requirements
section 7.1)."""


@endpoint_check(
    id="POP3S-CERT-001",
    title="Certificate stands for the expected name",
    severity=Severity.CRITICAL,
    categories=("default", "safe"),
    rationale="A client that accepts another name's certificate talks to anybody.",
    remediation="Get a certificate whose subjectAltName holds the name clients use, or set pop3s_server_name to it.",
    references=("RFC 9525 section 6", "RFC 7817 section 3", "RFC 8314 section 3.1", "RFC 4985"),
    applies=APPLIES,
)
@each_leaf
def name_matches(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """DNS-ID or IP-ID; where the owner names a mail domain, its SRV-ID too. The common name is never looked at."""
    expected_text = seen.target.server_name or seen.target.address
    reference = reference_name(expected_text)
    expected = f"a subjectAltName for {expected_text}"
    presented = [*leaf.dns_names, *map(str, leaf.ip_addresses), *leaf.srv_names]
    observed = ", ".join(ascii(name)[1:-1] for name in presented[:20]) or "no DNS name and no IP address"
    if leaf.names_problem:
        return Finding(
            Status.FAIL,
            f"expected {expected}, but {leaf.names_problem} {seen_from(seen)}",
            expected,
            leaf.names_problem,
            leaf.evidence,
        )
    if reference.dns is None and reference.ip is None:
        return not_tested(seen, f"{quoted(expected_text)} is neither a domain name nor an IP address")
    service = matching_srv_name(seen.service, subject.plan.domains, leaf.srv_names)
    found = matching_name(reference, leaf.dns_names, leaf.ip_addresses)
    evidence = (*leaf.evidence, *(f"subjectAltName {name}" for name in presented[:100]))
    if found is None and service is not None:
        words = f"the SRV-ID {quoted(service)} of a mail domain it serves is in it, {expected_text} is not"
        return Finding(Status.PASS, f"{words} {seen_from(seen)}", expected, service, evidence)
    if found is None:
        hint = "; set pop3s_server_name if clients use a name" if reference.ip is not None else ""
        if common_name_only(reference, leaf.common_names):
            hint = "; its common name says so, which clients do not read"
        return Finding(
            Status.FAIL,
            f"expected {expected}, it stands for {observed} {seen_from(seen)}{hint}",
            expected,
            observed,
            evidence,
        )
    sent = "" if tls.server_name_sent or reference.ip is not None else "; no SNI was sent"
    return Finding(
        Status.PASS, f"{expected_text} is matched by {quoted(found)} {seen_from(seen)}{sent}", expected, found, evidence
    )


@endpoint_check(
    id="POP3S-CERT-002",
    title="Certificate leads to a trust anchor",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="Without a path to an anchor that clients trust, anybody can make the certificate.",
    remediation="Send the intermediate certificates, use a CA that clients trust, or give the private CA's file here.",
    references=("RFC 5280 section 6", "RFC 8314 section 4.4", "PCI DSS 4.0.1 4.2.1"),
    applies=APPLIES,
)
@each_leaf
def path_to_anchor(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """A path by our own policy, so that private CAs are welcome. Expiry of the leaf is another check's."""
    trust = subject.trust
    path = trust.path(tls.certificates)
    expected = f"a path to one of the {len(trust.anchors.certificates)} anchors of {trust.anchors.source}"
    note = clock_note(path)
    if path.status is Status.PASS:
        links = " <- ".join(quoted(c.subject.rfc4514_string()) for c in path.chain)
        return Finding(Status.PASS, f"{path.message}{note}: {links} {seen_from(seen)}", expected, links, leaf.evidence)
    # A chain that this Python could not show whole may have had the missing link in it; of a leaf that only hellos were
    # shown nothing but itself was recorded.
    status = path.status
    whole = tls is seen.tls and tls.chain_source == "handshake"
    if status is Status.FAIL and not whole and not leaf.self_issued:
        status = Status.NOT_TESTED
    partial = "" if status is path.status else " (only the leaf could be seen)"
    return Finding(
        status, f"expected {expected}: {path.message}{note}{partial} {seen_from(seen)}", expected, path.message,
        (*leaf.evidence, f"certificates sent {len(tls.certificates)}"),
    )  # fmt: skip


@endpoint_check(
    id="POP3S-CERT-003",
    title="Certificate is valid and is renewed in time",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="An expired certificate stops every careful client; one that nobody renews will be expired.",
    remediation="Renew the certificate, and reload the server so that it shows the new one.",
    references=("RFC 5280 section 4.1.2.5", "PCI DSS 4.0.1 4.2.1", "CA/Browser Forum SC-081v3"),
    applies=APPLIES,
    parameters={
        "minimum_left": Parameter(0.1, "share of the lifetime that must be left", 0.0, 1.0),
        "note_left": Parameter(1 / 3, "share of the lifetime under which a note is made", 0.0, 1.0),
    },
)
@each_leaf
def validity(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Shares, not days: lifetimes run from six days to years."""
    minimum = subject.number("minimum_left")
    expected = f"valid, with {minimum:.0%} of its lifetime left"
    at, start, end = subject.at, leaf.not_before, leaf.not_after
    if start is None or end is None:
        return not_tested(seen, "its dates can't be read")
    dates = f"{timestamp(start)} to {timestamp(end)}"
    if at > end:
        return Finding(
            Status.FAIL,
            f"expected {expected}: expired at {timestamp(end)} {seen_from(seen)}; renew it",
            expected,
            f"expired ({dates})",
            leaf.evidence,
        )
    if at < start or end <= start:
        return Finding(
            Status.FAIL,
            f"expected {expected}: valid only {dates} {seen_from(seen)}; check its dates and the clocks",
            expected,
            f"not yet valid ({dates})",
            leaf.evidence,
        )
    left = (end - at) / (end - start)
    observed = f"{left:.0%} of its lifetime left, until {timestamp(end)}"
    if left < minimum:
        return Finding(
            Status.FAIL,
            f"expected {expected}: {observed} {seen_from(seen)}; renew it now",
            expected,
            observed,
            leaf.evidence,
        )
    note = "; its renewal is due" if left < subject.number("note_left") else ""
    return Finding(Status.PASS, f"{observed}{note} {seen_from(seen)}", expected, observed, leaf.evidence)


@endpoint_check(
    id="POP3S-CERT-004",
    title="Key type and size",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A short key can be broken, and with it every session it protects.",
    remediation="Make a new key (RSA of 2048 bits or more, or EC P-256) and have it certified.",
    references=("RFC 9325 section 4.5", "NIST SP 800-52r2 section 3.2", "RFC 8410"),
    applies=APPLIES,
    parameters={
        "rsa_bits": Parameter(2048, "least size of an RSA modulus, in bits", 1024, 65536),
        "curves": Parameter(("secp256r1", "secp384r1", "secp521r1"), "curves of EC keys, in OpenSSL's words"),
        "others": Parameter(
            ("Ed25519", "Ed448"), "other kinds of keys", choices=("Ed25519", "Ed448"), may_be_empty=True
        ),
    },
)
@each_leaf
def key_size(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """The leaf's key, by the kinds a profile names."""
    bits, curves, others = subject.number("rsa_bits"), subject.words("curves"), subject.words("others")
    expected = f"RSA of {bits:g} bits, or EC on {', '.join(curves)}{''.join(f', or {one}' for one in others)}"
    key = leaf.key
    if key.kind == "unknown":
        return not_tested(seen, "the kind of its public key is not known to the library")
    if key.kind == "RSA":
        good = (
            key.bits is not None
            and key.bits >= bits
            and key.exponent is not None
            and key.exponent >= 3
            and key.exponent % 2 == 1
        )
    elif key.kind == "EC":
        good = key.curve in curves
    else:
        good = key.kind in others
    if good:
        return Finding(Status.PASS, f"{key} {seen_from(seen)}", expected, str(key), (*leaf.evidence, f"key {key}"))
    odd = f", exponent {key.exponent}" if key.kind == "RSA" and (key.exponent or 0) < 3 else ""
    return Finding(
        Status.FAIL,
        f"expected {expected}, got {key}{odd} {seen_from(seen)}; make a new key",
        expected,
        f"{key}{odd}",
        (*leaf.evidence, f"key {key}"),
    )


@endpoint_check(
    id="POP3S-CERT-005",
    title="Signature algorithms of the certificates",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A signature over MD5 or SHA-1 can be moved to a forged certificate.",
    remediation="Have the certificate issued again with SHA-256 or better.",
    references=("RFC 9155", "RFC 8446 section 4.4.2.2", "RFC 4055"),
    applies=APPLIES,
)
@each_leaf
def signature_algorithms(
    subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts
) -> Finding:
    """Every certificate sent, save an anchor or a self-signed one behind the leaf: nobody relies on its signature."""
    expected = "no MD5 and no SHA-1"
    trust = subject.trust
    chain = [(text, trust.facts(text)) for text in tls.certificates[:MAX_SENT]]
    judged = [
        facts
        for number, (text, facts) in enumerate(chain)
        if number == 0 or not (trust.is_anchor(facts) or trust.is_self_signed(text))
    ]
    lines = tuple(f"{facts.signature or 'unreadable'}: {facts.subject}" for facts in judged)
    weak = [facts for facts in judged if facts.signature_hash in WEAK_HASHES]
    if weak:
        names = ", ".join(f"{facts.signature} on {quoted(facts.subject)}" for facts in weak)
        return Finding(
            Status.FAIL,
            f"expected {expected}, got {names} {seen_from(seen)}; have it issued again",
            expected,
            names,
            (*lines, *leaf.evidence),
        )
    unknown = [facts for facts in judged if not facts.signature_known]
    if unknown:
        return not_tested(
            seen, f"a signature algorithm is not known: {unknown[0].signature or 'unreadable certificate'}"
        )
    if tls.chain_source != "handshake":
        return not_tested(
            seen, f"the leaf has {leaf.signature}; the rest of the chain could not be seen by this Python"
        )
    names = ", ".join(dict.fromkeys(facts.signature for facts in judged))
    return Finding(Status.PASS, f"{names} on {len(judged)} certificates {seen_from(seen)}", expected, names, lines)


@endpoint_check(
    id="POP3S-CERT-006",
    title="Chain is sent in order",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="Each certificate must certify the one before it; some clients do not sort.",
    remediation="Put leaf, then its issuer, then the next into the certificate file, and nothing else.",
    references=("RFC 5246 section 7.4.2", "RFC 8446 section 4.4.2"),
    applies=APPLIES,
)
@each_chain
def chain_order(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Names and signatures link each to the next; an anchor at the end is only superfluous."""
    expected = "each certificate issued by the next"
    if tls.chain_source != "handshake":
        return not_tested(seen, "the chain as sent could not be seen by this Python")
    if len(tls.certificates) > MAX_SENT:
        return Finding(
            Status.FAIL,
            f"expected {expected}, got {len(tls.certificates)} certificates {seen_from(seen)}",
            expected,
            f"{len(tls.certificates)} certificates",
        )
    chain = [subject.trust.facts(text) for text in tls.certificates]
    lines = tuple(f"{n} subject {f.subject} issuer {f.issuer}" for n, f in enumerate(chain))
    for number, (child, parent) in enumerate(itertools.pairwise(chain), 1):
        if parent.transport_problem:
            return Finding(
                Status.ERROR,
                f"certificate {number}: {parent.transport_problem}: the journal is damaged",
                expected,
                "",
                lines,
                "journal",
            )
        problem = _link(child, parent)
        if problem is not None:
            status, words = problem
            return Finding(
                status,
                f"expected {expected}; certificate {number} {words} {seen_from(seen)}; put the chain in order",
                expected,
                words,
                lines,
            )
    anchor = (
        "; the trust anchor is sent too, which clients do not need"
        if len(chain) > 1 and (subject.trust.is_anchor(chain[-1]) or chain[-1].self_issued)
        else ""
    )
    return Finding(
        Status.PASS,
        f"{len(chain)} certificates in order{anchor} {seen_from(seen)}",
        expected,
        f"{len(chain)} in order",
        lines,
    )


def _link(child: CertificateFacts, parent: CertificateFacts) -> tuple[Status, str] | None:
    """What is wrong between a certificate and the one behind it; ``None``: nothing."""
    if parent.certificate is None or child.certificate is None:
        return Status.FAIL, "can't be parsed"
    if child.certificate.issuer != parent.certificate.subject:
        return Status.FAIL, f"is {quoted(parent.subject)}, not the issuer of the one before it"
    answer = issuing(child.certificate, parent.certificate)
    if answer is Issuing.UNTOLD:
        return Status.NOT_TESTED, "has a signature the library can't verify"
    return None if answer is Issuing.YES else (Status.FAIL, "did not sign the one before it")


@endpoint_check(
    id="POP3S-CERT-007",
    title="Path keeps to the Internet and Web PKI profile",
    severity=Severity.INFO,
    categories=("default", "safe"),
    rationale="Strict clients refuse certificates that others take; private CAs often leave extensions out.",
    remediation="Issue the certificates again with the extensions named.",
    references=("RFC 5280 section 4", "CA/Browser Forum Baseline Requirements section 7.1"),
    applies=APPLIES,
)
@each_leaf
def profile_deviations(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Each departure on the path that was found, one by one."""
    expected = "every extension that the profile asks for"
    path = found_path(subject, seen, tls)
    if isinstance(path, Finding):
        return path
    found = subject.trust.deviations(tls.certificates)
    if found:
        return Finding(
            Status.FAIL,
            f"{len(found)} departures from the profile: {'; '.join(found)} {seen_from(seen)}",
            expected,
            "; ".join(found),
            found,
        )
    short = len(leaf.serial) * 4 <= SHORT_SERIAL
    note = f"; its serial number {leaf.serial} is short enough to be guessed" if short else ""
    return Finding(
        Status.PASS, f"no departure on a path of {len(path.chain)}{note} {seen_from(seen)}", expected, "none"
    )
