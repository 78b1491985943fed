# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbooks enforce and converge that match no host, or hosts that nobody said anything of: none ends well,
and none begins."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .ansible_run import BIN

pytestmark = pytest.mark.wide

INTENTS = "all:\n  hosts:\n    one:\n      ansible_host: 127.0.0.2\n      pop3s_intent: serve\n    two:\n      ansible_host: 127.0.0.3\n"
WRONG = INTENTS + "      pop3s_intent: open\n"
NOTHING = "and nothing could fail"


def play(name: str, folder: Path, inventory: str, *more: str) -> tuple[int, str]:
    (folder / "hosts.yml").write_text(inventory)
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "hosts.yml", f"port995.pop3s.{name}", "-e", f"{name}_out={folder}/out", *more],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, cwd=folder,
        env={**os.environ, "HOME": str(folder), "NO_COLOR": "1"},
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(("name", "inventory", "more", "says"), [
    ("enforce", "all:\n  hosts: {}\n", [], "No host would be enforced: enforce_hosts is all, which matches 0 of"),
    ("enforce", INTENTS, ["-e", "enforce_hosts=web"], "enforce_hosts is web, which matches 0 of 2 hosts"),
    ("enforce", INTENTS, ["--skip-tags", "always"], NOTHING),
    ("converge", "", [], "No host would be converged"),
    ("converge", INTENTS, ["--start-at-task", "nonsense"], NOTHING),
    ("converge", INTENTS, [], "Nothing was changed: two has no pop3s_intent."),
    ("converge", WRONG, [], "Nothing was changed: two has pop3s_intent open."),
], ids=["no hosts", "pattern", "skip-tags", "empty", "start", "no intent", "wrong intent"])  # fmt: skip
def test_nothing_is_begun_and_it_fails(name: str, inventory: str, more: list[str], says: str, tmp_path: Path) -> None:
    code, said = play(name, tmp_path, inventory, *more)
    assert code != 0 and says in said, said
    assert not (tmp_path / "out").exists()
