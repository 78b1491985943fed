# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 scan``: what was seen, one line each, harmless to a terminal; exit code 0 only when all was observed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from port995.lab.lab import Lab
from port995.report import schema

from ..ports import own_base_port
from .command_line import QUICK, closed_port, ended, listener, port995, start

VALID = Draft202012Validator(schema.load("observation-1"))


def test_a_closed_port_was_observed() -> None:
    port = closed_port()
    run = port995("scan", f"127.0.0.1:{port}", "--pop3-port", 0, "--lines", *QUICK)
    assert (run.code, run.out) == (0, f"127.0.0.1:{port}  pop3s  closed (conn-refused)\n")
    assert "1 observations, 0 of them not made to the end, 1 connections" in run.err


def test_in_a_random_order_the_same_is_looked_at() -> None:
    port = closed_port()
    run = port995("scan", f"127.0.0.0/29:{port}", "--exclude", f"127.0.0.2:{port}", "--pop3-port", 0,
                  "--randomize-hosts", *QUICK)  # fmt: skip
    assert run.code == 0, run
    seen = {line.split()[0] for line in run.out.splitlines()}
    assert seen == {f"127.0.0.{number}:{port}" for number in (0, 1, 3, 4, 5, 6, 7)}


def test_both_services_of_a_good_server_are_told(tmp_path: Path) -> None:
    with Lab(tmp_path, own_base_port()) as lab:
        run = port995("scan", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--lines", *QUICK)
    assert run.code == 0, run
    clear, tls = run.out.splitlines()
    assert "pop3  open" in clear and "clear text '+OK POP3 lab server ready' CAPA " in clear and "STLS" in clear
    assert "pop3s  open" in tls and "TLSv1.3" in tls and "chain of 1" in tls and "SASL" in tls


def test_of_a_single_target_a_page_is_told_the_answer_first(tmp_path: Path) -> None:
    with Lab(tmp_path, own_base_port()) as lab:
        where = f"127.0.95.1:{lab.base_port + 995}"
        run = port995("scan", where, "--pop3-port", lab.base_port + 110, "--server-name", "good.lab.example",
                      "--ca-file", tmp_path / "ca.pem", *QUICK)  # fmt: skip
    assert run.code == 0, run
    headings = [line for line in run.out.splitlines() if line.isupper() and not line.startswith(" ")]
    assert headings[0] == "ANSWER" and headings[-1] == "POP3" and "CERTIFICATE" in headings
    assert "TLSv1.1 refused" in run.out and "TLSv1.2 groups (all others refused" in run.out


def test_what_the_budget_did_not_reach_was_not_observed(tmp_path: Path) -> None:
    with Lab(tmp_path, own_base_port()) as lab:
        where = f"127.0.95.1:{lab.base_port + 995}"
        run = port995("scan", where, "--pop3-port", 0, "--hello-budget", 9, *QUICK)
    assert run.code == 3, run
    assert "not everything was asked: the budget of 9 hellos is used up" in run.out


def test_an_unresolvable_name_was_not_observed() -> None:
    run = port995("scan", "nobody.invalid", "--lines", *QUICK)
    assert run.code == 3, run
    assert len(run.out.splitlines()) == 2 and "name " in run.out


@pytest.mark.parametrize("service", ["tls", "greeting"])
def test_silence_was_not_observed(service: str, tmp_path: Path) -> None:
    quick = ("--pop3-port", 0, "--lines", *QUICK)
    if service == "tls":
        with listener() as server:
            run = port995("scan", server.target, "--lines", *quick)
    else:
        with Lab(tmp_path, own_base_port()) as lab:
            run = port995("scan", f"127.0.95.6:{lab.base_port + 995}", "--lines", *quick)
    assert run.code == 3, run
    assert "timeout" in run.out
    assert "1 of them not made to the end" in run.err


def test_an_open_port_is_all_that_is_asked_at_depth_port() -> None:
    with listener() as server:
        run = port995("scan", server.target, "--pop3-port", 0, "--depth", "port", *QUICK)
    assert (run.code, run.out) == (0, f"{server.target}  pop3s  open (syn-ack)\n")


def test_the_deadline_makes_it_incomplete() -> None:
    with listener() as server:
        run = port995("scan", server.target, "--pop3-port", 0, "--lines", "--deadline", 0.3, "--tls-timeout", 60)
    assert run.code == 3 and "NOT TESTED: deadline" in run.out, run


def test_what_a_hostile_server_says_is_shown_and_does_nothing(tmp_path: Path) -> None:
    hostile = b"+OK \x1b]0;owned\x07\x1b[2J\xe2\x80\xae <![CDATA[ ]]>\x00\r\n"
    with listener(hostile, holds=False) as server:
        run = port995("scan", server.target, "--pop3-port", server.port, "--lines", *QUICK)
    assert len(run.out.splitlines()) == 2
    assert all(line.isprintable() and "\\x1b]0;owned\\x07" in line for line in run.out.splitlines())


def test_json_and_journal_are_the_same_observations(tmp_path: Path) -> None:
    journal, port = tmp_path / "seen.jsonl", closed_port()
    run = port995("scan", f"127.0.0.1:{port}", "::1", "--json", "-oJ", journal, *QUICK)
    printed = [json.loads(line) for line in run.out.splitlines()]
    assert len(printed) == 4
    assert printed == [json.loads(line) for line in journal.read_text().splitlines()]
    assert [error.message for one in printed for error in VALID.iter_errors(one)] == []


def test_a_dash_prints_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = port995("scan", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "-oJ", "-", *QUICK)
    assert run.code == 0 and json.loads(run.out)["tcp"]["state"] == "closed"
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_can_not_be_opened_is_said_before_the_first_probe(tmp_path: Path) -> None:
    with listener() as server:
        run = port995("scan", server.target, "-oJ", tmp_path / "none/seen.jsonl")
        assert server.connections == 0
    assert run.code == 2 and "choose another -oJ file" in run.err, run


def test_a_full_disk_is_no_success() -> None:
    target = f"127.0.0.1:{closed_port()}"
    run = ended(start("scan", target, "--pop3-port", 0, "-oJ", "/dev/full", *QUICK))
    assert run.code == 4 and "No space left" in run.err and "Traceback" not in run.err, run
    with open("/dev/full", "w") as full:
        process = start("scan", target, "--pop3-port", 0, *QUICK, stdout=full)
        assert ended(process).code == 4


def test_a_list_and_exclusions_choose_the_targets(tmp_path: Path) -> None:
    port = closed_port()
    (tmp_path / "list").write_text(f"# ours\n127.0.0.0/30:{port} 127.0.0.9:{port}\n")
    run = port995("scan", "-iL", tmp_path / "list", "--exclude", "127.0.0.2-3", "--pop3-port", 0, "--lines", *QUICK)
    assert sorted(line.split()[0] for line in run.out.splitlines()) == [
        f"127.0.0.0:{port}", f"127.0.0.1:{port}", f"127.0.0.9:{port}",
    ]  # fmt: skip


def test_each_source_address_is_told() -> None:
    run = port995("scan", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "--lines", "--source", "127.0.0.1",
                  "--source", "127.0.0.2", *QUICK)  # fmt: skip
    assert run.code == 0
    assert sorted(line.split("from ")[1].split()[0] for line in run.out.splitlines()) == ["127.0.0.1", "127.0.0.2"]


def test_a_reader_that_goes_away_changes_nothing() -> None:
    process = start("scan", f"127.0.0.0/24:{closed_port()}", "--pop3-port", 0, "--lines", *QUICK)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 0, err
    assert "Traceback" not in err and "256 observations" in err
