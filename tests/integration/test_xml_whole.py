# SPDX-License-Identifier: GPL-3.0-or-later
"""``-oX`` under the name that was asked for: whole, and marked where the scan did not come to its end, or not there."""

from __future__ import annotations

import resource
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .command_line import closed_port, ended, listener, port995, start, wait_for

LONG = ("--tls-timeout", "60", "--pop3-timeout", "60", "--endpoint-timeout", "60", "--connect-timeout", "60")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_leaves_a_whole_file_that_says_so(number: signal.Signals, tmp_path: Path) -> None:
    xml = tmp_path / "n.xml"
    with listener() as silent:
        process = start("scan", f"127.0.0.1:{closed_port()}", silent.target, "--pop3-port", 0, "-oX", xml, *LONG)
        wait_for(lambda: silent.connections == 1, "a connection")
        process.send_signal(number)
        assert ended(process).code == 3
    root = ET.parse(xml).getroot()
    finished = root.find("runstats/finished")
    assert finished is not None and finished.get("exit") == "error" and "ended before its end" in str(finished.attrib)
    assert {one.get("state") for one in root.iter("state")} == {"closed", "open"}
    assert [path.name for path in tmp_path.iterdir()] == ["n.xml"]


def test_a_scan_that_is_killed_leaves_no_file_and_no_older_one(tmp_path: Path) -> None:
    xml = tmp_path / "n.xml"
    xml.write_text("<nmaprun>an older one</nmaprun>")
    with listener() as silent:
        process = start("scan", silent.target, "--pop3-port", 0, "-oX", xml, *LONG)
        wait_for(lambda: silent.connections == 1, "a connection")
        process.kill()
        assert ended(process).code == -signal.SIGKILL
    assert not xml.exists()


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    """A bound on the size of files fails a write as a full disk does."""
    xml = tmp_path / "n.xml"
    process = start(
        "scan", "--lines", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "-oX", xml,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700)),
    )  # fmt: skip
    run = ended(process)
    assert run.code == 4 and "can't be written" in run.err and "free space" in run.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["scan", "audit"])
def test_a_file_that_can_not_be_written_is_told_before_anything_is_sent(command: str, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out") if command == "audit" else ()
    with listener() as silent:
        run = port995(command, silent.target, "-oX", tmp_path / "none" / "n.xml", *out)
        assert run.code == 2 and "choose another -oX file" in run.err
        assert silent.connections == 0 and not list(tmp_path.iterdir())


def test_a_whole_scan_says_success(tmp_path: Path) -> None:
    xml = tmp_path / "n.xml"
    assert port995("scan", "--lines", f"127.0.0.1:{closed_port()}", "--pop3-port", 0, "-oX", xml).code == 0
    finished = ET.parse(xml).getroot().find("runstats/finished")
    assert finished is not None and finished.get("exit") == "success"
