# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of hosts: quick, and in files that CI systems accept."""

from __future__ import annotations

import time

import pytest

from port995.policy.model import Disposition, Judgement, Severity, Status
from port995.report.json_report import as_text, to_json
from port995.report.junit import MAX_CASES, to_junit, to_junit_files
from port995.report.terminal import to_text

from .judgements import cases_of, coverage_result, judgement_of, result, told

GITLAB_LIMIT = 30_000_000
CHECKS = 18


def fleet(hosts: int, status: Status = Status.PASS, **more) -> Judgement:
    results, plan = [], {}
    for number in range(hosts):
        name = f"mx{number:05d}.example.org"
        plan[name] = Disposition.ASSESSED
        results.append(coverage_result(name))
        label = f"192.0.2.{number % 256}:995/{name}"
        results += [result(name, status, f"POP3S-X-{check:03d}", label, **more) for check in range(CHECKS)]
    return judgement_of(results, plan)


def test_two_thousand_hosts_are_written_quickly_and_in_accepted_sizes() -> None:
    found, verdict, header = told(fleet(2000, Status.FAIL, severity=Severity.LOW))
    start = time.process_time()
    files = to_junit_files(found, verdict, header)
    text = as_text(to_json(found, verdict, header))
    table = to_text(found, verdict, header)
    assert time.process_time() - start < 20
    assert len(files) > 1
    assert all(len(content.encode()) < GITLAB_LIMIT for content in files.values())
    assert table.count("mx01999.example.org") >= 1
    assert text.count('"check_id"') == len(found.results)


def test_shards_hold_every_case_once_and_the_fleet_comes_first() -> None:
    found, verdict, header = told(fleet(600))
    files = to_junit_files(found, verdict, header)
    assert list(files) == [f"TEST-port995-{n:03d}.xml" for n in range(1, len(files) + 1)]
    sharded = [[(c.get("classname"), c.get("name")) for c in cases_of(text)] for text in files.values()]
    assert len(sharded) == 3
    assert all(len(cases) <= MAX_CASES for cases in sharded)
    together = [case for cases in sharded for case in cases]
    assert together == [(c.get("classname"), c.get("name")) for c in cases_of(to_junit(found, verdict, header))]
    assert len(set(together)) == len(together) == len(found.results) + 1
    assert ("port995.fleet", "gate") in sharded[0]


def test_a_small_fleet_is_one_file() -> None:
    found, verdict, header = told(fleet(3))
    assert list(to_junit_files(found, verdict, header)) == ["TEST-port995.xml"]


def test_hosts_that_talk_without_end_do_not_make_files_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("port995.report.junit.MAX_OCTETS", 100_000)
    talk = tuple("x" * 5000 for _ in range(100))
    found, verdict, header = told(fleet(4, Status.FAIL, evidence=talk))
    files = to_junit_files(found, verdict, header)
    assert len(files) > 3
    assert all(len(content) < 2 * 100_000 for content in files.values())
