# SPDX-License-Identifier: GPL-3.0-or-later
"""What a POP3 server says of itself before login, and whether it does what it announces."""

from __future__ import annotations

import re

from ...probe.model import Capability, Observation, Pop3Dialogue
from ..check import MORE_COMMANDS, endpoint_check
from ..model import Severity, Status
from ..session import (
    APPLIES,
    capabilities_inside_tls,
    completed_tls,
    dialogue_inside_tls,
    each_companion,
    each_session,
    extras_of,
    no_stls,
    not_tested,
)
from ..subject import EndpointSubject, Finding, quoted, seen_from

NUMBER = re.compile(r"\d+(?:\.\d+)+")
YEAR = re.compile(r"Exchange Server (20\d\d)")
HOST_NAME = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,}\.?")
CHALLENGE = re.compile(r"<[^<>]*>")
BETWEEN_WORDS = re.compile(r"[\s()\[\],;]+")

WITHOUT_ARGUMENTS = ("TOP", "USER", "UIDL", "RESP-CODES", "PIPELINING", "STLS", "AUTH-RESP-CODE", "LANG")


def _told_of_software(dialogue: Pop3Dialogue) -> tuple[str, ...]:
    implementation = [f"IMPLEMENTATION {' '.join(one.arguments)}" for one in dialogue.capabilities
                      if one.name.upper() == "IMPLEMENTATION"]  # fmt: skip
    lines = (dialogue.greeting, dialogue.capa_reply, dialogue.quit_reply, *implementation)
    return tuple(line for line in lines if line)


def version_in(line: str, address: str | None = None) -> str | None:
    """The first version number in a line: digits with dots, or a year of Exchange; not in a host name or a challenge.

    :param address: the server's own, which is no version
    """
    year = YEAR.search(line)
    if year:
        return year[1]
    for word in BETWEEN_WORDS.split(CHALLENGE.sub(" ", line)):
        number = NUMBER.search(word)
        if number and word.rstrip(".:") != address and not HOST_NAME.fullmatch(word):
            return number[0]
    return None


@endpoint_check(
    id="POP3S-POP-004",
    title="The software's version is not told before login",
    severity=Severity.LOW,
    categories=("default", "safe", "discovery"),
    rationale="A version number tells everybody who passes by which holes are open.",
    remediation="Set a greeting without it, and no IMPLEMENTATION before login (Cyrus: serverinfo: off).",
    references=("RFC 2449 section 6.9", "CWE-200"),
    applies=APPLIES,
)
@each_session
def no_version_told(subject: EndpointSubject, seen: Observation) -> Finding:
    """No version number in the greeting, the answers to CAPA and QUIT, and IMPLEMENTATION."""
    expected = "no version number before login"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    lines = _told_of_software(dialogue)
    for line in lines:
        found = version_in(line, seen.address)
        if found:
            number = quoted(found)
            return Finding(
                Status.FAIL, f"expected {expected}, {quoted(line)} tells {number} {seen_from(seen)}; change it",
                expected, number, lines,
            )  # fmt: skip
    if dialogue.greeting is None or dialogue.capa_status not in ("listed", "refused"):
        return not_tested(seen, f"not all was said that could tell a version: CAPA is {dialogue.capa_status}")
    return Finding(
        Status.PASS, f"no version number is recognised in {quoted(dialogue.greeting)} and CAPA {seen_from(seen)}",
        expected, "none", lines,
    )  # fmt: skip


@endpoint_check(
    id="POP3S-POP-008",
    title="PIPELINING is obeyed where it is announced",
    severity=Severity.MEDIUM,
    categories=("safe",),
    rationale="Clients send several commands at once to a server that announces it; one that is lost hangs them.",
    remediation="Renew the server, or the proxy before it, or have it no longer announce PIPELINING.",
    references=("RFC 2449 section 6.6",),
    applies="where CAPA lists PIPELINING inside TLS",
    asks=(MORE_COMMANDS,),
)
@each_session
def pipelining_obeyed(subject: EndpointSubject, seen: Observation) -> Finding:
    """CAPA and QUIT in one segment are both answered, in order."""
    expected = "CAPA and QUIT in one segment answered in order"
    extras = extras_of(seen)
    if isinstance(extras, Finding):
        return extras
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if not any(one.name.upper() == "PIPELINING" for one in dialogue.capabilities):
        return Finding(Status.NOT_APPLICABLE, f"CAPA lists no PIPELINING {seen_from(seen)}")
    words = {
        "lost": "the second command was never answered, and the next one was",
        "disordered": "the second command was answered first",
        "refused": "one of two commands in a segment was refused",
    }.get(extras.pipelining)
    if words:
        return Finding(
            Status.FAIL, f"PIPELINING is announced and not obeyed: {words} {seen_from(seen)}", expected, words,
            extras.pipelined,
        )  # fmt: skip
    if extras.pipelining != "obeyed":
        return not_tested(seen, f"two commands in one segment: {extras.pipelining}, {extras.outcome}")
    return Finding(
        Status.PASS, f"two commands in one segment were answered in order {seen_from(seen)}", expected, "obeyed",
        extras.pipelined,
    )  # fmt: skip


@endpoint_check(
    id="POP3S-POP-010",
    title="The server ends TLS before it closes",
    severity=Severity.LOW,
    categories=("safe",),
    rationale="Without close_notify a client can't tell the end of a message from somebody who cuts the connection.",
    remediation="Renew the server or the TLS proxy, or switch its quick close off.",
    references=("RFC 8314 section 3.4", "RFC 8446 section 6.1", "RFC 5246 section 7.2.1"),
    applies=APPLIES,
)
@each_session
def close_notify_sent(subject: EndpointSubject, seen: Observation) -> Finding:
    """close_notify came after QUIT; a connection that was left open, or reset, shows nothing."""
    expected = "close_notify before the end of TCP"
    dialogue = dialogue_inside_tls(seen)
    tls = completed_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if isinstance(tls, Finding):
        return tls
    if dialogue.outcome != "completed" and dialogue.ended_in != "quit":
        return not_tested(seen, f"the dialogue did not come to QUIT: {dialogue.outcome} in {dialogue.ended_in}")
    if tls.close_notify is None or (seen.extras is not None and seen.extras.ended_in not in (None, "quit")):
        return not_tested(seen, "the end of the session was not seen")
    if not tls.close_notify:
        return Finding(
            Status.FAIL, f"expected {expected}, TCP was closed without it {seen_from(seen)}", expected, "TCP alone"
        )
    return Finding(Status.PASS, f"close_notify came before the end {seen_from(seen)}", expected, "close_notify")


def _folded(dialogue: Pop3Dialogue) -> dict[str, frozenset[str]]:
    """Capabilities with their arguments, whatever the order and the lines; without STLS, which is judged apart."""
    found: dict[str, set[str]] = {}
    for one in dialogue.capabilities:
        found.setdefault(one.name.upper(), set()).update(word.upper() for word in one.arguments)
    return {name: frozenset(words) for name, words in found.items() if name != "STLS"}


def _same_capabilities(subject: EndpointSubject, seen: Observation) -> Finding:
    expected = "the same capabilities behind STLS and on the POP3S port"
    absent = no_stls(seen)
    if absent is not None:
        return absent
    behind = capabilities_inside_tls(seen)
    if isinstance(behind, Finding):
        return behind
    places = [one for one in subject.endpoint.sessions if (one.vantage, one.source) == (seen.vantage, seen.source)]
    others = [found for found in map(capabilities_inside_tls, places) if not isinstance(found, Finding)]
    if not others or len(others) < len(places):
        return not_tested(seen, "the capabilities on the POP3S port were not seen from the same place")
    mine = _folded(behind)
    for other in others:
        theirs = _folded(other)
        if mine != theirs:
            names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
            found = ascii(", ".join(names))[1:-1][:200]
            return Finding(
                Status.FAIL, f"behind STLS and on the POP3S port not the same is offered: {found} {seen_from(seen)}",
                expected, found,
                tuple(f"{where} {name} {' '.join(sorted(words))}".rstrip()
                      for where, both in (("STLS", mine), ("POP3S", theirs)) for name, words in both.items()),
            )  # fmt: skip
    return Finding(Status.PASS, f"both ports offer the same inside TLS {seen_from(seen)}", expected, "the same")


same_capabilities = endpoint_check(
    id="POP3S-POP-011",
    title="STLS and the POP3S port offer the same capabilities",
    severity=Severity.LOW,
    categories=("default", "safe", "discovery"),
    rationale="One service with two lists has two configurations, or a proxy before one of its ports.",
    remediation="Serve both ports by one configuration.",
    references=("RFC 2449 section 5", "RFC 8314 section 3.3"),
    applies="where the clear-text port offers STLS",
)(each_companion(_same_capabilities, Status.NOT_APPLICABLE))


def _after_stls(subject: EndpointSubject, seen: Observation) -> Finding:
    expected = "no STLS in the list behind STLS"
    absent = no_stls(seen)
    if absent is not None:
        return absent
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if any(one.name.upper() == "STLS" for one in dialogue.capabilities):
        return Finding(
            Status.FAIL, f"STLS is still offered behind STLS {seen_from(seen)}; the server has lost its state",
            expected, "STLS is listed", ("STLS",),
        )  # fmt: skip
    listed = capabilities_inside_tls(seen)
    if isinstance(listed, Finding):
        return listed
    return Finding(Status.PASS, f"STLS is no longer offered behind it {seen_from(seen)}", expected, "not listed")


after_stls = endpoint_check(
    id="POP3S-POP-012",
    title="STLS is not offered again behind STLS",
    severity=Severity.LOW,
    categories=("safe",),
    rationale="A server that offers STLS inside TLS answers from the state before it.",
    remediation="Renew the server, or the proxy that ends TLS for it.",
    references=("RFC 2595 section 4",),
    applies="where the clear-text port offers STLS",
)(each_companion(_after_stls, Status.NOT_APPLICABLE))


@endpoint_check(
    id="POP3S-POP-013",
    title="An unknown command is refused, and the session goes on",
    severity=Severity.LOW,
    categories=("safe",),
    rationale="Clients try commands that a server may not know; one that takes them for good leads them astray.",
    remediation="Renew the server, or the proxy that answers for it.",
    references=("RFC 1939 sections 3 and 4",),
    applies=APPLIES,
    asks=(MORE_COMMANDS,),
)
@each_session
def unknown_command_refused(subject: EndpointSubject, seen: Observation) -> Finding:
    """-ERR, and an answer to the next command."""
    expected = "-ERR, and a session that goes on"
    extras = extras_of(seen)
    if isinstance(extras, Finding):
        return extras
    said = quoted(extras.unknown_reply)
    if extras.unknown_status is None:
        return not_tested(seen, f"a command that does not exist was not answered: {extras.outcome}")
    if extras.unknown_status != "-ERR":
        return Finding(
            Status.FAIL, f"expected -ERR to an unknown command, got {said} {seen_from(seen)}", expected, said,
            (extras.unknown_reply or "",),
        )  # fmt: skip
    if extras.outcome != "completed" and extras.ended_in != "quit":
        return not_tested(seen, f"refused by {said}, then the session ended: {extras.outcome} in {extras.ended_in}")
    if seen.pop3 is None or seen.pop3.quit_reply is None and extras.auth_status == extras.lang_status == "not-asked":
        return not_tested(seen, f"refused by {said}, and nothing was answered behind it")
    return Finding(
        Status.PASS, f"a command that does not exist is refused by {said}, and the session goes on {seen_from(seen)}",
        expected, said, (extras.unknown_reply or "",),
    )  # fmt: skip


def _misshapen(one: Capability) -> str:
    """What is wrong with the arguments of a capability, or nothing."""
    name, words = one.name.upper(), [word.upper() for word in one.arguments]
    if name in WITHOUT_ARGUMENTS and words:
        return f"{name} takes no arguments"
    if name in ("LOGIN-DELAY", "EXPIRE"):
        never = name == "EXPIRE" and words[:1] == ["NEVER"]
        if not words or not (never or re.fullmatch(r"[0-9]{1,10}", words[0])) or words[1:] not in ([], ["USER"]):
            return f"{name} takes a number{' or NEVER' if name == 'EXPIRE' else ''}, and USER behind it or nothing"
    if name == "UTF8" and words not in ([], ["USER"]):
        return "UTF8 takes USER or nothing"
    if name == "IMPLEMENTATION" and not words:
        return "IMPLEMENTATION takes a text"
    return ""


@endpoint_check(
    id="POP3S-POP-015",
    title="Capabilities are written as registered",
    severity=Severity.INFO,
    categories=("safe",),
    rationale="What a client can't read it takes for absent, or guesses.",
    remediation="Renew the server, or set the value that is told there.",
    references=("RFC 2449 section 6", "RFC 3206", "RFC 6856 sections 2.2 and 3", "IANA POP3 extension mechanism"),
    applies=APPLIES,
)
@each_session
def well_formed(subject: EndpointSubject, seen: Observation) -> Finding:
    """Arguments as their RFCs have them, each capability once."""
    expected = "each capability once, with arguments as registered"
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    wrong = [words for one in dialogue.capabilities if (words := _misshapen(one))]
    names = [one.name.upper() for one in dialogue.capabilities]
    wrong += [f"{ascii(name)[1:-1][:40]} stands twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    lines = tuple(f"{one.name} {' '.join(one.arguments)}".rstrip() for one in dialogue.capabilities)
    if wrong:
        return Finding(
            Status.FAIL, f"CAPA is not as registered: {'; '.join(wrong[:5])} {seen_from(seen)}", expected,
            "; ".join(wrong), lines,
        )  # fmt: skip
    return Finding(Status.PASS, f"CAPA is as registered {seen_from(seen)}", expected, "as registered", lines)


@endpoint_check(
    id="POP3S-POP-016",
    title="LANG lists languages where it is announced",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="A client chooses the language of error texts from this list.",
    remediation="Renew the server, or have it no longer announce LANG.",
    references=("RFC 6856 section 3.2",),
    applies="where CAPA lists LANG inside TLS",
    asks=(MORE_COMMANDS,),
)
@each_session
def languages_listed(subject: EndpointSubject, seen: Observation) -> Finding:
    """A list with one language at least."""
    expected = "a list of languages"
    extras = extras_of(seen)
    if isinstance(extras, Finding):
        return extras
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if not any(one.name.upper() == "LANG" for one in dialogue.capabilities):
        return Finding(Status.NOT_APPLICABLE, f"CAPA lists no LANG {seen_from(seen)}")
    if extras.lang_status == "listed" and extras.languages:
        told = ascii(", ".join(extras.languages))[1:-1][:200]
        return Finding(Status.PASS, f"LANG lists {told} {seen_from(seen)}", expected, told, extras.languages)
    if extras.lang_status in ("listed", "refused", "malformed"):
        how = "an empty list" if extras.lang_status == "listed" else quoted(extras.lang_reply)
        return Finding(
            Status.FAIL, f"LANG is announced, and answered by {how} {seen_from(seen)}", expected, how,
            (extras.lang_reply or "",),
        )  # fmt: skip
    return not_tested(seen, f"LANG is {extras.lang_status}: {extras.outcome}")


@endpoint_check(
    id="POP3S-POP-017",
    title="Refusals of a login are told apart",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="Without AUTH-RESP-CODE a client asks its user for a new password whenever the server has a fault.",
    remediation="Renew the server: RFC 3206 is from 2002.",
    references=("RFC 3206 section 6", "RFC 2449 section 6.4"),
    applies=APPLIES,
)
@each_session
def response_codes(subject: EndpointSubject, seen: Observation) -> Finding:
    """AUTH-RESP-CODE in a whole list."""
    expected = "AUTH-RESP-CODE in the list"
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    names = {one.name.upper() for one in dialogue.capabilities}
    if "AUTH-RESP-CODE" not in names:
        return Finding(Status.FAIL, f"CAPA lists no AUTH-RESP-CODE {seen_from(seen)}", expected, "not listed")
    return Finding(Status.PASS, f"CAPA lists AUTH-RESP-CODE {seen_from(seen)}", expected, "listed")
