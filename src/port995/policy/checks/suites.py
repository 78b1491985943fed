# SPDX-License-Identifier: GPL-3.0-or-later
"""Cipher suites that must be refused, class by class, in every version: proven by hellos that offer all of a class."""

from __future__ import annotations

import functools

from ...probe.model import Observation
from ...probe.tls.cipher_suites import (
    BY_NUMBER,
    FAMILY_DHE,
    FAMILY_ECDHE_RSA,
    FAMILY_TLS13,
    SUITES,
    name_of,
    weaknesses,
)
from ...probe.tls.client_hello import TLS_1_3, VERSION_NAMES
from ..belief import BELOW_13, Evidence
from ..check import SUITES_ASKED, Check, endpoint_check
from ..hello import APPLIES, each_hello, hello_words, refusal_words, unproven
from ..model import Severity, Status
from ..subject import Finding, seen_from

FAMILIES = (FAMILY_ECDHE_RSA, FAMILY_DHE, FAMILY_TLS13)
SCOPE = "suites that need a secret shared beforehand (PSK, SRP, KRB5) or GOST were not asked about"
QUESTIONS = ("old-ecdhe-rsa", "old-dhe", "suites-ecdhe-rsa", "suites-dhe", "suites-1.3")


@functools.lru_cache(maxsize=256)
def suites_of(words: tuple[str, ...], version: int) -> frozenset[int]:
    """Suites of some classes of weakness that a server could choose in a version.

    :param words: of `probe.tls.cipher_suites.WEAKNESSES`
    :param version: 0x0300 to 0x0304
    """
    return frozenset(
        suite.number
        for suite in SUITES
        if suite.number
        and suite.family in FAMILIES
        and suite.minimum_version <= version <= suite.maximum_version
        and (suite.family == FAMILY_TLS13) == (version == TLS_1_3)
        and weaknesses(suite) & set(words)
    )


def class_finding(seen: Observation, evidence: Evidence, title: str, words: tuple[str, ...]) -> Finding:
    """Whether every suite of some classes is refused in every version."""
    expected = f"{title} refused in every version"
    taken = [
        hello
        for hello in evidence.answers
        if (suite := BY_NUMBER.get(hello.suite or 0)) is not None and weaknesses(suite) & set(words)
    ]
    if taken:
        chosen = list(dict.fromkeys(hello_words(hello) for hello in taken))
        shown = ", ".join(chosen[:2]) + (f" and {len(chosen) - 2} more" if len(chosen) > 2 else "")
        return Finding(
            Status.FAIL,
            f"expected {title} refused, the server chose {shown} {seen_from(seen)}",
            expected,
            shown,
            tuple(f"chosen {one}" for one in chosen),
        )
    open_suites = {
        version: left
        for version in (*BELOW_13, TLS_1_3)
        if (version == TLS_1_3 or not evidence.is_unspoken(version))
        and (left := suites_of(words, version) - evidence.refused_suites(version))
    }
    if open_suites:
        version, left = max(open_suites.items())
        what = f"{title} ({len(left)} suites in {VERSION_NAMES[version]}, {name_of(min(left))} among them)"
        return unproven(seen, evidence, what, QUESTIONS)
    return Finding(
        Status.PASS,
        f"{title}: every suite was refused in every version {seen_from(seen)}; {SCOPE}",
        expected,
        "refused",
        refusal_words(evidence, QUESTIONS),
    )


def _suite_class(
    number: int,
    title: str,
    words: tuple[str, ...],
    severity: Severity,
    rationale: str,
    references: tuple[str, ...],
    remediation: str = "Take them out of the list of suites (Dovecot: ssl_cipher_list).",
) -> Check:
    return endpoint_check(
        id=f"POP3S-CIPH-{number:03}",
        title=f"{title[0].upper()}{title[1:]} are refused",
        severity=severity,
        categories=("default", "safe", "vuln"),
        rationale=rationale,
        remediation=remediation,
        references=references,
        applies=APPLIES,
        asks=(SUITES_ASKED,),
        forbids=words,
    )(
        each_hello("TLSv1.2 suite", "TLSv1.3 suite", "alert", "eof", old=True)(
            lambda subject, seen, evidence: class_finding(seen, evidence, title, words)
        )
    )


null = _suite_class(
    1, "suites without encryption", ("null", "integrity-only"), Severity.CRITICAL,
    "Everything is readable on the way.", ("RFC 9325 section 4.1", "RFC 9150"),
)  # fmt: skip
anonymous = _suite_class(
    2, "anonymous suites", ("anonymous",), Severity.CRITICAL,
    "Anybody on the way can be the server.", ("RFC 5246 appendix F.1.1.1", "RFC 9325 section 4.1"),
)  # fmt: skip
export = _suite_class(
    3, "export suites", ("export",), Severity.CRITICAL,
    "Keys of 40 or 56 bits are broken at once, and clients are talked into them.",
    ("CVE-2015-0204 (FREAK)", "CVE-2015-4000 (Logjam)", "RFC 9325 section 4.1"),
)  # fmt: skip
rc4 = _suite_class(
    4, "RC4 suites", ("rc4",), Severity.HIGH, "A password sent often enough can be read.",
    ("RFC 7465", "CVE-2013-2566", "CVE-2015-2808"),
)  # fmt: skip
small_blocks = _suite_class(
    5, "suites with blocks of 64 bits", ("des", "3des"), Severity.MEDIUM,
    "Long sessions collide (3DES, IDEA), short keys are searched (DES, RC2).",
    ("CVE-2016-2183 (Sweet32)", "RFC 5469", "NIST SP 800-131Ar2"),
)  # fmt: skip
rsa_key_exchange = _suite_class(
    6, "suites without forward secrecy", ("no-forward-secrecy", "rsa-key-exchange", "static-ecdh"), Severity.MEDIUM,
    "Whoever gets the key later reads all that was recorded before.",
    ("RFC 10015", "RFC 9325 section 4.1", "CVE-2017-13099 (ROBOT)"),
)  # fmt: skip
cbc = _suite_class(
    7, "CBC suites", ("cbc",), Severity.LOW, "Authentication after decryption has leaked again and again.",
    ("RFC 9325 section 4.2", "RFC 7457 sections 2.3 and 2.4", "CVE-2013-0169 (Lucky13)"),
)  # fmt: skip
dhe_key_exchange = _suite_class(
    8, "suites with finite-field Diffie-Hellman", ("dhe-key-exchange",), Severity.LOW,
    "Parameters are unknown to the client and often shared or short.",
    ("RFC 10015", "CVE-2020-1968 (Raccoon)", "CVE-2015-4000 (Logjam)"),
)  # fmt: skip
short_tags = _suite_class(
    9, "suites with tags of 64 bits", ("ccm8",), Severity.LOW, "Forgeries succeed too often.",
    ("RFC 6655 section 6.2",),
)  # fmt: skip
