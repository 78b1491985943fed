# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, then check, over a network with open, closed, rejecting and silent addresses, in namespaces of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..bench.namespaces import Namespaces
from .dovecot.certificates import make_chain
from .dovecot.server import Dovecot, dovecot_binary

pytestmark = [pytest.mark.wide, pytest.mark.skipif(
    os.geteuid() != 0 or dovecot_binary() is None or any(shutil.which(word) is None for word in ("nft", "ip")),
    reason="needs root, Dovecot, nft and ip",
)]
needs_nmap = pytest.mark.skipif(shutil.which("nmap") is None, reason="needs nmap")
DTD = Path("/usr/share/nmap/nmap.dtd")
NET, DARK, OPEN, CLOSED, REJECTING, BANNING = (
    "198.18.0.0/29", "198.19.0.0/28", "198.18.0.1", "198.18.0.2", "198.18.0.3", "198.18.0.5",
)  # fmt: skip
OTHER_SOURCE = "198.19.254.1"
ELSEWHERE = 20995
"""A port that no table knows, on which the open host speaks POP3S too."""
LISTEN = """\
service pop3-login {
  inet_listener pop3s_elsewhere {
    port = %d
    ssl = yes
  }
}
""" % ELSEWHERE
RULES = f"""\
add table inet f
add chain inet f input {{ type filter hook input priority 0; }}
add rule inet f input ip daddr {REJECTING} tcp dport 1-65535 reject with icmpx type admin-prohibited
add rule inet f input ip daddr {BANNING} tcp dport 995 tcp flags & (syn|ack) == syn limit rate 1/hour burst 1 packets accept
add rule inet f input ip daddr {BANNING} tcp dport 995 tcp flags & (syn|ack) == syn reject with tcp reset
"""
SERVER = """\
import socket, sys
listener = socket.create_server((sys.argv[1], 995), backlog=64)
print("ready", flush=True)
while True:
    listener.accept()[0].close()
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespaces]:
    folder = tmp_path_factory.mktemp("dovecot")
    chain, key, _ca = make_chain(folder / "pki", "mail.test.example")
    with Namespaces() as made:
        (Path("/etc/netns") / made.client / "resolv.conf").write_text("")
        subprocess.run(["ip", "-n", made.client, "address", "add", f"{OTHER_SOURCE}/32", "dev", "cable0"], check=True)
        subprocess.run(["ip", "-n", made.server, "route", "add", f"{OTHER_SOURCE}/32", "dev", "cable0"], check=True)
        server = Dovecot(folder, chain, key, listen=OPEN, extra=LISTEN, pop3s_port=995, pop3_port=110)
        server.start(prefix=made.in_server)
        banning = subprocess.Popen(
            [*made.in_server, sys.executable, "-c", SERVER, BANNING], stdout=subprocess.PIPE, text=True
        )
        assert banning.stdout is not None and banning.stdout.readline() == "ready\n"
        ban_anew(made)
        yield made
        banning.kill()
        banning.wait()
        banning.stdout.close()
        server.stop()


def ban_anew(network: Namespaces) -> None:
    """Let one connection to the host with a ban pass again."""
    subprocess.run([*network.in_server, "nft", "delete table inet f"], capture_output=True)
    subprocess.run([*network.in_server, "nft", "-f", "-"], input=RULES, text=True, check=True)


def command(network: Namespaces, *words: object) -> list[str]:
    return [*network.in_client, sys.executable, "-m", "port995", *map(str, words)]


def inside(network: Namespaces, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(network, *words), capture_output=True, text=True, timeout=100)


def report_of(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def status(report: dict[str, Any], check: str, host: str) -> list[str]:
    return [r["status"] for r in report["results"] if r["check_id"] == check and r["host"] == host]


def test_every_address_of_the_ranges_is_in_the_report_and_only_the_open_one_is_looked_at(
    network: Namespaces, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = inside(network, "audit", "--find", "native", "--connect-timeout", 1, "--exclude", BANNING, "--out", out, NET, DARK)
    report = report_of(out)
    counts = {host["name"]: host.get("count", 1) for host in report["hosts"]}
    assert counts == {
        OPEN: 1,
        f"{NET} [pop3s closed conn-refused, pop3 closed conn-refused]": 5,
        f"{NET} [pop3s filtered admin-prohibited, pop3 filtered admin-prohibited]": 1,
        f"{DARK} [pop3s filtered no-response, pop3 filtered no-response]": 16,
    }, run
    assert report["coverage"]["equation"] == "inventory 23 = assessed 6 + unreachable 17 + excluded 0"
    by_name = {name: status(report, "POP3S-PORT-001", name) for name in counts}
    assert list(by_name.values()) == [["pass"], ["fail"], ["unreachable"], ["unreachable"]] or sorted(
        map(tuple, by_name.values())
    ) == [("fail",), ("pass",), ("unreachable",), ("unreachable",)]
    assert by_name[OPEN] == ["pass"]
    assert "inventory 23 = assessed 6 + unreachable 17" in run.stdout
    assert run.returncode == inside(network, "gate", out).returncode == 1
    seen = [json.loads(line) for line in (out / "journal-controller.jsonl").read_text().splitlines()]
    assert sorted({one["told_by"] for one in seen if one["address"] == OPEN}) == ["", "sweep"], "both words are kept"
    looked_at = {one["address"] for one in seen if one["told_by"] == ""}
    assert looked_at == {OPEN}
    suites = ET.parse(out / "TEST-port995.xml").getroot()
    assert any(one.get("value") == "16" for one in suites.iter("property") if one.get("name") == "hosts told together")


def test_closed_is_proven_to_two_sources_for_all_of_them_and_dark_never(network: Namespaces, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = inside(
        network, "audit", "--find", "native", "--intent", "closed", "--connect-timeout", 1, "--source", "198.19.255.1",
        "--source", OTHER_SOURCE, "--exclude", f"{OPEN},3,5".replace(f"{OPEN},3,5", "198.18.0.1,3,5"), "--out", out,
        NET, DARK,
    )  # fmt: skip
    report = report_of(out)
    states = {host["name"]: status(report, "POP3S-PORT-001", host["name"]) for host in report["hosts"]}
    assert sorted(map(tuple, states.values())) == [("pass",), ("unreachable",)], run
    assert report["coverage"]["assessed"] == 5 and report["coverage"]["unreachable"] == 16


def test_a_ban_between_the_two_looks_is_shown_everywhere_and_proves_nothing(network: Namespaces, tmp_path: Path) -> None:
    for intent, expected in (("serve", "fail"), ("closed", "fail")):
        ban_anew(network)
        out = tmp_path / intent
        run = inside(
            network, "audit", "--find", "native", "--intent", intent, "--pop3-port", 0, "--out", out, "198.18.0.5-5"
        )
        report = report_of(out)
        mine = [r for r in report["results"] if r["check_id"] == "POP3S-PORT-001"]
        assert [r["status"] for r in mine] == [expected], run
        assert any("the sweep found port 995 open" in line for line in mine[0]["evidence"]), mine
        assert "not_tested" in mine[0]["message"] or "found it open" in mine[0]["message"]
        assert "the sweep found" in (out / "TEST-port995.xml").read_text()
        assert run.returncode == 1
    ban_anew(network)
    scan = inside(network, "scan", "--find", "native", "--pop3-port", 0, "198.18.0.5-5")
    assert scan.returncode == 3 and "the sweep found it open (syn-ack), and afterwards it was closed" in scan.stderr


@needs_nmap
def test_nmap_finds_and_this_probe_checks(network: Namespaces, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = inside(network, "audit", "--find", "nmap", "--exclude", BANNING, "--out", out, NET)
    report = report_of(out)
    assert {host.get("count", 1) for host in report["hosts"]} == {1, 5}, run
    assert report["coverage"]["inventory"] == 7
    assert status(report, "POP3S-PORT-001", OPEN) == ["pass"]
    assert status(report, "POP3S-VER-001", OPEN) == ["pass"], "Nmap's word beside it takes nothing from what was seen"
    (port,) = [r for r in report["results"] if r["check_id"] == "POP3S-PORT-001" and r["host"] == OPEN]
    assert any(line.startswith("Nmap found port 995 open") for line in port["evidence"])


@needs_nmap
def test_nmap_finds_pop3s_on_any_port(network: Namespaces, tmp_path: Path) -> None:
    ports = f"990-999,{ELSEWHERE}"
    scan = inside(network, "scan", "--find", "nmap", "-p", ports, "--lines", "--pop3-port", 0, OPEN)
    lines = dict(re.findall(rf"^{OPEN}:(\d+)  pop3s  (\w+)", scan.stdout, re.MULTILINE))
    assert lines == {"995": "open", str(ELSEWHERE): "open"}, scan
    assert scan.stdout.count("POP3 '+OK") == 2
    out = tmp_path / "out"
    run = inside(network, "audit", "--find", "nmap", "-p", str(ELSEWHERE) + ",996-997", "--out", out, OPEN)
    assert any(host["endpoints"] == [f"{OPEN}:{ELSEWHERE}"] for host in report_of(out)["hosts"]), run


@needs_nmap
def test_all_ports_of_a_host_are_one_command(network: Namespaces) -> None:
    scan = inside(network, "scan", "--find", "nmap", "-p-", "--lines", "--pop3-port", 0, OPEN)
    assert set(re.findall(rf"^{OPEN}:(\d+)  pop3s  open", scan.stdout, re.MULTILINE)) == {"995", str(ELSEWHERE)}, scan


def test_what_nc_telnet_and_an_online_scanner_tell(network: Namespaces) -> None:
    """The state of a port, as ``nc -zv`` tells it, and the banner of the clear-text port, as ``telnet`` shows it."""
    ban_anew(network)
    run = inside(
        network, "scan", "--depth", "port", "--pop3-port", 0, "--connect-timeout", 1, OPEN, CLOSED, REJECTING, "198.19.0.1"
    )
    told = dict(re.findall(r"^([0-9.]+):995  pop3s  (\w+)", run.stdout, re.MULTILINE))
    assert told == {OPEN: "open", CLOSED: "closed", REJECTING: "filtered", "198.19.0.1": "filtered"}, run
    banner = inside(network, "scan", "--lines", OPEN)
    assert re.search(rf"^{OPEN}:110  pop3  open \(syn-ack\)  clear text '\+OK", banner.stdout, re.MULTILINE), banner


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_while_searching_loses_no_address(network: Namespaces, tmp_path: Path, number: signal.Signals) -> None:
    out, xml = tmp_path / "out", tmp_path / "n.xml"
    process = subprocess.Popen(
        command(network, "audit", "--find", "native", "--connect-timeout", 30, "--out", out, "-oX", xml, DARK, OPEN),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    waiting = [*network.in_client, "ss", "-Htn", "state", "syn-sent"]
    until = time.monotonic() + 60
    while not subprocess.run(waiting, capture_output=True, text=True).stdout.strip():
        assert time.monotonic() < until and process.poll() is None, "no SYN was sent"
        time.sleep(0.1)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 3, (stdout, stderr)
    report = report_of(out)
    assert report["coverage"]["equation"] == "inventory 17 = assessed 0 + unreachable 17 + excluded 0"
    assert report["coverage"]["reasons"] == {"cancelled": 17}
    assert ET.parse(xml).getroot().find("runstats/finished").get("exit") == "error"  # type: ignore[union-attr]


@pytest.mark.skipif(shutil.which("xmllint") is None or not DTD.exists(), reason="needs xmllint and Nmap's DTD")
def test_judged_xml_is_as_nmaps_dtd_says_and_ndiff_and_python_nmap_read_it(network: Namespaces, tmp_path: Path) -> None:
    xml = tmp_path / "n.xml"
    run = inside(
        network, "audit", "--find", "native", "--connect-timeout", 1, "--exclude", BANNING, "--out", tmp_path / "out",
        "-oX", xml, NET, DARK,
    )  # fmt: skip
    assert run.returncode == 1, run
    for words in (["xmllint", "--noout", "--dtdvalid", DTD, xml], ["ndiff", xml, xml]):
        if shutil.which(str(words[0])) is not None:
            done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr
    script = (
        "import json, nmap, pathlib, sys; scanner = nmap.PortScanner();"
        " json.dump(scanner.analyse_nmap_xml_scan(pathlib.Path(sys.argv[1]).read_text()), sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script, xml], capture_output=True, text=True, timeout=20)
    if "No module named 'nmap'" not in done.stderr:
        read = json.loads(done.stdout)
        script = read["scan"][OPEN]["tcp"]["995"]["script"]["port995"]
        assert "POP3S-PORT-001: status pass" in script and "POP3S-CERT-001: status" in script and "tls: outcome" in script
        assert read["scan"][CLOSED]["tcp"]["995"]["state"] == "closed"
        assert read["nmap"]["scanstats"]["totalhosts"] == "23"
    assert ET.parse(xml).getroot().find("runstats/finished").get("exit") == "success"  # type: ignore[union-attr]
