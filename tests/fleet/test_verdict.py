# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a packet filter, on hosts with each kind of it, held against what is seen from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from port995.probe.codec import decode
from port995.probe.host.model import FirewallSeen
from tests.peers import chroots

from . import image
from .lab import Host, Lab
from .on_host import put_library

LOOK = """
import json
from port995.probe.codec import to_json
from port995.probe.host import firewall
print(json.dumps(to_json(firewall.look((995, 110)))))
"""


def look(host: Host) -> FirewallSeen:
    told: Any = json.loads(host.console("PYTHONPATH=/opt/library python3 -", data=LOOK.encode()))
    return decode(FirewallSeen, told)


def agree(host: Host, lab: Lab, expected: str, port: int = 995) -> FirewallSeen:
    """The verdict is as expected over both families, and the wire shows the same."""
    seen = look(host)
    assert {one.state for one in seen.of(port)} == {expected} and len(seen.of(port)) == 2, seen
    states = lab.outside.states(host, port)
    if expected == "open":
        assert set(states.values()) == {"open"}
    else:
        assert set(states.values()) <= {"filtered", "closed"}, states
    if expected == "restricted":
        assert set(lab.inside.states(host, port).values()) == {"open"}
    return seen


def booted(lab: Lab, release: chroots.Release) -> Iterator[Host]:
    host = lab.host(release)
    host.wait_for_listener()
    put_library(host)
    yield host
    host.remove()
    lab.hosts.remove(host)


@pytest.fixture
def ufw(lab: Lab) -> Iterator[Host]:
    yield from booted(lab, image.UFW)


@pytest.fixture
def firewalld(lab: Lab) -> Iterator[Host]:
    yield from booted(lab, image.FIREWALLD)


@pytest.fixture(params=[image.BOOKWORM, image.BULLSEYE, image.TRIXIE], ids=lambda release: release.name)
def plain(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Host]:
    yield from booted(lab, request.param)


def test_ufw(ufw: Host, lab: Lab) -> None:
    seen = agree(ufw, lab, "open")
    assert ("ufw", False) in [(one.name, one.active) for one in seen.front_ends]
    ufw.console("ufw allow 22/tcp; ufw --force enable")
    agree(ufw, lab, "closed")
    ufw.console("ufw allow from 192.0.2.0/24 to any port 995 proto tcp; ufw allow from 2001:db8::/64 to any port 995 proto tcp")
    seen = agree(ufw, lab, "restricted")
    assert [one.sources for one in seen.of(995)] == [("192.0.2.0/24",), ("2001:db8::/64",)]
    ufw.console("ufw allow 'Dovecot Secure POP3'")
    seen = agree(ufw, lab, "open")
    told = next(one for one in seen.front_ends if one.name == "ufw")
    assert told.active and any("Dovecot Secure POP3" in line for line in told.says), told
    agree(ufw, lab, "closed", 110)


def test_firewalld(firewalld: Host, lab: Lab) -> None:
    seen = agree(firewalld, lab, "closed")
    assert ("firewalld", True) in [(one.name, one.active) for one in seen.front_ends]
    for family, network in (("ipv4", "192.0.2.0/24"), ("ipv6", "2001:db8::/64")):
        firewalld.console(f"firewall-cmd -q --add-rich-rule='rule family={family} source address={network} service name=pop3s accept'")
    agree(firewalld, lab, "restricted")
    firewalld.console("firewall-cmd -q --add-service=pop3s")
    seen = agree(firewalld, lab, "open")
    assert any("pop3s" in line for line in next(one.says for one in seen.front_ends if one.name == "firewalld"))
    firewalld.console("firewall-cmd -q --remove-service=pop3s; firewall-cmd -q --zone=trusted --change-interface=eth0")
    # The interface has a zone of its own now. Which one a connection comes in by is not guessed.
    assert {one.state for one in look(firewalld).of(995)} == {"unknown"}


def test_nftables_and_iptables(plain: Host, lab: Lab) -> None:
    agree(plain, lab, "open")
    plain.console("nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; policy drop; }';"
                  " nft add rule inet t c ct state established,related accept; nft add rule inet t c iif lo accept;"
                  " nft add rule inet t c meta l4proto ipv6-icmp accept; nft add rule inet t c tcp dport '{ 22, 110 }' accept")  # fmt: skip
    agree(plain, lab, "closed")
    agree(plain, lab, "open", 110)
    plain.console("nft add rule inet t c ip saddr 192.0.2.0/24 tcp dport 995 accept;"
                  " nft add set inet t six '{ type ipv6_addr; flags interval; elements = { 2001:db8::/64 }; }';"
                  " nft add rule inet t c ip6 saddr @six tcp dport 995 accept")  # fmt: skip
    agree(plain, lab, "restricted")
    plain.console("nft flush ruleset")
    for program, network in (("iptables", "192.0.2.0/24"), ("ip6tables", "2001:db8::/64")):
        plain.console(f"{program} -A INPUT -p tcp -m multiport --dports 995,993 -s {network} -j ACCEPT;"
                      f" {program} -A INPUT -p tcp -m tcp --dport 995 -m comment --comment 'not -j ACCEPT' -j REJECT --reject-with tcp-reset")  # fmt: skip
    agree(plain, lab, "restricted")
    plain.console("iptables -t nat -A PREROUTING -p tcp --dport 110 -j DNAT --to-destination 172.17.0.2:110")
    verdict = look(plain).of(110)[0]
    assert (verdict.state, verdict.redirected) == ("redirected", True)
    plain.console("nft flush ruleset")
    agree(plain, lab, "open")


def test_the_older_filter_of_iptables_is_seen(plain: Host, lab: Lab) -> None:
    if "can't initialize" in plain.console("iptables-legacy -A INPUT -p tcp --dport 995 -j DROP 2>&1", check=False):
        pytest.skip("this machine's kernel has no older filter")
    plain.console("ip6tables-legacy -A INPUT -p tcp --dport 995 -j DROP")
    agree(plain, lab, "closed")
