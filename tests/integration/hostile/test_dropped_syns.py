# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet filter that drops our SYNs from connection k on, as fail2ban's action may: for real, in a namespace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from .dropping_syns import NEVER

GOOD_NEWS = ("pass", "waived", "manual", "not_applicable")
NUMBERS = ("0", "1", "2", "3", "5", "9", "14", "18")


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, Any]]:
    if os.geteuid() != 0:
        pytest.skip("needs root to make a network namespace")
    for command in ("unshare", "ip", "nft"):
        if shutil.which(command) is None:
            pytest.skip(f"needs the command {command} to make a network namespace with a packet filter of its own")
    able = subprocess.run(
        ["unshare", "--net", "nft", "add table inet trial"], capture_output=True, text=True, timeout=30, check=False
    )
    if able.returncode:
        pytest.skip(f"this kernel or container does not let a namespace filter packets: {able.stderr.strip()}")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.integration.hostile.dropping_syns", *NUMBERS],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_without_a_ban_the_server_is_seen_whole_and_fails(told: dict[str, dict[str, Any]]) -> None:
    assert told[NEVER]["ended"] == ""
    assert told[NEVER]["checks"]["POP3S-VER-003"] == "fail"


@pytest.mark.parametrize("k", NUMBERS)
def test_syns_that_are_dropped_make_no_good_news_of_bad(told: dict[str, dict[str, Any]], k: str) -> None:
    before, after = told[NEVER]["checks"], told[k]["checks"]
    wrong = [id_ for id_, status in after.items() if status in GOOD_NEWS and before[id_] not in GOOD_NEWS]
    assert wrong == []
    assert set(after) == set(before)


def test_where_the_first_syn_is_dropped_the_port_is_filtered_and_nothing_is_said_of_tls(
    told: dict[str, dict[str, Any]],
) -> None:
    assert told["0"]["state"] == "filtered"
    assert not set(told["0"]["checks"].values()) & {"pass", "fail"}


@pytest.mark.parametrize("k", ["2", "5"])
def test_a_ban_is_called_one(told: dict[str, dict[str, Any]], k: str) -> None:
    assert told[k]["state"] == "open"
    assert "a throttle or a ban" in told[k]["ended"]
