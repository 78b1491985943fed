# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens: on this machine's own sockets, and on what kernels and systemd of others write."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from port995.probe.host import addresses, listeners

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:03E3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21345 1 0 100 0 0 10 0
   1: 0100007F:006E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   120        0 21346 1 0 100 0 0 10 0
   2: 0B0200C0:03E3 016433C6:D431 01 00000000:00000000 00:00000000 00000000     0        0 21347 1 0 20 4 30 10 -1
"""
SIX = TABLE.splitlines(keepends=True)[0] + (
    "   0: B80D0120000000000000000001000000:03E3 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000"
    " 00000000     0        0 21348 1 0 100 0 0 10 0\n"
)


def test_it_sees_its_own_listener_and_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        ports = server.getsockname()[1], six.getsockname()[1]
        found = listeners.look(ports)
        assert found.families == (4, 6) and found.settled(ports[0]) and found.settled(ports[1])
        assert {(one.family, one.address, one.port) for one in found.listeners} == {
            (4, "127.0.0.1", ports[0]), (6, "::1", ports[1]),
        }  # fmt: skip
        for one in found.listeners:
            mine = [process for process in one.processes if process.pid == os.getpid()]
            assert mine and mine[0].executable == os.path.realpath("/proc/self/exe") and mine[0].uid == os.getuid()
    assert listeners.look(ports).listeners == ()


@pytest.mark.parametrize(("v6only", "takes_ipv4"), [(1, False), (0, True)])
def test_it_sees_whether_a_socket_takes_both_families(v6only: int, takes_ipv4: bool) -> None:
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        server.bind(("::", 0))
        server.listen()
        [found] = listeners.look([server.getsockname()[1]]).listeners
        assert found.takes_ipv4 is takes_ipv4


def test_a_connection_is_no_listener(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(TABLE)
    (tmp_path / "tcp6").write_text(SIX)
    assert listeners.read_table(str(tmp_path / "tcp"), (995, 110)) == [
        ("0.0.0.0", 995, 0, "21345"), ("127.0.0.1", 110, 120, "21346"),
    ]  # fmt: skip
    assert listeners.read_table(str(tmp_path / "tcp"), (993,)) == []
    assert listeners.read_table(str(tmp_path / "tcp6"), (995,)) == [("2001:db8::1", 995, 0, "21348")]


@pytest.mark.parametrize("text", ["", "nothing\n", TABLE + "   3: 00000000:03E3\n", TABLE.replace("00000000:03E3", "0000:03E3", 1)])
def test_a_table_that_is_none_is_not_an_empty_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(text)
    with pytest.raises(ValueError):
        listeners.read_table(str(tmp_path / "tcp"), (995,))


def proc(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    (folder / "net").mkdir()
    for name, text in files.items():
        (folder / "net" / name).write_text(text)
    monkeypatch.setattr(listeners, "PROC", str(folder))


def test_a_family_that_can_t_be_read_is_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc(tmp_path, monkeypatch, tcp=TABLE, tcp6="cut")
    found = listeners.look((995,))
    assert found.families == (4,) and not found.settled(995) and len(found.on(995)) == 1
    assert "IPv6 is not seen" in found.unseen[0]


def test_a_table_that_is_gone_is_unseen_where_the_host_speaks_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc(tmp_path, monkeypatch, tcp=TABLE)
    monkeypatch.setattr(listeners, "speaks_ipv6", lambda: True)
    assert not listeners.look((995,)).settled(995)
    monkeypatch.setattr(listeners, "speaks_ipv6", lambda: False)
    found = listeners.look((995,))
    assert found.absent_families == (6,) and found.settled(995)


def test_no_table_at_all_is_not_a_host_without_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc(tmp_path, monkeypatch)
    monkeypatch.setattr(listeners, "speaks_ipv6", lambda: False)
    found = listeners.look((995,))
    assert found.families == found.absent_families == () and not found.settled(995)


def test_a_socket_that_nobody_is_seen_to_hold_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc(tmp_path, monkeypatch, tcp=TABLE, tcp6=SIX.splitlines(keepends=True)[0])
    [found] = listeners.look((995,)).listeners
    assert found.processes == () and found.unseen[0].startswith("no process is seen to hold it")


@pytest.mark.parametrize(("text", "unit"), [
    ("0::/system.slice/dovecot.service\n", "dovecot.service"),
    ("12:pids:/x\n1:name=systemd:/system.slice/courier-pop-ssl.service\n0::/\n", "courier-pop-ssl.service"),
    ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
    ("0::/system.slice/docker-0123abcd.scope\n", "docker-0123abcd.scope"),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/own.service\n", "user@1000.service"),
    ("0::/machine.slice/x\n", None), ("0::/\n", None), ("", None), ("garbage", None),
    ("0::/system.slice/bad\x1bname.service\n", None),
])  # fmt: skip
def test_the_unit_of_a_process(text: str, unit: str | None) -> None:
    assert listeners.unit_of(text) == unit


LISTED = """\
/run/systemd/journal/socket           systemd-journald.socket systemd-journald.service
0.0.0.0:143                           dovecot.socket          dovecot.service
[::]:995                              pop3s.socket            pop3s@0.service
995                                   other.socket            -
audit 1                               systemd-journald-audit.socket systemd-journald.service
[::]:9950                             far.socket              far.service
"""


def test_socket_units_of_a_port() -> None:
    assert listeners.parse_socket_units(LISTED, (995,)) == [("pop3s.socket", "[::]:995"), ("other.socket", "995")]
    assert listeners.parse_socket_units(LISTED, (110,)) == []


def test_the_hosts_own_addresses() -> None:
    trie = "Main:\n  +-- 192.0.2.0/24 2 0 2\n     |-- 192.0.2.0\n        /24 link UNICAST\n     |-- 192.0.2.11\n        /32 host LOCAL\n"
    assert addresses.of_fib_trie(trie) == {"192.0.2.11"}
    assert addresses.of_if_inet6("20010db8000000000000000000000011 02 40 00 80     eth0\n") == {"2001:db8::11"}
    found, unseen = addresses.look()
    assert "127.0.0.1" in found and unseen == ()
