# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model says, as data, as JSON and as lines. Every form says that it is a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ...probe.tls import cipher_suites, named_groups, signature_schemes
from ...probe.tls.client_hello import VERSION_NAMES

CONNECTS, CANNOT, UNKNOWN = "connects", "cannot-connect", "could-not-be-told"
OUTCOME_WORDS = {CONNECTS: "connects", CANNOT: "cannot connect", UNKNOWN: "could not be told"}
MODELLED = "modelled"

VERSION, SUITE, GROUP, SIGNATURE, KEY, DH_SIZE, RENEGOTIATION, OLD_SIGNATURE = (
    "version", "suite", "group", "signature", "key", "dh-size", "renegotiation", "old-signature",
)  # fmt: skip
"""Reasons why a client can't connect."""
INCOMPLETE, UNCERTAIN, NAME, GAP, LOWER = "incomplete", "uncertain", "server-name", "version-gap", "lower-version"
"""Reasons why it could not be told, beside the above."""


@dataclasses.dataclass(frozen=True)
class ClientResult:
    """What one client gets from one server. Where several values stand, it is one of them, and not told which."""

    client: str
    title: str
    outcome: str
    """One of `OUTCOME_WORDS`."""

    versions: tuple[int, ...] = ()
    suites: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    """Of the key exchange; none with the RSA key exchange and DHE."""

    signatures: tuple[int, ...] = ()
    """By keys of the certificates that were shown; none with the RSA key exchange and below TLS 1.2."""

    keys: tuple[str, ...] = ()
    """Types of the certificate's key."""

    reason: str = ""
    """Stable word; where it does not connect, or could not be told."""

    words: str = ""
    """The reason in words."""

    certificate: tuple[str, ...] = ()
    """What the client finds wrong with the certificate, by rules that others do not have. A user may overrule it."""

    @property
    def shut_out(self) -> bool:
        """Whether it is proven that the client can't connect."""
        return self.outcome == CANNOT


def result_to_json(result: ClientResult) -> dict[str, object]:
    """As a mapping for JSON; numbers become names."""
    return {
        "client": result.client,
        "title": result.title,
        "modelled": True,
        "outcome": result.outcome,
        "versions": [VERSION_NAMES[number] for number in result.versions],
        "suites": [cipher_suites.name_of(number) for number in result.suites],
        "groups": [named_groups.name_of(number) for number in result.groups],
        "signatures": [signature_schemes.name_of(number) for number in result.signatures],
        "keys": list(result.keys),
        "reason": result.reason,
        "words": result.words,
        "certificate": list(result.certificate),
    }


def clients_text(results: Sequence[ClientResult]) -> list[str]:
    """One line for each client, in columns: modelled, its name, what becomes of it, with what or why."""
    wide = max((len(result.client) for result in results), default=0)
    outcomes = max(map(len, OUTCOME_WORDS.values()))
    return [
        "  ".join((
            MODELLED, f"{result.client:<{wide}}", f"{OUTCOME_WORDS[result.outcome]:<{outcomes}}", result_words(result),
        )).rstrip()
        for result in results
    ]  # fmt: skip


def result_words(result: ClientResult) -> str:
    """With what it connects, or why not; on one line."""
    if result.outcome != CONNECTS:
        return result.words
    told = [
        _either(result.versions, lambda number: VERSION_NAMES[number], "versions"),
        _either(result.suites, cipher_suites.name_of, "suites"),
        _either(result.groups, named_groups.name_of, "groups"),
        _either(result.signatures, signature_schemes.name_of, "signatures"),
        "/".join(result.keys),
    ]
    line = " ".join(word for word in told if word)
    return line + (f"; would refuse the certificate: {'; '.join(result.certificate)}" if result.certificate else "")


MAX_NAMES = 2
"""Values that are written out where it is not told which; more are counted."""


def _either(values: Sequence[int], name: Callable[[int], str], what: str) -> str:
    if len(values) > MAX_NAMES:
        return f"one of {len(values)} {what}"
    return " or ".join(name(number) for number in values)
