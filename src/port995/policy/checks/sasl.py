# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to log in, as they are offered inside TLS. No login is tried for any of this."""

from __future__ import annotations

import dataclasses

from ...probe.model import Observation, Pop3Dialogue
from ..check import MORE_COMMANDS, Parameter, endpoint_check
from ..model import Severity, Status
from ..session import APPLIES, capabilities_inside_tls, dialogue_inside_tls, each_session, extras_of, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

WEAK_MECHANISMS = ("CRAM-MD5", "DIGEST-MD5", "NTLM", "SKEY", "OTP", "KERBEROS_V4", "ANONYMOUS", "9798-U-RSA-SHA1-ENC")
"""Withdrawn, broken, or no proof of identity. LOGIN and PLAIN are fine inside TLS."""


def mechanisms_of(dialogue: Pop3Dialogue) -> tuple[str, ...]:
    """SASL mechanisms that CAPA lists, upper case; several lines of SASL count together."""
    words = (word.upper() for one in dialogue.capabilities if one.name.upper() == "SASL" for word in one.arguments)
    return tuple(dict.fromkeys(words))


def _sasl_line(mechanisms: tuple[str, ...]) -> str:
    return f"SASL {' '.join(mechanisms)}".rstrip() if mechanisms else "no SASL mechanism"


@endpoint_check(
    id="POP3S-POP-005",
    title="APOP is not offered",
    severity=Severity.LOW,
    categories=("default", "safe", "auth"),
    rationale=(
        "APOP is MD5 over the challenge and the password: a false server finds the password's first characters by"
        " chosen challenges, and the true one has to store it in clear."
    ),
    remediation="Leave the challenge out of the greeting (Cyrus: allowapop: no; Dovecot: no apop in auth_mechanisms).",
    references=("CVE-2007-1558", "RFC 1939 section 7", "RFC 6151 section 2"),
    applies=APPLIES,
)
@each_session
def no_apop(subject: EndpointSubject, seen: Observation) -> Finding:
    """No challenge in the greeting."""
    expected = "no challenge in the greeting"
    dialogue = dialogue_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if dialogue.greeting is None or dialogue.greeting_status != "+OK":
        return not_tested(seen, f"no greeting of +OK inside TLS: {dialogue.outcome}")
    if dialogue.apop_challenge is not None:
        challenge = quoted(dialogue.apop_challenge)
        return Finding(
            Status.FAIL, f"expected {expected}, APOP is offered by {challenge} {seen_from(seen)}; switch it off",
            expected, challenge, (dialogue.greeting,),
        )  # fmt: skip
    return Finding(Status.PASS, f"the greeting holds no challenge {seen_from(seen)}", expected, "no challenge")


@endpoint_check(
    id="POP3S-POP-006",
    title="No withdrawn or weak SASL mechanism is offered",
    severity=Severity.LOW,
    categories=("default", "safe", "auth"),
    rationale=(
        "They are broken or withdrawn, and most need the password stored so that whoever reads the store has it; inside"
        " TLS they protect nothing that PLAIN does not."
    ),
    remediation="Leave them out of the server's list of mechanisms; offer PLAIN inside TLS, or SCRAM-SHA-256.",
    references=("RFC 6331", "RFC 6151 section 2", "RFC 5034 section 4", "RFC 7677", "IANA SASL mechanisms"),
    applies=APPLIES,
    parameters={"weak": Parameter(WEAK_MECHANISMS, "SASL mechanisms that should not be offered")},
)
@each_session
def no_weak_mechanism(subject: EndpointSubject, seen: Observation) -> Finding:
    """None of them in a whole list."""
    expected = "no withdrawn or weak mechanism"
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    offered = mechanisms_of(dialogue)
    weak = [word for word in offered if word in {one.upper() for one in subject.words("weak")}]
    if weak:
        found = ", ".join(ascii(word)[1:-1] for word in weak)
        return Finding(
            Status.FAIL, f"expected {expected}, {found} offered inside TLS {seen_from(seen)}; switch it off",
            expected, found, (_sasl_line(offered),),
        )  # fmt: skip
    listed = ascii(_sasl_line(offered))[1:-1]
    return Finding(Status.PASS, f"{listed[:200]} is offered {seen_from(seen)}", expected, listed)


@endpoint_check(
    id="POP3S-POP-007",
    title="A way to log in is offered inside TLS",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "auth"),
    rationale=(
        "A server that offers no login inside TLS serves nobody: as a rule it does not know of the TLS that ends at a"
        " proxy before it, and waits for STLS."
    ),
    remediation="Let the proxy tell the server that TLS is there, and offer USER or SASL PLAIN inside it.",
    references=("RFC 2449 sections 6.2 and 6.3", "RFC 5034 section 4", "RFC 8314 section 3.3"),
    applies=APPLIES,
)
@each_session
def login_offered(subject: EndpointSubject, seen: Observation) -> Finding:
    """USER, a SASL mechanism or a challenge for APOP."""
    expected = "USER, a SASL mechanism, or APOP"
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    ways = ["USER"] if any(one.name.upper() == "USER" for one in dialogue.capabilities) else []
    ways += [f"SASL {word}" for word in mechanisms_of(dialogue)]
    ways += ["APOP"] if dialogue.apop_challenge is not None else []
    lines = tuple(f"{one.name} {' '.join(one.arguments)}".rstrip() for one in dialogue.capabilities)
    if not ways:
        return Finding(
            Status.FAIL, f"expected {expected}, CAPA offers none inside TLS {seen_from(seen)}; see its settings",
            expected, "no way to log in", lines,
        )  # fmt: skip
    told = ascii(", ".join(ways))[1:-1][:200]
    return Finding(Status.PASS, f"{told} offered inside TLS {seen_from(seen)}", expected, told, lines)


@endpoint_check(
    id="POP3S-POP-009",
    title="NTLM tells nothing of the host",
    severity=Severity.LOW,
    categories=("safe", "discovery"),
    rationale="An NTLM challenge names the host, its domain and its version of Windows to everybody who asks.",
    remediation="Switch NTLM off for POP3 (Exchange: Set-PopSettings -LoginType SecureLogin).",
    references=("[MS-NLMP] section 2.2.1.2", "CWE-200"),
    applies=APPLIES,
    asks=(MORE_COMMANDS,),
)
@each_session
def no_ntlm_leak(subject: EndpointSubject, seen: Observation) -> Finding:
    """NTLM is not offered, refused before a challenge, or its challenge names nothing."""
    expected = "no challenge that names the host"
    extras = extras_of(seen)
    if isinstance(extras, Finding):
        return extras
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if "NTLM" not in mechanisms_of(dialogue) and "NTLM" not in extras.auth_mechanisms:
        return Finding(Status.NOT_APPLICABLE, f"NTLM is not offered {seen_from(seen)}")
    answer = extras.ntlm
    if answer is None or answer.outcome not in ("challenge", "refused") or (
        answer.outcome == "challenge" and answer.host is None
    ):  # fmt: skip
        return not_tested(seen, f"NTLM is offered, and its challenge was not seen: {answer.outcome if answer else ''}")
    told = {name: text for name, text in dataclasses.asdict(answer.host).items() if text} if answer.host else {}
    if told:
        words = ", ".join(f"{name} {quoted(text, 60)}" for name, text in told.items())
        return Finding(
            Status.FAIL, f"NTLM tells before login: {words} {seen_from(seen)}; switch it off", expected, words,
            tuple(f"{name} {text}" for name, text in told.items()),
        )  # fmt: skip
    how = "refused" if answer.outcome == "refused" else "its challenge is empty"
    return Finding(Status.PASS, f"NTLM tells nothing before login: {how} {seen_from(seen)}", expected, how)


@endpoint_check(
    id="POP3S-POP-014",
    title="AUTH lists the mechanisms that CAPA lists",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="Clients that ask the one way and those that ask the other come to different logins; one list is stale.",
    remediation="Look for a proxy that answers one of the two itself.",
    references=("RFC 5034 sections 3 and 4",),
    applies="where a SASL list is announced, and AUTH without a mechanism answered by a list",
    asks=(MORE_COMMANDS,),
)
@each_session
def same_mechanisms(subject: EndpointSubject, seen: Observation) -> Finding:
    """Both lists hold the same words."""
    expected = "the same mechanisms"
    extras = extras_of(seen)
    if isinstance(extras, Finding):
        return extras
    dialogue = capabilities_inside_tls(seen)
    if isinstance(dialogue, Finding):
        return dialogue
    if not any(one.name.upper() == "SASL" for one in dialogue.capabilities):
        return Finding(Status.NOT_APPLICABLE, f"CAPA lists no SASL {seen_from(seen)}")
    if extras.auth_status == "refused":
        return Finding(Status.NOT_APPLICABLE, f"AUTH without a mechanism is refused {seen_from(seen)}")
    if extras.auth_status != "listed":
        return not_tested(seen, f"AUTH without a mechanism is {extras.auth_status}")
    by_capa, by_auth = set(mechanisms_of(dialogue)), {word.upper() for word in extras.auth_mechanisms}
    evidence = (_sasl_line(mechanisms_of(dialogue)), f"AUTH {' '.join(extras.auth_mechanisms)}")
    if by_capa != by_auth:
        other = ascii(", ".join(sorted(by_capa ^ by_auth)))[1:-1][:200]
        return Finding(
            Status.FAIL, f"CAPA and AUTH do not list the same: only one has {other} {seen_from(seen)}", expected, other,
            evidence,
        )  # fmt: skip
    return Finding(Status.PASS, f"CAPA and AUTH list the same {seen_from(seen)}", expected, "the same", evidence)
