# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs beside each other: what changed on a real server is told, and what was not seen is never called gone."""

from __future__ import annotations

import datetime
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from port995.evidence.diff import Flip, compare, to_lines
from port995.evidence.history import history
from port995.evidence.run_folder import open_run
from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, listener, port995


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`one` and `two`: the same server with another certificate and fewer versions; `alone`: nobody answers there."""
    folder = tmp_path_factory.mktemp("diff")
    base = own_base_port()
    for name in ("one", "two"):
        (folder / f"lab-{name}").mkdir()
        with Lab(folder / f"lab-{name}", base) as lab:
            inventory = json.loads(json.dumps({"all": {"hosts": {
                "mx": {"pop3s_address": "127.0.95.1", "pop3s_port": base + 995, "pop3_port": 0, "pop3s_intent": "serve",
                       "pop3s_server_name": "well-served.lab.port995.example"},
                f"only-{name}": {"pop3s_address": "127.0.95.1", "pop3s_port": base + 995, "pop3_port": 0,
                                 "pop3s_intent": "serve" if name == "one" else "closed"},
            }}}))  # fmt: skip
            (folder / f"{name}.json").write_text(json.dumps(inventory))
            done = port995("audit", "-i", folder / f"{name}.json", "--ca-file", lab.ca_file, "--out",
                           folder / "runs" / name, "--depth", "full", *QUICK)  # fmt: skip
            assert done.code in (1, 3), done
    done = port995("audit", "-i", folder / "two.json", "--out", folder / "runs" / "alone", *QUICK)
    assert done.code in (1, 3), done
    yield folder / "runs"


def difference(runs: Path, one: str, other: str) -> dict[str, Any]:
    done = port995("diff", runs / one, runs / other, "--json")
    assert done.code == 0, done
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_hosts_and_certificates_that_changed_are_told(runs: Path) -> None:
    found = difference(runs, "one", "two")
    assert (found["appeared"], found["vanished"]) == (["only-two"], ["only-one"])
    certificates = [one for one in found["changes"] if one["what"] == "certificate"]
    assert {one["host"] for one in certificates} == {"mx"}
    assert all(one["gone"] and one["come"] and one["gone"] != one["come"] for one in certificates)
    assert not [one for one in found["changes"] if one["what"] != "certificate"]
    assert port995("diff", runs / "one", runs / "two", "--exit-code").code == 1


def test_a_run_is_not_different_from_itself(runs: Path) -> None:
    found = difference(runs, "one", "one")
    assert found["different"] is False
    assert port995("diff", runs / "one", runs / "one", "--exit-code").code == 0
    assert "no difference" in port995("diff", runs / "one", runs / "one").out


def test_what_was_not_seen_is_not_called_gone(runs: Path) -> None:
    found = difference(runs, "two", "alone")
    assert found["changes"] == []
    assert any("showed no certificate afterwards" in words for words in found["unseen"])
    assert {flip["direction"] for flip in found["flips"] if flip["host"] == "mx"} <= {"unknown", "worse"}
    assert any(flip["direction"] == "unknown" for flip in found["flips"])


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("pass", "fail", "worse"), ("fail", "pass", "better"), ("waived", "fail", "worse"), ("waived", "pass", "better"),
        ("pass", "not_tested", "unknown"), ("not_tested", "pass", "unknown"), ("fail", "unreachable", "unknown"),
        ("not_tested", "fail", "unknown"), ("fail", "waived", "unknown"), ("pass", "not_applicable", "unknown"),
    ],
)  # fmt: skip
def test_a_flip_is_better_or_worse_only_where_both_are_known(before: str, after: str, direction: str) -> None:
    assert Flip("h", "e", "c", "high", before, after, "m").direction == direction


def test_markdown_is_harmless_and_a_run_without_a_verdict_is_refused(runs: Path, tmp_path: Path) -> None:
    done = port995("diff", runs / "one", runs / "two", "--markdown")
    assert done.code == 0 and done.out.startswith("## POP3S")
    shutil.copytree(runs / "one", tmp_path / "one")
    (tmp_path / "one" / "gate.json").unlink()
    assert port995("diff", tmp_path / "one", runs / "two").code == 4
    assert port995("diff", runs / "one", runs / "two", "--json", "--markdown").code == 2


def test_another_profile_is_told_first(runs: Path, tmp_path: Path) -> None:
    assert port995("judge", runs / "one", "--profile", "strict", "--out", tmp_path / "strict", "-q").code in (1, 3)
    lines = to_lines(compare(open_run(runs / "one"), open_run(tmp_path / "strict")))
    assert lines[2].startswith("judged by different profiles")
    assert any(line.startswith("check only after: ") for line in lines)


def test_a_suite_that_was_switched_off_is_told(tmp_path: Path) -> None:
    """A real server, configured in two ways."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    port = own_base_port() + 7
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx", "-days", "30",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)  # fmt: skip
    for name, ciphers in (("a", "ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA"), ("b", "ECDHE-RSA-AES256-GCM-SHA384")):
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", key, "-cert", certificate, "-tls1_2", "-quiet",
             "-cipher", f"{ciphers}:@SECLEVEL=0"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(port)
            port995("audit", f"127.0.0.1:{port}", "--pop3-port", "0", "--depth", "full", "--out", tmp_path / name,
                    "--connect-timeout", "3", "--tls-timeout", "3", "--pop3-timeout", "0.3")  # fmt: skip
        finally:
            server.kill()
            server.communicate()
    found = difference(tmp_path, "a", "b")
    assert [(one["what"], one["gone"], one["come"]) for one in found["changes"]] == [
        ("suite", ["TLSv1.2 TLS_RSA_WITH_AES_128_CBC_SHA"], [])
    ]


def _wait(port: int) -> None:
    import socket
    import time

    for _attempt in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as raw:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.wrap_socket(raw).close()
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start")


def test_the_history_lists_runs_and_what_was_missed(runs: Path) -> None:
    done = port995("history", runs, "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert [Path(one["path"]).name for one in found["runs"]] == ["one", "two", "alone"]
    assert all(one["exit"] in (1, 3) for one in found["runs"])


def test_a_time_without_a_complete_run_was_missed(runs: Path, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    found = history(runs, "weekly", now)
    complete = [one for one in found.runs if not one.incomplete]
    assert bool(found.missed) is (not complete)
    later = history(runs, "weekly", now + datetime.timedelta(days=30))
    assert later.missed
    assert port995("history", runs, "--expect", "weekly").code == (0 if complete else 1)
    assert port995("history", runs, "--expect", "sometimes").code == 2
    assert port995("history", tmp_path).code == 2
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{}")
    assert port995("history", tmp_path).code == 4


def test_what_neither_run_saw_is_not_called_equal(tmp_path: Path) -> None:
    with listener() as silent:
        for name in ("a", "b"):
            port995("audit", f"127.0.0.1:{silent.port}", "--pop3-port", "0", "--out", tmp_path / name, "--connect-timeout", "1",
                    "--tls-timeout", "0.3", "--pop3-timeout", "0.3")  # fmt: skip
    found = difference(tmp_path, "a", "b")
    assert found["different"] and "showed no certificate in either run" in found["unseen"][0], found
