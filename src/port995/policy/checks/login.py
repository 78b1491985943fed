# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins with credentials that the user gave, and the mailbox behind them. Only judged where the plan owes a login:
without credentials there is nothing that could be missing."""

from __future__ import annotations

import dataclasses

from ...probe.model import Login, Mailbox, Observation
from ...probe.pop3_login import ways
from ..check import NEEDS_DELE, NEEDS_LOGIN, endpoint_check
from ..model import Severity, Status
from ..session import dialogue_inside_tls, each_session, not_tested
from ..subject import EndpointSubject, Finding, seen_from

APPLIES = "where credentials were given for the target"
NAMES = {"USER": "USER and PASS", "PLAIN": "SASL PLAIN", "APOP": "APOP"}


def _words(login: Login) -> str:
    said = {
        "logged-in": "works",
        "refused": "was refused",
        "temporary": "was refused for now",
        "not-verified": "was not tried, since the certificate of its session was not verified",
        "not-tried": "was not tried",
        "not-connected": "was not tried, since the connection was not taken",
    }.get(login.outcome, f"ended by {login.outcome}")
    why = " ".join(filter(None, (login.code and f"[{login.code}]", login.detail and f"({ascii(login.detail)[1:-1]})")))
    return f"{NAMES.get(login.mechanism, ascii(login.mechanism))} {said} {why}".rstrip()


@endpoint_check(
    id="POP3S-AUTH-001",
    title="Login works in each way that is offered",
    severity=Severity.HIGH,
    categories=("default", "auth"),
    rationale="A login that is offered and does not work stops those users whose client prefers it.",
    remediation="See the server's log for this login: the password, the account, or the mechanism's configuration.",
    references=("RFC 1939 section 7", "RFC 5034 section 4", "RFC 4616", "RFC 8314 section 3.3"),
    applies=APPLIES,
    needs=NEEDS_LOGIN,
)
@each_session
def login_works(subject: EndpointSubject, seen: Observation) -> Finding:
    """Every way that is offered and can be tried was tried, and worked."""
    expected = "a login by each of USER, SASL PLAIN and APOP that is offered"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if dialogue.capa_status not in ("listed", "refused"):
        return not_tested(seen, f"what is offered is not known: CAPA is {dialogue.capa_status}")
    if seen.logins_ended or not seen.logins:
        return not_tested(seen, f"no login was tried: {ascii(seen.logins_ended)[1:-1] or 'none is recorded'}")
    offered, tried = ways(dialogue), {login.mechanism: login for login in seen.logins}
    told = "; ".join(_words(login) for login in seen.logins)
    evidence = tuple(_words(login) for login in seen.logins)
    if any(login.outcome == "refused" for login in seen.logins):
        return Finding(Status.FAIL, f"expected {expected}: {told} {seen_from(seen)}", expected, told, evidence)
    missing = [NAMES[way] for way in offered if way not in tried]
    if missing or not offered or any(login.outcome != "logged-in" for login in seen.logins):
        return not_tested(seen, f"{told}{f'; no word of {chr(44).join(missing)}' if missing else ''}")
    caveat = "" if all(login.verified for login in seen.logins) else ", though no certificate was verified, as asked"
    return Finding(Status.PASS, f"{told}{caveat} {seen_from(seen)}", expected, told, evidence)


def _mailbox(seen: Observation) -> Mailbox | Finding:
    """The walk through the mailbox, or why there is none."""
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    for login in seen.logins:
        if login.outcome == "logged-in" and login.mailbox is not None:
            return login.mailbox
    return not_tested(seen, "no login came to the mailbox")


def _facts(box: Mailbox) -> tuple[str, ...]:
    given = {name: value for name, value in dataclasses.asdict(box).items() if value not in (None, "", (), [])}
    return tuple(f"{name} {value}" for name, value in given.items())


@endpoint_check(
    id="POP3S-AUTH-002",
    title="The mailbox commands answer",
    severity=Severity.MEDIUM,
    categories=("default", "auth"),
    rationale="A login alone fetches no mail: what is behind it may be full, locked, or out of step.",
    remediation="See the server's log for this mailbox.",
    references=("RFC 1939 sections 5 and 7", "RFC 2449 sections 6.1 and 6.8"),
    applies=APPLIES,
    needs=NEEDS_LOGIN,
)
@each_session
def mailbox_answers(subject: EndpointSubject, seen: Observation) -> Finding:
    """STAT, LIST, RETR and CAPA are +OK, TOP and UIDL where they are listed, and STAT and LIST count the same."""
    expected = "an answer of +OK to each mailbox command, and one count of messages"
    box = _mailbox(seen)
    if isinstance(box, Finding):
        return box
    facts = _facts(box)
    statuses = {"STAT": box.stat, "LIST": box.listing, "UIDL": box.uidl, "TOP": box.top, "RETR": box.retr,
                "CAPA": box.capa, "QUIT": box.quit}  # fmt: skip
    wrong = [f"{name} was refused" for name, status in statuses.items() if status == "-ERR"]
    if box.outcome == "malformed":
        wrong.append(f"the answer to {(box.ended_in or '').upper()} is not as RFC 1939 has it")
    if box.messages is not None and box.list_messages not in (None, box.messages):
        wrong.append(f"STAT counts {box.messages} messages and LIST {box.list_messages}")
    if box.uidl_messages is not None and box.list_messages not in (None, box.uidl_messages):
        wrong.append(f"LIST counts {box.list_messages} messages and UIDL {box.uidl_messages}")
    if box.uidl_unique is False:
        wrong.append("UIDL gives no id of its own to each message")
    if wrong:
        told = "; ".join(wrong)
        return Finding(Status.FAIL, f"expected {expected}: {told} {seen_from(seen)}", expected, told, facts)
    if box.outcome != "completed" and box.ended_in != "quit":
        return not_tested(seen, f"the mailbox session ended early: {box.outcome} in {box.ended_in}")
    fetched = box.retr == "+OK" and box.retr_octets is not None
    if "not-asked" in (box.stat, box.listing, box.capa) or not (fetched or box.retr_skipped):
        return not_tested(seen, "not every mailbox command was answered")
    unfetched = {"empty": "it is empty", "too-large": "its smallest message is too large to fetch",
                 "expires": "to fetch may delete there (EXPIRE 0)"}.get(box.retr_skipped, "")  # fmt: skip
    told = f"{box.messages} messages" + (f", none fetched: {unfetched}" if unfetched else ", one fetched")
    return Finding(Status.PASS, f"the mailbox commands answer: {told} {seen_from(seen)}", expected, told, facts)


@endpoint_check(
    id="POP3S-AUTH-003",
    title="Messages are as large as they are said to be",
    severity=Severity.LOW,
    categories=("auth",),
    rationale="Clients take the size for the end of a transfer, for their quota, and to choose what to fetch.",
    remediation="Have the server count octets with CRLF (Dovecot: pop3_fast_size_lookups = no).",
    references=("RFC 1939 section 11",),
    applies=APPLIES,
    needs=NEEDS_LOGIN,
)
@each_session
def sizes_are_right(subject: EndpointSubject, seen: Observation) -> Finding:
    """LIST's sizes sum up to STAT's, and the fetched message has the octets that LIST said."""
    expected = "one size by STAT, LIST and RETR"
    box = _mailbox(seen)
    if isinstance(box, Finding):
        return box
    facts = _facts(box)
    wrong = []
    if box.octets is not None and box.list_octets not in (None, box.octets):
        wrong.append(f"STAT says {box.octets} octets and LIST {box.list_octets}")
    if box.retr_octets is not None and box.retr_octets != box.retr_listed:
        wrong.append(f"LIST says {box.retr_listed} octets and RETR sent {box.retr_octets}")
    if wrong:
        told = "; ".join(wrong)
        return Finding(Status.FAIL, f"expected {expected}: {told} {seen_from(seen)}", expected, told, facts)
    if box.octets is None or box.list_octets is None:
        return not_tested(seen, "the sizes of STAT and LIST were not seen")
    if box.retr_octets is None:
        if box.retr_skipped == "empty" and box.list_messages == 0:
            return Finding(Status.NOT_APPLICABLE, f"the mailbox is empty {seen_from(seen)}")
        return not_tested(seen, f"no message was fetched: {box.retr_skipped or box.outcome}")
    told = f"{box.octets} octets in all, {box.retr_octets} of the one that was fetched"
    return Finding(Status.PASS, f"sizes are as told: {told} {seen_from(seen)}", expected, told, facts)


@endpoint_check(
    id="POP3S-AUTH-004",
    title="A message marked as deleted comes back with RSET",
    severity=Severity.MEDIUM,
    categories=("auth", "intrusive"),
    rationale="A server that deletes before QUIT loses the mail of every client whose connection breaks.",
    remediation="Renew the server: nothing may be deleted before QUIT.",
    references=("RFC 1939 sections 5 and 6",),
    applies="where credentials were given for the target, and DELE was allowed",
    needs=NEEDS_DELE,
)
@each_session
def rset_brings_back(subject: EndpointSubject, seen: Observation) -> Finding:
    """STAT is the same before DELE and after RSET."""
    expected = "the same STAT before DELE and after RSET"
    box = _mailbox(seen)
    if isinstance(box, Finding):
        return box
    facts = _facts(box)
    if box.messages == 0 and box.list_messages == 0:
        return Finding(Status.NOT_APPLICABLE, f"the mailbox is empty {seen_from(seen)}")
    if "-ERR" in (box.dele, box.rset):
        told = "DELE was refused" if box.dele == "-ERR" else "RSET was refused"
        return Finding(Status.FAIL, f"expected {expected}: {told} {seen_from(seen)}", expected, told, facts)
    if box.messages_after is None or box.messages is None or (box.dele, box.rset) != ("+OK", "+OK"):
        return not_tested(seen, f"DELE and RSET did not come to their end: {box.outcome} in {box.ended_in}")
    before, after = (box.messages, box.octets), (box.messages_after, box.octets_after)
    if before != after:
        told = f"{before[0]} messages of {before[1]} octets before, {after[0]} of {after[1]} after"
        return Finding(
            Status.FAIL, f"RSET did not bring the message back: {told} {seen_from(seen)}; no QUIT was said", expected,
            told, facts,
        )  # fmt: skip
    return Finding(Status.PASS, f"RSET took DELE back: {before[0]} messages {seen_from(seen)}", expected, "same", facts)
