# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full and one that is mounted read-only, for real: small file systems in a mount namespace of the
test's own, which vanish with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from port995.evidence.conclude import conclude
from port995.evidence.run_folder import RunError
from evidence.runs import NOW, finished_probe, make_run
out = Path({out!r})
try:
    {action}
except RunError as error:
    sys.stdout.write(str(error))
sys.stdout.write(" | " + " ".join(sorted(path.name for path in out.iterdir())))
"""

FILL = """
    run = finished_probe(out)
    conclude(run, at=NOW)
    with (out / 'ballast').open('wb', buffering=0) as ballast:
        try:
            while ballast.write(b'x' * 512): pass
        except OSError: pass
    (out / 'report.json').unlink()
    with (out / 'ballast2').open('wb', buffering=0) as ballast:
        try:
            while ballast.write(b'x' * 512): pass
        except OSError: pass
    conclude(run, at=NOW)
"""


def run_on(tmp_path: Path, options: str, action: str) -> str:
    """Run the program with a tmpfs of these options mounted on its output folder."""
    tests = Path(__file__).resolve().parents[1]
    out = tmp_path / "out"
    out.mkdir()
    program = PROGRAM.format(paths=[str(tests), str(tests.parents[1] / "src")], out=str(out), action=action.strip())
    shell = 'mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; exec "$3" -c "$4"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", shell, "sh", options, str(out), sys.executable]
    try:
        done = subprocess.run([*command, program], capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no unshare on this machine")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this user may make no mount namespace: {done.stderr.strip()}")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def test_a_read_only_file_system_is_told_before_the_first_probe(tmp_path: Path) -> None:
    told, left = run_on(tmp_path, "ro", "make_run(out)").split(" | ")
    assert "Read-only file system" in told
    assert "choose another --out" in told
    assert left == ""


def test_a_full_disk_is_told_before_the_first_probe(tmp_path: Path) -> None:
    told, left = run_on(tmp_path, "size=4k", "make_run(out)").split(" | ")
    assert "free some space" in told
    assert left == ""


def test_a_disk_that_fills_while_reports_are_written_leaves_no_gate(tmp_path: Path) -> None:
    told, left = run_on(tmp_path, "size=256k", FILL).split(" | ")
    assert "free some space" in told
    assert "gate.json" not in left
    assert "run.json" in left
