# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: IANA's registry "TLS SignatureScheme", and the pairs of hash and algorithm that TLS 1.2 wrote before it.

Sources: RFC 5246 section 7.4.1.4.1 (the pairs), RFC 8446 section 4.2.3, RFC 8734 (Brainpool), RFC 8998 (SM2), RFC 9189
and RFC 9367 (GOST), the drafts of ML-DSA, SLH-DSA and of PKCS #1 for clients. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import FrozenSet, Mapping, Tuple

BELOW_1_3, TLS_1_3, BOTH = "1.2", "1.3", "1.2 1.3"


@dataclasses.dataclass(frozen=True)
class SignatureScheme:
    """One way to sign."""

    number: int
    name: str
    algorithm: str
    """"rsa" (PKCS #1 v1.5), "rsa-pss", "dsa", "ecdsa", "eddsa", "mldsa", "slhdsa", "gost", "sm2", "ibs"."""
    hash: str
    """"md5", "sha1", "sha224", ...; "intrinsic" where the algorithm brings its own."""
    tls12: bool
    """A server may sign so in TLS 1.2."""
    tls13: bool
    """A server may sign so in TLS 1.3; signatures inside certificates are another matter."""

    @property
    def weak(self) -> FrozenSet[str]:
        """Words of `WEAKNESSES`."""
        return frozenset(word for word in (self.hash, self.algorithm) if word in WEAKNESSES)

    @property
    def post_quantum(self) -> bool:
        """A quantum computer does not forge it."""
        return self.algorithm in ("mldsa", "slhdsa")


WEAKNESSES: Mapping[str, str] = MappingProxyType(
    {
        "md5": "Not in TLS 1.2 any more (RFC 9155).",
        "sha1": "Not in TLS 1.2 any more (RFC 9155); RFC 8446 keeps it for certificates only.",
        "sha224": "Left out of TLS 1.3 (RFC 8446 section 4.2.3).",
        "dsa": "Left out of TLS 1.3 (RFC 8446 section 4.2.3); not for new signatures (FIPS 186-5).",
    }
)
"""Each word that `SignatureScheme.weak` can say, with who says so."""

_ROWS: Tuple[Tuple[int, str, str, str, str], ...] = (
    # number, name, algorithm, hash, versions
    (0x0101, "rsa_pkcs1_md5", "rsa", "md5", BELOW_1_3),
    (0x0102, "dsa_md5", "dsa", "md5", BELOW_1_3),
    (0x0103, "ecdsa_md5", "ecdsa", "md5", BELOW_1_3),
    (0x0201, "rsa_pkcs1_sha1", "rsa", "sha1", BELOW_1_3),
    (0x0202, "dsa_sha1", "dsa", "sha1", BELOW_1_3),
    (0x0203, "ecdsa_sha1", "ecdsa", "sha1", BELOW_1_3),
    (0x0301, "rsa_pkcs1_sha224", "rsa", "sha224", BELOW_1_3),
    (0x0302, "dsa_sha224", "dsa", "sha224", BELOW_1_3),
    (0x0303, "ecdsa_sha224", "ecdsa", "sha224", BELOW_1_3),
    (0x0401, "rsa_pkcs1_sha256", "rsa", "sha256", BELOW_1_3),
    (0x0402, "dsa_sha256", "dsa", "sha256", BELOW_1_3),
    (0x0403, "ecdsa_secp256r1_sha256", "ecdsa", "sha256", BOTH),
    (0x0420, "rsa_pkcs1_sha256_legacy", "rsa", "sha256", ""),  # Clients only, in TLS 1.3.
    (0x0501, "rsa_pkcs1_sha384", "rsa", "sha384", BELOW_1_3),
    (0x0502, "dsa_sha384", "dsa", "sha384", BELOW_1_3),
    (0x0503, "ecdsa_secp384r1_sha384", "ecdsa", "sha384", BOTH),
    (0x0520, "rsa_pkcs1_sha384_legacy", "rsa", "sha384", ""),
    (0x0601, "rsa_pkcs1_sha512", "rsa", "sha512", BELOW_1_3),
    (0x0602, "dsa_sha512", "dsa", "sha512", BELOW_1_3),
    (0x0603, "ecdsa_secp521r1_sha512", "ecdsa", "sha512", BOTH),
    (0x0620, "rsa_pkcs1_sha512_legacy", "rsa", "sha512", ""),
    (0x0704, "eccsi_sha256", "ibs", "sha256", TLS_1_3),
    (0x0705, "iso_ibs1", "ibs", "intrinsic", TLS_1_3),
    (0x0706, "iso_ibs2", "ibs", "intrinsic", TLS_1_3),
    (0x0707, "iso_chinese_ibs", "ibs", "intrinsic", TLS_1_3),
    (0x0708, "sm2sig_sm3", "sm2", "sm3", TLS_1_3),
    (0x0709, "gostr34102012_256a", "gost", "intrinsic", TLS_1_3),
    (0x070A, "gostr34102012_256b", "gost", "intrinsic", TLS_1_3),
    (0x070B, "gostr34102012_256c", "gost", "intrinsic", TLS_1_3),
    (0x070C, "gostr34102012_256d", "gost", "intrinsic", TLS_1_3),
    (0x070D, "gostr34102012_512a", "gost", "intrinsic", TLS_1_3),
    (0x070E, "gostr34102012_512b", "gost", "intrinsic", TLS_1_3),
    (0x070F, "gostr34102012_512c", "gost", "intrinsic", TLS_1_3),
    (0x0804, "rsa_pss_rsae_sha256", "rsa-pss", "sha256", BOTH),
    (0x0805, "rsa_pss_rsae_sha384", "rsa-pss", "sha384", BOTH),
    (0x0806, "rsa_pss_rsae_sha512", "rsa-pss", "sha512", BOTH),
    (0x0807, "ed25519", "eddsa", "intrinsic", BOTH),
    (0x0808, "ed448", "eddsa", "intrinsic", BOTH),
    (0x0809, "rsa_pss_pss_sha256", "rsa-pss", "sha256", BOTH),
    (0x080A, "rsa_pss_pss_sha384", "rsa-pss", "sha384", BOTH),
    (0x080B, "rsa_pss_pss_sha512", "rsa-pss", "sha512", BOTH),
    (0x081A, "ecdsa_brainpoolP256r1tls13_sha256", "ecdsa", "sha256", TLS_1_3),
    (0x081B, "ecdsa_brainpoolP384r1tls13_sha384", "ecdsa", "sha384", TLS_1_3),
    (0x081C, "ecdsa_brainpoolP512r1tls13_sha512", "ecdsa", "sha512", TLS_1_3),
    (0x0840, "gostr34102012_256", "gost", "intrinsic", BELOW_1_3),
    (0x0841, "gostr34102012_512", "gost", "intrinsic", BELOW_1_3),
    (0x0904, "mldsa44", "mldsa", "intrinsic", TLS_1_3),
    (0x0905, "mldsa65", "mldsa", "intrinsic", TLS_1_3),
    (0x0906, "mldsa87", "mldsa", "intrinsic", TLS_1_3),
    (0x0911, "slhdsa_sha2_128s", "slhdsa", "intrinsic", TLS_1_3),
    (0x0912, "slhdsa_sha2_128f", "slhdsa", "intrinsic", TLS_1_3),
    (0x0913, "slhdsa_sha2_192s", "slhdsa", "intrinsic", TLS_1_3),
    (0x0914, "slhdsa_sha2_192f", "slhdsa", "intrinsic", TLS_1_3),
    (0x0915, "slhdsa_sha2_256s", "slhdsa", "intrinsic", TLS_1_3),
    (0x0916, "slhdsa_sha2_256f", "slhdsa", "intrinsic", TLS_1_3),
    (0x0917, "slhdsa_shake_128s", "slhdsa", "intrinsic", TLS_1_3),
    (0x0918, "slhdsa_shake_128f", "slhdsa", "intrinsic", TLS_1_3),
    (0x0919, "slhdsa_shake_192s", "slhdsa", "intrinsic", TLS_1_3),
    (0x091A, "slhdsa_shake_192f", "slhdsa", "intrinsic", TLS_1_3),
    (0x091B, "slhdsa_shake_256s", "slhdsa", "intrinsic", TLS_1_3),
    (0x091C, "slhdsa_shake_256f", "slhdsa", "intrinsic", TLS_1_3),
)

SCHEMES: Tuple[SignatureScheme, ...] = tuple(
    SignatureScheme(number, name, algorithm, hash_name, BELOW_1_3 in versions, TLS_1_3 in versions)
    for number, name, algorithm, hash_name, versions in _ROWS
)
BY_NUMBER: Mapping[int, SignatureScheme] = MappingProxyType({scheme.number: scheme for scheme in SCHEMES})


def name_of(number: int) -> str:
    """The scheme's name; the number in hexadecimal ("0x1A1A") if it has none."""
    scheme = BY_NUMBER.get(number)
    return scheme.name if scheme else "0x%04X" % number
