# SPDX-License-Identifier: GPL-3.0-or-later
"""A scope file holds in both engines: a server outside of it sees not one connection, and nothing of it passes."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from port995.lab.lab import Lab
from port995.probe.journal import read_cut_journal
from port995.report import schema

from ..ports import own_base_port
from .command_line import QUICK, Ended, journal, port995, statuses

needs_nmap = pytest.mark.skipif(shutil.which("nmap") is None, reason="needs nmap")
FAR = ("audit", "scan", pytest.param("nmap", marks=needs_nmap))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


class Counted:
    """Servers on one port of several addresses of this machine; they count connections."""

    def __init__(self, *addresses: str) -> None:
        self.connections = dict.fromkeys(addresses, 0)
        self._stack = contextlib.ExitStack()
        self.port = 0

    def __enter__(self) -> Counted:
        for address in self.connections:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = self._stack.enter_context(socket.create_server((address, self.port), family=family, backlog=64))
            self.port = server.getsockname()[1]
            threading.Thread(target=self._serve, args=(server, address), daemon=True).start()
            self._stack.callback(server.shutdown, socket.SHUT_RDWR)
        return self

    def _serve(self, server: socket.socket, address: str) -> None:
        while True:
            try:
                connected, _peer = server.accept()
            except OSError:
                return
            self.connections[address] += 1
            connected.close()

    def __exit__(self, *_told: object) -> None:
        self._stack.close()


def scope_file(folder: Path, text: str, ticket: str = "CHG-2026-1") -> Path:
    path = folder / "scope.yml"
    path.write_text(f"schema: port995/scope/1\nticket: {ticket}\n{text}\n")
    return path


def window(begins: float, ends: float) -> str:
    """A window, in seconds from now."""
    now = datetime.datetime.now(datetime.UTC)
    first, last = (now + datetime.timedelta(seconds=one) for one in (begins, ends))
    return f"times: [{{from: {first:%Y-%m-%dT%H:%M:%SZ}, to: {last:%Y-%m-%dT%H:%M:%SZ}}}]"


def look(way: str, folder: Path, scope: Path, port: int, *targets: str, options: tuple[object, ...] = ()) -> Ended:
    """Look at port of targets, in one of the ways there are."""
    if way == "nmap":
        return port995("scan", *targets, "-p", port, "--engine", "nmap", "-Pn", "--scope", scope, *options)
    command = ("audit", "--out", folder / "out") if way == "audit" else ("scan", "--lines", "--depth", "session")
    return port995(*command, *targets, "-p", port, "--pop3-port", 0, "--scope", scope, *QUICK, *options)


@pytest.mark.parametrize("way", FAR)
@pytest.mark.parametrize("target", ["127.0.77.1", "127.0.77.0-1", "127.0.77.0/31"])
def test_a_server_out_of_scope_sees_no_connection(way: str, target: str, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.78.0/24]")
    with Counted("127.0.77.1", "127.0.78.1") as servers:
        run = look(way, tmp_path, scope, servers.port, target, "127.0.78.1")
        assert servers.connections["127.0.77.1"] == 0 and servers.connections["127.0.78.1"] >= (way != "nmap"), run
    assert run.code in ((1, 3) if way == "audit" else (3,)) and "out of scope" in run.out, run


@pytest.mark.parametrize("way", FAR)
def test_the_never_scan_list_wins_inside_a_network_and_over_its_own_line(way: str, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.77.0/24, 127.0.77.1]\nnever: [127.0.77.1]")
    with Counted("127.0.77.1", "127.0.77.2") as servers:
        run = look(way, tmp_path, scope, servers.port, "127.0.77.0/30")
        assert servers.connections["127.0.77.1"] == 0 and servers.connections["127.0.77.2"] >= (way != "nmap"), run
    assert run.code != 0 and ("never-scan list" in run.out or way == "nmap") and "out of scope" in run.out, run


@pytest.mark.parametrize("way", FAR)
def test_a_name_that_resolves_out_of_scope_is_not_touched_there(way: str, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.78.0/24]")
    with Counted("127.0.0.1", "::1") as servers:
        run = look(way, tmp_path, scope, servers.port, "localhost")
        assert set(servers.connections.values()) == {0}, run
    assert run.code == 3 and "out of scope" in run.out, run
    if way == "audit":
        found = statuses(tmp_path / "out", "localhost")
        assert found.pop("POP3S-COV-001") == "pass" and set(found.values()) == {"not_tested"}
        assert {one["not_tested"] for one in journal(tmp_path / "out")} == {"out-of-scope"}


def test_an_ipv4_address_written_as_ipv6_is_still_never_touched(tmp_path: Path) -> None:
    scope = scope_file(tmp_path, 'networks: [0.0.0.0/0, "::/0"]\nnever: [127.0.77.1]')
    with Counted("127.0.77.1") as servers:
        run = look("scan", tmp_path, scope, servers.port, "::ffff:127.0.77.1", "127.0.77.1")
        assert servers.connections == {"127.0.77.1": 0}, run
    assert run.code == 3 and run.out.count("never-scan list") == 2


@pytest.mark.parametrize("way", FAR)
@pytest.mark.parametrize("times", [(-7200, -3600), (3600, 7200)])
def test_outside_of_its_times_a_run_is_refused(way: str, times: tuple[float, float], tmp_path: Path) -> None:
    scope = scope_file(tmp_path, f"networks: [127.0.0.0/8]\n{window(*times)}")
    with Counted("127.0.77.1") as servers:
        run = look(way, tmp_path, scope, servers.port, "127.0.77.1")
        assert servers.connections == {"127.0.77.1": 0}
    assert run.code == 2 and "scope.yml: out of scope: it is" in run.err and not (tmp_path / "out").exists(), run


def test_a_window_that_ends_during_the_run_stops_connections_and_marks_the_rest(tmp_path: Path) -> None:
    scope = scope_file(tmp_path, f"networks: [127.0.0.0/8]\n{window(-60, 7)}")
    with Counted("127.0.77.1", "127.0.77.2", "127.0.77.3") as servers:
        targets = [f"127.0.77.{number}" for number in (1, 2, 3)]
        run = port995("scan", *targets, "-p", servers.port, "--pop3-port", 0, "--lines", "--depth", "session", "--rate",
                      "0.2", "--json", "--scope", scope)  # fmt: skip
        seen = dict(servers.connections)
        time.sleep(1)
        assert servers.connections == seen
    told = [json.loads(line) for line in run.out.splitlines()]
    assert run.code == 3 and len(told) == 3, run
    late = [one for one in told if one["not_tested"] == "out-of-scope"]
    assert late and all("out of scope: the time" in one["detail"] for one in late)
    assert sum(seen.values()) == sum(len(one["connections"]) for one in told) < 3


@needs_nmap
def test_nmap_is_stopped_when_its_window_ends(tmp_path: Path) -> None:
    scope = scope_file(tmp_path, f"networks: [127.0.0.0/8]\n{window(-60, 4)}")
    began = time.monotonic()
    run = port995("scan", "127.0.77.0/24", "-p", "-", "--engine", "nmap", "-Pn", "-T", 1, "--scope", scope)
    assert run.code == 3 and "nmap was stopped (out of scope)" in run.err and time.monotonic() - began < 30, run


@pytest.mark.parametrize("way", FAR)
def test_connections_come_from_addresses_of_the_scope_only(way: str, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.0.0/8]\nsources: [127.0.0.9]")
    with Counted("127.0.77.1") as servers:
        run = look(way, tmp_path, scope, servers.port, "127.0.77.1")
        assert servers.connections == {"127.0.77.1": 0}
        assert run.code == (2 if way == "nmap" else 3) and "own address 127.0." in run.out + run.err, run
        if way == "nmap":
            return
        refused = look(way, tmp_path / "b", scope, servers.port, "127.0.77.1", options=("--source", "127.0.0.2"))
        assert refused.code == 2 and "own address 127.0.0.2" in refused.err and servers.connections == {"127.0.77.1": 0}
        look(way, tmp_path / "c", scope, servers.port, "127.0.77.1", options=("--source", "127.0.0.9"))
        assert servers.connections["127.0.77.1"] > 0


def good(lab: Lab, out: Path, *arguments: object) -> Ended:
    return port995("audit", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                   "well-served.lab.port995.example", "--ca-file", lab.ca_file, "--out", out, *QUICK, *arguments)  # fmt: skip


def test_what_is_in_scope_passes_and_every_report_names_the_scope(lab: Lab, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, f"networks: [127.0.95.1]\nsources: [127.0.0.0/8]\n{window(-60, 3600)}")
    digest = hashlib.sha256(scope.read_bytes()).hexdigest()
    out = tmp_path / "out"
    run = good(lab, out, "--scope", scope)
    assert run.code == 0, run
    assert f"scope: ticket CHG-2026-1, {scope} sha256:{digest}; not an ASV scan" in run.out
    assert (out / "scope.yml").read_bytes() == scope.read_bytes()
    header, report = (json.loads((out / name).read_text()) for name in ("run.json", "report.json"))
    for name, document in (("run-1", header), ("report-1", report)):
        Draft202012Validator(schema.load(name)).validate(document)
    assert (header["scope"]["sha256"], header["scope"]["ticket"]) == (digest, "CHG-2026-1")
    assert (report["scope"]["sha256"], report["scope"]["ticket"]) == (digest, "CHG-2026-1")
    assert report["statement"] == "not an ASV scan" and report["scope"]["networks"] == ["127.0.95.1/32"]
    junit = (out / "TEST-port995.xml").read_text()
    assert f'name="scope" value="ticket CHG-2026-1, {scope} sha256:{digest}"' in junit
    assert 'name="statement" value="not an ASV scan"' in junit
    first = (out / "report.json").read_bytes()
    scope.unlink()
    at = json.loads(first)["judged_at"]
    assert port995("judge", out, "--at", at).code == 0 and (out / "report.json").read_bytes() == first
    (out / "scope.yml").write_text("x")
    assert port995("gate", out).code == 4 and port995("judge", out).code == 4


def test_a_host_out_of_scope_is_excluded_and_a_partial_run_may_do_without_it(lab: Lab, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.0.0/8]\nnever: [127.0.95.9]")
    options = (f"127.0.95.9:{lab.base_port + 995}", "--scope", scope)
    whole = good(lab, tmp_path / "whole", *options)
    assert whole.code == 3 and "assessed 1 + unreachable 0 + excluded 1" in whole.out, whole
    assert "out of scope: is on the never-scan list (127.0.95.9/32) 1" in whole.out
    part = good(lab, tmp_path / "part", *options, "--partial")
    assert part.code == 0 and statuses(tmp_path / "part", f"127.0.95.9:{lab.base_port + 995}") == {
        "POP3S-COV-000": "not_tested"
    }, part


def test_a_vantage_that_did_not_hold_itself_to_the_scope_costs_the_run_its_verdict(lab: Lab, tmp_path: Path) -> None:
    """As a probe of another version might, which knows of no scope."""
    scope = scope_file(tmp_path, "networks: [127.0.96.0/24, 127.0.95.1]\nnever: [127.0.95.2]")
    out = tmp_path / "out"
    assert good(lab, out, "--scope", scope).code == 0
    path = out / "journal-controller.jsonl"
    text = path.read_text().replace('"connections":[{"address":"127.0.95.1"', '"connections":[{"address":"127.0.95.2"')
    path.write_text(text)
    # The verdict would tell that it was changed, and not why it can't be one.
    (out / "gate.json").unlink()
    observations, problem = read_cut_journal(str(path))
    assert not problem and any(one.address == "127.0.95.2" for seen in observations for one in seen.connections)
    run = port995("judge", out)
    assert run.code != 0 and "made a connection that was out of scope: 127.0.95.2 is on the never-scan list" in run.out


@pytest.mark.parametrize("way", FAR)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("networks: [127.0.0.1/8]", "scope.yml:3: networks: 127.0.0.1/8 has bits behind its prefix"),
        ("networks: [127.0.0.0/8]\nnevr: [127.0.0.1]", "scope.yml:4: the scope: 'nevr' is not understood"),
        ("networks: [127.0.0.0/8]\ntimes: [{from: 2026-11-27T22:00:00, to: 2027-11-27T22:00:00Z}]", "a time without a zone"),
    ],
)
def test_a_bad_scope_is_refused_before_anything_is_sent(way: str, text: str, words: str, tmp_path: Path) -> None:
    with Counted("127.0.77.1") as servers:
        run = look(way, tmp_path, scope_file(tmp_path, text), servers.port, "127.0.77.1")
        assert run.code == 2 and words in run.err and servers.connections == {"127.0.77.1": 0}, run


@pytest.mark.parametrize("how", ["native", pytest.param("nmap", marks=needs_nmap)])
@pytest.mark.parametrize("text", ["networks: [127.0.78.0/30]", "networks: [127.0.0.0/8]\nnever: [127.0.77.0/30]"])
def test_a_search_touches_nothing_out_of_scope_and_loses_no_address(how: str, text: str, tmp_path: Path) -> None:
    scope = scope_file(tmp_path, text)
    with Counted("127.0.77.1", "127.0.77.2", "127.0.78.1") as servers:
        run = look("audit", tmp_path, scope, servers.port, "127.0.77.0/30", "127.0.78.0/30", options=("--find", how))
        assert servers.connections["127.0.77.1"] == servers.connections["127.0.77.2"] == 0, run
        assert servers.connections["127.0.78.1"] > 0
    coverage = json.loads((tmp_path / "out" / "report.json").read_text())["coverage"]
    assert (coverage["inventory"], coverage["excluded"], coverage["holds"]) == (8, 4, True), run
    assert run.code in (1, 3) and "out of scope" in run.out


def test_a_search_comes_from_the_scope_s_own_addresses_alone(tmp_path: Path) -> None:
    scope = scope_file(tmp_path, "networks: [127.0.0.0/8]\nsources: [127.0.0.9]")
    with Counted("127.0.77.1") as servers:
        for options in (("--find", "native"), ("--find", "native", "--source", "127.0.0.1")):
            run = look("audit", tmp_path, scope, servers.port, "127.0.77.0/30", options=options)
            assert run.code == 2 and servers.connections == {"127.0.77.1": 0}, run
