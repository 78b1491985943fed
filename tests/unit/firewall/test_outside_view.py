# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen from outside confirms a change, or says what is wrong with it."""

from __future__ import annotations

import pytest

from port995.firewall.outside_view import Look, look, problem

OFFICE = ["192.0.2.0/24", "2001:db8::/32"]


def _seen(state: str, source: str | None = "192.0.2.1") -> list[Look]:
    return [Look("203.0.113.9", 995, source, state, "a reason")]


@pytest.mark.parametrize(
    ("wanted", "before", "after", "source", "fine"),
    [
        ("closed", "open", "filtered", "192.0.2.1", True),
        ("closed", "open", "closed", "192.0.2.1", True),
        ("closed", "open", "open", "192.0.2.1", False),
        ("closed", "open", "unknown", "192.0.2.1", False),
        ("restricted", "open", "open", "192.0.2.1", True),
        ("restricted", "open", "filtered", "192.0.2.1", False),
        ("restricted", "open", "closed", "192.0.2.1", False),
        ("restricted", "open", "unknown", "192.0.2.1", False),
        ("restricted", "closed", "closed", "192.0.2.1", True),
        ("restricted", "open", "open", "198.51.100.2", False),
        ("restricted", "open", "filtered", "198.51.100.2", True),
        ("restricted", "open", "open", "2001:db8::7", True),
        ("restricted", "open", "open", None, False),
        ("open", "open", "open", "192.0.2.1", True),
        ("open", "open", "filtered", "192.0.2.1", False),
        ("open", "closed", "closed", "192.0.2.1", True),
        ("absent", "filtered", "open", "192.0.2.1", True),
        ("absent", "filtered", "filtered", "192.0.2.1", True),
    ],
)
def test_a_view_is_held_against_what_was_wanted(
    wanted: str, before: str, after: str, source: str | None, fine: bool
) -> None:
    allow = OFFICE if wanted == "restricted" else []
    assert (problem(_seen(after, source), _seen(before, source), wanted, allow) == "") is fine


def test_one_bad_look_among_good_ones_is_enough() -> None:
    looks = [*_seen("filtered"), Look("2001:db8::9", 995, "2001:db8::1", "open", "syn-ack")]
    assert "port 995 of 2001:db8::9 is still open" in problem(looks, [], "closed", [])


def test_a_host_without_an_address_can_not_be_looked_at() -> None:
    seen, why = look("nobody.invalid", [995])
    assert seen == [] and "has no address here" in why and "outside_view: false" in why
