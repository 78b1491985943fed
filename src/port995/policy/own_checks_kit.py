# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and test of a check of one's own: a file to begin with, and services to ask it about. The services are written
down here, not contacted; what matters most are those of which nothing is known: a check that passes them passes
silence.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import re
from collections.abc import Sequence

from ..probe.model import (
    OBSERVATION_SCHEMA,
    Capability,
    Connection,
    Observation,
    Pop3Dialogue,
    Resolution,
    Target,
    TcpConnect,
    TlsSession,
    Vantage,
)
from .check import Check
from .judge import judge
from .libraries import ec, hashes, oid, serialization, x509
from .model import HostPlan, Intent, Status
from .profile import CheckSettings, Profile
from .registry import ALWAYS, adding, program_checks
from .trust import read_anchors

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
NAME, ADDRESS, SOURCE, RUN = "mail.example.org", "192.0.2.1", "198.51.100.1", "0" * 32
HOST = "mx"

SEEN, UNSEEN = "seen", "unseen"
"""Whether a case shows something of the service, or nothing that a pass could rest on."""

_TEMPLATE = '''\
"""{title}

Test it:    port995 checks test THIS_FILE
Use it:     port995 audit --checks-path THIS_FILE ...    (role: audit_checks_path)
"""

from port995_checks import Finding, Severity, Status, endpoint_check, seen_from


@endpoint_check(
    id="{id}",
    title="{title}",
    severity=Severity.MEDIUM,
    categories=("safe",),
    rationale="Why it matters, in one line.",
    remediation="What to do when it fails, in one line.",
    references=("our handbook, section 7",),
    applies="to every endpoint that is to serve",
)
def {function}(subject):
    """Asked once for each endpoint; answers with one finding or more, of which the worst counts."""
    endpoint = subject.endpoint
    # What was to be looked at and is not in the journals: never a pass.
    findings = [Finding(Status.NOT_TESTED, f"{{words}}: probe it again") for words in endpoint.missing_sessions]
    for seen in endpoint.sessions:
        where = seen_from(seen)
        if seen.pop3 is None or seen.pop3.greeting is None:
            # No answer proves nothing, so it is not_tested and not pass.
            findings.append(Finding(Status.NOT_TESTED, f"no greeting was seen {{where}}"))
        elif "dovecot" in seen.pop3.greeting.lower():
            findings.append(Finding(
                Status.FAIL, f"the greeting names the program {{where}}", "a greeting without names", seen.pop3.greeting
            ))
        else:
            findings.append(Finding(Status.PASS, f"the greeting names no program {{where}}", "", seen.pop3.greeting))
    return findings or [Finding(Status.NOT_TESTED, "nothing was seen of the endpoint")]
'''


@dataclasses.dataclass(frozen=True)
class Case:
    """A service that a check is asked about."""

    name: str
    kind: str
    """``seen`` or ``unseen``."""

    observations: tuple[Observation, ...]
    intent: Intent = Intent.SERVE


@dataclasses.dataclass(frozen=True)
class Tried:
    """What a check answered."""

    check: Check
    answers: tuple[tuple[str, Status, str], ...]
    """Case, status and message."""

    faults: tuple[str, ...]
    """What is wrong with it for certain."""

    notes: tuple[str, ...]
    """What may be."""


def template(name: str) -> str:
    """A file of checks to begin with.

    :param name: words of letters and digits, joined by dashes
    :raises ValueError: it is none
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,15}([-_][A-Za-z0-9]{1,16}){0,2}", name):
        raise ValueError(f"{name!a:.60} is no name for a check: up to three words of letters and digits, joined by -")
    words = re.split("[-_]", name)
    return _TEMPLATE.format(
        id=f"X-{'-'.join(word.upper() for word in words)}-001",
        title=f"{' '.join(words).capitalize()} is as it should be",
        function="_".join(word.lower() for word in words),
    )  # fmt: skip


def try_out(checks: Sequence[Check]) -> tuple[Tried, ...]:
    """Ask checks about every case, as a run would."""
    return tuple(_tried(check) for check in checks)


def _tried(check: Check) -> Tried:
    answers = [(case, *_answer(check, case)) for case in cases()]
    faults = []
    for case, status, message in answers:
        if status is Status.ERROR:
            faults.append(f"{case.name}: {message}")
        elif status is Status.PASS and case.kind == UNSEEN:
            faults.append(f"{case.name}: it passes what was not seen: answer Status.NOT_TESTED there")
    found = {status for _case, status, _message in answers}
    notes = []
    if Status.FAIL not in found:
        notes.append("none of these services made it fail: test it with one that does, or it may never fail")
    if Status.PASS not in found:
        notes.append("none of these services made it pass")
    told = tuple((case.name, status, message) for case, status, message in answers)
    return Tried(check, told, tuple(dict.fromkeys(faults)), tuple(notes))


def _answer(check: Check, case: Case) -> tuple[Status, str]:
    """The worst of what it says of a case."""
    shipped = program_checks()
    every = {**{id_: shipped[id_] for id_ in ALWAYS}, check.id: check}
    settings = {
        id_: CheckSettings(one.severity, {name: value.default for name, value in one.parameters.items()})
        for id_, one in every.items()
    }
    with adding((check,)):
        judgement = judge(
            run_id=RUN, plan=[HostPlan(HOST, case.intent)], targets=[_target()], observations=case.observations,
            profile=Profile("test", "2026-11-24", "Test of a check", settings, "", b"", "test"),
            anchors=read_anchors(_certificate(0, 365)[0], "test"), at=NOW, expected={"test": [SOURCE]},
        )  # fmt: skip
    mine = [result for result in judgement.results if result.check_id == check.id]
    order = list(Status)
    worst = min(mine, key=lambda result: order.index(result.status), default=None)
    if worst is None:
        return Status.NOT_TESTED, "it was not asked: it needs a login"
    return worst.status, worst.message


@functools.cache
def cases() -> tuple[Case, ...]:
    """The services, the good ones first."""
    good = _session()
    pop3 = good.pop3
    tls = good.tls
    if pop3 is None or tls is None:
        raise TypeError("a good session has both")

    def dialogue(**changes: object) -> Observation:
        return dataclasses.replace(good, pop3=dataclasses.replace(pop3, **changes))  # type: ignore[arg-type]

    def handshake(**changes: object) -> Observation:
        return dataclasses.replace(good, tls=dataclasses.replace(tls, **changes))  # type: ignore[arg-type]

    def nothing(tcp: TcpConnect | None, **changes: object) -> Observation:
        return dataclasses.replace(good, tcp=tcp, tls=None, pop3=None, **changes)  # type: ignore[arg-type]

    cut = TlsSession("eof", octets_received=0, server_name_sent=NAME)
    return (
        Case("good", SEEN, (good, _companion())),
        Case("TLS 1.0", SEEN, (handshake(version="TLSv1", cipher_suite="AES128-SHA"), _companion())),
        Case("expired certificate", SEEN, (handshake(certificates=(_certificate(400, 100)[1],)), _companion())),
        Case("greeting names its program", SEEN, (dialogue(greeting="+OK Dovecot ready."), _companion())),
        Case("greeting refuses", SEEN, (dialogue(greeting="-ERR busy", greeting_status="-ERR"), _companion())),
        Case("STLS inside TLS", SEEN, (dialogue(capabilities=(Capability("STLS"),)), _companion())),
        Case("clear text login", SEEN, (good, _companion((Capability("USER"),)))),
        Case("refused, and is to serve", SEEN, (nothing(TcpConnect("closed", "conn-refused")),)),
        Case("no observation at all", UNSEEN, ()),
        Case("no answer to the connection", UNSEEN, (nothing(TcpConnect("filtered", "no-response")),)),
        Case("not tried: deadline", UNSEEN, (nothing(None, not_tested="deadline"),)),
        Case("name does not resolve", UNSEEN, (
            nothing(None, address=None, family=None, resolution=Resolution("not-found")),
        )),
        Case("cut off in the handshake", UNSEEN, (dataclasses.replace(good, tls=cut, pop3=None),)),
        Case("observation of another run", UNSEEN, (dataclasses.replace(good, run_id="f" * 32),)),
    )  # fmt: skip


CASES = (
    "good", "TLS 1.0", "expired certificate", "greeting names its program", "greeting refuses", "STLS inside TLS",
    "clear text login", "refused, and is to serve", "no observation at all", "no answer to the connection",
    "not tried: deadline", "name does not resolve", "cut off in the handshake", "observation of another run",
)  # fmt: skip
"""Names of the cases, in their order."""


def _target() -> Target:
    return Target((HOST,), ADDRESS, server_name=NAME)


def _session() -> Observation:
    return Observation(
        OBSERVATION_SCHEMA, RUN, _target(), "pop3s", 995, Vantage("test", families=(4,)), SOURCE,
        "2026-11-24T11:00:02.000Z", "2026-11-24T11:00:03.000Z", Resolution("numeric", (ADDRESS,)), ADDRESS, 4,
        tcp=TcpConnect("open", "syn-ack"),
        tls=TlsSession(
            "completed", octets_received=3000, server_name_sent=NAME, version="TLSv1.3",
            cipher_suite="TLS_AES_256_GCM_SHA384", certificates=(_certificate(10, 80)[1],), chain_source="handshake",
            close_notify=True,
        ),
        pop3=_dialogue((Capability("UIDL"), Capability("USER"), Capability("SASL", ("PLAIN",)))),
        connections=(Connection("TLS and POP3 session", ADDRESS, 995, SOURCE),),
    )  # fmt: skip


def _companion(before_stls: tuple[Capability, ...] = (Capability("STLS"),)) -> Observation:
    """Clear-text POP3 beside it."""
    return dataclasses.replace(
        _session(), service="pop3", port=110, pop3=None,
        clear=dataclasses.replace(_dialogue(before_stls), stls_reply="+OK begin"),
    )  # fmt: skip


def _dialogue(capabilities: tuple[Capability, ...]) -> Pop3Dialogue:
    return Pop3Dialogue(
        "completed", greeting="+OK ready", greeting_status="+OK", capa_status="listed", capabilities=capabilities,
        capa_reply="+OK", quit_reply="+OK bye",
    )  # fmt: skip


@functools.cache
def _certificate(begun: int, left: int) -> tuple[bytes, str]:
    """One that signs itself, as PEM and as it stands in an observation.

    :param begun: days ago
    :param left: days from its beginning on, where it began more than that ago it has ended
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, NAME)])
    start = NOW - datetime.timedelta(days=begun)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=left))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    der = made.public_bytes(serialization.Encoding.DER)
    return made.public_bytes(serialization.Encoding.PEM), base64.b64encode(der).decode("ascii")
