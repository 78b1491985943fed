# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done about the fails of a run: a playbook for each group of hosts that the same thing mends, and a list
of what nothing mends, for people and for programs.

Names of hosts are the only words of a run that come into a playbook; `evidence.remediate` lets only those in that
Ansible can take for nothing but a name. What hosts said does not come into any.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from ..policy.libraries import yaml
from ..policy.remedies import Remedy
from .escape import without_surrogates
from .markdown import plain

SCHEMA = "port995/remediation/1"
JSON, TEXT = "remediation.json", "remediation.md"
NETWORKS = "remediate_networks"
"""Variable of the playbook that restricts: who is inside stands in no run."""


@dataclasses.dataclass(frozen=True)
class Mended:
    """A fail that a playbook mends."""

    host: str
    endpoint: str | None
    check_id: str


@dataclasses.dataclass(frozen=True)
class ByHand:
    """A fail that no role mends."""

    host: str | None
    endpoint: str | None
    check_id: str
    severity: str
    why: str
    remediation: str


@dataclasses.dataclass(frozen=True)
class Group:
    """Hosts that the same playbook mends."""

    remedy: Remedy
    variables: tuple[tuple[str, Any], ...]
    hosts: tuple[str, ...]
    mends: tuple[Mended, ...]

    @property
    def title(self) -> str:
        """What the playbook does, for people."""
        return TITLES[self.remedy]


@dataclasses.dataclass(frozen=True)
class Remediation:
    """What can be done about the fails of a run."""

    run_id: str
    gate_exit: int
    gate_sha256: str
    groups: tuple[Group, ...]
    by_hand: tuple[ByHand, ...]
    waived: int
    """Results that a waiver covers: they are left alone."""
    open: int
    """Results of which nothing is known (error, unreachable, not tested): nothing is done about them."""

    @property
    def names(self) -> dict[str, Group]:
        """Playbook to group; numbered where a remedy comes with several sets of variables."""
        found: dict[str, Group] = {}
        for one in self.groups:
            alike = [group for group in self.groups if group.remedy is one.remedy]
            number = f"-{alike.index(one) + 1}" if len(alike) > 1 else ""
            found[f"{one.remedy.value}{number}.yml"] = one
        return found


TITLES = {
    Remedy.CLOSE: "Close POP3S where it is meant to be closed",
    Remedy.RESTRICT: "Let only the networks inside reach POP3S",
    Remedy.ENFORCE: "Bring mail daemons to the profile of the run",
}


def playbook_of(group: Group, run_id: str) -> bytes:
    """The playbook of a group."""
    play: dict[str, Any] = {
        "name": group.title, "hosts": list(group.hosts), "gather_facts": False, "serial": [1, "10%", "100%"],
        "max_fail_percentage": 0, "tasks": list(_tasks(group)),
    }  # fmt: skip
    head = (
        f"---\n# Made by `port995 remediate` of run {run_id}. Read it, try it with --check, then run it with your\n"
        "# inventory: ansible-playbook -i INVENTORY FILE. Audit again, then `port995 pair BEFORE AFTER --out DIR`.\n"
    )
    return (head + _yaml([play])).encode("ascii")


def _tasks(group: Group) -> Iterator[dict[str, Any]]:
    variables = dict(group.variables)
    if group.remedy is Remedy.RESTRICT:
        yield {
            "name": "Refuse to guess who is inside",
            "ansible.builtin.assert": {
                "that": [f"{NETWORKS} | default([]) | length > 0"],
                "fail_msg": f"Name the networks that may reach the port, {NETWORKS}, in the inventory or with -e.",
            },
        }
        yield {
            "name": "Let only these networks in",
            "port995.pop3s.pop3s_firewall": {"state": "restricted", **variables, "allow": "{{ " + NETWORKS + " }}"},
            "become": True,
        }
        return
    yield {
        "name": group.title,
        "ansible.builtin.include_role": {"name": f"port995.pop3s.{group.remedy.value}"},
        "vars": variables,
    }


def _yaml(plays: list[dict[str, Any]]) -> str:
    class Dumper(yaml.SafeDumper):
        """Lists are indented below their key, as ansible-lint wants them."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return str(yaml.dump(plays, Dumper=Dumper, sort_keys=False, width=118, allow_unicode=False))


def to_json(found: Remediation) -> dict[str, Any]:
    """The lists as JSON data."""
    document = {
        "schema": SCHEMA,
        "run_id": found.run_id,
        "gate_exit": found.gate_exit,
        "gate_sha256": found.gate_sha256,
        "playbooks": [
            {
                "file": name,
                "remedy": group.remedy.value,
                "hosts": list(group.hosts),
                "variables": dict(group.variables),
                "mends": [dataclasses.asdict(one) for one in group.mends],
            }
            for name, group in found.names.items()
        ],
        "by_hand": [dataclasses.asdict(one) for one in found.by_hand],
        "waived": found.waived,
        "open": found.open,
    }
    clean: dict[str, Any] = json.loads(json.dumps(document), object_hook=_clean)
    return clean


def _clean(data: dict[str, Any]) -> dict[str, Any]:
    return {key: without_surrogates(value) if isinstance(value, str) else value for key, value in data.items()}


def to_markdown(found: Remediation) -> str:
    """The lists for people."""
    mended = sum(len(group.mends) for group in found.groups)
    lines = [
        "# POP3S: what can be done about the fails",
        "",
        f"Run {found.run_id}, gate exit {found.gate_exit}. Playbooks mend {mended} fails, no role mends"
        f" {len(found.by_hand)}. {found.waived} results are waived and left alone. Of {found.open} nothing is known:"
        " nothing is done about them.",
    ]
    if found.groups:
        lines += ["", "## By playbook", "", "In this order: what must not be open first."]
    for name, group in found.names.items():
        lines += ["", f"### {name}", "", f"{group.title}: {', '.join(map(plain, group.hosts))}.", ""]
        lines += [f"- {plain(' '.join(filter(None, (one.check_id, one.host, one.endpoint))))}" for one in group.mends]
        if group.remedy is Remedy.RESTRICT:
            lines += ["", f"It wants to be told who is inside: `{NETWORKS}`."]
    if found.by_hand:
        lines += ["", "## By hand", "", "| check | severity | where | why no role does | what to do |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for hand in found.by_hand:
            where = " ".join(filter(None, (hand.host or "fleet", hand.endpoint)))
            cells = (hand.check_id, hand.severity, where, hand.why, hand.remediation)
            lines.append(f"| {' | '.join(map(plain, cells))} |")
    lines += ["", "Audit again afterwards. `port995 pair BEFORE AFTER --out DIR` then says what changed.", ""]
    return "\n".join(lines)
