# SPDX-License-Identifier: GPL-3.0-or-later
"""The module nmap_info keeps to a scope: what is beyond it is not looked at, and is told to be unreported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.wide, pytest.mark.skipif(shutil.which("nmap") is None, reason="needs nmap")]


def module(folder: Path, **options: Any) -> dict[str, Any]:
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible"), "localhost", "-c", "local", "-m", "port995.pop3s.nmap_info", "-a",
         json.dumps({"ports": "995", "skip_discovery": True, "scan_type": "connect", **options}),
         "-e", f"ansible_python_interpreter={sys.executable}", "--tree", folder],
        capture_output=True, text=True, check=False, cwd=folder, timeout=120,
    )  # fmt: skip
    path = folder / "localhost"
    assert path.is_file(), done
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def test_an_address_out_of_scope_is_left_out(tmp_path: Path) -> None:
    scope = {"networks": ["127.0.77.1"], "never": ["127.0.77.2"], "ticket": "CHG-1"}
    told = module(tmp_path, targets=["127.0.77.1", "127.0.77.2"], scope=scope)
    assert [host["address"] for host in told["hosts"]] == ["127.0.77.1"], told
    assert "127.0.77.2" in told["unreported"]
    assert len(module(tmp_path, targets=["127.0.77.1", "127.0.77.2"])["hosts"]) == 2


@pytest.mark.parametrize(
    "scope",
    [
        {"networks": ["127.0.78.0/24"]},
        {"networks": ["127.0.0.0/8"], "times": [{"begins": "2020-01-01T00:00:00Z", "ends": "2020-01-02T00:00:00Z"}]},
        {"networks": []},
        {"network": ["127.0.0.0/8"]},
    ],
)
def test_a_scope_that_lets_nothing_be_touched_or_can_t_be_read_fails(tmp_path: Path, scope: dict[str, Any]) -> None:
    told = module(tmp_path, targets=["127.0.77.1"], scope=scope)
    if "hosts" in told:
        assert scope == {"networks": ["127.0.78.0/24"]}
        assert told["hosts"] == [] and told["unreported"] == ["127.0.77.1"], told
    else:
        assert "scope" in told["msg"], told
