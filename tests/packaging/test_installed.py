# SPDX-License-Identifier: GPL-3.0-or-later
"""Each artefact, installed alone into an empty environment without a network, audits the lab and finds the truth."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from port995.lab.lab import Lab

from .audits import audit_by_command, audit_by_name
from .environments import ROOT, Environment, fill_wheelhouse, make_environment, requirements

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]
HERE = (sys.version_info[0], sys.version_info[1])
BASE = Path(sys.base_prefix) / "bin" / f"python{HERE[0]}.{HERE[1]}"


@pytest.fixture(scope="module")
def wheelhouse() -> Path:
    return fill_wheelhouse(BASE, HERE, requirements())


@pytest.fixture(scope="module")
def from_wheel(tmp_path_factory: pytest.TempPathFactory, wheel: Path, wheelhouse: Path) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("from-wheel"), BASE)
    made.install(wheel, wheelhouse=wheelhouse)
    return made


@pytest.fixture(scope="module")
def from_tarball(tmp_path_factory: pytest.TempPathFactory, tarball: Path, wheelhouse: Path) -> Environment:
    """Ansible, the collection in the user's folder, and only what the collection itself says it needs."""
    made = make_environment(tmp_path_factory.mktemp("from-tarball"), BASE)
    needed = ROOT / "meta" / "ee-requirements.txt"
    made.install("ansible-core", "-r", needed, wheelhouse=wheelhouse)
    done = made.run("ansible-galaxy", "collection", "install", "--offline", tarball)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_the_wheel_alone_audits_by_command(from_wheel: Environment) -> None:
    out = audit_by_command(from_wheel)
    assert (out / "TEST-port995.xml").is_file()


def test_the_wheel_alone_brings_the_playbook(from_wheel: Environment, lab: Lab) -> None:
    out = audit_by_name(from_wheel, lab)
    assert json.loads((out / "gate.json").read_text())["exit"] == 1


def test_what_the_wheel_runs_lies_in_its_environment(from_wheel: Environment) -> None:
    asked = "import port995, pathlib; print(pathlib.Path(port995.__file__).resolve())"
    done = from_wheel.run(from_wheel.python, "-c", asked)
    assert Path(done.stdout.strip()).is_relative_to(from_wheel.folder), done.stderr
    listed = from_wheel.run("ansible-galaxy", "collection", "list", "port995.pop3s", "--format", "json")
    (folder,) = json.loads(listed.stdout)
    assert Path(folder).is_relative_to(from_wheel.folder)
    assert from_wheel.run("port995", "--version").stderr == "", "a second copy is in reach"


def test_the_collection_alone_audits_with_nothing_but_what_galaxy_counts(from_tarball: Environment, lab: Lab) -> None:
    """Ansible's rules: a collection works when all but meta, plugins, roles and playbooks is gone."""
    (installed,) = from_tarball.work.glob(".ansible/collections/ansible_collections/port995/pop3s")
    for entry in installed.iterdir():
        if entry.name not in ("meta", "plugins", "roles", "playbooks"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    without = from_tarball.run(from_tarball.python, "-c", "import port995")
    assert "ModuleNotFoundError" in without.stderr, "the library is there besides"
    out = audit_by_name(from_tarball, lab)
    assert json.loads((out / "gate.json").read_text())["exit"] == 1


def test_the_checkout_is_out_of_reach_of_installed_commands(from_wheel: Environment) -> None:
    done = from_wheel.run(from_wheel.python, "-c", f"import sys, os; print(sys.path, os.path.exists({str(ROOT / 'src')!r}))")
    paths, _, there = done.stdout.strip().rpartition(" ")
    assert str(ROOT) not in paths
    if there == "True":
        pytest.skip("this user may not mount: the checkout can't be hidden, only left off every path")
