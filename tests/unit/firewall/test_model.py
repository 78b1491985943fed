# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a firewall is understood, or refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from port995.change.asked import WantedError
from port995.firewall.model import wanted
from port995.firewall.nftables import render, replace


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"state": "shut"}, "state is 'shut': it is one of closed, restricted, open, absent"),
        ({"state": "closed", "action": "tarpit"}, "action is 'tarpit'"),
        ({"state": "closed", "established": "maybe"}, "established is 'maybe'"),
        ({"state": "closed", "ports": []}, "TCP ports, 1 to 65535"),
        ({"state": "closed", "ports": [0]}, "TCP ports, 1 to 65535"),
        ({"state": "closed", "ports": [65536]}, "TCP ports, 1 to 65535"),
        ({"state": "restricted"}, "needs allow"),
        ({"state": "closed", "allow": ["192.0.2.0/24"]}, "allow goes with state restricted only"),
        ({"state": "restricted", "allow": ["192.0.2.1/24"]}, "has host bits set"),
        ({"state": "restricted", "allow": ["192.0.2.0/33"]}, "is no network"),
        ({"state": "restricted", "allow": ["mail.example.org"]}, "is no network"),
        ({"state": "restricted", "allow": ["192.0.2.0/24; drop"]}, "is no network"),
        ({"state": "restricted", "allow": ["::ffff:192.0.2.0/120"]}, "mixes families"),
        ({"state": "restricted", "allow": ["192.0.2.0/24"], "vantages": ["198.51.100.2"]}, "no network of allow holds it"),
        ({"state": "restricted", "allow": ["192.0.2.0/24"], "vantages": ["2001:db8::1"]}, "no network of allow holds it"),
        ({"state": "closed", "vantages": ["192.0.2.1"]}, "state closed lets nobody in"),
        ({"state": "open", "vantages": ["scanner"]}, "'scanner' is no IP address"),
    ],
)
def test_what_can_not_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WantedError) as raised:
        wanted(**given)
    assert says in str(raised.value)


def test_networks_are_sorted_into_families_and_joined() -> None:
    made = wanted("restricted", [995, 110, 995], allow=["192.0.2.0/25", "192.0.2.128/25", "2001:db8::1", "192.0.2.7"])
    assert made.ports == (110, 995)
    assert made.allow4 == ("192.0.2.0/24",) and made.allow6 == ("2001:db8::1/128",)


def test_a_vantage_in_an_allowed_network_is_fine() -> None:
    wanted("restricted", allow=["192.0.2.0/24", "2001:db8::/32"], vantages=["192.0.2.9", "2001:db8::9"])
    wanted("open", vantages=["192.0.2.9"])


def _rules(**given: Any) -> list[str]:
    return [line.strip() for line in render(wanted(**given)).splitlines()]


def test_loopback_guests_and_sessions_are_spared_unless_told() -> None:
    spared = {'iif "lo" accept', "fib daddr type != local accept", "tcp flags & (fin | syn | rst | ack) != syn accept"}
    assert spared <= set(_rules(state="closed"))
    assert not spared & set(_rules(state="closed", loopback=True, forward=True, established="cut"))


def test_the_last_rule_shuts_the_door() -> None:
    for action, rule in (("drop", "drop"), ("reject", "reject with tcp reset")):
        rules = _rules(state="restricted", allow=["2001:db8::/32"], action=action)
        assert rules[rules.index("chain prerouting {") - 2] == rule
        # No IPv4 network is allowed: the set is empty, and nobody is in it.
        assert "ip saddr @allowed4 accept" in rules
        assert not any("elements" in rule and "." in rule for rule in rules)


def test_only_segments_to_the_ports_come_to_the_door() -> None:
    rules = _rules(state="closed", ports=[995, 110], loopback=True, forward=True, established="cut")
    begin = rules.index("chain prerouting {")
    hook, entry, *end = rules[begin + 1 :]
    assert "hook prerouting priority -150; policy accept;" in hook
    assert (entry, end) == ("tcp dport { 110, 995 } goto door", ["}", "}"])
    assert "drop" in rules[:begin]


def test_states_that_need_no_rules_have_no_table() -> None:
    for state in ("open", "absent"):
        assert render(wanted(state)) == ""
    assert replace("") == "table inet port995 {\n}\ndelete table inet port995\n"
