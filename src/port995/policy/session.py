# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every check that looks into a session: what happens where there was none to look into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..probe.model import Observation, Pop3Dialogue, Pop3Extras, TlsSession
from .model import Intent, Status
from .reach import CLOSED, FILTERED, OPEN, closed_by_witnesses, port_seen, port_status
from .subject import EndpointSubject, Finding, quoted, seen_from

Decide = Callable[[EndpointSubject, Observation], Finding]

APPLIES = "where the port is not proven shut as intended"


def each_session(decide: Decide) -> Callable[[EndpointSubject], Sequence[Finding]]:
    """Ask ``decide`` about every session with the TLS port, and answer for those that never were.

    A port that is shut as its owner wants it is ``not_applicable``, by that observed fact; a port that was not reached
    otherwise, or an observation that is missing, is ``not_tested``.
    """

    def action(subject: EndpointSubject) -> Sequence[Finding]:
        endpoint, intent = subject.endpoint, subject.plan.intent
        findings = [not_reached(words) for words in endpoint.missing_sessions]
        if not endpoint.sessions and not findings:
            findings.append(not_reached("no observation in the journal"))
        if intent is Intent.INTERNAL and not any(o.vantage.side == "inside" for o in endpoint.sessions):
            findings.append(not_reached("nothing looked at it from inside"))
        for seen in endpoint.sessions:
            port = port_seen(seen)
            outside = intent is Intent.INTERNAL and seen.vantage.side == "outside"
            if port.state == OPEN:
                findings.append(decide(subject, seen))
            elif _shut_as_intended(port.state, outside, subject):
                findings.append(_shut(port.words))
            else:
                findings.append(not_reached(port.words))
        return findings

    return action


def each_companion(
    decide: Callable[[EndpointSubject, Observation], Finding], shut: Status
) -> Callable[[EndpointSubject], Sequence[Finding]]:
    """Ask about every observation of the clear-text port; answer with ``shut`` where it is proven shut."""

    def action(subject: EndpointSubject) -> Sequence[Finding]:
        endpoint = subject.endpoint
        findings = [Finding(Status.NOT_TESTED, f"clear-text port: {words}") for words in endpoint.missing_companions]
        if not endpoint.looks_at_pop3:
            findings.append(
                Finding(
                    Status.NOT_TESTED,
                    "the clear-text port was not looked at: set pop3_port (it is 0), or leave this check out",
                )
            )
        if not endpoint.companions and not findings:
            findings.append(Finding(Status.NOT_TESTED, "clear-text port: no observation in the journal"))
        proof = closed_by_witnesses(endpoint.companions, endpoint.sessions)
        for seen in endpoint.companions:
            port = port_seen(seen)
            if port.state == OPEN:
                findings.append(decide(subject, seen))
            elif proof:
                findings.append(Finding(shut, f"the clear-text port is shut ({proof}): {port.words}", "", port.words))
            elif port.state == CLOSED:
                findings.append(
                    Finding(
                        Status.NOT_TESTED,
                        f"the clear-text port is {port.words}; it may be a ban: use a second --source",
                        "",
                        port.words,
                    )
                )
            else:
                findings.append(
                    Finding(Status.NOT_TESTED, f"the clear-text port was not reached: {port.words}", "", port.words)
                )
        return findings

    return action


def no_stls(seen: Observation) -> Finding | None:
    """Whether STLS was seen not to be there: not listed, or refused."""
    clear = seen.clear
    if clear is None or clear.greeting_status != "+OK":
        return None
    listed = clear.capa_status == "listed" and bool(clear.capabilities)
    without = listed and not any(one.name.upper() == "STLS" for one in clear.capabilities)
    if without or (clear.stls_reply or "").startswith("-ERR"):
        return Finding(Status.NOT_APPLICABLE, f"the clear-text port offers no STLS {seen_from(seen)}")
    return None


def _shut_as_intended(state: str, outside: bool, subject: EndpointSubject) -> bool:
    """Whether the owner wants the port shut to this observation, and it is; silence needs a proof."""
    intent = subject.plan.intent
    if intent is Intent.CLOSED:
        return state == CLOSED or (state == FILTERED and port_status(intent, subject.endpoint) is Status.PASS)
    return outside and state in (CLOSED, FILTERED)


def not_reached(words: str) -> Finding:
    """Nothing to look into."""
    return Finding(Status.NOT_TESTED, f"endpoint was not reached: {words}", observed=words, reason="not-reached")


def _shut(words: str) -> Finding:
    return Finding(Status.NOT_APPLICABLE, f"the port is shut as intended: {words}", observed=words)


def not_tested(seen: Observation, words: str) -> Finding:
    """No evidence either way, with the reason and where it was looked from."""
    return Finding(Status.NOT_TESTED, f"{words} {seen_from(seen)}", observed=words)


def completed_tls(seen: Observation) -> TlsSession | Finding:
    """The TLS session, or why there is none to look into."""
    tls = seen.tls
    if tls is not None and tls.outcome == "completed":
        return tls
    return not_tested(seen, f"no TLS session: {tls_words(seen)}")


def tls_words(seen: Observation) -> str:
    """How the handshake ended, in words."""
    tls = seen.tls
    if tls is None:
        return f"no handshake is recorded{f' ({seen.not_tested})' if seen.not_tested else ''}"
    ended = {
        "completed": "the handshake completed",
        "alert": f"the server refused the handshake with alert {tls.alert}",
        "eof": "the connection was closed in the handshake",
        "reset": "the connection was reset in the handshake",
        "timeout": "the handshake did not end in time",
        "not-tls": "something else than TLS was spoken",
        "failed": "the TLS library gave up",
        "not-tested": "the handshake was not tried",
    }.get(tls.outcome, f"the handshake's outcome is {quoted(tls.outcome)}")
    hint = " before one octet came, as a throttle does it" if _silent(tls) else ""
    return ended + hint + (f" ({quoted(tls.detail, 120)})" if tls.detail else "")


def _silent(tls: TlsSession) -> bool:
    return tls.outcome in ("eof", "timeout", "reset") and tls.octets_received == 0


def dialogue_inside_tls(seen: Observation) -> Pop3Dialogue | Finding:
    """The POP3 dialogue inside TLS, or why there is none."""
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    if seen.pop3 is None or seen.pop3.outcome == "not-tested":
        return not_tested(seen, "no POP3 dialogue is recorded inside TLS")
    return seen.pop3


def capabilities_inside_tls(seen: Observation) -> Pop3Dialogue | Finding:
    """The dialogue inside TLS with a whole list of capabilities, or why there is none; an empty list tells nothing."""
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding) or (dialogue.capa_status == "listed" and dialogue.capabilities):
        return dialogue
    return not_tested(
        seen, f"the capabilities are not known: CAPA is {dialogue.capa_status}, the dialogue is {dialogue.outcome}"
    )


def extras_of(seen: Observation) -> Pop3Extras | Finding:
    """What more was asked before login inside TLS, or why nothing was."""
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if seen.extras is None:
        return not_tested(seen, f"no more was asked before login, the dialogue is {dialogue.outcome}")
    return seen.extras
