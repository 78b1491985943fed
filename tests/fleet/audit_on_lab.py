# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit hosts of the lab with the role, as a user does: the playbook, over SSH, from inside the lab's network."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from .ansible_on_lab import ANSIBLE_PLAYBOOK
from .lab import SSH_OPTIONS, Lab


@dataclasses.dataclass(frozen=True)
class Audited:
    """What became of an audit."""

    code: int
    out: Path
    said: str

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.out / "report.json").read_text()))

    def status(self, check: str, host: str) -> str:
        """The worst status of a check on a host's endpoints."""
        found = [one["status"] for one in self.results(check, host)]
        return next(word for word in ("error", "unreachable", "fail", "not_tested", "pass", "not_applicable") if word in found)

    def results(self, check: str, host: str) -> list[dict[str, Any]]:
        return [one for one in self.report["results"] if one["check_id"] == check and one["host"] == host]

    def seen(self, host: str) -> dict[str, Any]:
        """What the host showed from inside."""
        return dict(json.loads((self.out / f"host-{host}.jsonl").read_text()))


def audit(lab: Lab, folder: Path, hosts: dict[str, dict[str, Any]], **variables: Any) -> Audited:
    """Audit.

    :param hosts: inventory name to variables; those of the connection are filled in
    """
    common = {
        "ansible_user": "root", "ansible_ssh_private_key_file": str(lab.key), "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": " ".join(SSH_OPTIONS), "audit_inside": True, "audit_gate": False, "audit_out": str(folder / "run"),
        "audit_checks": "POP3S-HOST-* or POP3S-PORT-001", "audit_depth": "gate",
        "audit_source_addresses": [lab.inside.ipv4], "audit_families": "4", **variables,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}))
    done = subprocess.run(
        [*lab.inside.prefix(), "env", f"HOME={folder}", f"ANSIBLE_LOCAL_TEMP={folder}/tmp", "ANSIBLE_TIMEOUT=5",
         # The path of a socket has its limit, and the folders of tests have long names.
         f"ANSIBLE_SSH_CONTROL_PATH_DIR={lab.folder}/cp",
         str(ANSIBLE_PLAYBOOK), "-i", str(folder / "hosts.yml"), "port995.pop3s.audit"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=170, check=False, cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return Audited(done.returncode, folder / "run", done.stdout + done.stderr)
