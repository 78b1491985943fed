# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cipher suite is: its properties, all read from its name by one parser, and its weaknesses.

Nothing is written down twice: a suite's name in IANA's registry states key exchange, authentication, encryption and
MAC (RFC 5246 appendix C), and from these the versions it can be spoken in, its family and its weaknesses follow.
The table of names is `cipher_suite_numbers`. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import re
from types import MappingProxyType
from typing import Dict, FrozenSet, Iterator, Mapping, Tuple

from .cipher_suite_numbers import REGISTERED, SIGNALLING, SSLV2, UNREGISTERED

SSL_3_0, TLS_1_2, TLS_1_3 = 0x0300, 0x0303, 0x0304

FAMILY_ECDHE_RSA, FAMILY_DHE, FAMILY_OTHER, FAMILY_TLS13 = "ecdhe-rsa", "dhe", "other", "tls13"
FAMILIES = (FAMILY_ECDHE_RSA, FAMILY_DHE, FAMILY_OTHER, FAMILY_TLS13)
"""Below TLS 1.3 an offer holds suites of one family only. A server without Diffie-Hellman parameters that chooses a
DHE suite closes the connection, and with suites of both in one offer the others would seem refused too. Those of
"other" are answered only with a shared secret or an enabling extension: unless that was sent, they weren't tested."""


@dataclasses.dataclass(frozen=True)
class CipherSuite:
    """One suite, in the words of the registry's names."""

    number: int
    name: str
    key_exchange: str
    """"RSA", "DHE", "DH" (static), "ECDHE", "ECDH" (static), "DH_anon", "ECDH_anon", "PSK", "DHE_PSK", "RSA_PSK",
    "ECDHE_PSK", "SRP", "KRB5", "GOST", "ECCPWD", "ECJPAKE", "FORTEZZA", "SM2" (key transport), "ECDHE_SM2", "NULL";
    "any" in TLS 1.3, where a suite names none."""
    authentication: str
    """"RSA", "DSS", "ECDSA", "anon", or the key exchange's own ("PSK", "SRP", ...); "any" in TLS 1.3."""
    encryption: str
    """With key length and mode: "AES_128_GCM", "3DES_EDE_CBC", "RC4_40", "NULL"."""
    mac: str
    """"SHA1", "MD5", "SHA256", ..., "NULL"; "AEAD" where the encryption is its own MAC."""
    minimum_version: int
    """0x0300; 0x0303 where only TLS 1.2 defines it; 0x0304 for TLS 1.3."""
    maximum_version: int
    """0x0303 or 0x0304. Suites that RFC 4346 and RFC 5246 took away keep 0x0303: a server may speak them still."""
    export: bool
    forward_secret: bool
    """Keys of one connection can't be got from a key that lives longer. True of anonymous suites too."""
    aead: bool
    family: str
    registered: bool
    """IANA's registry has the number with this suite."""


_KEY_EXCHANGES: Mapping[str, Tuple[str, str]] = {
    # words before _WITH_: (key exchange, authentication)
    "NULL": ("NULL", "anon"),
    "RSA": ("RSA", "RSA"),
    "DH_DSS": ("DH", "DSS"),
    "DH_RSA": ("DH", "RSA"),
    "DHE_DSS": ("DHE", "DSS"),
    "DHE_RSA": ("DHE", "RSA"),
    "DH_anon": ("DH_anon", "anon"),
    "ECDH_ECDSA": ("ECDH", "ECDSA"),
    "ECDH_RSA": ("ECDH", "RSA"),
    "ECDHE_ECDSA": ("ECDHE", "ECDSA"),
    "ECDHE_RSA": ("ECDHE", "RSA"),
    "ECDH_anon": ("ECDH_anon", "anon"),
    "PSK": ("PSK", "PSK"),
    "DHE_PSK": ("DHE_PSK", "PSK"),
    "PSK_DHE": ("DHE_PSK", "PSK"),  # RFC 6655 writes two of them so.
    "RSA_PSK": ("RSA_PSK", "RSA"),
    "ECDHE_PSK": ("ECDHE_PSK", "PSK"),
    "SRP_SHA": ("SRP", "SRP"),
    "SRP_SHA_RSA": ("SRP", "RSA"),
    "SRP_SHA_DSS": ("SRP", "DSS"),
    "KRB5": ("KRB5", "KRB5"),
    "ECCPWD": ("ECCPWD", "ECCPWD"),
    "ECJPAKE": ("ECJPAKE", "ECJPAKE"),
    "GOSTR341094": ("GOST", "GOST"),
    "GOSTR341001": ("GOST", "GOST"),
    "GOSTR341112_256": ("GOST", "GOST"),
    "FORTEZZA_KEA": ("FORTEZZA", "FORTEZZA"),
    "ECC": ("SM2", "SM2"),
    "ECDHE": ("ECDHE_SM2", "SM2"),
}
_FORWARD_SECRET = frozenset(
    # RFC 9189's key exchange uses the certificate's own key: "GOST" is none of them.
    ["any", "DHE", "ECDHE", "DH_anon", "ECDH_anon", "DHE_PSK", "ECDHE_PSK", "SRP", "ECCPWD", "ECJPAKE", "ECDHE_SM2"]
)
_ECDHE_RSA = frozenset(["NULL", "RSA", "ECDHE", "ECDH", "ECDH_anon"])
_DHE = frozenset(["DHE", "DH", "DH_anon"])
_PSK = frozenset(["PSK", "DHE_PSK", "RSA_PSK", "ECDHE_PSK"])
_AEAD = re.compile(r"(.+_(?:GCM|CCM|CCM_8|POLY1305|MGM_[LS])|AEGIS_[0-9L]+)(?:_(?:SHA[0-9]+|SM3))?")
_TRANSPORT = re.compile(
    r"(?P<exchange>[A-Za-z0-9_]+)_WITH_(?P<protection>[A-Z0-9_]+)|(?P<sm2>ECC|ECDHE)_(?P<sm4>SM4_.+)"
)
_ENCRYPTIONS: Mapping[str, str] = {"DES_CBC_40": "DES40_CBC"}
"""RFC 2712 writes the cipher of RFC 4346 the other way round."""
_MACS: Mapping[str, str] = {
    **{word: word for word in ("NULL", "MD5", "SHA256", "SHA384", "SM3", "IMIT", "OMAC", "GOSTR3411")},
    "SHA": "SHA1",
}


def _protection(words: str) -> Tuple[str, str]:
    """(encryption, MAC) of the part of a name that follows ``_WITH_``."""
    aead = _AEAD.fullmatch(words)
    if aead:
        return aead.group(1), "AEAD"
    encryption, _between, mac = words.rpartition("_")
    return _ENCRYPTIONS.get(encryption, encryption), _MACS[mac]


def parse(number: int, name: str, registered: bool = True) -> CipherSuite:
    """The suite of that name.

    Raises `ValueError` for a name that isn't built as the registry's are.
    """
    words = re.sub("^(TLS|SSL)_", "", re.sub("_OLD$", "", name))
    transport = _TRANSPORT.fullmatch(words)
    try:
        if transport:
            exchange = transport.group("exchange") or transport.group("sm2")
            bare = re.sub("_(EXPORT(1024)?|FIPS)$", "", exchange)
            key_exchange, authentication = _KEY_EXCHANGES[bare]
            encryption, mac = _protection(transport.group("protection") or transport.group("sm4"))
        elif re.fullmatch("SHA[0-9]+_SHA[0-9]+", words):  # RFC 9150: a MAC and the hash of the key schedule.
            exchange, key_exchange, authentication = "", "any", "any"
            encryption, mac = "NULL", _MACS[words.partition("_")[0]]
        else:
            exchange, key_exchange, authentication = "", "any", "any"
            encryption, mac = _protection(words)
            if mac != "AEAD":
                raise KeyError(words)
    except KeyError as unknown:
        raise ValueError("%s is not built like a cipher suite's name: %s" % (name, unknown)) from None
    if "_MGM_" in encryption:  # RFC 9367: for TLS 1.3, named as if they carried a key exchange.
        key_exchange, authentication = "any", "any"
    minimum_version = _minimum_version(name, key_exchange, encryption, mac)
    return CipherSuite(
        number=number,
        name=name,
        key_exchange=key_exchange,
        authentication=authentication,
        encryption=encryption,
        mac=mac,
        minimum_version=minimum_version,
        maximum_version=max(minimum_version, TLS_1_2),
        export="EXPORT" in exchange,
        forward_secret=key_exchange in _FORWARD_SECRET,
        aead=mac == "AEAD",
        family=_family(key_exchange),
        registered=registered,
    )


def _minimum_version(name: str, key_exchange: str, encryption: str, mac: str) -> int:
    if key_exchange == "any":
        return TLS_1_3
    if mac in ("AEAD", "OMAC") or name == "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT":
        return TLS_1_2
    # RFC 5246, RFC 5289, RFC 5932: only TLS 1.2 has other hashes than MD5 and SHA-1. RFC 5487 and RFC 5489 let
    # their PSK suites into every version.
    return TLS_1_2 if mac in ("SHA256", "SHA384") and key_exchange not in _PSK else SSL_3_0


def _family(key_exchange: str) -> str:
    if key_exchange == "any":
        return FAMILY_TLS13
    if key_exchange in _ECDHE_RSA:
        return FAMILY_ECDHE_RSA
    return FAMILY_DHE if key_exchange in _DHE else FAMILY_OTHER


def _all_suites() -> Iterator[CipherSuite]:
    for number, name in REGISTERED:
        yield parse(number, name)
    for number, name in UNREGISTERED:
        yield parse(number, name, registered=False)


SUITES: Tuple[CipherSuite, ...] = tuple(_all_suites())
"""All of them, registered ones first, in order of their numbers."""

BY_NUMBER: Mapping[int, CipherSuite] = MappingProxyType({suite.number: suite for suite in SUITES})

SCSV: Mapping[int, str] = MappingProxyType(dict(SIGNALLING))
"""Signals that stand in the list of suites and are none."""

SSLV2_CIPHERS: Mapping[int, str] = MappingProxyType(dict(SSLV2))
"""Cipher kinds of SSLv2: three octets, as one number -> name."""


def name_of(number: int) -> str:
    """The name of a suite or signal; the number in hexadecimal ("0x1A1A") if there is none."""
    suite = BY_NUMBER.get(number)
    return suite.name if suite else SCSV.get(number, "0x%04X" % number)


WEAKNESSES: Mapping[str, str] = MappingProxyType(
    {
        "null": "No encryption (RFC 9325 section 4.1), integrity-only suites of TLS 1.3 among them.",
        "anonymous": "The server proves no identity (RFC 5246 appendix A.5, section F.1.1.1).",
        "export": "Made weak on purpose: keys of 40 or 56 bits (RFC 4346 appendix A.5, RFC 9325 section 4.1).",
        "rc4": "RC4 (RFC 7465).",
        "des": "DES with 40 or 56 bits, RC2, IDEA: gone with TLS 1.1 and 1.2 (RFC 4346, RFC 5469).",
        "3des": "Triple DES: a block of 64 bits (CVE-2016-2183).",
        "cbc": "A block cipher in CBC mode, MAC before encryption (RFC 7457 sections 2.3 and 2.4, RFC 7366).",
        "rsa-key-exchange": "The server's RSA key decrypts the secret (RFC 9325 section 4.1, RFC 10015).",
        "dhe-key-exchange": "Diffie-Hellman over a finite field, ephemeral, static or anonymous (RFC 10015).",
        "static-ecdh": "The curve key of the certificate (RFC 9325 section 4.1, RFC 10015).",
        "no-forward-secrecy": "A key that lives longer than the connection opens it later (RFC 9325 section 7.3).",
        "ccm8": "AES-CCM with an authentication tag of 8 octets (RFC 6655).",
        "integrity-only": "TLS 1.3 without encryption (RFC 9150).",
        "psk": "The peers share a secret beforehand (RFC 4279): out of place at a service open to any client.",
        "sha1-mac": "HMAC with SHA-1: no break is known (RFC 6194), some profiles exclude it.",
        "md5-mac": "HMAC with MD5: not to be used any more where that can be avoided (RFC 6151).",
    }
)
"""Each word that `weaknesses` can say, with what it means and who says so."""


def weaknesses(suite: CipherSuite) -> FrozenSet[str]:
    """The classes of weakness a suite belongs to; words of `WEAKNESSES`. What a profile forbids is its own matter.

    RSA_PSK and DHE_PSK, which RFC 10015 lists too, are "psk" (and "no-forward-secrecy"): they need a shared secret.
    """
    key_exchange, encryption = suite.key_exchange, suite.encryption
    found: Dict[str, bool] = {
        "null": encryption == "NULL",
        "anonymous": suite.authentication == "anon",
        "export": suite.export,
        "rc4": encryption.startswith("RC4_"),
        "des": encryption.startswith(("DES_", "DES40_", "RC2_", "IDEA_")),
        "3des": encryption.startswith("3DES_"),
        "cbc": "_CBC" in encryption,
        "rsa-key-exchange": key_exchange == "RSA",
        "dhe-key-exchange": key_exchange in _DHE,
        "static-ecdh": key_exchange == "ECDH",
        "no-forward-secrecy": not suite.forward_secret,
        "ccm8": encryption.endswith("_CCM_8"),
        "integrity-only": encryption == "NULL" and suite.minimum_version == TLS_1_3,
        "psk": key_exchange in _PSK,
        "sha1-mac": suite.mac == "SHA1",
        "md5-mac": suite.mac == "MD5",
    }
    return frozenset(word for word, applies in found.items() if applies)
