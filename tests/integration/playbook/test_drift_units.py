# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of docs/drift: systemd takes them, and a broken one is noticed; what they and AWX start does exist."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
DRIFT = REPOSITORY / "docs" / "drift"


def verify(folder: Path) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(folder.glob("port995-drift.*")))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # Other units of this machine are no matter of ours.
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "port995" in line)


def test_systemd_takes_the_units() -> None:
    assert len(list(DRIFT.glob("port995-drift.*"))) == 2
    assert verify(DRIFT) == ""


@pytest.mark.parametrize(("name", "right", "wrong"), [
    ("port995-drift.service", "Type=oneshot", "Type=sometimes"),
    ("port995-drift.timer", "OnCalendar=*-*-* 04:30:00", "OnCalendar=daily or so"),
])  # fmt: skip
def test_a_wrong_one_is_noticed(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    for path in DRIFT.glob("port995-drift.*"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace(right, wrong) if path.name == name else text)
    assert verify(tmp_path) != ""


def test_what_they_start_exists() -> None:
    assert "port995.pop3s.audit" in (DRIFT / "port995-drift.service").read_text()
    assert (REPOSITORY / "playbooks" / "audit.yml").exists() and (REPOSITORY / "playbooks" / "converge.yml").exists()
    template = yaml.safe_load((DRIFT / "awx.yml").read_text())[0]["tasks"][0]["awx.awx.job_template"]
    known = yaml.safe_load((REPOSITORY / "roles/audit/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert template["extra_vars"] and set(template["extra_vars"]) <= set(known)
