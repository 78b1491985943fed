# SPDX-License-Identifier: GPL-3.0-or-later
"""The certification path to a trust anchor (RFC 5280 section 6), by the verifier of ``cryptography``.

Its Web PKI defaults refuse a plain ``openssl req -x509`` CA (no keyUsage) that every mail client's TLS library takes,
so the policy here asks only for what makes a path: basicConstraints of a CA, keyUsage and extendedKeyUsage where they
are present; the verifier itself adds signatures, validity, path length, name constraints and unknown critical
extensions. What the Web PKI asks beyond that is listed by `deviations`, as a finding of its own.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re

from .certificate import CertificateFacts, one_line, read_certificate, timestamp
from .crl import NO_CRLS, Crls, Revocation, revocation_of
from .extensions import Extensions, extensions_of
from .issuing import Issuing, is_self_signed, issuing
from .libraries import oid, verification, x509
from .model import Status
from .trust import Anchors

MAX_DEPTH = 8
"""CA certificates between the leaf and the anchor."""

MAX_SENT = 32
"""Certificates of a chain that are looked at; more is no chain."""

WEAK_HASHES = ("md2", "md5", "sha1")


@dataclasses.dataclass(frozen=True)
class PathResult:
    """Whether a path to an anchor exists."""

    status: Status
    """``pass``, ``fail`` or ``not_tested`` (the verifier can't judge an algorithm in it)."""

    message: str
    chain: tuple[x509.Certificate, ...] = dataclasses.field(default=(), repr=False)
    """Leaf first, anchor last, when it was found."""

    clock: datetime.datetime | None = None
    """The moment it was validated at."""

    clamped: bool = False
    """That moment is not the judgement's clock but the nearest inside the leaf's validity: expiry has its own check."""


class Trust:
    """Trust anchors with a memory: the same certificate or chain, seen on a thousand endpoints, is read once.

    The memory is of pure functions, so it never changes an answer.
    """

    def __init__(self, anchors: Anchors, at: datetime.datetime, crls: Crls = NO_CRLS) -> None:
        self.anchors = anchors
        self.at = at
        self.crls = crls
        self._store: verification.Store | None = None
        self._stores: dict[x509.Certificate, verification.Store] = {}
        self._facts: dict[str, CertificateFacts] = {}
        self._paths: dict[tuple[str, ...], PathResult] = {}
        self._deviations: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._extensions: dict[x509.Certificate, Extensions] = {}
        self._roots: dict[x509.Certificate, Issuing] = {}
        self._revoked: dict[tuple[str, ...], tuple[Revocation, ...]] = {}
        self._self_signed: dict[str, bool] = {}
        self._issuers: dict[tuple[str, ...], tuple[tuple[x509.Certificate, ...], bool]] = {}
        self._known = frozenset(anchors.certificates)

    def at_moment(self, at: datetime.datetime) -> Trust:
        """The same with another clock; what no clock changes is remembered for both."""
        other = Trust(self.anchors, at, self.crls)
        if self._store is None and self.anchors.certificates:
            self._store = verification.Store(list(self.anchors.certificates))
        other._store = self._store
        for shared in ("_stores", "_facts", "_extensions", "_roots", "_self_signed"):
            setattr(other, shared, getattr(self, shared))
        return other

    def facts(self, text: str) -> CertificateFacts:
        """Facts of a certificate given as base64 of its DER."""
        if text not in self._facts:
            self._facts[text] = read_certificate(text)
        return self._facts[text]

    def extensions(self, text: str) -> Extensions:
        """Extensions of a certificate that can be read, given as base64 of its DER."""
        certificate = self.facts(text).certificate
        return Extensions(problem="it can't be parsed") if certificate is None else self.extensions_of(certificate)

    def extensions_of(self, certificate: x509.Certificate) -> Extensions:
        """Extensions of a certificate."""
        if certificate not in self._extensions:
            self._extensions[certificate] = extensions_of(certificate)
        return self._extensions[certificate]

    def root_above(self, anchor: x509.Certificate) -> Issuing:
        """Whether another of the anchors issued this one, which is then no root but an intermediate certificate."""
        if anchor not in self._roots:
            others = [c for c in self.anchors.certificates if c.subject == anchor.issuer and c != anchor]
            answers = [] if is_self_signed(anchor) else [issuing(anchor, one) for one in others]
            told = next((one for one in (Issuing.YES, Issuing.UNTOLD) if one in answers), Issuing.NO)
            self._roots[anchor] = told
        return self._roots[anchor]

    def revocation(self, chain: tuple[str, ...]) -> tuple[Revocation, ...]:
        """What the run's CRLs say of each certificate on the path of a chain but the anchor, the leaf first."""
        if chain not in self._revoked:
            path = self.path(chain).chain
            self._revoked[chain] = tuple(
                revocation_of(child, parent, self.extensions_of(child), bool(index), self.crls, self.at)
                for index, (child, parent) in enumerate(itertools.pairwise(path))
            )
        return self._revoked[chain]

    def is_self_signed(self, text: str) -> bool:
        """Whether a certificate given as base64 of its DER is signed with its own key: an anchor, or meant as one."""
        if text not in self._self_signed:
            certificate = self.facts(text).certificate
            self._self_signed[text] = certificate is not None and is_self_signed(certificate)
        return self._self_signed[text]

    def issuers(self, chain: tuple[str, ...]) -> tuple[tuple[x509.Certificate, ...], bool]:
        """The CA certificates above a leaf, and whether they end in an anchor: those of the path, or, where the
        verifier refuses it, those that certify each other by name and signature."""
        if chain not in self._issuers:
            path = self.path(chain)
            self._issuers[chain] = (path.chain[1:], True) if path.status is Status.PASS else self._linked(chain)
        return self._issuers[chain]

    def _linked(self, chain: tuple[str, ...]) -> tuple[tuple[x509.Certificate, ...], bool]:
        current = self.facts(chain[0]).certificate if chain else None
        sent = [c for text in chain[1:MAX_SENT] if (c := self.facts(text).certificate) is not None]
        found: list[x509.Certificate] = []
        while current is not None and len(found) <= MAX_DEPTH:
            if current in self._known:
                return tuple(found), True
            candidates = (*(c for c in self.anchors.certificates if c.subject == current.issuer), *sent)
            parent = next((c for c in candidates if issuing(current, c) is Issuing.YES and c not in found), None)
            if parent is not None:
                found.append(parent)
            current = parent
        return tuple(found), False

    def path(self, chain: tuple[str, ...]) -> PathResult:
        """Path of a chain as sent (leaf first, base64 of DER) to an anchor."""
        if chain not in self._paths:
            self._paths[chain] = self._find(chain)
        return self._paths[chain]

    def deviations(self, chain: tuple[str, ...]) -> tuple[str, ...]:
        """Where the path of a chain departs from the Web PKI profile; see `deviations`."""
        if chain not in self._deviations:
            path = self.path(chain)
            self._deviations[chain] = deviations(path) or self._strictly(path, self.facts(chain[0]))
        return self._deviations[chain]

    def _strictly(self, path: PathResult, leaf: CertificateFacts) -> tuple[str, ...]:
        """What the verifier's own Web PKI defaults say of a path in which `deviations` finds nothing."""
        name: x509.DNSName | x509.IPAddress
        if len(path.chain) < 2 or path.clock is None:
            return ()
        try:
            if leaf.dns_names:
                name = x509.DNSName(leaf.dns_names[0].replace("*", "any", 1))
            elif leaf.ip_addresses:
                name = x509.IPAddress(leaf.ip_addresses[0])
            else:
                return ("leaf: has no subjectAltName with a DNS name or an IP address",)
            builder = verification.PolicyBuilder().store(self._store_of(path.chain[-1])).time(_naive(path.clock))
            builder.build_server_verifier(name).verify(path.chain[0], list(path.chain[1:-1]))
        except Exception as error:  # noqa: BLE001 - a refusal, or hostile names
            return (f"a strict verifier says: {one_line(error)}",)
        return ()

    def _store_of(self, anchor: x509.Certificate) -> verification.Store:
        if anchor not in self._stores:
            self._stores[anchor] = verification.Store([anchor])
        return self._stores[anchor]

    def is_anchor(self, facts: CertificateFacts) -> bool:
        """Whether this very certificate is a trust anchor."""
        return facts.certificate is not None and facts.certificate in self._known

    def _find(self, chain: tuple[str, ...]) -> PathResult:
        if not chain:
            return PathResult(Status.NOT_TESTED, "no certificate was seen")
        leaf = self.facts(chain[0])
        if leaf.certificate is None or leaf.not_before is None or leaf.not_after is None:
            return PathResult(Status.FAIL, f"the server's certificate is unusable: {leaf.problem}")
        if not self.anchors.certificates:
            return PathResult(Status.NOT_TESTED, "there are no trust anchors to judge by: give a CA file")
        sent = [self.facts(text) for text in chain[1:MAX_SENT]]
        clock = min(max(self.at, leaf.not_before), leaf.not_after)
        clamped = clock != self.at
        if self.is_anchor(leaf):
            return PathResult(
                Status.PASS, "the certificate is itself a trust anchor", (leaf.certificate,), clock, clamped
            )
        intermediates = [facts.certificate for facts in sent if facts.certificate is not None]
        try:
            if self._store is None:
                self._store = verification.Store(list(self.anchors.certificates))
            verifier = (
                verification.PolicyBuilder()
                .store(self._store)
                .time(_naive(clock))
                .max_chain_depth(MAX_DEPTH)
                .extension_policies(ca_policy=_ca_policy(), ee_policy=_leaf_policy())
                # The verifier for clients, since it takes no name: names are a check of their own. What a server's
                # certificate is for is asked by our own policy.
                .build_client_verifier()
            )
        except AttributeError as error:
            return PathResult(
                Status.NOT_TESTED,
                f"this cryptography can't validate paths by a policy ({one_line(error)}): install version 45 or newer",
            )
        try:
            return PathResult(
                Status.PASS,
                "a path was found",
                tuple(verifier.verify(leaf.certificate, intermediates).chain),
                clock,
                clamped,
            )
        except verification.VerificationError as error:
            return self._refused(one_line(error), leaf, sent, clock, clamped)
        except Exception as error:  # noqa: BLE001 - hostile certificates: whatever the library raises proves no path
            return PathResult(Status.NOT_TESTED, f"the verifier gave up: {one_line(error)}", (), clock, clamped)

    def _refused(
        self, reason: str, leaf: CertificateFacts, sent: list[CertificateFacts], clock: datetime.datetime, clamped: bool
    ) -> PathResult:
        """Tell a chain that is bad from an algorithm that the verifier does not know."""
        relied_on = (leaf, *(facts for facts in sent if not facts.self_issued))
        weak = sorted({facts.signature for facts in relied_on if facts.signature_hash in WEAK_HASHES})
        if weak:
            return PathResult(
                Status.FAIL, f"no path that rests on sound signatures: {', '.join(weak)}", (), clock, clamped
            )
        if "Forbidden" in reason:
            what = re.sub(r"AlgorithmIdentifier.*params: (\w+).*", r"\1", reason)
            return PathResult(
                Status.NOT_TESTED, f"the verifier does not judge an algorithm on the path ({what})", (), clock, clamped
            )
        if "constraint" in reason and ("unsupported" in reason or "malformed" in reason):
            # A form of name constraints that it does not read: POP3S-CERT-016 does.
            return PathResult(
                Status.NOT_TESTED, f"the verifier does not judge the name constraints ({reason})", (), clock, clamped
            )
        if leaf.self_issued:
            return PathResult(Status.FAIL, "the certificate is self-signed and no trust anchor", (), clock, clamped)
        if "no interior errors" in reason:
            return PathResult(
                Status.FAIL, f"no trust anchor and no certificate sent is the issuer {leaf.issuer!a}"
                if not any(f.subject == leaf.issuer for f in sent)
                else "the certificates sent lead to no trust anchor", (), clock, clamped,
            )  # fmt: skip
        return PathResult(Status.FAIL, reason, (), clock, clamped)


def _naive(moment: datetime.datetime) -> datetime.datetime:
    """The verifier takes UTC without a zone."""
    return moment.astimezone(datetime.UTC).replace(tzinfo=None)


def _ca_policy() -> verification.ExtensionPolicy:
    agnostic = verification.Criticality.AGNOSTIC
    return (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, agnostic, _is_ca)
        .may_be_present(x509.KeyUsage, agnostic, _may_sign_certificates)
        .may_be_present(x509.ExtendedKeyUsage, agnostic, _is_for_servers)
    )


def _leaf_policy() -> verification.ExtensionPolicy:
    return verification.ExtensionPolicy.permit_all().may_be_present(
        x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, _is_for_servers
    )


def _is_ca(policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("basicConstraints does not say it is a CA")


def _may_sign_certificates(
    policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("keyUsage of a CA lacks keyCertSign")


def _is_for_servers(
    policy: verification.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    allowed = (oid.ExtendedKeyUsageOID.SERVER_AUTH, oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(purpose in allowed for purpose in usage):
        raise ValueError("extendedKeyUsage lacks serverAuth")


def deviations(path: PathResult) -> tuple[str, ...]:
    """Where a path that was found departs from RFC 5280 section 4 and the Web PKI profile that strict clients ask for.

    :returns: one line each, leaf first; none: it is in order
    """
    lines: list[str] = []
    for index, certificate in enumerate(path.chain):
        role = "leaf" if index == 0 else "anchor" if index == len(path.chain) - 1 else f"intermediate {index}"
        try:
            lines += [f"{role}: {what}" for what in _departures(certificate, index, len(path.chain))]
        except Exception as error:  # noqa: BLE001 - hostile extensions
            lines.append(f"{role}: its extensions can't be parsed: {one_line(error)}")
    return tuple(lines)


def _departures(certificate: x509.Certificate, index: int, length: int) -> list[str]:
    extensions = {extension.oid: extension for extension in certificate.extensions}
    oids = oid.ExtensionOID
    is_leaf, is_anchor = index == 0, index == length - 1
    found: list[str] = []
    if certificate.version is not x509.Version.v3:
        found.append("is not version 3")
    if not 0 < certificate.serial_number < 1 << 159:
        found.append("its serial number is not positive, or longer than 20 octets (RFC 5280 4.1.2.2)")
    key_usage = extensions.get(oids.KEY_USAGE)
    constraints = extensions.get(oids.BASIC_CONSTRAINTS)
    if not is_leaf:
        if constraints is not None and not constraints.critical:
            found.append("basicConstraints is not critical (RFC 5280 4.2.1.9)")
        if key_usage is None:
            found.append("has no keyUsage (RFC 5280 4.2.1.3)")
        if oids.SUBJECT_KEY_IDENTIFIER not in extensions:
            found.append("has no subjectKeyIdentifier (RFC 5280 4.2.1.2)")
        if not list(certificate.subject):
            found.append("has an empty subject (RFC 5280 4.1.2.6)")
    if not is_anchor and oids.AUTHORITY_KEY_IDENTIFIER not in extensions:
        found.append("has no authorityKeyIdentifier (RFC 5280 4.2.1.1)")
    if is_leaf:
        if constraints is not None and isinstance(constraints.value, x509.BasicConstraints) and constraints.value.ca:
            found.append("says it is a CA")
        if oids.EXTENDED_KEY_USAGE not in extensions:
            found.append("has no extendedKeyUsage (CA/Browser Forum BR 7.1.2.7)")
        name = extensions.get(oids.SUBJECT_ALTERNATIVE_NAME)
        if name is not None and not name.critical and not list(certificate.subject):
            found.append("has an empty subject and its subjectAltName is not critical (RFC 5280 4.2.1.6)")
    elif key_usage is not None and not key_usage.critical:
        found.append("keyUsage is not critical (RFC 5280 4.2.1.3)")
    limits = extensions.get(oids.NAME_CONSTRAINTS)
    if limits is not None and not limits.critical:
        found.append("nameConstraints is not critical (RFC 5280 4.2.1.10)")
    return found


def clock_note(path: PathResult) -> str:
    """Words for a path that was validated at another moment than the judgement's; empty otherwise."""
    return f" (validated as of {timestamp(path.clock)}, inside the leaf's validity)" if path.clamped else ""
