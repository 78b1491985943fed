# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of hosts as people have them: spreadsheets' CSV with all its habits, and Nmap's XML."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from port995.evidence.given_files import read_list
from port995.evidence.population_file import PopulationError, look_up_names, read_population
from port995.policy.population import CLOSED, FILTERED, OPEN, UNTOLD, Listed, Population

XML = """<?xml version="1.0"?>
<!DOCTYPE nmaprun>
<nmaprun scanner="nmap" args="nmap -Pn -p995 192.0.2.0/28 gone.example" start="1764200000" version="7.95">
<scaninfo type="connect" protocol="tcp" numservices="1" services="995"/>
%s
<runstats><finished time="1764200001" exit="success"/><hosts up="1" down="%d" total="9"/></runstats></nmaprun>
"""


def read(data: bytes | str, name: str = "hosts") -> Population:
    return read_population(data if isinstance(data, bytes) else data.encode(), name)


def host(address: str, state: str = "open", reason: str = "syn-ack", up: str = "user-set", more: str = "") -> str:
    port = f'<port protocol="tcp" portid="995"><state state="{state}" reason="{reason}"/></port>' if state else ""
    return (
        f'<host><status state="up" reason="{up}"/><address addr="{address}" addrtype="ipv4"/>{more}'
        f"<ports>{port}</ports></host>"
    )


def test_columns_are_found_by_their_names_and_others_passed_over() -> None:
    found = read("owner,Host , ADDRESS,note\r\nops,mx.example.org,192.0.2.1,=1+1\r\n,192.0.2.2,,\r\n\r\n")
    assert found.hosts == (
        Listed(("mx.example.org",), ("192.0.2.1",), UNTOLD, "line 2"),
        Listed((), ("192.0.2.2",), UNTOLD, "line 3"),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfhost\nmx.example.org\n",
        "host\nmx.example.org\n".encode("utf-16"),
        b"\xfe\xff" + "host\nmx.example.org\n".encode("utf-16-be"),
        b"host\rmx.example.org\r",
        b'"host"\n"mx.example.org"',
        b"\n\nhost\n  mx.example.org  \n",
        b"a;host;b\n1,5;mx.example.org;\n",
        b"a\thost\n\tmx.example.org\n",
    ],
)
def test_habits_of_spreadsheets_are_understood(data: bytes) -> None:
    assert [one.names for one in read(data).hosts] == [("mx.example.org",)]


def test_names_and_addresses_of_any_kind() -> None:
    found = read("host\nBücher.example\nmx_1\n[2001:DB8::1]\n::ffff:192.0.2.1\nmx.\n")
    assert [(one.names, one.addresses) for one in found.hosts] == [
        (("Bücher.example",), ()), (("mx_1",), ()), ((), ("2001:db8::1",)), ((), ("192.0.2.1",)), (("mx.",), ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "hosts: is empty: the first line names its columns"),
        (b"\n \n", "hosts: is empty"),
        (b"host\n", "hosts: names no host below its header"),
        (b"ip,owner\n192.0.2.1,me\n", "hosts line 1: the header has none of the columns address, host, name"),
        (b"192.0.2.1\n192.0.2.2\n", "hosts line 1: the header has none"),
        (b"host,HOST\na,b\n", "hosts line 1: the column 'host' stands twice"),
        (b"host,note\nmx,a\nmy\n", "hosts line 3: has 1 columns, its header 2"),
        (b"host,note\nmx,a\n,b\n", "hosts line 3: names no host"),
        (b"host\n=cmd|'/c calc'!A0\n", "hosts line 2: host is"),
        (b"host\n@SUM(A1)\n", "hosts line 2: host is"),
        (b"host\n+mx\n", "hosts line 2: host is"),
        (b"host\n-mx\n", "hosts line 2: host is"),
        (b"host\n'192.0.2.1\n", "hosts line 2: host is"),
        (b"host\nmx\nmy host\n", "hosts line 3: host is 'my host', an IP address or a name"),
        (b"host\n192.0.2.0/24\n", "hosts line 2: host is"),
        (b"host\n192.0.2.300\n", "hosts line 2: host is '192.0.2.300'"),
        (b"host\n3221225985\n", "hosts line 2: host is '3221225985'"),
        (b"address\nmx.example.org\n", "hosts line 2: address is 'mx.example.org', an IP address is expected"),
        (b"name\n192.0.2.1\n", "hosts line 2: name is '192.0.2.1', a name is expected"),
        (b"host\n\x1b[2J\n", "hosts line 2: host is '.x1b"),
        (b"host\nmx\nm\xfcller\n", "hosts line 3: is no UTF-8 text"),
        (b"\xff\xfeh\x00o", "is no UTF-16 text|none of the columns"),
        (b"host\nm\x00x\n", "hosts line 2: holds a NUL"),
        (b'host\n"mx\n', "hosts line .: is no CSV"),
        (b"host\n" + b"x" * 70000 + b"\n", "hosts line .: is no CSV"),
        (b"host\n" + b"x" * 64 + b".org\n", "hosts line 2: host is"),
    ],
)
def test_what_is_no_list_is_refused_with_its_line(data: bytes, words: str) -> None:
    with pytest.raises(PopulationError, match=words):
        read(data)


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    for path, word in ((tmp_path / "none", "can't be read"), (tmp_path, "is no plain file")):
        with pytest.raises(PopulationError, match=word):
            read_list(path, [], [], None)


def test_nmaps_states_and_signs_of_life() -> None:
    hosts = [
        host("192.0.2.1"),
        host("192.0.2.2", "closed", "conn-refused"),
        host("192.0.2.3", "filtered", "no-response"),
        host("192.0.2.4", "filtered", "no-response", up="echo-reply"),
        host("192.0.2.5", "", up="arp-response"),
        '<host><status state="down" reason="no-response"/><address addr="192.0.2.6" addrtype="ipv4"/></host>',
        host("192.0.2.7", more='<hostnames><hostname name="mx.example" type="PTR"/></hostnames>'),
        host("192.0.2.8", more='<hostnames><hostname name="mx.example" type="user"/></hostnames>'),
        host("192.0.2.9", "filtered", "no-response").replace(
            "</ports>", '<port protocol="tcp" portid="1995"><state state="open" reason="syn-ack"/>'
            '<service name="pop3" tunnel="ssl"/></port></ports>',
        ),
    ]  # fmt: skip
    found = read(XML % ("".join(hosts), 4))
    assert [(one.addresses, one.names, one.state) for one in found.hosts] == [
        (("192.0.2.1",), (), OPEN),
        (("192.0.2.2",), (), CLOSED),
        (("192.0.2.4",), (), FILTERED),
        (("192.0.2.5",), (), UNTOLD),
        (("192.0.2.7",), (), OPEN),
        (("192.0.2.8",), ("mx.example",), OPEN),
        (("192.0.2.9",), (), OPEN),
        ((), ("gone.example",), UNTOLD),
    ]
    assert found.dark == 5 and not found.problems


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_cut_off_is_a_problem(packed: bool) -> None:
    whole = (XML % (host("192.0.2.1") * 300, 0)).encode()
    data = gzip.compress(whole)[:-200] if packed else whole[:-200]
    found = read(data)
    assert found.problems and found.hosts


def test_gzip_and_utf_16_are_read() -> None:
    text = XML % (host("192.0.2.1"), 0)
    for number, data in enumerate((gzip.compress(text.encode()), text.replace("?>", ' encoding="UTF-16"?>', 1).encode("utf-16"))):
        assert [one.state for one in read(data, f"hosts{number}").hosts] == [OPEN, UNTOLD]


@pytest.mark.parametrize("data", ["<html></html>", "<", '<!DOCTYPE nmaprun [<!ENTITY a "b">]><nmaprun/>'])
def test_foreign_xml_is_refused(data: str) -> None:
    with pytest.raises(PopulationError, match="hosts is no Nmap XML"):
        read(data)


def test_names_are_looked_up_within_their_time() -> None:
    local, nobody = look_up_names(["localhost", "nobody.invalid"], 5)
    assert local.outcome == "resolved" and {"127.0.0.1", "::1"} & set(local.addresses)
    assert nobody.outcome != "resolved" and not nobody.addresses
    assert look_up_names([], 5) == ()
