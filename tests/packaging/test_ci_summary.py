# SPDX-License-Identifier: GPL-3.0-or-later
"""CI's last word: red for a failure, for no tests at all, and for a skip that nobody has accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .environments import ROOT

PASSED = '<testcase classname="t" name="good"/>'
FAILED = '<testcase classname="t" name="bad"><failure message="no"/></testcase>'
BROKEN = '<testcase classname="t" name="broken"><error message="no"/></testcase>'
FINE = '<testcase classname="t" name="fine"><skipped message="this user may write anywhere"/></testcase>'
STRANGE = '<testcase classname="t" name="strange"><skipped message="not in the mood"/></testcase>'


@pytest.mark.parametrize(
    ("cases", "code", "last"),
    [
        ([PASSED, FINE], 0, "1 passed, 0 failed, 1 skipped"),
        ([PASSED, FAILED, BROKEN], 1, "1 passed, 2 failed, 0 skipped"),
        ([PASSED, STRANGE], 1, "1 passed, 0 failed, 1 skipped"),
        ([FINE], 1, "0 passed, 0 failed, 1 skipped"),
        ([], 1, "0 passed, 0 failed, 0 skipped"),
    ],
)
def test_only_passes_and_accepted_skips_are_green(cases: list[str], code: int, last: str, tmp_path: Path) -> None:
    for number, case in enumerate(cases):
        (tmp_path / f"{number}.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    done = _summary(tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, last)


def test_every_skip_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(f"<testsuite>{PASSED}{STRANGE}{FINE}</testsuite>")
    said = _summary(tmp_path, "lint").stdout
    assert "SKIPPED, AND NOT ACCEPTED: t::strange: not in the mood" in said
    assert "skipped: t::fine: this user may write anywhere" in said
    assert "stages that failed: lint" in said


def _summary(folder: Path, *stages: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "summary.py", ROOT / ".ci" / "accepted-skips", folder, *stages],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
