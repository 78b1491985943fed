# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model of a client needs to know of a server: its facts, and what only the single answers tell."""

from __future__ import annotations

import base64
import dataclasses
import functools
from collections.abc import Iterable, Mapping

from ...probe.model import Hello, Observation
from ...probe.tls.certificate_key import CertificateKey, key_of
from ...probe.tls.cipher_suites import BY_NUMBER
from ...probe.tls.client_hello import TLS_1_2, TLS_1_3, VERSION_NAMES, numbers
from ..belief import evidence_of
from ..certificate import CertificateFacts, read_certificate
from ..facts import TlsFacts, facts_of
from ..universe import every_group, every_signature

Pair = tuple[int, int]
"""The first was chosen with the second on offer."""

RENEGOTIATION_INFO = 0xFF01


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A certificate that was shown."""

    key: str
    """``RSA``, ``ECDSA``, ``EDDSA``, ``DSS``; empty: not read."""

    curve: int | None
    """Named group of its key."""

    facts: CertificateFacts
    issuers: tuple[CertificateFacts, ...] = ()
    """What was sent behind it."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A server as it was recorded."""

    facts: TlsFacts
    named: bool
    """Whether the facts are those of clients that send its name."""

    refused_suites: Mapping[int, frozenset[int]]
    """By version, with every group and signature on offer."""

    suite_choices: Mapping[int, frozenset[Pair]]
    """By version; of offers with every group and signature."""

    group_choices: Mapping[int, frozenset[Pair]]
    groups_by_key: Mapping[tuple[int, str], frozenset[int]]
    """By version and the type of key that signed."""

    falls: frozenset[Pair]
    """(highest version on offer, version of the answer), where the answer was in a lower one: what becomes of who
    offers more than the server speaks."""

    renegotiation: bool | None
    """Whether RFC 5746 was shown: by all answers below TLS 1.3, by none; ``None``: by some, or it was not asked."""

    leaves: tuple[Leaf, ...] = ()
    asked: bool = True
    """Whether any hello was sent."""

    why_not: str = ""
    """Why not everything was asked."""


@functools.lru_cache(maxsize=64)
def server_of(seen: Observation) -> Server:
    """Read one observation."""
    evidence = evidence_of(seen)
    facts = facts_of(seen)
    versions = [one.version for one in facts.versions]
    suite_choices: dict[int, frozenset[Pair]] = {}
    group_choices: dict[int, frozenset[Pair]] = {}
    by_key: dict[tuple[int, str], frozenset[int]] = {}
    for version in versions:
        answers = [hello for hello in evidence.answers if hello.answered_version == version]
        suite_choices[version] = frozenset(pair for hello in answers for pair in _suite_pairs(hello, version))
        group_choices[version] = frozenset(pair for hello in answers for pair in _group_pairs(hello))
        for hello in answers:
            suite = BY_NUMBER.get(hello.suite or 0)
            if hello.group is not None and suite is not None:
                place = (version, suite.authentication)
                by_key[place] = by_key.get(place, frozenset()) | {hello.group}
    old = [hello for hello in evidence.answers if TLS_1_3 > (hello.answered_version or 0) > 0x0300]
    shown = {RENEGOTIATION_INFO in hello.answer_extensions for hello in old}
    refused = {version: evidence.refused_suites(version) for version in versions if version > 2}
    return Server(
        facts, any(hello.server_name is not None for hello in seen.hellos) or _session_named(seen), refused,
        suite_choices, group_choices, by_key, frozenset(_falls(seen, evidence.answers)),
        shown.pop() if len(shown) == 1 else None, tuple(_leaves(seen)), evidence.asked, evidence.ended,
    )  # fmt: skip


def _falls(seen: Observation, answers: Iterable[Hello]) -> Iterable[Pair]:
    for hello in answers:
        if hello.answered_version is not None and hello.answered_version < hello.version:
            yield hello.version, hello.answered_version
    # The session's library offers TLS 1.3 and everything below it.
    named = {name: number for number, name in VERSION_NAMES.items()}
    if seen.tls is not None and seen.tls.outcome == "completed" and seen.tls.version in named:
        if named[seen.tls.version] < TLS_1_3:
            yield TLS_1_3, named[seen.tls.version]


def _session_named(seen: Observation) -> bool:
    return seen.tls is not None and seen.tls.server_name_sent is not None


def _suite_pairs(hello: Hello, version: int) -> Iterable[Pair]:
    whole = every_signature(version, numbers(hello.signatures))
    if version <= TLS_1_2:
        whole = whole and every_group(version, numbers(hello.groups))
    if hello.suite is None or not whole:
        return ()
    return tuple((hello.suite, other) for other in numbers(hello.suites) if other != hello.suite)


def _group_pairs(hello: Hello) -> Iterable[Pair]:
    if hello.group is None:
        return ()
    return tuple((hello.group, other) for other in numbers(hello.groups) if other != hello.group)


def _leaves(seen: Observation) -> Iterable[Leaf]:
    chains = dict(zip(seen.hello_certificates, seen.hello_chains, strict=False))
    if seen.tls is not None and seen.tls.certificates:
        chains[seen.tls.certificates[0]] = seen.tls.certificates[1:]
    for text in dict.fromkeys((*chains, *seen.hello_certificates)):
        facts = read_certificate(text)
        key = CertificateKey("") if facts.transport_problem else key_of(base64.b64decode(text))
        yield Leaf(key.type, key.group, facts, tuple(map(read_certificate, chains.get(text, ()))))
