# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that differ from connection to connection: behind one address stand servers that are set up differently."""

from __future__ import annotations

import base64

from ...probe.model import Hello, Observation
from ...probe.tls.certificate_key import key_of
from ...probe.tls.client_hello import SSL_2
from ...probe.tls.interrogation import answered
from ..belief import REFUSING_ALERTS, WEAK_ENDS, Doubt, Evidence, session_answered
from ..check import VERSIONS, endpoint_check
from ..hello import APPLIES, each_hello, hello_words
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from


@endpoint_check(
    id="POP3S-NODE-001",
    title="Every connection meets the same server",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "discovery"),
    rationale="One node that was forgotten is as weak as it is, however good the others are.",
    remediation="Bring all nodes behind the address to the same settings; give each an address to audit.",
    references=("NIST SP 800-53r5 CM-2", "CIS Controls v8.1 4.1"),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello()
def same_server(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """The same offer gets the same answer, and each type of key has one certificate."""
    expected = "the same answer to the same offer, one certificate for each type of key"
    differences = [*_offers(seen), *_certificates(seen)]
    if differences:
        return Finding(
            Status.FAIL,
            f"nodes differ: {differences[0]} {seen_from(seen)}",
            expected,
            differences[0],
            tuple(differences),
        )
    session = session_answered(seen) and seen.tls is not None and seen.tls.certificates
    if not session or evidence.ended or _open(seen, evidence):
        # Whatever was not settled may be the answer of another node.
        return not_tested(seen, "not every connection was answered or believably refused")
    compared = _comparable(seen)
    if compared < 2:
        return not_tested(seen, "fewer than two answers can be compared")
    return Finding(Status.PASS, f"{compared} answers agree {seen_from(seen)}", expected, f"{compared} answers")


def _open(seen: Observation, evidence: Evidence) -> list[Doubt]:
    """Hellos that are not settled. A control in a version that is not spoken is: it was refused by an alert, or ended
    twice alike; no answer stands before it that would make the refusal one to rely on, and nothing relies on it."""

    def refused(hello: Hello) -> bool:
        ends = sum(one.question == hello.question and one.outcome in WEAK_ENDS for one in seen.hellos)
        return hello.question.startswith("control-") and (hello.alert in REFUSING_ALERTS or ends > 1)

    # An experiment is refused for what it is, here or there.
    return [doubt for doubt in evidence.doubts if not doubt.hello.experiment and not refused(doubt.hello)]


def _offers(seen: Observation) -> list[str]:
    """Offers that were taken once and refused by an alert once, or taken in two ways."""
    by_offer: dict[tuple[object, ...], dict[str, None]] = {}
    for hello in seen.hellos:
        word = _word(hello)
        if word and not hello.experiment:
            offer = (hello.version, hello.suites, hello.groups, hello.signatures, hello.server_name)
            by_offer.setdefault(offer, {})[word] = None
    return [f"one offer was answered {' and '.join(words)}" for words in by_offer.values() if len(words) > 1]


def _word(hello: Hello) -> str:
    if answered(hello):
        return f"with {hello_words(hello)}"
    return f"by alert {hello.alert}" if hello.outcome == "alert" and hello.alert in REFUSING_ALERTS else ""


def _certificates(seen: Observation) -> list[str]:
    """Types of keys with more than one certificate, that of the session counted in."""
    # To a client that names nobody another certificate may well be shown.
    named = {hello.certificate for hello in seen.hellos if hello.server_name is not None}
    leaves = [text for position, text in enumerate(seen.hello_certificates) if not named or position in named]
    shown = dict.fromkeys((*leaves, *((seen.tls.certificates[:1]) if seen.tls is not None else ())))
    by_type: dict[str, int] = {}
    for text in shown:
        kind = key_of(base64.b64decode(text)).type
        by_type[kind] = by_type.get(kind, 0) + 1
    return [
        f"{count} certificates with a key of type {kind or 'unknown'}" for kind, count in by_type.items() if count > 1
    ]


def _comparable(seen: Observation) -> int:
    sessions = 1 if seen.tls is not None and seen.tls.outcome == "completed" else 0
    return sessions + sum(answered(hello) and hello.answered_version != SSL_2 for hello in seen.hellos)
