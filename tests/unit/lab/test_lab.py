# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's servers do what the fleet says of them, and nothing of them is left when it ends."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.fleet import FLEET, LabHost
from port995.lab.lab import MAX_BASE_PORT, Lab, LabError
from tests.ports import own_base_port

HOSTS = {host.name: host for host in FLEET}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def clear(lab: Lab, host: LabHost, base: int) -> socket.socket:
    connected = socket.create_connection((host.address, lab.base_port + base), timeout=5)
    connected.settimeout(5)
    return connected


def inside_tls(lab: Lab, host: LabHost) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(lab.ca_file))
    return context.wrap_socket(clear(lab, host, 995), server_hostname=host.server_name)


def answer(connected: socket.socket, command: bytes, end: bytes = b"\r\n") -> bytes:
    connected.sendall(command)
    heard = b""
    while not heard.endswith(end):
        piece = connected.recv(4096)
        assert piece, heard
        heard += piece
    return heard


def test_the_good_server_is_trusted_by_those_who_trust_its_ca(lab: Lab) -> None:
    with inside_tls(lab, HOSTS["well-served"]) as session:
        assert answer(session, b"").startswith(b"+OK ")
        assert b"\r\nSASL PLAIN\r\n" in answer(session, b"CAPA\r\n", b"\r\n.\r\n")
        assert answer(session, b"QUIT\r\n").startswith(b"+OK")


@pytest.mark.parametrize(
    ("name", "why"),
    [("expired", "expired"), ("wrong-name", "Hostname mismatch"), ("unknown-ca", "unable to get local issuer")],
)
def test_each_bad_certificate_is_bad_in_its_own_way(lab: Lab, name: str, why: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=why):
        inside_tls(lab, HOSTS[name])


def test_the_plain_text_server_speaks_pop3_on_the_tls_port(lab: Lab) -> None:
    with clear(lab, HOSTS["plain-text"], 995) as connected:
        assert answer(connected, b"").startswith(b"+OK ")


def test_the_hanging_server_says_nothing_after_the_handshake(lab: Lab) -> None:
    with inside_tls(lab, HOSTS["hangs"]) as session:
        session.settimeout(0.3)
        with pytest.raises(TimeoutError):
            session.recv(1)


@pytest.mark.parametrize("name", ["refuses", "no-listener"])
@pytest.mark.parametrize("base", [995, 110])
def test_those_that_are_shut_refuse(lab: Lab, name: str, base: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        clear(lab, HOSTS[name], base)


@pytest.mark.parametrize("host", [host for host in FLEET if host.pop3 != "none"], ids=lambda host: host.name)
def test_clear_text_login_is_offered_only_where_it_is_meant_to_be(lab: Lab, host: LabHost) -> None:
    with clear(lab, host, 110) as connected:
        answer(connected, b"")
        listed = answer(connected, b"CAPA\r\n", b"\r\n.\r\n").split(b"\r\n")
        offered = answer(connected, b"USER someone\r\n").startswith(b"+OK")
    assert b"STLS" in listed
    assert (b"USER" in listed, offered) == (host.name == "clear-text-110",) * 2


def test_no_login_ever_succeeds(lab: Lab) -> None:
    with inside_tls(lab, HOSTS["well-served"]) as session:
        answer(session, b"")
        answer(session, b"USER someone\r\n")
        assert answer(session, b"PASS secret\r\n").startswith(b"-ERR")


def test_keys_are_for_their_owner_only(lab: Lab) -> None:
    keys = list(lab.folder.glob("*.key"))
    assert keys and {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_it_ends_quickly_with_a_hanging_session_open_and_leaves_nothing(tmp_path: Path) -> None:
    running = Lab(tmp_path, own_base_port())
    with running, inside_tls(running, HOSTS["hangs"]) as session:
        threads = {thread.name for thread in threading.enumerate()}
        started = time.monotonic()
        running.close()
        assert time.monotonic() - started < 5
        assert session.recv(1) == b""
    assert "lab" in threads
    with Lab(tmp_path, running.base_port) as again:  # Every port is free again at once.
        assert again.base_port == running.base_port


def test_a_port_that_is_taken_is_told_with_what_to_do(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"127\.0\.95\.1 port \d+ .*choose another --base-port"), Lab(
        tmp_path, lab.base_port
    ):
        pytest.fail("two labs on one port")


@pytest.mark.parametrize("base_port", [-1, MAX_BASE_PORT + 1])
def test_a_base_port_beyond_the_ports_is_refused(base_port: int, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="base port"):
        Lab(tmp_path, base_port)
