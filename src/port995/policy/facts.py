# SPDX-License-Identifier: GPL-3.0-or-later
"""What one observation shows of a server's TLS, put together for people, clients' models and checks: versions, suites,
groups, signatures, order of preference. Nothing here is an opinion; what is not known says so.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

from ..probe.model import Hello, Observation
from ..probe.tls.certificate_key import key_of
from ..probe.tls.client_hello import SSL_2, TLS_1_2, TLS_1_3, VERSION_NAMES, numbers
from .belief import BELOW_13, EVERY_SUITE, Evidence, evidence_of
from .nmaps_word import is_nmaps
from .universe import (
    GROUPS_12,
    GROUPS_13,
    KEY_TYPES,
    OLD_SUITES,
    SIGNATURE_13,
    SIGNATURE_13_OTHERS,
    SIGNATURES_IN,
    TLS13_SUITES,
    ephemeral,
)

CLIENT, SERVER = "client", "server"
"""Whose order decides."""


@dataclasses.dataclass(frozen=True)
class SpokenVersion:
    """What a server takes in one version. Numbers are IANA's."""

    version: int
    suites: tuple[int, ...]
    """Those that were chosen, in the order in which they came; the server's own order where `suite_order` says so."""
    all_suites: bool
    """Whether every other one (of those that need no secret shared beforehand) is known to be refused."""
    suite_order: str
    """``client``, ``server``, or empty: not known."""
    groups: tuple[int, ...]
    all_groups: bool
    group_order: str
    signatures: tuple[int, ...]
    """Of ServerKeyExchange in TLS 1.2, of CertificateVerify in the session of TLS 1.3."""
    all_signatures: bool


@dataclasses.dataclass(frozen=True)
class TlsFacts:
    """A server's TLS as it was seen by clients that name it (SNI)."""

    versions: tuple[SpokenVersion, ...]
    """Newest first; an SSLv2 that was answered is one without suites."""
    unspoken: tuple[int, ...]
    """Versions that are known not to be spoken."""
    unsettled: tuple[int, ...]
    """Versions of which neither is known."""
    keys: tuple[str, ...]
    """Types of the certificates' keys that were shown: ``RSA``, ``ECDSA`` (Edwards keys among them), ``DSA``."""
    dh_bits: tuple[int, ...]
    """Sizes of the primes of finite-field key exchanges."""
    extended_master_secret: bool | None
    """RFC 7627, below TLS 1.3; ``None``: nothing below was spoken, or not seen."""
    secure_renegotiation: bool | None
    """RFC 5746, below TLS 1.3."""
    compression: bool | None
    """Whether TLS compression was taken when it was offered (CVE-2012-4929); ``None``: it was not offered."""

    def version(self, number: int) -> SpokenVersion | None:
        """What is taken in a version; ``None``: it was not spoken as far as is known."""
        return next((one for one in self.versions if one.version == number), None)


@functools.lru_cache(maxsize=64)
def facts_of(seen: Observation) -> TlsFacts:
    """Put together what the hellos and the session of one observation show."""
    evidence = evidence_of(seen)
    session = seen.tls if seen.tls is not None and seen.tls.outcome == "completed" else None
    named = {name: number for number, name in VERSION_NAMES.items()}
    in_session = named.get(session.version or "") if session is not None else None
    spoken = set(evidence.versions)
    if in_session is not None:
        spoken.add(in_session)
    settled = {version for version in (*BELOW_13, TLS_1_3) if _is_unspoken(evidence, version)} - spoken
    if any(refusal.version == SSL_2 for refusal in evidence.refusals) and SSL_2 not in spoken:
        settled.add(SSL_2)
    versions = []
    for version in sorted(spoken, reverse=True):
        found = _spoken(evidence, version)
        if session is not None and version == in_session:
            found = _with_session(found, session.group, session.signature_scheme)
        versions.append(found)
    keys = dict.fromkeys(_key_type(text) for text in _leaves(seen))
    ours = [hello for hello in evidence.answers if not is_nmaps(hello)]
    old = [hello for hello in ours if SSL_2 < (hello.answered_version or 0) < TLS_1_3]
    offered = [hello for hello in old if hello.offers_compression]
    return TlsFacts(
        tuple(versions),
        tuple(sorted(settled, reverse=True)),
        tuple(version for version in (TLS_1_3, *reversed(BELOW_13), SSL_2) if version not in spoken | settled),
        tuple(keys),
        tuple(dict.fromkeys(hello.dh_bits for hello in evidence.answers if hello.dh_bits)),
        _all_of(old, lambda hello: 0x0017 in hello.answer_extensions, lambda hello: 0x0017 in hello.extensions),
        _all_of(old, lambda hello: 0xFF01 in hello.answer_extensions, lambda hello: hello.version > 0x0300),
        any(hello.compression for hello in offered) if offered else None,
    )


def _is_unspoken(evidence: Evidence, version: int) -> bool:
    if version != TLS_1_3:
        return evidence.is_unspoken(version)
    every = {suite.number for suite in TLS13_SUITES}
    return evidence.speaking(TLS_1_3) is None and evidence.refused_suites(TLS_1_3) >= every


def _spoken(evidence: Evidence, version: int) -> SpokenVersion:
    answers = [hello for hello in evidence.answers if hello.answered_version == version]
    suites = _distinct(hello.suite for hello in answers)
    groups = _distinct(hello.group for hello in answers)
    signatures = _distinct((*(hello.signature for hello in answers), *_signatures_1_3(evidence, version)))
    if version == TLS_1_3:
        every = frozenset(suite.number for suite in TLS13_SUITES)
    else:
        every = EVERY_SUITE if version == TLS_1_2 else OLD_SUITES
    refused_groups, refused_signatures = _refused_beside(evidence, version)
    return SpokenVersion(
        version,
        suites,
        version != SSL_2 and every - set(suites) <= evidence.refused_suites(version),
        _order(answers, suites, lambda hello: numbers(hello.suites), lambda hello: hello.suite),
        groups,
        set(GROUPS_13 if version == TLS_1_3 else GROUPS_12) - set(groups) <= refused_groups,
        _order(answers, groups, lambda hello: numbers(hello.groups), lambda hello: hello.group),
        signatures,
        version == TLS_1_2 and SIGNATURES_IN[TLS_1_2] - set(signatures) <= refused_signatures,
    )


def _signatures_1_3(evidence: Evidence, version: int) -> list[int]:
    """Signatures of TLS 1.3, which are encrypted: who answers an offer of one alone has that one, if it heeds the list
    before it answers at all. Java does not: it answers an offer of signatures that it can't make too."""
    alone = [hello for hello in evidence.answers if hello.question.startswith(SIGNATURE_13)]
    others = [doubt.hello for doubt in evidence.doubts if doubt.hello.question == SIGNATURE_13_OTHERS]
    heeds = any(hello.outcome in ("alert", "eof", "reset") for hello in others)
    if version != TLS_1_3 or not heeds or any(hello.question == SIGNATURE_13_OTHERS for hello in alone):
        return []
    return [numbers(hello.signatures)[0] for hello in alone if hello.outcome == "server-hello"]


def _refused_beside(evidence: Evidence, version: int) -> tuple[set[int], set[int]]:
    """Groups and signatures that were refused with every suite that could carry them, for each type of key shown."""
    answers = [hello for hello in evidence.answers if hello.answered_version == version]
    taken = frozenset(hello.suite for hello in answers if hello.suite is not None)
    if version == TLS_1_3:
        carriers = [taken] if taken else []
    else:
        carriers = [
            wanted for key in KEY_TYPES if (wanted := frozenset(suite.number for suite in ephemeral(key))) & taken
        ]
    groups, signatures = [], []
    for wanted in carriers:
        covering = [one for one in evidence.refusals if one.version == version and one.suites >= wanted]
        groups.append(set[int]().union(*(one.groups for one in covering if one.of_groups)))
        signatures.append(set[int]().union(*(one.signatures for one in covering if one.of_signatures)))
    return (set.intersection(*groups), set.intersection(*signatures)) if carriers else (set(), set())


def _with_session(spoken: SpokenVersion, group: int | None, signature: int | None) -> SpokenVersion:
    groups = _distinct((*spoken.groups, group))
    return dataclasses.replace(spoken, groups=groups, signatures=_distinct((*spoken.signatures, signature)))


def _order(
    answers: Sequence[Hello],
    taken: tuple[int, ...],
    offered: Callable[[Hello], Sequence[int]],
    chosen: Callable[[Hello], int | None],
) -> str:
    """Whose order decides, from two offers that hold the same two takeable things in opposite order."""
    known = set(taken)
    seen: dict[frozenset[int], tuple[bool, int]] = {}
    for hello in answers:
        choice = chosen(hello)
        places = {number: place for place, number in enumerate(offered(hello)) if number in known}
        if choice is None or choice not in places:
            continue
        for other in places:
            if other == choice:
                continue
            pair = frozenset((choice, other))
            first_came_first = places[min(pair)] < places[max(pair)]
            before = seen.setdefault(pair, (first_came_first, choice))
            if before[0] != first_came_first:
                return SERVER if before[1] == choice else CLIENT
    return ""


def _leaves(seen: Observation) -> list[str]:
    session = seen.tls.certificates[:1] if seen.tls is not None else ()
    return [*session, *seen.hello_certificates]


def _key_type(text: str) -> str:
    kind = key_of(base64.b64decode(text)).type
    return "ECDSA" if kind == "EDDSA" else kind


def _distinct(values: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _all_of(hellos: Sequence[Hello], shows: Callable[[Hello], bool], offers: Callable[[Hello], bool]) -> bool | None:
    asked = [hello for hello in hellos if offers(hello)]
    return all(map(shows, asked)) if asked else None
