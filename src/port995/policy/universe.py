# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a hello can offer: absence is only proven of what was offered together with everything that could carry it.

A suite that was refused with a few groups may be taken with others; so an offer about suites holds every group and
signature, one about groups every signature and every suite that needs a group, and so on.
"""

from __future__ import annotations

from collections.abc import Collection

from ..probe.tls.cipher_suites import FAMILY_DHE, FAMILY_ECDHE_RSA, FAMILY_TLS13, SUITES, CipherSuite
from ..probe.tls.client_hello import TLS_1_2, TLS_1_3
from ..probe.tls.named_groups import FFDHE, GROUPS
from ..probe.tls.signature_schemes import SCHEMES

KEY_TYPES = ("RSA", "ECDSA")
"""Of certificates in TLS 1.2; Edwards keys come under ECDSA suites (RFC 8422 section 5.1)."""

MUST_NOT_BE_OFFERED = frozenset([0x0000])
"""TLS_NULL_WITH_NULL_NULL is the state before a handshake, no choice in one (RFC 5246 appendix A.5)."""

FIRST_FAMILY: tuple[CipherSuite, ...] = tuple(
    suite for suite in SUITES if suite.family == FAMILY_ECDHE_RSA and suite.number not in MUST_NOT_BE_OFFERED
)
DHE_FAMILY: tuple[CipherSuite, ...] = tuple(suite for suite in SUITES if suite.family == FAMILY_DHE)
TLS13_SUITES: tuple[CipherSuite, ...] = tuple(suite for suite in SUITES if suite.family == FAMILY_TLS13)
OLD_SUITES: frozenset[int] = frozenset(
    suite.number for suite in (*FIRST_FAMILY, *DHE_FAMILY) if suite.minimum_version < TLS_1_2
)
"""All that a server of TLS 1.1 or below could choose without a secret shared beforehand."""

SIGNATURE_13 = "signature-1.3-"
"""Start of the ids of questions that offer one signature of TLS 1.3: its number in four digits follows."""

SIGNATURE_13_OTHERS = SIGNATURE_13 + "others"
"""The one that offers all the others: a server that answers it did not look at the list."""

FOREIGN_PROTOCOL = "http/1.1"
"""What a client of another service offers by ALPN."""

COMMON_13 = (0x1301, 0x1302, 0x1303)
"""Suites of TLS 1.3 that every server of it has one of."""

GROUPS_12: tuple[int, ...] = tuple(group.number for group in GROUPS if group.tls12 and group.kind != FFDHE)
"""Without the finite-field ones: a server that follows RFC 7919 section 4 would refuse DHE with its own parameters."""
GROUPS_13: tuple[int, ...] = tuple(group.number for group in GROUPS if group.tls13)
WITHDRAWN_13: tuple[int, ...] = tuple(
    group.number for group in GROUPS if group.tls12 and not group.tls13 and group.kind != FFDHE
)
"""Curves that TLS 1.3 has withdrawn (RFC 8446 section 4.2.7). OpenSSL 1.1.1 and GnuTLS 3.7 take them there all the
same, and a server that has no other shows its suites to nobody else."""
SIGNATURES: tuple[int, ...] = tuple(scheme.number for scheme in SCHEMES)
SIGNATURES_IN = {
    TLS_1_2: frozenset(scheme.number for scheme in SCHEMES if scheme.tls12),
    TLS_1_3: frozenset(scheme.number for scheme in SCHEMES if scheme.tls13),
}


def ephemeral(key: str) -> tuple[CipherSuite, ...]:
    """Suites with a group in the ServerKeyExchange, signed by a key of this type.

    :param key: of `KEY_TYPES`
    """
    return tuple(suite for suite in FIRST_FAMILY if suite.key_exchange == "ECDHE" and suite.authentication == key)


SIGNED_DHE: tuple[CipherSuite, ...] = tuple(suite for suite in DHE_FAMILY if suite.key_exchange == "DHE")
"""Suites with a finite-field group in the ServerKeyExchange, signed by the certificate's key."""


def every_group(version: int, groups: Collection[int]) -> bool:
    """Whether an offer of this version held every group there is for it, and none that hides a suite."""
    wanted = GROUPS_13 if version == TLS_1_3 else GROUPS_12
    hiding = version != TLS_1_3 and any(256 <= group <= 511 for group in groups)
    return set(wanted) <= set(groups) and not hiding


def every_signature(version: int, signatures: Collection[int]) -> bool:
    """Whether an offer of this version held every signature scheme there is for it; below TLS 1.2 there is no list."""
    return version < TLS_1_2 or SIGNATURES_IN[version] <= set(signatures)
