# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host: after its time, at boot, or from the console.

The port that is shut is sshd's own, so that the way in is what is at stake.
"""

from __future__ import annotations

import contextlib
import time

import pytest

from . import on_host
from .lab import Host, Lab, LabError
from .watch import Watch

LIMIT = 3.0
"""Seconds until the host takes the change back."""
SHUT = {"state": "closed", "ports": [22]}
BEFORE_DISARM = on_host.PHASES[:-1]


@pytest.fixture
def ready(host: Host) -> Host:
    """With the library."""
    on_host.put_library(host)
    return host


@pytest.mark.parametrize("phase", BEFORE_DISARM)
def test_a_host_whose_controller_is_killed_is_as_before_in_time(ready: Host, lab: Lab, phase: str) -> None:
    before = on_host.state(ready)
    with Watch(lab.outside, 22, ready.ipv4, ready.ipv6) as watch:
        on_host.die_after(ready, phase, LIMIT, **SHUT)
        killed = time.monotonic()
        if phase in ("apply", "persist"):
            assert lab.outside.states(ready, 22) == {"ipv4": "filtered", "ipv6": "filtered"}
        time.sleep(max(0.0, killed + LIMIT + 2 - time.monotonic()))
        # Looks that ended after the limit; one that began before it waits for its own second.
        in_time = killed + LIMIT + 2
        while not [look for look in watch.looks() if look.seconds >= in_time]:
            time.sleep(0.05)
        assert watch.states(in_time) == {"open"}
    assert ready.ssh("hostname").strip() == ready.name and ready.ssh("true", ipv6=True) == ""
    assert on_host.state(ready) == before


@pytest.mark.parametrize("phase", BEFORE_DISARM)
def test_a_power_cut_in_each_gap_ends_as_before(ready: Host, lab: Lab, phase: str) -> None:
    before = on_host.state(ready)
    # So long that only the boot can have taken it back.
    on_host.die_after(ready, phase, 600.0, **SHUT)
    ready.cut_power()
    ready.boot()
    assert lab.outside.states(ready, 22) == {"ipv4": "open", "ipv6": "open"}
    assert ready.ssh("hostname").strip() == ready.name
    assert on_host.state(ready) == before
    # And the host takes the next change.
    assert on_host.change(ready, state="closed") == {"changed": True, "left": False}


def test_what_was_confirmed_stays_after_a_power_cut(ready: Host, lab: Lab) -> None:
    on_host.die_after(ready, "disarm", LIMIT, state="closed")
    ready.cut_power()
    ready.boot()
    ready.wait_for_listener()
    time.sleep(LIMIT)
    assert lab.outside.states(ready) == {"ipv4": "filtered", "ipv6": "filtered"}


def test_rules_that_another_added_in_the_window_stay(ready: Host) -> None:
    on_host.die_after(ready, "apply", LIMIT, **SHUT)
    ready.console("nft add table inet foreign; nft add chain inet foreign input '{ type filter hook input priority 0; }'; "
                  "nft add rule inet foreign input tcp dport 7 drop")
    time.sleep(LIMIT + 2)
    assert "tcp dport 7 drop" in ready.console("nft list ruleset")
    assert "port995" not in ready.console("nft list ruleset")


def test_rules_of_ours_that_were_there_before_come_back(ready: Host, lab: Lab) -> None:
    on_host.change(ready, state="closed", action="reject")
    before = on_host.state(ready)
    on_host.die_after(ready, "persist", LIMIT, state="closed", action="drop", ports=[22, 995])
    time.sleep(LIMIT + 2)
    assert lab.outside.states(ready) == {"ipv4": "closed", "ipv6": "closed"}
    assert lab.outside.states(ready, 22) == {"ipv4": "open", "ipv6": "open"}
    assert on_host.state(ready) == before


def test_the_console_takes_back_what_was_confirmed_without_a_network(ready: Host) -> None:
    before = on_host.state(ready)
    on_host.change(ready, state="closed")
    ready.console("ip link set eth0 down; rm -rf /opt/library")
    assert "is taken back" in ready.console("/var/lib/port995/revert")
    ready.console("ip link set eth0 up")
    assert on_host.state(ready) == before
    assert '"how": "console"' in ready.console("tail -1 /var/lib/port995/record.jsonl")


def test_a_second_run_is_told_who_holds_the_host(ready: Host) -> None:
    on_host.die_after(ready, "apply", 60.0, state="closed")
    with pytest.raises(LabError, match=r"one that dies, since \d{4}-\d\d-\d\dT[\d:]+Z, change [0-9a-f]{32}"):
        on_host.change(ready, state="restricted", allow=["192.0.2.0/24"])
    with contextlib.suppress(LabError):
        ready.console("/var/lib/port995/revert")
    assert on_host.change(ready, state="restricted", allow=["192.0.2.0/24"]) == {"changed": True, "left": False}


def test_rules_that_vanish_before_they_are_confirmed_are_no_success(ready: Host) -> None:
    script = on_host.WHOLE.replace(
        "    steps.finish", "    import subprocess; subprocess.run(['nft', 'flush', 'ruleset'], check=True)\n    steps.finish"
    )
    before = on_host.state(ready)
    with pytest.raises(LabError, match=r"not there any more.*is taken back"):
        on_host.call(ready, script, {"wanted": {"state": "closed"}})
    assert on_host.state(ready) == before
