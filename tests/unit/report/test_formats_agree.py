# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit, JSON, the table and gate.json count the same and print the same equation."""

from __future__ import annotations

import io
import json
import re
from collections import Counter

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from port995.policy.model import FOLDING_ORDER, Disposition, Judgement, Status
from port995.report.gate_file import to_gate_json
from port995.report.json_report import as_text, to_json
from port995.report.junit import to_junit
from port995.report.tally import tally, tally_text
from port995.report.terminal import render, to_text

from .judgements import coverage_result, every_status, five_hosts, good_host, judgement_of, told

WORDS = {"NOT TESTED": "not_tested", "MANUAL": "manual", "WAIVED": "waived", "N/A": "not_applicable"}

JUDGEMENTS = [
    every_status(),
    five_hosts(),
    good_host(),
    judgement_of([], {}),
    judgement_of([coverage_result("a", Status.NOT_TESTED)], {"a": Disposition.UNREACHABLE}, deadline=1),
    judgement_of([coverage_result("a", Status.NOT_TESTED)], {"a": Disposition.EXCLUDED}, **{"--limit": 1}),
]


def counted_by_junitparser(xml: str) -> dict[str, int]:
    """Statuses as an independent reader finds them; the gate's case is no result of a check."""
    counts: Counter[str] = Counter({status.value: 0 for status in FOLDING_ORDER})
    for suite in JUnitXml.fromstring(xml.encode("utf-8")):
        for case in suite:
            if case.name == "gate":
                continue
            outcomes = case.result
            if not outcomes:
                counts["pass"] += 1
            elif isinstance(outcomes[0], Failure):
                counts["fail"] += 1
            elif isinstance(outcomes[0], Error):
                counts[outcomes[0].type] += 1
            elif isinstance(outcomes[0], Skipped):
                counts[WORDS[outcomes[0].message.split(":")[0]]] += 1
    return dict(counts)


@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_every_format_counts_the_same(judgement: Judgement) -> None:
    found, verdict, header = told(judgement)
    expected = tally(found.results)
    assert sum(expected.values()) == len(found.results)
    assert counted_by_junitparser(to_junit(found, verdict, header)) == expected
    assert json.loads(as_text(to_json(found, verdict, header)))["counts"] == expected
    assert to_gate_json(found, verdict, {})["counts"] == expected
    line = next(line for line in to_text(found, verdict, header).splitlines() if line.startswith("results "))
    assert {word: int(count) for word, count in re.findall(r"([a-z_]+) (\d+)(?:,|$)", line.split("=")[1])} == expected


@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_every_format_prints_the_equation_and_the_exit(judgement: Judgement) -> None:
    found, verdict, header = told(judgement)
    equation = str(found.coverage)
    table = io.StringIO()
    render(found, verdict, table, True, header)
    assert equation in to_junit(found, verdict, header)
    assert to_json(found, verdict, header)["coverage"]["equation"] == equation
    assert to_gate_json(found, verdict, {})["coverage"]["equation"] == equation
    assert equation in to_text(found, verdict, header)
    assert equation in table.getvalue()
    assert to_json(found, verdict, header)["gate"]["exit"] == verdict.exit.value
    assert to_gate_json(found, verdict, {})["exit"] == verdict.exit.value
    assert f"(exit {verdict.exit.value})" in to_text(found, verdict, header)
    assert f"(exit {verdict.exit.value})" in table.getvalue()


def test_the_counts_name_every_status_and_their_sum() -> None:
    assert tally_text(tally(every_status().results)) == (
        "results 10 = error 1, unreachable 1, fail 1, not_tested 1, manual 1, waived 1, pass 3, not_applicable 1"
    )
