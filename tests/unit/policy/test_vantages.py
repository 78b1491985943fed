# SPDX-License-Identifier: GPL-3.0-or-later
"""A member of the group of vantages says on which side it stands, or nothing is begun."""

from __future__ import annotations

import pytest

from port995.policy.vantages import Place, VantageError, all_places, is_vantage_only, member


def test_a_member_stands_on_its_own_host() -> None:
    variables = {"pop3s_vantage_side": "inside", "pop3s_vantage_source_addresses": ["192.0.2.1", "2001:db8::1"]}
    assert member("a", variables) == Place("a", "inside", ("192.0.2.1", "2001:db8::1"), "a")
    assert member("a", {"pop3s_vantage_side": "outside"}) == Place("a", "outside", (), "a")
    one = {"pop3s_vantage_side": "outside", "pop3s_vantage_source_addresses": "192.0.2.1"}
    assert member("a", one).sources == ("192.0.2.1",)


@pytest.mark.parametrize("side", [None, "", "Inside", "undeclared", True, ["inside"], {"inside": 1}])
def test_a_side_that_is_missing_or_misspelt_is_refused(side: object) -> None:
    with pytest.raises(VantageError, match="inside or outside"):
        member("a", {} if side is None else {"pop3s_vantage_side": side})


@pytest.mark.parametrize(
    "sources", [7, {"a": 1}, ["eth0"], [""], [None], [1], ["192.0.2.1", "192.0.2.1"], ["2001:db8::1", "2001:db8:0::1"]]
)
def test_source_addresses_that_are_none_or_one_are_refused(sources: object) -> None:
    with pytest.raises(VantageError, match="pop3s_vantage_source_addresses of 'a'"):
        member("a", {"pop3s_vantage_side": "inside", "pop3s_vantage_source_addresses": sources})


def test_members_come_after_the_others_and_none_looks_twice_from_one_host() -> None:
    controller, dmz = Place("controller"), Place("dmz", "inside", (), "a")
    members = [Place("a", "outside", (), "a"), Place("b", "outside", (), "b")]
    assert all_places([controller], members) == (controller, *members)
    assert all_places([dmz], members) == (dmz, members[1])
    assert all_places([], members) == tuple(members)


@pytest.mark.parametrize(("named", "members"), [([], []), ([Place("a")], [Place("a", "inside", (), "a")])])
def test_no_vantage_at_all_and_two_with_one_name_are_refused(named: list[Place], members: list[Place]) -> None:
    with pytest.raises(VantageError):
        all_places(named, members)


def test_a_member_that_says_which_service_it_is_is_a_server() -> None:
    assert is_vantage_only({"ansible_host", "pop3s_vantage_side", "pop3s_owner", "pop3s_port"})
    for word in ("pop3s_intent", "pop3s_address", "pop3s_server_name", "pop3s_endpoints", "pop3s_domain"):
        assert not is_vantage_only({"ansible_host", "pop3s_vantage_side", word})
