# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination NAT that goes around a back end is found, and what is none is not taken for it."""

from __future__ import annotations

import pytest

from port995.firewall import nft_plan
from port995.firewall.dnat import in_nft


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("fib daddr type local tcp dport 995 dnat to 172.31.0.2:995", True),
        ("tcp dport { 110, 995 } dnat ip to 172.31.0.2", True),
        ("tcp dport pop3s redirect to :1995", True),
        ("tcp dport 990-1000 redirect to :1995", True),
        ("dnat to 172.31.0.2", True),
        ("dnat ip to tcp dport map { 995 : 172.31.0.2 }", True),
        ("tcp dport @published dnat to 172.31.0.2", True),
        ("tcp dport 996 dnat to 172.31.0.2", False),
        ("udp dport 995 dnat to 172.31.0.2", False),
        ("ct status dnat accept", False),
        ("icmpv6 type nd-redirect accept", False),
        ("tcp dport 995 accept", False),
    ],
)
def test_rules_of_nftables_that_send_the_port_elsewhere(rule: str, found: bool) -> None:
    listed = f"table ip nat {{\n\tchain pre {{\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\t{rule}\n\t}}\n}}\n"
    assert bool(in_nft(listed, (995,))) is found
    assert not in_nft(listed.replace("hook prerouting", "hook output"), (995,))


def test_chains_that_drop_input_by_their_policy_are_named() -> None:
    listed = (
        "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n"
        "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
    )
    assert nft_plan.doors_of_others(listed) == ("inet filter input",)
    assert nft_plan.doors_of_others(listed.replace("policy drop", "policy accept")) == ()
