# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth is whole, and a report that differs from it in anything at all is told so."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from port995.lab.compare import FLEET_NAME, compare, load_truth
from port995.lab.fleet import FLEET, inventory
from port995.policy.inventory import plan_host
from port995.policy.model import Status
from port995.policy.profile import load_profile
from port995.policy.registry import all_checks


@pytest.fixture
def truth() -> dict[str, Any]:
    return load_truth()


@pytest.fixture
def report(truth: dict[str, Any]) -> dict[str, Any]:
    """A report that says exactly what the truth says."""
    return {
        "gate": {**truth["gate"], "reasons": []},
        "results": [
            {"host": None if host == FLEET_NAME else host, "check_id": check, "status": status}
            for host, statuses in truth["hosts"].items()
            for check, status in statuses.items()
        ],
    }


def test_the_truth_speaks_of_every_check_on_every_server(truth: dict[str, Any]) -> None:
    fleet = set(truth["hosts"][FLEET_NAME])
    # Without credentials no check of logins is made, without --dns none of the DNS.
    profile = load_profile("baseline").of_run(dns=False)
    expected = {id_ for id_ in profile.checks if not all_checks()[id_].needs} - fleet
    assert set(truth["hosts"]) == {FLEET_NAME, *(host.name for host in FLEET)}
    assert {host: set(truth["hosts"][host.name]) for host in FLEET} == dict.fromkeys(FLEET, expected)
    assert expected | fleet <= set(all_checks())


def test_the_truth_uses_no_word_that_is_no_status(truth: dict[str, Any]) -> None:
    known = {status.value for status in Status}
    assert {status for statuses in truth["hosts"].values() for status in statuses.values()} <= known


def test_every_server_but_the_good_and_the_closed_one_is_wrong_somewhere(truth: dict[str, Any]) -> None:
    """A lab whose faults nobody finds would prove nothing."""
    sound = {
        host.name
        for host in FLEET
        if set(truth["hosts"][host.name].values()) <= {Status.PASS.value, Status.NOT_APPLICABLE.value}
    }
    assert sound == {"well-served", "refuses"}


def test_a_report_that_says_the_truth_has_no_difference(truth: dict[str, Any], report: dict[str, Any]) -> None:
    assert compare(report, truth) == []


def test_each_changed_status_is_a_difference(truth: dict[str, Any], report: dict[str, Any]) -> None:
    for index, result in enumerate(report["results"]):
        changed = copy.deepcopy(report)
        changed["results"][index]["status"] = "pass" if result["status"] != "pass" else "fail"
        told = compare(changed, truth)
        assert len(told) == 1 and result["check_id"] in told[0] and (result["host"] or FLEET_NAME) in told[0]


def test_each_missing_result_is_a_difference(truth: dict[str, Any], report: dict[str, Any]) -> None:
    for index in range(len(report["results"])):
        shorter = {**report, "results": [one for n, one in enumerate(report["results"]) if n != index]}
        assert len(compare(shorter, truth)) == 1


def test_a_result_too_many_is_a_difference_even_where_it_says_the_same(
    truth: dict[str, Any], report: dict[str, Any]
) -> None:
    assert len(compare({**report, "results": [*report["results"], report["results"][0]]}, truth)) == 1


def test_a_host_nobody_expects_is_a_difference(truth: dict[str, Any], report: dict[str, Any]) -> None:
    stranger = {"host": "stranger", "check_id": "POP3S-PORT-001", "status": "pass"}
    assert compare({**report, "results": [*report["results"], stranger]}, truth) == [
        "stranger POP3S-PORT-001: expected nothing, found pass"
    ]


@pytest.mark.parametrize("changed", [{"exit": 0}, {"exit": 3}, {"incomplete": False}])
def test_another_gate_is_a_difference(
    truth: dict[str, Any], report: dict[str, Any], changed: dict[str, object]
) -> None:
    told = compare({**report, "gate": {**report["gate"], **changed}}, truth)
    assert len(told) == 1 and told[0].startswith("gate: ")


def test_an_empty_report_differs_in_everything(truth: dict[str, Any], report: dict[str, Any]) -> None:
    assert len(compare({**report, "results": []}, truth)) == len(report["results"])


def test_the_inventory_declares_every_server_without_a_problem() -> None:
    declared: Any = inventory(30000)["all"]
    assert list(declared["hosts"]) == [host.name for host in FLEET]
    for host in FLEET:
        plan, targets = plan_host(host.name, {**declared["vars"], **declared["hosts"][host.name]})
        assert plan.problems == () and plan.intent is not None and plan.intent.value == host.intent
        assert [(one.address, one.port, one.pop3_port, one.server_name) for one in targets] == [
            (host.address, 30995, 30110, host.server_name)
        ]
