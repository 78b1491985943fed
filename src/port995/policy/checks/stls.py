# SPDX-License-Identifier: GPL-3.0-or-later
"""STLS on the clear-text port: nothing that was said before TLS may count inside it."""

from __future__ import annotations

from ...probe.model import Observation
from ..check import INJECTION, endpoint_check
from ..model import Severity, Status
from ..session import completed_tls, each_companion, no_stls, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

APPLIES = "where the clear-text port offers STLS"


def _injection(subject: EndpointSubject, seen: Observation) -> Finding:
    """More than the answer to QUIT inside TLS is the answer to what was injected."""
    expected = "a command sent in clear text behind STLS is forgotten"
    tried = seen.injection
    if tried is None:
        return no_stls(seen) or not_tested(seen, "no command was sent behind STLS (depth gate does)")
    if tried.outcome == "clear-text":
        return Finding(
            Status.FAIL,
            f"expected nothing behind the answer to STLS, the server went on in clear text {seen_from(seen)}",
            expected, "answered in clear text behind STLS",
        )  # fmt: skip
    if tried.outcome == "alert":
        return Finding(
            Status.PASS, f"with a command behind STLS the handshake was refused {seen_from(seen)}", expected, "refused"
        )
    if tried.outcome in ("eof", "reset") and tried.repeated and not isinstance(completed_tls(seen), Finding):
        words = "the server hung up twice on a command behind STLS, and not on STLS alone"
        return Finding(Status.PASS, f"{words} {seen_from(seen)}", expected, words)
    if tried.outcome != "answered" or not tried.lines:
        return not_tested(seen, f"the session with a command behind STLS ended: {tried.outcome}")
    if len(tried.lines) == 1:
        return Finding(
            Status.PASS, f"inside TLS only QUIT was answered, not the command before it {seen_from(seen)}", expected,
            "forgotten", tried.lines,
        )  # fmt: skip
    if tried.control_lines != 1:
        return not_tested(seen, "the session without the command has more than one line too, or was not made")
    return Finding(
        Status.FAIL,
        f"a command sent in clear text was obeyed inside TLS: {quoted(tried.lines[0])} {seen_from(seen)}",
        expected,
        f"{len(tried.lines)} lines instead of 1",
        tried.lines,
    )


command_injection = endpoint_check(
    id="POP3S-STLS-001",
    title="Commands before STLS are forgotten",
    severity=Severity.HIGH,
    categories=("default", "safe", "vuln"),
    rationale="Whoever is on the way puts commands in front of a session, and has them obeyed as the client's own.",
    remediation="Renew the server software: what is in its buffer when STLS comes must be dropped.",
    references=("CVE-2011-0411", "RFC 2595 section 4", "USENIX Security 2021, NO STARTTLS"),
    applies=APPLIES,
    asks=(INJECTION,),
)(each_companion(_injection, Status.NOT_APPLICABLE))


def _response_injection(subject: EndpointSubject, seen: Observation) -> Finding:
    """Octets behind the answer to STLS would be read as if they had come inside TLS."""
    expected = "nothing behind the answer to STLS"
    clear = seen.clear
    if clear is not None and clear.octets_after_stls:
        said = quoted(clear.octets_after_stls)
        return Finding(
            Status.FAIL, f"expected nothing behind the answer to STLS, got {said} {seen_from(seen)}", expected, said,
            (clear.octets_after_stls,),
        )  # fmt: skip
    absent = no_stls(seen)
    if absent is not None:
        return absent
    if clear is None or not (clear.stls_reply or "").startswith("+OK"):
        return not_tested(seen, "STLS was not answered")
    tls = completed_tls(seen)
    if isinstance(tls, Finding):
        return tls
    return Finding(Status.PASS, f"TLS followed the answer to STLS at once {seen_from(seen)}", expected, "nothing")


response_injection = endpoint_check(
    id="POP3S-STLS-002",
    title="Nothing stands behind the answer to STLS",
    severity=Severity.HIGH,
    categories=("default", "safe", "vuln"),
    rationale="What a client reads there in clear text it takes for an answer inside TLS.",
    remediation="Renew the server software; look for somebody on the way who adds to its answers.",
    references=("RFC 2595 section 4", "CVE-2020-14954", "USENIX Security 2021, NO STARTTLS"),
    applies=APPLIES,
)(each_companion(_response_injection, Status.NOT_APPLICABLE))


def _opossum(subject: EndpointSubject, seen: Observation) -> Finding:
    """A client of the one port can be led to the other one, and the certificate does not tell them apart."""
    expected = "no STLS with the certificate of the POP3S port"
    absent = no_stls(seen)
    if absent is not None:
        return absent
    after_stls = completed_tls(seen)
    if isinstance(after_stls, Finding):
        return after_stls
    implicit = {
        one.tls.certificates[0]
        for one in subject.endpoint.sessions
        if one.tls is not None and one.tls.outcome == "completed" and one.tls.certificates
    }
    if not implicit or not after_stls.certificates:
        return not_tested(seen, "the certificates of both ports were not seen")
    if after_stls.certificates[0] in implicit:
        return Finding(
            Status.FAIL, f"one certificate serves STLS and the POP3S port {seen_from(seen)}; shut the clear-text port",
            expected, "the same certificate",
        )  # fmt: skip
    return Finding(Status.PASS, f"STLS has a certificate of its own {seen_from(seen)}", expected, "another certificate")


opossum = endpoint_check(
    id="POP3S-STLS-003",
    title="The clear-text port does not share the certificate of the POP3S port",
    severity=Severity.INFO,
    categories=("safe", "vuln"),
    rationale="With one certificate on both a client can be moved to the other port and put out of step (Opossum).",
    remediation="Shut the clear-text port; where it must stay, give it a name and certificate of its own.",
    references=("CVE-2025-49812 (Opossum, of HTTP)", "RFC 8314 section 4.1"),
    applies=APPLIES,
)(each_companion(_opossum, Status.NOT_APPLICABLE))
