# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C in the middle of a playbook: what was seen is kept, and nothing that is left behind can be taken for a pass.

Who looks (the module) is told of the end in one of two ways. ansible-playbook passes SIGINT on to its worker, and sends it
SIGTERM twice right after; the worker passes the first on to its processes, in a session of their own. It sets a signal's
default action back before it passes it on, so one that comes in between ends it, and nobody tells the module (seen in 3 of
594 to 47 of 389 attempts with ansible-core 2.19.14, by how close the signals follow each other). The module then sees that
nobody reads its result any more. The second test has that without chance.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..command_line import listener, port995, wait_for
from .ansible_run import SECONDS, Played, inventory_of, prepare
from .conftest import Hosts

End = Callable[[int], None]


def ctrl_c(playbook: int) -> None:
    """As a terminal does it: to every process of the group."""
    os.killpg(playbook, signal.SIGINT)


def worker_lost(playbook: int) -> None:
    """The process between ansible-playbook and the module, gone before it could tell anybody."""
    (worker,) = (pid for pid, parent, session in processes() if parent == playbook and session == pid)
    os.kill(worker, signal.SIGKILL)


def processes() -> list[tuple[int, int, int]]:
    """Number, parent and session of every process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((int(stat.parent.name), int(words[1]), int(words[3])))
    return found


@pytest.mark.parametrize("end", [ctrl_c, worker_lost], ids=lambda end: end.__name__)
def test_an_interruption_leaves_what_was_seen_and_no_verdict_that_passes(
    end: End, lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    with listener() as silent:
        slow: dict[str, object] = {
            "ansible_host": "127.0.0.1", "pop3s_port": silent.port, "pop3_port": 0, "pop3s_intent": "serve",
        }  # fmt: skip
        command, variables = prepare(
            tmp_path, inventory_of({**lab_good, "slow": slow}), audit_tls_timeout=SECONDS, audit_endpoint_timeout=SECONDS,
            audit_depth="session", **seen_by_two,
        )  # fmt: skip
        with (tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        try:
            journal = tmp_path / "out/journal-controller.jsonl"
            # The good host has its four observations, and the slow one hangs.
            wait_for(lambda: journal.is_file() and journal.read_text().count("\n") >= 4, "the good host", 60)
            wait_for(silent.accepted.is_set, "the slow host", 60)
            end(process.pid)
            code = process.wait(60)
            # Who looks tells what it leaves; it may end after the playbook.
            wait_for(lambda: journal.read_text().count("\n") == 6, "the slow host, given up", 60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    run = Played(code, (tmp_path / "said").read_text(), tmp_path / "out")
    assert code != 0, run.said
    kept = [one for one in run.journal() if one["target"]["hosts"] == ["good"]]
    assert len(kept) == 4 and {one["tcp"]["state"] for one in kept} == {"open"}
    left = [one for one in run.journal() if one["target"]["hosts"] == ["slow"]]
    assert [one["not_tested"] for one in left] == ["cancelled", "cancelled"]
    # No verdict, or one that says incomplete: what a pipeline asks last does not pass.
    gate = port995("gate", run.out)
    assert gate.code in (3, 4), gate


@pytest.mark.skipif(shutil.which("nmap") is None, reason="needs nmap")
@pytest.mark.parametrize("end", [ctrl_c, worker_lost], ids=lambda end: end.__name__)
def test_nmap_does_not_go_on_when_the_play_is_interrupted(end: End, tmp_path: Path) -> None:
    """It is started in a session of its own, where no signal reaches it but the module's."""
    slow = {"targets": ["127.0.77.1-20"], "skip_discovery": True, "timing": 0, "scan_type": "connect"}
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False,
             "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
             "tasks": [{"port995.pop3s.nmap_info": slow}]}]  # fmt: skip
    command, variables = prepare(tmp_path, None, play=play)

    def scanning() -> list[int]:
        """Nmap's process, which writes below the folder of this test."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                words = file.read_text(errors="replace").split("\0")
                if words[0].endswith("nmap") and str(tmp_path) in " ".join(words):
                    found.append(int(file.parent.name))
        return found

    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(scanning, f"Nmap to be started: {(tmp_path / 'said').read_text()}", 60)
        end(process.pid)
        assert process.wait(60) != 0
        wait_for(lambda: not scanning(), "Nmap to be ended", 30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for left in scanning():
            os.kill(left, signal.SIGKILL)
