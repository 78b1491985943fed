# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C in the middle of a playbook: what was seen is kept, and nothing that is left behind can be taken for a pass."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from ..command_line import listener, port995, wait_for
from .ansible_run import SECONDS, Played, inventory_of, prepare
from .conftest import Hosts


def test_ctrl_c_leaves_what_was_seen_and_no_verdict_that_passes(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
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
            # As a terminal does it: to every process of the group.
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(60)
            # Who looks gets the signal too, and tells what it leaves; it may end after the playbook.
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
