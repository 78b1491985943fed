# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be touched, and when: the never-scan list wins, however its address is written; no time is lent."""

from __future__ import annotations

import ipaddress

import pytest

from port995.probe.codec import decode, to_json
from port995.probe.options import OptionsError, ScanOptions
from port995.probe.scope import OutOfScope, Scope, ScopeError, Window, moment

SCOPE = Scope(("192.0.2.0/24", "2001:db8::/32", "64:ff9b::/96", "2002::/16"), ("192.0.2.66", "2001:db8::5"))
BEGIN, END = "2026-11-27T22:00:00Z", "2026-11-28T04:00:00Z"


@pytest.mark.parametrize("address", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::1%eth0",
                                     "64:ff9b::192.0.2.1", "2002:c000:0201::1"])  # fmt: skip
def test_what_is_in_a_network_may_be_touched(address: str) -> None:
    assert SCOPE.outside(address) == ""


@pytest.mark.parametrize("address", ["192.0.2.66", "::ffff:192.0.2.66", "::ffff:c000:242", "64:ff9b::192.0.2.66",
                                     "2002:c000:0242::1", "2001:db8::5", "2001:db8:0::5%eth0"])  # fmt: skip
def test_the_never_scan_list_wins_however_an_address_is_written(address: str) -> None:
    assert "out of scope" in SCOPE.outside(address) and "never-scan list" in SCOPE.outside(address)
    with pytest.raises(OutOfScope, match="never-scan"):
        SCOPE.require(address, 0)


@pytest.mark.parametrize("address", ["192.0.3.1", "::ffff:192.0.3.1", "2001:db9::1", "::1", "127.0.0.1", "", "name"])
def test_what_is_in_no_network_may_not(address: str) -> None:
    assert SCOPE.outside(address).startswith("out of scope: ")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::ffff:0.0.0.0"])
def test_the_address_that_stands_for_every_one_is_never_in_scope(address: str) -> None:
    assert "every address" in Scope(("0.0.0.0/0", "::/0")).outside(address)


def test_a_family_that_no_network_names_is_out_of_scope() -> None:
    assert Scope(("0.0.0.0/0",)).outside("2001:db8::1")
    assert Scope(("::/0",)).outside("192.0.2.1")


def test_own_addresses_are_held_against_the_list() -> None:
    scope = Scope(("0.0.0.0/0",), sources=("198.51.100.0/30", "198.51.100.9"))
    assert not scope.outside_source("198.51.100.3") and not scope.outside_source("198.51.100.9")
    assert "own address 198.51.100.4" in scope.outside_source("198.51.100.4")
    assert not SCOPE.outside_source("203.0.113.1")


def test_seconds_left_are_those_of_the_windows_together() -> None:
    two = Scope(("::/0",), times=(Window(END, "2026-11-28T05:00:00Z"), Window(BEGIN, END)))
    assert two.seconds_left(moment(BEGIN)) == 7 * 3600
    assert two.seconds_left(moment(BEGIN) - 1) == 0
    assert two.seconds_left(moment("2026-11-28T05:00:00Z") - 0.5) == 0.5
    assert two.seconds_left(moment("2026-11-28T05:00:00Z")) == 0
    for late in (1, 3600, 1e9):
        assert two.seconds_left(moment("2026-11-28T05:00:00Z") + late) == 0
    assert Scope(("::/0",)).seconds_left(0) is None
    with pytest.raises(OutOfScope, match="out of scope: its time"):
        two.require("2001:db8::1", moment(BEGIN) - 1)
    two.require("2001:db8::1", moment(BEGIN))


@pytest.mark.parametrize(
    ("scope", "word"),
    [
        (Scope(()), "at least one network"),
        (Scope(("192.0.2.1/24",)), "write 192.0.2.0/24"),
        (Scope(("192.0.2.0/33",)), "neither an address nor a network"),
        (Scope(("mail.example.org",)), "neither an address nor a network"),
        (Scope(("::/0",), ("::ffff:192.0.2.1",)), "write it as IPv4"),
        (Scope(("::/0",), times=(Window(END, BEGIN),)), "is empty"),
        (Scope(("::/0",), times=(Window("2026-11-27T22:00:00", END),)), "is no time"),
        (Scope(tuple(f"10.0.{n // 256}.{n % 256}" for n in range(4097))), "at most 4096"),
    ],
)
def test_a_scope_that_can_not_be_read_is_refused(scope: Scope, word: str) -> None:
    with pytest.raises(ScopeError, match=word):
        scope.check()
    with pytest.raises(OptionsError, match=word):
        ScanOptions(scope=scope).check()


def test_a_source_address_out_of_scope_is_refused() -> None:
    with pytest.raises(OptionsError, match="own address 127.0.0.1"):
        ScanOptions(scope=Scope(("::/0",), sources=("127.0.0.2",)), source_addresses=("127.0.0.1",)).check()


@pytest.mark.parametrize(
    ("networks", "never", "family", "base"),
    [
        (("192.0.2.0/26", "192.0.2.32/27", "192.0.2.200"), ("192.0.2.8/29",), 4, "192.0.2.0"),
        (("192.0.2.0/24",), (), 4, "192.0.2.0"),
        (("2001:db8::/121", "2001:db8::f0"), ("2001:db8::8/125", "192.0.2.0/24"), 6, "2001:db8::"),
        (("2001:db8::/32",), ("192.0.2.0/24",), 6, "64:ff9b::c000:200"),
        (("::/0",), ("192.0.2.5",), 6, "64:ff9b::c000:200"),
        (("0.0.0.0/0",), (), 4, "0.0.0.0"),
    ],
)
def test_beyond_is_all_that_is_out_of_scope_and_nothing_else(
    networks: tuple[str, ...], never: tuple[str, ...], family: int, base: str
) -> None:
    scope = Scope(networks, never)
    beyond = [ipaddress.ip_network(one) for one in scope.beyond(family)]
    first = ipaddress.ip_address(base)
    for offset in range(256):
        address = first + offset
        assert any(address in one for one in beyond) == bool(scope.outside(str(address))), address
    for far in ("203.0.113.1", "255.255.255.255") if family == 4 else ("2001:db9::1", "ffff::1"):
        assert any(ipaddress.ip_address(far) in one for one in beyond) == bool(scope.outside(far))


def test_beyond_of_many_networks_is_quick_and_leaves_ipv4_in_ipv6_out() -> None:
    many = Scope(tuple(f"10.{n // 128}.{n % 128 * 2}.0/24" for n in range(4096)))
    assert len(many.beyond(4)) >= 4096
    assert "::ffff:0:0/96" in Scope(("2001:db8::/32",)).beyond(6) or any(
        ipaddress.ip_network("::ffff:0:0/96").subnet_of(ipaddress.ip_network(one))  # type: ignore[arg-type]
        for one in Scope(("2001:db8::/32",)).beyond(6)
    )


def test_a_scope_travels_as_data() -> None:
    scope = Scope(("192.0.2.0/24",), ("192.0.2.1",), ("198.51.100.1",), (Window(BEGIN, END),), "CHG", "0" * 64, "f")
    assert decode(Scope, to_json(scope)) == scope
