# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's XML under the name that was asked for is whole, and says so where the run is not; or there is none."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from port995.nmap.end_xml import copy_ended
from port995.nmap.model import NmapHost
from port995.nmap.read_xml import read_file
from port995.nmap.run import NmapRequest, find_nmap, run_nmap

DTD = Path("/usr/share/nmap/nmap.dtd")
HOST = (
    '<host starttime="1" endtime="2"><status state="up" reason="syn-ack" reason_ttl="0"/>'
    '<address addr="192.0.2.%d" addrtype="ipv4"/><hostnames>\n</hostnames><ports><port protocol="tcp" portid="995">'
    '<state state="open" reason="syn-ack" reason_ttl="0"/><service name="pop3s" method="table" conf="3"/>'
    '<script id="x" output="a &gt; b&#xa;c &lt;/host&gt;"/></port></ports></host>\n'
)
WHOLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n<!-- Nmap 7.93 -->\n'
    '<nmaprun scanner="nmap" args="nmap" start="1" version="7.93" xmloutputversion="1.05">\n'
    '<scaninfo type="connect" protocol="tcp" numservices="1" services="995"/>\n<verbose level="0"/>\n<debugging level="0"/>\n'
    + "".join(HOST % number for number in (1, 2, 3))
    + '<runstats><finished time="3" timestr="x" elapsed="2" summary="done" exit="success"/>'
    '<hosts up="3" down="0" total="3"/>\n</runstats>\n</nmaprun>\n'
)


def ended(text: str, folder: Path, problem: str = "") -> ET.Element | None:
    (folder / "nmap").write_text(text)
    target = folder / "out.xml"
    target.unlink(missing_ok=True)
    if not copy_ended(str(folder / "nmap"), str(target), problem):
        assert not target.exists()
        return None
    return ET.parse(target).getroot()


def test_a_whole_file_is_copied_as_it_is(tmp_path: Path) -> None:
    ended(WHOLE, tmp_path)
    assert (tmp_path / "out.xml").read_text() == WHOLE


def test_wherever_it_was_cut_off_it_is_whole_afterwards_and_says_that_it_is_not_all(tmp_path: Path) -> None:
    valid = shutil.which("xmllint") is not None and DTD.exists()
    for cut in range(0, len(WHOLE) - 2, 7):
        root = ended(WHOLE[:cut], tmp_path)
        if root is None:
            assert cut < WHOLE.index("<scaninfo")
            continue
        finished = root.find("runstats/finished")
        assert finished is not None and finished.get("exit") == "error" and finished.get("errormsg")
        hosts = [address.get("addr") for address in root.iter("address")]
        assert hosts == [f"192.0.2.{n}" for n in (1, 2, 3) if WHOLE.index(HOST % n) + len(HOST % n) - 1 <= cut]
        told: list[NmapHost] = []
        assert "error" in read_file(str(tmp_path / "out.xml"), lambda _run, host: told.append(host)).problem
        assert len(told) == len(hosts)
        if valid and cut % 5 == 0 and cut > WHOLE.index(HOST % 1):
            check = ["xmllint", "--noout", "--dtdvalid", str(DTD), str(tmp_path / "out.xml")]
            done = subprocess.run(check, capture_output=True, text=True)
            assert done.returncode == 0, (cut, done.stderr)


def test_a_run_that_failed_at_its_end_is_no_success(tmp_path: Path) -> None:
    root = ended(WHOLE, tmp_path, 'killed "by" <somebody>\x1b')
    assert root is not None
    finished = root.find("runstats/finished")
    assert finished is not None and finished.get("errormsg") == 'killed "by" <somebody>?'
    assert len(root.findall("runstats")) == 1 and len(root.findall("host")) == 3


def test_what_can_not_be_written_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "nmap").write_text(WHOLE)
    with pytest.raises(OSError, match="out"):
        copy_ended(str(tmp_path / "nmap"), str(tmp_path / "none" / "out.xml"), "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        copy_ended(str(tmp_path / "nmap"), str(tmp_path / "folder"), "")
    assert {path.name for path in tmp_path.iterdir()} == {"nmap", "folder"}


def fake(folder: Path, script: str) -> str:
    path = folder / "nmap"
    path.write_text(f"#!/bin/sh\ncase $1 in --version) echo Nmap version 7.93; exit;; esac\n{script}\n")
    path.chmod(0o755)
    return str(path)


KILLED = """for word; do case $last in -oX) out=$word;; esac; last=$word; done
printf '%s' "$(cat PART)" > $out
kill -9 $$"""


def test_an_nmap_that_is_killed_in_the_middle_keeps_what_it_wrote_marked_incomplete(tmp_path: Path) -> None:
    (tmp_path / "part").write_text(WHOLE[: WHOLE.index(HOST % 3) + 100])
    binary = find_nmap(fake(tmp_path, KILLED.replace("PART", str(tmp_path / "part"))))
    hosts: list[NmapHost] = []
    result = run_nmap(
        NmapRequest(("192.0.2.1-3", "192.0.2.9")), lambda _run, host: hosts.append(host), binary=binary,
        xml_to=str(tmp_path / "out.xml"),
    )  # fmt: skip
    assert not result.run.complete and result.exit_code == -9 and [one.address for one in hosts] == ["192.0.2.1", "192.0.2.2"]
    assert result.unreported == ("192.0.2.9",)
    finished = ET.parse(tmp_path / "out.xml").getroot().find("runstats/finished")
    assert finished is not None and finished.get("exit") == "error"
