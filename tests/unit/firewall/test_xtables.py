# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a new connection by rules of iptables; what is not known is never called shut."""

from __future__ import annotations

import pytest

from port995.firewall.xtables import NOTHING, parse, parse_rule, verdicts


def _become(*rules: str, policy: str = "ACCEPT", chains: tuple[str, ...] = ()) -> list[str]:
    lines = ["*filter", f":INPUT {policy} [0:0]", *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT"]
    return [outcome.verdict for outcome in verdicts(parse("\n".join(lines))["filter"], 995)]


@pytest.mark.parametrize(
    ("rules", "become"),
    [
        ((), ["accept"]),
        (("-A INPUT -p tcp -m tcp --dport 995 -j DROP",), ["drop"]),
        (("-A INPUT -p tcp -m tcp --dport 995 -j REJECT --reject-with tcp-reset",), ["reject"]),
        (("-A INPUT -p udp -m udp --dport 995 -j DROP",), ["accept"]),
        (("-A INPUT -p tcp -m tcp --dport 996 -j DROP",), ["accept"]),
        (("-A INPUT -p tcp -m tcp --dport 990:1000 -j DROP",), ["drop"]),
        (("-A INPUT -p tcp -m tcp --dport 990: -j DROP",), ["drop"]),
        (("-A INPUT -p tcp -m multiport --dports 110,990:1000 -j DROP",), ["drop"]),
        (("-A INPUT -p tcp -m tcp ! --dport 995 -j DROP",), ["accept"]),
        (("-A INPUT -p tcp ! --syn -j DROP",), ["accept"]),
        (("-A INPUT -p tcp --syn -j DROP",), ["drop"]),
        (("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -j DROP"), ["drop"]),
        (("-A INPUT -i lo -j ACCEPT", "-A INPUT -j DROP"), ["drop"]),
        (("-A INPUT ! -i lo -j DROP",), ["drop"]),
        (("-A INPUT -i eth0 -j DROP",), ["drop", "accept"]),
        (("-A INPUT -s 192.0.2.0/24 -j ACCEPT", "-A INPUT -j DROP"), ["accept", "drop"]),
        (("-A INPUT -m set --match-set bad src -j DROP",), ["drop", "accept"]),
        (("-A INPUT -m recent --rcheck --seconds 9 -j DROP",), ["drop", "accept"]),
        (("-A INPUT -j LOG --log-prefix \"a -j DROP b\"", "-A INPUT -j DROP"), ["drop"]),
        (("-A INPUT -j NFQUEUE",), ["unknown"]),
        (("[3:180] -A INPUT -p tcp -m comment --comment \"let -j ACCEPT\" -j DROP",), ["drop"]),
        (("-A INPUT -m addrtype --dst-type BROADCAST -j DROP",), ["accept"]),
    ],
)
def test_a_rule_is_read_as_the_kernel_does(rules: tuple[str, ...], become: list[str]) -> None:
    assert _become(*rules) == become


def test_chains_return_go_and_end() -> None:
    assert _become("-A INPUT -j door", "-A door -p tcp -j RETURN", "-A door -j DROP", chains=("door",)) == ["accept"]
    assert _become("-A INPUT -j door", "-A door -j DROP", chains=("door",)) == ["drop"]
    assert _become("-A INPUT -j door", "-A INPUT -j DROP", chains=("door",)) == ["drop"]
    assert _become("-A INPUT -g door", "-A INPUT -j DROP", chains=("door",), policy="ACCEPT") == ["accept"]
    assert _become("-A INPUT -s 192.0.2.1 -j door", "-A door -j DROP", chains=("door",)) == ["drop", "accept"]
    assert "unknown" in _become("-A INPUT -j door", "-A door -j door", chains=("door",))


def test_a_policy_decides_what_no_rule_does() -> None:
    assert _become(policy="DROP") == ["drop"]
    assert [outcome.verdict for outcome in verdicts(NOTHING, 995)] == ["accept"]


def test_rules_that_do_the_same_are_equal_in_any_order_and_form() -> None:
    one = parse_rule("-A x -p tcp --dport 995 -s 192.0.2.1 -j ACCEPT")
    other = parse_rule('-A x -s 192.0.2.1/32 -p tcp -m tcp --dport 995 -m comment --comment "a b" -j ACCEPT')
    assert one is not None and other is not None and one.options == other.options
    assert parse_rule(":INPUT ACCEPT [0:0]") is None
