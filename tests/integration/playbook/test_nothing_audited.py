# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in which Ansible itself finds nothing to do, and ends well: none of them may exit 0, and each says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from .ansible_run import AUDIT, WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

NOTHING = "nothing would be audited and nothing could fail"

INVENTORIES = {
    "empty": "",
    "empty-group": "[mail]\n",
    "unparsable": "[[[mail\n: : :\n",
    "unparsable.yml": "all: [not, {a: mapping\n",
    "missing": None,
}


@pytest.mark.parametrize("name", INVENTORIES)
def test_an_inventory_without_hosts_fails(name: str, tmp_path: Path) -> None:
    text = INVENTORIES[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    run = playbook(tmp_path, tmp_path / name)
    assert run.code == 2, run.said
    assert "The inventory holds no hosts" in run.said
    assert not run.out.exists()


def test_no_inventory_at_all_fails(tmp_path: Path) -> None:
    run = playbook(tmp_path, None)
    assert run.code == 2 and "The inventory holds no hosts" in run.said, run.said


@pytest.mark.parametrize("limit", ["stranger", "localhost", "all:!good"])
def test_a_limit_to_a_host_that_is_not_there_fails(limit: str, lab_good: Hosts, tmp_path: Path) -> None:
    run = playbook(tmp_path, inventory_of(lab_good), "--limit", limit)
    assert run.code == 1 and "no hosts to target" in run.said, run.said
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("with_hosts", "options"),
    [
        (False, ["--limit", "good"]),
        (True, ["--skip-tags", "always"]),
        (True, ["--tags", "mail", "--skip-tags", "always"]),
        (True, ["--start-at-task", "a task that is not there"]),
        (True, ["--start-at-task", "a task that is not there", "--limit", "good"]),
        # A report of what was not looked at, or a look at what was not planned.
        (True, ["--start-at-task", "Judge what was seen and hold the gate"]),
        (True, ["--start-at-task", "Look from the controller"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.wide
def test_options_that_take_out_every_task_fail(
    with_hosts: bool, options: list[str], lab_good: Hosts, tmp_path: Path
) -> None:
    """Ansible ends most of these with exit 0."""
    run = playbook(tmp_path, inventory_of(lab_good if with_hosts else {}), *options)
    assert run.code != 0, run.said
    assert NOTHING in run.said
    assert not run.out.exists()


@pytest.mark.parametrize("options", [["--tags", "mail"], ["--skip-tags", "mail"], ["--start-at-task", "Fail when*"]],
                         ids=" ".join)  # fmt: skip
@pytest.mark.wide
def test_options_meant_for_other_tasks_leave_the_audit_whole(
    options: list[str], lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """Without the CA the gate is not passed: it must not be passed with a tag either."""
    run = playbook(tmp_path, inventory_of(lab_good), *options, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (2, 1), run.said
    assert run.results["good"]["POP3S-CERT-002"] == "fail"
    assert run.report["coverage"]["equation"] == "inventory 1 = assessed 1 + unreachable 0 + excluded 0"


@pytest.mark.parametrize(
    "options",
    [["--syntax-check"], ["--list-tasks"], ["--list-hosts"], ["--list-tasks", "--limit", "good"]],
    ids=" ".join,
)
@pytest.mark.wide
def test_what_only_lists_still_lists(options: list[str], lab_good: Hosts, tmp_path: Path) -> None:
    run = playbook(tmp_path, inventory_of(lab_good), *options)
    assert run.code == 0, run.said
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("options", "code"), [([], 0), (["--start-at-task", "Deploy"], 0), (["--start-at-task", "Depart"], 4)],
    ids=["whole", "from-an-earlier-play-on", "from-a-task-that-is-not-there-on"],
)  # fmt: skip
@pytest.mark.wide
def test_a_deployment_ends_with_the_audit_or_fails(
    options: list[str], code: int, lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    site = [
        {"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Deploy", "ansible.builtin.debug": {}}]},
        {"import_playbook": AUDIT},
    ]
    run = playbook(tmp_path, inventory_of(lab_good), *options, play=site, **seen_by_two, **WITHOUT_HELLOS)
    assert run.code == code, run.said
    assert (run.out / "gate.json").is_file() == (code == 0)
    assert (NOTHING in run.said) == (code != 0)
