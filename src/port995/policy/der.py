# SPDX-License-Identifier: GPL-3.0-or-later
"""The public key of a certificate, octet by octet as it stands in the DER: what identifies a key (RFC 5280 section
4.1.2.7), and an RSA key that the library refuses to load (exponent 1, an even one).

Source of the encoding: ITU-T X.690 section 8.1, RFC 8017 appendix A.1.1.
"""

from __future__ import annotations

from ..probe.tls.presentation import Octets, Unreadable

SEQUENCE, INTEGER, OID, BIT_STRING, VERSION = 0x30, 0x02, 0x06, 0x03, 0xA0

RSA_OIDS = (bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a"))
"""rsaEncryption, id-RSASSA-PSS."""


def public_key_info(certificate: bytes) -> bytes | None:
    """The SubjectPublicKeyInfo of a certificate.

    :param certificate: DER
    :returns: its DER; ``None``: it can't be found
    """
    try:
        body = Octets(_inside(Octets(_inside(Octets(certificate), SEQUENCE)), SEQUENCE))
        tag, _content, _whole = _element(body)
        # version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
        for _field in range(5 if tag == VERSION else 4):
            _element(body)
        tag, _content, whole = _element(body)
    except Unreadable:
        return None
    return whole if tag == SEQUENCE else None


def rsa_numbers(info: bytes) -> tuple[int, int] | None:
    """The numbers of an RSA key.

    :param info: DER of a SubjectPublicKeyInfo
    :returns: modulus and public exponent, whatever they are worth; ``None``: it is no RSA key, or can't be read
    """
    try:
        fields = Octets(_inside(Octets(info), SEQUENCE))
        algorithm = Octets(_inside(fields, SEQUENCE))
        if _inside(algorithm, OID) not in RSA_OIDS:
            return None
        bits = _inside(fields, BIT_STRING)
        key = Octets(_inside(Octets(bits[1:]), SEQUENCE))
        return int.from_bytes(_inside(key, INTEGER), "big"), int.from_bytes(_inside(key, INTEGER), "big")
    except Unreadable:
        return None


def _inside(octets: Octets, tag: int) -> bytes:
    found, content, _whole = _element(octets)
    if found != tag:
        raise Unreadable(f"tag {found:#04x} where {tag:#04x} is expected")
    return content


def _element(octets: Octets) -> tuple[int, bytes, bytes]:
    """Tag, content and the whole element."""
    tag, first = octets.take(1), octets.take(1)
    length, head = first[0], tag + first
    if length >= 0x80:
        if not 0x81 <= length <= 0x84:
            raise Unreadable("a length that DER does not allow")
        more = octets.take(length - 0x80)
        length, head = int.from_bytes(more, "big"), head + more
    content = octets.take(length)
    return tag[0], content, head + content
