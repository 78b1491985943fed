# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with a scope file and a list of hosts: held by the controller and by every other vantage."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .ansible_run import WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide


def scope_of(folder: Path, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scope.yml").write_text(f"schema: port995/scope/1\nticket: CHG-7\n{text}\n")
    return str(folder / "scope.yml")


def test_no_vantage_touches_what_is_out_of_scope(
    five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    far = {
        **five["good"], "pop3s_address": "127.0.95.1", "ansible_host": "scanner.invalid",
        "ansible_connection": "relayed", "ansible_python_interpreter": sys.executable,
    }  # fmt: skip
    # Its name is localhost, so only who resolves it knows that it is out of scope.
    named = {**five["good"], "ansible_host": "localhost"}
    hosts = {"good": five["good"], "bad": five["bad"], "named": named, "far": far}
    run = playbook(
        tmp_path, inventory_of(hosts), **seen_by_two, **WITHOUT_HELLOS, audit_gate=False,
        audit_scope=scope_of(tmp_path, "networks: [127.0.95.0/24]\nnever: [127.0.95.2]"), audit_families="4",
        audit_vantages=[{"name": "controller"}, {"name": "far", "host": "far"}],
    )  # fmt: skip
    assert run.code == 0, run.said
    assert (run.header["scope"]["ticket"], run.report["scope"]["never"]) == ("CHG-7", ["127.0.95.2/32"])
    assert "ticket CHG-7" in run.said and "not an ASV scan" in run.said
    assert run.gate["exit"] == 3 and run.verdicts["good"] == run.verdicts["far"] == "pass"
    excluded = {one["name"]: one["excluded"] for one in run.report["hosts"]}
    assert excluded["bad"] == "out of scope: is on the never-scan list (127.0.95.2/32)"
    for vantage in ("controller", "far"):
        seen = run.journal(vantage)
        assert {one["address"] for one in seen if one["connections"]} == {"127.0.95.1"}, vantage
        assert {one["not_tested"] for one in seen if one["target"]["address"] == "localhost"} == {"out-of-scope"}
    assert run.results["named"]["POP3S-COV-000"] == "not_tested" and "out of scope" in run.messages["named"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("networks: [127.0.95.0/24]\nnevr: [127.0.95.2]", "scope.yml:4: the scope: 'nevr' is not understood"),
        (
            "networks: [127.0.95.0/24]\ntimes: [{from: 2020-01-01T00:00:00Z, to: 2020-01-02T00:00:00Z}]",
            "out of scope: it is",
        ),
        ("networks: [127.0.95.0/24]\nsources: [127.0.0.9]", "own address 127.0.0.1 is none of the scope"),
    ],
)
def test_a_scope_that_does_not_hold_stops_the_play_before_it_looks(
    text: str, words: str, lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    run = playbook(tmp_path, inventory_of(lab_good), **seen_by_two, audit_scope=scope_of(tmp_path, text))
    assert run.code != 0 and "Nothing was probed" in run.said, run.said
    assert words in " ".join(run.said.split()), run.said
    assert not run.out.exists()


def test_a_list_of_hosts_is_held_against_the_inventory(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "assets.csv").write_text("host,owner\n127.0.95.1,mail\ngood,mail\n203.0.113.9,nobody\n")
    options = {**seen_by_two, **WITHOUT_HELLOS}
    run = playbook(
        tmp_path, inventory_of(lab_good), **options, audit_gate=False, audit_population=str(tmp_path / "assets.csv")
    )
    assert run.code == 0 and run.gate["exit"] == 1, run.said
    assert run.results["fleet"]["POP3S-INV-002"] == "fail" and "203.0.113.9" in run.said
    assert (run.out / "population.csv").read_text() == (tmp_path / "assets.csv").read_text()
    (tmp_path / "assets.csv").write_text("host\n127.0.95.1\n")
    run = playbook(tmp_path / "all", inventory_of(lab_good), **options, audit_population=str(tmp_path / "assets.csv"))
    assert run.code == 0 and run.gate["exit"] == 0 and run.results["fleet"]["POP3S-INV-001"] == "pass", run.said
    (tmp_path / "assets.csv").write_text("host\nmx\n=1\n")
    run = playbook(tmp_path / "bad", inventory_of(lab_good), **options, audit_population=str(tmp_path / "assets.csv"))
    assert run.code != 0 and "assets.csv line 3: host is" in " ".join(run.said.split()) and not run.out.exists()
