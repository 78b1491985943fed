# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins, and what is asked before them, on a real Dovecot with a mailbox: right and wrong passwords, DELE and RSET, APOP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .certificates import make_chain
from .server import Dovecot, dovecot_binary, owner

SERVER_NAME = "mail.test.example"
USER, SECRET = "monitor", "correct-horse-battery"
MAILS = {
    "1.mail": "From: a@test.example\nSubject: long\n\n" + "line\n" * 400,
    "2.mail": "From: b@test.example\nSubject: dots\n\n.\n..\n.hidden\nno dot\n.\n",
    "3.mail": "From: c@test.example\nSubject: wide\n\n" + "x" * 20000 + "\n",
}
EXTRA = "auth_mechanisms = plain login apop\nauth_failure_delay = 0 secs\nauth_verbose = yes\n"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """Dovecot with one user and three mails, one of them with dots at line starts."""
    if dovecot_binary() is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-pop3d)")
    # Dovecot's processes are not root's, and have to come through to the mailbox: pytest's own folders are closed.
    folder = Path(tempfile.mkdtemp(prefix="port995-mailbox-", dir="/tmp"))
    folder.chmod(0o755)
    chain, key, _ = make_chain(folder / "pki", SERVER_NAME, address="127.0.0.1")
    box = folder / "mail" / USER
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True)
    for name, text in MAILS.items():
        (box / "cur" / f"{name}:2,").write_text(text)
    if os.getuid() == 0:
        for path in (folder / "mail", box, *box.rglob("*")):
            os.chown(path, owner(), owner())
    server = Dovecot(folder, chain, key, listen="127.0.0.1", extra=EXTRA, users={USER: SECRET})
    try:
        server.start()
    except RuntimeError as error:
        if "Permission" in str(error):
            pytest.skip(f"this user may not start dovecot: {error}")
        raise
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def audit(dovecot: Dovecot, folder: Path, password: str, *arguments: str, name: str = SERVER_NAME) -> dict[str, Any]:
    """An audit with a login; the report, with the exit code and all that was printed."""
    credentials = folder / "credentials.yml"
    credentials.write_text(f"user: {USER}\npassword: {password}\n")
    credentials.chmod(0o600)
    run = subprocess.run(
        [sys.executable, "-m", "port995", "audit", f"127.0.0.1:{dovecot.pop3s_port}", "--out", str(folder / "out"),
         "--pop3-port", str(dovecot.pop3_port), "--server-name", name, "--source", "127.0.0.2",
         "--credentials", str(credentials), "--ca-file", str(dovecot.folder / "pki" / "ca.pem"), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    report: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    everything = run.stdout + run.stderr + "".join(
        path.read_text(encoding="latin-1") for path in (folder / "out").iterdir()
    )
    assert password not in everything
    report["code"], report["printed"] = run.returncode, run.stdout + run.stderr
    return report


def statuses(report: dict[str, Any], family: str) -> dict[str, str]:
    return {one["check_id"][6:]: one["status"] for one in report["results"] if family in one["check_id"]}


def journal(folder: Path) -> dict[str, Any]:
    lines = (folder / "out" / "journal-controller.jsonl").read_text().splitlines()
    (seen,) = [one for one in map(json.loads, lines) if one["service"] == "pop3s"]
    found: dict[str, Any] = seen
    return found


def mails(dovecot: Dovecot) -> list[str]:
    return sorted(path.name.split(":")[0] for path in (dovecot.folder / "mail" / USER / "cur").iterdir())


LOGINS = ("--depth", "session", "--checks", "POP3S-AUTH-* or POP3S-TLS-001", "--partial")


def test_all_three_ways_and_the_mailbox(dovecot: Dovecot, tmp_path: Path) -> None:
    report = audit(dovecot, tmp_path, SECRET, *LOGINS, "--allow-dele")
    assert statuses(report, "AUTH") == {f"AUTH-00{number}": "pass" for number in range(1, 5)}, report["printed"]
    assert report["code"] == 0
    logins = journal(tmp_path)["logins"]
    assert [(one["mechanism"], one["outcome"], one["verified"]) for one in logins] == [
        ("USER", "logged-in", True), ("PLAIN", "logged-in", True), ("APOP", "logged-in", True),
    ]  # fmt: skip
    box = logins[0]["mailbox"]
    smallest = len(MAILS["2.mail"].replace("\n", "\r\n"))
    assert (box["messages"], box["retr_octets"], box["messages_after"]) == (3, smallest, 3)
    assert mails(dovecot) == ["1.mail", "2.mail", "3.mail"]


def test_a_wrong_password_is_one_attempt(dovecot: Dovecot, tmp_path: Path) -> None:
    before = dovecot.log.count("auth failed")
    report = audit(dovecot, tmp_path, "wrong-horse", *LOGINS)
    assert statuses(report, "AUTH")["AUTH-001"] == "fail" and report["code"] == 1, report["printed"] + dovecot.log
    assert journal(tmp_path)["logins"][0]["code"] in ("AUTH", "")
    assert dovecot.log.count("auth failed") - before == 1, dovecot.log
    assert "auth failed, 1 attempts" in dovecot.log


def test_another_name_in_the_certificate_gets_no_password(dovecot: Dovecot, tmp_path: Path) -> None:
    before = dovecot.log.count("Login:")
    report = audit(dovecot, tmp_path, SECRET, *LOGINS, name="pop.test.example")
    assert set(statuses(report, "AUTH").values()) == {"not_tested"} and report["code"] == 3
    assert dovecot.log.count("Login:") == before and "not verified" in report["printed"]


def test_what_is_asked_before_login(dovecot: Dovecot, tmp_path: Path) -> None:
    """The strict profile at the depth that asks, with no more sessions than without."""
    report = audit(dovecot, tmp_path, SECRET, "--profile", "strict", "--checks", "POP3S-POP-*", "--depth", "gate")
    found = statuses(report, "-POP-")
    assert found == {
        **{f"POP-{number:03}": "pass" for number in range(1, 18)},
        "POP-005": "fail",  # APOP is offered here
        "POP-009": "not_applicable", "POP-016": "not_applicable",
    }, report["printed"]  # fmt: skip
    seen = journal(tmp_path)
    assert seen["extras"]["outcome"] == "completed" and seen["extras"]["pipelining"] == "obeyed"
    assert seen["extras"]["unknown_status"] == "-ERR" and seen["extras"]["auth_status"] == "listed"
    assert sum(one["purpose"] == "TLS and POP3 session" for one in seen["connections"]) == 1
