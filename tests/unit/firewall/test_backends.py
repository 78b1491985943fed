# SPDX-License-Identifier: GPL-3.0-or-later
"""What each back end makes of what is wanted: one table for all of them; and that files of others are given back."""

from __future__ import annotations

from typing import Any

import pytest

from port995.firewall import firewalld, iptables, iptables_files, nftables, ufw, xtables
from port995.firewall.model import Wanted, wanted
from port995.firewall.xtables import parse, verdicts

ALLOW = ["192.0.2.0/24", "2001:db8::/32"]
CASES: list[tuple[str, dict[str, Any], dict[str, list[str]]]] = [
    (
        "closed", {"state": "closed"},
        {
            "iptables": ["-i lo -j RETURN", "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN", "-j DROP"],
            "ufw": ["deny tcp 995 0.0.0.0/0 any 0.0.0.0/0 in"],
            "firewalld": ['priority="-9950" port port="995" protocol="tcp" drop'],
            "nftables": ["drop", "tcp dport { 995 } goto door"],
        },
    ),
    (
        "closed, with a reset", {"state": "closed", "action": "reject"},
        {
            "iptables": ["-p tcp -j REJECT --reject-with tcp-reset"],
            "ufw": ["reject tcp 995 0.0.0.0/0 any 0.0.0.0/0 in"],
            "firewalld": ['family="ipv4" port port="995" protocol="tcp" reject type="tcp-reset"',
                          'family="ipv6" port port="995" protocol="tcp" reject type="tcp-reset"'],
            "nftables": ["reject with tcp reset"],
        },
    ),
    (
        "restricted", {"state": "restricted", "allow": ALLOW},
        {
            "iptables": ["-s 192.0.2.0/24 -j ACCEPT", "-j DROP"],
            "ufw": ["allow tcp 995 0.0.0.0/0 any 192.0.2.0/24 in", "deny tcp 995 0.0.0.0/0 any 0.0.0.0/0 in"],
            "firewalld": ['priority="-9951" family="ipv4" source address="192.0.2.0/24" port port="995" protocol="tcp" accept',
                          'priority="-9951" family="ipv6" source address="2001:db8::/32" port port="995" protocol="tcp" accept',
                          'priority="-9950" port port="995" protocol="tcp" drop'],
            "nftables": ["elements = { 192.0.2.0/24 }", "ip saddr @allowed4 accept", "drop"],
        },
    ),
    (
        "open", {"state": "open"},
        {
            "iptables": ["-j ACCEPT"],
            "ufw": ["allow tcp 995 0.0.0.0/0 any 0.0.0.0/0 in"],
            "firewalld": ['priority="-9951" port port="995" protocol="tcp" accept'],
            "nftables": [],
        },
    ),
    ("absent", {"state": "absent"}, {"iptables": [], "ufw": [], "firewalld": [], "nftables": []}),
]  # fmt: skip


def _rules(backend: str, asked: Wanted) -> list[str]:
    if backend == "iptables":
        return [rule.removeprefix("-A port995 ") for rule in iptables.chain_rules(asked, 4)]
    if backend == "ufw":
        return [block.split("\n")[1].removeprefix("### tuple ### ").removesuffix(" " + ufw.COMMENT)
                for block in ufw.blocks(asked, 4)]  # fmt: skip
    if backend == "firewalld":
        return [rule.text.removeprefix("rule ") for rule in firewalld.rules(asked)]
    return [line.strip() for line in nftables.render(asked).splitlines()]


@pytest.mark.parametrize("backend", ["iptables", "ufw", "firewalld", "nftables"])
@pytest.mark.parametrize(("given", "rules"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_back_end_has_rules_for_each_state(backend: str, given: dict[str, Any], rules: dict[str, list[str]]) -> None:
    made = _rules(backend, wanted(**given))
    places = [max(n for n, rule in enumerate(made) if rule == one or rule.endswith(one)) for one in rules[backend]]
    assert places == sorted(places), "in this order"
    if not rules[backend]:
        assert made == []


HEAD = "*filter\n:INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
TAIL = "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j ACCEPT\nCOMMIT\n"
SAVED = [
    HEAD.format(policy="ACCEPT") + TAIL,
    "# Generated\n" + HEAD.format(policy="DROP") + "-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp --dport 995 -j ACCEPT\n" + TAIL,
    HEAD.format(policy="ACCEPT") + ":f2b - [0:0]\n[1:2] -A INPUT -j f2b\n-A f2b -s 192.0.2.9 -j DROP\n-A INPUT -j DROP\n" + TAIL,
]


@pytest.mark.parametrize("text", SAVED)
@pytest.mark.parametrize("state", ["closed", "restricted", "open"])
def test_saved_rules_shut_or_open_the_port_and_are_given_back_to_the_octet(text: str, state: str) -> None:
    asked = wanted(state, allow=ALLOW if state == "restricted" else ())
    with_ours = iptables_files.with_lines(text, asked, 4)
    become = {outcome.verdict for outcome in verdicts(parse(with_ours)["filter"], 995)}
    if state == "closed":
        assert become == {"drop"}
    elif state == "restricted":
        assert become == {"accept", "drop"}
    else:
        assert "accept" in become and verdicts(parse(with_ours)["filter"], 995)[-1].verdict == "accept"
    assert iptables_files.with_lines(with_ours, asked, 4) == with_ours
    assert iptables_files.without_lines(with_ours) == text
    # As iptables-save writes them after it has read them.
    counted = with_ours.replace("-A port995", "[3:4] -A port995").replace("-A INPUT -p tcp -m", "[0:0] -A INPUT -p tcp -m")
    assert iptables_files.without_lines(counted) == text


def test_a_ban_goes_before_what_is_opened() -> None:
    lines = iptables_files.with_lines(SAVED[2], wanted("open"), 4).splitlines()
    ours = next(n for n, line in enumerate(lines) if line.endswith("-j port995"))
    assert lines.index("[1:2] -A INPUT -j f2b") < ours < lines.index("-A INPUT -j DROP")


def test_saved_rules_without_the_table_are_left_alone() -> None:
    for text in ("", "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"):
        assert iptables_files.with_lines(text, wanted("closed"), 4) == text


def _kernel(*rules: str, policy: str = "ACCEPT") -> xtables.Table:
    return parse("\n".join([f"*filter\n:INPUT {policy} [0:0]\n:port995 - [0:0]", *rules, "COMMIT"]))["filter"]


def test_a_rule_that_another_put_before_ours_is_a_difference_and_named() -> None:
    asked = wanted("closed")
    ours = ["-A INPUT " + iptables.jumps(asked)[0][1], *iptables.chain_rules(asked, 4)]
    assert iptables.is_as_wanted(_kernel(*ours), asked, 4)
    assert iptables.is_as_wanted(_kernel("-A INPUT -i lo -j ACCEPT", "-A INPUT -p udp -j ACCEPT", *ours), asked, 4)
    assert iptables.is_as_wanted(_kernel("-A INPUT -s 192.0.2.9 -j DROP", *ours), asked, 4)
    wins = "-A INPUT -p tcp -m tcp --dport 995 -j ACCEPT"
    assert not iptables.is_as_wanted(_kernel(wins, *ours), asked, 4)
    assert iptables.earlier(_kernel(wins, *ours), asked) == [wins]
    assert not iptables.is_as_wanted(_kernel(*ours, ours[0]), asked, 4), "twice is once too often"
    assert not iptables.is_as_wanted(_kernel(*ours[:-1]), asked, 4), "without its end"
    assert not iptables.is_as_wanted(_kernel(*ours[1:]), asked, 4), "nothing jumps to it"


def test_ours_are_exchanged_in_one_transaction_that_names_nothing_else() -> None:
    asked = wanted("closed")
    ours = ["-A INPUT " + iptables.jumps(asked)[0][1], *iptables.chain_rules(asked, 4)]
    table = _kernel("-A INPUT -p tcp -m tcp --dport 7 -j DROP", *ours)
    for state in ("closed", "absent"):
        commands = iptables.exchange(table, wanted(state), 4)
        assert commands.count("COMMIT") == 1 and "dport 7" not in commands
        assert all("port995" in line for line in commands.splitlines() if line not in ("*filter", "COMMIT"))


USER_RULES = """\
*filter
:ufw-user-input - [0:0]
### RULES ###
%s
### END RULES ###

### LOGGING ###
COMMIT
"""
THEIRS = """
### tuple ### allow tcp 995 0.0.0.0/0 any 0.0.0.0/0 Dovecot%20Secure%20POP3 - in comment=6d696e65
-A ufw-user-input -p tcp --dport 995 -j ACCEPT -m comment --comment 'dapp_Dovecot%20Secure%20POP3'

### tuple ### deny tcp 995 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 995 -j DROP
"""


@pytest.mark.parametrize("theirs", ["", THEIRS])
@pytest.mark.parametrize("state", ["closed", "restricted", "open"])
def test_rules_of_ufw_are_given_back_to_the_octet(theirs: str, state: str) -> None:
    text = USER_RULES % theirs if theirs else USER_RULES.replace("%s\n", "\n")
    asked = wanted(state, allow=ALLOW if state == "restricted" else ())
    with_ours = ufw.with_ours(text, asked, 4)
    assert with_ours != text and ufw.with_ours(with_ours, asked, 4) == with_ours
    assert ufw.without_ours(with_ours) == text
    rules = [rule.text.removeprefix("-A ufw-user-input -p tcp --dport 995 ") for rule in ufw.rules_of(with_ours, 4)]
    ours = {"closed": ["-j DROP"], "restricted": ["-s 192.0.2.0/24 -j ACCEPT", "-j DROP"], "open": ["-j ACCEPT"]}[state]
    # What opens stands where it still decides, after what others let in or ban.
    at = 1 if state == "open" and theirs else 0
    assert rules[at : at + len(ours)] == ours and len(rules) == len(ours) + (2 if theirs else 0)


def test_a_profile_of_ufw_that_still_says_open_is_named() -> None:
    said = ufw.still_let_in(USER_RULES % THEIRS, (995,))
    assert len(said) == 1 and "Dovecot Secure POP3" in said[0]
    assert ufw.still_let_in(USER_RULES % THEIRS, (110,)) == []


ZONE = '<?xml version="1.0" encoding="utf-8"?>\n<zone>\n  <service name="pop3s"/>\n</zone>\n'


def test_a_zone_is_given_back_to_the_octet_and_one_that_was_made_is_removed() -> None:
    rules = firewalld.rules(wanted("restricted", allow=ALLOW))
    for vendor in (None, ZONE, "<zone/>"):
        with_ours = firewalld.with_ours(ZONE, vendor, rules)
        assert with_ours is not None and with_ours.count("<rule ") == 3 and firewalld.MARK not in with_ours
        assert firewalld.with_ours(with_ours, vendor, rules) == with_ours
        assert firewalld.without_ours(with_ours, vendor) == ZONE
    made = firewalld.with_ours(None, ZONE, rules)
    assert made is not None and firewalld.MARK in made
    assert firewalld.without_ours(made, ZONE) is None
    changed = made.replace("pop3s", "imaps")
    assert firewalld.without_ours(changed, ZONE) == ZONE.replace("pop3s", "imaps"), "another has used it since"
    # As firewalld writes it anew.
    anew = ZONE.replace("</zone>", '  <rule priority="-9950">\n    <port port="995" protocol="tcp"/>\n    <drop/>\n  </rule>\n</zone>')
    assert firewalld.without_ours(anew, ZONE) == ZONE


def test_a_zone_in_a_form_that_is_not_known_is_refused() -> None:
    with pytest.raises(firewalld.FirewalldError, match="no line </zone>"):
        firewalld.with_ours("<zone><short>x</short></zone>", None, firewalld.rules(wanted("closed")))


LISTED = """\
block
  target: %%REJECT%%
  interfaces:
  services:
  ports:
  rich rules:

public (active, default)
  target: default
  interfaces: eth0
  services: dhcpv6-client pop3s ssh
  ports: 990-1000/tcp 53/udp
  rich rules:
\trule priority="-9950" port port="995" protocol="tcp" drop
\trule priority="-10000" family="ipv4" source address="192.0.2.9" accept
\trule family="ipv4" source address="192.0.2.0/24" accept
trusted
  target: ACCEPT
  rich rules:
"""


def test_zones_are_read_and_what_lets_the_port_in_is_named() -> None:
    zones = firewalld.parse_zones(LISTED)
    assert list(zones) == ["block", "public", "trusted"]
    assert zones["public"].ours == ('rule priority="-9950" port port="995" protocol="tcp" drop',)
    assert firewalld.still_let_in(zones, (995,)) == [
        "public (service pop3s, port 990-1000/tcp)", "trusted (target ACCEPT)",
    ]  # fmt: skip
    assert firewalld.earlier(zones, {}, (995,)) == [
        'zone public: rule priority="-10000" family="ipv4" source address="192.0.2.9" accept'
    ]
    assert firewalld.zones_for(wanted("closed"), zones, "public") == ["block", "public", "trusted"]
    assert firewalld.zones_for(wanted("open"), zones, "block") == ["public"]
    assert firewalld.zones_for(wanted("absent"), zones, "public") == []
