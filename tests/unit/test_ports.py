# SPDX-License-Identifier: GPL-3.0-or-later
"""A port of one process of tests is no other's, however often it is asked for, until that process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ports

ROOT = Path(__file__).resolve().parents[2]
HOLD = "from tests.ports import own_port; print(own_port(), flush=True); input()"


def test_a_port_of_this_process_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    only = ports.own_port()
    monkeypatch.setattr(ports, "LOWEST", only)
    monkeypatch.setattr(ports, "HIGHEST", only + 1)
    with pytest.raises(RuntimeError, match=f"no port from {only} to"):
        ports.own_port()


def test_a_port_of_another_process_is_free_when_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        only = int(other.stdout.readline())
        monkeypatch.setattr(ports, "LOWEST", only)
        monkeypatch.setattr(ports, "HIGHEST", only + 1)
        with pytest.raises(RuntimeError):
            ports.own_port()
        other.kill()
    assert ports.own_port() == only


def test_a_lab_gets_a_pair() -> None:
    base = ports.own_base_port()
    assert ports.LOWEST <= base and base + 995 < ports.HIGHEST
