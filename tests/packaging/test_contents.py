# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the artefacts, and what is not."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from port995.probe.version import __version__

from .environments import ROOT

COLLECTION = "ansible_collections/port995/pop3s/"
NOT_RELEASED = ("src", "tests/unit", "tests/integration", "packaging", ".ci", ".git", ".venv", "Makefile", "molecule")


def test_every_place_that_names_the_version_names_the_same() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    changes = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())
    assert galaxy["version"] == __version__
    assert __version__ in changes["releases"]
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_the_staged_tree_holds_files_where_the_checkout_holds_links(tmp_path: Path) -> None:
    staged = tmp_path / "pop3s"
    subprocess.run([sys.executable, ROOT / "packaging" / "stage.py", staged], check=True, timeout=60)
    links = [path for path in (ROOT / "plugins").rglob("*") if path.is_symlink()]
    assert links, "the checkout has links"
    for link in links:
        copy = staged / link.relative_to(ROOT)
        assert copy.is_dir() and not copy.is_symlink()
        for module in link.glob("*.py"):
            assert (copy / module.name).read_bytes() == module.read_bytes()
    assert not [path for path in staged.rglob("*") if path.is_symlink()]


@pytest.mark.packaging
def test_the_tarball_holds_only_what_runs(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    names = {member.name for member in members}
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert not [name for name in names if name.startswith(NOT_RELEASED)]
    assert {"LICENSE", "README.md", "CHANGELOG.md", "meta/runtime.yml", "playbooks/audit.yml"} <= names
    assert "plugins/module_utils/_port995/probe/engine.py" in names
    assert "plugins/plugin_utils/_port995/policy/profiles/baseline.yml" in names
    assert not [name for name in names if "/lab/" in name or name.endswith(("cli.py", ".pyc"))]


@pytest.mark.packaging
def test_the_wheel_holds_library_command_and_collection(wheel: Path, tarball: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(f"port995-{__version__}.dist-info/entry_points.txt").decode()
    for source in (ROOT / "src" / "port995").rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            assert source.relative_to(ROOT / "src").as_posix() in names
    assert "port995 = port995.start:main" in entry_points
    with tarfile.open(tarball) as archive:
        released = {member.name for member in archive.getmembers() if member.isfile()} - {"MANIFEST.json", "FILES.json"}
    assert {f"{COLLECTION}{name}" for name in released} == {
        name for name in names if name.startswith(COLLECTION) and name != f"{COLLECTION}galaxy.yml"
    }
