# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a certificate: of every type that there is, and of octets that are none."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from port995.probe.tls.certificate_key import CertificateKey, key_of

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
NOON = datetime.datetime(2026, 1, 1, 12)
RSA_ENCRYPTION, RSASSA_PSS = bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d01010a")


@functools.cache
def signer() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate_of(key: Any, names: int = 1) -> bytes:
    """A certificate with a key, signed by another."""
    alternatives = [x509.DNSName(f"host{number}.example.org") for number in range(names)]
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), 1, NOON, NOON + datetime.timedelta(90))
    built = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return built.sign(signer(), hashes.SHA256()).public_bytes(Encoding.DER)


def on(curve: ec.EllipticCurve) -> Callable[[], Any]:
    return lambda: ec.generate_private_key(curve)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), CertificateKey("RSA")),
        (on(ec.SECP256R1()), CertificateKey("ECDSA", 0x0017)),
        (on(ec.SECP384R1()), CertificateKey("ECDSA", 0x0018)),
        (on(ec.SECP521R1()), CertificateKey("ECDSA", 0x0019)),
        (on(ec.SECP256K1()), CertificateKey("ECDSA", 0x0016)),
        (on(ec.BrainpoolP256R1()), CertificateKey("ECDSA", 0x001A)),
        (on(ec.BrainpoolP384R1()), CertificateKey("ECDSA", 0x001B)),
        (on(ec.BrainpoolP512R1()), CertificateKey("ECDSA", 0x001C)),
        (lambda: dsa.generate_private_key(1024), CertificateKey("DSS")),
        (ed25519.Ed25519PrivateKey.generate, CertificateKey("EDDSA")),
        (ed448.Ed448PrivateKey.generate, CertificateKey("EDDSA")),
        (x25519.X25519PrivateKey.generate, CertificateKey("")),
        (x448.X448PrivateKey.generate, CertificateKey("")),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "secp256k1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "DSA",
         "Ed25519", "Ed448", "X25519", "X448"],
)  # fmt: skip
def test_a_key_is_known_by_its_certificate(make: Callable[[], Any], expected: CertificateKey) -> None:
    assert key_of(certificate_of(make())) == expected


def test_a_certificate_of_64_kilobytes_is_read_as_well() -> None:
    large = certificate_of(ec.generate_private_key(ec.SECP384R1()), names=4000)
    assert len(large) > 65536
    assert key_of(large) == CertificateKey("ECDSA", 0x0018)


def test_an_rsassa_pss_key_is_an_rsa_key() -> None:
    der = certificate_of(rsa.generate_private_key(65537, 2048))
    assert der.count(RSA_ENCRYPTION) == 1
    assert key_of(der.replace(RSA_ENCRYPTION, RSASSA_PSS)) == CertificateKey("RSA")


def test_a_certificate_of_version_1_has_no_version_field_and_is_read_too() -> None:
    """Versions are optional: what stands at the place of the serial number then is the serial number."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body = b"\x02\x01\x05" + b"\x30\x00" * 4 + info
    assert key_of(element(0x30, element(0x30, body))) == CertificateKey("ECDSA", 0x0017)


def test_a_curve_that_nobody_numbered_has_no_group() -> None:
    der = certificate_of(ec.generate_private_key(ec.SECP256R1()))
    p_256, other = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
    assert key_of(der.replace(p_256, other)) == CertificateKey("ECDSA", None)


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    return bytes([tag, length]) + content if length < 128 else bytes([tag, 0x82]) + length.to_bytes(2, "big") + content


@functools.cache
def some_certificate() -> bytes:
    return certificate_of(signer())


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 9, 50, 100, 150])
def test_a_certificate_that_was_cut_off_has_no_key(length: int) -> None:
    assert key_of(some_certificate()[:length]) == CertificateKey("")


@pytest.mark.parametrize(
    "der", [b"\x30\x80\x30\x80", b"\x30\x85\0\0\0\0\x01\0", b"\x30\x84\xff\xff\xff\xff", b"\x31\0"]
)
def test_lengths_and_tags_that_der_does_not_allow_are_no_key(der: bytes) -> None:
    assert key_of(der) == CertificateKey("")


@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(der: bytes) -> None:
    assert isinstance(key_of(der), CertificateKey)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_change_of_a_good_one_makes_it_raise(changes: list[tuple[int, int]]) -> None:
    der = bytearray(some_certificate())
    for position, octet in changes:
        der[position % len(der)] = octet
    assert key_of(bytes(der)).type in ("", "RSA", "ECDSA", "DSS", "EDDSA")
