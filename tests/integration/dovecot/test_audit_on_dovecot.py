# SPDX-License-Identifier: GPL-3.0-or-later
"""The command's audit of a real Dovecot, from targets to the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .certificates import make_chain
from .conftest import SERVER_NAME
from .server import Dovecot


def audit(out: Path, dovecot: Dovecot, *arguments: str) -> tuple[int, dict[str, str], str]:
    """Run ``port995 audit`` on Dovecot: exit code, status per check id, and all that was printed."""
    run = subprocess.run(
        [sys.executable, "-m", "port995", "audit", f"127.0.0.1:{dovecot.pop3s_port}", "--out", str(out),
         "--pop3-port", str(dovecot.pop3_port), "--server-name", SERVER_NAME, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )
    printed = run.stdout + run.stderr
    report = json.loads((out / "report.json").read_text())
    return run.returncode, {one["check_id"]: one["status"] for one in report["results"]}, printed


def test_a_hardened_dovecot_passes(dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> None:
    """Its CA was made by a plain ``openssl req -x509``: what that leaves out is a finding, and stops nobody. The CA is
    sent too, which no client needs."""
    code, statuses, printed = audit(tmp_path / "out", dovecot, "--ca-file", str(ca_file), "--source", "127.0.0.2")
    assert {check: status for check, status in statuses.items() if status not in ("pass", "not_applicable")} == {
        "POP3S-CERT-007": "fail", "POP3S-CERT-015": "fail",
    }  # fmt: skip
    assert code == 0, printed


def test_what_a_private_ca_leaves_out_stops_those_who_ask_for_it(
    dovecot: Dovecot, ca_file: Path, tmp_path: Path
) -> None:
    code, _, printed = audit(
        tmp_path / "out", dovecot, "--ca-file", str(ca_file), "--source", "127.0.0.2", "--fail-on", "info"
    )
    assert code == 1, printed


def test_clear_text_login_on_110_fails(dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> None:
    code, statuses, printed = audit(tmp_path / "out", dovecot, "--ca-file", str(ca_file), "--source", "127.0.0.1")
    assert statuses["POP3S-CLR-002"] == "fail"
    assert code == 1, printed


def test_a_certificate_of_an_unknown_ca_fails(dovecot: Dovecot, tmp_path: Path) -> None:
    _, _, other = make_chain(tmp_path / "other", SERVER_NAME)
    code, statuses, printed = audit(tmp_path / "out", dovecot, "--ca-file", str(other), "--source", "127.0.0.2")
    assert statuses["POP3S-CERT-002"] == "fail"
    assert statuses["POP3S-CERT-001"] == "pass"
    assert code == 1, printed


def test_another_server_name_fails(dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> None:
    code, statuses, printed = audit(
        tmp_path / "out", dovecot, "--ca-file", str(ca_file), "--source", "127.0.0.2", "--server-name", "pop.test.example"
    )
    assert statuses["POP3S-CERT-001"] == "fail"
    assert code == 1, printed


def test_a_dovecot_declared_closed_fails(dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> None:
    code, statuses, printed = audit(tmp_path / "out", dovecot, "--ca-file", str(ca_file), "--intent", "closed")
    assert statuses["POP3S-PORT-001"] == "fail"
    assert code == 1, printed


def test_clear_text_pop3_where_tls_is_expected_fails(dovecot: Dovecot, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "port995", "audit", f"127.0.0.1:{dovecot.pop3_port}", "--pop3-port", "0",
         "--server-name", SERVER_NAME, "--out", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=60, check=False,
    )
    statuses = {
        one["check_id"]: one["status"] for one in json.loads((tmp_path / "out/report.json").read_text())["results"]
    }
    assert (statuses["POP3S-TLS-001"], statuses["POP3S-CLR-001"]) == ("fail", "fail")
    assert run.returncode == 1


def test_a_certificate_of_one_day_passes_while_it_is_fresh(dovecot: Dovecot, tmp_path: Path) -> None:
    """What counts is the share of the lifetime that is left, not a number of days."""
    chain, key, ca = make_chain(tmp_path / "pki", SERVER_NAME, days=1)
    (tmp_path / "dovecot").mkdir()
    server = Dovecot(tmp_path / "dovecot", chain, key, listen="127.0.0.1")
    try:
        server.start()
        _, statuses, printed = audit(tmp_path / "out", server, "--ca-file", str(ca), "--source", "127.0.0.2")
    finally:
        server.stop()
    assert statuses["POP3S-CERT-003"] == "pass", printed
