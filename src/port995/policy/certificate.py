# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of one X.509 certificate (RFC 5280), read from its DER. What can't be read is a fact too, never a crash:
the octets come from a host and are hostile."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import hashlib
import warnings
from typing import Any

from .der import public_key_info, rsa_numbers
from .libraries import dsa, ec, ed448, ed25519, oid, rsa, x509
from .names import IPAddress

MAX_DER = 256 * 1024
"""Octets; a larger certificate is refused unread."""

SIGNATURE_NAMES: dict[str, str] = {
    # OID: name. RFC 3279, RFC 4055, RFC 5758, RFC 8410, RFC 8692.
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSA",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.10040.4.3": "dsa-with-sha1",
    "2.16.840.1.101.3.4.3.2": "dsa-with-sha256",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}

HASH_OF_SIGNATURE: dict[str, str] = {
    # Name: hash, where the OID alone says it, for algorithms that the library may not read.
    "md2WithRSAEncryption": "md2", "md5WithRSAEncryption": "md5", "sha1WithRSAEncryption": "sha1",
    "sha1WithRSA": "sha1", "dsa-with-sha1": "sha1", "ecdsa-with-SHA1": "sha1",
}  # fmt: skip


SRV_NAME = "1.3.6.1.5.5.7.8.7"
"""id-on-dnsSRV (RFC 4985)."""

IA5_STRING = 0x16


@dataclasses.dataclass(frozen=True)
class PublicKey:
    """The subject's public key."""

    kind: str
    """``RSA``, ``EC``, ``Ed25519``, ``Ed448``, ``DSA``; ``unknown``: the library can't read it."""

    bits: int | None = None
    curve: str | None = None
    """OpenSSL's name of the curve (``secp256r1``), for ``EC``."""

    exponent: int | None = None
    """Public exponent, for ``RSA``."""

    def __str__(self) -> str:
        return f"EC {self.curve}" if self.curve else f"RSA {self.bits} bits" if self.kind == "RSA" else self.kind


@dataclasses.dataclass(frozen=True)
class CertificateFacts:
    """One certificate as presented."""

    sha256: str
    """Fingerprint over the DER, hex; empty when there was no DER."""

    problem: str | None = None
    """Why it can't be read as a certificate; nothing below is then known."""

    transport_problem: str | None = None
    """Why there is no DER at all (the record itself is spoiled, which says nothing about the server)."""

    certificate: x509.Certificate | None = dataclasses.field(default=None, repr=False)
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    """Hex, as the openssl command prints it."""

    not_before: datetime.datetime | None = None
    not_after: datetime.datetime | None = None
    names_problem: str | None = None
    """Why the subjectAltName (or the extensions around it) can't be read."""

    dns_names: tuple[str, ...] = ()
    srv_names: tuple[str, ...] = ()
    """SRV-IDs: ``_pop3s.example.org`` (RFC 4985)."""

    common_names: tuple[str, ...] = ()
    """Of the subject; no client reads a server's name there (RFC 9525 section 2)."""

    ip_addresses: tuple[IPAddress, ...] = ()
    key: PublicKey = PublicKey("unknown")
    key_sha256: str = ""
    """SHA-256 over the SubjectPublicKeyInfo, hex: certificates with the same have the same key. Empty: not found."""

    signature: str = ""
    """Name of the signature algorithm, else its OID."""

    signature_hash: str | None = None
    """``sha256`` ...; ``None``: the algorithm has none of its own (EdDSA) or it is unknown."""

    signature_known: bool = False
    """Whether this program knows the algorithm."""

    self_issued: bool = False
    """Subject and issuer are the same name."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Lines that identify the certificate, for a report."""
        if self.problem or self.transport_problem:
            return tuple(line for line in (f"sha256 {self.sha256}" if self.sha256 else "",) if line)
        return (
            f"subject {self.subject}", f"issuer {self.issuer}", f"serial {self.serial}", f"sha256 {self.sha256}",
            f"notBefore {timestamp(self.not_before)}", f"notAfter {timestamp(self.not_after)}",
        )  # fmt: skip


def timestamp(moment: datetime.datetime | None) -> str:
    """RFC 3339, UTC, whole seconds."""
    return "unknown" if moment is None else moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_certificate(text: str) -> CertificateFacts:
    """Read one certificate of an observation.

    :param text: base64 of the DER
    :returns: facts; `CertificateFacts.problem` or ``transport_problem`` when it can't be read. Never raises for bad
        input.
    """
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return CertificateFacts("", transport_problem="the record of the certificate is not base64")
    if not der:
        return CertificateFacts("", transport_problem="the record of the certificate is empty")
    return read_der(der)


def read_der(der: bytes) -> CertificateFacts:
    """Read one certificate from its DER; see `read_certificate`."""
    fingerprint = hashlib.sha256(der).hexdigest()
    if len(der) > MAX_DER:
        return CertificateFacts(fingerprint, problem=f"it is {len(der)} octets long, more than {MAX_DER}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd in it is told by the checks
            certificate = x509.load_der_x509_certificate(der)
        facts = CertificateFacts(
            fingerprint,
            certificate=certificate,
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            serial=f"{certificate.serial_number:X}",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            self_issued=certificate.subject == certificate.issuer,
        )
    except Exception as error:  # noqa: BLE001 - hostile DER: whatever the library raises is a fact about it
        return CertificateFacts(fingerprint, problem=f"it can't be parsed: {one_line(error)}")
    name, digest, known = _signature(certificate)
    info = public_key_info(der)
    return dataclasses.replace(
        facts, **_names(certificate), common_names=_common_names(certificate), key=_public_key(certificate, info),
        key_sha256=hashlib.sha256(info).hexdigest() if info else "",
        signature=name, signature_hash=digest, signature_known=known,
    )  # fmt: skip


def one_line(error: BaseException) -> str:
    """An error's text on one line of bounded length."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _names(certificate: x509.Certificate) -> dict[str, Any]:
    """The fields that its subjectAltName fills."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = names.get_values_for_type(x509.IPAddress)
        others = names.get_values_for_type(x509.OtherName)
        return {
            "dns_names": tuple(names.get_values_for_type(x509.DNSName)),
            "ip_addresses": tuple(ip for ip in addresses if not hasattr(ip, "network_address")),
            "srv_names": tuple(filter(None, map(_srv_name, others))),
        }
    except x509.ExtensionNotFound:
        return {"names_problem": "it has no subjectAltName"}
    except Exception as error:  # noqa: BLE001 - as above
        return {"names_problem": f"its extensions can't be parsed: {one_line(error)}"}


def _srv_name(name: x509.OtherName) -> str | None:
    """An SRV-ID: an IA5String behind its OID (RFC 4985 section 2). Longer ones than a domain name can be are none."""
    value = name.value
    if name.type_id.dotted_string != SRV_NAME or len(value) < 3 or value[0] != IA5_STRING:
        return None
    length, text = (value[1], value[2:]) if value[1] < 0x80 else (value[2], value[3:]) if value[1] == 0x81 else (0, b"")
    return text.decode("ascii") if text and len(text) == length and text.isascii() else None


def _common_names(certificate: x509.Certificate) -> tuple[str, ...]:
    attributes = certificate.subject.get_attributes_for_oid(oid.NameOID.COMMON_NAME)
    return tuple(value for one in attributes if isinstance(value := one.value, str))


def _public_key(certificate: x509.Certificate, info: bytes | None) -> PublicKey:
    try:
        key = certificate.public_key()
    except Exception:  # noqa: BLE001 - as above
        # The library loads no RSA key with an exponent of 1 or an even one: the worst of all would be unknown.
        numbers = rsa_numbers(info) if info else None
        return PublicKey("RSA", numbers[0].bit_length(), exponent=numbers[1]) if numbers else PublicKey("unknown")
    if isinstance(key, rsa.RSAPublicKey):
        return PublicKey("RSA", key.key_size, exponent=key.public_numbers().e)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return PublicKey("EC", key.key_size, curve=key.curve.name)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey("Ed25519", 256)
    if isinstance(key, ed448.Ed448PublicKey):
        return PublicKey("Ed448", 456)
    if isinstance(key, dsa.DSAPublicKey):
        return PublicKey("DSA", key.key_size)
    return PublicKey("unknown")


def _signature(certificate: x509.Certificate) -> tuple[str, str | None, bool]:
    oid = certificate.signature_algorithm_oid.dotted_string
    name = SIGNATURE_NAMES.get(oid, oid)
    if name in HASH_OF_SIGNATURE:
        return name, HASH_OF_SIGNATURE[name], True
    if name in ("Ed25519", "Ed448"):
        return name, None, True
    try:
        # For RSASSA-PSS this is the hash in its parameters (RFC 4055 section 3.1), SHA-1 when they leave it out.
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # noqa: BLE001 - as above
        return name, None, False
    if algorithm is None:
        return name, None, False
    return (f"{name} with {algorithm.name}" if name == "RSASSA-PSS" else name), algorithm.name, True
