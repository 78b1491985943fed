# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host of the population has its summary, and none looks better than it was judged."""

from __future__ import annotations

from port995.policy.model import Disposition, Status
from port995.report.host_summaries import host_summaries

from .judgements import HOSTILE, coverage_result, every_status, five_hosts, header_of, judgement_of, result


def test_every_host_is_there_with_its_status() -> None:
    judgement = five_hosts()
    found = host_summaries(judgement, header_of(judgement))
    assert {name: one["status"] for name, one in found.items()} == {
        name: status.value for name, status in judgement.host_status.items()
    }
    assert found["dark.example"]["disposition"] == "unreachable"
    assert found["dark.example"]["open"] == ["POP3S-COV-000", "POP3S-PORT-001", "POP3S-TLS-001"]
    assert found["bad.example"]["fails"] == ["POP3S-CERT-003"]
    assert found["good.example"]["fails"] == found["good.example"]["open"] == []


def test_each_status_stands_where_it_belongs() -> None:
    judgement = every_status()
    (one,) = host_summaries(judgement, header_of(judgement)).values()
    told = {word: set(one[word]) for word in ("fails", "open", "waived")}
    numbers = {status: f"POP3S-TLS-{number:03d}" for number, status in enumerate(Status, 1)}
    assert told == {
        "fails": {numbers[Status.FAIL]},
        "waived": {numbers[Status.WAIVED]},
        "open": {numbers[one] for one in (Status.ERROR, Status.UNREACHABLE, Status.NOT_TESTED, Status.MANUAL)},
    }


def test_an_excluded_host_is_not_tested() -> None:
    judgement = judgement_of([coverage_result("a", Status.NOT_TESTED)], {"a": Disposition.EXCLUDED})
    assert host_summaries(judgement, header_of(judgement))["a"]["status"] == "not_tested"


def test_what_a_host_said_is_not_in_it() -> None:
    judgement = judgement_of(
        [result("mx", Status.FAIL, message=HOSTILE, observed=HOSTILE, evidence=(HOSTILE,))], {"mx": Disposition.ASSESSED}
    )
    assert "script" not in str(host_summaries(judgement, header_of(judgement)))
