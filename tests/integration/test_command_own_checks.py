# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of one's own, attestations and shards on real services, by the command that users call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, Ended, port995

CHOSEN = ("--checks", "POP3S-PORT-* or POP3S-CERT-* or safe and not POP3S-*", "--partial")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "greeting.py"
    made = port995("checks", "new", "greeting", "--out", path)
    assert made.code == 0, made
    return path


def audit(lab: Lab, out: Path, *arguments: object, address: str = "127.0.95.1") -> Ended:
    return port995("audit", f"{address}:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                   "well-served.lab.port995.example", "--ca-file", lab.ca_file, "--out", out, *QUICK, *CHOSEN,
                   *arguments)  # fmt: skip


def results(out: Path) -> dict[str, str]:
    document: dict[str, Any] = json.loads((out / "report.json").read_text())
    return {one["check_id"]: one["status"] for one in document["results"]}


def test_a_check_looks_at_a_real_greeting_and_is_judged_again_with_its_kept_file(
    lab: Lab, own: Path, tmp_path: Path
) -> None:
    assert port995("checks", "test", own).code == 0
    run = audit(lab, tmp_path / "run", "--checks-path", own)
    assert run.code == 0 and results(tmp_path / "run")["X-GREETING-001"] == "pass", run
    before = (tmp_path / "run" / "report.json").read_bytes()
    at = json.loads(before)["judged_at"]
    assert port995("judge", tmp_path / "run", "--at", at).code == 4
    assert port995("judge", tmp_path / "run", "--at", at, "--checks-path", tmp_path / "run" / "checks-1.py").code == 0
    assert (tmp_path / "run" / "report.json").read_bytes() == before
    own.write_text(own.read_text().replace('"dovecot" in', '"+ok" in'))
    run = audit(lab, tmp_path / "fails", "--checks-path", own)
    assert run.code == 1 and results(tmp_path / "fails")["X-GREETING-001"] == "fail", run


def test_a_broken_file_is_named_and_leaves_the_run_incomplete(lab: Lab, own: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def x(:\n")
    run = audit(lab, tmp_path / "run", "--checks-path", own, "--checks-path", tmp_path / "bad.py")
    assert run.code == 3 and "bad.py" in run.err and "SyntaxError" in run.err, run
    assert results(tmp_path / "run")["POP3S-FLT-001"] == "error"
    assert audit(lab, tmp_path / "none", "--checks-path", tmp_path / "none.py").code == 2
    assert not (tmp_path / "none").exists()


def test_a_control_waits_for_a_person_until_one_attests_it(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "attested.yml"
    path.write_text("schema: port995/attestations/1\ncontrols:\n  - {id: M-KEYS-001, title: Keys are in the vault}\n")
    run = audit(lab, tmp_path / "a", "--attestations", path)
    assert run.code == 3 and "nobody attested it" in run.out, run
    path.write_text(path.read_text() + "attestations:\n  - {control: M-KEYS-001, by: a, made: 2026-06-01T00:00:00Z,"
                                       " until: 2027-05-01T00:00:00Z, text: saw it}\n")  # fmt: skip
    run = audit(lab, tmp_path / "b", "--attestations", path)
    assert run.code == 0 and "attested by a" in run.out and results(tmp_path / "b")["M-KEYS-001"] == "manual", run
    late = port995("judge", tmp_path / "b", "--at", "2027-05-01T00:00:01Z")
    assert late.code in (1, 3) and "what a attested ended at 2027-05-01T00:00:00Z" in late.out, late
    path.write_text(path.read_text().replace("until: 2027", "until: 2029"))
    run = audit(lab, tmp_path / "c", "--attestations", path)
    assert run.code == 2 and "attested.yml:5" in run.err and "366 days" in run.err, run


def test_two_shards_are_one_run_that_is_verified_and_compared(lab: Lab, own: Path, tmp_path: Path) -> None:
    parts = []
    for number, source in ((1, "127.0.0.1"), (2, "127.0.0.2")):
        assert audit(lab, tmp_path / str(number), "--checks-path", own, "--source", source).code == 0
        parts.append(tmp_path / str(number))
    hosts = tmp_path / "hosts.csv"
    hosts.write_text("address\n127.0.95.1\n")
    merged = port995("merge", *parts, "--population", hosts, "--out", tmp_path / "all", "--partial", "--checks-path", own)
    assert merged.code == 0 and "inventory 1 = assessed 1 + unreachable 0 + excluded 0" in merged.out, merged
    assert port995("merge", *parts, "--population", hosts, "--out", tmp_path / "x", "--partial").code == 4
    assert port995("gate", tmp_path / "all").code == 0
    assert port995("bundle", tmp_path / "all", "--out", tmp_path / "bundle").code == 0
    assert port995("verify", tmp_path / "bundle", "--checks-path", own).code == 0
    assert port995("verify", tmp_path / "bundle").code == 4
    same = port995("diff", parts[0], tmp_path / "all")
    assert same.code == 0, same
    hosts.write_text("address\n127.0.95.1\n192.0.2.7\n")
    more = port995("merge", *parts, "--population", hosts, "--out", tmp_path / "more", "--partial", "--checks-path", own)
    assert more.code == 3 and "inventory 2 = assessed 1 + unreachable 1 + excluded 0" in more.out, more
