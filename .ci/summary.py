# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what the tests of all stages came to: skips with their reasons, failed stages, and the totals as the last line.

    python .ci/summary.py ACCEPTED_SKIPS RESULTS_FOLDER [FAILED_STAGE]...

Exit code 1 when a test failed, none ran, or one was skipped for a reason that nobody has accepted.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


@dataclasses.dataclass
class Totals:
    """Over all files of results."""

    passed: int = 0
    failed: int = 0
    skips: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Names of tests by reason."""

    @property
    def skipped(self) -> int:
        """How many tests were skipped."""
        return sum(len(names) for names in self.skips.values())


def accepted_reasons(text: str) -> list[re.Pattern[str]]:
    """The patterns of a file: one a line, lines with # are comments."""
    return [re.compile(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def totals_of(documents: list[str]) -> Totals:
    """Count the cases of JUnit files as pytest writes them; an error while setting up or tearing down is a failure."""
    totals = Totals()
    for document in documents:
        for case in ET.fromstring(document).iter("testcase"):  # noqa: S314 - pytest's own file
            name = f"{case.get('classname')}::{case.get('name')}"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                totals.failed += 1
                print(f"FAILED {name}")
            elif skip is not None:
                totals.skips.setdefault(skip.get("message") or "no reason given", []).append(name)
            else:
                totals.passed += 1
    return totals


def main(arguments: list[str]) -> int:
    """Print the summary; the exit code."""
    accepted_file, folder, *failed_stages = arguments
    accepted = accepted_reasons(Path(accepted_file).read_text(encoding="utf-8"))
    documents = [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.xml"))]
    totals = totals_of(documents)
    bad = totals.failed > 0 or totals.passed == 0
    for reason, names in sorted(totals.skips.items()):
        fine = any(pattern.search(reason) for pattern in accepted)
        bad = bad or not fine
        for name in names:
            print(f"{'skipped' if fine else 'SKIPPED, AND NOT ACCEPTED'}: {name}: {reason}")
    if failed_stages:
        print(f"stages that failed: {', '.join(failed_stages)}")
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
