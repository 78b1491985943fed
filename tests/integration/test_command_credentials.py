# SPDX-License-Identifier: GPL-3.0-or-later
"""``--credentials`` and the environment: what is refused, and that the password is in nothing that a run leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from port995.cli import app
from tests.hostile.server import Server
from tests.unit.probe.mail_server import NAME, SECRET, USER, Mail, Pki, make_pki
from tests.unit.probe.test_pop3_login import secrets

from .command_line import QUICK, Ended, closed_port, port995, statuses


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture()
def ca_file(pki: Pki, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(pki.ca_pem)
    return path


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "credentials.yml"
    path.write_text(text)
    path.chmod(mode)
    return path


ALL = f"user: {USER}\npassword: '{SECRET}'\n"


def refused(*arguments: object) -> str:
    run = port995("scan", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, *QUICK, *arguments)
    assert run.code == 2, run
    assert not any(secret in run.err + run.out for secret in secrets())
    return run.err


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o610])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod 600" in refused("--credentials", written(tmp_path, ALL, mode))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just a text",
        f"user: {USER}",
        f"password: {SECRET}",
        f"user: {USER}\npassword: 12345\n",
        f"user: {USER}\npassword: ''\n",
        f'user: {USER}\npassword: "a\\nb"\n',
        f"user: {USER}\npassword: {'x' * 2000}\n",
        f"{ALL}passwort: {SECRET}\n",
        f"{SECRET}: {SECRET}\n",
        f"hosts: {SECRET}\n",
        f"hosts: [{SECRET}]\n",
        f"hosts: {{mx: {SECRET}}}\n",
        f"hosts: {{mx: {{user: {USER}}}}}\n",
        f"hosts: {{mx: {{user: {USER}, password: x, port: 1}}}}\n",
        "hosts: {}\n",
        f"password: {SECRET}: x\nuser: [",
        f"user: &a {USER}\npassword: *b\n",
        f"user: !!python/object:os.system {SECRET}\n",
        "\x00\x01",
    ],
)
def test_what_is_no_file_of_credentials_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    refused("--credentials", written(tmp_path, text))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "can't be read" in refused("--credentials", tmp_path / "nowhere")
    assert "Is a directory" in refused("--credentials", tmp_path)
    assert "is no file" in refused("--credentials", "/dev/null")


def test_credentials_that_name_no_target_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"hosts: {{mx: {{user: {USER}, password: '{SECRET}'}}}}\n")
    assert "name none of the targets" in refused("--credentials", path)


def test_options_of_logins_need_credentials() -> None:
    assert "--allow-dele is for logins" in refused("--allow-dele")
    assert "--auth-unverified is for logins" in refused("--auth-unverified")


def test_there_is_no_option_for_a_password() -> None:
    assert port995("scan", "127.0.0.1", "--password", "x").code == 2
    assert port995("audit", "127.0.0.1", "--user", "x").code == 2


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PORT995_USER": USER}, "belong together"),
        ({"PORT995_PASSWORD": SECRET}, "belong together"),
        ({"PORT995_USER": USER, "PORT995_PASSWORD": "a\nb"}, "line break"),
    ],
)
def test_half_a_credential_in_the_environment(environment: dict[str, str], message: str) -> None:
    run = CliRunner().invoke(app, ["scan", f"127.0.0.1:{closed_port()}", *QUICK], env=environment)
    assert run.exit_code == 2 and message in run.stderr and SECRET not in run.output + run.stderr


def test_a_login_needs_more_than_the_port(tmp_path: Path) -> None:
    assert "a login needs a session" in refused("--credentials", written(tmp_path, ALL), "--depth", "port")


def audited(mail: Mail, pki: Pki, out: Path, *arguments: object, env: dict[str, str] | None = None) -> Ended:
    with Server(mail.behaviour(pki.context)) as server:
        words = ["audit", f"127.0.0.1:{server.port}", "--pop3-port", 0, "--server-name", NAME, "--depth", "session",
                 "--checks", "POP3S-AUTH-* or POP3S-TLS-001", "--partial", "--out", out, *QUICK, *arguments]  # fmt: skip
        run = CliRunner().invoke(app, [str(word) for word in words], env=env, prog_name="port995")
    return Ended(run.exit_code, run.stdout, run.stderr)


def auth(out: Path) -> dict[str, str]:
    report = json.loads((out / "report.json").read_text())
    return {one["check_id"][6:]: one["status"] for one in report["results"] if "-AUTH-" in one["check_id"]}


def left_behind(out: Path, run: Ended) -> str:
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    assert {"run.json", "report.json", "gate.json", "journal-controller.jsonl", "TEST-port995.xml"} <= {
        path.name for path in files
    }
    return run.out + run.err + "".join(path.read_text(encoding="latin-1") for path in files)


@pytest.mark.parametrize("by", ["file", "host", "environment"])
def test_a_login_that_works_leaves_no_trace_of_the_password(pki: Pki, ca_file: Path, tmp_path: Path, by: str) -> None:
    text = ALL if by == "file" else f"hosts: {{{NAME.upper()}: {{user: {USER}, password: '{SECRET}'}}}}\n"
    arguments: tuple[Any, ...] = ("--credentials", written(tmp_path, text)) if by != "environment" else ()
    env = {"PORT995_USER": USER, "PORT995_PASSWORD": SECRET} if by == "environment" else None
    out = tmp_path / "out"
    run = audited(Mail(), pki, out, *arguments, "--ca-file", ca_file, "--allow-dele", env=env)
    assert run.code == 0, run
    assert auth(out) == {f"AUTH-00{number}": "pass" for number in range(1, 5)}
    everything = left_behind(out, run)
    assert not any(secret in everything for secret in secrets())
    assert "login with USER" in (out / "report.json").read_text()


def test_a_wrong_password_fails_and_is_in_nothing_either(pki: Pki, ca_file: Path, tmp_path: Path) -> None:
    mail, out = Mail(password="another", refusal=f"-ERR {SECRET}\r\n".encode()), tmp_path / "out"
    run = audited(mail, pki, out, "--credentials", written(tmp_path, ALL), "--ca-file", ca_file)
    assert run.code == 1, run
    assert auth(out)["AUTH-001"] == "fail" and auth(out)["AUTH-002"] == "not_tested"
    everything = left_behind(out, run)
    assert not any(secret in everything for secret in secrets())
    assert sum(line.startswith((b"PASS", b"AUTH", b"APOP")) for line in mail.said) == 1


def test_an_impostor_gets_no_password_and_the_run_is_incomplete(pki: Pki, tmp_path: Path) -> None:
    mail, out = Mail(), tmp_path / "out"
    run = audited(mail, pki, out, "--credentials", written(tmp_path, ALL))
    assert run.code == 3, run
    assert auth(out)["AUTH-001"] == "not_tested"
    assert not any(line.split()[:1] in ([b"USER"], [b"PASS"], [b"AUTH"], [b"APOP"]) for line in mail.said)
    assert "certificate of its session was not verified" in run.out


def test_checks_of_logins_alone_are_refused_without_credentials(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for arguments in ((), ("--intent", "closed")):
        run = port995("audit", f"127.0.0.1:{closed_port()}", "--checks", "POP3S-AUTH-*", "--depth", "session", "--out",
                      out, *QUICK, *arguments)  # fmt: skip
        assert run.code == 2 and "made only with credentials" in run.err and not out.exists()
    run = port995("audit", f"127.0.0.1:{closed_port()}", "--checks", "POP3S-AUTH-004", "--depth", "session", "--out", out,
                  "--credentials", written(tmp_path, ALL), *QUICK)  # fmt: skip
    assert run.code == 2 and "that may use DELE" in run.err


def test_without_credentials_nothing_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    port995("audit", f"127.0.0.1:{closed_port()}", "--depth", "session", "--pop3-port", 0, "--out", out, *QUICK)
    assert not [check for check in statuses(out, "127.0.0.1") if "-AUTH-" in check]


def test_scan_tells_of_logins_without_their_words(pki: Pki, ca_file: Path, tmp_path: Path) -> None:
    with Server(Mail().behaviour(pki.context)) as server:
        run = port995("scan", f"127.0.0.1:{server.port}", "--pop3-port", 0, "--server-name", NAME, "--ca-file", ca_file,
                      "--credentials", written(tmp_path, ALL), "--depth", "session", "--lines", *QUICK)  # fmt: skip
    assert run.code == 0, run
    assert "login USER logged-in" in run.out and "login PLAIN logged-in" in run.out
    assert not any(secret in run.out + run.err for secret in secrets())


def test_the_page_of_a_single_target_tells_of_logins_too(pki: Pki, ca_file: Path, tmp_path: Path) -> None:
    """At the depth that a single target gets, with what is asked before login."""
    mail = Mail(capabilities=(b"USER", b"UIDL", b"PIPELINING"), greeting=b"+OK")
    with Server(mail.behaviour(pki.context)) as server:
        run = port995("scan", f"127.0.0.1:{server.port}", "--pop3-port", 0, "--server-name", NAME, "--ca-file", ca_file,
                      "--credentials", written(tmp_path, ALL), *QUICK)  # fmt: skip
    assert run.code == 0, run
    assert "login with USER: logged-in" in run.out and "3 messages of" in run.out
    assert "an unknown command: '-ERR what?'" in run.out and "answered in order" in run.out
    assert not any(secret in run.out + run.err for secret in secrets())


def test_help_says_what_is_sent() -> None:
    for command in ("scan", "audit"):
        told = " ".join(port995(command, "--help").out.replace("│", " ").split())
        for words in ("PORT995_PASSWORD", "verified TLS only", "RETR", "DELE"):
            assert words in told, words
