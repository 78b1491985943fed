# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a task of the collection on hosts of the lab as a user does: ansible-playbook, over SSH, from inside."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from .lab import SSH_OPTIONS, Host, Lab

ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
MODULE = "port995.pop3s.pop3s_firewall"


@dataclasses.dataclass(frozen=True)
class Told:
    """What became of the task on a host."""

    code: int
    result: dict[str, Any]
    said: str


def command(
    lab: Lab, folder: Path, host: Host, options: dict[str, Any], *more: str, module: str = MODULE, **variables: Any
) -> list[str]:
    """What runs the task on a host; it is to be run at the vantage inside."""
    facts = {
        "ansible_host": host.ipv4, "ansible_user": "root", "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": " ".join(SSH_OPTIONS), "ansible_python_interpreter": "/usr/bin/python3", **variables,
    }  # fmt: skip
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {host.name: facts}}}))
    keep = {
        "ansible.builtin.copy": {"content": "{{ ended | to_json }}", "dest": str(folder / "result.json")},
        "delegate_to": "localhost", "connection": "local", "check_mode": False, "diff": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }  # fmt: skip
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"block": [{module: options, "register": "ended"}], "always": [keep]}]}]
    (folder / "play.yml").write_text(yaml.safe_dump(play))
    return ["env", f"HOME={folder}",
            f"ANSIBLE_LOCAL_TEMP={folder}/tmp", "ANSIBLE_TIMEOUT=5",
            # The path of a socket is short, and a worker's folder is not.
            f"ANSIBLE_SSH_CONTROL_PATH_DIR={lab.folder}/cp", str(ANSIBLE_PLAYBOOK), "-i",
            str(folder / "hosts.yml"), str(folder / "play.yml"), *more]  # fmt: skip


def play(
    lab: Lab, folder: Path, host: Host, options: dict[str, Any], *more: str, module: str = MODULE, **variables: Any
) -> Told:
    """Run it, and read its result."""
    done = subprocess.run(
        [*lab.inside.prefix(), *command(lab, folder, host, options, *more, module=module, **variables)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=150, check=False, cwd=folder, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    try:
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").unlink()
    except (ValueError, OSError) as error:
        raise AssertionError(f"exit {done.returncode}, no result of the task:\n{said}") from error
    return Told(done.returncode, result, said)
