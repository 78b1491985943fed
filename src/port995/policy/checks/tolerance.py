# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server makes of hellos that few clients send: asked by the depth deep, or by a profile that names the check.

A hello of an experiment is believed when it is answered. One that is not says something only beside its twin without
the experiment, which was answered.
"""

from __future__ import annotations

from ...probe.model import Hello, Observation
from ...probe.tls.client_hello import TLS_1_2, TLS_1_3
from ...probe.tls.interrogation import answered
from ..belief import Evidence
from ..check import ALPN, FALLBACK, TOLERANCE, endpoint_check
from ..facts import facts_of
from ..hello import APPLIES, each_hello, unproven
from ..model import Severity, Status
from ..subject import EndpointSubject, Finding, quoted, seen_from
from ..universe import FOREIGN_PROTOCOL

INAPPROPRIATE_FALLBACK, NO_APPLICATION_PROTOCOL = 86, 120
"""Alerts of RFC 7507 section 3 and RFC 7301 section 3.2."""
TRIALS = {
    TLS_1_2: ("grease-1.2", "long-1.2"),
    TLS_1_3: ("grease-1.3", "long-1.3", "split-1.3"),
}


def _asked(seen: Observation, question: str) -> list[Hello]:
    return [hello for hello in seen.hellos if hello.question == question]


def _refused(seen: Observation, question: str) -> bool:
    """Whether it was refused for what it held: by an alert, or by an end that came twice, with an answered hello in
    between (else a throttle did it)."""
    asked = [place for place, hello in enumerate(seen.hellos) if hello.question == question]
    if any(seen.hellos[place].outcome == "alert" for place in asked):
        return True
    ends = [place for place in asked if seen.hellos[place].outcome in ("eof", "reset", "timeout")]
    return bool(ends) and any(map(answered, seen.hellos[ends[0] + 1 : ends[-1]]))


@endpoint_check(
    id="POP3S-DOWN-002",
    title="A fallback to a lower version is refused",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="Old clients retry lower when a handshake fails; the signal tells that an attacker made it fail.",
    remediation="Renew the server's TLS library (Java has none of it); without old versions it matters little.",
    references=("RFC 7507", "RFC 8996 section 2"),
    applies=APPLIES,
    asks=(FALLBACK,),
)
@each_hello()
def fallback(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """TLS 1.2 with the signal, where TLS 1.3 is spoken too, beside the same hello without it."""
    expected = "alert inappropriate_fallback"
    facts = facts_of(seen)
    if TLS_1_3 in facts.unspoken:
        return Finding(Status.NOT_APPLICABLE, f"TLS 1.2 is the highest version, so it is no fallback {seen_from(seen)}")
    if TLS_1_2 in facts.unspoken:
        return Finding(Status.NOT_APPLICABLE, f"TLS 1.2 is not spoken, so there is no fallback {seen_from(seen)}")
    twin, tried = _asked(seen, "fallback-twin"), _asked(seen, "fallback")
    if facts.version(TLS_1_3) is None or not any(map(answered, twin)) or not tried:
        return unproven(seen, evidence, "what a fallback meets", ("fallback-twin", "fallback"))
    if any(map(answered, tried)):
        return Finding(
            Status.FAIL, f"expected {expected}, the fallback was taken {seen_from(seen)}", expected, "taken"
        )
    if any(hello.alert == INAPPROPRIATE_FALLBACK for hello in tried):
        return Finding(Status.PASS, f"the fallback was refused {seen_from(seen)}", expected, "refused")
    return unproven(seen, evidence, "what a fallback meets", ("fallback",))


@endpoint_check(
    id="POP3S-ALPN-001",
    title="Protocols of others are refused",
    severity=Severity.INFO,
    categories=("safe", "discovery", "vuln"),
    rationale="A server that takes a browser's connection can be made to answer it, with its own certificate (ALPACA).",
    remediation="Let the server insist on ALPN pop3 where its software can; few mail servers do yet.",
    references=("RFC 7301 section 3.2", "RFC 9325 section 3.8"),
    applies=APPLIES,
    asks=(ALPN,),
)
@each_hello()
def foreign_protocol(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """A client that speaks HTTP only."""
    expected = "alert no_application_protocol"
    tried, own = _asked(seen, "alpn-foreign"), _asked(seen, "alpn-pop3")
    taken = [hello for hello in tried if answered(hello)]
    if taken:
        chosen = taken[0].answered_alpn
        shown = "it was ignored" if chosen is None else f"it was answered by {quoted(chosen)}"
        words = f"expected {expected} to {FOREIGN_PROTOCOL}, {shown} {seen_from(seen)}"
        return Finding(Status.FAIL, words, expected, shown)
    refused = any(hello.alert == NO_APPLICATION_PROTOCOL for hello in tried)
    if refused and any(map(answered, own)):
        return Finding(
            Status.PASS, f"{FOREIGN_PROTOCOL} was refused, pop3 was not {seen_from(seen)}", expected, "refused"
        )
    if TLS_1_2 in facts_of(seen).unspoken:
        return unproven(seen, evidence, "ALPN, which is asked in TLS 1.2 only,", ("alpn-foreign",))
    return unproven(seen, evidence, "what a foreign protocol meets", ("alpn-foreign", "alpn-pop3"))


@endpoint_check(
    id="POP3S-TOL-001",
    title="Unusual hellos are answered",
    severity=Severity.LOW,
    categories=("safe", "discovery"),
    rationale="Post-quantum key shares make long hellos, in two segments; who trips over them shuts clients out.",
    remediation="Renew the server's TLS library, or the box before it that reads hellos.",
    references=("RFC 8701", "RFC 10024", "RFC 8446 section 9.3"),
    applies=APPLIES,
    asks=(TOLERANCE,),
)
@each_hello()
def unusual_hellos(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Values without meaning, 2000 octets, two segments: in each version that is spoken."""
    expected = "every unusual hello answered"
    facts = facts_of(seen)
    wanted = [question for version in TRIALS if facts.version(version) for question in TRIALS[version]]
    refused = [
        question
        for question in wanted
        if not any(map(answered, _asked(seen, question))) and _refused(seen, question)
    ]
    if refused:
        words = ", ".join(_asked(seen, question)[0].purpose for question in refused)
        return Finding(Status.FAIL, f"expected {expected}, refused: {words} {seen_from(seen)}", expected, words)
    open_ones = [question for question in wanted if not any(map(answered, _asked(seen, question)))]
    open_ones += [word for version in TRIALS if version in facts.unsettled for word in TRIALS[version]]
    if open_ones or not wanted:
        return unproven(seen, evidence, "what unusual hellos meet", open_ones)
    words = f"all {len(wanted)} unusual hellos were answered {seen_from(seen)}"
    return Finding(Status.PASS, words, expected, "answered")
