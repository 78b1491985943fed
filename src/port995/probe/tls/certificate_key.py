# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a certificate, read from its DER: type and curve. Enough to choose the next question; `policy` judges.

Sources: RFC 5280 section 4.1, RFC 5480 section 2.1.1, RFC 8410. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

from .named_groups import GROUP_OF_CURVE_DER
from .presentation import Octets, Unreadable

SEQUENCE, OID, VERSION_TAG = 0x30, 0x06, 0xA0

KEY_TYPES = {
    bytes.fromhex("2a864886f70d010101"): "RSA",  # rsaEncryption
    bytes.fromhex("2a864886f70d01010a"): "RSA",  # id-RSASSA-PSS
    bytes.fromhex("2a8648ce3d0201"): "ECDSA",  # id-ecPublicKey
    bytes.fromhex("2a8648ce380401"): "DSS",  # id-dsa
    bytes.fromhex("2b6570"): "EDDSA",  # id-Ed25519
    bytes.fromhex("2b6571"): "EDDSA",  # id-Ed448
}


@dataclasses.dataclass(frozen=True)
class CertificateKey:
    """What kind of key a certificate holds."""

    type: str
    """``RSA``, ``ECDSA``, ``DSS``, ``EDDSA``; empty: another, or it can't be read."""

    group: Optional[int] = None
    """Named group of an elliptic-curve key."""


def key_of(der: bytes) -> CertificateKey:
    """Read the key's type; a certificate that can't be read has none.

    :param der: a certificate, as it came
    """
    try:
        certificate = _inside(Octets(der), SEQUENCE)
        body = _inside(certificate, SEQUENCE)
        tag, content = _element(body)
        # version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
        for _field in range(5 if tag == VERSION_TAG else 4):
            _element(body)
        algorithm = _inside(_inside(body, SEQUENCE), SEQUENCE)
        tag, kind = _element(algorithm)
        if tag != OID:
            return CertificateKey("")
        key_type = KEY_TYPES.get(kind, "")
        if key_type != "ECDSA" or not algorithm:
            return CertificateKey(key_type)
        tag, curve = _element(algorithm)
        named = GROUP_OF_CURVE_DER.get(bytes((OID, len(curve))) + curve) if tag == OID and len(curve) < 128 else None
        return CertificateKey(key_type, None if named is None else named.number)
    except Unreadable:
        return CertificateKey("")


def _inside(octets: Octets, tag: int) -> Octets:
    found, content = _element(octets)
    if found != tag:
        raise Unreadable("tag 0x%02x where 0x%02x is expected" % (found, tag))
    return Octets(content)


def _element(octets: Octets) -> Tuple[int, bytes]:
    tag, length = octets.number(1), octets.number(1)
    if length >= 0x80:
        if length == 0x80 or length > 0x84:
            raise Unreadable("a length that DER does not allow")
        length = octets.number(length - 0x80)
    return tag, octets.take(length)
