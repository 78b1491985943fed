# SPDX-License-Identifier: GPL-3.0-or-later
"""Our table beside ufw, firewalld and iptables with netfilter's own tools: it wins, stays, and leaves theirs alone."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest

from tests.peers import chroots

from . import image, on_host
from .lab import Host, Lab, LabError, Vantage
from .test_nftables import DROPPED, INSIDE, OPEN


@dataclasses.dataclass(frozen=True)
class Other:
    """Another firewall, with 995 let in by it."""

    release: chroots.Release
    start: str
    names: tuple[str, ...]
    """What detection calls it."""
    disturbances: tuple[str, ...]
    """After each of them, our port has to be shut."""


UFW = Other(
    image.UFW,
    "ufw allow 22/tcp; ufw allow 110/tcp; ufw allow 995/tcp; ufw --force enable",
    ("ufw", "nft tables"),
    ("ufw reload", "ufw deny 7/tcp", "ufw disable; ufw --force enable", "systemctl restart ufw"),
)
FIREWALLD = Other(
    image.FIREWALLD,
    "for service in pop3 pop3s ssh; do firewall-cmd --quiet --permanent --add-service=$service; done; firewall-cmd --reload",
    ("firewalld",),
    ("firewall-cmd --reload", "firewall-cmd --complete-reload", "systemctl restart firewalld"),
)
IPTABLES = Other(
    image.BOOKWORM,
    "for tool in iptables ip6tables; do $tool -A INPUT -p tcp --dport 7 -j DROP; $tool -A INPUT -p tcp --dport 995 -j ACCEPT; done",
    ("nft tables",),
    ("iptables -F; ip6tables -F", "iptables-save > /tmp/x; iptables-restore < /tmp/x", "iptables -X"),
)
OTHERS = {"ufw": UFW, "firewalld": FIREWALLD, "iptables": IPTABLES}


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest) -> Other:
    return OTHERS[request.param]


@pytest.fixture
def ready(lab: Lab, other: Other) -> Iterator[Host]:
    """A host on which the other firewall runs, with the library."""
    host = lab.host(other.release)
    try:
        host.console(other.start)
        host.wait_for_listener()
        on_host.put_library(host)
        yield host
    finally:
        host.remove()
        lab.hosts.remove(host)


def until_open(vantage: Vantage, host: Host, port: int = 995) -> None:
    """After firewalld is loaded anew, the first packet of IPv6 gets no answer."""
    end = time.monotonic() + 10
    while (seen := vantage.states(host, port)) != OPEN:
        assert time.monotonic() < end, seen


def test_the_port_is_shut_whatever_the_other_does_and_given_back(ready: Host, lab: Lab, other: Other) -> None:
    until_open(lab.outside, ready)
    assert tuple(on_host.plan(ready, state="closed")["active"]) == other.names
    with pytest.raises(LabError, match="state open can't be had"):
        on_host.plan(ready, state="open")
    on_host.change(ready, state="closed")
    assert lab.outside.states(ready) == DROPPED and lab.inside.states(ready) == DROPPED
    until_open(lab.outside, ready, 110)
    for disturbance in other.disturbances:
        ready.console(disturbance)
        assert lab.outside.states(ready) == DROPPED, disturbance
        assert on_host.plan(ready, state="closed")["changed"] is False, disturbance
    planned = on_host.plan(ready, state="restricted", allow=INSIDE)
    assert any(note.startswith("in use beside this table") for note in planned["notes"])
    on_host.change(ready, state="restricted", allow=INSIDE)
    until_open(lab.inside, ready)
    assert lab.outside.states(ready) == DROPPED
    ready.reboot()
    ready.wait_for_listener()
    assert lab.outside.states(ready) == DROPPED
    on_host.change(ready, state="absent")
    # Rules of the others and their files differ from the start by what was done to them above.
    assert "port995" not in on_host.state(ready)
    until_open(lab.outside, ready)
