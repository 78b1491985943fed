# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 lab``: the audit of it finds exactly what is true, and the lab ends with whoever asked for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from port995.lab.fleet import FLEET, SOURCES

from ..ports import own_base_port
from .command_line import Ended, ended, port995, start, wait_for

AUDIT = f"""
exec "{sys.executable}" -m port995 audit -i "$PORT995_LAB_INVENTORY" --ca-file "$PORT995_LAB_CA" \
    --source {" --source ".join(SOURCES)} --tls-timeout 2 --pop3-timeout 2 --out "$1"
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """An audit of the whole lab, started by the lab."""
    out = tmp_path_factory.mktemp("lab") / "out"
    run = ended(start("lab", "--base-port", own_base_port(), "--", "sh", "-c", AUDIT, "sh", out), 60)
    return run, out


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the lab makes its folder; it must be empty in the end."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_an_audit_of_the_lab_finds_exactly_what_is_true(audited: tuple[Ended, Path]) -> None:
    run, out = audited
    assert run.code == 1, run
    compared = port995("lab", "--compare", out)
    assert compared == Ended(0, "lab: all 11 servers got exactly the verdicts that are true\n", "")


def test_the_gate_of_the_lab_fails_and_is_incomplete(audited: tuple[Ended, Path]) -> None:
    gate = port995("gate", audited[1], "--json")
    assert gate.code == 1
    assert json.loads(gate.out)["incomplete"] is True


@pytest.mark.parametrize(
    ("host", "check", "status"),
    [("expired", "POP3S-CERT-003", "pass"), ("refuses", "POP3S-PORT-001", "not_tested"),
     ("well-served", "POP3S-TLS-001", "fail"), ("hangs", "POP3S-POP-001", "fail")],
)  # fmt: skip
def test_one_verdict_that_is_not_true_is_a_difference(
    host: str, check: str, status: str, audited: tuple[Ended, Path], tmp_path: Path
) -> None:
    report = json.loads((audited[1] / "report.json").read_text())
    for result in report["results"]:
        if (result["host"], result["check_id"]) == (host, check):
            true, result["status"] = result["status"], status
    (tmp_path / "report.json").write_text(json.dumps(report))
    run = port995("lab", "--compare", tmp_path)
    assert (run.code, run.out) == (
        1, f"{host} {check}: expected {true}, found {status}\nlab: 1 differences from the truth\n",
    )  # fmt: skip


def test_a_host_that_the_report_lacks_is_a_difference(audited: tuple[Ended, Path], tmp_path: Path) -> None:
    report = json.loads((audited[1] / "report.json").read_text())
    report["results"] = [one for one in report["results"] if one["host"] != "plain-text"]
    (tmp_path / "report.json").write_text(json.dumps(report))
    run = port995("lab", "--compare", tmp_path)
    assert run.code == 1
    assert all(line.startswith("plain-text ") for line in run.out.splitlines()[:-1])


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_a_folder_without_a_readable_report_is_no_success(text: str, tmp_path: Path) -> None:
    assert port995("lab", "--compare", tmp_path / "none").code == 4
    (tmp_path / "report.json").write_text(text)
    run = port995("lab", "--compare", tmp_path)
    assert run.code == 4 and "give the folder of a finished run" in run.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_in_the_foreground_it_prints_its_inventory_and_ends_at_a_signal(
    number: signal.Signals, folders: Path
) -> None:
    base = own_base_port()
    process = start("lab", "--base-port", base)
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("# audit it:"):
            break
    hosts = yaml.safe_load("".join(printed))["all"]["hosts"]
    assert list(hosts) == [host.name for host in FLEET]
    assert hosts["refuses"]["pop3s_intent"] == "closed"
    ca_file = Path(next(line for line in printed if line.startswith("# CA certificate: ")).split(": ")[1].strip())
    assert ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    with socket.create_connection((FLEET[0].address, base + 995), timeout=5):
        process.send_signal(number)
        run = ended(process, 10)
    assert run.code == 0 and run.err == "", run
    assert list(folders.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((FLEET[0].address, base + 995), timeout=5)


@pytest.mark.parametrize("code", [0, 1, 3, 42])
def test_it_ends_with_the_exit_code_of_the_command(code: int, folders: Path) -> None:
    assert port995("lab", "--base-port", own_base_port(), "--", "sh", "-c", f"exit {code}").code == code
    assert list(folders.iterdir()) == []


def test_options_of_the_command_are_the_command_s(tmp_path: Path) -> None:
    out = tmp_path / "seen"
    run = port995("lab", "--base-port", own_base_port(), "--", "sh", "-c", 'printf "%s\\n" "$@" > "$0"', out, "--help")
    assert run.code == 0 and out.read_text() == "--help\n"


def test_a_command_that_a_signal_ended_is_no_success() -> None:
    run = port995("lab", "--base-port", own_base_port(), "--", "sh", "-c", "kill -TERM $$")
    assert run.code == 128 + signal.SIGTERM


def test_sigterm_ends_the_command_with_the_lab(folders: Path, tmp_path: Path) -> None:
    process = start("lab", "--base-port", own_base_port(), "--", "sh", "-c", 'echo $$ > "$0"; exec sleep 60',
                    folders / "pid")  # fmt: skip
    wait_for(lambda: (folders / "pid").exists() and (folders / "pid").read_text().endswith("\n"), "the command")
    child = int((folders / "pid").read_text())
    process.send_signal(signal.SIGTERM)
    assert ended(process, 10).code == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert [one.name for one in folders.iterdir()] == ["pid"]


def test_a_command_that_does_not_exist_is_wrong_usage() -> None:
    run = port995("lab", "--base-port", own_base_port(), "--", "/nowhere/port995")
    assert run.code == 2 and "/nowhere/port995 can't be run" in run.err


def test_inventory_and_ca_are_written_where_one_asks(tmp_path: Path) -> None:
    base = own_base_port()
    run = port995("lab", "--base-port", base, "--inventory", tmp_path / "i.yml", "--ca-file", tmp_path / "ca.pem", "--",
                  "true")  # fmt: skip
    assert run.code == 0
    assert yaml.safe_load((tmp_path / "i.yml").read_text())["all"]["vars"]["pop3s_port"] == base + 995
    assert (tmp_path / "ca.pem").read_text().count("BEGIN CERTIFICATE") == 1
    nowhere = port995("lab", "--base-port", base, "--inventory", tmp_path / "none/i.yml", "--", "true")
    assert nowhere.code == 2 and str(tmp_path / "none/i.yml") in nowhere.err


def test_a_port_that_is_taken_is_wrong_usage_and_leaves_nothing(folders: Path) -> None:
    base = own_base_port()
    with socket.create_server((FLEET[4].address, base + 110)):
        run = port995("lab", "--base-port", base, "--", "true")
    assert run.code == 2 and "choose another --base-port" in run.err
    assert list(folders.iterdir()) == []


def test_ansible_reads_the_inventory_as_it_is_meant(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("ansible-inventory")
    if not command.exists() and shutil.which("ansible-inventory") is None:
        pytest.skip("ansible-inventory is not installed")
    port995("lab", "--base-port", own_base_port(), "--inventory", tmp_path / "i.yml", "--", "true")
    listed = subprocess.run([command if command.exists() else "ansible-inventory", "-i", tmp_path / "i.yml", "--list"],
                            capture_output=True, text=True, timeout=60, check=True)  # fmt: skip
    assert listed.stderr == ""
    assert set(json.loads(listed.stdout)["_meta"]["hostvars"]) == {host.name for host in FLEET}
