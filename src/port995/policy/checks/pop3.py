# SPDX-License-Identifier: GPL-3.0-or-later
"""POP3 inside TLS: does it answer, and what does it say it can do?"""

from __future__ import annotations

from ...probe.model import Observation, Pop3Dialogue
from ..check import endpoint_check
from ..model import Severity, Status
from ..session import APPLIES, dialogue_inside_tls, each_session, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

THROTTLES = ("[SYS/TEMP]", "[IN-USE]", "[LOGIN-DELAY]", "TOO MANY")
"""Parts of an -ERR that mean "later", not "no" (RFC 2449 section 8, RFC 3206)."""

EARLY_ENDS = ("timeout", "eof", "reset", "oversize", "not-tested")
"""Ends of a dialogue that prove nothing about the server."""


@endpoint_check(
    id="POP3S-POP-001",
    title="Answers as POP3",
    severity=Severity.HIGH,
    categories=("default", "safe", "discovery"),
    rationale="A handshake alone may be any service, or a proxy with nothing behind it.",
    remediation="Check what listens on the port and what is behind it.",
    references=("RFC 1939 sections 3 and 4", "RFC 8314 section 3.1"),
    applies=APPLIES,
)
@each_session
def answers_as_pop3(subject: EndpointSubject, seen: Observation) -> Finding:
    """A greeting of +OK and a dialogue that goes on."""
    expected = "a greeting of +OK (RFC 1939 section 4)"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    greeting, status = dialogue.greeting, dialogue.greeting_status
    evidence = tuple(line for line in (greeting, dialogue.capa_reply) if line is not None)
    if greeting is None or status is None:
        return not_tested(seen, f"no greeting inside TLS: {dialogue.outcome}")
    if status == "-ERR":
        if any(word in greeting.upper() for word in THROTTLES):
            return not_tested(seen, f"the server asks to come back later: {quoted(greeting)}")
        return Finding(
            Status.FAIL,
            f"expected +OK, the greeting is {quoted(greeting)} {seen_from(seen)}; see the server's log",
            expected,
            quoted(greeting),
            evidence,
        )
    if status != "+OK":
        return Finding(
            Status.FAIL,
            f"expected a POP3 greeting, got {quoted(greeting)} {seen_from(seen)}; check what listens there",
            expected,
            quoted(greeting),
            evidence,
        )
    if dialogue.outcome == "malformed":
        return Finding(
            Status.FAIL,
            f"greets as POP3, then answers {quoted(dialogue.capa_reply)} {seen_from(seen)}: neither +OK nor -ERR",
            expected,
            quoted(dialogue.capa_reply),
            evidence,
        )
    # A server may close as soon as it has read QUIT, so an end there spoils nothing.
    if dialogue.outcome != "completed" and dialogue.ended_in != "quit":
        return not_tested(
            seen, f"greets as POP3, but the dialogue ended early ({dialogue.outcome} in {dialogue.ended_in})"
        )
    return Finding(
        Status.PASS, f"greets with {quoted(greeting)} {seen_from(seen)}", expected, quoted(greeting), evidence
    )


def _listed(dialogue: Pop3Dialogue) -> bool:
    """Whether the capabilities are known: a list that is empty tells nothing (RFC 2449 section 5 asks for more)."""
    return dialogue.capa_status == "listed" and bool(dialogue.capabilities)


def _capa_unknown(seen: Observation, dialogue: Pop3Dialogue) -> Finding:
    ended = (
        f", the dialogue ended by {dialogue.outcome} in {dialogue.ended_in}" if dialogue.outcome in EARLY_ENDS else ""
    )
    return not_tested(seen, f"the capabilities are not known: CAPA is {dialogue.capa_status}{ended}")


@endpoint_check(
    id="POP3S-POP-002",
    title="Capabilities are listed before login",
    severity=Severity.LOW,
    categories=("default", "safe", "discovery"),
    rationale="Clients choose their way to log in by this list; without it they guess.",
    remediation="Let the server, or the proxy before it, answer CAPA before login.",
    references=("RFC 2449 section 5",),
    applies=APPLIES,
)
@each_session
def capabilities_listed(subject: EndpointSubject, seen: Observation) -> Finding:
    """CAPA answered by a whole list."""
    expected = "a list that ends with a dot on a line of its own"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if dialogue.capa_status in ("refused", "malformed"):
        return Finding(
            Status.FAIL,
            f"expected a list, CAPA was {dialogue.capa_status}: {quoted(dialogue.capa_reply)} {seen_from(seen)}",
            expected,
            dialogue.capa_status,
            (dialogue.capa_reply or "",),
        )
    if not _listed(dialogue):
        return _capa_unknown(seen, dialogue)
    names = ", ".join(ascii(c.name)[1:-1] for c in dialogue.capabilities)
    lines = tuple(f"{c.name} {' '.join(c.arguments)}".rstrip() for c in dialogue.capabilities)
    return Finding(Status.PASS, f"CAPA lists {names[:200]} {seen_from(seen)}", expected, "listed", lines)


@endpoint_check(
    id="POP3S-POP-003",
    title="STLS is not offered inside TLS",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="A server that offers TLS inside TLS does not know its state: a proxy before it speaks clear text to it.",
    remediation="Let the proxy tell the server that the connection is secured (Dovecot: haproxy = yes).",
    references=("RFC 2595 section 4", "RFC 8314 section 3.1"),
    applies=APPLIES,
)
@each_session
def no_stls_inside_tls(subject: EndpointSubject, seen: Observation) -> Finding:
    """STLS is absent from a whole list."""
    expected = "no STLS in the list inside TLS"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if any(c.name.upper() == "STLS" for c in dialogue.capabilities):
        return Finding(
            Status.FAIL,
            f"STLS is offered inside TLS {seen_from(seen)}; look at what ends TLS before the server",
            expected,
            "STLS is listed",
            ("STLS",),
        )
    if not _listed(dialogue):
        return _capa_unknown(seen, dialogue)
    return Finding(Status.PASS, f"CAPA inside TLS lists no STLS {seen_from(seen)}", expected, "STLS is not listed")
