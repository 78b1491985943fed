# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of a run over the lab: Ansible takes them, ansible-lint has nothing to say, and nothing is left out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, port995

pytestmark = pytest.mark.wide

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run in which one server is open that is to be closed, and one that is to be inside only."""
    folder = tmp_path_factory.mktemp("remediate")
    with Lab(folder, own_base_port()) as lab:
        inventory = yaml.safe_load(lab.inventory_file.read_text())
        hosts = _hosts(inventory)
        chosen = iter(name for name, variables in hosts.items() if variables.get("pop3s_intent", "serve") == "serve")
        hosts[next(chosen)]["pop3s_intent"] = "closed"
        hosts[next(chosen)]["pop3s_intent"] = "internal"
        (folder / "own.yml").write_text(yaml.safe_dump(inventory))
        done = port995("audit", "-i", folder / "own.yml", "--ca-file", lab.ca_file, "--out", folder / "run", *QUICK,
                       "--side", "outside", "--source", "127.0.0.1", "--source", "127.0.0.2")  # fmt: skip
        assert done.code in (1, 3), done
        again = port995("audit", "-i", folder / "own.yml", "--ca-file", lab.ca_file, "--out", folder / "again", *QUICK,
                        "--side", "outside", "--source", "127.0.0.1", "--source", "127.0.0.2")  # fmt: skip
        assert again.code in (1, 3), again
        yield folder / "run"


def _hosts(group: object) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    if isinstance(group, dict):
        for key, value in group.items():
            if key == "hosts" and isinstance(value, dict):
                for name, variables in value.items():
                    value[name] = variables if isinstance(variables, dict) else {}
                    found[name] = value[name]
            else:
                found.update(_hosts(value))
    return found


@pytest.fixture(scope="module")
def made(run: Path) -> Path:
    done = port995("remediate", run, "--out", run.parent / "out")
    assert done.code == 0, done
    assert "fails that no role mends" in done.out
    return run.parent / "out"


def playbooks(made: Path) -> list[str]:
    found = [one["file"] for one in json.loads((made / "remediation.json").read_text())["playbooks"]]
    assert found
    return found


def environment(folder: Path) -> dict[str, str]:
    (folder / "ansible.cfg").touch()
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
    }  # fmt: skip


def test_each_remedy_has_its_playbook(made: Path) -> None:
    remedies = {one["remedy"] for one in json.loads((made / "remediation.json").read_text())["playbooks"]}
    assert remedies == {"close", "restrict", "enforce"}


def test_every_fail_is_told_of_once(run: Path, made: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    fails = sorted(
        (one["host"] or "", one["endpoint"] or "", one["check_id"]) for one in report["results"] if one["status"] == "fail"
    )
    told = json.loads((made / "remediation.json").read_text())
    listed = [one for group in told["playbooks"] for one in group["mends"]] + told["by_hand"]
    assert sorted((one["host"] or "", one["endpoint"] or "", one["check_id"]) for one in listed) == fails
    text = (made / "remediation.md").read_text()
    assert all(one["check_id"].replace("-", r"\-") in text for one in listed)


def test_ansible_takes_each_playbook(run: Path, made: Path, tmp_path: Path) -> None:
    for name in playbooks(made):
        done = subprocess.run(
            [BIN / "ansible-playbook", "--syntax-check", "-i", run.parent / "own.yml", made / name],
            env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        done = subprocess.run(
            [BIN / "ansible-playbook", "--list-hosts", "-i", run.parent / "own.yml", made / name],
            env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        (play,) = yaml.safe_load((made / name).read_text())
        assert f"hosts ({len(play['hosts'])}):" in done.stdout, done


def test_ansible_lint_has_nothing_to_say(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "project")
    done = subprocess.run(
        [BIN / "ansible-lint", "--offline", "--strict", "--profile", "production", "--nocolor",
         "--project-dir", ".", *playbooks(made)],
        cwd=tmp_path / "project", env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_is_inside_is_asked_for_before_anything_is_changed(run: Path, made: Path, tmp_path: Path) -> None:
    """The playbook that restricts, without the networks: it stops, and no host is touched."""
    done = subprocess.run(
        [BIN / "ansible-playbook", "-i", run.parent / "own.yml", "-e", "ansible_connection=local", made / "restrict.yml"],
        env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "Name the networks" in done.stdout, done
    assert "pop3s_firewall" not in done.stdout


def test_the_profile_beside_the_playbooks_is_that_of_the_run(run: Path, made: Path) -> None:
    assert (made / "profile.yml").read_bytes() == (run / "profile.yml").read_bytes()


def test_two_runs_are_paired_afterwards(run: Path, tmp_path: Path) -> None:
    done = port995("pair", run, run.parent / "again", "--out", tmp_path / "statement")
    assert done.code == 0, done
    statement = json.loads((tmp_path / "statement" / "pair.json").read_text())
    assert statement["schema"] == "port995/pair/1"
    assert port995("pair", run, run, "--out", tmp_path / "other").code == 4
    assert port995("pair", run.parent / "again", run, "--out", tmp_path / "other").code == 4
    assert not (tmp_path / "other").exists()


def test_bad_input(run: Path, made: Path, tmp_path: Path) -> None:
    done = port995("remediate", run, "--out", made)
    assert done.code == 2 and "is there already" in done.err
    assert port995("remediate", tmp_path / "none", "--out", tmp_path / "x").code == 4
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "gate.json").unlink()
    assert port995("remediate", tmp_path / "run", "--out", tmp_path / "x").code == 4
    assert not (tmp_path / "x").exists()
