# SPDX-License-Identifier: GPL-3.0-or-later
"""The module pop3s_firewall, played over SSH on a real host."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from . import on_host
from .ansible_on_lab import Told, command, play
from .lab import Host, Lab

OPEN = {"ipv4": "open", "ipv6": "open"}
DROPPED = {"ipv4": "filtered", "ipv6": "filtered"}


FULL = "mount -t tmpfs -o size=4k none /var/lib; head -c 8192 /dev/zero > /var/lib/x || true"


class Player:
    """Plays on one host."""

    def __init__(self, lab: Lab, host: Host, folder: Path) -> None:
        self.lab, self.host, self.folder = lab, host, folder

    def __call__(self, *more: str, variables: dict[str, Any] | None = None, **options: Any) -> Told:
        return play(self.lab, self.folder, self.host, options, *more, **(variables or {}))


@pytest.fixture
def player(lab: Lab, host: Host, tmp_path: Path) -> Player:
    return Player(lab, host, tmp_path)


@pytest.mark.parametrize("backend", ["auto", "iptables"])
def test_it_converges_is_idempotent_and_takes_all_away(player: Player, host: Host, lab: Lab, backend: str) -> None:
    before = on_host.state(host)
    planned = player("--check", "--diff", state="closed", backend=backend)
    assert planned.code == 0 and planned.result["changed"] and planned.result["planned"]
    assert not planned.result["persisted"] and "drop" in planned.result["diff"][0]["after"].lower()
    assert on_host.state(host) == before, "check mode changes nothing"

    closed = player(state="closed", backend=backend, variables={"ansible_host": "{{ address }}", "address": host.ipv4})
    assert closed.code == 0, closed.said
    assert closed.result["changed"] and closed.result["persisted"] and not closed.result["planned"]
    assert {(look["port"], look["state"]) for look in closed.result["looks"]} == {(995, "filtered")}
    assert lab.outside.states(host) == DROPPED
    assert not player(state="closed", backend=backend).result["changed"]
    assert not player("--check", state="closed", backend=backend).result["changed"]

    moved = player(state="restricted", backend=backend, allow=["192.0.2.0/24"], vantages=["192.0.2.1"])
    assert moved.code == 0, moved.said
    assert lab.inside.states(host) == {"ipv4": "open", "ipv6": "filtered"} and lab.outside.states(host) == DROPPED
    assert '"state": "restricted"' in host.console("tail -1 /var/lib/port995/record.jsonl")

    gone = player(state="absent")
    assert gone.code == 0 and gone.result["changed"] and gone.result["rules"] == "", gone.said
    assert on_host.state(host) == before and lab.outside.states(host) == OPEN


def test_a_change_that_shuts_out_ansible_is_taken_back_by_the_host(player: Player, host: Host) -> None:
    before = on_host.state(host)
    ended = player(state="closed", ports=[22, 995], time_limit=10, outside_view=False)
    assert ended.code != 0 and re.search("host has taken (it|the change) back", ended.result["msg"]), ended.said
    assert on_host.state(host) == before


def test_a_change_that_does_not_look_as_wanted_is_taken_back_at_once(player: Player, host: Host) -> None:
    before = on_host.state(host)
    # Another one keeps 192.0.2.1 out in the window: the network that is let in does not see the port.
    host.console(
        "nohup sh -c 'until [ -e /var/lib/port995/armed ]; do sleep 0.02; done; nft add table inet other; "
        "nft add chain inet other input \"{ type filter hook input priority 0; }\"; "
        "nft add rule inet other input tcp dport 995 drop' >/dev/null 2>&1 &"
    )
    ended = player(state="restricted", allow=["192.0.2.0/24"])
    assert ended.code != 0 and "which is to see it and did before. The change is taken back." in ended.result["msg"]
    assert "tcp dport 995 drop" in host.console("nft list table inet other")
    host.console("nft delete table inet other")
    assert on_host.state(host) == before


def test_a_controller_that_is_killed_leaves_the_host_as_it_was(
    player: Player, host: Host, lab: Lab, tmp_path: Path
) -> None:
    before = on_host.state(host)
    # Port 22 shut, so that it hangs at its way back in.
    words = command(lab, tmp_path, host, {"state": "closed", "ports": [22, 995], "time_limit": 10, "outside_view": False})
    controller = subprocess.Popen(
        [*lab.inside.prefix(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while "tcp dport" not in host.console("nft list ruleset"):
            assert time.monotonic() < end and controller.poll() is None
            time.sleep(0.05)
        applied = time.monotonic()
    finally:
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    assert lab.outside.states(host, 22) == DROPPED
    time.sleep(max(0.0, applied + 12 - time.monotonic()))
    assert lab.outside.states(host, 22) == OPEN and lab.outside.states(host) == OPEN
    assert on_host.state(host) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"state": "closed", "backend": "pf"}, "value of backend must be one of: auto, nftables"),
        ({"state": "restricted", "allow": ["192.0.2.0/240"]}, "is no network"),
        ({"state": "restricted", "allow": ["192.0.2.0/24"], "vantages": ["198.51.100.2"]}, "no network of allow holds it"),
        ({"state": "closed", "time_limit": 5}, "it is 10 to 3600 seconds"),
        ({"state": "closed", "phase": "finish"}, "the action sets this itself"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(
    player: Player, kept_host: Host, options: dict[str, Any], says: str
) -> None:
    ended = player(**options)
    assert ended.code != 0 and says in ended.result["msg"], ended.said
    assert "port995" not in kept_host.console("nft list ruleset; find /etc /var/lib -name '*port995*'")


@pytest.mark.parametrize(
    ("break_it", "backend", "says"),
    [
        ("mv /usr/sbin/nft /usr/sbin/nft.gone", "nftables", "Install the package nftables"),
        ("mv /usr/sbin/iptables /usr/sbin/gone", "iptables", "Install the package iptables"),
        ("true", "ufw", "port995 enables no firewall"),
        ("true", "firewalld", "port995 enables no firewall"),
        ("mount -o bind,ro /etc /etc", "auto", "the file system is read-only"),
        ("mount -o bind,ro /etc /etc", "iptables", "the file system is read-only"),
        (FULL, "auto", "the file system is full"),
        (FULL, "iptables", "the file system is full"),
    ],
)
def test_a_host_that_can_not_be_changed_says_why_and_is_as_before(
    player: Player, host: Host, lab: Lab, break_it: str, backend: str, says: str
) -> None:
    host.console(break_it)
    ended = player(state="closed", backend=backend, variables={"ansible_remote_tmp": "/run/ansible"})
    assert ended.code != 0 and says in ended.result["msg"], ended.said
    assert lab.outside.states(host) == OPEN


def test_without_root_it_says_so(player: Player, host: Host) -> None:
    host.console("useradd -m plain && cp -r /root/.ssh /home/plain/ && chown -R plain: /home/plain/.ssh")
    ended = player(state="closed", variables={"ansible_user": "plain"})
    assert ended.code != 0 and "set become: true" in ended.result["msg"], ended.said


def test_without_systemd_it_asks_for_a_word(player: Player, host: Host, lab: Lab) -> None:
    # What sd_booted(3) looks for.
    host.console("mount -t tmpfs none /run/systemd")
    ended = player(state="closed")
    assert ended.code != 0 and "revert: none" in ended.result["msg"], ended.said
    assert lab.outside.states(host) == OPEN
    ended = player(state="closed", revert="none")
    assert ended.code == 0 and ended.result["persisted"], ended.said
    assert lab.outside.states(host) == DROPPED
    assert not player(state="closed").result["changed"]
