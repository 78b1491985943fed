# SPDX-License-Identifier: GPL-3.0-or-later
"""The role in a play of a user's own: what would audit the fleet twice, or half of it, is refused or told."""

from __future__ import annotations

from pathlib import Path

import pytest

from .ansible_run import WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide


def play(**keywords: object) -> list[dict[str, object]]:
    """A play with the role in it, over all hosts unless told otherwise."""
    role = {"ansible.builtin.import_role": {"name": "port995.pop3s.audit", "rolespec_validate": False}}
    return [{"hosts": "all", "gather_facts": False, "tasks": [role], **keywords}]


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"serial": 1}, "with `serial` the fleet would be audited once for every batch"),
        ({"serial": ["50%", "50%"]}, "with `serial` the fleet would be audited once for every batch"),
        ({"strategy": "free"}, "the strategy free does not honour run_once"),
        ({"strategy": "ansible.builtin.host_pinned"}, "the strategy host_pinned does not honour run_once"),
    ],
    ids=str,
)
def test_a_play_that_would_audit_the_fleet_once_for_every_host_is_refused(
    keywords: dict[str, object], words: str, five: Hosts, tmp_path: Path
) -> None:
    hosts = {name: five[name] for name in ("good", "bad")}
    run = playbook(tmp_path, inventory_of(hosts), play=play(**keywords))
    assert run.code == 2, run.said
    assert f"Nothing was probed: {words}" in run.said
    assert not run.out.exists()


def test_the_playbook_itself_can_not_be_made_to_run_once_for_every_host(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    hosts = {"good": lab_good["good"], "again": {**lab_good["good"]}}
    run = playbook(
        tmp_path, inventory_of(hosts), environment={"ANSIBLE_STRATEGY": "free"}, **seen_by_two, **WITHOUT_HELLOS
    )
    assert (run.code, run.gate["exit"]) == (0, 0), run.said


def test_a_batch_of_all_hosts_is_one_run(lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    run = playbook(tmp_path, inventory_of(lab_good), play=play(serial="100%"), **seen_by_two, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said


@pytest.mark.parametrize(("hosts", "excluded"), [("good", 1), ("localhost", 2)])
def test_hosts_outside_of_the_play_are_excluded_aloud(
    hosts: str, excluded: int, five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    fleet = {name: five[name] for name in ("good", "refusing")}
    run = playbook(tmp_path, inventory_of(fleet), play=play(hosts=hosts), **seen_by_two,
                   **{**WITHOUT_HELLOS, "audit_partial": False})  # fmt: skip
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert run.report["coverage"]["excluded"] == excluded
    assert run.report["coverage"]["inventory"] == 2


def test_tags_of_other_tasks_leave_the_role_whole(lab_good: Hosts, tmp_path: Path) -> None:
    """The play has no tags: those of the role are enough. Without the CA the gate is not passed."""
    run = playbook(tmp_path, inventory_of(lab_good), "--tags", "mail", play=play(), **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (2, 1), run.said


def test_a_gate_that_does_not_stop_the_play_still_says_what_it_found(lab_good: Hosts, tmp_path: Path) -> None:
    """``port995 gate`` ends the pipeline then."""
    run = playbook(tmp_path, inventory_of(lab_good), audit_gate=False, audit_show=False, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (0, 1), run.said
    assert run.results["good"]["POP3S-CERT-002"] == "fail"
    assert "POP3S-CERT-002" not in run.said


@pytest.mark.parametrize("first", [True, False], ids=["the-first-host", "the-last-host"])
def test_a_setting_of_the_run_that_one_host_has_alone_is_refused(first: bool, lab_good: Hosts, tmp_path: Path) -> None:
    """Ansible would take that of the first host for all: a gate that is off there would be off everywhere."""
    odd = {**lab_good["good"], "audit_gate": False}
    hosts = {"odd": odd, **lab_good} if first else {**lab_good, "odd": odd}
    run = playbook(tmp_path, inventory_of(hosts))
    assert run.code == 2, run.said
    assert "Nothing was probed: audit_gate is " in run.said and "a run has it once" in run.said
    assert not run.out.exists()


def test_settings_that_all_hosts_have_are_the_runs(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    hosts = {"good": lab_good["good"], "again": {**lab_good["good"]}}
    run = playbook(tmp_path, inventory_of(hosts, audit_checks="POP3S-CERT-*", audit_partial=True, **seen_by_two))
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.header["checks"] == "POP3S-CERT-*"
