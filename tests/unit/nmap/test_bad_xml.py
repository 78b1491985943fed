# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input from Nmap's side: very long files, hosts without IPv4, control characters, a run that is not permitted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from port995.nmap.model import NmapHost
from port995.nmap.python_nmap import GET_IT
from port995.nmap.read_xml import read_text
from port995.nmap.run import NmapError, NmapRequest, find_nmap, run_nmap

HEAD = '<nmaprun version="7.93" args="nmap x"><scaninfo type="connect" protocol="tcp" numservices="1" services="995"/>'
TAIL = '<runstats><finished time="1" elapsed="1" exit="success"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>'

LONG = f"""
import resource, sys
from port995.nmap.read_xml import read_stream

HOST = (b'<host><status state="up"/><address addr="192.0.2.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="995">'
        b'<state state="open" reason="syn-ack"/><script id="x" output="' + b"y" * 20000 + b'"/></port></ports></host>')

class Stream:
    parts = [{HEAD.encode()!r}] + [HOST] * 5200 + [{TAIL.encode()!r}]
    octets = 0
    def read(self, size):
        part = self.parts.pop(0) if self.parts else b""
        Stream.octets += len(part)
        return part

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = []
run = read_stream(Stream(), "long.xml", lambda run, host: count.append(None))
print(Stream.octets, len(count), run.problem == "", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_hundred_megabytes_cost_the_memory_of_a_host() -> None:
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, timeout=120)
    octets, hosts, whole, grown = done.stdout.split()
    assert int(octets) > 100_000_000 and int(hosts) == 5200 and whole == "True", done
    assert int(grown) < 20_000, "KiB"


def test_a_host_without_ipv4_is_read_by_its_ipv6_address() -> None:
    hosts: list[NmapHost] = []
    text = (
        HEAD + '<host><status state="up"/><address addr="00:00:5E:00:53:01" addrtype="mac"/>'
        '<address addr="2001:db8::1" addrtype="ipv6"/><ports><port protocol="tcp" portid="995">'
        '<state state="open" reason="syn-ack"/></port></ports></host>' + TAIL
    )
    read_text(text.encode(), "six.xml", lambda _run, host: hosts.append(host))
    assert [(one.address, one.family) for one in hosts] == [("2001:db8::1", 6)]


@pytest.mark.parametrize("what", ["\x1b[31m", "\x00", "&#27;", "&#0;"])
def test_control_characters_that_are_no_xml_are_told_and_not_shown(what: str) -> None:
    hosts: list[NmapHost] = []
    script = f'<port protocol="tcp" portid="995"><state state="open"/><script id="x" output="{what}"/></port>'
    text = HEAD + f"<host><status state='up'/><address addr='192.0.2.1'/><ports>{script}</ports></host>" + TAIL
    run = read_text(text.encode(), "c.xml", lambda _run, host: hosts.append(host))
    assert run.problem and not hosts and run.problem.isprintable()


def fake(folder: Path, script: str) -> str:
    path = folder / "nmap"
    path.write_text(f"#!/bin/sh\ncase $1 in --version) echo Nmap version 7.93; exit;; esac\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_scan_that_is_not_permitted_says_that_privileges_lack(tmp_path: Path) -> None:
    told = "Couldn't open a raw socket. Error: Operation not permitted (1)"
    binary = find_nmap(fake(tmp_path, f'echo "{told}" >&2; exit 1'))
    with pytest.raises(NmapError, match="needs privileges that this user lacks"):
        run_nmap(NmapRequest(("192.0.2.1",)), lambda _run, _host: None, binary=binary)


FORM = """
import json, sys
from port995.nmap.python_nmap import PythonNmapError, as_python_nmap
try:
    print(json.dumps(as_python_nmap(sys.argv[1], sys.argv[2])["scan"]))
except PythonNmapError as error:
    print("ERROR", error)
"""


def form_of(path: Path, nmap: str, *flags: str) -> str:
    # In a process of its own, since a folder of tests may bear the name of that library here.
    command = [sys.executable, *flags, "-c", FORM, str(path), nmap]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=path.parent).stdout


def test_the_form_of_python_nmap_is_its_own_and_refuses_what_our_reader_refuses(tmp_path: Path) -> None:
    nmap = fake(tmp_path, 'case $1 in -V) echo "Nmap version 7.93 ( https://nmap.org )";; esac')
    good = tmp_path / "good.xml"
    good.write_text(
        HEAD + '<host><status state="up" reason="x"/><address addr="192.0.2.1" addrtype="ipv4"/><ports>'
        '<port protocol="tcp" portid="995"><state state="open" reason="syn-ack"/></port></ports></host>' + TAIL
    )
    told = form_of(good, nmap)
    if GET_IT in told:
        pytest.skip("needs python-nmap")
    assert '"192.0.2.1"' in told and '"state": "open"' in told
    good.write_text("<root/>")
    assert form_of(good, nmap).startswith("ERROR") and "no Nmap XML" in form_of(good, nmap)
    assert form_of(tmp_path / "none.xml", nmap).startswith("ERROR Nmap wrote nothing")


def test_a_missing_python_nmap_says_how_to_get_it(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['nmap'] = None\n"
    command = [sys.executable, "-c", blocked + FORM, str(tmp_path / "x"), "nmap"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "python-nmap is not there" in done.stdout and "pip install python-nmap" in done.stdout, done
