# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups for the key exchange, IANA's registry "TLS Supported Groups" (tls-parameters-8), and certificates' curves.

Sources: RFC 8422 (curves), RFC 7027 and RFC 8734 (Brainpool), RFC 7919 (finite fields), RFC 9189 and RFC 9367 (GOST),
RFC 8998 (SM2), RFC 10024 (hybrids), the draft of the groups with ML-KEM alone; FIPS 203 table 3 for sizes of ML-KEM.
Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Dict, Iterator, List, Mapping, Tuple

EC, MONTGOMERY, FFDHE, MLKEM, HYBRID, EXPLICIT = "ec", "montgomery", "ffdhe", "mlkem", "hybrid", "explicit"
KINDS = (EC, MONTGOMERY, FFDHE, MLKEM, HYBRID, EXPLICIT)

BELOW_1_3, TLS_1_3, BOTH = "1.2", "1.3", "1.2 1.3"


@dataclasses.dataclass(frozen=True)
class NamedGroup:
    """One group."""

    number: int
    name: str
    kind: str
    """One of `KINDS`. "explicit": the server may send any curve it likes."""
    bits: int
    """Size of the field, in hybrids that of the classical part; 0 where there is none."""
    tls12: bool
    """Defined for TLS 1.2 and below."""
    tls13: bool
    """Defined for TLS 1.3."""
    deprecated: bool
    """RFC 8422 section 5.1.1 and its like say so, or a draft that a later number replaced."""
    client_share: int
    """Octets of a client's key share in TLS 1.3; 0 where it isn't defined for that."""
    server_share: int
    """Octets of the server's answer to it."""

    @property
    def post_quantum(self) -> bool:
        """A quantum computer does not open what was agreed with it."""
        return self.kind in (MLKEM, HYBRID)


_ROWS: Tuple[Tuple[int, str, str, int, str, bool], ...] = (
    # number, name, kind, bits, versions, deprecated
    (1, "sect163k1", EC, 163, BELOW_1_3, True),
    (2, "sect163r1", EC, 163, BELOW_1_3, True),
    (3, "sect163r2", EC, 163, BELOW_1_3, True),
    (4, "sect193r1", EC, 193, BELOW_1_3, True),
    (5, "sect193r2", EC, 193, BELOW_1_3, True),
    (6, "sect233k1", EC, 233, BELOW_1_3, True),
    (7, "sect233r1", EC, 233, BELOW_1_3, True),
    (8, "sect239k1", EC, 239, BELOW_1_3, True),
    (9, "sect283k1", EC, 283, BELOW_1_3, True),
    (10, "sect283r1", EC, 283, BELOW_1_3, True),
    (11, "sect409k1", EC, 409, BELOW_1_3, True),
    (12, "sect409r1", EC, 409, BELOW_1_3, True),
    (13, "sect571k1", EC, 571, BELOW_1_3, True),
    (14, "sect571r1", EC, 571, BELOW_1_3, True),
    (15, "secp160k1", EC, 160, BELOW_1_3, True),
    (16, "secp160r1", EC, 160, BELOW_1_3, True),
    (17, "secp160r2", EC, 160, BELOW_1_3, True),
    (18, "secp192k1", EC, 192, BELOW_1_3, True),
    (19, "secp192r1", EC, 192, BELOW_1_3, True),
    (20, "secp224k1", EC, 224, BELOW_1_3, True),
    (21, "secp224r1", EC, 224, BELOW_1_3, True),
    (22, "secp256k1", EC, 256, BELOW_1_3, True),
    (23, "secp256r1", EC, 256, BOTH, False),
    (24, "secp384r1", EC, 384, BOTH, False),
    (25, "secp521r1", EC, 521, BOTH, False),
    (26, "brainpoolP256r1", EC, 256, BELOW_1_3, False),
    (27, "brainpoolP384r1", EC, 384, BELOW_1_3, False),
    (28, "brainpoolP512r1", EC, 512, BELOW_1_3, False),
    (29, "x25519", MONTGOMERY, 255, BOTH, False),
    (30, "x448", MONTGOMERY, 448, BOTH, False),
    (31, "brainpoolP256r1tls13", EC, 256, TLS_1_3, False),
    (32, "brainpoolP384r1tls13", EC, 384, TLS_1_3, False),
    (33, "brainpoolP512r1tls13", EC, 512, TLS_1_3, False),
    (34, "GC256A", EC, 256, BOTH, False),
    (35, "GC256B", EC, 256, BOTH, False),
    (36, "GC256C", EC, 256, BOTH, False),
    (37, "GC256D", EC, 256, BOTH, False),
    (38, "GC512A", EC, 512, BOTH, False),
    (39, "GC512B", EC, 512, BOTH, False),
    (40, "GC512C", EC, 512, BOTH, False),
    (41, "curveSM2", EC, 256, TLS_1_3, False),
    (256, "ffdhe2048", FFDHE, 2048, BOTH, False),
    (257, "ffdhe3072", FFDHE, 3072, BOTH, False),
    (258, "ffdhe4096", FFDHE, 4096, BOTH, False),
    (259, "ffdhe6144", FFDHE, 6144, BOTH, False),
    (260, "ffdhe8192", FFDHE, 8192, BOTH, False),
    (0x0200, "MLKEM512", MLKEM, 0, TLS_1_3, False),
    (0x0201, "MLKEM768", MLKEM, 0, TLS_1_3, False),
    (0x0202, "MLKEM1024", MLKEM, 0, TLS_1_3, False),
    (0x11EB, "SecP256r1MLKEM768", HYBRID, 256, TLS_1_3, False),
    (0x11EC, "X25519MLKEM768", HYBRID, 255, TLS_1_3, False),
    (0x11ED, "SecP384r1MLKEM1024", HYBRID, 384, TLS_1_3, False),
    (0x11EE, "curveSM2MLKEM768", HYBRID, 256, TLS_1_3, False),
    (0x6399, "X25519Kyber768Draft00", HYBRID, 255, TLS_1_3, True),
    (0x639A, "SecP256r1Kyber768Draft00", HYBRID, 256, TLS_1_3, True),
    (0xFF01, "arbitrary_explicit_prime_curves", EXPLICIT, 0, BELOW_1_3, True),
    (0xFF02, "arbitrary_explicit_char2_curves", EXPLICIT, 0, BELOW_1_3, True),
)

_KEM_SIZES: Mapping[str, Tuple[int, int]] = {
    # octets of the encapsulation key (client) and of the ciphertext (server)
    "MLKEM512": (800, 768),
    "MLKEM768": (1184, 1088),
    "MLKEM1024": (1568, 1568),
    "Kyber768Draft00": (1184, 1088),
}


def _point(name: str, kind: str, bits: int) -> int:
    """Octets of the classical part of a share."""
    size = -(-bits // 8)
    if kind in (FFDHE, MONTGOMERY) or name.startswith("X25519"):
        return size
    # RFC 8446 section 4.2.8.2: an uncompressed point, after the octet 4; RFC 9367 section 4.3.2.1 leaves that away.
    return 2 * size if name.startswith("GC") else 1 + 2 * size


def _shares(name: str, kind: str, bits: int) -> Tuple[int, int]:
    if kind not in (MLKEM, HYBRID):
        return (_point(name, kind, bits),) * 2
    client, server = next(sizes for kem, sizes in _KEM_SIZES.items() if name.endswith(kem))
    classical = _point(name, kind, bits) if kind == HYBRID else 0
    return classical + client, classical + server


def _all_groups() -> Iterator[NamedGroup]:
    for number, name, kind, bits, versions, deprecated in _ROWS:
        tls13 = TLS_1_3 in versions
        client, server = _shares(name, kind, bits) if tls13 else (0, 0)
        yield NamedGroup(number, name, kind, bits, BELOW_1_3 in versions, tls13, deprecated, client, server)


GROUPS: Tuple[NamedGroup, ...] = tuple(_all_groups())
BY_NUMBER: Mapping[int, NamedGroup] = MappingProxyType({group.number: group for group in GROUPS})
BY_NAME: Mapping[str, NamedGroup] = MappingProxyType({group.name: group for group in GROUPS})


def name_of(number: int) -> str:
    """The group's name; the number in hexadecimal ("0x1A1A") if it has none."""
    group = BY_NUMBER.get(number)
    return group.name if group else "0x%04X" % number


_CURVES: Tuple[Tuple[str, str], ...] = (
    # Object identifier of the curve in a certificate's key (RFC 5480 section 2.1.1.1, SEC 2, RFC 5639), group
    ("1.3.132.0.1", "sect163k1"),
    ("1.3.132.0.2", "sect163r1"),
    ("1.3.132.0.15", "sect163r2"),
    ("1.3.132.0.24", "sect193r1"),
    ("1.3.132.0.25", "sect193r2"),
    ("1.3.132.0.26", "sect233k1"),
    ("1.3.132.0.27", "sect233r1"),
    ("1.3.132.0.3", "sect239k1"),
    ("1.3.132.0.16", "sect283k1"),
    ("1.3.132.0.17", "sect283r1"),
    ("1.3.132.0.36", "sect409k1"),
    ("1.3.132.0.37", "sect409r1"),
    ("1.3.132.0.38", "sect571k1"),
    ("1.3.132.0.39", "sect571r1"),
    ("1.3.132.0.9", "secp160k1"),
    ("1.3.132.0.8", "secp160r1"),
    ("1.3.132.0.30", "secp160r2"),
    ("1.3.132.0.31", "secp192k1"),
    ("1.2.840.10045.3.1.1", "secp192r1"),
    ("1.3.132.0.32", "secp224k1"),
    ("1.3.132.0.33", "secp224r1"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.2.840.10045.3.1.7", "secp256r1"),
    ("1.3.132.0.34", "secp384r1"),
    ("1.3.132.0.35", "secp521r1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
    # RFC 9189 section 5.1, with the identifiers that RFC 4357 had given three of them.
    ("1.2.643.7.1.2.1.1.1", "GC256A"),
    ("1.2.643.7.1.2.1.1.2", "GC256B"),
    ("1.2.643.2.2.35.1", "GC256B"),
    ("1.2.643.7.1.2.1.1.3", "GC256C"),
    ("1.2.643.2.2.35.2", "GC256C"),
    ("1.2.643.7.1.2.1.1.4", "GC256D"),
    ("1.2.643.2.2.35.3", "GC256D"),
    ("1.2.643.7.1.2.1.2.1", "GC512A"),
    ("1.2.643.7.1.2.1.2.2", "GC512B"),
    ("1.2.643.7.1.2.1.2.3", "GC512C"),
    ("1.2.156.10197.1.301", "curveSM2"),
)


def der_of_oid(dotted: str) -> bytes:
    """An object identifier as DER, tag and length included (X.690 section 8.19); its body below 128 octets."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body: List[int] = []
    for arc in (40 * first + second, *rest):
        octets = [arc & 0x7F]
        while arc > 0x7F:
            arc >>= 7
            octets.append(0x80 | arc & 0x7F)
        body += reversed(octets)
    return bytes([6, len(body), *body])


GROUP_OF_CURVE: Mapping[str, NamedGroup] = MappingProxyType({oid: BY_NAME[name] for oid, name in _CURVES})
"""Dotted object identifier of a certificate's curve -> its group. Of a Brainpool curve that is the group for TLS 1.2
and below; TLS 1.3 has numbers of its own (`TLS13_OF_CURVE_GROUP`)."""

GROUP_OF_CURVE_DER: Mapping[bytes, NamedGroup] = MappingProxyType(
    {der_of_oid(oid): group for oid, group in GROUP_OF_CURVE.items()}
)
"""The same by the object identifier's DER, as it stands in a certificate, tag and length included."""


def _tls13_numbers() -> Dict[int, int]:
    own = {number: BY_NAME[BY_NUMBER[number].name + "tls13"].number for number in (26, 27, 28)}
    return {**{group.number: group.number for group in GROUP_OF_CURVE.values() if group.tls13}, **own}


TLS13_OF_CURVE_GROUP: Mapping[int, int] = MappingProxyType(_tls13_numbers())
"""Group of a certificate's curve -> the group of the same curve in TLS 1.3; a curve that it lacks is missing."""
