# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates for the peers: made once per test run, one of each key type, each signed by itself."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .peer import SERVER_NAME

FFDHE2048 = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""RFC 7919 A.1, as ``openssl dhparam`` writes it."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


@functools.cache
def pem(key_type: str) -> tuple[bytes, bytes]:
    """Certificate and key (PKCS #8) of a type: ``rsa`` (2048 bits) or ``ecdsa`` (P-256)."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    key = rsa.generate_private_key(65537, 2048) if key_type == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write(key_type: str, folder: Path) -> Identity:
    """Put certificate and key of this type into a folder."""
    identity = Identity(folder / f"{key_type}.crt", folder / f"{key_type}.key")
    certificate, key = pem(key_type)
    identity.certificate.write_bytes(certificate)
    identity.key.write_bytes(key)
    return identity


def write_dh_parameters(folder: Path) -> Path:
    """Put Diffie-Hellman parameters of 2048 bits into a folder."""
    path = folder / "dh.pem"
    path.write_text(FFDHE2048)
    return path
