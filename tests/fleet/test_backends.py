# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends iptables, ufw and firewalld on real hosts: each state, from both sides, kept, and taken away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from . import on_host
from .backends import BACKENDS, Backend
from .lab import Host, Lab, LabError, Vantage
from .test_nftables import CONTAINER, DROPPED, INSIDE, OPEN, REFUSED
from .watch import Watch

pytestmark = pytest.mark.timeout(900)
"""Seconds: firewall-cmd and ufw start an interpreter for each call, and a machine that is busy takes a second for one."""

CHANGED = {"changed": True, "left": False}
UNCHANGED = {"changed": False, "left": False}


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture(scope="module")
def kept(lab: Lab, backend: Backend) -> Iterator[Host]:
    host = lab.host(backend.release)
    yield host
    host.remove()
    lab.hosts.remove(host)


@pytest.fixture
def fresh(kept: Host) -> Host:
    """As its packages install it, with the library."""
    kept.reset()
    kept.wait_for_listener()
    on_host.put_library(kept)
    return kept


@pytest.fixture
def ready(fresh: Host, lab: Lab, backend: Backend) -> Host:
    """The back end runs and lets the port in."""
    fresh.console(backend.lets_in)
    until(lab.outside, fresh, OPEN)
    return fresh


def state(host: Host, backend: Backend) -> str:
    """All that a change could leave something in: rules without counters, all of /etc, what enables units."""
    rules = host.console(backend.rules)
    lines = on_host.STATE.replace("nft list ruleset", "ls /usr/share/netfilter-persistent/plugins.d 2>/dev/null")
    return rules + host.console(lines)


def until(vantage: Vantage, host: Host, wanted: dict[str, str], port: int = 995) -> None:
    """Wait: after firewalld is loaded anew, the first packet of IPv6 gets no answer."""
    end = time.monotonic() + 15
    while (seen := vantage.states(host, port)) != wanted:
        assert time.monotonic() < end, seen


def seen_by_nmap(vantage: Vantage, host: Host) -> set[str]:
    """What Nmap says of the port, over both families."""
    found = set()
    for family, address in (("-4", host.ipv4), ("-6", host.ipv6)):
        said = vantage.run("nmap", family, "-Pn", "-n", "-p", "995", "--max-retries", "2", address).stdout
        found |= {line.split()[1] for line in said.splitlines() if line.startswith("995/tcp")}
    return found


def test_each_state_is_seen_from_both_sides_and_leaves_nothing_of_the_one_before(
    ready: Host, lab: Lab, backend: Backend
) -> None:
    before = state(ready, backend)
    on_host.plan(ready, state="closed", backend=backend.name)
    assert state(ready, backend) == before, "planning changes nothing"
    steps: tuple[tuple[dict[str, Any], dict[str, str], dict[str, str]], ...] = (
        ({"state": "closed"}, DROPPED, DROPPED),
        ({"state": "restricted", "allow": INSIDE}, OPEN, DROPPED),
        ({"state": "closed", "action": "reject"}, REFUSED, REFUSED),
        ({"state": "restricted", "allow": INSIDE[:1], "action": "reject"}, {"ipv4": "open", "ipv6": "closed"}, REFUSED),
        ({"state": "open"}, OPEN, OPEN),
        ({"state": "closed"}, DROPPED, DROPPED),
    )
    for given, inside, outside in steps:
        given = {**given, "backend": backend.name}
        planned = on_host.plan(ready, **given)
        assert planned["changed"] and planned["backend"] == backend.name
        if given["state"] != "open":
            assert any(backend.conflict in note for note in planned["notes"]), planned["notes"]
        assert on_host.change(ready, **given) == CHANGED, given
        assert (lab.inside.states(ready), lab.outside.states(ready)) == (inside, outside), given
        assert on_host.plan(ready, **given)["changed"] is False, given
        ready.console("timeout 5 bash -c 'echo > /dev/tcp/127.0.0.1/995'; timeout 5 bash -c 'echo > /dev/tcp/::1/995'")
    assert lab.outside.states(ready, 110) == OPEN
    assert "995" in ready.console(backend.shown)
    assert seen_by_nmap(lab.outside, ready) == {"filtered"}
    ready.console(backend.foreign)
    assert lab.outside.states(ready) == DROPPED
    assert on_host.change(ready, state="absent") == CHANGED
    until(lab.outside, ready, OPEN)
    assert seen_by_nmap(lab.outside, ready) == {"open"}
    ready.console(backend.foreign_there)
    ready.console(backend.foreign_away)
    assert state(ready, backend) == before


def test_a_port_that_the_firewall_shuts_is_opened_in_it(fresh: Host, lab: Lab, backend: Backend) -> None:
    fresh.console(backend.shuts)
    until(lab.outside, fresh, OPEN, 110)
    assert "open" not in lab.outside.states(fresh).values()
    before = state(fresh, backend)
    planned = on_host.plan(fresh, state="open")
    assert planned["backend"] == backend.name, "the one that is in use is found"
    assert on_host.change(fresh, state="open") == CHANGED
    until(lab.outside, fresh, OPEN)
    fresh.reboot()
    fresh.wait_for_listener()
    until(lab.outside, fresh, OPEN)
    on_host.put_library(fresh)
    assert on_host.change(fresh, state="open") == UNCHANGED
    assert on_host.change(fresh, state="absent") == CHANGED
    assert "open" not in lab.outside.states(fresh).values()
    assert state(fresh, backend) == before


def test_nothing_that_is_done_to_the_firewall_leaves_the_port_open(ready: Host, lab: Lab, backend: Backend) -> None:
    on_host.change(ready, state="closed", backend=backend.name)
    with Watch(lab.outside, 995, ready.ipv4, ready.ipv6) as watch:
        for done in backend.harmless:
            ready.console(done)
            assert lab.outside.states(ready) == DROPPED, done
            assert watch.states() <= {"filtered"}, done
        assert on_host.plan(ready, state="closed", backend=backend.name)["changed"] is False, done
    for done in backend.reopening:
        ready.console(done)
        assert lab.outside.states(ready) == DROPPED, done
    assert on_host.plan(ready, state="closed", backend=backend.name)["changed"] is False
    if "netfilter-persistent flush" in backend.reopening:
        # Another tool writes its file anew, and loads it: named, and not fought.
        ready.console(backend.lets_in)
        assert lab.outside.states(ready) == DROPPED
        notes = on_host.plan(ready, state="closed", backend=backend.name)["notes"]
        assert any("/etc/iptables/rules.v4 does not hold our lines any more" in note for note in notes), notes
        assert on_host.change(ready, state="closed", backend=backend.name) == CHANGED


def test_the_port_is_shut_all_through_a_reboot(ready: Host, lab: Lab, backend: Backend) -> None:
    on_host.change(ready, state="closed", backend=backend.name)
    boot_id, network = ready.boot_id, ready.network_keeper
    with Watch(lab.outside, 995, ready.ipv4, ready.ipv6) as outside:
        ready.reboot()
        ready.wait_for_listener()
        time.sleep(1)
        # Refused while neither the daemon nor the firewall runs yet.
        assert "open" not in outside.states()
        assert "filtered" in outside.states()
        assert ready.boot_id != boot_id and ready.network_keeper != network
    assert lab.outside.states(ready) == DROPPED
    assert not on_host.plan(ready, state="closed", backend=backend.name)["changed"]
    assert ready.console("systemctl --failed --no-legend") == ""


def test_moving_to_another_back_end_and_back_leaves_nothing_of_the_first(
    ready: Host, lab: Lab, backend: Backend
) -> None:
    before = state(ready, backend)
    with Watch(lab.outside, 995, ready.ipv4, ready.ipv6) as watch:
        on_host.change(ready, state="closed")
        assert "table inet port995" in ready.console("nft list ruleset")
        begun = time.monotonic()
        on_host.change(ready, state="closed", backend=backend.name)
        assert "table inet port995" not in ready.console("nft list ruleset")
        on_host.change(ready, state="closed", backend="nftables")
        assert lab.outside.states(ready) == DROPPED
        assert watch.states(begun) == {"filtered"}, "at no moment between them it is open"
    on_host.change(ready, state="absent")
    assert state(ready, backend) == before


@pytest.mark.parametrize("phase", ("arm", "apply", "persist"))
def test_a_change_that_nobody_confirms_is_taken_back(ready: Host, lab: Lab, backend: Backend, phase: str) -> None:
    before = state(ready, backend)
    limit = backend.limit
    on_host.die_after(ready, phase, limit, state="closed", ports=[22], backend=backend.name)
    killed = time.monotonic()
    if phase != "arm":
        assert lab.outside.states(ready, 22) == DROPPED
    time.sleep(max(0.0, killed + limit + 2 - time.monotonic()))
    assert lab.outside.states(ready, 22) == OPEN
    assert ready.ssh("hostname").strip() == ready.name
    assert state(ready, backend) == before
    # And without power at the same place: its boot takes it back.
    on_host.die_after(ready, phase, 600.0, state="closed", ports=[22], backend=backend.name)
    ready.cut_power()
    ready.boot()
    until(lab.outside, ready, OPEN, 22)
    assert state(ready, backend) == before


def test_rules_of_ours_that_were_there_before_come_back(ready: Host, lab: Lab, backend: Backend) -> None:
    on_host.change(ready, state="closed", action="reject", backend=backend.name)
    before = state(ready, backend)
    wanted = {"state": "restricted", "allow": INSIDE, "ports": [22, 995], "backend": backend.name}
    on_host.die_after(ready, "persist", backend.limit, **wanted)
    ready.console(backend.foreign)
    time.sleep(backend.limit + 2)
    assert lab.outside.states(ready) == REFUSED and lab.outside.states(ready, 22) == OPEN
    ready.console(backend.foreign_there)
    ready.console(backend.foreign_away)
    assert state(ready, backend) == before
    ready.reboot()
    ready.wait_for_listener()
    assert lab.outside.states(ready) == REFUSED


def test_destination_nat_that_goes_around_it_is_refused(ready: Host, lab: Lab, backend: Backend) -> None:
    ready.console("systemctl stop dovecot")
    ready.console(CONTAINER)
    ready.route_packets()
    before = state(ready, backend)
    with pytest.raises(LabError, match="destination NAT sends it elsewhere.*Choose backend nftables"):
        on_host.change(ready, state="closed", backend=backend.name)
    assert state(ready, backend) == before
    on_host.change(ready, state="closed", backend="nftables")
    assert lab.outside.states(ready)["ipv4"] == "filtered"
