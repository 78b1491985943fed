# SPDX-License-Identifier: GPL-3.0-or-later
"""Clear text: none on the POP3S port, and no password over the POP3 port beside it. No password is sent to find out."""

from __future__ import annotations

import dataclasses
import ipaddress

from ...probe.model import Observation, Pop3Dialogue
from ..check import Parameter, endpoint_check
from ..model import Severity, Status
from ..session import APPLIES, completed_tls, each_companion, each_session, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from
from .tls import spoken_in_clear

CLEAR_TEXT_MECHANISMS = ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
"""SASL mechanisms that send the password, or a token that is as good as one, as it is (RFC 4616, RFC 7628)."""


@endpoint_check(
    id="POP3S-CLR-001",
    title="No clear-text service on the POP3S port",
    severity=Severity.CRITICAL,
    categories=("default", "safe", "auth"),
    rationale="A client that is talked into clear text here sends its password for all to read.",
    remediation="Switch TLS on for this listener, or stop what listens there.",
    references=("RFC 8314 sections 3.1 and 4", "PCI DSS 4.0.1 4.2.1", "NIST SP 800-53r5 IA-5(1)(c), SC-8"),
    applies=APPLIES,
)
@each_session
def no_clear_text(subject: EndpointSubject, seen: Observation) -> Finding:
    """Anything spoken that is not TLS is a fail; only a completed handshake is a pass."""
    expected = "nothing but TLS"
    spoken = spoken_in_clear(seen)
    if spoken is not None:
        words = quoted(spoken) if spoken else "something that is not TLS"
        return Finding(
            Status.FAIL,
            f"expected nothing but TLS, got {words} {seen_from(seen)}; switch TLS on",
            expected,
            words,
            (spoken,) if spoken else (),
        )
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    return Finding(Status.PASS, f"nothing but TLS was spoken {seen_from(seen)}", expected, "TLS")


def _greeted(seen: Observation) -> Pop3Dialogue | Finding:
    """The clear-text dialogue up to a good greeting, or why there is none."""
    dialogue = seen.clear
    if dialogue is None or dialogue.greeting_status is None:
        ended = f": {dialogue.outcome}" if dialogue is not None else ""
        return not_tested(seen, f"no POP3 greeting on the clear-text port{ended}")
    if dialogue.greeting_status != "+OK":
        return not_tested(
            seen, f"the clear-text port greeted with {quoted(dialogue.greeting)}, so nothing can be asked"
        )
    return dialogue


def _login_in_clear(subject: EndpointSubject, seen: Observation) -> Finding:
    expected = "no login before STLS"
    dialogue = _greeted(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    names = {c.name.upper() for c in dialogue.capabilities}
    # A capability may stand on several lines, and each of them is an offer.
    spoken = {a.upper() for c in dialogue.capabilities if c.name.upper() == "SASL" for a in c.arguments}
    mechanisms = [m for m in subject.words("mechanisms") if m.upper() in spoken]
    ways = (["USER"] if "USER" in names else []) + [f"SASL {m}" for m in mechanisms]
    evidence = (
        f"greeting {dialogue.greeting}",
        *(f"CAPA {c.name} {' '.join(c.arguments)}".rstrip() for c in dialogue.capabilities),
    )
    if ways:
        caveat = (
            " (seen over loopback, which Dovecot takes for a secured connection: look again from another machine)"
            if _loopback(seen)
            else ""
        )
        return Finding(
            Status.FAIL,
            f"expected no login before STLS, the server offers {' and '.join(ways)} in clear text {seen_from(seen)}"
            f"{caveat}",
            expected,
            f"offered: {', '.join(ways)}",
            evidence,
        )
    if dialogue.capa_status != "listed" or not dialogue.capabilities:
        return not_tested(
            seen,
            f"CAPA is {dialogue.capa_status}: whether a clear-text login is taken can't be told without one",
        )
    return Finding(
        Status.PASS,
        f"CAPA offers no login before STLS {seen_from(seen)}",
        expected,
        "no USER, no clear-text SASL",
        evidence,
    )


def _loopback(seen: Observation) -> bool:
    try:
        return ipaddress.ip_address(seen.source_address or seen.address or "").is_loopback
    except ValueError:
        return False


def _stls_offered(subject: EndpointSubject, seen: Observation) -> Finding:
    expected = "STLS offered, and TLS after it"
    dialogue = _greeted(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if dialogue.octets_after_stls:
        return Finding(
            Status.FAIL,
            f"octets behind the answer to STLS: {quoted(dialogue.octets_after_stls)} {seen_from(seen)}",
            expected,
            quoted(dialogue.octets_after_stls),
            (dialogue.octets_after_stls,),
        )
    names = [c.name.upper() for c in dialogue.capabilities]
    refused = (dialogue.stls_reply or "").upper().startswith("-ERR")
    if refused or (dialogue.capa_status == "listed" and names and "STLS" not in names):
        observed = f"STLS was answered {quoted(dialogue.stls_reply)}" if refused else "CAPA lists no STLS"
        return Finding(
            Status.FAIL, f"expected STLS, {observed} {seen_from(seen)}; offer it, or shut the port", expected, observed
        )
    told = "STLS" in names if dialogue.capa_status == "listed" else dialogue.capa_status == "refused"
    if not told or not (dialogue.stls_reply or "").upper().startswith("+OK"):
        return not_tested(seen, f"CAPA is {dialogue.capa_status} and STLS was answered {quoted(dialogue.stls_reply)}")
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return dataclasses.replace(tls, message=f"after STLS: {tls.message}")
    return Finding(Status.PASS, f"STLS was offered and led to TLS {seen_from(seen)}", expected, "STLS, then TLS")


clear_text_login = endpoint_check(
    id="POP3S-CLR-002",
    title="No clear-text login on the POP3 port",
    severity=Severity.HIGH,
    categories=("default", "safe", "auth"),
    rationale="The port beside POP3S takes the same passwords; offered in clear text they are read on the way.",
    remediation=(
        "Refuse logins before STLS (Dovecot: disable_plaintext_auth = yes; 2.4: auth_allow_cleartext = no), or shut the"
        " port."
    ),
    references=(
        "RFC 8314 section 4.1",
        "RFC 2595 section 2.3",
        "RFC 5034 section 4",
        "PCI DSS 4.0.1 2.2.5, 8.3.2",
        "NIST SP 800-53r5 IA-5(1)(c)",
    ),
    applies="to the clear-text POP3 port beside every endpoint; a port proven shut passes",
    parameters={"mechanisms": Parameter(CLEAR_TEXT_MECHANISMS, "SASL mechanisms that count as clear text")},
)(each_companion(_login_in_clear, Status.PASS))

stls_offered = endpoint_check(
    id="POP3S-CLR-003",
    title="STLS is offered on the POP3 port",
    severity=Severity.MEDIUM,
    categories=("default", "safe"),
    rationale="Where the clear-text port is open, STLS is the only way to use it safely.",
    remediation="Switch STLS on (Dovecot: ssl = required), or shut the port.",
    references=("RFC 2595 section 4", "RFC 8314 section 4.1"),
    applies="where the clear-text POP3 port is not proven shut",
)(each_companion(_stls_offered, Status.NOT_APPLICABLE))
