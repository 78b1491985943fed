# SPDX-License-Identifier: GPL-3.0-or-later
"""From a profile to what a mail daemon is to be set to: the versions, suites and groups that its checks leave.

What a profile only tells of (severity ``info``), or not on this day, is left on: whoever has it is shut out by nobody's
word. The result is plain data, for the option ``tls`` of ``pop3s_daemon``.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from ..probe.tls.cipher_suites import FAMILY_DHE, FAMILY_ECDHE_RSA, FAMILY_TLS13, SUITES, CipherSuite, weaknesses
from ..probe.tls.client_hello import TLS_1_2
from .check import GROUPS_ASKED, SIGNATURES
from .model import Severity
from .profile import Profile
from .registry import all_checks

VERSIONS = {
    "POP3S-VER-002": "TLSv1", "POP3S-VER-003": "TLSv1.1", "POP3S-VER-004": "TLSv1.2", "POP3S-VER-006": "TLSv1.3",
}  # fmt: skip
"""The oldest version that is left by each check which takes one away."""
SIGNED_WELL = "TLSv1.2"
"""The oldest version that has other signatures than those with SHA-1 and MD5 (RFC 4346 section 7.4.3)."""
DH_BITS = 3072
"""Size of the prime that daemons are given for DHE."""
ORDER = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
SAFE_FIRST = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
USED_GROUPS = (
    "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "x25519", "secp256r1", "secp384r1", "secp521r1",
    "x448", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192",
)  # fmt: skip
"""What mail clients offer, the best first."""
USED_ENCRYPTIONS = re.compile(r"AES_(128|256)_(GCM|CBC)|CHACHA20_POLY1305|3DES_EDE_CBC|RC4_128")
"""What mail clients offer; national ciphers and CCM are left to those who ask for them."""
DH_SIZE = "POP3S-DH-001"
MARKS_ONLY = (DH_SIZE, "POP3S-DH-002")
"""Checks that have suites marked and do not forbid them."""


def settings_for(profile: Profile, day: datetime.date) -> dict[str, Any]:
    """What the option ``tls`` of ``pop3s_daemon`` takes.

    :param day: the rules that are in force on it count
    :returns: ``minimum``, ``suites``, ``groups``, ``preference``, ``weak_signatures``
    :raises ValueError: the profile leaves no suite or no group
    """
    held = {id_: check for id_, check in all_checks().items() if _stops(profile, id_, day)}
    forbidden = {word for id_, check in held.items() if id_ not in MARKS_ONLY for word in check.forbids}
    minimum = max((version for id_, version in VERSIONS.items() if id_ in held), key=ORDER.index, default="TLSv1")
    if "POP3S-TLS-002" in held:
        said = profile.checks["POP3S-TLS-002"].parameters["minimum"]
        words = [str(word) for word in said] if isinstance(said, (list, tuple)) else [str(said)]
        minimum = max([minimum, *(word for word in words if word in ORDER)], key=ORDER.index)
    weak_signatures = not any(SIGNATURES in check.asks for check in held.values())
    if not weak_signatures:
        minimum = max(minimum, SIGNED_WELL, key=ORDER.index)
    bits = profile.checks[DH_SIZE].parameters["bits"] if DH_SIZE in held else 0
    if isinstance(bits, (int, float)) and bits > DH_BITS:
        forbidden.add("dhe-key-exchange")
    suites = _suites(forbidden, minimum)
    groups = _groups(profile, held)
    if not suites or not groups:
        left = "suite" if not suites else "group"
        raise ValueError(f"profile {profile.id} leaves no {left}: no daemon can be set so")
    return {
        "minimum": minimum, "suites": suites, "groups": groups, "preference": "server",
        "weak_signatures": weak_signatures,
    }  # fmt: skip


def today() -> datetime.date:
    """The day on which a profile that is enforced now has to be in force: rules begin and end with a day in UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def _stops(profile: Profile, id_: str, day: datetime.date) -> bool:
    settings = profile.checks.get(id_)
    return settings is not None and settings.severity is not Severity.INFO and settings.holds_on(day)


def _suites(forbidden: set[str], minimum: str) -> list[str]:
    """The best first: authenticated encryption, elliptic curves before finite fields, longer keys before shorter."""
    offered = [
        suite for suite in SUITES
        if suite.family in (FAMILY_ECDHE_RSA, FAMILY_DHE, FAMILY_TLS13)
        and suite.authentication in ("RSA", "ECDSA", "any") and suite.registered
        and USED_ENCRYPTIONS.fullmatch(suite.encryption)
        and not weaknesses(suite) & (forbidden | {"null", "anonymous", "export", "psk", "integrity-only"})
        and (suite.family == FAMILY_TLS13 or minimum != "TLSv1.3")
    ]  # fmt: skip
    return [suite.name for suite in sorted(offered, key=_rank)]


def _rank(suite: CipherSuite) -> tuple[Any, ...]:
    new = suite.family == FAMILY_TLS13
    return (
        not new,
        SAFE_FIRST.index(suite.name) if suite.name in SAFE_FIRST else len(SAFE_FIRST),
        not suite.forward_secret,
        not suite.aead,
        suite.key_exchange != "ECDHE",
        "256" not in suite.encryption and "CHACHA20" not in suite.encryption,
        suite.minimum_version < TLS_1_2,
        suite.number,
    )


def _groups(profile: Profile, held: dict[str, Any]) -> list[str]:
    """Those that every check of groups allows; a finite field of TLS 1.2 is a matter of the daemon's parameters."""
    allowed = list(USED_GROUPS)
    for id_, check in held.items():
        said = profile.checks[id_].parameters.get("allowed") if GROUPS_ASKED in check.asks else None
        if isinstance(said, (list, tuple)):
            allowed = [name for name in allowed if name in said]
    return allowed
