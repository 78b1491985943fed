# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of hosts beside the targets: who is missing there fails the run, and judging again needs nothing else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from port995.lab.lab import Lab
from port995.report import schema

from ..ports import own_base_port
from .command_line import QUICK, Ended, port995

UNSEEN, UNKNOWN = "POP3S-INV-001", "POP3S-INV-002"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def audited(lab: Lab, out: Path, *arguments: object) -> Ended:
    return port995("audit", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                   "well-served.lab.port995.example", "--ca-file", lab.ca_file, "--out", out, *QUICK, *arguments)  # fmt: skip


def fleet(out: Path) -> dict[str, str]:
    report = json.loads((out / "report.json").read_text())
    return {one["check_id"]: one["status"] for one in report["results"] if one["host"] is None}


def verdict(out: Path) -> tuple[str, str]:
    found = fleet(out)
    return found[UNSEEN], found[UNKNOWN]


def xml(*hosts: tuple[str, str, str], whole: bool = True) -> str:
    """What Nmap writes of hosts: address, state of port 995, why it is taken for up."""
    told = "".join(
        f'<host><status state="up" reason="{up}"/><address addr="{address}" addrtype="ipv4"/><ports><port protocol="tcp"'
        f' portid="995"><state state="{state}" reason="x"/></port></ports></host>'
        for address, state, up in hosts
    )
    end = '<runstats><finished time="2" exit="success"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>'
    return f'<nmaprun scanner="nmap" args="nmap" start="1" version="7.95">{told}{end if whole else ""}'


def test_a_list_whose_hosts_are_all_known_passes_and_is_kept(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "hosts.csv"
    path.write_text("name,address\nmx1,127.0.95.1\n")
    out = tmp_path / "out"
    run = audited(lab, out, "--population", path)
    assert run.code == 0 and verdict(out) == ("pass", "pass"), run
    assert f"list of hosts: {path} sha256:" in run.out
    assert (out / "population.csv").read_bytes() == path.read_bytes()
    assert 'name="population"' in (out / "TEST-port995.xml").read_text()
    report = (out / "report.json").read_bytes()
    path.unlink()
    again = port995("judge", out, "--at", json.loads(report)["judged_at"])
    assert again.code == 0 and (out / "report.json").read_bytes() == report and port995("gate", out).code == 0
    (out / "population.csv").write_text("name,address\nmx1,127.0.95.1\n\n")
    assert port995("gate", out).code == 4
    spoilt = port995("judge", out)
    assert spoilt.code == 4 and "population.csv was changed after the verdict" in spoilt.err
    (out / "population.csv").unlink()
    assert port995("judge", out).code == 4


@pytest.mark.parametrize(
    ("hosts", "expected", "code"),
    [
        ([("127.0.95.1", "open", "syn-ack"), ("203.0.113.9", "open", "user-set")], ("fail", "fail"), 1),
        ([("127.0.95.1", "open", "syn-ack"), ("203.0.113.9", "closed", "echo-reply")], ("pass", "fail"), 1),
        ([("127.0.95.1", "open", "syn-ack"), ("203.0.113.9", "filtered", "user-set")], ("pass", "pass"), 0),
        ([("203.0.113.9", "filtered", "user-set")], ("not_tested", "not_tested"), 3),
        ([], ("not_tested", "not_tested"), 3),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_nmaps_xml_is_a_list(
    lab: Lab, tmp_path: Path, hosts: list[tuple[str, str, str]], expected: tuple[str, str], code: int, packed: bool
) -> None:
    data = xml(*hosts).encode()
    (tmp_path / "hosts").write_bytes(gzip.compress(data) if packed else data)
    run = audited(lab, tmp_path / "out", "--population", tmp_path / "hosts", "--depth", "port", "--checks", "POP3S-PORT-001", "--partial")
    assert (run.code, verdict(tmp_path / "out")) == (code, expected), run
    assert (tmp_path / "out" / ("population.gz" if packed else "population.xml")).is_file()


def test_a_list_that_was_cut_off_is_not_whole(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "hosts.xml").write_text(xml(("127.0.95.1", "open", "syn-ack"), whole=False))
    run = audited(lab, tmp_path / "out", "--population", tmp_path / "hosts.xml", "--checks", "POP3S-PORT-001", "--partial")
    assert run.code == 3 and verdict(tmp_path / "out") == ("not_tested", "not_tested"), run
    assert "the list is not whole" in (tmp_path / "out" / "report.json").read_text()


def test_names_are_looked_up_once_and_judging_again_asks_nobody(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "hosts.csv"
    path.write_text("host\nlocalhost\nnobody.invalid\n")
    out = tmp_path / "out"
    run = audited(lab, out, "--population", path, "--checks", "POP3S-PORT-001", "--partial")
    assert run.code == 1 and verdict(out) == ("not_tested", "fail"), run
    document = json.loads((out / "population-names.json").read_text())
    for name, one in (("names-1", document), ("run-1", json.loads((out / "run.json").read_text()))):
        Draft202012Validator(schema.load(name)).validate(one)
    names = {one["name"]: one for one in document["names"]}
    assert names["localhost"]["outcome"] == "resolved" and names["nobody.invalid"]["outcome"] != "resolved"
    report = (out / "report.json").read_bytes()
    assert port995("judge", out, "--at", json.loads(report)["judged_at"]).code == 1
    assert (out / "report.json").read_bytes() == report


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ip\n192.0.2.1\n", "hosts.csv line 1: the header has none of the columns"),
        ("host\nmx\n=cmd()\n", "hosts.csv line 3: host is '=cmd()'"),
        ("host\n", "hosts.csv: names no host"),
        ("<html/>", "hosts.csv is no Nmap XML"),
        (None, "hosts.csv: can't be read (No such file"),
    ],
)
def test_a_bad_list_is_refused_before_anything_is_sent(text: str | None, words: str, lab: Lab, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "hosts.csv").write_text(text)
    run = audited(lab, tmp_path / "out", "--population", tmp_path / "hosts.csv")
    assert run.code == 2 and words in run.err and not (tmp_path / "out").exists(), run


def test_nmaps_files_are_held_against_a_list_too(tmp_path: Path) -> None:
    (tmp_path / "scan.xml").write_text(xml(("192.0.2.1", "open", "syn-ack")))
    (tmp_path / "hosts.csv").write_text("address\n192.0.2.1\n192.0.2.2\n")
    out = tmp_path / "out"
    run = port995("judge", tmp_path / "scan.xml", "--population", tmp_path / "hosts.csv", "--out", out)
    assert run.code == 1 and verdict(out) == ("not_tested", "fail"), run


def test_a_finished_run_can_be_held_against_a_list_later(lab: Lab, tmp_path: Path) -> None:
    assert audited(lab, tmp_path / "first").code == 0
    (tmp_path / "hosts.xml").write_text(xml(("127.0.95.1", "open", "syn-ack"), ("203.0.113.9", "open", "syn-ack")))
    run = port995("judge", tmp_path / "first", "--population", tmp_path / "hosts.xml", "--out", tmp_path / "second")
    assert run.code == 1 and verdict(tmp_path / "second") == ("fail", "fail"), run
    (tmp_path / "hosts.csv").write_text("host\n127.0.95.1\n")
    run = port995("judge", tmp_path / "second", "--population", tmp_path / "hosts.csv", "--out", tmp_path / "third")
    assert run.code == 0 and verdict(tmp_path / "third") == ("pass", "pass"), run
    assert not (tmp_path / "third/population.xml").exists() and port995("gate", tmp_path / "third").code == 0
