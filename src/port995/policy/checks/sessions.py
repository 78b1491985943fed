# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes sessions of its own: resumption, early data, renegotiation. Asked by the depth deep, or by a profile that
names the check."""

from __future__ import annotations

from ...probe.model import Observation
from ...probe.tls.client_hello import TLS_1_2, TLS_1_3
from ..check import RENEGOTIATED, RESUMED, Parameter, endpoint_check
from ..facts import facts_of
from ..model import Severity, Status
from ..session import APPLIES, each_session, not_tested
from ..subject import EndpointSubject, Finding, seen_from

WEEK = 604800
"""Seconds: the most that RFC 8446 section 4.6.1 allows."""


@endpoint_check(
    id="POP3S-RENEG-002",
    title="Clients can't begin a renegotiation",
    severity=Severity.LOW,
    categories=("safe", "vuln"),
    rationale="Each costs the server far more than the client, who may ask for thousands over one connection.",
    remediation="Renew the server's TLS library (OpenSSL 3.0 and later refuse it), or switch it off.",
    references=("RFC 9325 section 3.5", "CVE-2011-1473"),
    applies=APPLIES,
    asks=(RENEGOTIATED,),
)
@each_session
def client_renegotiation(subject: EndpointSubject, seen: Observation) -> Finding:
    """A second ClientHello inside a TLS 1.2 connection."""
    expected, found = "a renegotiation refused", seen.renegotiation
    if found is not None and found.outcome == "accepted":
        return Finding(Status.FAIL, f"expected {expected}, it was accepted {seen_from(seen)}", expected, "accepted")
    if found is not None and found.outcome in ("refused", "ignored"):
        words = f"a renegotiation that the client began was {found.outcome} {seen_from(seen)}"
        return Finding(Status.PASS, words, expected, found.outcome)
    if TLS_1_2 in facts_of(seen).unspoken and facts_of(seen).version(TLS_1_3) is not None:
        return Finding(Status.NOT_APPLICABLE, f"TLS 1.2 is not spoken, and 1.3 has no renegotiation {seen_from(seen)}")
    if found is None:
        return not_tested(seen, "no renegotiation was tried (the depth deep does)")
    words = f"{found.outcome} {found.detail}".rstrip()
    return not_tested(seen, f"whether a renegotiation is refused is not settled: {words}")


@endpoint_check(
    id="POP3S-EARLY-001",
    title="Early data is not allowed",
    severity=Severity.MEDIUM,
    categories=("safe", "vuln"),
    rationale="Early data can be sent again by anybody who saw it, and POP3 has no rules for that.",
    remediation="Set the server's amount of early data to 0 (OpenSSL: max_early_data, its default).",
    references=("RFC 8446 section 8", "RFC 9325 section 3.10"),
    applies=APPLIES,
    asks=(RESUMED,),
)
@each_session
def early_data(subject: EndpointSubject, seen: Observation) -> Finding:
    """What the tickets of TLS 1.3 say."""
    expected = "no early data in a ticket of TLS 1.3"
    tickets = [one for one in seen.resumptions if one.version == "TLSv1.3"]
    allowed = [one.max_early_data for one in tickets if one.max_early_data]
    if allowed:
        words = f"{max(allowed)} octets"
        return Finding(Status.FAIL, f"expected {expected}, {words} are allowed {seen_from(seen)}", expected, words)
    read = [one for one in tickets if one.lifetime is not None]
    if read:
        return Finding(Status.PASS, f"the ticket of TLS 1.3 allows no early data {seen_from(seen)}", expected, "none")
    if TLS_1_3 in facts_of(seen).unspoken:
        return Finding(Status.NOT_APPLICABLE, f"TLS 1.3 is not spoken, and 1.2 has no early data {seen_from(seen)}")
    if not tickets:
        return not_tested(seen, "no ticket was asked for (the depth deep does)")
    return not_tested(seen, f"no ticket of TLS 1.3 was read: {tickets[0].outcome}")


@endpoint_check(
    id="POP3S-RES-001",
    title="Session tickets are short-lived",
    severity=Severity.LOW,
    categories=("safe", "discovery"),
    rationale="Whoever steals the key of the tickets later opens every session that one of them began.",
    remediation="Give tickets a short life and their key too, or give none (Dovecot: ssl_options = no_ticket).",
    references=("RFC 8446 section 4.6.1", "RFC 9325 section 3.4"),
    applies=APPLIES,
    parameters={"seconds": Parameter(WEEK, "lifetime of a ticket at most", minimum=0, maximum=10 * WEEK)},
    asks=(RESUMED,),
)
@each_session
def ticket_lifetime(subject: EndpointSubject, seen: Observation) -> Finding:
    """What the tickets say of themselves; how often their key changes can't be seen from outside."""
    most = int(subject.number("seconds"))
    expected = f"tickets good for {most} s at most"
    told = [one.lifetime for one in seen.resumptions if one.lifetime is not None]
    if any(lifetime > most for lifetime in told):
        words = f"{max(told)} s"
        return Finding(Status.FAIL, f"expected {expected}, one is good for {words} {seen_from(seen)}", expected, words)
    asked = [one for one in seen.resumptions if one.by == "ticket"]
    spoken = {number for number, name in ((TLS_1_2, "TLSv1.2"), (TLS_1_3, "TLSv1.3")) if any(
        one.version == name and (one.lifetime is not None or one.outcome == "nothing-given") for one in asked
    )}  # fmt: skip
    open_ones = [version for version in (TLS_1_2, TLS_1_3) if version not in spoken | set(facts_of(seen).unspoken)]
    if open_ones or not asked:
        return not_tested(seen, "tickets were not read in every version that is spoken (the depth deep asks)")
    if told:
        return Finding(Status.PASS, f"tickets are good for {max(told)} s {seen_from(seen)}", expected, f"{max(told)} s")
    return Finding(Status.NOT_APPLICABLE, f"no tickets are given {seen_from(seen)}")
