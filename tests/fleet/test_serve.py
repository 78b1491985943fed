# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that is kept for other programs, and the scenarios of Molecule that live on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import image, serve
from .lab import REPOSITORY


def _until(path: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not path.exists() or path.read_text() != text:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def test_it_serves_reboots_and_ends(tmp_path: Path) -> None:
    reason = image.missing()
    if reason is not None:
        pytest.skip(reason)
    process = subprocess.Popen([sys.executable, "-m", "tests.fleet.serve", str(tmp_path)], cwd=REPOSITORY)
    try:
        _until(tmp_path / "boots", "1\n", process)
        ssh = [str(tmp_path / "ssh"), "-F", "none", "-i", str(tmp_path / "key"), "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@192.0.2.11",
               "cat /proc/sys/kernel/random/boot_id"]  # fmt: skip
        first = subprocess.run(ssh, capture_output=True, text=True, check=True, timeout=60).stdout
        process.send_signal(signal.SIGUSR1)
        _until(tmp_path / "boots", "2\n", process)
        assert subprocess.run(ssh, capture_output=True, text=True, check=True, timeout=60).stdout != first
        seen = subprocess.run(
            [tmp_path / "at-outside", sys.executable, "-m", "tests.fleet.watch", "--once", "995", "192.0.2.11"],
            capture_output=True, text=True, check=True, timeout=60, cwd=REPOSITORY,
        ).stdout  # fmt: skip
        assert seen.split()[1:3] == ["192.0.2.11", "open"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_without_root_it_writes_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    serve.serve(tmp_path, ["none"])
    assert (tmp_path / "skipped").read_text() == "booting hosts needs root\n"


@pytest.mark.timeout(1800)
def test_the_scenarios_of_molecule_pass() -> None:
    molecule = shutil.which("molecule")
    reason = image.missing() or (None if molecule else "molecule is not on PATH (make fleet-test installs it)")
    if reason is not None:
        pytest.skip(reason)
    done = subprocess.run(
        ["molecule", "test", "--all"], cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=1780, check=False, env={**os.environ, "MOLECULE_GLOB": "molecule/*/molecule.yml", "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "failed=0" in done.stdout + done.stderr
    assert not (REPOSITORY / ".cache/molecule/pid").exists()
