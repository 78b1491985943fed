# SPDX-License-Identifier: GPL-3.0-or-later
"""What all servers on OpenSSL have in common: how it is configured, and what is then true."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from .peer import TlsConfiguration, Truth, elliptic, in_tls13, truth_by_rule
from .suites import BY_NUMBER, TABLE, TLS10, TLS11, TLS12, TLS13, Suite

VERSIONS = (TLS10, TLS11, TLS12, TLS13)
SUITES = tuple(suite.number for suite in TABLE if suite.openssl and not suite.is_tls13)
SUITES13 = tuple(suite.number for suite in TABLE if suite.is_tls13)
ELLIPTIC = (0x0013, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x001A, 0x001B, 0x001C, 0x001D, 0x001E)
FINITE_FIELD = (0x0100, 0x0101, 0x0102)

CERTIFICATE_CURVE = 0x0017
"""P-256, the curve of `identities`' ECDSA key."""

PROTOCOLS = {TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}


def cipher_list(configuration: TlsConfiguration) -> str:
    """Cipher list up to TLS 1.2; level 0 lets through what the configuration asks for, old as it may be."""
    return ":".join(BY_NUMBER[one].openssl for one in configuration.suites) + ":@SECLEVEL=0"


def cipher_suites13(configuration: TlsConfiguration) -> str:
    """Cipher suites of TLS 1.3."""
    return ":".join(BY_NUMBER[one].openssl for one in configuration.suites13)


def write_openssl_cnf(configuration: TlsConfiguration, folder: Path) -> Path:
    """An openssl.cnf that sets the highest version, and TLS 1.3's suites: not every server has settings for them.

    No gaps: below one, OpenSSL takes the lower block for all there is, and refuses every hello when no suite fits it
    (``ssl_get_min_max_version``).
    """
    path = folder / "openssl.cnf"
    lowest, highest = (PROTOCOLS[configuration.versions[end]] for end in (0, -1))
    path.write_text(
        "openssl_conf = start\n[start]\nssl_conf = modules\n[modules]\nsystem_default = policy\n"
        f"[policy]\nMinProtocol = {lowest}\nMaxProtocol = {highest}\nCipherString = ALL:@SECLEVEL=0\n"
        f"Ciphersuites = {cipher_suites13(configuration)}\n"
    )
    return path


def truth(
    configuration: TlsConfiguration, *, dh_parameters: bool, old_curves_in_tls13: bool = False
) -> Truth:
    """What is true of a server on OpenSSL 1.1.1 to 3.5 with this configuration, at security level 0.

    :param dh_parameters: finite-field Diffie-Hellman up to TLS 1.2 finds parameters
    :param old_curves_in_tls13: as OpenSSL 1.1.1 does it: every curve goes in TLS 1.3, withdrawn ones too (RFC 8446
        section 4.2.7)
    """

    def exists_in(suite: Suite, version: int) -> bool:
        # ECDHE suites came with TLS 1.0 (RFC 4492), the lowest version here.
        return suite.exists_in(version)

    def groups_of(version: int) -> frozenset[int]:
        new = version == TLS13 and not old_curves_in_tls13
        return in_tls13(configuration.groups) if new else elliptic(configuration.groups)

    found = truth_by_rule(configuration, exists_in, groups_of, lambda version: dh_parameters)
    return dataclasses.replace(
        found, groups={version: _reached(configuration, found, version) for version in found.groups}
    )


def _reached(configuration: TlsConfiguration, found: Truth, version: int) -> frozenset[int]:
    """Where every suite needs the ECDSA certificate, below TLS 1.3 each client has to offer that certificate's curve; with
    a server that goes by its own order, that curve and what comes before it is all a key exchange can end up with."""
    exchanged = [BY_NUMBER[suite] for other, suite in found.pairs if other == version and BY_NUMBER[suite].is_elliptic]
    offered = version != TLS13 and CERTIFICATE_CURVE in configuration.groups
    if not (configuration.server_order and offered and all(one.key_type == "ecdsa" for one in exchanged)):
        return found.groups[version]
    before = configuration.groups[: configuration.groups.index(CERTIFICATE_CURVE) + 1]
    return found.groups[version] & frozenset(before)
