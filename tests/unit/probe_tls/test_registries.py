# SPDX-License-Identifier: GPL-3.0-or-later
"""The registries: whole, of one meaning, and in agreement with what OpenSSL says of the same numbers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from functools import cache

import pytest

from port995.probe.tls import alerts, named_groups, signature_schemes
from port995.probe.tls.cipher_suites import (
    BY_NUMBER,
    FAMILIES,
    SCSV,
    SSLV2_CIPHERS,
    SUITES,
    WEAKNESSES,
    CipherSuite,
    name_of,
    parse,
    weaknesses,
)

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True, timeout=60).stdout


def suite(name: str) -> CipherSuite:
    return next(one for one in SUITES if one.name == name)


# The suites


def test_every_number_stands_once_and_the_registry_is_whole() -> None:
    assert len(BY_NUMBER) == len(SUITES)
    assert sum(one.registered for one in SUITES) == 350
    assert sum(not one.registered for one in SUITES) == 27
    assert {one.number for one in SUITES if one.registered} == {
        *range(0x0000, 0x001C), *range(0x001E, 0x0047), *range(0x0067, 0x006E), *range(0x0084, 0x00C8),
        *range(0x1301, 0x1308), *range(0xC001, 0xC0B6), *range(0xC100, 0xC107), *range(0xCCA8, 0xCCAF),
        0xD001, 0xD002, 0xD003, 0xD005,
    }  # fmt: skip


def test_registered_names_stand_once() -> None:
    assert [name for name, times in Counter(one.name for one in SUITES if one.registered).items() if times > 1] == []


def test_numbers_are_in_order_so_that_a_missing_one_is_seen() -> None:
    for registered in (True, False):
        numbers = [one.number for one in SUITES if one.registered is registered]
        assert numbers == sorted(numbers)


def test_signals_are_no_suites() -> None:
    assert set(SCSV) == {0x00FF, 0x5600}
    assert not set(SCSV) & set(BY_NUMBER)


def test_every_property_has_a_meaning() -> None:
    assert {one.family for one in SUITES} == set(FAMILIES)
    assert {one.minimum_version for one in SUITES} == {0x0300, 0x0303, 0x0304}
    assert {one.maximum_version for one in SUITES} == {0x0303, 0x0304}
    assert {one.mac for one in SUITES} == {
        "NULL", "MD5", "SHA1", "SHA256", "SHA384", "SM3", "IMIT", "OMAC", "GOSTR3411", "AEAD",
    }  # fmt: skip
    for one in SUITES:
        assert re.fullmatch(
            "NULL|(AES|CAMELLIA|ARIA)_(128|256)_(CBC|GCM|CCM|CCM_8)|CHACHA20_POLY1305|SM4_(CBC|GCM|CCM)|SEED_CBC|"
            "IDEA_CBC|3DES_EDE_CBC|DES_CBC|DES40_CBC|RC2_CBC_(40|56)|RC4_(40|56|128)|AEGIS_(256|128L)|28147_CNT|"
            "(KUZNYECHIK|MAGMA)_(CTR|MGM_L|MGM_S)|FORTEZZA_CBC",
            one.encryption,
        ), one


@pytest.mark.parametrize(
    "name", ["TLS_RSA_WITH_AES_128_CBC_SHA257", "TLS_NEW_WITH_AES_128_CBC_SHA", "TLS_AES_128_CBC_SHA256", "TLS_", ""]
)
def test_a_name_of_another_build_is_an_error_and_not_a_guess(name: str) -> None:
    with pytest.raises(ValueError, match="is not built like"):
        parse(1, name)


def test_a_suite_is_named_and_what_is_none_shown_by_its_number() -> None:
    assert name_of(0xC02F) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert name_of(0x5600) == "TLS_FALLBACK_SCSV"
    assert name_of(0x1A1A) == "0x1A1A"


def test_suites_of_the_dhe_family_are_those_that_a_server_without_parameters_dies_of() -> None:
    for one in SUITES:
        words = one.name.split("_WITH_")[0].split("_")
        finite_field = bool({"DHE", "DH"} & set(words)) and "PSK" not in words
        assert (one.family == "dhe") is finite_field, one


def test_what_needs_a_shared_secret_or_an_extension_is_of_no_family_that_is_believed() -> None:
    for one in SUITES:
        special = re.search("PSK|SRP|KRB5|GOST|ECCPWD|ECJPAKE|FORTEZZA|SM[34]", one.name)
        if one.family in ("ecdhe-rsa", "dhe"):
            assert not special, one
        elif one.family == "other":
            assert special, one


def test_tls_1_3_suites_are_a_family_and_a_version_of_their_own() -> None:
    assert {one.number for one in SUITES if one.family == "tls13"} == {
        0xC6, 0xC7, *range(0x1301, 0x1308), 0xC0B4, 0xC0B5, *range(0xC103, 0xC107),
    }  # fmt: skip
    for one in SUITES:
        assert (one.family == "tls13") == (one.minimum_version == 0x0304) == (one.maximum_version == 0x0304)


# Their weaknesses


def test_every_weakness_is_reached_and_explained() -> None:
    reached = set().union(*(weaknesses(one) for one in SUITES))
    assert reached == set(WEAKNESSES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""),
        ("TLS_AES_256_GCM_SHA384", ""),
        ("TLS_CHACHA20_POLY1305_SHA256", ""),
        ("TLS_AES_128_CCM_8_SHA256", "ccm8"),
        ("TLS_SHA256_SHA256", "null integrity-only"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "cbc sha1-mac"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "cbc"),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", "rsa-key-exchange no-forward-secrecy"),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "3des cbc rsa-key-exchange no-forward-secrecy sha1-mac"),
        ("TLS_RSA_WITH_RC4_128_MD5", "rc4 rsa-key-exchange no-forward-secrecy md5-mac"),
        ("TLS_RSA_WITH_IDEA_CBC_SHA", "des cbc rsa-key-exchange no-forward-secrecy sha1-mac"),
        ("TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", "export des cbc rsa-key-exchange no-forward-secrecy md5-mac"),
        ("TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA", "export rc4 dhe-key-exchange sha1-mac"),
        ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "dhe-key-exchange"),
        ("TLS_DH_RSA_WITH_AES_256_GCM_SHA384", "dhe-key-exchange no-forward-secrecy"),
        ("TLS_DH_anon_WITH_AES_256_GCM_SHA384", "anonymous dhe-key-exchange"),
        ("TLS_ECDH_anon_WITH_NULL_SHA", "anonymous null sha1-mac"),
        ("TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", "static-ecdh no-forward-secrecy"),
        ("TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", "psk no-forward-secrecy"),
        ("TLS_PSK_DHE_WITH_AES_128_CCM_8", "psk ccm8"),
        ("TLS_KRB5_EXPORT_WITH_DES_CBC_40_SHA", "export des cbc no-forward-secrecy sha1-mac"),
        ("TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC", "no-forward-secrecy"),
        ("TLS_NULL_WITH_NULL_NULL", "null anonymous no-forward-secrecy"),
    ],
)
def test_weaknesses_of(name: str, words: str) -> None:
    assert weaknesses(suite(name)) == set(words.split())


def test_only_encryption_that_authenticates_itself_with_fresh_keys_has_no_weakness() -> None:
    for one in SUITES:
        if not weaknesses(one):
            assert one.forward_secret
            assert one.aead
            assert one.key_exchange in ("any", "ECDHE", "ECCPWD", "ECDHE_SM2")


# OpenSSL on the same numbers

KX = {"RSA": "RSA", "DH": "DH", "ECDH": "ECDH", "PSK": "PSK", "RSAPSK": "RSA_PSK", "DHEPSK": "DHE_PSK"}
KX |= {"ECDHEPSK": "ECDHE_PSK", "SRP": "SRP", "any": "any", "GOST": "GOST", "GOST18": "GOST"}
VERSIONS = {"SSLv3": 0x0300, "TLSv1": 0x0300, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
CIPHERS = {"AES": "AES_#_CBC", "AESGCM": "AES_#_GCM", "AESCCM": "AES_#_CCM", "AESCCM8": "AES_#_CCM_8"}
CIPHERS |= {"Camellia": "CAMELLIA_#_CBC", "ARIAGCM": "ARIA_#_GCM", "CHACHA20/POLY1305": "CHACHA20_POLY1305"}
CIPHERS |= {"ChaCha20-Poly1305": "CHACHA20_POLY1305", "SEED": "SEED_CBC", "IDEA": "IDEA_CBC", "RC4": "RC4_#"}
CIPHERS |= {"3DES": "3DES_EDE_CBC", "None": "NULL"}


@cache
def openssl_suites() -> list[list[str]]:
    lines = openssl("ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").decode().splitlines()
    return [line.split() for line in lines]


@needs_openssl
def test_openssl_knows_no_suite_that_is_missing_or_named_otherwise() -> None:
    rows = openssl_suites()
    assert len(rows) > 50
    assert {number(row): row[2] for row in rows} == {number(row): BY_NUMBER[number(row)].name for row in rows}


@needs_openssl
def test_openssl_reads_the_same_properties_from_its_tables_as_we_from_the_name() -> None:
    for row in openssl_suites():
        one = BY_NUMBER[number(row)]
        version, *properties = row[5:10]
        kx, au, enc, mac = (word.partition("=")[2] for word in properties)
        ours = one.key_exchange
        if one.authentication == "anon":
            assert (ours, au) == (KX[kx] + "_anon", "None"), row
        elif kx in ("DH", "ECDH"):
            assert ours == KX[kx] + "E", row  # OpenSSL 1.1 and later have no static ones.
        else:
            assert ours == KX[kx], row
        if one.authentication not in ("anon", "GOST"):
            assert one.authentication == au, row
        cipher, bits = re.fullmatch(r"(.+?)(?:\((\d+)\))?", enc).groups()  # type: ignore[union-attr]
        if one.authentication != "GOST":
            assert one.encryption == CIPHERS[cipher].replace("#", bits or ""), row
            assert one.mac == mac, row
        assert one.minimum_version == VERSIONS[version], row


def number(row: list[str]) -> int:
    return int(row[0].replace("0x", "").replace(",", ""), 16)


def test_sslv2_cipher_kinds_are_three_octets_and_the_seven_of_the_protocol_are_there() -> None:
    assert all(0 <= kind < 1 << 24 for kind in SSLV2_CIPHERS)
    assert {0x010080, 0x020080, 0x030080, 0x040080, 0x050080, 0x060040, 0x0700C0} <= set(SSLV2_CIPHERS)


# The groups


def test_every_group_stands_once_with_a_kind_and_a_version() -> None:
    groups = named_groups.GROUPS
    assert len(groups) == len(named_groups.BY_NUMBER) == len(named_groups.BY_NAME) == 57
    assert {one.kind for one in groups} == set(named_groups.KINDS)
    assert all(one.tls12 or one.tls13 for one in groups)
    assert {one.number for one in groups if one.number < 256} == set(range(1, 42))


def test_groups_of_tls_1_3_have_a_share_and_the_others_none() -> None:
    for one in named_groups.GROUPS:
        assert (one.client_share > 0) == (one.server_share > 0) == one.tls13


@pytest.mark.parametrize(
    ("name", "client", "server"),
    [
        ("secp256r1", 65, 65),
        ("secp521r1", 133, 133),
        ("x25519", 32, 32),
        ("x448", 56, 56),
        ("ffdhe2048", 256, 256),
        ("GC512A", 128, 128),
        ("MLKEM768", 1184, 1088),
        ("SecP256r1MLKEM768", 1249, 1153),
        ("X25519MLKEM768", 1216, 1120),
        ("SecP384r1MLKEM1024", 1665, 1665),
        ("curveSM2MLKEM768", 1249, 1153),
        ("X25519Kyber768Draft00", 1216, 1120),
    ],
)
def test_share_of(name: str, client: int, server: int) -> None:
    one = named_groups.BY_NAME[name]
    assert (one.client_share, one.server_share) == (client, server)


def test_post_quantum_groups_are_those_with_a_lattice_in_them() -> None:
    assert {one.name for one in named_groups.GROUPS if one.post_quantum} == {
        one.name for one in named_groups.GROUPS if re.search("MLKEM|Kyber", one.name)
    }


def test_deprecated_curves_are_those_of_rfc_8422_and_the_drafts_that_were_replaced() -> None:
    deprecated = {one.number for one in named_groups.GROUPS if one.deprecated}
    assert deprecated == {*range(1, 23), 0x6399, 0x639A, 0xFF01, 0xFF02}


def test_a_group_is_named_and_what_is_none_shown_by_its_number() -> None:
    assert named_groups.name_of(0x11EC) == "X25519MLKEM768"
    assert named_groups.name_of(0x2A2A) == "0x2A2A"


OPENSSL_NAMES = {"secp192r1": "prime192v1", "secp256r1": "prime256v1", "curveSM2": "SM2"}


@needs_openssl
def test_openssl_writes_the_same_object_identifier_into_a_key_of_each_curve() -> None:
    listed = set(re.findall(r"^ *(\S+?) *:", openssl("ecparam", "-list_curves").decode(), re.MULTILINE))
    checked = 0
    for der, group in named_groups.GROUP_OF_CURVE_DER.items():
        name = OPENSSL_NAMES.get(group.name, group.name)
        if name in listed:
            assert openssl("ecparam", "-name", name, "-outform", "DER") == der, name
            checked += 1
    assert checked >= 3


def test_every_curve_group_below_tls_1_3_is_found_by_the_curve_of_a_certificate() -> None:
    curves = {group.number for group in named_groups.GROUP_OF_CURVE.values()}
    assert curves == set(range(1, 42)) - {29, 30, 31, 32, 33}
    assert len(named_groups.GROUP_OF_CURVE_DER) == len(named_groups.GROUP_OF_CURVE)


def test_a_brainpool_curve_has_another_number_in_tls_1_3_and_an_obsolete_curve_none() -> None:
    assert named_groups.TLS13_OF_CURVE_GROUP[26] == 31
    assert named_groups.TLS13_OF_CURVE_GROUP[23] == 23
    assert 19 not in named_groups.TLS13_OF_CURVE_GROUP
    assert all(named_groups.BY_NUMBER[number].tls13 for number in named_groups.TLS13_OF_CURVE_GROUP.values())


# Signatures and alerts


def test_every_signature_scheme_stands_once() -> None:
    schemes = signature_schemes.SCHEMES
    assert len(schemes) == len(signature_schemes.BY_NUMBER) == len({one.name for one in schemes}) == 61
    assert set().union(*(one.weak for one in schemes)) == set(signature_schemes.WEAKNESSES)


def test_pairs_of_tls_1_2_carry_hash_and_algorithm_in_their_octets() -> None:
    hashes = {1: "md5", 2: "sha1", 3: "sha224", 4: "sha256", 5: "sha384", 6: "sha512"}
    algorithms = {1: "rsa", 2: "dsa", 3: "ecdsa"}  # RFC 5246 section 7.4.1.4.1
    for high, hash_name in hashes.items():
        for low, algorithm in algorithms.items():
            one = signature_schemes.BY_NUMBER[high << 8 | low]
            assert (one.hash, one.algorithm, one.tls12) == (hash_name, algorithm, True)


def test_no_server_may_sign_weakly_in_tls_1_3() -> None:
    assert [one.name for one in signature_schemes.SCHEMES if one.weak and one.tls13] == []
    assert [one.name for one in signature_schemes.SCHEMES if one.algorithm == "rsa" and one.tls13] == []


def test_post_quantum_signatures_are_for_tls_1_3_only() -> None:
    assert {one.number for one in signature_schemes.SCHEMES if one.post_quantum} == {
        *range(0x0904, 0x0907),
        *range(0x0911, 0x091D),
    }
    assert not any(one.tls12 for one in signature_schemes.SCHEMES if one.post_quantum)


def test_a_scheme_is_named_and_what_is_none_shown_by_its_number() -> None:
    assert signature_schemes.name_of(0x0804) == "rsa_pss_rsae_sha256"
    assert signature_schemes.name_of(0x1A1A) == "0x1A1A"


def test_alerts_have_names_and_an_unknown_one_a_number() -> None:
    assert len(alerts.NAMES) == len(set(alerts.NAMES.values())) == 37
    assert [alerts.name_of(description) for description in (40, 70, 71, 80, 86)] == [
        "handshake_failure", "protocol_version", "insufficient_security", "internal_error", "inappropriate_fallback",
    ]  # fmt: skip
    assert alerts.name_of(123) == "alert 123"
