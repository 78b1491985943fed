# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit with ``--dns``, end to end: an embedded POP3S server, the TLSA record of its certificate in a signed zone, a
validating resolver, and the gate."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from jsonschema import Draft202012Validator

from port995.evidence.conclude import conclude
from port995.evidence.run_folder import open_run
from port995.lab.lab import Lab
from port995.report import schema

from ...ports import own_base_port
from ..command_line import QUICK, Ended, ended, port995, start, statuses
from ..playbook.ansible_run import inventory_of, playbook
from .world import MISSING, World, world

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

HOST = "127.0.95.1"
MATCH, WRONG, NONE, PLAIN = (f"{name}.example" for name in ("match.signed", "wrong.signed", "none.signed", "mail.plain"))
SERVED, DENIED = "served.signed.example", "denied.signed.example"
CHECKS = "POP3S-DNS-*"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


@pytest.fixture(scope="module")
def names(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port = lab.base_port + 995
    (pem,) = (path for path in lab.folder.glob("*well-served*") if b"BEGIN CERTIFICATE" in path.read_bytes())
    key = x509.load_pem_x509_certificate(pem.read_bytes()).public_key()
    public = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    good = f"TLSA 3 1 1 {hashlib.sha256(public).hexdigest()}\n"
    records = (
        f"_{port}._tcp.{MATCH}. {good}_{port}._tcp.{WRONG}. TLSA 3 1 1 {'00' * 32}\n"
        f"_pop3s._tcp.{SERVED}. SRV 0 1 {port} {MATCH}.\n_pop3s._tcp.{DENIED}. SRV 0 0 0 .\n{MATCH}. A {HOST}\n"
    )
    with world(tmp_path_factory.mktemp("names"), records, f"_{port}._tcp.{PLAIN}. {good}") as running:
        yield running


def audit(lab: Lab, resolver: str, name: str, out: Path, *arguments: object, checks: str = CHECKS) -> Ended:
    return port995("audit", f"{HOST}:{lab.base_port + 995}", "--pop3-port", 0, "--server-name", name, "--ca-file",
                   lab.ca_file, "--profile", "strict", "--checks", checks, "--partial", "--dns", "--resolver", resolver, "--out", out,
                   *QUICK, *arguments)  # fmt: skip


def verdict(lab: Lab, out: Path, check: str) -> str:
    return statuses(out, f"{HOST}:{lab.base_port + 995}")[f"POP3S-DNS-00{check}"]


@pytest.mark.parametrize(
    ("name", "validated", "status", "code"),
    [
        (MATCH, True, "pass", 0),
        (WRONG, True, "fail", 1),
        (MATCH, False, "not_tested", 3),
        (PLAIN, True, "not_tested", 3),
        (NONE, True, "not_applicable", 0),
    ],
)
def test_tlsa_of_the_certificate(
    name: str, validated: bool, status: str, code: int, lab: Lab, names: World, tmp_path: Path
) -> None:
    resolver = names.validating if validated else names.authoritative
    run = audit(lab, resolver, name, tmp_path / "out", checks="POP3S-DNS-003")
    assert verdict(lab, tmp_path / "out", "3") == status, run
    assert run.code == code, run
    assert port995("gate", tmp_path / "out").code == code


def test_an_owner_who_says_that_it_is_not_offered_is_contradicted(lab: Lab, names: World, tmp_path: Path) -> None:
    for domain, status, code in ((SERVED, "pass", 0), (DENIED, "fail", 1)):
        out = tmp_path / domain
        run = audit(lab, names.validating, MATCH, out, "--domain", domain)
        assert (verdict(lab, out, "1"), run.code) == (status, code), run


def test_the_lookups_are_evidence(lab: Lab, names: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert audit(lab, names.validating, MATCH, out).code == 0
    header = json.loads((out / "run.json").read_text())
    Draft202012Validator(schema.load("run-1")).validate(header)
    assert header["dns"]["servers"] == [names.validating] and header["dns"]["trusted"] is True
    validator = Draft202012Validator(schema.load("dns-1"))
    lines = [json.loads(line) for line in (out / "dns.jsonl").read_text().splitlines()]
    for line in lines:
        validator.validate(line)
    assert {line["run_id"] for line in lines} == {header["run_id"]}
    report = json.loads((out / "report.json").read_text())
    again = tmp_path / "again"
    shutil.copytree(out, again)
    conclude(open_run(again))
    judged = json.loads((again / "report.json").read_text())
    assert judged["results"] == report["results"], "judged without a resolver, and the same came of it"
    tlsa = next(line for line in (out / "dns.jsonl").read_text().splitlines(keepends=True) if '"TLSA"' in line)
    for spoil in (
        lambda path: path.write_text(path.read_text().replace(tlsa, tlsa.replace('"answered"', '"nxdomain"'))),
        lambda path: path.write_text(path.read_text().replace(tlsa, "")),
        lambda path: path.write_text(path.read_text()[:-40]),
        lambda path: path.unlink(),
    ):
        spoiled = tmp_path / "spoiled"
        shutil.copytree(out, spoiled)
        (spoiled / "gate.json").unlink()
        spoil(spoiled / "dns.jsonl")
        assert port995("gate", spoiled).code == 4
        assert conclude(open_run(spoiled)).gate.exit != 0
        shutil.rmtree(spoiled)


def test_a_run_that_did_not_ask_takes_no_lookups_from_elsewhere(lab: Lab, names: World, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    assert audit(lab, names.validating, MATCH, other).code == 0
    run = port995("audit", f"{HOST}:{lab.base_port + 995}", "--pop3-port", 0, "--checks", "POP3S-PORT-*", "--partial", "--out", out,
                  "--ca-file", lab.ca_file, *QUICK)  # fmt: skip
    assert run.code == 0 and not (out / "dns.jsonl").exists()
    shutil.copy(other / "dns.jsonl", out)
    assert port995("gate", out).code == 4
    assert conclude(open_run(out)).gate.exit == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--checks", "POP3S-DNS-001"), "give --dns"),
        (("--resolver", "127.0.0.1"), "are for --dns"),
        (("--domain", "example.org"), "are for --dns"),
        (("--trust-ad",), "are for --dns"),
        (("--dns", "--resolver", "resolver.example"), "expected an IP address"),
        (("--dns", "--domain", "two words"), "pop3s_domain"),
    ],
)
def test_what_would_be_ignored_is_refused(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    run = port995("audit", "127.0.0.1:9", "--out", tmp_path / "out", *arguments)
    assert run.code == 2 and words in run.err, run
    assert not (tmp_path / "out").exists()


def test_without_dnspython_it_is_not_tested_and_says_how_to_get_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("port995.dns.client.MISSING", "dnspython is not there: pip install 'port995[dns]'")
    run = audit(lab, "127.0.0.1:9", MATCH, tmp_path / "out", checks="POP3S-DNS-003")
    assert run.code == 3 and "port995[dns]" in run.out, run


def test_a_deadline_that_is_over_leaves_every_lookup_not_tested(lab: Lab, names: World, tmp_path: Path) -> None:
    run = audit(lab, names.validating, MATCH, tmp_path / "out", "--deadline", "0.001")
    assert run.code == 3, run
    lines = [json.loads(line) for line in (tmp_path / "out" / "dns.jsonl").read_text().splitlines()]
    assert lines and {line["outcome"] for line in lines} == {"not-tested"}


def test_a_signal_ends_the_asking_in_order_and_what_was_seen_is_judged(lab: Lab, tmp_path: Path) -> None:
    domains = [word for number in range(12) for word in ("--domain", f"d{number}.example")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(60)
        run = start("audit", f"{HOST}:{lab.base_port + 995}", "--pop3-port", 0, "--server-name", MATCH, "--ca-file",
                    lab.ca_file, "--depth", "session", "--checks", "POP3S-DNS-001 or POP3S-PORT-001", "--dns",
                    "--resolver", f"127.0.0.1:{silent.getsockname()[1]}", "--out", tmp_path / "out", *domains, *QUICK,
                    "--resolve-timeout", "1")  # fmt: skip
        silent.recv(4096)
        run.send_signal(signal.SIGTERM)
        done = ended(run, 60)
    assert done.code == 3, done
    lines = [json.loads(line) for line in (tmp_path / "out" / "dns.jsonl").read_text().splitlines()]
    assert {line["detail"] for line in lines} == {"no answer within the time given", "cancelled"}
    assert len(lines) == 2 * 13 + 3, "every lookup that is owed is told"
    assert statuses(tmp_path / "out", f"{HOST}:{lab.base_port + 995}")["POP3S-PORT-001"] == "pass"
    assert port995("gate", tmp_path / "out").code == 3


def test_scan_prints_what_was_said(lab: Lab, names: World) -> None:
    arguments = ("scan", f"{HOST}:{lab.base_port + 995}", "--pop3-port", 0, "--server-name", MATCH, "--dns", "--domain",
                 DENIED, "--resolver", names.validating, *QUICK)  # fmt: skip
    for more in (("--lines",), ("--depth", "session")):
        run = port995(*arguments, *more)
        assert run.code == 0, run
        assert f"_pop3s._tcp.{DENIED}  DNS SRV  answered  0 0 0 .  AD set by {names.validating}" in run.out
    # The page is judged with it.
    assert "SRV records agree with what is served" in run.out and "not offered" in run.out
    found = [json.loads(line) for line in port995(*arguments, "--json").out.splitlines()]
    assert {one["schema"] for one in found} == {"port995/observation/1", "port995/dns/1"}
    silent = port995(*arguments[: -len(QUICK) - 1], "127.0.53.1:9", "--resolve-timeout", "1", "--depth", "session")
    assert silent.code == 3 and "without an answer" in silent.err, silent


def test_the_role_asks_too(lab: Lab, names: World, tmp_path: Path) -> None:
    host = {
        "ansible_host": HOST, "pop3s_port": lab.base_port + 995, "pop3_port": 0, "pop3s_intent": "serve",
        "pop3s_server_name": MATCH, "pop3s_domain": [SERVED],
    }  # fmt: skip
    wanted = {"audit_checks": "POP3S-DNS-*", "audit_partial": True, "audit_ca_file": str(lab.ca_file), "audit_dns": True}
    run = playbook(tmp_path, inventory_of({"mx": host}), audit_dns_resolver=names.validating, **wanted)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.results["mx"]["POP3S-DNS-001"] == run.results["mx"]["POP3S-DNS-003"] == "pass"
    assert "dns.jsonl" in run.gate["files"]
