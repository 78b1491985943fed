# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook close on several real hosts: batches, hooks, a stop at the first that fails, and both audits in a pair."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Host, Lab
from .playbook_on_lab import Ended, run

OPEN, DROPPED = {"ipv4": "open", "ipv6": "open"}, {"ipv4": "filtered", "ipv6": "filtered"}
CLOSE = "port995.pop3s.close"
QUICK = {"audit_depth": "port", "audit_checks": "POP3S-PORT-* or POP3S-COV-*", "pop3s_intent": "closed"}
HOOK = """\
- name: Write it down
  ansible.builtin.lineinfile:
    path: {folder}/hooks
    line: {word} {{{{ inventory_hostname }}}}
    create: true
    mode: "0600"
  changed_when: false
  delegate_to: localhost
  connection: local
  vars:
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
"""


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[list[Host]]:
    made = [lab.host() for _ in range(3)]
    for host in made:
        host.wait_for_listener()
    yield made
    for host in made:
        host.remove()


def play(lab: Lab, folder: Path, hosts: list[Host], *more: str, **variables: Any) -> Ended:
    hooks = {}
    for word in ("before", "after"):
        hooks[f"close_hook_{word}"] = str(folder / f"{word}.yml")
        (folder / f"{word}.yml").write_text(HOOK.format(folder=folder, word=word))
    return run(lab, folder, hosts, CLOSE, *more, timeout=400, **{**QUICK, **hooks, "close_out": str(folder / "out"), **variables})


@pytest.mark.timeout(600)
def test_the_first_host_that_is_not_closed_stops_it_and_the_rest_is_closed_later(
    lab: Lab, hosts: list[Host], tmp_path: Path
) -> None:
    one, two, three = hosts
    # Nobody may close the second one: its records do not reach back.
    words = {host.name: {"close_force": host is not two} for host in hosts}
    first = tmp_path / "first"
    first.mkdir()
    stopped = play(lab, first, hosts, each=words, close_serial=[1, 1, "100%"], close_soak=1)
    assert stopped.code == 2, stopped.said
    assert f"2 of 3 hosts are not closed: {two.name} (Stop the listener" in stopped.said, stopped.said
    assert f"{three.name} (not begun)" in stopped.said
    assert re.search(r"^Pausing for 1 seconds", stopped.said, re.MULTILINE), "it soaks after the first batch"
    assert (first / "hooks").read_text().splitlines() == [f"before {one.name}", f"after {one.name}", f"before {two.name}"]
    assert [lab.outside.states(host) for host in hosts] == [DROPPED, OPEN, OPEN]
    pair = json.loads((first / "out" / "pair.json").read_text())
    assert pair["changed"] == [one.name]
    assert [host["after"]["ports"] for host in pair["hosts"]] == [
        {f"{one.ipv4}:995": "filtered"}, {f"{two.ipv4}:995": "open"}, {f"{three.ipv4}:995": "open"},
    ]  # fmt: skip
    assert "1 of 3 hosts changed" in (first / "out" / "pair.txt").read_text()

    second = tmp_path / "second"
    second.mkdir()
    done = play(lab, second, hosts, close_force=True, close_serial="100%")
    assert done.code == 0, done.said
    assert [lab.outside.states(host) for host in hosts] == [DROPPED] * 3
    assert json.loads((second / "out" / "pair.json").read_text())["changed"] == [two.name, three.name]
    assert re.search(rf"^{one.name} +: ok=\d+ +changed=0 ", done.said, re.MULTILINE), "it was closed already"
