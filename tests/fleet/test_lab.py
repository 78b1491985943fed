# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab is what tests on it take it for: real hosts, real reboots, and nothing left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import image
from .lab import REPOSITORY, Host, Lab, LabError
from .watch import Watch

DROP = "nft add table inet other; nft add chain inet other input '{ type filter hook input priority 0; }'; " \
    "nft add rule inet other input tcp dport 995 drop"

KILLED = """
import time
from tests.fleet.lab import Lab
with Lab() as lab:
    host = lab.host()
    print(host._first, host._disk.pid, host._network.pid, lab.inside.network.pid, host._container.pid, flush=True)
    time.sleep(600)
"""


def test_a_host_is_seen_from_both_sides_and_families(host: Host, lab: Lab) -> None:
    everywhere = {"ipv4": "open", "ipv6": "open"}
    assert lab.inside.states(host) == everywhere
    assert lab.outside.states(host) == everywhere
    assert lab.outside.states(host, 994) == {"ipv4": "closed", "ipv6": "closed"}


def test_a_host_takes_ssh_over_both_families(host: Host) -> None:
    assert host.ssh("hostname; id -u").split() == [host.name, "0"]
    assert "2001:db8::1 " in host.ssh("echo $SSH_CONNECTION", ipv6=True)


def test_there_is_no_way_out_of_the_lab(host: Host, lab: Lab) -> None:
    assert "unreachable" in lab.inside.run("ip", "route", "get", "203.0.113.1", check=False).stderr
    # A documentation address (RFC 5737) beyond the bridge: the bridge's side has no route and says so.
    assert "unreachable" in host.console("ip route get 203.0.113.1 >/dev/null; "
                                         "timeout 3 bash -c 'echo >/dev/tcp/203.0.113.1/80' 2>&1 || true")


def test_a_reboot_ends_the_rules_of_the_kernel_and_keeps_the_disk(host: Host, lab: Lab) -> None:
    host.console(f"{DROP}; echo kept > /root/note")
    assert lab.outside.states(host) == {"ipv4": "filtered", "ipv6": "filtered"}
    before = host.boot_id, host.network_keeper
    host.reboot()
    host.wait_for_listener()
    assert host.boot_id != before[0] and host.network_keeper != before[1]
    assert lab.outside.states(host) == {"ipv4": "open", "ipv6": "open"}
    assert host.console("cat /root/note") == "kept\n"


def test_a_host_that_is_off_is_not_taken_for_one_that_filters(host: Host, lab: Lab) -> None:
    with Watch(lab.outside, 995, host.ipv4) as watch:
        host.cut_power()
        with pytest.raises(LabError):
            host.console("true")
        off = time.monotonic()
        time.sleep(1.5)
        assert "open" not in watch.states(off) and "closed" not in watch.states(off)
        host.boot()
        host.wait_for_listener()
        on = time.monotonic()
        while "open" not in watch.states(on):
            assert time.monotonic() < on + 10
            time.sleep(0.1)


def test_a_reset_leaves_nothing(host: Host) -> None:
    host.console("echo x > /etc/left; systemctl enable nftables 2>/dev/null")
    host.reset()
    assert host.console("test -e /etc/left || echo gone; systemctl is-enabled nftables || true") == "gone\ndisabled\n"


def test_two_hosts_reach_each_other_and_share_nothing(host: Host, lab: Lab) -> None:
    other = lab.host()
    try:
        other.console("echo x > /etc/mine")
        assert host.console("test -e /etc/mine || echo nothing") == "nothing\n"
        assert other.boot_id != host.boot_id
        other.console(f"bash -c 'echo >/dev/tcp/{host.ipv4}/22'")
    finally:
        other.remove()
        lab.hosts.remove(other)


def test_a_host_is_reached_at_once_after_it_was_made_anew(host: Host, lab: Lab) -> None:
    # With one host alone the bridge goes down with it, and where it takes over the address of a new port: then it
    # forgets by itself.
    other = lab.host()
    lab.inside.ip("link", "set", "bridge", "address", "02:00:00:00:00:02")
    try:
        host.shut_down()
        for address in (host.ipv4, host.ipv6):
            # What the bridge remembers for half a minute, of a host that it has just spoken to.
            lab.inside.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:01", "dev", "bridge", "nud", "reachable")
        host.boot()
        host.wait_for_listener()
        assert lab.inside.states(host) == {"ipv4": "open", "ipv6": "open"}, "silence would be taken for a firewall"
    finally:
        other.remove()
        lab.hosts.remove(other)


def test_nothing_is_left_when_the_process_is_killed(lab: Lab) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        assert running.stdout is not None
        numbers = running.stdout.readline().split()
        assert len(numbers) == 5 and all(Path(f"/proc/{number}").exists() for number in numbers)
    finally:
        running.kill()
        running.communicate()
    end = time.monotonic() + 10
    while left := [number for number in numbers if _runs(number)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)
    assert str(image.BOOKWORM.folder) not in Path("/proc/self/mountinfo").read_text()


def _runs(number: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except OSError:
        return False


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert image.missing() == "booting hosts needs root"
