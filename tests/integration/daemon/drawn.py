# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles drawn at random, as a user writes them, and what follows from one for a mail daemon.

What follows is read off the profile by this file alone: the checks that stop somebody on this day take versions, classes
of suites, groups and signatures away, and all else that mail clients offer and the daemon's library has is left on.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from port995.policy.model import Severity
from port995.policy.profile import Profile, load_profile
from port995.policy.registry import ALWAYS
from tests.peers.peer import TlsConfiguration, Truth, truth_by_rule
from tests.peers.suites import TABLE, TLS10, TLS11, TLS12, TLS13, Suite, shown_by

SETTLED = ("VER", "CIPH", "GRP", "SIG", "TLS")
"""Families of checks that a daemon's settings answer."""
OTHERS = ("POP3S-PORT-001", "POP3S-NODE-001", "POP3S-RENEG-001", "POP3S-DH-001", "POP3S-CERT-001",
          "POP3S-CERT-002", "POP3S-CLR-001", "POP3S-POP-001")  # fmt: skip
"""Checks that users have beside those, and that hold of these servers."""
CHECKS = (
    *(f"POP3S-VER-00{number}" for number in range(1, 7)), *(f"POP3S-CIPH-00{number}" for number in range(1, 10)),
    "POP3S-TLS-001", "POP3S-TLS-002", "POP3S-GRP-001", "POP3S-SIG-001", *OTHERS,
)  # fmt: skip
BASES = ("baseline", "rfc9325", "mozilla-6.0-intermediate", "pci-dss-4.0.1", "strict")
GROUPS = {
    "x25519": 0x001D, "x448": 0x001E, "secp256r1": 0x0017, "secp384r1": 0x0018, "secp521r1": 0x0019,
    "ffdhe2048": 0x0100, "ffdhe3072": 0x0101, "ffdhe4096": 0x0102, "ffdhe6144": 0x0103, "ffdhe8192": 0x0104,
    "X25519MLKEM768": 0x11EC, "SecP256r1MLKEM768": 0x11EB, "SecP384r1MLKEM1024": 0x11ED,
}  # fmt: skip
"""Those that mail clients offer."""
CURVES = frozenset((0x001D, 0x001E, 0x0017, 0x0018, 0x0019))
FINITE = frozenset(range(0x0100, 0x0105))
HYBRID = frozenset((0x11EB, 0x11EC, 0x11ED))
USUAL = CURVES | {0x0100, 0x0101}
"""One of these is allowed: those who look, on the host itself (OpenSSL 3.5) and from outside (3.0), offer them all."""
ODD_GROUPS = ("brainpoolP256r1", "secp256k1", "GC256A", "MLKEM768")
"""That a profile may allow and no mail client offers."""
CIPHERS = ("AES_128_GCM", "AES_256_GCM", "AES_128_CBC", "AES_256_CBC", "CHACHA20_POLY1305")
"""What mail clients offer; 3DES and RC4 are in no library here."""
NEW = (0x1302, 0x1303, 0x1301)
VERSIONS = (TLS10, TLS11, TLS12, TLS13)
WORDS = {"TLSv1": TLS10, "TLSv1.1": TLS11, "TLSv1.2": TLS12, "TLSv1.3": TLS13}
FLOORS = {"POP3S-VER-003": TLS11, "POP3S-VER-004": TLS12, "POP3S-VER-006": TLS13}
PRIME = 3072
"""Bits of the prime that daemons are given."""


def held(profile: Profile, day: datetime.date) -> set[str]:
    """Checks that stop somebody on this day."""
    return {
        id_ for id_, rule in profile.checks.items()
        if rule.severity is not Severity.INFO and rule.holds_on(day) and not rule.only_with
    }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Left:
    """What a profile leaves of what mail clients offer."""

    minimum: int
    """The oldest version, signatures not considered."""
    suites: tuple[int, ...]
    """Below TLS 1.3."""
    groups: frozenset[int]
    weak_signatures: bool

    @property
    def lowest(self) -> int:
        """The oldest version that is left: signatures of TLS 1.1 and below are made with SHA-1 at the best."""
        return self.minimum if self.weak_signatures else max(self.minimum, TLS12)

    def served_with(self, groups: frozenset[int]) -> Truth:
        """What is then true of a server with a key of RSA.

        :param groups: those that it takes
        """

        def groups_of(version: int) -> frozenset[int]:
            return groups if version == TLS13 else groups & CURVES

        configuration = TlsConfiguration(
            versions=VERSIONS[VERSIONS.index(self.lowest) :], suites=self.suites, suites13=NEW, server_order=True,
            groups=tuple(groups), key_types=("rsa",), dh_parameters=True,
        )  # fmt: skip
        return truth_by_rule(configuration, Suite.exists_in, groups_of, lambda version: True)


def left_by(profile: Profile, day: datetime.date) -> Left:
    """Read a profile."""
    stops = held(profile, day)
    minimum = max([TLS10, *(version for id_, version in FLOORS.items() if id_ in stops)])
    if "POP3S-TLS-002" in stops:
        words = _words(profile, "POP3S-TLS-002", "minimum")
        minimum = max([minimum, *(WORDS[word] for word in words if word in WORDS)])
    classes = {id_.removeprefix("POP3S-") for id_ in stops if "-CIPH-" in id_}
    if "POP3S-DH-001" in stops and int(str(profile.checks["POP3S-DH-001"].parameters["bits"])) > PRIME:
        classes.add("CIPH-008")
    suites = tuple(
        suite.number for suite in TABLE
        if not suite.is_tls13 and suite.openssl and suite.cipher in CIPHERS and "anon" not in suite.key_exchange
        and not shown_by(suite.number) & classes
    )  # fmt: skip
    groups = frozenset(GROUPS.values())
    if "POP3S-GRP-001" in stops:
        groups &= {GROUPS[word] for word in _words(profile, "POP3S-GRP-001", "allowed") if word in GROUPS}
    return Left(minimum, suites, groups, "POP3S-SIG-001" not in stops)


def _words(profile: Profile, id_: str, parameter: str) -> Sequence[str]:
    words = profile.checks[id_].parameters[parameter]
    assert isinstance(words, tuple)
    return words


def draw(rng: random.Random, day: datetime.date, groups: frozenset[int]) -> str:
    """A profile, as text.

    :param groups: those that the daemon can be told; one of them is allowed
    """
    base = rng.choice((None, None, None, *BASES))
    data: dict[str, Any] = {"schema": "port995/profile/1", "id": "drawn", "date": day, "title": "One that was drawn"}
    if base is None:
        named = [id_ for id_ in CHECKS if rng.random() < 0.75] or ["POP3S-VER-002"]
    else:
        data["extends"] = base
        stands = load_profile(base).checks
        named = [id_ for id_ in CHECKS if rng.random() < 0.25]
        removed = [id_ for id_ in stands if id_ not in named and (rng.random() < 0.2 or not _is_about_settings(id_))]
        data["remove"] = [id_ for id_ in removed if id_ not in ALWAYS]
    checks = {id_: _rule(rng, day) for id_ in named}
    for id_, name, value in (
        ("POP3S-TLS-002", "minimum", [rng.choice(("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.2", "TLSv1.3"))]),
        ("POP3S-DH-001", "bits", rng.choice((1024, 2048, 3072, 4096))),
        ("POP3S-GRP-001", "allowed", _some_groups(rng, groups)),
    ):
        if id_ in checks:
            checks[id_]["parameters"] = {name: value}
    return written({**data, "checks": checks})


def written(data: dict[str, Any]) -> str:
    """A profile as text."""
    return yaml.dump(data, sort_keys=False, Dumper=_Plain)


class _Plain(yaml.SafeDumper):
    """Every value is written out: a profile takes no references."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _is_about_settings(id_: str) -> bool:
    return id_ in OTHERS or id_.split("-")[1] in (*SETTLED, "FLT", "CERT", "CLR")


def _rule(rng: random.Random, day: datetime.date) -> dict[str, Any]:
    rule: dict[str, Any] = {"severity": rng.choice(("critical", "high", "medium", "low", "info"))}
    days = datetime.timedelta(days=1)
    if rng.random() < 0.1:
        rule["effective"] = day + days * rng.choice((-400, -1, 0, 1, 90))
    if rng.random() < 0.1:
        until = day + days * rng.choice((-1, 0, 1, 90))
        rule["until"] = max(until, rule.get("effective", until))
    return rule


def _some_groups(rng: random.Random, groups: frozenset[int]) -> list[str]:
    there = [name for name, number in GROUPS.items() if number in groups]
    chosen = rng.sample(there, rng.randint(1, len(there)))
    usual = [name for name in there if GROUPS[name] in USUAL]
    if not set(chosen) & set(usual):
        chosen.append(rng.choice(usual))
    others = [name for name in (*GROUPS, *ODD_GROUPS) if name not in there]
    chosen += rng.sample(others, rng.randint(0, len(others)))
    rng.shuffle(chosen)
    return chosen


def write(text: str, path: Path) -> Profile:
    """Keep a profile in a file, and read it as any user's."""
    path.write_text(text)
    return load_profile(path)
