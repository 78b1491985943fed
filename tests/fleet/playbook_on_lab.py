# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook on hosts of the lab as a user does, from the vantage inside."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .ansible_on_lab import ANSIBLE_PLAYBOOK
from .lab import SSH_OPTIONS, Host, Lab

ROLE = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.import_role": {"name": "port995.pop3s.close"}}]}]
"""The smallest play that calls the role."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a playbook ended."""

    code: int
    said: str


def inventory(
    lab: Lab, hosts: Sequence[Host], variables: Mapping[str, Any], each: Mapping[str, Mapping[str, Any]],
    vantages: Mapping[str, Mapping[str, Any]] | None = None,
) -> Any:  # fmt: skip
    """The hosts as an inventory.

    :param variables: of all hosts
    :param each: of single hosts, by name
    :param vantages: members of the group of vantages, and what they are
    """
    common = {
        "ansible_user": "root", "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": " ".join(SSH_OPTIONS), "ansible_python_interpreter": "/usr/bin/python3", **variables,
    }  # fmt: skip
    of_hosts = {host.name: {"ansible_host": host.ipv4, **each.get(host.name, {})} for host in hosts}
    whole: dict[str, Any] = {"hosts": of_hosts, "vars": common}
    if vantages:
        whole["children"] = {"pop3s_vantages": {"hosts": {name: dict(own) for name, own in vantages.items()}}}
    return {"all": whole}


def outside_vantage(lab: Lab, folder: Path, *sources: str) -> dict[str, dict[str, Any]]:
    """The vantage outside as an inventory host: a local one, whose Python is started there.

    :param sources: addresses that it looks from
    """
    python = folder / "python-outside"
    python.write_text(f'#!/bin/sh\nexec {shlex.join(lab.outside.prefix())} {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return {"outside": {
        "ansible_connection": "local", "ansible_python_interpreter": str(python), "pop3s_vantage_side": "outside",
        "pop3s_vantage_source_addresses": list(sources),
    }}  # fmt: skip


def command(
    lab: Lab, folder: Path, hosts: Sequence[Host], playbook: Any, *more: str,
    each: Mapping[str, Mapping[str, Any]] | None = None, vantages: Mapping[str, Mapping[str, Any]] | None = None,
    **variables: Any,
) -> list[str]:  # fmt: skip
    """What runs a playbook of the collection (by its name) or plays; it enters the vantage inside by itself."""
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory(lab, hosts, variables, each or {}, vantages)))
    if not isinstance(playbook, str):
        (folder / "play.yml").write_text(yaml.safe_dump(playbook))
        playbook = str(folder / "play.yml")
    return [*lab.inside.prefix(), "env", f"HOME={folder}", f"ANSIBLE_LOCAL_TEMP={folder}/tmp",
            f"ANSIBLE_SSH_CONTROL_PATH_DIR={lab.folder}/ssh", "ANSIBLE_TIMEOUT=5",  # A socket has a short name.
            str(ANSIBLE_PLAYBOOK), "-i", str(folder / "hosts.yml"), playbook, *more]  # fmt: skip


def run(
    lab: Lab, folder: Path, hosts: Sequence[Host], playbook: Any, *more: str, timeout: float = 280.0,
    each: Mapping[str, Mapping[str, Any]] | None = None, vantages: Mapping[str, Mapping[str, Any]] | None = None,
    **variables: Any,
) -> Ended:  # fmt: skip
    """Run it, and wait for its end."""
    done = subprocess.run(
        command(lab, folder, hosts, playbook, *more, each=each, vantages=vantages, **variables), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout, check=False, cwd=folder, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return Ended(done.returncode, done.stdout + done.stderr)
