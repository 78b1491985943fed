# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every check of certificates: which ones a check is asked about. Those of the TLS port, and, where the
clear-text port offers STLS, those behind it: it takes the same passwords."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ..probe.model import Observation, TlsSession
from .certificate import CertificateFacts
from .model import FOLDING_ORDER, Status
from .path import PathResult
from .session import completed_tls, each_companion, each_session, no_stls, not_tested
from .subject import EndpointSubject, Finding, seen_from

Decide = Callable[[EndpointSubject, Observation, TlsSession, CertificateFacts], Finding]
Look = Callable[[EndpointSubject, Observation], Finding]
Action = Callable[[EndpointSubject], Sequence[Finding]]

APPLIES = "where the port is not proven shut as intended, and to STLS where the clear-text port offers it"


def each_chain(decide: Decide) -> Action:
    """Ask about the chain of every session: what was sent, as it was sent."""
    return _everywhere(lambda subject, seen: _of_session(decide, subject, seen))


def each_leaf(decide: Decide) -> Action:
    """Ask about every leaf that a client of this name was shown; see `with_leaves`."""
    return _everywhere(with_leaves(decide))


def with_leaves(decide: Decide) -> Look:
    """Ask about every leaf of one observation: a server with a key of each type has a certificate for each, and the
    session saw but one of them. The worst speaks."""

    def look(subject: EndpointSubject, seen: Observation) -> Finding:
        findings = [_of_session(decide, subject, seen)]
        tls = completed_tls(seen)
        if isinstance(tls, Finding) or not tls.certificates:
            return findings[0]
        for text in other_leaves(seen):
            other = dataclasses.replace(tls, certificates=(text, *tls.certificates[1:]))
            finding = _about(decide, subject, seen, other)
            which = f"(its other certificate, key {subject.trust.facts(text).key})"
            findings.append(dataclasses.replace(finding, message=f"{finding.message} {which}"))
        return min(findings, key=lambda finding: FOLDING_ORDER.index(finding.status))

    return look


def other_leaves(seen: Observation) -> list[str]:
    """Leaves beside the session's. What a client that names nobody is shown, where others do, is not for this name."""
    named = any(hello.server_name is not None for hello in seen.hellos)
    shown = {hello.certificate for hello in seen.hellos if hello.server_name is not None or not named}
    first = seen.tls.certificates[:1] if seen.tls is not None else ()
    return [text for position, text in enumerate(seen.hello_certificates) if position in shown and text not in first]


def found_path(subject: EndpointSubject, seen: Observation, tls: TlsSession) -> PathResult | Finding:
    """The path to an anchor, or that there is none to look at."""
    path = subject.trust.path(tls.certificates)
    if path.status is Status.PASS:
        return path
    return not_tested(seen, "there is no path to look at (see POP3S-CERT-002)")


def _everywhere(look: Look) -> Action:
    def behind_stls(subject: EndpointSubject, seen: Observation) -> Finding:
        if isinstance(completed_tls(seen), Finding):
            absent = no_stls(seen)
            if absent is not None:
                return absent
        finding = look(subject, seen)
        return dataclasses.replace(finding, message=f"{finding.message} (behind STLS)")

    ask_sessions, ask_companions = each_session(look), each_companion(behind_stls, Status.NOT_APPLICABLE)

    def action(subject: EndpointSubject) -> Sequence[Finding]:
        findings = list(ask_sessions(subject))
        if subject.endpoint.looks_at_pop3:
            findings += ask_companions(subject)
        return findings

    return action


def _of_session(decide: Decide, subject: EndpointSubject, seen: Observation) -> Finding:
    """Ask about the session's leaf; answer where none was seen, or where it can't be read."""
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    if not tls.certificates:
        return not_tested(seen, "no certificate was recorded")
    return _about(decide, subject, seen, tls)


def _about(decide: Decide, subject: EndpointSubject, seen: Observation, tls: TlsSession) -> Finding:
    leaf = subject.trust.facts(tls.certificates[0])
    if leaf.transport_problem:
        return Finding(
            Status.ERROR, f"{leaf.transport_problem} {seen_from(seen)}: the journal is damaged", reason="journal"
        )
    if leaf.problem:
        return Finding(
            Status.FAIL, f"expected a certificate, but {leaf.problem} {seen_from(seen)}; install a sound one",
            "an X.509 certificate", leaf.problem, leaf.evidence,
        )  # fmt: skip
    return decide(subject, seen, tls, leaf)
