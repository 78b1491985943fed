# SPDX-License-Identifier: GPL-3.0-or-later
"""The named groups that the peers can be configured with.

Source: IANA TLS Supported Groups registry. One row a line: number, OpenSSL's name, GnuTLS's, tlslite-ng's, Java's; empty where
that library has none.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """One named group."""

    number: int
    openssl: str
    gnutls: str
    tlslite: str
    java: str

    @property
    def is_finite_field(self) -> bool:
        return 0x0100 <= self.number <= 0x01FF

    @property
    def is_in_tls13(self) -> bool:
        """RFC 8446 4.2.7, and the hybrids since."""
        return self.number in (0x17, 0x18, 0x19, 0x1D, 0x1E) or self.is_finite_field or self.is_hybrid

    @property
    def is_hybrid(self) -> bool:
        """Classic and ML-KEM together; in TLS 1.3 only."""
        return 0x11EB <= self.number <= 0x11ED


TABLE = (
    Group(0x0013, "prime192v1", "SECP192R1", "secp192r1", ""),
    Group(0x0015, "secp224r1", "SECP224R1", "secp224r1", ""),
    Group(0x0016, "secp256k1", "", "secp256k1", ""),
    Group(0x0017, "prime256v1", "SECP256R1", "secp256r1", "secp256r1"),
    Group(0x0018, "secp384r1", "SECP384R1", "secp384r1", "secp384r1"),
    Group(0x0019, "secp521r1", "SECP521R1", "secp521r1", "secp521r1"),
    Group(0x001A, "brainpoolP256r1", "", "brainpoolP256r1", ""),
    Group(0x001B, "brainpoolP384r1", "", "brainpoolP384r1", ""),
    Group(0x001C, "brainpoolP512r1", "", "brainpoolP512r1", ""),
    Group(0x001D, "X25519", "X25519", "x25519", "x25519"),
    Group(0x001E, "X448", "X448", "x448", "x448"),
    Group(0x0100, "ffdhe2048", "FFDHE2048", "ffdhe2048", "ffdhe2048"),
    Group(0x0101, "ffdhe3072", "FFDHE3072", "ffdhe3072", "ffdhe3072"),
    Group(0x0102, "ffdhe4096", "FFDHE4096", "ffdhe4096", "ffdhe4096"),
    Group(0x11EB, "SecP256r1MLKEM768", "", "", ""),
    Group(0x11EC, "X25519MLKEM768", "", "", ""),
    Group(0x11ED, "SecP384r1MLKEM1024", "", "", ""),
)

BY_NUMBER = {group.number: group for group in TABLE}
