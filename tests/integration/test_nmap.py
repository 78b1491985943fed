# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap and this probe on the same hosts: open, closed, rejecting and silent ones, in namespaces of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..bench.namespaces import Namespaces
from .command_line import port995

OPEN, CLOSED, REJECTING, SILENT = "198.18.0.1", "198.18.0.2", "198.18.0.3", "198.19.0.1"
EXPECTED = {OPEN: "open", CLOSED: "closed", REJECTING: "filtered", SILENT: "filtered"}
LISTEN = """\
import socket
# A server that greets, and closes: one that is silent costs Nmap's -sV a quarter of a minute.
listener = socket.create_server(("198.18.0.1", 995))
print("ready", flush=True)
while True:
    connection = listener.accept()[0]
    try:
        connection.sendall(b"+OK ready\\r\\n")
    except OSError:
        pass
    connection.close()
"""
needs = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(word) is None for word in ("nmap", "nft", "ip")),
    reason="needs root, nmap, nft and ip",
)
DTD = Path("/usr/share/nmap/nmap.dtd")
RULE = f"add rule inet f input ip daddr {REJECTING} tcp dport 1-65535 reject with icmpx type admin-prohibited"


@pytest.fixture(scope="module")
def network() -> Iterator[Namespaces]:
    with Namespaces() as made:
        # No name server at all: Nmap waits a quarter of a minute for names of a silent one.
        (Path("/etc/netns") / made.client / "resolv.conf").write_text("")
        nft = "add table inet f; add chain inet f input { type filter hook input priority 0; }; " + RULE
        subprocess.run([*made.in_server, "nft", nft], check=True)
        server = subprocess.Popen([*made.in_server, sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        yield made
        server.kill()
        server.wait()
        server.stdout.close()


def inside(network: Namespaces, *words: object) -> subprocess.CompletedProcess[str]:
    command = [*network.in_client, sys.executable, "-m", "port995", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def states(lines: str) -> dict[str, str]:
    return dict(re.findall(r"^([0-9.]+):995\S*  pop3s  (\w+)", lines, re.MULTILINE))


@needs
@pytest.mark.parametrize("scan_type", ["connect", "syn"])
def test_nmap_and_the_native_engine_agree(network: Namespaces, scan_type: str) -> None:
    nmap = inside(network, "scan", "--engine", "nmap", "--nmap-scan-type", scan_type, "-Pn", *EXPECTED)
    native = inside(
        network, "scan", "--lines", "--pop3-port", 0, "--depth", "port", "--connect-timeout", 1, *EXPECTED
    )
    assert states(nmap.stdout) == states(native.stdout) == EXPECTED, (nmap, native)


@pytest.fixture(scope="module")
def ours(network: Namespaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XML that the native engine wrote of all hosts."""
    xml = tmp_path_factory.mktemp("xml") / "n.xml"
    run = inside(
        network, "scan", "--lines", "--pop3-port", 0, "--depth", "port", "--connect-timeout", 1, "-oX", xml, *EXPECTED
    )
    assert states(run.stdout) == EXPECTED, run
    return xml


def read_by(program: str, *words: object) -> None:
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


@needs
@pytest.mark.skipif(shutil.which("xmllint") is None or not DTD.exists(), reason="needs xmllint and Nmap's DTD")
def test_our_xml_is_as_nmaps_dtd_says(ours: Path) -> None:
    read_by("xmllint", "--noout", "--dtdvalid", DTD, ours)


@needs
@pytest.mark.skipif(shutil.which("ndiff") is None, reason="needs ndiff")
def test_ndiff_reads_our_xml(ours: Path) -> None:
    read_by("ndiff", ours, ours)


@needs
def test_python_nmap_reads_our_xml(ours: Path) -> None:
    # In a process of its own, since a folder of tests may bear the name of that library here.
    script = (
        "import json, nmap, pathlib, sys; scanner = nmap.PortScanner();"
        " json.dump(scanner.analyse_nmap_xml_scan(pathlib.Path(sys.argv[1]).read_text())['scan'], sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script, ours], capture_output=True, text=True, timeout=20)
    if "No module named 'nmap'" in done.stderr:
        pytest.skip("needs python-nmap")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert {host: one["tcp"]["995"]["state"] for host, one in read.items()} == EXPECTED


COMMANDS = [["-p", "995", OPEN], ["-p", "990-999", OPEN], ["-p", "995", "-sV", OPEN], ["-p-", CLOSED]]


@needs
@pytest.mark.parametrize("words", COMMANDS)
def test_each_of_four_nmap_commands_is_one_of_ours(network: Namespaces, words: list[str]) -> None:
    ours = inside(network, "scan", "--engine", "nmap", *words)
    theirs = subprocess.run([*network.in_client, "nmap", *words], capture_output=True, text=True, timeout=60)
    assert ours.returncode == 0, ours
    listed = dict(re.findall(r"^(\d+)/tcp +(\w+)", theirs.stdout, re.MULTILINE))
    told = dict(re.findall(r"^198\.18\.0\.\d:(\d+)  pop3s  (\w+)", ours.stdout, re.MULTILINE))
    assert {port: told[port] for port in listed} == listed
    assert ("65535 ports closed" in ours.stdout) is (words[0] == "-p-")


@pytest.mark.parametrize("word", ["-oN", "--script=x", "$(id)", "a b"])
def test_bad_input_ends_with_exit_code_2_before_anything_runs(word: str) -> None:
    assert port995("scan", "--engine", "nmap", "--", word).code == 2


def test_what_nmap_does_not_list_is_never_proven_absent(tmp_path: Path) -> None:
    """A file that says good things only: nothing of what would need a refusal passes."""
    ciphers = "".join(
        f'<table key="{version}"><table key="ciphers"><table><elem key="name">{suite}</elem></table></table></table>'
        for version, suite in (("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), ("TLSv1.3", "TLS_AKE_WITH_AES_128_GCM_SHA256"))
    )
    xml = tmp_path / "scan.xml"
    good = (
        '<nmaprun scanner="nmap" version="7.93" args="nmap 192.0.2.1"><host><status state="up" reason="syn-ack"/>'
        '<address addr="192.0.2.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="995"><state state="open" reason="syn-ack"/>'
        f'<script id="ssl-enum-ciphers" output="">{ciphers}</script><script id="pop3-capabilities" output="TOP UIDL USER"/>'
        '</port></ports></host><runstats><finished time="1" elapsed="1" exit="success"/>'
        '<hosts up="1" down="0" total="1"/></runstats></nmaprun>'
    )
    xml.write_text(good)
    for profile in ("baseline", "strict"):
        run = port995("judge", xml, "--profile", profile, "--out", tmp_path / profile)
        assert run.code == 3, run
        passed = passes(tmp_path / profile)
        assert "POP3S-PORT-001" in passed
        assert passed <= ALLOWED, passed - ALLOWED
        assert port995("judge", tmp_path / profile, "--at", "2030-01-01", "-q").code == 3
    xml.write_text(good.replace("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_RC4_128_SHA"))
    assert port995("judge", xml, "--out", tmp_path / "weak").code == 1, "a weak suite that Nmap lists is a fail"
    xml.write_text(good[:-30])
    cut = port995("judge", xml, "--out", tmp_path / "cut")
    assert cut.code == 3 and "is not whole" in cut.out + cut.err


ALLOWED = {"POP3S-PORT-001", "POP3S-COV-000", "POP3S-COV-001", "POP3S-FLT-001", "POP3S-FLT-002"}
"""What a port's state alone proves; the rest is of what was taken."""


def passes(folder: Path) -> set[str]:
    report = json.loads((folder / "report.json").read_text())
    return {one["check_id"] for one in report["results"] if one["status"] == "pass"}
