# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a report say exactly what `truth.yml` expects? A result too many is as wrong as one too few."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TRUTH_FILE = Path(__file__).with_name("truth.yml")
FLEET_NAME = "fleet"
NOTHING = "nothing"


def load_truth() -> dict[str, Any]:
    """What must be found: ``gate`` (exit, incomplete) and ``hosts`` (host, or ``fleet`` -> check -> status)."""
    truth: dict[str, Any] = yaml.safe_load(TRUTH_FILE.read_text(encoding="utf-8"))
    return truth


def compare(report: Mapping[str, Any], truth: Mapping[str, Any]) -> list[str]:
    """Every difference, in words; none: the report is the truth.

    :param report: a report as `port995.report.json_report` makes it
    :param truth: of `load_truth`
    """
    expected = {
        (host, check): [str(status)] for host, statuses in truth["hosts"].items() for check, status in statuses.items()
    }
    found: dict[tuple[str, str], list[str]] = {}
    for result in report["results"]:
        found.setdefault((result["host"] or FLEET_NAME, result["check_id"]), []).append(result["status"])
    differences = [
        f"{host} {check}: expected {_told(expected.get((host, check)))}, found {_told(found.get((host, check)))}"
        for host, check in sorted({*expected, *found})
        if expected.get((host, check)) != found.get((host, check))
    ]
    gate = {key: report["gate"][key] for key in truth["gate"]}
    if gate != truth["gate"]:
        differences.append(f"gate: expected {truth['gate']}, found {gate}")
    return differences


def _told(statuses: list[str] | None) -> str:
    return " and ".join(sorted(statuses)) if statuses else NOTHING
