# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end iptables: its older variant, the layout of Red Hat's family, and others who change the same rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import on_host
from .backends import IPTABLES, RULES
from .lab import Host, Lab
from .test_backends import CHANGED, UNCHANGED, state, until
from .test_nftables import DROPPED, OPEN

pytestmark = pytest.mark.timeout(900)

SERVICE = """\
[Unit]
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/{tool}-restore /etc/sysconfig/{tool}
ExecReload=/sbin/{tool}-restore /etc/sysconfig/{tool}
ExecStop=/bin/sh -c "{tool} -P INPUT ACCEPT; {tool} -F; {tool} -X"
[Install]
WantedBy=multi-user.target
"""
"""What iptables.service of Red Hat's family does: it restores its file, and its stop lets everything in."""


@pytest.fixture(scope="module")
def kept(lab: Lab) -> Iterator[Host]:
    host = lab.host(IPTABLES.release)
    yield host
    host.remove()
    lab.hosts.remove(host)


@pytest.fixture
def host(kept: Host) -> Host:
    kept.reset()
    kept.wait_for_listener()
    on_host.put_library(kept)
    return kept


def test_the_layout_of_red_hat_keeps_the_port_shut_through_its_services(host: Host, lab: Lab) -> None:
    host.console("systemctl disable --now netfilter-persistent; mkdir /etc/sysconfig")
    let_in = "-A INPUT -p tcp -m tcp --dport 995 -j ACCEPT\n-A INPUT -p ipv6-icmp -j ACCEPT\n"
    for tool in ("iptables", "ip6tables"):
        saved = RULES % ("DROP", "", let_in if tool == "ip6tables" else let_in.splitlines()[0] + "\n")
        host.console(f"cat > /etc/sysconfig/{tool}", data=saved.encode())
        host.console(f"cat > /etc/systemd/system/{tool}.service", data=SERVICE.format(tool=tool).encode())
        host.console(f"systemctl daemon-reload; systemctl enable --quiet --now {tool}")
    until(lab.outside, host, OPEN)
    before = state(host, IPTABLES)
    assert on_host.change(host, state="closed", backend="iptables") == CHANGED
    for done in ("reload", "restart", "stop", "start"):
        host.console(f"systemctl {done} iptables ip6tables")
        assert lab.outside.states(host) == DROPPED, done
    assert on_host.change(host, state="closed", backend="iptables") == UNCHANGED
    host.reboot()
    host.wait_for_listener()
    assert lab.outside.states(host) == DROPPED
    assert on_host.change(host, state="absent") == CHANGED
    until(lab.outside, host, OPEN)
    assert state(host, IPTABLES) == before


def test_the_older_variant_of_iptables_does_the_same(host: Host, lab: Lab) -> None:
    host.console("for x in iptables ip6tables; do update-alternatives --set $x /usr/sbin/$x-legacy; done")
    host.console(IPTABLES.lets_in)
    if "legacy" not in host.console("iptables -V"):
        pytest.skip("this kernel has no older filter")
    before = state(host, IPTABLES)
    assert on_host.change(host, state="closed", backend="iptables") == CHANGED
    assert lab.outside.states(host) == DROPPED
    assert on_host.change(host, state="closed", backend="iptables") == UNCHANGED
    host.console("netfilter-persistent reload")
    assert lab.outside.states(host) == DROPPED
    host.reboot()
    host.wait_for_listener()
    assert lab.outside.states(host) == DROPPED
    assert on_host.change(host, state="absent") == CHANGED
    until(lab.outside, host, OPEN)
    assert state(host, IPTABLES) == before


def test_a_rule_that_another_put_before_ours_is_named_and_put_behind(host: Host, lab: Lab) -> None:
    host.console(IPTABLES.lets_in)
    on_host.change(host, state="closed", backend="iptables")
    host.console("iptables -I INPUT 1 -p tcp --dport 995 -j ACCEPT")
    assert lab.outside.states(host)["ipv4"] == "open"
    notes = on_host.plan(host, state="closed", backend="iptables")["notes"]
    assert any("stands before ours: -A INPUT -p tcp -m tcp --dport 995 -j ACCEPT" in note for note in notes), notes
    assert on_host.change(host, state="closed", backend="iptables") == CHANGED
    assert lab.outside.states(host) == DROPPED
    on_host.change(host, state="absent")
    assert host.console("iptables -S INPUT").splitlines()[1] == "-A INPUT -p tcp -m tcp --dport 995 -j ACCEPT"
