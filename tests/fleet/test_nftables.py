# SPDX-License-Identifier: GPL-3.0-or-later
"""Port 995 closed and restricted by a table of our own, on a host with no firewall and on one with nftables."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from . import on_host
from .lab import Host, Lab
from .watch import Watch

OPEN = {"ipv4": "open", "ipv6": "open"}
DROPPED = {"ipv4": "filtered", "ipv6": "filtered"}
REFUSED = {"ipv4": "closed", "ipv6": "closed"}
INSIDE = ("192.0.2.0/24", "2001:db8::/64")

SOME_RULES = r"""
printf '#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy accept;\n\t\ttcp dport 7 drop\n\t}\n}\n' > /etc/nftables.conf
systemctl enable --quiet --now nftables
"""
CONTAINER = """
set -e
nft add table ip docker
nft 'add chain ip docker DOCKER { type nat hook prerouting priority dstnat; }'
nft add rule ip docker DOCKER fib daddr type local tcp dport 995 dnat to 172.31.0.2:995
ip netns add container
ip link add published type veth peer name eth0 netns container
ip address add 172.31.0.1/24 dev published
ip link set published up
ip -n container address add 172.31.0.2/24 dev eth0
ip -n container link set eth0 up
ip -n container route add default via 172.31.0.1
ip netns exec container python3 -c 'import socket,time; s=socket.create_server(("", 995)); time.sleep(999)' >/dev/null 2>&1 &
sleep 1
"""
"""What Docker does with a published port: destination NAT to a guest, before any chain that filters input."""


def none(host: Host) -> None:
    """No firewall: the package is there, and nothing of it runs."""


def nftables(host: Host) -> None:
    """Rules of the administrator in nftables.conf, loaded by nftables.service."""
    host.console(SOME_RULES)


Firewall = Callable[[Host], None]
with_each_firewall = pytest.mark.parametrize("firewall", [none, nftables], ids=["none", "nftables"])


@pytest.fixture
def ready(host: Host) -> Host:
    """With the library."""
    on_host.put_library(host)
    return host


def until(watch: Watch, state: str) -> None:
    """Wait until a watch sees a state."""
    began = time.monotonic()
    while state not in watch.states(began):
        assert time.monotonic() < began + 10, watch.states()
        time.sleep(0.05)


@with_each_firewall
def test_each_state_is_seen_from_both_sides_and_leaves_nothing_of_the_one_before(
    ready: Host, lab: Lab, firewall: Firewall
) -> None:
    firewall(ready)
    before = on_host.state(ready)
    for given, inside, outside in (
        ({"state": "closed"}, DROPPED, DROPPED),
        ({"state": "restricted", "allow": INSIDE}, OPEN, DROPPED),
        ({"state": "closed", "action": "reject"}, REFUSED, REFUSED),
        ({"state": "restricted", "allow": INSIDE[:1], "action": "reject"}, {"ipv4": "open", "ipv6": "closed"}, REFUSED),
    ):
        planned = on_host.plan(ready, **given)
        assert planned["changed"]
        assert on_host.change(ready, **given) == {"changed": True, "left": False}
        assert (lab.inside.states(ready), lab.outside.states(ready)) == (inside, outside), given
        assert on_host.change(ready, **given) == {"changed": False, "left": False}
        # The clear-text port was not asked for, and the host's own connections go on.
        assert lab.outside.states(ready, 110) == OPEN
        ready.console("timeout 5 bash -c 'echo > /dev/tcp/127.0.0.1/995'; timeout 5 bash -c 'echo > /dev/tcp/::1/995'")
    ready.console("nft add table inet foreign; nft add chain inet foreign kept")
    assert on_host.change(ready, state="absent") == {"changed": True, "left": False}
    assert (lab.inside.states(ready), lab.outside.states(ready)) == (OPEN, OPEN)
    assert ready.console("nft list table inet foreign").strip()
    ready.console("nft delete table inet foreign")
    assert on_host.state(ready) == before


@with_each_firewall
def test_nothing_that_is_done_to_nftables_opens_the_port(ready: Host, lab: Lab, firewall: Firewall) -> None:
    firewall(ready)
    on_host.change(ready, state="closed")
    with Watch(lab.outside, 995, ready.ipv4, ready.ipv6) as watch:
        until(watch, "filtered")
        for done in ("start", "reload", "restart", "stop", "start"):
            ready.console(f"systemctl {done} nftables")
            assert lab.outside.states(ready) == DROPPED, done
        ready.console("nft -f /etc/nftables.conf")
        ready.console("systemctl restart port995-firewall; systemctl stop port995-firewall")
        assert lab.outside.states(ready) == DROPPED
        time.sleep(0.3)
        assert watch.states() == {"filtered"}


def test_a_configuration_that_another_tool_writes_anew_is_survived_by_the_service(ready: Host, lab: Lab) -> None:
    on_host.change(ready, state="closed")
    ready.console(SOME_RULES)
    for done in ("reload", "restart"):
        ready.console(f"systemctl {done} nftables")
        assert lab.outside.states(ready) == DROPPED, done
    # By hand, nothing takes ours in; a plan says so.
    ready.console("nft -f /etc/nftables.conf")
    planned = on_host.plan(ready, state="closed")
    assert planned["running"] and planned["disk"]
    assert "something else than port995: /etc/nftables.conf does not hold our line any more" in planned["notes"]


@with_each_firewall
def test_the_port_is_shut_all_through_a_reboot(ready: Host, lab: Lab, firewall: Firewall) -> None:
    firewall(ready)
    on_host.change(ready, state="closed")
    boot_id, network = ready.boot_id, ready.network_keeper
    with Watch(lab.outside, 995, ready.ipv4, ready.ipv6) as outside, Watch(lab.inside, 995, ready.ipv4) as inside:
        until(outside, "filtered")
        ready.reboot()
        up = time.monotonic()
        ready.wait_for_listener()
        until(outside, "filtered")
        until(inside, "filtered")
        assert "open" not in outside.states() | inside.states()
        assert ready.boot_id != boot_id and ready.network_keeper != network
    assert lab.outside.states(ready) == DROPPED and time.monotonic() > up
    assert not on_host.plan(ready, state="closed")["changed"]
    assert ready.console("systemctl --failed --no-legend") == ""


def test_a_host_without_our_rules_is_seen_open_when_it_boots(host: Host, lab: Lab) -> None:
    """That the watch of the test above can see it."""
    with Watch(lab.outside, 995, host.ipv4) as watch:
        host.reboot()
        host.wait_for_listener()
        until(watch, "open")


def test_a_port_that_a_container_publishes_is_closed_with_it(ready: Host, lab: Lab) -> None:
    ready.console("systemctl stop dovecot")
    ready.console(CONTAINER)
    ready.route_packets()
    ready.console("nft add table inet filter; nft add chain inet filter input '{ type filter hook input priority 0; }'; "
                  "nft add rule inet filter input tcp dport 995 drop")
    # The common way to close a port does not close this one.
    assert lab.outside.states(ready)["ipv4"] == "open"
    assert on_host.plan(ready, state="closed")["active"] == ["docker", "nft tables"]
    on_host.change(ready, state="closed")
    assert lab.outside.states(ready)["ipv4"] == "filtered"
    on_host.change(ready, state="restricted", allow=INSIDE)
    assert lab.inside.states(ready)["ipv4"] == "open" and lab.outside.states(ready)["ipv4"] == "filtered"


def test_nothing_but_the_port_is_touched(ready: Host, lab: Lab) -> None:
    """Other protocols and ports, to and from the host, with neighbours that are not known yet."""
    on_host.change(ready, state="closed", loopback=True, forward=True, established="cut")
    echo = (
        "import socket,sys; s=socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 5300)); print(1, flush=True)\n"
        "while True:\n  data, peer = s.recvfrom(99); s.sendto(data, peer)\n"
    )
    ask = (
        "import socket,sys; s=socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(5)\n"
        "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)\n"
        "s.sendto(b'x', (sys.argv[1], 5300)); print(s.recv(9))\n"
    )
    peer = subprocess.Popen(
        [*lab.inside.prefix(), sys.executable, "-c", echo], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    with peer:
        try:
            assert peer.stdout is not None and peer.stdout.readline() == "1\n"
            ready.console("ip neigh flush all")
            lab.inside.run("ip", "neigh", "flush", "all")
            ready.console("cat > /opt/ask.py", data=ask.encode())
            for address in ("2001:db8::1", "::ffff:192.0.2.1"):
                assert ready.console(f"python3 /opt/ask.py {address}") == "b'x'\n"
            for port in (22, 110):
                assert lab.outside.states(ready, port) == OPEN
            ready.console("bash -c 'echo >/dev/tcp/127.0.0.1/22'; bash -c 'echo >/dev/tcp/::1/110'")
        finally:
            peer.kill()


def test_sessions_are_kept_or_cut_as_told(ready: Host, lab: Lab) -> None:
    talk = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], 110)); f=s.makefile('rw', newline='\\r\\n')\n"
        "print(f.readline()[:3], flush=True); sys.stdin.readline(); s.settimeout(3)\n"
        "f.write('CAPA\\r\\n'); f.flush(); print(f.readline()[:3], flush=True)\n"
    )
    for established, after in (("keep", "+OK\n"), ("cut", "")):
        session = subprocess.Popen(
            [*lab.inside.prefix(), sys.executable, "-c", talk, ready.ipv4], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        with session:
            assert session.stdin is not None and session.stdout is not None
            assert session.stdout.readline() == "+OK\n"
            on_host.change(ready, state="closed", ports=[110, 995], established=established)
            assert lab.inside.states(ready, 110) == DROPPED
            session.stdin.write("go\n")
            session.stdin.flush()
            assert session.stdout.readline() == after
        on_host.change(ready, state="absent")
