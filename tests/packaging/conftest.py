# SPDX-License-Identifier: GPL-3.0-or-later
"""What is released, built once for all tests of this folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.lab import Lab

from ..ports import own_base_port
from .environments import ROOT

BUILD_SECONDS = 120


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `make dist` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    _build(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's tarball, as `make collection` builds it."""
    folder = tmp_path_factory.mktemp("collection")
    _build(str(ROOT / "packaging" / "collection.sh"), str(Path(sys.executable).parent), str(folder))
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The embedded lab, on ports that nobody else has."""
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def _build(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
