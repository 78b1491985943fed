# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects over a cable, with firewalls and routes in the way: what a peer's network says, and what our own rules do."""

from __future__ import annotations

import itertools

import pytest

from .namespace import PEER, PEER_6, Pair, pair, run

__all__ = ["pair"]

PORTS = itertools.count(3000)
BOTH = pytest.mark.parametrize("address", [PEER, PEER_6])


def rejected(pair: Pair, name: str, hook: str, verdict: str, address: str, seconds: float = 5) -> tuple[str, str, str]:
    port = next(PORTS)
    pair.rule(name, hook, port, verdict)
    return pair.connect(port, address, seconds)


@BOTH
def test_open_and_closed_over_a_real_link(pair: Pair, address: str) -> None:
    listening, refusing = next(PORTS), next(PORTS)
    pair.listen(listening)
    assert pair.connect(listening, address) == ("open", "syn-ack", "None")
    assert pair.connect(refusing, address) == ("closed", "conn-refused", "ECONNREFUSED")


@BOTH
def test_a_firewall_that_drops_is_silence(pair: Pair, address: str) -> None:
    assert rejected(pair, pair.peer, "input", "drop", address, 1) == ("filtered", "no-response", "None")


@BOTH
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("port-unreachable", "port-unreach"),
        ("admin-prohibited", "admin-prohibited"),
        ("host-unreachable", "host-unreach"),
        ("no-route", "net-unreach"),
    ],
)
def test_a_firewall_that_rejects_is_filtered_with_nmaps_reason(
    pair: Pair, address: str, kind: str, reason: str
) -> None:
    seen = rejected(pair, pair.peer, "input", f"reject with icmpx type {kind}", address)
    assert seen[:2] == ("filtered", reason)


@pytest.mark.parametrize("kind", ["net-prohibited", "host-prohibited"])
def test_a_router_that_prohibits_is_told_apart(pair: Pair, kind: str) -> None:
    assert rejected(pair, pair.peer, "input", f"reject with icmp type {kind}", PEER)[:2] == ("filtered", kind)


@BOTH
def test_a_firewall_that_resets_looks_closed(pair: Pair, address: str) -> None:
    assert rejected(pair, pair.peer, "input", "reject with tcp reset", address)[:2] == ("closed", "conn-refused")


@BOTH
@pytest.mark.parametrize("kind", ["port-unreachable", "admin-prohibited", "no-route"])
def test_a_rule_of_the_scanner_is_no_state_of_the_peer(pair: Pair, address: str, kind: str) -> None:
    """The port is open all the time; the scanner's own egress rule must not prove it shut."""
    port = next(PORTS)
    pair.listen(port)
    pair.rule(pair.scanner, "output", port, f"reject with icmpx type {kind}")
    assert pair.connect(port, address)[:2] == ("unknown", "admin-prohibited")


@pytest.mark.parametrize(
    ("route", "network", "seen"),
    [
        ("prohibit", "198.51.100", ("unknown", "admin-prohibited", "EACCES")),
        ("unreachable", "203.0.113", ("no-route", "EHOSTUNREACH: No route to host", "None")),
        ("blackhole", "192.0.2", ("no-route", "EINVAL: Invalid argument", "None")),
        (None, "100.64.0", ("no-route", "ENETUNREACH: Network is unreachable", "None")),
    ],
)
def test_a_route_of_the_scanner_is_no_state_of_the_peer(
    pair: Pair, route: str | None, network: str, seen: tuple[str, str, str]
) -> None:
    if route is not None:
        run("ip", "-n", pair.scanner, "route", "add", route, f"{network}.0/24")
    assert pair.connect(995, f"{network}.1") == seen
