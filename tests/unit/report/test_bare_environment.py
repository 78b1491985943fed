# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing the rooms needs no library; Ansible's documentation tools import plugins in bare environments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import port995

PROGRAM = """
import sys
sys.path.insert(0, {source!r})
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("junit_xml", "rich", "yaml", "cryptography", "six", "dns"):
            raise ImportError("refused for the test: " + name)
sys.meta_path.insert(0, Refuse())
import port995.report.junit, port995.report.terminal, port995.report.json_report, port995.report.gate_file
import port995.report.schema, port995.evidence.conclude, port995.evidence.run_folder, port995.evidence.ask_dns
sys.stdout.write(port995.report.schema.load("gate-1")["title"])
"""


def test_report_and_evidence_import_without_any_library() -> None:
    source = str(Path(port995.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM.format(source=source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "port995 gate"), done.stderr


def test_the_rooms_work_through_links_as_in_the_collection(tmp_path: Path) -> None:
    house = tmp_path / "house" / "_port995"
    house.mkdir(parents=True)
    for room in ("probe", "nmap", "dns", "policy", "report", "evidence"):
        (house / room).symlink_to(Path(port995.__file__).parent / room, target_is_directory=True)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from house._port995.evidence import conclude\n"
        "from house._port995.report.schema import load\n"
        "sys.stdout.write(load('run-1')['title'] + ' ' + conclude.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "port995 run house._port995.evidence.conclude", done.stderr
