# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every check that rests on hellos: of the TLS port and, where it offers STLS, of the clear-text one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..probe.model import Hello, Observation
from ..probe.tls.canaries import PATH
from ..probe.tls.cipher_suites import name_of
from ..probe.tls.client_hello import VERSION_NAMES
from .belief import Evidence, evidence_of
from .model import Status
from .session import each_companion, each_session, no_stls, not_tested
from .subject import EndpointSubject, Finding, seen_from

Decide = Callable[[EndpointSubject, Observation, Evidence], Finding]

APPLIES = "where the port is not proven shut as intended, and to STLS where the clear-text port offers it"
NOT_ASKED = "no hello was sent (depth gate asks): nothing is known of what would be refused"


def each_hello(*canaries: str, old: bool = False) -> Callable[[Decide], Callable[[EndpointSubject], Sequence[Finding]]]:
    """Ask ``decide`` about every observation with hellos.

    :param canaries: faults that the probe of that vantage must have seen in its self-test, else nothing it did not see
        is believed (what it saw still is)
    :param old: it rests on hellos of old versions, which a network may eat: where a canary host was asked, one of them
        must have come through
    """

    def frame(decide: Decide) -> Callable[[EndpointSubject], Sequence[Finding]]:
        def look(subject: EndpointSubject, seen: Observation) -> Finding:
            evidence = evidence_of(seen)
            if not evidence.asked:
                why = f"no hello was sent: {evidence.ended}" if evidence.ended else NOT_ASKED
                return not_tested(seen, why)
            finding = decide(subject, seen, evidence)
            needed = (*canaries, PATH) if old and seen.vantage.canary_host else canaries
            blind = [name for name in needed if name not in seen.vantage.canaries]
            if blind and finding.status is Status.PASS:
                words = f"the probe of {seen.vantage.name} did not see the canary {', '.join(blind)} in its self-test"
                return not_tested(seen, words)
            return finding

        def behind_stls(subject: EndpointSubject, seen: Observation) -> Finding:
            absent = None if any(hello.complete for hello in seen.hellos) else no_stls(seen)
            return absent or look(subject, seen)

        ask_sessions, ask_companions = each_session(look), each_companion(behind_stls, Status.NOT_APPLICABLE)

        def action(subject: EndpointSubject) -> Sequence[Finding]:
            findings = list(ask_sessions(subject))
            if subject.endpoint.looks_at_pop3:
                findings += ask_companions(subject)
            return findings

        return action

    return frame


def hello_words(hello: Hello) -> str:
    """What was chosen, in words."""
    version = VERSION_NAMES.get(hello.answered_version or 0, "an unknown version")
    return f"{version} {name_of(hello.suite)}" if hello.suite is not None else version


def unproven(seen: Observation, evidence: Evidence, what: str, questions: Iterable[str]) -> Finding:
    """Neither taken nor believably refused: says which hello left it open, and why."""
    doubts = evidence.doubts_about(questions)
    if doubts:
        first = doubts[0]
        why = f"{first.hello.purpose}: {first.why} ({_answer(first.hello)})"
        more = f", and {len(doubts) - 1} more" if len(doubts) > 1 else ""
    else:
        why, more = evidence.ended or "no hello that was sent covers it", ""
    evidence_lines = tuple(f"{doubt.hello.question}: {_answer(doubt.hello)}: {doubt.why}" for doubt in doubts[:8])
    return Finding(
        Status.NOT_TESTED,
        f"{what} is not settled: {why}{more} {seen_from(seen)}",
        observed=why,
        evidence=evidence_lines,
    )


def _answer(hello: Hello) -> str:
    words = hello.outcome if hello.alert is None else f"alert {hello.alert}"
    shown = f", octets {hello.head}" if hello.head else ", no octet"
    return words + (f" ({hello.detail})" if hello.detail else "") + shown


def refusal_words(evidence: Evidence, questions: Iterable[str]) -> tuple[str, ...]:
    """The refusals that a pass rests on, one a line."""
    wanted = set(questions)
    return tuple(
        f"{refusal.hello.question} ({VERSION_NAMES.get(refusal.version, '?')}, {len(refusal.suites)} suites,"
        f" {refusal.hello.octets} octets): refused by {_answer(refusal.hello)}"
        for refusal in evidence.refusals
        if refusal.hello.question in wanted
    )
