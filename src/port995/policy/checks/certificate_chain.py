# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the chain is sent and what is not, and whether its CAs may certify the names in the leaf."""

from __future__ import annotations

from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts
from ..check import endpoint_check
from ..issuing import Issuing
from ..leaf import APPLIES, each_chain, each_leaf, found_path
from ..model import Severity, Status
from ..name_constraints import judge_names, leaf_names
from ..path import MAX_SENT
from ..session import not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

NOT_SEEN = "the chain as sent could not be seen by this Python"


@endpoint_check(
    id="POP3S-CERT-014",
    title="Intermediate certificates are sent",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="A client that has only the roots finds no path through a certificate that nobody sends.",
    remediation="Put the intermediate certificate behind the leaf in the server's certificate file.",
    references=("RFC 8446 section 4.4.2", "RFC 5246 section 7.4.2"),
    applies=APPLIES + "; not where the certificate is itself a trust anchor",
)
@each_chain
def intermediates_sent(
    subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts
) -> Finding:
    """The path ended in an intermediate certificate that stands among the anchors beside its root, and was not sent."""
    expected = "every certificate between the leaf and a root"
    if tls.chain_source != "handshake":
        return not_tested(seen, NOT_SEEN)
    path = found_path(subject, seen, tls)
    if isinstance(path, Finding):
        return path
    anchor, trust = path.chain[-1], subject.trust
    name = quoted(anchor.subject.rfc4514_string())
    if len(path.chain) == 1:
        return Finding(Status.NOT_APPLICABLE, f"the certificate is itself a trust anchor {seen_from(seen)}")
    sent = any(trust.facts(text).certificate == anchor for text in tls.certificates[1:MAX_SENT])
    # What stands in the machine's own store has every client of that kind of machine, a root or not.
    above = Issuing.NO if sent or trust.anchors.from_system else trust.root_above(anchor)
    if above is Issuing.UNTOLD:
        return not_tested(seen, f"whether {name} is a root or an intermediate certificate can't be verified")
    if above is Issuing.YES:
        return Finding(
            Status.FAIL,
            f"expected {expected}, {name} was not sent and is known only from {trust.anchors.source}"
            f" {seen_from(seen)}; send it",
            expected,
            f"not sent: {name}",
            (*leaf.evidence, f"certificates sent {len(tls.certificates)}"),
        )
    between = len(path.chain) - 2
    return Finding(
        Status.PASS, f"{between} certificates between the leaf and {name}, all sent {seen_from(seen)}", expected,
        f"{between} sent", leaf.evidence,
    )  # fmt: skip


@endpoint_check(
    id="POP3S-CERT-015",
    title="Trust anchor is not sent",
    severity=Severity.INFO,
    categories=("default", "safe"),
    rationale="Who trusts the anchor has it, and who does not will not take it from here: it costs every handshake.",
    remediation="Leave the self-signed certificate at the end out of the server's certificate file.",
    references=("RFC 8446 section 4.4.2", "RFC 5246 section 7.4.2"),
    applies=APPLIES + "; not where the server's own certificate is self-signed",
)
@each_chain
def anchor_not_sent(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    """Told, no fault: both versions of the protocol allow it."""
    expected = "no self-signed certificate behind the leaf"
    if tls.chain_source != "handshake":
        return not_tested(seen, NOT_SEEN)
    trust = subject.trust
    if trust.is_self_signed(tls.certificates[0]):
        return Finding(Status.NOT_APPLICABLE, f"the server's own certificate is self-signed {seen_from(seen)}")
    behind = [(text, trust.facts(text)) for text in tls.certificates[1:MAX_SENT]]
    needless = [facts for text, facts in behind if trust.is_self_signed(text)]
    if needless:
        name = quoted(needless[0].subject)
        return Finding(
            Status.FAIL, f"{name} is self-signed and sent, which no client needs {seen_from(seen)}; leave it out",
            expected, f"sent: {name}", (*leaf.evidence, *needless[0].evidence),
        )  # fmt: skip
    if any(facts.certificate is None for _text, facts in behind):
        return not_tested(seen, "a certificate behind the leaf can't be parsed")
    return Finding(Status.PASS, f"{len(behind)} certificates behind the leaf {seen_from(seen)}", expected, "none")


@endpoint_check(
    id="POP3S-CERT-016",
    title="Names are those that its CAs may certify",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="A CA that is limited to some names and certifies others was misused; careful clients refuse its paper.",
    remediation="Have the certificate issued by a CA that may certify the name, or with names inside its limits.",
    references=("RFC 5280 section 4.2.1.10", "RFC 5280 section 6.1.4"),
    applies=APPLIES + "; not where no CA on the path has name constraints",
)
@each_leaf
def name_constraints(
    subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts
) -> Finding:
    """Permitted and excluded DNS names, IP addresses and directory names, those of the anchor too."""
    expected = "every name inside the name constraints of the CAs above it"
    issuers, complete = subject.trust.issuers(tls.certificates)
    if leaf.certificate is None:
        return not_tested(seen, "the certificate can't be parsed")
    try:
        names = leaf_names(leaf.certificate, leaf.dns_names, leaf.ip_addresses)
    except ValueError as error:
        return not_tested(seen, str(error))
    violations: list[str] = []
    undecided: list[str] = []
    limited = 0
    for issuer in issuers:
        extensions = subject.trust.extensions_of(issuer)
        name = quoted(issuer.subject.rfc4514_string())
        if extensions.problem:
            undecided.append(f"{name}: {extensions.problem}")
        if extensions.name_constraints is not None:
            limited += 1
            judged = judge_names(extensions.name_constraints, names)
            violations += [f"{words} of {name}" for words in judged.violations]
            undecided += [f"{name} has {words}, which are not judged here" for words in judged.undecided]
    if violations:
        return Finding(
            Status.FAIL, f"expected {expected}: {violations[0]} {seen_from(seen)}", expected, violations[0],
            (*violations, *leaf.evidence),
        )  # fmt: skip
    if undecided:
        return not_tested(seen, undecided[0])
    if not complete:
        return not_tested(seen, "the certificates sent lead to no trust anchor, so not every CA above it was seen")
    if not limited:
        return Finding(Status.NOT_APPLICABLE, f"no CA on the path has name constraints {seen_from(seen)}")
    return Finding(
        Status.PASS, f"every name is inside the constraints of {limited} CAs {seen_from(seen)}", expected, "inside",
        leaf.evidence,
    )  # fmt: skip
