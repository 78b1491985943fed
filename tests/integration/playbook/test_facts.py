# SPDX-License-Identifier: GPL-3.0-or-later
"""What came out of each host as facts, and AWX's template, which tells the verdict before it holds the gate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .ansible_run import WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide

AWX = Path(__file__).resolve().parents[3] / "docs" / "ci" / "awx-audit.yml"

TELL: dict[str, Any] = {
    "name": "Tell",
    "ansible.builtin.debug":
        {"msg": "FACT {{ inventory_hostname }} {{ audit_host_result.status }} {{ audit_host_result.fails | join(' ') }}"},
    "tags": ["always"],
}  # fmt: skip


def told(said: str) -> dict[str, str]:
    return dict(re.findall(r'"msg": "FACT (\S+) (.*?) ?"', said))


def test_each_host_has_its_own_result_as_a_fact(five: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    hosts = {name: five[name] for name in ("good", "bad", "refusing")}
    role = {"ansible.builtin.import_role": {"name": "port995.pop3s.audit", "rolespec_validate": False}}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [role, TELL]}]
    run = playbook(
        tmp_path, inventory_of(hosts), play=play, audit_gate=False, audit_host_facts=True, **seen_by_two, **WITHOUT_HELLOS
    )
    assert run.code == 0, run.said
    facts = told(run.said)
    assert {name: words.split()[0] for name, words in facts.items()} == run.verdicts
    assert "POP3S-CERT-003" in facts["bad"] and "POP3S" not in facts["good"]
    # Only what changes a host counts as a change.
    assert re.search(r"good +: ok=\d+ +changed=0 ", run.said), run.said


@pytest.mark.parametrize(("names", "code", "word"), [
    (("good",), 0, ""), (("good", "bad"), 1, "failed (exit 1)"), (("good", "unresolvable"), 3, "incomplete (exit 3)"),
])  # fmt: skip
def test_awx_is_told_the_exit_code_and_fails_unless_it_is_0(
    names: tuple[str, ...], code: int, word: str, five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    play = yaml.safe_load(AWX.read_text())
    run = playbook(
        tmp_path, inventory_of({name: five[name] for name in names}), play=play,
        environment={"ANSIBLE_SHOW_CUSTOM_STATS": "1"}, **seen_by_two, **WITHOUT_HELLOS,
    )  # fmt: skip
    assert (run.code == 0) is (code == 0), run.said
    assert run.gate["exit"] == code
    assert word in run.said
    stats = run.said.partition("CUSTOM STATS")[2]
    assert re.search(rf'"?port995_exit"?: "?{code}\b', stats), run.said
