# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are hostile inside TLS, before and after the login: what they say is bounded, ends in time, and none of
what it is about passes."""

from __future__ import annotations

import base64
import dataclasses
import resource
import struct
import time

import pytest

from port995.policy.model import Intent
from port995.policy.profile import load_profile
from port995.policy.registry import select
from port995.probe.engine import ScanOptions
from port995.probe.mailbox import MAX_LIST, SLACK
from port995.probe.model import Observation
from port995.probe.pop3_extras import negotiate
from tests.hostile.server import Server
from tests.unit.policy.seen import RUN, judged
from tests.unit.probe.mail_server import Mail, Pki, logins, make_pki
from tests.unit.probe.seeing import look
from tests.unit.probe.test_ntlm import challenge
from tests.unit.probe.test_pop3_login import target

FULL = load_profile("strict").narrowed(select("POP3S-POP-* or POP3S-AUTH-*"))
QUICK = ScanOptions(pop3_full=True, pop3_timeout=2.0, tls_timeout=3.0, endpoint_timeout=20.0)
ONE_READ = 256 * 1024
SECONDS = 25.0
MEMORY = 64 * 1024
"""KiB that one of them may cost, server and all."""
MAILBOX = ("AUTH-002", "AUTH-003", "AUTH-004")
NTLM_CAPABILITIES = (b"USER", b"SASL PLAIN NTLM")
CAPABILITIES = (b"TOP", b"UIDL", b"USER", b"SASL PLAIN", b"PIPELINING", b"LANG")


def ntlm(message: bytes) -> dict[bytes, bytes]:
    return {b"AUTH NTLM": b"+ \r\n", base64.b64encode(negotiate()): b"+ " + base64.b64encode(message) + b"\r\n"}


OUTSIDE = challenge(info_fields=struct.pack("<HHI", 0xFFFF, 0xFFFF, 0xFFFFFFFF))
HOSTILE: dict[str, tuple[Mail, tuple[str, ...]]] = {
    "UIDL without end": (Mail(endless=(b"UIDL", b"+OK\r\n", b"1 a\r\n")), MAILBOX),
    "UIDL with lines of 8000 octets": (Mail(endless=(b"UIDL", b"+OK\r\n", b"1 " + b"x" * 8000 + b"\r\n")), MAILBOX),
    "LIST that counts a message twice": (Mail(endless=(b"LIST", b"+OK\r\n", b"1 10\r\n")), MAILBOX),
    "LIST on one line without end": (Mail(endless=(b"LIST", b"+OK\r\n", b"1")), MAILBOX),
    "STAT without end": (Mail(endless=(b"STAT", b"+OK ", b"9")), MAILBOX),
    "RETR without end": (Mail(endless=(b"RETR", b"+OK\r\n", b"line\r\n")), MAILBOX),
    "RETR on one line without end": (Mail(endless=(b"RETR", b"+OK\r\n", b"x" * 64)), MAILBOX),
    "RETR of dots without end": (Mail(endless=(b"RETR", b"+OK\r\n", b"..\r\n")), MAILBOX),
    "TOP without end": (Mail(endless=(b"TOP", b"+OK\r\n", b"Header: x\r\n")), MAILBOX),
    "lines of 64 KB for answers": (Mail(answers={b"STAT": b"+OK " + b"1" * 65536 + b"\r\n"}), MAILBOX),
    "answers before their questions": (Mail(answers={b"STAT": b"+OK 3 9\r\n+OK\r\n1 3\r\n.\r\n"}), MAILBOX),
    "STAT that is another's answer": (Mail(answers={b"STAT": b"+OK\r\n1 3\r\n.\r\n"}), MAILBOX),
    "an endless answer to the password": (Mail(endless=(b"PASS", b"+OK ", b"x")), ("AUTH-001", *MAILBOX)),
    "an endless answer to what does not exist": (Mail(endless=(b"XNOP", b"-ERR ", b"x")), ("POP-013",)),
    "AUTH without end": (
        Mail(endless=(b"AUTH", b"+OK\r\n", b"PLAIN\r\n"), capabilities=(b"SASL PLAIN",)), ("POP-014",),
    ),
    "LANG without end": (Mail(endless=(b"LANG", b"+OK\r\n", b"en x\r\n"), capabilities=CAPABILITIES), ("POP-008", "POP-016")),
    "CAPA without end": (
        Mail(endless=(b"CAPA", b"+OK\r\n", b"X-MORE\r\n")), tuple(f"POP-{n:03}" for n in (6, 7, 8, 14, 15, 16, 17)),
    ),
    "NTLM that points outside": (
        Mail(before=ntlm(OUTSIDE), capabilities=NTLM_CAPABILITIES), ("POP-009",),
    ),
    "NTLM without end": (
        Mail(endless=(base64.b64encode(negotiate()), b"+ ", b"AAAA"), before={b"AUTH NTLM": b"+ \r\n"},
             capabilities=NTLM_CAPABILITIES), ("POP-009",),
    ),
    "NTLM of noise": (Mail(before=ntlm(b"NTLMSSP\0" + bytes(range(256))), capabilities=NTLM_CAPABILITIES), ("POP-009",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


def seen_of(mail: Mail, pki: Pki) -> Observation:
    with Server(mail.behaviour(pki.context)) as server:
        seen, _summary = look(target(server.port, login="dele"), QUICK, logins=logins(pki))
    (one,) = seen
    return dataclasses.replace(one, run_id=RUN)


def statuses(seen: Observation) -> dict[str, str]:
    found = judged([seen], profile=FULL, targets=[seen.target], intent=Intent.SERVE)
    return {one.check_id.removeprefix("POP3S-"): one.status.value for one in found.results}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_bounded_ends_in_time_and_never_passes(pki: Pki, name: str) -> None:
    mail, about = HOSTILE[name]
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    seen = seen_of(dataclasses.replace(mail, said=[], deleted=[], sessions=0), pki)
    assert time.monotonic() - began < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY
    assert all(one.octets_received < MAX_LIST + SLACK + ONE_READ for one in seen.connections)
    assert seen.not_tested is None, seen.detail
    found = statuses(dataclasses.replace(seen, target=dataclasses.replace(seen.target, hosts=("mx",))))
    assert set(about) <= set(found)
    assert not {check for check in about if found[check] in ("pass", "not_applicable", "waived", "manual")}, found


def test_the_same_server_without_its_fault_passes(pki: Pki) -> None:
    mail = Mail(capabilities=(b"TOP", b"UIDL", b"USER", b"SASL PLAIN", b"PIPELINING"), greeting=b"+OK",
                before={b"AUTH": b"+OK\r\nPLAIN\r\n.\r\n"})  # fmt: skip
    seen = seen_of(mail, pki)
    found = statuses(dataclasses.replace(seen, target=dataclasses.replace(seen.target, hosts=("mx",))))
    assert [found[check] for check in ("AUTH-001", *MAILBOX)] == ["pass"] * 4, found
    assert [found[f"POP-{number:03}"] for number in (1, 4, 6, 7, 8, 13, 14, 15)] == ["pass"] * 8, found
    assert mail.deleted == []
