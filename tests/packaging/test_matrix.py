# SPDX-License-Identifier: GPL-3.0-or-later
"""Both artefacts under the lowest, a middle and the newest ansible-core; `make matrix` runs it, `make test` does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from port995.lab.lab import Lab

from .audits import audit_by_command, audit_by_name
from .environments import (
    ROOT,
    Environment,
    Version,
    fill_wheelhouse,
    interpreters,
    make_environment,
    requirements,
)

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]

CORES = {
    # ansible-core, and the Pythons that both it and this project run on, best first.
    "ansible-core==2.16.*": [(3, 11), (3, 12)],
    "ansible-core==2.19.*": [(3, 12), (3, 11), (3, 13)],
    "ansible-core": [(3, 15), (3, 14), (3, 13), (3, 12), (3, 11)],
}


def _python(core: str) -> tuple[Version, Path]:
    for version in CORES[core]:
        if version in interpreters():
            return version, interpreters()[version]
    pytest.skip(f"{core} needs one of {CORES[core]}; at hand are {sorted(interpreters())}")


def _tell(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    said = environment.run("ansible", "--version").stdout.splitlines()
    with capsys.disabled():
        print(f"\n  {said[0]} on Python {[line for line in said if 'python version' in line][0].split()[3]}", end=" ")


@pytest.mark.parametrize("core", CORES)
def test_the_wheel_audits_under(
    core: str, wheel: Path, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version, interpreter = _python(core)
    wanted = [*requirements(), core]
    environment = make_environment(tmp_path / "wheel", interpreter)
    environment.install(wheel, core, wheelhouse=fill_wheelhouse(interpreter, version, wanted))
    _tell(environment, capsys)
    audit_by_command(environment)
    audit_by_name(environment, lab)


@pytest.mark.parametrize("core", CORES)
def test_the_collection_audits_under(
    core: str, tarball: Path, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version, interpreter = _python(core)
    wanted = [*requirements(), core]
    environment = make_environment(tmp_path / "collection", interpreter)
    needed = ROOT / "meta" / "ee-requirements.txt"
    environment.install(core, "-r", needed, wheelhouse=fill_wheelhouse(interpreter, version, wanted))
    _tell(environment, capsys)
    done = environment.run("ansible-galaxy", "collection", "install", "--offline", tarball)
    assert done.returncode == 0, done.stdout + done.stderr
    out = audit_by_name(environment, lab)
    assert json.loads((out / "gate.json").read_text())["exit"] == 1
