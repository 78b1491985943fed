# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook close that match no host: Ansible itself would end most of them with 0, and none of them may."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .ansible_run import BIN

pytestmark = pytest.mark.wide

CLOSE = "port995.pop3s.close"
TWO = "all:\n  hosts:\n    one:\n      ansible_host: 127.0.0.2\n    two:\n      ansible_host: 127.0.0.3\n"
NOTHING = "nothing would be closed and nothing could fail"


def close(folder: Path, inventory: str, *more: str) -> tuple[int, str]:
    (folder / "hosts.yml").write_text(inventory)
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "hosts.yml", CLOSE, "-e", f"close_out={folder}/out", *more],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, cwd=folder,
        env={**os.environ, "HOME": str(folder), "NO_COLOR": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("inventory", "more", "says"), [
    ("all:\n  hosts: {}\n", [], "No host would be closed"),
    ("", [], "No host would be closed"),
    (TWO, ["-e", "close_hosts=web"], "close_hosts is web, which matches 0 of 2 hosts"),
    (TWO, ["-e", "close_hosts=one", "--limit", "two"], "none within --limit"),
    (TWO, ["--limit", "stranger"], "no hosts to target"),
    (TWO, ["--skip-tags", "always"], NOTHING),
    (TWO, ["--start-at-task", "nonsense"], NOTHING),
    (TWO, ["--start-at-task", "Close it"], NOTHING),
], ids=["no hosts", "empty", "pattern", "pattern and limit", "limit", "skip-tags", "start at no task", "start later"])  # fmt: skip
def test_what_matches_no_host_fails_and_begins_nothing(inventory: str, more: list[str], says: str, tmp_path: Path) -> None:
    code, said = close(tmp_path, inventory, *more)
    assert code != 0 and says in " ".join(said.split()), said
    assert not (tmp_path / "out").exists()
