# SPDX-License-Identifier: GPL-3.0-or-later
"""An Ansible inventory, read by ``ansible-inventory`` itself: every plugin and precedence rule is its own."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..policy.vantages import GROUP, is_vantage_only

TIMEOUT = 300
"""Seconds; an inventory plugin may ask a cloud."""

VARIABLE_PREFIX = "pop3s_"
VARIABLES = ("pop3_port", "ansible_host", "group_names")


class InventoryError(ValueError):
    """An inventory that can't be used: why, and what to do next."""


@dataclasses.dataclass(frozen=True)
class Inventory:
    """What an inventory holds."""

    hosts: dict[str, dict[str, Any]]
    """Host name -> variables of every host that is no vantage alone, in the inventory's order."""

    vantage_hosts: tuple[str, ...]
    """Hosts that look in a playbook, and are not looked at."""


def read_inventory(path: Path) -> Inventory:
    """Read an inventory.

    A variable that holds a template is left as it is; only a playbook can fill it.

    :raises InventoryError: no such file, ansible-inventory is missing or fails, it can't be parsed, or holds no hosts
    """
    if not path.exists():
        raise InventoryError(f"{path}: there is no such inventory: check the path")
    command = _command()
    # An inventory that is read in part would lose hosts silently; Ansible itself only warns.
    environment = {**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", "ANSIBLE_NOCOLOR": "1"}
    try:
        run = subprocess.run(
            [command, "-i", str(path.absolute()), "--list"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InventoryError(f"{command} did not read {path}: {error}") from error
    said = " ".join(run.stderr.split())[:500]
    if run.returncode != 0:
        raise InventoryError(f"{path} can't be read as an inventory: {said or 'no reason given'}")
    try:
        hosts = _hosts(json.loads(run.stdout))
    except ValueError as error:
        raise InventoryError(f"{command} printed no JSON for {path}: {error}") from error
    if not hosts.hosts:
        but = f" but vantages ({', '.join(hosts.vantage_hosts)})" if hosts.vantage_hosts else ""
        raise InventoryError(f"{path} holds no hosts{but}: nothing would be audited{f' ({said})' if said else ''}")
    return hosts


def problems_of(variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Part the variables that can be used from those only a playbook can fill.

    :returns: variables without templates and vaulted values, and a problem for each that was left out
    """
    usable: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in variables.items():
        if not name.startswith(VARIABLE_PREFIX) and name not in VARIABLES:
            continue
        text = json.dumps(value)
        if "{{" in text or "{%" in text or "__ansible_vault" in text:
            problems.append(f"{name}: a template or a vault, which only the playbook port995.pop3s.audit can fill")
        else:
            usable[name] = value
    return usable, problems


def _hosts(listing: Mapping[str, Any]) -> Inventory:
    variables: Mapping[str, Any] = listing.get("_meta", {}).get("hostvars", {})
    names = dict.fromkeys(variables)
    for group, content in listing.items():
        if group != "_meta" and isinstance(content, dict):
            names.update(dict.fromkeys(content.get("hosts", ())))
    groups = _groups(listing)
    hosts = {name: {**variables.get(name, {}), "group_names": groups.get(name, [])} for name in names}
    alone = tuple(name for name, own in hosts.items() if GROUP in own["group_names"] and is_vantage_only(own))
    return Inventory({name: own for name, own in hosts.items() if name not in alone}, alone)


def _groups(listing: Mapping[str, Any]) -> dict[str, list[str]]:
    """The groups that each host is in, through children too; as Ansible's own variable ``group_names``."""
    hosts = {group: set(one.get("hosts", ())) for group, one in listing.items() if isinstance(one, dict)}
    children = {group: tuple(one.get("children", ())) for group, one in listing.items() if isinstance(one, dict)}

    def within(group: str, seen: frozenset[str]) -> set[str]:
        below = [within(child, seen | {group}) for child in children.get(group, ()) if child not in seen]
        return hosts.get(group, set()).union(*below)

    found: dict[str, list[str]] = {}
    for group in sorted(hosts):
        if group not in ("all", "_meta"):
            for name in within(group, frozenset((group,))):
                found.setdefault(name, []).append(group)
    return found


def _command() -> str:
    beside = Path(sys.executable).with_name("ansible-inventory")
    found = str(beside) if beside.is_file() else shutil.which("ansible-inventory")
    if found is None:
        raise InventoryError("ansible-inventory is not installed: install ansible-core, or give targets instead of -i")
    return found
