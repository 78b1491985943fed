# SPDX-License-Identifier: GPL-3.0-or-later
"""The module in a task of a user's own: what it returns, what it leaves, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from port995.lab.lab import Lab

from .ansible_run import Played, playbook
from .conftest import Hosts

MODULE = "port995.pop3s.pop3s_info"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
RUN_ID = "0123456789abcdef0123456789abcdef"


def target_of(name: str, host: dict[str, object]) -> dict[str, object]:
    return {
        "hosts": [name], "address": host["ansible_host"], "port": host["pop3s_port"], "pop3_port": host["pop3_port"],
        "server_name": host["pop3s_server_name"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("module")


@pytest.fixture(scope="module")
def returned(lab: Lab, five: Hosts, folder: Path) -> dict[str, dict[str, Any]]:
    """Results of the module by the name of the task, all of one play."""
    good, refusing = target_of("good", five["good"]), target_of("refusing", five["refusing"])
    silent = {"hosts": ["hangs"], "address": "127.0.95.6", "port": lab.base_port + 995, "pop3_port": 0}
    both = {"targets": [good, refusing]}
    arguments: dict[str, dict[str, Any]] = {
        "two": both,
        "check mode": both,
        "two, none whole": {**both, "max_observations": 1},
        "a journal": {"targets": [refusing], "journal": f"{folder}/own.jsonl", "run_id": RUN_ID, "depth": "port"},
        "the journal again": {"targets": [refusing], "journal": f"{folder}/own.jsonl", "run_id": RUN_ID, "depth": "port"},
        "fetched": {"targets": [refusing], "journal_dest": f"{folder}/home.jsonl", "vantage_name": "scanner", "vantage_side": "outside"},
        "changed on its way": {"targets": [refusing], "journal_dest": f"{folder}/changed.jsonl"},
        "a deadline": {"targets": [silent, refusing], "deadline": 1.0, "concurrency": 1},
        "no targets": {},
        "no address": {"targets": [{"hosts": ["good"]}]},
        "no host": {"targets": [{"address": "127.0.0.1"}]},
        "a port that is none": {"targets": [{**good, "port": 70000}]},
        "an unknown family": {**both, "families": "5"},
        "an unknown option": {**both, "familes": "4"},
        "a source that is no address": {**both, "source_addresses": ["eth0"]},
        "a timeout below zero": {**both, "connect_timeout": -1},
        "a run id that is none": {**both, "run_id": "mine"},
        "a gate without questions": {**both, "depth": "gate"},
        "questions that are none": {**both, "depth": "gate", "questions": [{"offer": "all"}]},
        "a journal below a file": {**both, "journal": "/etc/hostname/journal"},
    }  # fmt: skip
    elsewhere = {"ansible_connection": "relayed", "relayed_damage": "none"}
    special: dict[str, dict[str, object]] = {
        "check mode": {"check_mode": True},
        "fetched": {"vars": elsewhere},
        "changed on its way": {"vars": {**elsewhere, "relayed_damage": "changed"}},
    }
    tasks: list[dict[str, object]] = []
    for number, (name, given) in enumerate(arguments.items()):
        task = {"name": name, MODULE: given, "register": f"seen_{number}", "ignore_errors": True}
        tasks.append({**task, **special.get(name, {})})
    seen = "{{ [" + ", ".join(f"seen_{number}" for number in range(len(arguments))) + "] | to_json }}"
    tasks.append({"ansible.builtin.copy": {"content": seen, "dest": f"{folder}/seen.json", "mode": "0600"}})
    play = [{"hosts": "localhost", "gather_facts": False, "vars": LOCAL, "tasks": tasks}]
    run: Played = playbook(folder, None, play=play)
    assert run.code == 0, run.said
    return dict(zip(arguments, json.loads((folder / "seen.json").read_text()), strict=True))


REFUSED = {
    "no targets": "targets",
    "no address": "address",
    "no host": "hosts",
    "a port that is none": "port",
    "an unknown family": "auto, 4, 6, both",
    "an unknown option": "familes",
    "a source that is no address": "eth0",
    "a timeout below zero": "connect_timeout",
    "a run id that is none": "run_id",
    "a gate without questions": "questions",
    "questions that are none": "port995.pop3s.pop3s_plan",
    "a journal below a file": "Give another journal",
}


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_that_can_not_be_meant_are_refused(name: str, returned: dict[str, dict[str, Any]]) -> None:
    result = returned[name]
    assert result["failed"], result
    assert REFUSED[name] in result["msg"], result
    assert "Traceback" not in json.dumps(result) and "rows" not in result


@pytest.mark.parametrize("name", ["two", "check mode"])
def test_a_call_returns_journal_hash_counts_and_rows(name: str, returned: dict[str, dict[str, Any]]) -> None:
    """In check mode too: a look changes nothing, and a look that is left out would find nothing wrong."""
    result = returned[name]
    assert not result["failed"] and not result["changed"]
    written = Path(result["journal"]).read_bytes()
    assert result["journal_sha256"] == hashlib.sha256(written).hexdigest()
    observations = [json.loads(line) for line in written.splitlines()]
    assert {one["run_id"] for one in observations} == {result["run_id"]}
    assert result["counts"]["observations"] == len(observations) == 4
    assert result["counts"]["by_state"] == {"open": 2, "closed": 2}
    assert result["counts"]["connections"] >= 4 and result["counts"]["octets"] > 1000
    assert not result["deadline_reached"] and not result["cancelled"] and result["seconds"] > 0
    rows = {(row["hosts"][0], row["service"]): (row["state"], row["tls"], row["pop3"]) for row in result["rows"]}
    assert rows == {
        ("good", "pop3s"): ("open", "completed", "completed"), ("good", "pop3"): ("open", "completed", "completed"),
        ("refusing", "pop3s"): ("closed", None, None), ("refusing", "pop3"): ("closed", None, None),
    }  # fmt: skip
    assert result["observations"] == observations


def test_whole_observations_are_returned_only_while_they_are_few(returned: dict[str, dict[str, Any]]) -> None:
    result = returned["two, none whole"]
    assert "observations" not in result
    assert len(result["rows"]) == result["counts"]["observations"] == 4
    assert len(Path(result["journal"]).read_text().splitlines()) == 4


def test_a_named_journal_is_appended_to_and_vouched_for_as_it_then_is(
    returned: dict[str, dict[str, Any]], folder: Path
) -> None:
    first, second = returned["a journal"], returned["the journal again"]
    assert first["journal"] == second["journal"] == f"{folder}/own.jsonl"
    written = (folder / "own.jsonl").read_bytes()
    lines = written.splitlines(keepends=True)
    assert len(lines) == first["counts"]["observations"] + second["counts"]["observations"]
    half = b"".join(lines[: first["counts"]["observations"]])
    assert first["journal_sha256"] == hashlib.sha256(half).hexdigest()
    assert second["journal_sha256"] == hashlib.sha256(written).hexdigest()
    assert first["run_id"] == second["run_id"] == RUN_ID


def test_a_journal_that_is_asked_for_is_brought_home(returned: dict[str, dict[str, Any]], folder: Path) -> None:
    result = returned["fetched"]
    assert not result["failed"], result
    assert result["journal"] == f"{folder}/home.jsonl"
    written = (folder / "home.jsonl").read_bytes()
    assert result["journal_sha256"] == hashlib.sha256(written).hexdigest()
    vantages = [json.loads(line)["vantage"] for line in written.splitlines()]
    assert {(one["name"], one["side"]) for one in vantages} == {("scanner", "outside")}


def test_a_journal_that_was_tampered_with_on_its_way_is_refused(
    returned: dict[str, dict[str, Any]], folder: Path
) -> None:
    result = returned["changed on its way"]
    assert result["failed"] and "arrived as another file" in result["msg"], result
    assert result["journal_sha256"] in result["msg"]
    assert not (folder / "changed.jsonl").exists() and (folder / "changed.jsonl.rejected").is_file()


def test_a_deadline_ends_the_call_and_loses_no_target(returned: dict[str, dict[str, Any]]) -> None:
    result = returned["a deadline"]
    assert not result["failed"] and result["deadline_reached"], result
    assert {row["hosts"][0] for row in result["rows"]} == {"hangs", "refusing"}
    assert result["counts"]["by_state"].get("deadline", 0) >= 1
