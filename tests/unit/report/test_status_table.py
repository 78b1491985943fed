# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the README that says how each status is written in each format, held against what is written."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from port995.policy.gate import gate
from port995.policy.model import Disposition, Judgement, Status
from port995.report import oscal, prometheus, sarif
from port995.report.junit import to_junit
from port995.report.told import Told

from .judgements import coverage_result, header_of, judgement_of, result

README = Path(__file__).resolve().parents[3] / "README.md"
HEAD = "| status | JUnit | SARIF |"
CHECK = "POP3S-TLS-001"


def table() -> dict[str, dict[str, str]]:
    """Status to column to words."""
    lines = README.read_text().splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(HEAD)]
    columns = cells(lines[start])
    rows: dict[str, dict[str, str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        found = cells(line)
        rows[found[0]] = dict(zip(columns, found, strict=True))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


ROWS = table()


def judged(row: str) -> Told:
    """A host with a result of the status of a row and no other of it."""
    word, _, known = row.partition(", ")
    one = result("mx", Status(word), CHECK, "192.0.2.1:995", baseline=known, waiver="W-1" if word == "waived" else "")
    coverage = coverage_result("mx")
    judgement: Judgement = judgement_of([coverage, one], {"mx": Disposition.ASSESSED})
    if word == "not_applicable":
        # Its coverage passes, and folds over it: the host's own word is looked at alone.
        judgement = dataclasses.replace(judgement, host_status={"mx": Status.NOT_APPLICABLE})
    return Told(judgement, gate(judgement), header_of(judgement))


def by_junit(told: Told) -> str:
    root = ET.fromstring(to_junit(told.judgement, told.gate, told.header).encode())
    (case,) = [one for one in root.iter("testcase") if CHECK in one.get("name", "")]
    return ", ".join(one.tag for one in case) or "no element"


def sarif_run(data: bytes) -> tuple[list[dict[str, object]], list[object]]:
    run = json.loads(data)["runs"][0]
    notes = run["invocations"][0].get("toolExecutionNotifications", [])
    return [one for one in run["results"] if one["ruleId"] == CHECK], [
        one for one in notes if one.get("associatedRule", {}).get("id") == CHECK
    ]


def by_sarif(told: Told) -> str:
    (one,), notes = sarif_run(sarif.write_full(told)[sarif.FULL])
    words = [f"kind {one['kind']}", *(["suppressed"] if one.get("suppressions") else [])]
    words += [str(one["baselineState"])] if "baselineState" in one else []
    return ", ".join([*words, *(["notification"] if notes else [])])


def by_sarif_for_github(told: Told) -> str:
    results, notes = sarif_run(sarif.write_github(told)[sarif.GITHUB])
    return ", ".join([*(["alert"] if results else []), *(["notification"] if notes else [])]) or "left out"


def by_oscal(told: Told) -> str:
    found = json.loads(oscal.write(told)[oscal.FILE])["assessment-results"]["results"][0]
    (observation,) = [
        one for one in found["observations"] if any(prop.get("class") == CHECK for prop in one["props"])
    ]
    (value,) = [prop["value"] for prop in observation["props"] if prop.get("class") == CHECK]
    findings = [one for one in found.get("findings", ()) if one["target"]["target-id"] == CHECK.lower()]
    risks = [one for one in found.get("risks", ()) if CHECK in one["title"]]
    words = f"result {value}; {findings[0]['target']['status']['state'] if findings else 'no finding'}"
    words += f", risk {risks[0]['status']}" if risks else ""
    return words + (", EXAMINE" if "EXAMINE" in observation["methods"] else "")


def by_prometheus(told: Told) -> str:
    text = prometheus.write(told)[prometheus.FILE].decode()
    (value,) = re.findall(r'^port995_host_status\{host="mx".*\} (\d)$', text, re.MULTILINE)
    return str(value)


def by_gate(told: Told) -> str:
    return str(told.gate.exit.value)


COLUMNS: dict[str, Callable[[Told], str]] = {
    "JUnit": by_junit, "SARIF": by_sarif, "SARIF for GitHub": by_sarif_for_github, "OSCAL": by_oscal,
    "Prometheus port995_host_status": by_prometheus, "gate": by_gate,
}  # fmt: skip


def test_the_table_has_every_status_and_every_column() -> None:
    assert set(ROWS) == {*(status.value for status in Status), "fail, known"}
    assert all(set(row) == {"status", *COLUMNS} for row in ROWS.values())


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", ROWS)
def test_each_format_writes_what_the_table_says(row: str, column: str) -> None:
    assert COLUMNS[column](judged(row)) == ROWS[row][column]
