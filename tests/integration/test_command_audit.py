# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 audit`` and ``gate``: one verdict in every place that tells it, and nothing but 0 to 4 as exit codes."""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995 import copies
from port995.command import audit as audit_command
from port995.lab.compare import load_truth
from port995.lab.lab import Lab
from port995.policy.registry import all_checks
from port995.probe.version import __version__

from ..ports import own_base_port
from ..unit.evidence.runs import crls_pem
from .command_line import QUICK, Ended, closed_port, ended, listener, port995, start, statuses

SOURCES = ("--source", "127.0.0.1", "--source", "127.0.0.2")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def good(lab: Lab, out: Path, *arguments: object) -> Ended:
    """An audit of the lab's good server."""
    return port995("audit", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                   "well-served.lab.port995.example", "--ca-file", lab.ca_file, "--out", out, *QUICK, *arguments)  # fmt: skip


def shut(out: Path, *arguments: object) -> Ended:
    """An audit of a port that is closed, as intended, seen by two witnesses."""
    return port995("audit", f"127.0.0.1:{closed_port()}", "--intent", "closed", "--pop3-port", closed_port(),
                   "--out", out, *SOURCES, *QUICK, *arguments)  # fmt: skip


def test_a_good_server_passes_everywhere_it_is_told(lab: Lab, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = good(lab, out)
    assert run.code == 0, run
    assert run.err == ""
    assert "gate: passed (exit 0)" in run.out and "inventory 1 = assessed 1 + unreachable 0 + excluded 0" in run.out
    assert str(out) in run.out and "TEST-port995.xml" in run.out
    assert "Certificates that expire next:" in run.out and "(in 88 days) CN=well-served" in run.out
    assert statuses(out, f"127.0.95.1:{lab.base_port + 995}") == load_truth()["hosts"]["well-served"]
    gate = port995("gate", out)
    assert gate.code == 0 and gate.out.startswith("gate: passed (exit 0) of run ")
    assert json.loads(port995("gate", out, "--json").out)["exit"] == 0


def test_the_same_server_without_its_ca_fails(lab: Lab, tmp_path: Path) -> None:
    run = port995("audit", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", 0, "--checks", "POP3S-CERT-002",
                  "--server-name", "well-served.lab.port995.example", "--out", tmp_path / "out", *QUICK)  # fmt: skip
    assert run.code == 1, run
    assert port995("gate", tmp_path / "out").code == 1


def test_crls_are_read_before_anything_is_sent_and_held_against_what_was_seen(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "other.crl").write_bytes(crls_pem())
    run = good(lab, tmp_path / "out", "--crl", tmp_path / "other.crl")
    assert run.code == 3, run
    found = statuses(tmp_path / "out", f"127.0.95.1:{lab.base_port + 995}")
    assert found == {**load_truth()["hosts"]["well-served"], "POP3S-CERT-013": "not_tested"}
    assert "no CRL of 'CN=" in run.out and (tmp_path / "out/crls.pem").read_bytes() == crls_pem()
    (tmp_path / "out/crls.pem").unlink()
    assert port995("gate", tmp_path / "out").code == 4
    for wrong in (lab.ca_file, tmp_path / "missing"):
        refused = good(lab, tmp_path / "none", "--crl", wrong)
        assert refused.code == 2 and str(wrong) in refused.err and not (tmp_path / "none").exists()


def test_the_check_of_crls_can_be_chosen_only_where_there_are_any(lab: Lab, tmp_path: Path) -> None:
    assert good(lab, tmp_path / "without", "--checks", "POP3S-CERT-013").code == 2
    (tmp_path / "other.crl").write_bytes(crls_pem())
    chosen = good(lab, tmp_path / "with", "--checks", "POP3S-CERT-013", "--crl", tmp_path / "other.crl")
    assert chosen.code == 3, chosen


def test_closed_as_intended_needs_the_second_source(tmp_path: Path) -> None:
    assert shut(tmp_path / "two").code == 0
    one = port995("audit", f"127.0.0.1:{closed_port()}", "--intent", "closed", "--pop3-port", closed_port(), "--out",
                  tmp_path / "one", *QUICK)  # fmt: skip
    assert one.code == 3, one


@pytest.mark.parametrize("name", ["report.json", "journal-controller.jsonl", "TEST-port995.xml", "run.json",
                                  "profile.yml", "anchors.pem", "gate.json"])  # fmt: skip
def test_the_gate_vouches_for_no_file_that_was_touched(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert shut(out).code == 0
    touched = out / name
    text = touched.read_bytes()
    touched.write_bytes(text.replace(b"a", b"b", 1) if b"a" in text else text + b"#")
    run = port995("gate", out)
    assert run.code == 4 and run.out == "", run
    touched.unlink()
    assert port995("gate", out).code == 4


@pytest.mark.parametrize("what", ["none", "empty", "file"])
def test_the_gate_of_no_run_is_exit_code_4(what: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    run = port995("gate", tmp_path / what)
    assert run.code == 4 and run.out == "" and str(tmp_path / what) in run.err


def test_json_is_the_report(tmp_path: Path) -> None:
    run = shut(tmp_path / "out", "--json")
    assert run.code == 0
    assert json.loads(run.out) == json.loads((tmp_path / "out/report.json").read_text())


def test_quiet_prints_nothing_and_has_the_same_exit_code(tmp_path: Path) -> None:
    assert shut(tmp_path / "out", "--quiet") == Ended(0, "", "")


def test_without_out_each_run_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert port995("audit", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, *QUICK).code == 1
    folders = list((tmp_path / "port995-runs").iterdir())
    assert len(folders) == 2
    for folder in folders:
        run_id = json.loads((folder / "run.json").read_text())["run_id"]
        assert re.fullmatch(rf"\d{{8}}T\d{{6}}Z-{run_id[:8]}", folder.name)


def test_the_header_tells_what_was_asked(tmp_path: Path) -> None:
    assert shut(tmp_path / "out", "--side", "inside", "--checks", "POP3S-PORT-*", "--partial", "--deadline", 30).code == 0
    header = json.loads((tmp_path / "out/run.json").read_text())
    assert header["vantages"] == [{"name": "controller", "side": "inside", "sources": ["127.0.0.1", "127.0.0.2"]}]
    assert (header["checks"], header["deadline"], header["partial"]) == ("POP3S-PORT-*", 30, True)


def test_only_the_checks_that_were_chosen_are_judged(tmp_path: Path) -> None:
    assert shut(tmp_path / "out", "--checks", "POP3S-PORT-001", "--partial").code == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    made = {one["check_id"] for one in report["results"] if one["check_id"] not in report["deselected"]}
    assert made == {"POP3S-PORT-001", "POP3S-COV-000", "POP3S-FLT-001"}
    left = {one["status"] for one in report["results"] if one["check_id"] in report["deselected"]}
    assert left == {"not_tested"} and "POP3S-TLS-001" in report["deselected"]
    # Whoever did not ask for a part has not seen all of the profile.
    whole = shut(tmp_path / "whole", "--checks", "POP3S-PORT-001")
    assert whole.code == 3 and "deselected" in whole.out, whole


def test_a_lighter_failure_stops_only_those_who_ask(lab: Lab, tmp_path: Path) -> None:
    """On 110 a login in clear text is a failure of severity high."""
    arguments = ("audit", f"127.0.95.9:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                 "clear-text-110.lab.port995.example", "--ca-file", lab.ca_file, *QUICK)  # fmt: skip
    assert port995(*arguments, "--out", tmp_path / "low").code == 1
    assert port995(*arguments, "--out", tmp_path / "critical", "--fail-on", "critical").code == 0


INVENTORY = """
all:
  vars: {{ansible_host: 127.0.0.1, pop3s_intent: closed, pop3s_port: {port}, pop3_port: 0}}
  hosts: {{judged: , spare: }}
"""


def port_alone(folder: Path) -> Path:
    """A profile that asks for the state of the port, and for nothing else."""
    path = folder / "port-alone.yml"
    path.write_text("schema: port995/profile/1\nid: port-alone\ndate: 2026-11-27\ntitle: Port\nchecks: {POP3S-PORT-001: }\n")
    return path


def test_a_host_left_out_is_told_and_stops_all_but_a_partial_run(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yml"
    file.write_text(INVENTORY.format(port=closed_port()))
    arguments = ("audit", "-i", file, *SOURCES, "--profile", port_alone(tmp_path), *QUICK)
    whole = port995(*arguments, "--out", tmp_path / "whole")
    assert whole.code == 0 and "is named 2 times" in whole.err, whole
    told = port995(*arguments, "--out", tmp_path / "told", "--exclude", "spare")
    assert told.code == 3 and "1 hosts were excluded" in told.out and "+ excluded 1" in told.out, told
    partial = port995(*arguments, "--out", tmp_path / "partial", "--exclude", "spare", "--partial")
    assert partial.code == 0 and "+ excluded 1" in partial.out, partial
    nobody = port995(*arguments, "--out", tmp_path / "nobody", "--exclude", "spare", "--exclude", "judged", "--partial")
    assert nobody.code == 3, nobody


def test_vantages_of_an_inventory_are_told_and_not_audited(tmp_path: Path) -> None:
    """A server in the group is audited; so is one whose intent is in a template that only a playbook can fill."""
    (tmp_path / "hosts.yml").write_text(
        "all: {hosts: {plain: {pop3s_intent: closed, pop3s_address: 127.0.0.1, "
        f"pop3s_port: {closed_port()}, pop3_port: {closed_port()}}}}}}}\n"
        "pop3s_vantages: {hosts: {probe: {pop3s_vantage_side: outside}}, children: {more: {hosts: {"
        "odd: {pop3s_intent: '{{ x }}'}, other: {}}}}}\n"
    )
    run = port995("audit", "-i", tmp_path / "hosts.yml", "--out", tmp_path / "out", *SOURCES, *QUICK)
    assert run.code == 3, run
    assert "vantages only, not audited: probe, other" in run.err
    assert "vantages only, no part of the inventory: probe, other" in run.out
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["vantage_hosts"] == ["probe", "other"]
    assert {one["name"]: one["status"] for one in report["hosts"]} == {"odd": "error", "plain": "pass"}


def test_what_a_hostile_server_says_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    with listener(b"+OK \x1b]0;owned\x07\x1b[2J\r\n", holds=False) as server:
        run = port995("audit", server.target, "--pop3-port", server.port, "--out", tmp_path / "out", *QUICK)
    assert run.code == 1
    assert "\\x1b]0;owned" in run.out and "\x1b" not in run.out + run.err


def test_a_reader_that_goes_away_does_not_change_the_verdict(tmp_path: Path) -> None:
    process = start("audit", f"127.0.0.0/24:{closed_port()}", "--intent", "closed", "--pop3-port", 0, "--out",
                    tmp_path / "out", *SOURCES, "--profile", port_alone(tmp_path), *QUICK)  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 0, err
    assert err == "" and port995("gate", tmp_path / "out").code == 0


def test_an_internal_error_is_exit_code_4_and_leaves_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("judge \x1b[2J broke")

    monkeypatch.setattr(audit_command, "conclude", broken)
    run = shut(tmp_path / "out")
    assert run.code == 4 and run.out == ""
    assert "internal error: RuntimeError: judge \\x1b[2J broke" in run.err and "Traceback" not in run.err
    assert port995("gate", tmp_path / "out").code == 4
    target = f"127.0.0.1:{closed_port()}"
    debug = port995("--debug", "audit", target, "--pop3-port", 0, "--out", tmp_path / "debug", *QUICK)
    assert debug.code == 4 and "Traceback" in debug.err


def test_a_journal_that_can_not_be_written_to_the_end_gets_no_verdict(lab: Lab, tmp_path: Path) -> None:
    """As on a full disk: no file may grow beyond a bound that only the journal meets."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    out = tmp_path / "out"
    sources = [word for number in range(1, 9) for word in ("--source", f"127.0.0.{number}")]
    run = ended(start("audit", f"127.0.0.0/26:{closed_port()}", "--pop3-port", 0, "--out", out, "--ca-file", lab.ca_file,
                      *sources, *QUICK, preexec_fn=bounded))  # fmt: skip
    assert run.code == 4 and run.out == "", run
    assert len(run.err.splitlines()) == 1 and "can't be written (File too large): free space" in run.err
    assert not (out / "gate.json").exists() and port995("gate", out).code == 4


def test_checks_are_listed_and_explained() -> None:
    listed = port995("checks")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == list(all_checks())
    explained = port995("checks", "POP3S-CERT-001")
    assert explained.code == 0 and "RFC" in explained.out and "POP3S-CERT-002" not in explained.out.splitlines()[0]
    assert port995("checks", "POP3S-CERT-*").out.count("POP3S-CERT-00") >= 7
    assert port995("checks", "nothing-of-this-name").code == 2


def test_profiles_are_listed() -> None:
    listed = port995("profiles")
    assert listed.code == 0 and listed.out.startswith("baseline ")


def test_the_version_tells_of_other_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = port995("--version")
    assert (alone.code, alone.out) == (0, f"port995 {__version__}\n")
    (tmp_path / "port995").mkdir()
    (tmp_path / "port995/__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    two = port995("--version")
    assert two.code == 0 and two.out == alone.out and str(tmp_path / "port995") in two.err
    assert str(tmp_path / "port995") in copies.other_copies()


def test_progress_is_for_terminals_only(tmp_path: Path) -> None:
    run = ended(start("audit", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "--out", tmp_path / "out", *QUICK))
    assert run.code == 1 and run.err == "" and "\x1b" not in run.out


@pytest.mark.parametrize("command", ["audit", "scan", "gate", "checks", "profiles", "clients", "lab"])
def test_every_command_explains_itself(command: str) -> None:
    run = port995(command, "--help")
    assert run.code == 0 and "Usage: port995" in run.out


def test_intents_from_a_file_are_those_of_typed_targets(lab: Lab, tmp_path: Path) -> None:
    address = f"127.0.95.1:{lab.base_port + 995}"
    path = tmp_path / "intents.yml"
    for hosts, status in (('["127.0.95.1"]', "fail"), ('["192.0.2.1"]', "not declared")):
        path.write_text(f"schema: port995/intents/1\nintents: [{{hosts: {hosts}, intent: closed}}]\n")
        out = tmp_path / status.replace(" ", "-")
        run = port995("audit", address, "--pop3-port", 0, "--intents", path, "--out", out, *QUICK)
        assert run.code == 1, run
        if status == "fail":
            assert statuses(out, address)["POP3S-PORT-001"] == "fail"
        else:
            assert statuses(out, address)["POP3S-COV-001"] == "fail"
    for more in (("--intent", "serve"), ("--find", "native"), ("-i", lab.inventory_file)):
        targets = () if more[0] == "-i" else (address,)
        run = port995("audit", *targets, "--intents", path, *more, "--out", tmp_path / "none")
        assert run.code == 2 and not (tmp_path / "none").exists(), run
