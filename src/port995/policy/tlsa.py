# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a TLSA record stand for the certificates that a server showed: RFC 6698 section 2, RFC 7671 sections 4 and 5."""

from __future__ import annotations

import dataclasses
import hashlib

from ..dns.model import Tlsa
from .certificate import CertificateFacts
from .libraries import serialization, x509
from .names import matching_name, reference_name
from .path import MAX_SENT, Trust
from .trust import Anchors

MATCH, MISMATCH, UNUSABLE, UNTOLD = "match", "mismatch", "unusable", "untold"

PKIX_TA, PKIX_EE, DANE_TA, DANE_EE = 0, 1, 2, 3
USAGES = {PKIX_TA: "PKIX-TA", PKIX_EE: "PKIX-EE", DANE_TA: "DANE-TA", DANE_EE: "DANE-EE"}
CERTIFICATE, KEY = 0, 1
SEQUENCE = 0x30
DIGEST_OCTETS = {1: 32, 2: 64}
"""By matching type: SHA-256, SHA-512."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What one record says of one chain."""

    word: str
    """``match``, ``mismatch``, ``unusable`` (no client can use the record), ``untold`` (what was seen can't say)."""

    why: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the server showed to one client."""

    chain: tuple[str, ...]
    """Base64 of DER, leaf first."""

    whole: bool
    """It is all that the server sent."""

    names: tuple[str, ...]
    """Names that a client of this record accepts."""


def compare(record: Tlsa, shown: Shown, trust: Trust) -> Verdict:
    """Hold one record against a chain.

    DANE-EE: the leaf alone; its names and dates do not matter (RFC 7671 section 5.1). DANE-TA: a certificate that was
    sent, and a path from the leaf to it. PKIX-EE and PKIX-TA: the leaf, or a CA on its path, and a path to an anchor.
    """
    unusable = _unusable(record)
    if unusable:
        return Verdict(UNUSABLE, unusable)
    sent = [trust.facts(text) for text in shown.chain[:MAX_SENT]]
    leaf = sent[0]
    usage = USAGES[record.usage]
    if record.usage in (PKIX_EE, DANE_EE):
        if not _stands_for(record, leaf):
            return Verdict(MISMATCH, f"{usage} is not for the certificate shown")
        return (
            Verdict(MATCH, f"{usage} is for the certificate shown")
            if record.usage == DANE_EE
            else _by_path(record, shown, leaf, trust, ())
        )
    anchors = [facts for facts in sent[1:] if _stands_for(record, facts)]
    if record.usage == PKIX_TA:
        return _by_path(record, shown, leaf, trust, anchors)
    if not anchors and leaf.self_issued and _stands_for(record, leaf):
        # A self-signed server is its own authority (RFC 7671 section 5.2.2 speaks of a chain, which is this one).
        anchors = [leaf]
    if not anchors:
        if not shown.whole:
            return Verdict(UNTOLD, f"{usage}: only the leaf could be seen, not the rest of the chain")
        return Verdict(MISMATCH, f"{usage} is for no CA certificate that was sent")
    # Two certificates of one key (one signed by each of two CAs) are two ways to match.
    verdicts = [_to(anchor, shown, leaf, trust) for anchor in anchors]
    return min(verdicts, key=lambda verdict: (MATCH, UNTOLD, MISMATCH).index(verdict.word))


def _by_path(
    record: Tlsa, shown: Shown, leaf: CertificateFacts, trust: Trust, sent: list[CertificateFacts] | tuple[()]
) -> Verdict:
    """PKIX usages: the path to an anchor of the run's, valid today, with the right name."""
    usage = USAGES[record.usage]
    path = trust.path(shown.chain)
    if path.status.value == "not_tested" or (path.status.value == "fail" and not shown.whole):
        return Verdict(UNTOLD, f"{usage} wants a path to a trust anchor: {path.message}")
    if path.status.value != "pass":
        return Verdict(MISMATCH, f"{usage} wants a path to a trust anchor: {path.message}")
    wrong = _wrong(leaf, shown, path.clamped)
    if wrong:
        return Verdict(MISMATCH, f"{usage}: {wrong}")
    if record.usage == PKIX_EE:
        return Verdict(MATCH, f"{usage} is for the certificate shown, which leads to a trust anchor")
    if any(_is(record, certificate) for certificate in path.chain[1:]):
        return Verdict(MATCH, f"{usage} is for a CA on the path of the certificate shown")
    if sent:
        return Verdict(
            UNTOLD, f"{usage} is for a CA that was sent and is not on the path that was found; there may be another"
        )
    return Verdict(MISMATCH, f"{usage} is for no CA on the path of the certificate shown")


def _to(anchor: CertificateFacts, shown: Shown, leaf: CertificateFacts, trust: Trust) -> Verdict:
    """DANE-TA: the path from the leaf to the record's certificate."""
    usage = USAGES[DANE_TA]
    if anchor.certificate is None:
        return Verdict(MISMATCH, f"{usage} is for a certificate that can't be read")
    own = Trust(Anchors(b"", (anchor.certificate,), "TLSA record", ""), trust.at)
    path = own.path(shown.chain)
    if path.status.value == "not_tested" or (path.status.value == "fail" and not shown.whole):
        return Verdict(UNTOLD, f"{usage}: {path.message}")
    if path.status.value != "pass":
        return Verdict(
            MISMATCH, f"{usage} is for a certificate that was sent, and the leaf does not lead to it: {path.message}"
        )
    wrong = _wrong(leaf, shown, path.clamped)
    if wrong:
        return Verdict(MISMATCH, f"{usage}: {wrong}")
    return Verdict(MATCH, f"{usage} is for a CA that was sent, and the leaf leads to it")


def _wrong(leaf: CertificateFacts, shown: Shown, clamped: bool) -> str:
    """What usages other than DANE-EE want beside a path: valid dates, and the name (RFC 7671 section 4.2)."""
    if clamped:
        return "the certificate is not valid today"
    if not any(matching_name(reference_name(name), leaf.dns_names, leaf.ip_addresses) for name in shown.names):
        return f"the certificate does not stand for {' or '.join(shown.names)}"
    return ""


def _unusable(record: Tlsa) -> str:
    """Why no client can use a record; empty: one can (RFC 7671 section 10.1 and 4.1)."""
    if record.usage not in USAGES or record.selector not in (CERTIFICATE, KEY) or record.matching not in (0, 1, 2):
        return f"{record.usage} {record.selector} {record.matching} is not defined"
    octets = len(record.data) // 2
    if record.matching in DIGEST_OCTETS and octets != DIGEST_OCTETS[record.matching]:
        return f"its digest has {octets} octets, not {DIGEST_OCTETS[record.matching]}"
    if record.matching == 0 and (_sequence(bytes.fromhex(record.data)) or b"") != bytes.fromhex(record.data):
        return f"its data is no {'certificate' if record.selector == CERTIFICATE else 'public key'}"
    return ""


def _stands_for(record: Tlsa, facts: CertificateFacts) -> bool:
    return facts.certificate is not None and _is(record, facts.certificate)


def _is(record: Tlsa, certificate: x509.Certificate) -> bool:
    """Whether a record's data is that of a certificate."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    data = der if record.selector == CERTIFICATE else key_info(der)
    if data is None:
        return False
    digest = {0: data.hex(), 1: hashlib.sha256(data).hexdigest(), 2: hashlib.sha512(data).hexdigest()}
    return digest[record.matching] == record.data


def key_info(der: bytes) -> bytes | None:
    """The subjectPublicKeyInfo of a certificate, octet by octet as it stands there (RFC 5280 section 4.1): a library
    that read and wrote it again could write it another way. ``None``: it can't be read."""
    certificate = _content(der)
    body = _content(certificate or b"")
    if body is None:
        return None
    # version [0] (where it is not 1), serialNumber, signature, issuer, validity, subject: then the key.
    for _field in range(6 if body[:1] == b"\xa0" else 5):
        _header, end = _extent(body)
        if not end:
            return None
        body = body[end:]
    return _sequence(body)


def _sequence(der: bytes) -> bytes | None:
    """The SEQUENCE that octets begin with, whole; ``None``: they don't."""
    _header, end = _extent(der)
    return der[:end] if end and der[0] == SEQUENCE else None


def _content(der: bytes) -> bytes | None:
    header, end = _extent(der)
    return der[header:end] if end and der[0] == SEQUENCE else None


def _extent(der: bytes) -> tuple[int, int]:
    """Octets of the header of the first element, and where the element ends; (0, 0): it is cut off or no DER."""
    if len(der) < 2:
        return 0, 0
    header, length = 2, der[1]
    if length >= 0x80:
        octets = length - 0x80
        if not 1 <= octets <= 4 or len(der) < 2 + octets:
            return 0, 0
        header, length = 2 + octets, int.from_bytes(der[2 : 2 + octets], "big")
    return (header, header + length) if header + length <= len(der) else (0, 0)
