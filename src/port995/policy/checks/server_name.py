# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client that sends no name gets: the settings of another host, and often those of long ago."""

from __future__ import annotations

from ...probe.model import Observation
from ...probe.tls.cipher_suites import BY_NUMBER, weaknesses
from ...probe.tls.client_hello import TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, VERSION_NAMES
from ..belief import BELOW_13, Evidence, evidence_of
from ..check import NO_NAME, endpoint_check
from ..hello import APPLIES, each_hello, hello_words, unproven
from ..model import Severity, Status
from ..subject import EndpointSubject, Finding, seen_from
from ..universe import OLD_SUITES
from .suites import suites_of

WORDS = ("3des", "anonymous", "des", "export", "integrity-only", "null", "rc4")
QUESTIONS = tuple(
    f"{name}-without-name" for name in ("old-ecdhe-rsa", "old-dhe", "suites-ecdhe-rsa", "suites-dhe", "suites-1.3")
)


@endpoint_check(
    id="POP3S-SNI-001",
    title="Without a server name nothing weaker is taken",
    severity=Severity.MEDIUM,
    categories=("safe", "vuln"),
    rationale="Whoever leaves the name out, an attacker too, meets the default host of the server and its settings.",
    remediation="Give the server's default settings the same versions and suites as those of the named hosts.",
    references=("RFC 6066 section 3", "RFC 9325 section 3.7"),
    applies=APPLIES + "; not where the target has no name to send",
    asks=(NO_NAME,),
    forbids=WORDS,
)
@each_hello("TLSv1", "TLSv1.1", "TLSv1.2 suite", "alert", "eof", old=True)
def without_server_name(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """What the named host takes too is that check's finding; here counts what only the nameless client gets."""
    expected = "old versions and broken suites refused without SNI too, unless they are taken with it"
    if not any(hello.server_name is not None for hello in seen.hellos):
        return Finding(Status.NOT_APPLICABLE, f"no name is sent to this target anyway {seen_from(seen)}")
    nameless = evidence_of(seen, named=False)
    weaker = [hello for hello in nameless.answers if _shows(hello.suite, hello.answered_version) - _shown(evidence)]
    if weaker:
        chosen = ", ".join(dict.fromkeys(hello_words(hello) for hello in weaker))
        return Finding(
            Status.FAIL, f"without SNI the server took {chosen} {seen_from(seen)}", expected, chosen,
            tuple(f"chosen {hello_words(hello)}" for hello in weaker),
        )  # fmt: skip
    missing = _missing(evidence, nameless)
    if missing:
        return unproven(seen, nameless, f"{missing} without SNI", QUESTIONS)
    return Finding(Status.PASS, f"nothing weaker was taken without SNI {seen_from(seen)}", expected, "refused")


def _shows(suite: int | None, version: int | None) -> set[str]:
    """The words that an answer shows: versions of TLS 1.1 and below, classes of broken suites."""
    found = BY_NUMBER.get(suite or 0)
    words = set(weaknesses(found)) & set(WORDS) if found is not None else set[str]()
    return words | ({VERSION_NAMES[version]} if version in (*BELOW_13[:3],) else set())


def _shown(evidence: Evidence) -> set[str]:
    return {word for hello in evidence.answers for word in _shows(hello.suite, hello.answered_version)}


def _missing(evidence: Evidence, nameless: Evidence) -> str:
    """What is not settled for the nameless client; empty: everything is."""
    taken = _shown(evidence)
    for version in BELOW_13[:3]:
        if VERSION_NAMES[version] in taken or nameless.answered_below(version) is not None:
            continue
        if not nameless.refused_suites(version) >= OLD_SUITES:
            return VERSION_NAMES[version]
    for word in WORDS:
        if word in taken:
            continue
        for version in (TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3):
            spoken_too = VERSION_NAMES[version] in taken and version < TLS_1_2
            if not spoken_too and not nameless.refused_suites(version) >= suites_of((word,), version):
                return f"suites of the class {word}"
    return ""
