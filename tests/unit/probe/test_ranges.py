# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses told together: none is lost, none is counted twice."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe.ranges import count_of, joined, members

NEAR = st.integers(0, 600).map(lambda number: str(ipaddress.IPv4Address(0xC0000200 + number)))
SIX = st.integers(0, 50).map(lambda number: str(ipaddress.IPv6Address((0x20010DB8 << 96) + number)))


@given(st.lists(st.one_of(NEAR, SIX)))
def test_what_is_joined_has_every_address_once(addresses: list[str]) -> None:
    words = joined(addresses)
    assert set(members(words)) == set(addresses)
    assert count_of(words) == len(set(addresses))
    assert joined(members(words)) == words


def test_neighbours_are_one_word() -> None:
    assert joined(["192.0.2.255", "192.0.3.0", "192.0.2.9", "2001:db8::1"]) == (
        "192.0.2.9", "192.0.2.255-192.0.3.0", "2001:db8::1",
    )  # fmt: skip


def test_what_overlaps_is_counted_once() -> None:
    assert count_of(["192.0.2.1-192.0.2.9", "192.0.2.3", "192.0.2.5-192.0.2.10", "192.0.2.1"]) == 10


@pytest.mark.parametrize("word", ["", "x", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "fe80::1%eth0", "1-2-3"])
def test_what_is_no_range_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        count_of([word])
    assert str(refused.value)
