# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of a command as the sum over all processes it started, sampled while it runs."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import threading
import time
from pathlib import Path

SAMPLE_SECONDS = 0.05
KIB_PER_MB = 1000 * 1000 / 1024


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one run of a command took."""

    seconds: float
    """Wall time, in seconds."""
    peak_pss_mb: float
    """Peak of the summed proportional set sizes, in MB: memory shared by forks counts once."""
    peak_rss_mb: float
    """Peak of the summed resident set sizes, in MB: shared memory counts once per process."""
    exit_code: int
    output: str


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat[stat.rindex(")") + 2 :].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return found


def _memory_kib(pid: int) -> tuple[int, int]:
    pss = rss = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                pss = int(line.split()[1])
            elif line.startswith("Rss:"):
                rss = int(line.split()[1])
    except OSError:
        return 0, 0
    return pss, rss


def measure(command: list[str], *, timeout: float = 600.0, environment: dict[str, str] | None = None) -> Measurement:
    """Run a command and watch the memory of its whole process tree.

    :param timeout: seconds after which the command is ended
    :raises subprocess.TimeoutExpired: it took longer
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, **(environment or {})},
    )
    peaks = [0, 0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            memory = [_memory_kib(pid) for pid in _descendants(process.pid)]
            peaks[0] = max(peaks[0], sum(pss for pss, _ in memory))
            peaks[1] = max(peaks[1], sum(rss for _, rss in memory))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:
        done.set()
        watcher.join()
        if process.poll() is None:
            process.kill()
            process.wait()
    return Measurement(
        time.monotonic() - started, peaks[0] / KIB_PER_MB, peaks[1] / KIB_PER_MB, process.returncode, output
    )
