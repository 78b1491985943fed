# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates made on the spot, real DER: a small CA and leaves, good and bad."""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from port995.policy.trust import Anchors, read_anchors

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NAME = "mail.example.org"


@functools.cache
def key(kind: str = "ec", which: object = 0) -> Any:
    """A private key, made once per (kind, which)."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    curves = {"ec": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "p224": ec.SECP224R1}
    return ec.generate_private_key(curves[kind]())


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def usage(**bits: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{bit: bits.get(bit, False) for bit in every})


def make(
    subject: str,
    issuer: str,
    subject_key: Any,
    issuer_key: Any,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    start: datetime.datetime = NOW - 30 * DAY,
    end: datetime.datetime = NOW + 60 * DAY,
    digest: hashes.HashAlgorithm | None = None,
    padding: Any = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    edwards = isinstance(issuer_key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    return builder.sign(issuer_key, None if edwards else digest or hashes.SHA256(), rsa_padding=padding)


@functools.cache
def authority(subject: str = "Good CA", kind: str = "ec", *, plain: bool = False) -> x509.Certificate:
    """A self-signed CA; ``plain``: as ``openssl req -x509`` makes it, without keyUsage."""
    own = key(kind, subject)
    identifier = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(True, None), True), (identifier, False)]
    if not plain:
        extensions.append((usage(key_cert_sign=True, crl_sign=True), True))
    return make(subject, subject, own, own, extensions, start=NOW - 365 * DAY, end=NOW + 3650 * DAY)


def authority_key(subject: str = "Good CA", kind: str = "ec") -> Any:
    return key(kind, subject)


@functools.cache
def intermediate(subject: str = "Good Intermediate", issuer: str = "Good CA", *, ca: bool = True) -> x509.Certificate:
    own = key("ec", subject)
    return make(
        subject,
        issuer,
        own,
        authority_key(issuer),
        [
            (x509.BasicConstraints(ca, None), True),
            (usage(key_cert_sign=True, crl_sign=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key(issuer).public_key()), False),
        ],
        start=NOW - 200 * DAY,
        end=NOW + 900 * DAY,
    )


def leaf(
    issuer: str = "Good CA",
    *,
    issuer_kind: str = "ec",
    kind: str = "ec",
    dns: tuple[str, ...] = (NAME,),
    ips: tuple[str, ...] = (),
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    identifiers: bool = True,
    purpose: Any = ExtendedKeyUsageOID.SERVER_AUTH,
    **options: Any,
) -> x509.Certificate:
    own, ca_key = key(kind, 1), authority_key(issuer, issuer_kind)
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(False, None), True)]
    names: list[x509.GeneralName] = [x509.DNSName(text) for text in dns]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ips]
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    if purpose is not None:
        extensions.append((x509.ExtendedKeyUsage([purpose]), False))
    if identifiers:
        extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False))
    return make(NAME, issuer, own, ca_key, [*extensions, *extra], **options)


@functools.cache
def good_leaf() -> x509.Certificate:
    return leaf()


def der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")


def chain(*certificates: x509.Certificate) -> tuple[str, ...]:
    return tuple(der(certificate) for certificate in certificates)


def anchors(*certificates: x509.Certificate) -> Anchors:
    pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates or (authority(),))
    return read_anchors(pem, "test anchors")
