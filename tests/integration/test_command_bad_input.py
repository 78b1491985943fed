# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input ends with exit code 2 and advice, before anything is sent; what is bad about one host costs that host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.command import ansible_inventory

from .command_line import QUICK, Ended, Listener, closed_port, journal, listener, port995, statuses


@pytest.fixture
def untouched() -> Iterator[Listener]:
    """A server that must not get a single connection."""
    with listener() as server:
        yield server
        assert server.connections == 0


def refused(run: Ended, *words: str) -> None:
    """It is wrong usage, said in one line on standard error, and nothing else is printed."""
    assert run.code == 2, run
    assert run.out == ""
    assert "Traceback" not in run.err
    for word in words:
        assert word in run.err


def audit(server: Listener, out: Path, *arguments: object) -> Ended:
    return port995("audit", server.target, "--pop3-port", 0, "--out", out, *QUICK, *arguments)


def inventory(folder: Path, text: str) -> Path:
    file = folder / "inventory.yml"
    file.write_text(text)
    return file


def test_no_targets_at_all() -> None:
    refused(port995("audit"), "no targets", "-iL")
    refused(port995("scan"), "no targets", "-iL")


@pytest.mark.parametrize("command", ["scan", "audit"])
@pytest.mark.parametrize("target", ["a;id", "mail..example", "192.0.2.256", "10.0.0.0/8", "[::1", "", "mail.example:0"])
def test_a_target_that_is_none(command: str, target: str, untouched: Listener) -> None:
    refused(port995(command, untouched.target, target), "target")


def test_more_targets_than_are_let_in(untouched: Listener) -> None:
    refused(port995("scan", untouched.target, "192.0.2.0/30", "--max-targets", 4), "more than 4 addresses")


def test_options_of_typed_targets_with_an_inventory(untouched: Listener, tmp_path: Path) -> None:
    file = inventory(tmp_path, "all: {hosts: {a: {}}}")
    for option in (("--max-targets", 4), ("--randomize-hosts",)):
        refused(port995("audit", "-i", file, *option), option[0], "typed targets")


def test_a_target_that_could_be_an_option(untouched: Listener) -> None:
    refused(port995("audit", untouched.target, "--", "--out"), "begins with a dash")


def test_everything_excluded(untouched: Listener, tmp_path: Path) -> None:
    refused(audit(untouched, tmp_path / "out", "--exclude", "127.0.0.0/8"), "no targets")
    assert not (tmp_path / "out").exists()


def test_a_list_of_targets_that_is_missing_or_no_text(untouched: Listener, tmp_path: Path) -> None:
    refused(port995("audit", untouched.target, "-iL", tmp_path / "none"), "can't be read", "check its path")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    refused(port995("audit", untouched.target, "-iL", tmp_path / "binary"), "no list of targets")
    refused(port995("audit", untouched.target, "-iL", "/dev/zero"), "no list of targets")


def test_a_missing_inventory(tmp_path: Path) -> None:
    refused(port995("audit", "-i", tmp_path / "none.yml", "--out", tmp_path / "out"), "no such inventory")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no hosts"),
        ("# nobody yet\n", "holds no hosts"),
        ("all: {hosts: {}}\n", "holds no hosts"),
        ("all: {hosts: [", "can't be read as an inventory"),
        ("[group\nhost\n", "can't be read as an inventory"),
    ],
    ids=["empty", "comment", "no hosts", "cut YAML", "cut INI"],
)
def test_an_inventory_without_hosts_or_that_can_not_be_parsed(text: str, why: str, tmp_path: Path) -> None:
    """Ansible itself only warns, and goes on with no hosts."""
    refused(port995("audit", "-i", inventory(tmp_path, text), "--out", tmp_path / "out"), why)
    assert not (tmp_path / "out").exists()


def test_an_inventory_of_which_a_part_can_not_be_read_is_not_read_in_part(tmp_path: Path, untouched: Listener) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "good.yml").write_text(
        f"all: {{hosts: {{a: {{ansible_host: 127.0.0.1, pop3s_intent: serve, pop3s_port: {untouched.port}}}}}}}"
    )
    (folder / "bad.yml").write_text("all: {hosts: [")
    refused(port995("audit", "-i", folder, "--out", tmp_path / "out"), "can't be read as an inventory")


def test_ansible_inventory_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansible_inventory.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(port995("audit", "-i", inventory(tmp_path, "all: {hosts: {a: }}")), "install ansible-core")


def test_an_inventory_and_targets_together(untouched: Listener, tmp_path: Path) -> None:
    refused(audit(untouched, tmp_path / "out", "-i", inventory(tmp_path, "all: {hosts: {a: }}")), "not both")


@pytest.mark.parametrize(
    ("option", "value", "variable"),
    [("--intent", "closed", "pop3s_intent"), ("--port", 1, "pop3s_port"), ("--pop3-port", 0, "pop3_port"),
     ("--server-name", "a.example", "pop3s_server_name"), ("--proxy-protocol", "v1", "pop3s_proxy_protocol")],
)  # fmt: skip
def test_an_option_that_an_inventory_would_ignore_is_refused(
    option: str, value: object, variable: str, tmp_path: Path
) -> None:
    refused(port995("audit", "-i", inventory(tmp_path, "all: {hosts: {a: }}"), option, value), option, variable)


def test_excluding_a_host_that_the_inventory_does_not_have(tmp_path: Path) -> None:
    refused(port995("audit", "-i", inventory(tmp_path, "all: {hosts: {a: }}"), "--exclude", "b"), "no host of this name")


def test_a_malformed_variable_costs_its_own_host_only(tmp_path: Path) -> None:
    port = closed_port()
    file = inventory(
        tmp_path,
        f"""
all:
  vars: {{ansible_host: 127.0.0.1, pop3s_port: {port}, pop3_port: 0}}
  hosts:
    slip: {{pop3s_intent: closd}}
    template: {{pop3s_intent: closed, pop3s_server_name: "{{{{ nobody_set_this }}}}"}}
    right: {{pop3s_intent: closed}}
""",
    )
    out = tmp_path / "out"
    run = port995("audit", "-i", file, "--out", out, "--source", "127.0.0.1", "--source", "127.0.0.2",
                  "--checks", "POP3S-PORT-001", *QUICK)  # fmt: skip
    assert run.code == 3, run
    assert statuses(out, "slip")["POP3S-COV-000"] == "error"
    assert statuses(out, "template")["POP3S-COV-000"] == "error"
    assert statuses(out, "right") == {"POP3S-COV-000": "pass", "POP3S-PORT-001": "pass"}
    assert "closd" in run.out and "pop3s_server_name: a template" in run.out
    assert {host for one in journal(out) for host in one["target"]["hosts"]} <= {"slip", "right"}


def test_an_unresolvable_name_is_in_error_and_never_a_pass(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = port995("audit", "nobody.invalid", "--out", out, *QUICK)
    assert run.code == 3, run
    found = statuses(out, "nobody.invalid")
    assert found["POP3S-COV-000"] == found["POP3S-PORT-001"] == "error"
    assert set(found.values()) <= {"error", "not_tested", "pass"}
    assert [check for check, status in found.items() if status == "pass"] == ["POP3S-COV-001"]
    assert port995("gate", out).code == 3


def test_duplicate_targets_are_told_and_probed_once(tmp_path: Path) -> None:
    with listener(b"+OK clear\r\n", holds=False) as server:
        run = audit(server, tmp_path / "out", server.target, "127.0.0.1", "-p", server.port, "--depth", "session")
        assert server.connections == 1
    assert f"127.0.0.1:{server.port} is named 3 times" in run.err and "probed once" in run.err
    assert len(journal(tmp_path / "out")) == 1
    assert statuses(tmp_path / "out", "127.0.0.1") == statuses(tmp_path / "out", server.target)


def test_ca_files_that_can_not_be_used(untouched: Listener, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    (tmp_path / "noise.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n")
    for name in ("none.pem", "empty.pem", "noise.pem", "."):
        refused(audit(untouched, tmp_path / "out", "--ca-file", tmp_path / name), str(tmp_path / name))
    assert not (tmp_path / "out").exists()


def test_an_unknown_profile(untouched: Listener, tmp_path: Path) -> None:
    refused(audit(untouched, tmp_path / "out", "--profile", "bassline"), "bassline", "baseline")


@pytest.mark.parametrize("checks", ["POP3S-PORT-999", "nonsense", "not", "(default", "default and not default"])
def test_an_unknown_check_or_an_expression_that_chooses_nothing(
    checks: str, untouched: Listener, tmp_path: Path
) -> None:
    refused(audit(untouched, tmp_path / "out", "--checks", checks))
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_can_not_be_written_is_said_before_the_first_probe(
    untouched: Listener, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    refused(audit(untouched, tmp_path / "file"), str(tmp_path / "file"))
    refused(audit(untouched, tmp_path / "file/deeper"), str(tmp_path / "file"))
    refused(audit(untouched, Path("/proc/port995")), "/proc/port995")


def test_the_folder_of_another_run_is_refused_and_left_alone(untouched: Listener, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert port995("audit", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "--out", out, *QUICK).code == 1
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    refused(audit(untouched, out), str(out))
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize(
    "options",
    [("--families", "5"), ("--depth", "deeper"), ("--source", "192.0.2.1"), ("--source", "here"), ("--deadline", 0),
     ("--deadline", "nan"), ("--deadline", -1), ("--connect-timeout", 0), ("--tls-timeout", "inf"),
     ("--source", "127.0.0.1", "--source", "127.0.0.1"), ("--concurrency", 0), ("--concurrency", 1000000),
     ("--proxy-protocol", "v3"), ("--server-name", "a b"), ("--intent", "closd"), ("--side", "above"),
     ("--fail-on", "never"), ("-p", 0), ("-p", 65536), ("--pop3-port", -1), ("--port995",)],
    ids=lambda options: " ".join(map(str, options)),
)  # fmt: skip
def test_an_option_that_makes_no_sense(options: tuple[object, ...], untouched: Listener, tmp_path: Path) -> None:
    refused(audit(untouched, tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--waivers", "--baseline", "--attestations", "--population", "--ca-file", "--crl"])
@pytest.mark.parametrize("there", [True, False], ids=["unusable", "missing"])
def test_a_file_that_cant_be_used_is_told_before_a_search(
    option: str, there: bool, untouched: Listener, tmp_path: Path
) -> None:
    file = tmp_path / "given"
    if there:
        file.write_text("that is nothing")
    address, port = untouched.target.rsplit(":", 1)
    target = f"{address.rpartition('.')[0]}.0-3"
    find = ("--find", "native", "-p", port, "--pop3-port", 0, *QUICK)
    run = port995("audit", target, *find, "--out", tmp_path / "out", option, file)
    refused(run, str(file))
    assert "searched" not in run.err and not (tmp_path / "out").exists()
