# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's XML: read whole, cut off, foreign or hostile; only declared errors."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.nmap.model import NmapHost, NmapRun, project_state
from port995.nmap.read_xml import NmapXmlError, read_file, read_files, read_text

HOST = (
    '<host starttime="10" endtime="11"><status state="up" reason="syn-ack" reason_ttl="0"/>'
    '<address addr="192.0.2.%d" addrtype="ipv4"/><hostnames><hostname name="mail.example" type="user"/></hostnames>'
    '<ports><extraports state="filtered" count="2"><extrareasons reason="no-response" count="2" ports="1-2"/></extraports>'
    '<port protocol="tcp" portid="995"><state state="open" reason="syn-ack" reason_ttl="64"/>'
    '<service name="pop3" product="Dovecot" tunnel="ssl" method="probed" conf="10"/>'
    '<script id="ssl-enum-ciphers" output="&#xa;x\\x1b"><table key="TLSv1.2"><table key="ciphers"><table>'
    '<elem key="name">TLS_RSA_WITH_RC4_128_SHA</elem></table></table></table></script></port></ports></host>'
)
HEAD = '<?xml version="1.0"?><!DOCTYPE nmaprun><nmaprun scanner="nmap" version="7.93" args="nmap x" start="9">' \
    '<scaninfo type="connect" protocol="tcp" numservices="3" services="1-2,995"/>'
END = '<runstats><finished time="12" elapsed="1" exit="success"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>'
WHOLE = (HEAD + HOST % 1 + END).encode()


def read(data: bytes) -> tuple[NmapRun, list[NmapHost]]:
    hosts: list[NmapHost] = []
    return read_text(data, "x.xml", lambda _run, host: hosts.append(host)), hosts


def test_a_whole_file_is_read() -> None:
    run, (host,) = read(WHOLE)
    assert run.complete and run.scan_types == ("connect",) and run.tcp_ports == "1-2,995" and run.up == 1
    assert host.address == "192.0.2.1" and host.names == ("mail.example",)
    port = host.port(995)
    assert port is not None and port.state == "open" and port.tunnel == "ssl" and "Dovecot" in port.service
    assert port.scripts[0].values("TLSv1.2/ciphers//name") == ("TLS_RSA_WITH_RC4_128_SHA",)
    told_together = host.port(2)
    assert told_together is not None and (told_together.state, told_together.reason) == ("filtered", "no-response")
    assert host.port(3) is None


@pytest.mark.parametrize("state", ["open|filtered", "unfiltered", "closed|filtered", "odd"])
def test_two_states_at_once_are_none(state: str) -> None:
    assert project_state(state) == "unknown"


@pytest.mark.parametrize("cut", [len(HEAD) + 3, len(HEAD + HOST % 1) + 5, len(WHOLE) - 4, len(HEAD)])
def test_a_file_that_was_cut_off_keeps_what_was_read_and_says_so(cut: int) -> None:
    run, hosts = read(WHOLE[:cut])
    assert not run.complete and "ends before its end" in run.problem
    assert len(hosts) == (cut > len(HEAD + HOST % 1))


def test_an_error_that_nmap_tells_is_told() -> None:
    run, _hosts = read(WHOLE.replace(b'exit="success"', b'exit="error" errormsg="out of luck"'))
    assert "out of luck" in run.problem


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE nmaprun [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><nmaprun args="&b;"/>'
FAR = b'<?xml version="1.0"?><!DOCTYPE nmaprun SYSTEM "file:///etc/passwd"><nmaprun/>'


@pytest.mark.parametrize("data", [LAUGHS, FAR, b"", b"<html/>", b"GIF89a", b"<nmapru", WHOLE.decode().encode("utf-16")[:9],
                                  b'<?xml version="1.0" encoding="nonsense"?><nmaprun/>'])
def test_what_is_hostile_or_foreign_is_refused(data: bytes) -> None:
    with pytest.raises(NmapXmlError, match="is no Nmap XML"):
        read(data)


def test_depth_and_length_are_bounded() -> None:
    assert "deep" in read((HEAD + "<a>" * 100).encode())[0].problem
    assert "longer than" in read((HEAD + '<host comment="' + "x" * 5_000_000).encode())[0].problem


def test_gzip_and_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml.gz").write_bytes(gzip.compress(WHOLE))
    (tmp_path / "b.xml").write_bytes(WHOLE)
    (tmp_path / "c.txt").write_bytes(b"no")
    runs = read_files([str(tmp_path)], lambda _run, _host: None)
    assert [run.complete for run in runs] == [True, True]
    (tmp_path / "d.xml").write_bytes(gzip.compress(WHOLE, 0)[:-20])
    assert not read_file(str(tmp_path / "d.xml"), lambda _run, _host: None).complete
    with pytest.raises(NmapXmlError, match="not there"):
        read_file(str(tmp_path / "none"), lambda _run, _host: None)


def test_ten_megabytes_cost_the_memory_of_a_host(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("w") as file:
        file.write(HEAD)
        for number in range(16000):
            file.write(HOST % (number % 250))
        file.write(END)
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    run = read_file(str(path), lambda _run, _host: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.complete and run.hosts_read == 16000 and peak < 2_000_000


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, 40))
def test_no_octets_raise_anything_undeclared(noise: bytes, at: int, cut: int) -> None:
    for data in (noise, WHOLE[:at] + noise + WHOLE[at + cut :]):
        try:
            run, _hosts = read(data)
        except NmapXmlError:
            continue
        assert isinstance(run.problem, str)
