# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers and clients for the tests of the models, and ways to change one thing of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from port995.policy.certificate import CertificateFacts, PublicKey
from port995.policy.clients.catalogue import Client, Uncertain
from port995.policy.clients.server import Leaf, Server
from port995.policy.facts import SpokenVersion, TlsFacts
from port995.probe.tls.cipher_suites import BY_NUMBER
from port995.probe.tls.named_groups import BY_NUMBER as GROUPS

TLS10, TLS11, TLS12, TLS13 = 0x0301, 0x0302, 0x0303, 0x0304
X25519, P256, P384, FFDHE2048 = 0x001D, 0x0017, 0x0018, 0x0100
AES128, AES256, CHACHA13 = 0x1301, 0x1302, 0x1303
ECDHE_RSA_128, ECDHE_RSA_256, ECDHE_RSA_CBC, ECDHE_RSA_CHACHA = 0xC02F, 0xC030, 0xC013, 0xCCA8
ECDHE_ECDSA_128 = 0xC02B
DHE_RSA_128, RSA_128, RSA_CBC = 0x009E, 0x009C, 0x002F
PSS, PKCS1, PKCS1_SHA1, ECDSA_256, ECDSA_384 = 0x0804, 0x0401, 0x0201, 0x0403, 0x0503


def spoken(version: int = TLS12, **changes: Any) -> SpokenVersion:
    """A version in which all is known: ECDHE with RSA, the server's order, x25519 before P-256."""
    suites = (AES256, AES128) if version == TLS13 else (ECDHE_RSA_256, ECDHE_RSA_128)
    found = SpokenVersion(
        version, suites, True, "server", (X25519, P256), True, "server", (PSS, PKCS1) if version >= TLS12 else (),
        version == TLS12,
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


def facts(*versions: SpokenVersion, **changes: Any) -> TlsFacts:
    """What was seen of a server that speaks these versions and no other."""
    there = {one.version for one in versions}
    unspoken = tuple(version for version in (TLS13, TLS12, TLS11, TLS10, 0x0300, 2) if version not in there)
    found = TlsFacts(tuple(versions), unspoken, (), ("RSA",), (), True, True, False)
    return dataclasses.replace(found, **changes)


def server(*versions: SpokenVersion, **changes: Any) -> Server:
    """A server whose order of suites and groups is that of its lists; ``facts`` among the changes replaces the facts."""
    seen = changes.pop("facts", None) or facts(*versions)
    found = Server(
        seen, True, {one.version: frozenset() for one in versions},
        {one.version: pairs(one.suites, BY_NUMBER) for one in versions},
        {one.version: pairs(one.groups, GROUPS) for one in versions},
        {(one.version, key): frozenset(one.groups) for one in versions for key in seen.keys},
        frozenset((offered, one.version) for one in versions[:1] for offered in (TLS13, TLS12, TLS11) if offered > one.version),
        True, (leaf(),),
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


def pairs(order: tuple[int, ...], offered: Iterable[int]) -> frozenset[tuple[int, int]]:
    """What offers of everything show: each before those behind it, and before all that is not taken."""
    return frozenset(
        (one, other) for place, one in enumerate(order) for other in offered if other not in order[: place + 1]
    )


def leaf(key: str = "RSA", curve: int | None = None, **changes: Any) -> Leaf:
    """Signed with SHA-256 by a key of its own type."""
    signature = "sha256WithRSAEncryption" if key == "RSA" else "ecdsa-with-SHA256"
    return Leaf(key, curve, CertificateFacts("00", key=PublicKey(key, 2048), **{"signature": signature, **changes}))


def client(**changes: Any) -> Client:
    """A client of TLS 1.2 and 1.3 of which all is certain."""
    found = Client(
        "one", "One", "Library", "2026-01-01", (TLS13, TLS12), (AES128, AES256, ECDHE_RSA_128, ECDHE_RSA_256, RSA_128),
        (P256, X25519), (P256,), (PSS, PKCS1, ECDSA_256), True,
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


def unsure(*values: int, order: bool = False) -> Uncertain:
    return Uncertain(values, order, "nobody said")
