# SPDX-License-Identifier: GPL-3.0-or-later
"""The cipher suites that the peers can be configured with, and what each needs of a server.

Source: IANA TLS Cipher Suites registry; the last column is OpenSSL's name (``openssl ciphers -stdname``, 3.0), empty where
Debian's OpenSSL can't speak it. Written apart from the product's own registry on purpose: a row that is wrong there must
not be wrong here too.
"""

from __future__ import annotations

import dataclasses

SSL30, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304


@dataclasses.dataclass(frozen=True)
class Suite:
    """One cipher suite."""

    number: int
    name: str
    openssl: str = ""

    @property
    def is_tls13(self) -> bool:
        return self.number >> 8 == 0x13

    @property
    def key_exchange(self) -> str:
        """``RSA``, ``DHE_RSA``, ``DH_anon``, ``ECDHE_RSA``, ``ECDH_anon`` ...; empty in TLS 1.3."""
        return "" if self.is_tls13 else self.name.removeprefix("TLS_").split("_WITH_")[0].removesuffix("_EXPORT")

    @property
    def cipher(self) -> str:
        """``AES_128_CBC``, ``AES_128_GCM``, ``RC4_128``, ``NULL`` ..."""
        algorithms = self.name.split("_WITH_")[-1].removeprefix("TLS_")
        return algorithms.rpartition("_")[0] if not algorithms.endswith(("CCM", "CCM_8")) else algorithms

    @property
    def mac(self) -> str:
        """``MD5``, ``SHA``, ``SHA256``, ``SHA384`` of the record layer, or ``AEAD``."""
        return "AEAD" if self.is_aead else self.name.rpartition("_")[2]

    @property
    def is_aead(self) -> bool:
        return any(word in self.name for word in ("GCM", "CCM", "POLY1305"))

    @property
    def is_export(self) -> bool:
        return "_EXPORT_" in self.name

    @property
    def key_type(self) -> str | None:
        """The certificate it needs: ``rsa``, ``ecdsa``, or ``None`` (anonymous, and TLS 1.3, where any will do)."""
        if self.is_tls13 or self.key_exchange.endswith("anon"):
            return None
        # Static ECDH is named after the certificate's issuer; the key in it is an elliptic curve's.
        return "rsa" if self.key_exchange in ("RSA", "DHE_RSA", "ECDHE_RSA") else "ecdsa"

    @property
    def is_finite_field(self) -> bool:
        """Diffie-Hellman over a finite field: the server needs parameters."""
        return self.key_exchange in ("DHE_RSA", "DH_anon")

    @property
    def is_elliptic(self) -> bool:
        """Ephemeral Diffie-Hellman over a group that client and server must have in common."""
        return self.key_exchange.startswith(("ECDHE", "ECDH_anon"))

    def exists_in(self, version: int) -> bool:
        """Whether the suite is defined for a version: AEAD and SHA-2 from TLS 1.2 on (RFC 5246 1.2), 1.3's own apart."""
        if self.is_tls13 or version == TLS13:
            return self.is_tls13 and version == TLS13
        return version >= TLS12 or self.mac in ("MD5", "SHA")


TABLE = (
    Suite(0x0001, "TLS_RSA_WITH_NULL_MD5", "NULL-MD5"),
    Suite(0x0002, "TLS_RSA_WITH_NULL_SHA", "NULL-SHA"),
    Suite(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    Suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    Suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    Suite(0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    Suite(0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
    Suite(0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    Suite(0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"),
    Suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5"),
    Suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"),
    Suite(0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA"),
    Suite(0x001A, "TLS_DH_anon_WITH_DES_CBC_SHA"),
    Suite(0x001B, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"),
    Suite(0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
    Suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA"),
    Suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", "ADH-AES128-SHA"),
    Suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"),
    Suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA"),
    Suite(0x003A, "TLS_DH_anon_WITH_AES_256_CBC_SHA", "ADH-AES256-SHA"),
    Suite(0x003B, "TLS_RSA_WITH_NULL_SHA256", "NULL-SHA256"),
    Suite(0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),
    Suite(0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256"),
    Suite(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", "CAMELLIA128-SHA"),
    Suite(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", "DHE-RSA-CAMELLIA128-SHA"),
    Suite(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA", "ADH-CAMELLIA128-SHA"),
    Suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256"),
    Suite(0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256"),
    Suite(0x006C, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", "ADH-AES128-SHA256"),
    Suite(0x006D, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", "ADH-AES256-SHA256"),
    Suite(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", "CAMELLIA256-SHA"),
    Suite(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", "DHE-RSA-CAMELLIA256-SHA"),
    Suite(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", "ADH-CAMELLIA256-SHA"),
    Suite(0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    Suite(0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
    Suite(0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256"),
    Suite(0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),
    Suite(0x00A6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", "ADH-AES128-GCM-SHA256"),
    Suite(0x00A7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", "ADH-AES256-GCM-SHA384"),
    Suite(0x00BA, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", "CAMELLIA128-SHA256"),
    Suite(0x00BE, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", "DHE-RSA-CAMELLIA128-SHA256"),
    Suite(0x00BF, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256", "ADH-CAMELLIA128-SHA256"),
    Suite(0x00C0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256", "CAMELLIA256-SHA256"),
    Suite(0x00C4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256", "DHE-RSA-CAMELLIA256-SHA256"),
    Suite(0x00C5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256", "ADH-CAMELLIA256-SHA256"),
    Suite(0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    Suite(0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    Suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    Suite(0x1304, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_SHA256"),
    Suite(0x1305, "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_8_SHA256"),
    Suite(0xC001, "TLS_ECDH_ECDSA_WITH_NULL_SHA"),
    Suite(0xC002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA"),
    Suite(0xC003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0xC004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"),
    Suite(0xC005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA"),
    Suite(0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", "ECDHE-ECDSA-NULL-SHA"),
    Suite(0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    Suite(0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),
    Suite(0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
    Suite(0xC00B, "TLS_ECDH_RSA_WITH_NULL_SHA"),
    Suite(0xC00C, "TLS_ECDH_RSA_WITH_RC4_128_SHA"),
    Suite(0xC00D, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0xC00E, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"),
    Suite(0xC00F, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA"),
    Suite(0xC010, "TLS_ECDHE_RSA_WITH_NULL_SHA", "ECDHE-RSA-NULL-SHA"),
    Suite(0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    Suite(0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    Suite(0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
    Suite(0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
    Suite(0xC015, "TLS_ECDH_anon_WITH_NULL_SHA", "AECDH-NULL-SHA"),
    Suite(0xC016, "TLS_ECDH_anon_WITH_RC4_128_SHA"),
    Suite(0xC017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"),
    Suite(0xC018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "AECDH-AES128-SHA"),
    Suite(0xC019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", "AECDH-AES256-SHA"),
    Suite(0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"),
    Suite(0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384"),
    Suite(0xC025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256"),
    Suite(0xC026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384"),
    Suite(0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
    Suite(0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
    Suite(0xC029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256"),
    Suite(0xC02A, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384"),
    Suite(0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    Suite(0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    Suite(0xC02D, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"),
    Suite(0xC02E, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384"),
    Suite(0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    Suite(0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    Suite(0xC031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"),
    Suite(0xC032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384"),
    Suite(0xC050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", "ARIA128-GCM-SHA256"),
    Suite(0xC051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", "ARIA256-GCM-SHA384"),
    Suite(0xC052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", "DHE-RSA-ARIA128-GCM-SHA256"),
    Suite(0xC053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", "DHE-RSA-ARIA256-GCM-SHA384"),
    Suite(0xC05C, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", "ECDHE-ECDSA-ARIA128-GCM-SHA256"),
    Suite(0xC05D, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", "ECDHE-ECDSA-ARIA256-GCM-SHA384"),
    Suite(0xC060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", "ECDHE-ARIA128-GCM-SHA256"),
    Suite(0xC061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", "ECDHE-ARIA256-GCM-SHA384"),
    Suite(0xC072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", "ECDHE-ECDSA-CAMELLIA128-SHA256"),
    Suite(0xC073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", "ECDHE-ECDSA-CAMELLIA256-SHA384"),
    Suite(0xC076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", "ECDHE-RSA-CAMELLIA128-SHA256"),
    Suite(0xC077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", "ECDHE-RSA-CAMELLIA256-SHA384"),
    Suite(0xC07A, "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    Suite(0xC07B, "TLS_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    Suite(0xC07C, "TLS_DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    Suite(0xC07D, "TLS_DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    Suite(0xC084, "TLS_DH_anon_WITH_CAMELLIA_128_GCM_SHA256"),
    Suite(0xC085, "TLS_DH_anon_WITH_CAMELLIA_256_GCM_SHA384"),
    Suite(0xC086, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256"),
    Suite(0xC087, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384"),
    Suite(0xC08A, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    Suite(0xC08B, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    Suite(0xC09C, "TLS_RSA_WITH_AES_128_CCM", "AES128-CCM"),
    Suite(0xC09D, "TLS_RSA_WITH_AES_256_CCM", "AES256-CCM"),
    Suite(0xC09E, "TLS_DHE_RSA_WITH_AES_128_CCM", "DHE-RSA-AES128-CCM"),
    Suite(0xC09F, "TLS_DHE_RSA_WITH_AES_256_CCM", "DHE-RSA-AES256-CCM"),
    Suite(0xC0A0, "TLS_RSA_WITH_AES_128_CCM_8", "AES128-CCM8"),
    Suite(0xC0A1, "TLS_RSA_WITH_AES_256_CCM_8", "AES256-CCM8"),
    Suite(0xC0A2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", "DHE-RSA-AES128-CCM8"),
    Suite(0xC0A3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", "DHE-RSA-AES256-CCM8"),
    Suite(0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "ECDHE-ECDSA-AES128-CCM"),
    Suite(0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ECDHE-ECDSA-AES256-CCM"),
    Suite(0xC0AE, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8"),
    Suite(0xC0AF, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", "ECDHE-ECDSA-AES256-CCM8"),
    Suite(0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    Suite(0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    Suite(0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305"),
)

BY_NUMBER = {suite.number: suite for suite in TABLE}
BY_NAME = {suite.name: suite for suite in TABLE}


def shown_by(number: int) -> set[str]:
    """The checks that a suite makes fail when it is taken, read off its name."""
    name = BY_NUMBER[number].name
    exchange = name.split("_WITH_")[0].removeprefix("TLS_")
    found = set()
    if "NULL" in name or "SHA256_SHA256" in name:
        found.add("CIPH-001")
    if "anon" in name:
        found.add("CIPH-002")
    if "EXPORT" in name:
        found.add("CIPH-003")
    if "RC4" in name:
        found.add("CIPH-004")
    if any(word in name for word in ("_DES", "DES40", "3DES", "IDEA", "RC2")):
        found.add("CIPH-005")
    if exchange in ("RSA", "RSA_EXPORT", "ECDH_RSA", "ECDH_ECDSA", "DH_RSA", "DH_DSS"):
        found.add("CIPH-006")
    if "CBC" in name:
        found.add("CIPH-007")
    if exchange.startswith(("DHE_", "DH_")):
        found.add("CIPH-008")
    if name.endswith("CCM_8") or "CCM_8_" in name:
        found.add("CIPH-009")
    return found
