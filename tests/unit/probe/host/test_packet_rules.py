# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules do with a connection: on rulesets as nft, iptables, ufw and firewalld have them, and on half-understood ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from port995.probe.host import iptables_rules, nft_rules
from port995.probe.host.packet_rules import verdict

DPORT = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 995}}
DROP, ACCEPT, REJECT = {"drop": None}, {"accept": None}, {"reject": {"type": "tcp reset"}}
ESTABLISHED = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
LOOPBACK = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}
LIMIT = {"limit": {"rate": 3, "burst": 5, "per": "minute"}}


def source(right: Any, protocol: str = "ip", op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "saddr"}}, "right": right}}


def interface(name: str) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": name}}


def prefix(address: str, length: int) -> dict[str, Any]:
    return {"prefix": {"addr": address, "len": length}}


OFFICE = source(prefix("10.0.0.0", 8))


def chain(*rules: list[Any], name: str = "input", policy: str = "accept", family: str = "inet", hook: str | None = "input",
          prio: int = 0, kind: str = "filter") -> list[Any]:  # fmt: skip
    base = {"type": kind, "hook": hook, "prio": prio, "policy": policy} if hook else {}
    where = {"family": family, "table": "t"}
    return [{"chain": {**where, "name": name, **base}}, *({"rule": {**where, "chain": name, "expr": rule}} for rule in rules)]


def listed(*parts: list[Any], family: str = "inet") -> str:
    return json.dumps({"nftables": [{"metainfo": {}}, {"table": {"family": family, "name": "t"}}, *(one for part in parts for one in part)]})


def state(*parts: list[Any], family: int = 4, table: str = "inet") -> str:
    return verdict(nft_rules.read(listed(*parts, family=table), family, 995), family, 995).state


@pytest.mark.parametrize(("rules", "policy", "expected"), [
    ([], "accept", "open"),
    ([], "drop", "closed"),
    ([[DPORT, DROP]], "accept", "closed"),
    ([[DPORT, REJECT]], "accept", "closed"),
    ([[DPORT, ACCEPT]], "drop", "open"),
    ([[ESTABLISHED, ACCEPT], [LOOPBACK, ACCEPT]], "drop", "closed"),
    ([[DPORT, OFFICE, ACCEPT], [DPORT, DROP]], "accept", "restricted"),
    ([[DPORT, OFFICE, DROP]], "accept", "open"),
    ([[OFFICE, ACCEPT], [OFFICE, DPORT, ACCEPT]], "drop", "restricted"),
    ([[source(prefix("0.0.0.0", 0)), ACCEPT]], "drop", "open"),
    ([[source({"set": [prefix("0.0.0.0", 1), prefix("128.0.0.0", 1)]}), ACCEPT]], "drop", "open"),
    ([[source("@unknown"), ACCEPT]], "drop", "unknown"),
    ([[source("@unknown"), DROP]], "accept", "open"),
    ([[source(prefix("10.0.0.0", 8), op="!="), DROP]], "accept", "unknown"),
    ([[interface("eth0"), ACCEPT]], "drop", "unknown"),
    ([[interface("eth0"), DROP]], "accept", "unknown"),
    ([[interface("eth0"), DROP]], "drop", "closed"),
    ([[LIMIT, ACCEPT]], "drop", "unknown"),
    ([[{"xt": {"type": "match", "name": "bpf"}}, ACCEPT]], "drop", "unknown"),
    ([[{"brand-new": {}}, DPORT, DROP]], "accept", "unknown"),
    ([[DPORT, {"queue": {"num": 1}}]], "accept", "unknown"),
    ([[DPORT, {"notrack": None}], [DPORT, DROP]], "accept", "unknown"),
    ([[{"counter": {"packets": 1, "bytes": 2}}, {"log": None}], [DPORT, {"counter": None}, DROP]], "accept", "closed"),
])  # fmt: skip
def test_one_chain(rules, policy, expected):
    assert state(chain(*rules, policy=policy)) == expected


@pytest.mark.parametrize(("right", "op", "expected"), [
    ({"set": [110, 995]}, "==", "closed"), ({"range": [900, 1000]}, "==", "closed"), ({"set": [{"range": [1, 994]}]}, "==", "open"),
    (995, "!=", "open"), (110, "!=", "closed"), (996, "<", "closed"), (995, "<", "open"), ("@ports", "==", "closed"),
])  # fmt: skip
def test_ports(right, op, expected):
    ports = [{"set": {"family": "inet", "table": "t", "name": "ports", "elem": [25, {"elem": {"val": 995, "counter": {}}}]}}]
    rule = [{"match": {"op": op, "left": DPORT["match"]["left"], "right": right}}, DROP]
    assert state(ports, chain(rule)) == expected


def test_a_rule_for_another_family_or_protocol_takes_nothing():
    assert state(chain([source(prefix("10.0.0.0", 8), op="!="), DROP]), family=6) == "open"
    udp = {"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "protocol"}}, "right": "tcp"}}
    assert state(chain([udp, DROP])) == state(chain([udp, DROP]), family=6) == "open"
    assert state(chain([DPORT, DROP], family="ip"), family=6, table="ip") == "open"


def test_our_own_table_closes_before_everything():
    flags = {"match": {"op": "!=", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, {"|": ["fin", "syn", "rst", "ack"]}]},
                       "right": "syn"}}  # fmt: skip
    local = {"match": {"op": "!=", "left": {"fib": {"result": "type", "flags": "daddr"}}, "right": "local"}}
    door = chain([LOOPBACK, ACCEPT], [local, ACCEPT], [flags, ACCEPT], [DROP], name="door", hook=None)
    hook = chain([DPORT, {"goto": {"target": "door"}}], name="prerouting", hook="prerouting", prio=-150)
    later = chain([DPORT, {"dnat": {"addr": "172.17.0.2"}}], name="nat", hook="prerouting", prio=-100, kind="nat")
    answer = verdict(nft_rules.read(listed(door, hook, later), 4, 995), 4, 995)
    assert (answer.state, answer.redirected) == ("closed", True)
    assert state(later) == "redirected"
    # Behind the destination NAT the chain input is not gone through.
    assert state(later, chain([DPORT, DROP])) == "redirected"


def test_who_returns_goes_on_behind_the_jump():
    jump = [{"jump": {"target": "inner"}}]
    assert state(chain(jump), chain([DROP], name="inner", hook=None)) == "closed"
    assert state(chain(jump), chain([OFFICE, {"return": None}], [DROP], name="inner", hook=None)) == "restricted"
    assert state(chain(jump), chain([LIMIT, {"return": None}], [DROP], name="inner", hook=None)) == "unknown"
    assert state(chain(jump, [DPORT, DROP]), chain([OFFICE, {"return": None}], [DROP], name="inner", hook=None)) == "closed"
    goto = [{"goto": {"target": "inner"}}]
    assert state(chain(goto, [DPORT, DROP]), chain(name="inner", hook=None)) == "open"
    assert state(chain([LIMIT, *goto], [DROP]), chain([ACCEPT], name="inner", hook=None)) == "unknown"


def test_chains_without_end_are_no_verdict():
    loop = chain([{"jump": {"target": "inner"}}]), chain([{"jump": {"target": "inner"}}], name="inner", hook=None)
    answer = verdict(nft_rules.read(listed(*loop), 4, 995), 4, 995)
    assert (answer.state, answer.redirected) == ("unknown", None)


def test_a_verdict_map():
    value = {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", ACCEPT], ["invalid", DROP], ["new", {"jump": {"target": "new"}}]]}}
    assert state(chain([{"vmap": value}]), chain([DPORT, DROP], name="new", hook=None)) == "closed"
    without = {**value, "data": {"set": value["data"]["set"][:2]}}
    assert state(chain([{"vmap": without}], policy="drop")) == "closed"
    assert state(chain([{"vmap": {**value, "data": "@somewhere"}}])) == "unknown"


def test_the_filter_of_the_path_back_shuts_nobody_out():
    fib = {"fib": {"result": "oif", "flags": ["saddr", "mark", "iif"]}}
    back = {"match": {"op": "==", "left": fib, "right": False}}
    assert state(chain([back, DROP], hook="prerouting", prio=-290)) == "open"
    assert state(chain([back, ACCEPT], policy="drop")) == "unknown"
    assert state(chain([{"match": {"op": "!=", "left": fib, "right": False}}, ACCEPT], policy="drop")) == "unknown"


def test_an_ingress_chain_is_for_one_interface():
    assert state(chain([DPORT, DROP], hook="ingress", family="netdev"), table="netdev") == "unknown"
    assert state(chain(hook="ingress", family="netdev"), table="netdev") == "open"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nftables": [{"rule": 5}]}', '{"nftables": {"a": 1}}', "[" * 5000])
def test_what_nft_does_not_write_is_refused(text):
    with pytest.raises(nft_rules.RulesetError):
        nft_rules.read(text, 4, 995)


UFW = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-not-local - [0:0]
:ufw-after-input - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
%s
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
COMMIT
"""


@pytest.mark.parametrize(("rule", "expected"), [
    ("", "closed"),
    ("-A ufw-user-input -p tcp -m tcp --dport 995 -j ACCEPT", "open"),
    ("-A ufw-user-input -s 192.0.2.0/24 -p tcp -m tcp --dport 995 -j ACCEPT", "restricted"),
    ("-A ufw-user-input -p tcp -m multiport --dports 110,995 -m comment --comment 'dapp_Dovecot%20-j%20DROP' -j ACCEPT", "open"),
    ("-A ufw-user-input -p tcp -m tcp --dport 995 -m conntrack --ctstate NEW -m recent --set --name DEFAULT", "closed"),
    ("-A ufw-user-input -p tcp -m tcp --dport 995 -m limit --limit 3/min -j ACCEPT", "unknown"),
    ("-A ufw-user-input ! -s 192.0.2.0/24 -p tcp -m tcp --dport 995 -j ACCEPT", "unknown"),
    ("-A ufw-user-input -p udp -m udp --dport 995 -j ACCEPT", "closed"),
    ("-A ufw-user-input -i eth1 -j ACCEPT", "unknown"),
    ("-A ufw-user-input -m set --match-set office src -j ACCEPT", "unknown"),
    ("-A ufw-user-input -m set --match-set banned src -j DROP\n-A ufw-user-input -p tcp --dport 990:1000 -j ACCEPT", "open"),
    ("-A ufw-user-input -p tcp --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with tcp-reset", "closed"),
    ("-A ufw-user-input -p tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", "closed"),
    ("-A ufw-user-input -j SOMETHING", "unknown"),
    ("-A ufw-user-input -m rpfilter --validmark --invert -j DROP\n-A ufw-user-input -p tcp --dport 995 -j ACCEPT", "open"),
    ("-A ufw-user-input -m rpfilter --validmark -j ACCEPT", "open"),
    ("-A ufw-user-input -m rt --rt-type 0 -j DROP\n-A ufw-user-input -p tcp --dport 995 -j ACCEPT", "open"),
])  # fmt: skip
def test_iptables_as_ufw_writes_it(rule, expected):
    assert verdict(iptables_rules.read(UFW % rule, 4, 995), 4, 995).state == expected


RHEL = """\
# sample configuration for iptables service
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m addrtype --dst-type LOCAL -j DOCKER
:DOCKER - [0:0]
COMMIT
"""
RHEL_FILTER = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[12:720] -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
[0:0] -A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""


def test_iptables_as_red_hat_installs_it():
    assert verdict(iptables_rules.read(RHEL_FILTER, 4, 995), 4, 995).state == "closed"
    assert verdict(iptables_rules.read(RHEL_FILTER, 4, 22), 4, 22).state == "open"


def test_a_port_that_docker_publishes_is_redirected():
    docker = RHEL.replace(":DOCKER - [0:0]\n", "").replace(":PREROUTING", ":DOCKER - [0:0]\n:PREROUTING").replace(
        "COMMIT", "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 995 -j DNAT --to-destination 172.17.0.2:995\nCOMMIT")  # fmt: skip
    answer = verdict(iptables_rules.read(docker + RHEL_FILTER, 4, 995), 4, 995)
    assert (answer.state, answer.redirected) == ("redirected", True)


@pytest.mark.parametrize("text", [UFW[:-8] % "", "*filter\n:INPUT DROP\n-A NOWHERE -j DROP\nCOMMIT\n", "*filter\n:INPUT A\n-A INPUT 'x\nCOMMIT\n"])
def test_what_iptables_does_not_write_is_refused(text):
    with pytest.raises(iptables_rules.RulesetError):
        iptables_rules.read(text, 4, 995)
