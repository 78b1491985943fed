# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook as a user does, in a folder of the test's own, and read what the run left."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from junitparser import JUnitXml

AUDIT = "port995.pop3s.audit"
BIN = Path(sys.executable).parent
"""ansible-playbook lies beside the Python that runs the tests; the collection is found through its site-packages."""

CONNECTIONS = Path(__file__).with_name("connection_plugins")
SECONDS = 120
"""Deadline of one run; it takes 2 to 6 seconds on an idle machine."""

QUICK = {"audit_resolve_timeout": 3, "audit_connect_timeout": 1}
"""A dark host costs the connect timeout, twice for each service. On loopback no other host comes near it."""

WITHOUT_HELLOS = {"audit_checks": "POP3S-PORT-* or POP3S-CERT-*", "audit_partial": True}
"""Checks that one session answers: quicker where it does not matter what else is looked at."""


@dataclasses.dataclass(frozen=True)
class Played:
    """How a run of ansible-playbook ended."""

    code: int
    said: str
    """Both streams."""
    out: Path
    """Folder of the run; it is not there when the run did not get so far."""

    @property
    def gate(self) -> dict[str, Any]:
        """``gate.json``."""
        return self._json("gate.json")

    @property
    def report(self) -> dict[str, Any]:
        """``report.json``."""
        return self._json("report.json")

    @property
    def header(self) -> dict[str, Any]:
        """``run.json``."""
        return self._json("run.json")

    @property
    def results(self) -> dict[str, dict[str, str]]:
        """Host -> check id -> status; two words where a host's endpoints differ."""
        found: dict[str, dict[str, set[str]]] = {}
        for one in self.report["results"]:
            found.setdefault(one["host"] or "fleet", {}).setdefault(one["check_id"], set()).add(one["status"])
        return _joined(found)

    @property
    def verdicts(self) -> dict[str, str]:
        """Host -> the word its results fold into."""
        return {one["name"]: one["status"] for one in self.report["hosts"]}

    @property
    def messages(self) -> dict[str, str]:
        """Host -> why it was assessed or not."""
        return {one["host"]: one["message"] for one in self.report["results"] if one["check_id"] == "POP3S-COV-000"}

    def journal(self, vantage: str = "controller") -> list[dict[str, Any]]:
        """The observations of one vantage."""
        text = (self.out / f"journal-{vantage}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    @property
    def junit(self) -> dict[str, dict[str, str]]:
        """Class name -> check id -> how an independent reader of JUnit sees the case; ``gate`` for the gate's own."""
        found: dict[str, dict[str, set[str]]] = {}
        for suite in JUnitXml.fromfile(str(self.out / "TEST-port995.xml")):
            for case in suite:
                (word,) = [type(result).__name__.lower() for result in case.result] or ["passed"]
                named = re.search(r"POP3S-[A-Z0-9]+-\d+", case.name)
                found.setdefault(case.classname, {}).setdefault(named[0] if named else case.name, set()).add(word)
        return _joined(found)

    def _json(self, name: str) -> dict[str, Any]:
        path = self.out / name
        assert path.is_file(), f"there is no {name}\n{self.said}"
        document: dict[str, Any] = json.loads(path.read_text())
        return document


def _joined(found: dict[str, dict[str, set[str]]]) -> dict[str, dict[str, str]]:
    return {host: {key: " ".join(sorted(words)) for key, words in of.items()} for host, of in found.items()}


def variables(folder: Path) -> dict[str, str]:
    """The environment of a run: nothing of this user's own Ansible, and no ansible.cfg but an empty one."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    # As /tmp itself: a task may become another user.
    (folder / "tmp").chmod(0o1777)
    (folder / "ansible.cfg").touch()
    return {
        "TMPDIR": str(folder / "tmp"),
        "PATH": f"{BIN}:{os.environ.get('PATH', '')}", "HOME": str(folder / "home"), "LANG": "C.UTF-8", "TERM": "dumb",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS),
    }  # fmt: skip


def playbook(
    folder: Path,
    inventory: object,
    *arguments: str,
    play: object = AUDIT,
    environment: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
    **extra: object,
) -> Played:
    """Run a playbook and wait for it.

    :param folder: where it runs, and where its run folder ``out`` is
    :param inventory: the data of a YAML inventory, or the path of one, or ``None`` for none
    :param arguments: further options of ansible-playbook
    :param play: name or path of a playbook, or the data of one
    :param environment: further environment variables
    :param prefix: command that runs it somewhere else, as in a network namespace
    :param extra: extra variables
    """
    command, variables_of_run = prepare(folder, inventory, *arguments, play=play, **extra)
    done = subprocess.run(
        [*prefix, *command], capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL, cwd=folder,
        env={**variables_of_run, **(environment or {})},
    )  # fmt: skip
    return Played(done.returncode, done.stdout + done.stderr, folder / str(extra.get("audit_out") or "out"))


def prepare(
    folder: Path, inventory: object, *arguments: str, play: object = AUDIT, **extra: object
) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of such a run."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(BIN / "ansible-playbook")]
    if isinstance(inventory, dict):
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
        inventory = folder / "inventory.yml"
    if inventory is not None:
        command += ["-i", str(inventory)]
    if isinstance(play, list):
        (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
        play = folder / "play.yml"
    given = {"audit_out": str(folder / "out"), **QUICK, **extra}
    command += [str(play), "-e", json.dumps(given), *arguments]
    return command, variables(folder)


def inventory_of(hosts: dict[str, dict[str, object]], **shared: object) -> dict[str, object]:
    """An inventory with these hosts in this order."""
    return {"all": {"hosts": hosts, "vars": shared}}
