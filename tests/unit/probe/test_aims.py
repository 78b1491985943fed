# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to look at: every address from every source, and a word for each that is not looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe.engine import aims_of
from port995.probe.model import Resolution, Target
from port995.probe.options import ScanOptions
from port995.probe.resolve import family_of
from port995.probe.scope import Scope

TARGET = Target(("host",), "mail.example.org")
V4, V4B, V6 = "192.0.2.1", "192.0.2.2", "2001:db8::1"
S4, S4B, S6 = "198.51.100.1", "198.51.100.2", "2001:db8:ffff::1"

Row = tuple[str | None, int | None, str | None, str | None]
"""Address, family, source, why it is not tried."""


def rows(addresses: tuple[str, ...], outcome: str = "resolved", **options: Any) -> list[Row]:
    aims = aims_of(TARGET, Resolution(outcome, addresses), ScanOptions(**options))
    assert all(aim.target is TARGET and aim.resolution.outcome == outcome for aim in aims)
    return [(aim.address, aim.family, aim.source, aim.not_tested) for aim in aims]


@pytest.mark.parametrize(
    ("families", "addresses", "expected"),
    [
        ("auto", (V4,), [(V4, 4, None, None)]),
        ("auto", (V6, V4, V4B), [(V6, 6, None, None), (V4, 4, None, None), (V4B, 4, None, None)]),
        ("4", (V6, V4), [(V6, 6, None, "family-not-asked"), (V4, 4, None, None)]),
        ("6", (V6, V4), [(V6, 6, None, None), (V4, 4, None, "family-not-asked")]),
        ("4", (V6,), [(V6, 6, None, "family-not-asked"), (None, 4, None, "no-address-in-family")]),
        ("both", (V6, V4), [(V6, 6, None, None), (V4, 4, None, None)]),
        ("both", (V4,), [(V4, 4, None, None), (None, 6, None, "no-address-in-family")]),
        ("both", (V6,), [(V6, 6, None, None), (None, 4, None, "no-address-in-family")]),
    ],
)
def test_each_address_is_looked_at_or_says_why_not(
    families: str, addresses: tuple[str, ...], expected: list[Row]
) -> None:
    assert rows(addresses, families=families) == expected


@pytest.mark.parametrize(
    ("families", "address", "expected"),
    [
        ("both", V4, [(V4, 4, None, None)]),
        ("auto", V6, [(V6, 6, None, None)]),
        ("6", V6, [(V6, 6, None, None)]),
        ("6", V4, [(V4, 4, None, "family-not-asked")]),
    ],
)
def test_a_literal_lacks_no_family(families: str, address: str, expected: list[Row]) -> None:
    assert rows((address,), "numeric", families=families) == expected


def test_each_address_is_looked_at_from_each_source_of_its_family() -> None:
    assert rows((V4, V6), source_addresses=(S4, S6, S4B)) == [
        (V4, 4, S4, None),
        (V4, 4, S4B, None),
        (V6, 6, S6, None),
    ]


def test_an_address_without_a_source_of_its_family_is_told() -> None:
    assert rows((V4, V6), source_addresses=(S4,)) == [(V4, 4, S4, None), (V6, 6, None, "no-route")]


def test_a_family_that_is_not_asked_for_owes_nothing_to_a_source() -> None:
    assert rows((V4, V6), families="4", source_addresses=(S4, S6)) == [
        (V4, 4, S4, None),
        (V6, 6, None, "family-not-asked"),
    ]


@pytest.mark.parametrize("outcome", ["not-found", "timeout", "failed"])
def test_a_name_without_an_address_is_an_aim_from_each_source(outcome: str) -> None:
    assert rows((), outcome) == [(None, None, None, None)]
    assert rows((), outcome, source_addresses=(S4, S6)) == [(None, None, S4, None), (None, None, S6, None)]


def test_what_the_resolver_gave_that_is_no_address_is_our_fault_and_told() -> None:
    assert rows((V4, "junk")) == [(V4, 4, None, None), (None, None, None, "internal-error")]


def test_an_address_out_of_scope_is_told_and_not_tried() -> None:
    scope = Scope(("192.0.2.0/24",), (V4B,))
    assert rows((V4, V4B, V6), scope=scope) == [
        (V4, 4, None, None), (V4B, 4, None, "out-of-scope"), (V6, 6, None, "out-of-scope")
    ]  # fmt: skip
    assert rows((V4B,), "numeric", scope=scope, source_addresses=(S4, S4B)) == [(V4B, 4, None, "out-of-scope")]
    (aim,) = aims_of(TARGET, Resolution("resolved", (V4B,)), ScanOptions(scope=scope))
    assert aim.detail == "out of scope: 192.0.2.2 is on the never-scan list (192.0.2.2/32)"


@given(
    addresses=st.lists(st.sampled_from([V4, V4B, V6, "2001:db8::2"]), max_size=4, unique=True).map(tuple),
    families=st.sampled_from(["auto", "4", "6", "both"]),
    sources=st.lists(st.sampled_from([S4, S4B, S6]), max_size=3, unique=True).map(tuple),
    outcome=st.sampled_from(["resolved", "numeric", "failed"]),
)
def test_no_address_ever_vanishes(
    addresses: tuple[str, ...], families: str, sources: tuple[str, ...], outcome: str
) -> None:
    made = rows(addresses, outcome, families=families, source_addresses=sources)
    assert made and len(set(made)) == len(made)
    assert {address for address, *_rest in made if address is not None} == set(addresses)
    for address, family, source, why in made:
        assert address is None or family == family_of(address)
        if address is not None and why is None:
            assert families not in ("4", "6") or families == str(family)
            assert source is None if not sources else family_of(str(source)) == family
