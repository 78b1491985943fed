# SPDX-License-Identifier: GPL-3.0-or-later
"""The PROXY protocol header, octet by octet as HAProxy's proxy-protocol.txt has it, and what its absence looks like."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe.proxy_protocol import header
from tests.hostile import behaviours
from tests.hostile.server import Server

from .seeing import see, tls_target
from .tls_servers import inside, server_context

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
"""proxy-protocol.txt section 2.2."""


def test_version_1_over_ipv4_is_the_published_example() -> None:
    """proxy-protocol.txt section 2.1."""
    assert header("v1", ("192.168.0.1", 56324), ("192.168.0.11", 443)) == (
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
    )


def test_the_longest_lines_of_version_1_have_the_published_lengths() -> None:
    """proxy-protocol.txt section 2.1: 56 characters over IPv4, 104 over IPv6, the CRLF included."""
    most = "255.255.255.255", 65535
    assert header("v1", most, most) == b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"
    assert len(header("v1", most, most)) == 56
    address = ":".join(["ffff"] * 8)
    line = header("v1", (address, 65535), (address, 65535))
    assert line == b"PROXY TCP6 %s %s 65535 65535\r\n" % (address.encode(), address.encode())
    assert len(line) == 104


def test_version_2_over_ipv4_octet_by_octet() -> None:
    """proxy-protocol.txt section 2.2: version 2 and PROXY, TCP over IPv4, 12 octets."""
    expected = SIGNATURE + bytes.fromhex("21 11 000c c0000201 c6336402 8000 03e3")
    assert header("v2", ("192.0.2.1", 32768), ("198.51.100.2", 995)) == expected


def test_version_2_over_ipv6_octet_by_octet() -> None:
    """TCP over IPv6, 36 octets."""
    expected = SIGNATURE + bytes.fromhex(
        "21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 8000 03e3"
    )
    assert header("v2", ("2001:db8::1", 32768), ("2001:db8::2", 995)) == expected


def test_a_zone_id_stays_at_home() -> None:
    assert header("v1", ("fe80::1%eth0", 1), ("fe80::2%eth0", 995)) == b"PROXY TCP6 fe80::1 fe80::2 1 995\r\n"


@pytest.mark.parametrize("version", ["", "v3", "1", "V1"])
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="v1 and v2"):
        header(version, ("192.0.2.1", 1), ("192.0.2.2", 995))


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("destination", ["mail.example.org", "2001:db8::1", ""])
def test_ends_that_do_not_fit_are_refused(version: str, destination: str) -> None:
    """A header of mixed families would be read by nobody, or wrongly."""
    with pytest.raises(ValueError):
        header(version, ("192.0.2.1", 1), (destination, 995))


PORTS = st.integers(0, 65535)


@given(source=st.ip_addresses(v=4), destination=st.ip_addresses(v=4), ports=st.tuples(PORTS, PORTS))
def test_version_2_says_its_own_length(source: object, destination: object, ports: tuple[int, int]) -> None:
    made = header("v2", (str(source), ports[0]), (str(destination), ports[1]))
    assert struct.unpack("!H", made[14:16])[0] == len(made) - 16 == 12
    assert made[16:20] + made[20:24] == source.packed + destination.packed  # type: ignore[attr-defined]
    assert struct.unpack("!HH", made[24:]) == ports


@given(source=st.ip_addresses(v=6), destination=st.ip_addresses(v=6), ports=st.tuples(PORTS, PORTS))
def test_version_1_fits_into_its_bound(source: object, destination: object, ports: tuple[int, int]) -> None:
    made = header("v1", (str(source), ports[0]), (str(destination), ports[1]))
    assert len(made) <= 107 and made.count(b" ") == 5 and made.endswith(b"\r\n")


def expecting(length: int, taken: list[bytes]) -> behaviours.Behaviour:
    """A server that waits for a header of so many octets before it begins TLS."""

    def before(caller: behaviours.Caller) -> bool:
        got = b""
        while len(got) < length:
            piece = caller.hear(length - len(got))
            if not piece:
                return False
            got += piece
        taken.append(got)
        return True

    return inside(server_context(), before=before)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_header_of_this_connection_goes_out_before_tls(address: str) -> None:
    taken: list[bytes] = []
    with Server(expecting(16 + (36 if ":" in address else 12), taken), address) as server:
        seen = see(tls_target(server.port, address, proxy_protocol="v2"))
    assert seen.tls is not None and seen.tls.outcome == "completed"
    assert taken == [header("v2", (address, server.peers[0][1]), (address, server.port))]


def test_version_1_goes_out_as_one_line() -> None:
    taken: list[bytes] = []

    def before(caller: behaviours.Caller) -> bool:
        taken.append(caller.hear_line())
        return True

    with Server(inside(server_context(), before=before)) as server:
        seen = see(tls_target(server.port, proxy_protocol="v1"))
    assert taken == [b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (server.peers[0][1], server.port)]
    assert seen.tls is not None and seen.tls.outcome == "completed"
    assert seen.pop3 is not None and seen.pop3.outcome == "completed"


def test_a_server_that_waits_for_the_header_looks_silent_and_the_hint_says_why() -> None:
    """It takes the ClientHello for the beginning of a header and waits on, as HAProxy's accept-proxy does."""
    with Server(expecting(100_000, [])) as server:
        without = see(tls_target(server.port), tls_timeout=0.5)
        given = see(tls_target(server.port, proxy_protocol="v1"), tls_timeout=0.5)
    assert without.tls is not None and without.tls.outcome == "timeout"
    assert "PROXY protocol" in without.tls.detail and "proxy_protocol" in without.tls.detail
    assert given.tls is not None and given.tls.outcome == "timeout"
    assert "set proxy_protocol" not in given.tls.detail
