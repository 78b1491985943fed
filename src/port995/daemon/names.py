# SPDX-License-Identifier: GPL-3.0-or-later
"""From IANA's names of suites and groups to those of OpenSSL and GnuTLS.

Sources: openssl-ciphers(1) "CIPHER SUITE NAMES" of 1.1.1 and 3.5, SSL_CTX_set1_groups_list(3), the manual of GnuTLS
"Priority Strings". Python 3.9, standard library only.
"""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

GROUPS_OF_OPENSSL: Dict[str, str] = {
    "x25519": "X25519", "x448": "X448", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521",
    "secp192r1": "P-192", "secp224r1": "P-224",
    "X25519MLKEM768": "X25519MLKEM768", "SecP256r1MLKEM768": "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024": "SecP384r1MLKEM1024", "MLKEM512": "MLKEM512", "MLKEM768": "MLKEM768",
    "MLKEM1024": "MLKEM1024",
    **{name: name for name in ("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192",
                               "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
                               "brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13",
                               "secp256k1", "secp224k1", "secp192k1")},
}  # fmt: skip

GROUPS_OF_GNUTLS: Dict[str, str] = {
    "x25519": "X25519", "x448": "X448", "secp256r1": "SECP256R1", "secp384r1": "SECP384R1", "secp521r1": "SECP521R1",
    "secp192r1": "SECP192R1", "secp224r1": "SECP224R1",
    "ffdhe2048": "FFDHE2048", "ffdhe3072": "FFDHE3072", "ffdhe4096": "FFDHE4096", "ffdhe6144": "FFDHE6144",
    "ffdhe8192": "FFDHE8192",
}  # fmt: skip

_EXCHANGES = {
    "RSA": "", "ECDHE_RSA": "ECDHE-RSA-", "ECDHE_ECDSA": "ECDHE-ECDSA-", "DHE_RSA": "DHE-RSA-", "DHE_DSS": "DHE-DSS-",
    "DH_anon": "ADH-", "ECDH_anon": "AECDH-",
}  # fmt: skip
_PROTECTIONS = (
    (r"AES_(128|256)_GCM_(SHA\d+)", r"AES\1-GCM-\2"),
    (r"AES_(128|256)_CCM_8", r"AES\1-CCM8"),
    (r"AES_(128|256)_CCM", r"AES\1-CCM"),
    (r"AES_(128|256)_CBC_(SHA\d*)", r"AES\1-\2"),
    (r"CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    (r"CAMELLIA_(128|256)_CBC_(SHA256|SHA384)", r"CAMELLIA\1-\2"),
    (r"CAMELLIA_(128|256)_CBC_SHA", r"CAMELLIA\1-SHA"),
    (r"ARIA_(128|256)_GCM_(SHA\d+)", r"ARIA\1-GCM-\2"),
    (r"SEED_CBC_SHA", "SEED-SHA"),
    (r"3DES_EDE_CBC_SHA", "DES-CBC3-SHA"),
    (r"RC4_128_(SHA|MD5)", r"RC4-\1"),
    (r"NULL_(SHA256|SHA|MD5)", r"NULL-\1"),
)

IS_TLS13 = re.compile(r"TLS_(AES|CHACHA20|SM4|AEGIS)_\w+")
"""Suites of TLS 1.3 name no key exchange, and are called the same by OpenSSL."""


def is_tls13(suite: str) -> bool:
    """Whether a suite is one of TLS 1.3."""
    return IS_TLS13.fullmatch(suite) is not None and "_WITH_" not in suite


def openssl_suite(suite: str) -> Optional[str]:
    """OpenSSL's name of a suite below TLS 1.3; ``None``: it never had it, or it is not made for any client (PSK)."""
    exchange, found, protection = suite.replace("TLS_", "", 1).partition("_WITH_")
    if not found or exchange not in _EXCHANGES:
        return None
    for pattern, written in _PROTECTIONS:
        match = re.fullmatch(pattern, protection)
        if match:
            return (_EXCHANGES[exchange] + match.expand(written)).replace("ECDHE-RSA-ARIA", "ECDHE-ARIA")
    return None


def gnutls_parts(suite: str) -> Optional[Tuple[str, str, str]]:
    """(key exchange, cipher, MAC) of a suite in a priority string; in TLS 1.3 the key exchange is empty.

    ``None``: GnuTLS does not have it.
    """
    match = re.fullmatch(
        r"TLS_(?:(\w+)_WITH_)?(AES_\d+_GCM|AES_\d+_CCM_8|AES_\d+_CCM|CHACHA20_POLY1305)(?:_SHA\d+)?", suite
    )
    if match:
        exchange, cipher, mac = match[1] or "", match[2].replace("_", "-"), "AEAD"
    else:
        match = re.fullmatch(r"TLS_(\w+)_WITH_(AES_\d+|CAMELLIA_\d+)_CBC_(SHA\d*)", suite)
        if not match:
            return None
        exchange, cipher, mac = match[1], match[2].replace("_", "-") + "-CBC", {"SHA": "SHA1"}.get(match[3], match[3])
    if exchange not in ("", "RSA", "ECDHE_RSA", "ECDHE_ECDSA", "DHE_RSA"):
        return None
    return exchange.replace("_", "-"), cipher, mac
