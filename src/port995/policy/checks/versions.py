# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol versions that must be refused, each proven by hellos; and one that must be spoken."""

from __future__ import annotations

from ...probe.model import Observation
from ...probe.tls.client_hello import SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, VERSION_NAMES
from ..belief import Evidence, session_answered
from ..check import SUITES_ASKED, VERSIONS, Check, endpoint_check
from ..hello import APPLIES, each_hello, hello_words, refusal_words, unproven
from ..model import Severity, Status
from ..session import not_tested
from ..subject import EndpointSubject, Finding, seen_from
from ..universe import COMMON_13, OLD_SUITES

OLD_QUESTIONS = ("old-ecdhe-rsa", "old-dhe")
NAMES = {SSL_3: "SSL 3.0", TLS_1_0: "TLS 1.0", TLS_1_1: "TLS 1.1"}
DOVECOT = "Dovecot: ssl_min_protocol = TLSv1.2"


@endpoint_check(
    id="POP3S-VER-001",
    title="SSL 2.0 is refused",
    severity=Severity.CRITICAL,
    categories=("default", "safe", "vuln"),
    rationale="SSL 2.0 protects nothing, and one server that speaks it opens sessions of every other with its key.",
    remediation="Switch SSL 2.0 off, and replace the key if it was shared (DROWN).",
    references=("RFC 6176", "CVE-2016-0800 (DROWN)", "CVE-2015-3197"),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello("SSLv2", "alert", old=True)
def ssl_2(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """A SERVER-HELLO proves it; any answer of TLS to an SSLv2 hello, or two ends alike, disprove it."""
    expected = "SSL 2.0 refused"
    spoken = evidence.speaking(SSL_2) or next(
        (d.hello for d in evidence.doubts if d.hello.outcome == "ssl2-error"), None
    )
    if spoken is not None:
        said = "a SERVER-HELLO" if spoken.outcome == "server-hello" else "an SSLv2 error"
        return Finding(
            Status.FAIL, f"expected SSL 2.0 refused, the server answered with {said} {seen_from(seen)}; switch it off",
            expected, said, (f"octets {spoken.head}",),
        )  # fmt: skip
    if any(refusal.version == SSL_2 for refusal in evidence.refusals):
        return Finding(
            Status.PASS,
            f"SSL 2.0 was refused {seen_from(seen)}",
            expected,
            "refused",
            refusal_words(evidence, ("ssl2",)),
        )
    return unproven(seen, evidence, "SSL 2.0", ("ssl2",))


def version_finding(seen: Observation, evidence: Evidence, version: int) -> Finding:
    """Whether an old version is refused.

    :param version: 0x0300 to 0x0302
    """
    name = NAMES[version]
    expected = f"{name} refused"
    spoken = evidence.speaking(version)
    if spoken is not None or (seen.tls is not None and seen.tls.version == VERSION_NAMES[version]):
        chosen = hello_words(spoken) if spoken is not None else f"{name} in the session"
        return Finding(
            Status.FAIL, f"expected {name} refused, the server chose {chosen} {seen_from(seen)}", expected,
            chosen, (f"chosen {chosen}",),
        )  # fmt: skip
    if seen.tls is not None and seen.tls.outcome == "completed" and seen.tls.version not in VERSION_NAMES.values():
        return not_tested(seen, "the version of the session is not known, and it may be this one")
    lower = evidence.answered_below(version)
    if lower is not None:
        observed = f"offered {name}, the server chose {hello_words(lower)}: its highest is below {name}"
        return Finding(Status.PASS, f"{observed} {seen_from(seen)}", expected, observed)
    if evidence.refused_suites(version) >= OLD_SUITES:
        return Finding(
            Status.PASS, f"{name} was refused with every suite it could use {seen_from(seen)}", expected, "refused",
            refusal_words(evidence, OLD_QUESTIONS),
        )  # fmt: skip
    return unproven(seen, evidence, name, OLD_QUESTIONS)


def _old_version(number: int, version: int, severity: Severity, references: tuple[str, ...], rationale: str) -> Check:
    return endpoint_check(
        id=f"POP3S-VER-{number:03}",
        title=f"{NAMES[version]} is refused",
        severity=severity,
        categories=("default", "safe", "vuln"),
        rationale=rationale,
        remediation=f"Raise the lowest version ({DOVECOT}).",
        references=references,
        applies=APPLIES,
        asks=(VERSIONS,),
    )(
        each_hello(VERSION_NAMES[version], "alert", "eof", old=True)(
            lambda subject, seen, evidence: version_finding(seen, evidence, version)
        )
    )


ssl_3 = _old_version(
    2, SSL_3, Severity.CRITICAL, ("RFC 7568", "CVE-2014-3566 (POODLE)"), "SSL 3.0 can be read octet by octet."
)
tls_1_0 = _old_version(
    3, TLS_1_0, Severity.HIGH, ("RFC 8996", "RFC 8997", "PCI DSS 4.0.1 appendix A2"),
    "TLS 1.0 rests on MD5 and SHA-1 and has only CBC and RC4.",
)  # fmt: skip
tls_1_1 = _old_version(
    4, TLS_1_1, Severity.HIGH, ("RFC 8996", "RFC 8997"), "TLS 1.1 rests on MD5 and SHA-1 and has only CBC and RC4."
)


@endpoint_check(
    id="POP3S-VER-005",
    title="TLS 1.2 or 1.3 is spoken",
    severity=Severity.HIGH,
    categories=("default", "safe"),
    rationale="Clients of today speak nothing older.",
    remediation="Switch TLS 1.2 and 1.3 on, or renew the server's TLS library.",
    references=("RFC 9325 section 3.1.1", "NIST SP 800-52r2 section 3.1"),
    applies=APPLIES,
    asks=(VERSIONS,),
)
@each_hello()
def current_version(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """One answer in either proves it; a session in an older version, made with both on offer, the contrary."""
    expected = "TLS 1.2 or 1.3"
    spoken = evidence.speaking(TLS_1_3) or evidence.speaking(TLS_1_2)
    session = seen.tls.version if seen.tls is not None and seen.tls.outcome == "completed" else None
    if spoken is not None or session in ("TLSv1.2", "TLSv1.3"):
        observed = hello_words(spoken) if spoken is not None else f"{session} in the session"
        return Finding(Status.PASS, f"the server chose {observed} {seen_from(seen)}", expected, observed)
    if session is not None:
        return Finding(
            Status.FAIL,
            f"expected {expected}, a client that offers both got {session} {seen_from(seen)}",
            expected,
            session,
        )
    if evidence.is_unspoken(TLS_1_2) and evidence.refused_suites(TLS_1_3) >= set(COMMON_13):
        return Finding(
            Status.FAIL, f"expected {expected}, the server chose less or refused {seen_from(seen)}", expected, "neither"
        )
    return unproven(seen, evidence, "whether a current version is spoken", ("control-1.2", "control-1.3"))


@endpoint_check(
    id="POP3S-VER-006",
    title="TLS 1.2 is refused",
    severity=Severity.LOW,
    categories=("safe",),
    rationale="A profile for clients of today alone has no use for what TLS 1.2 still leaves to choose.",
    remediation="Raise the lowest version (Dovecot: ssl_min_protocol = TLSv1.3).",
    references=("Mozilla Server Side TLS 6.0 (modern)", "RFC 9325 section 3.1.1"),
    applies=APPLIES,
    asks=(VERSIONS, SUITES_ASKED),
    # So that every suite of TLS 1.2 is offered: those of the first family by the control, of DHE by this.
    forbids=("dhe-key-exchange",),
)
@each_hello()
def tls_1_2(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Refused with every suite that it could use; one answer in it is enough for the contrary."""
    expected = "TLS 1.2 refused"
    spoken = evidence.speaking(TLS_1_2)
    session = seen.tls.version if seen.tls is not None and seen.tls.outcome == "completed" else None
    if spoken is not None or session == VERSION_NAMES[TLS_1_2]:
        chosen = hello_words(spoken) if spoken is not None else "TLS 1.2 in the session"
        return Finding(
            Status.FAIL, f"expected {expected}, the server chose {chosen} {seen_from(seen)}", expected, chosen,
            (f"chosen {chosen}",),
        )  # fmt: skip
    if session_answered(seen) and session not in VERSION_NAMES.values():
        return not_tested(seen, "the version of the session is not known, and it may be this one")
    questions = ("control-1.2", "suites-ecdhe-rsa", "suites-dhe")
    if evidence.is_unspoken(TLS_1_2):
        return Finding(
            Status.PASS, f"TLS 1.2 was refused with every suite it could use {seen_from(seen)}", expected, "refused",
            refusal_words(evidence, questions),
        )  # fmt: skip
    return unproven(seen, evidence, "TLS 1.2", questions)
