# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe alone at the depth gate, as it runs on a managed host: questions as data, observations into a journal.

    python -m tests.bench.gate_alone QUESTIONS.json JOURNAL COUNT PORT SERVER_NAME

Prints the processor time and the wall time of the scan, in seconds, and what became of it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from port995.probe.codec import decode
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.journal import JournalWriter
from port995.probe.model import Question, Target


def loopback(count: int) -> list[str]:
    """So many loopback addresses."""
    return [f"127.{9 + index // 62500}.{index // 250 % 250}.{index % 250 + 1}" for index in range(count)]


def main() -> None:
    """Run it."""
    questions, journal, count, port, name = sys.argv[1:]
    asked = tuple(decode(Question, one) for one in json.loads(Path(questions).read_text()))
    targets = [Target((one,), one, int(port), name, None) for one in loopback(int(count))]
    processor, started = time.process_time(), time.monotonic()
    with JournalWriter(journal) as writer:
        done = run_scan(targets, ScanOptions(depth="gate", questions=asked), local_vantage(), "bench", writer.append)
    print(json.dumps({
        "processor": time.process_time() - processor, "wall": time.monotonic() - started,
        "observations": done.observations, "connections": done.connections,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
