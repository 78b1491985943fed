# SPDX-License-Identifier: GPL-3.0-or-later
"""The role makes evidence that the command verifies, and judges nothing where the key can't be used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..command_line import port995
from .ansible_run import WITHOUT_HELLOS, playbook
from .conftest import Hosts

pytestmark = [pytest.mark.wide, pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine (Debian: openssh-client)"
)]


def test_the_role_makes_a_signed_bundle(lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    key, bundle = tmp_path / "key", tmp_path / "bundle"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    run = playbook(tmp_path, {"all": {"hosts": lab_good}}, **seen_by_two, **WITHOUT_HELLOS, audit_bundle=str(bundle), audit_sign_key=str(key))
    assert run.code == 0, run.said
    done = port995("verify", bundle, "--signers", key.with_suffix(".pub"))
    assert done.code == 0 and "judged again: the same" in done.out, done
    assert "sha256:" in (bundle / "run.json").read_text()


def test_a_key_that_others_can_read_judges_nothing(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    key.chmod(0o644)
    run = playbook(tmp_path, {"all": {"hosts": lab_good}}, **seen_by_two, **WITHOUT_HELLOS, audit_bundle=str(tmp_path / "b"), audit_sign_key=str(key))
    assert run.code == 2 and "chmod 600" in run.said and not (tmp_path / "b").exists()
