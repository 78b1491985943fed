# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that can't be meant: it is refused before anything is sent, or costs its own host alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..command_line import Listener, listener
from .ansible_run import Played, inventory_of, playbook
from .conftest import Hosts


@pytest.fixture(scope="module")
def watched() -> Iterator[Listener]:
    """A port that counts who comes."""
    with listener() as told:
        yield told


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"audit_ca_file": "/no/such/ca.pem"}, "/no/such/ca.pem"),
        ({"audit_ca_file": "."}, "can't be read"),
        ({"audit_profile": "paranoid"}, "paranoid"),
        ({"audit_checks": "POP3S-NOPE-001"}, "POP3S-NOPE-001"),
        ({"audit_checks": "default and ("}, "the expression ends where a check or a category is expected"),
        ({"audit_out": "inventory.yml/below-a-file"}, "can't be written"),
        ({"audit_out": "/proc/port995"}, "can't be written"),
        ({"audit_vantages": []}, "at least one"),
        ({"audit_vantages": [{"name": "a"}, {"name": "a"}]}, "a name of its own"),
        ({"audit_vantages": [{"nmae": "a"}]}, "name"),
        ({"audit_side": "within"}, "inside, outside, undeclared"),
        ({"audit_fail_on": "hihg"}, "critical, high, medium, low, info"),
        ({"audit_connect_timeout": "soon"}, "audit_connect_timeout"),
    ],
    ids=lambda value: " ".join(map(str, value.items())) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused_before_the_first_probe(
    extra: dict[str, object], words: str, watched: Listener, tmp_path: Path
) -> None:
    before = watched.connections
    hosts: Hosts = {"watched": {"ansible_host": "127.0.0.1", "pop3s_port": watched.port, "pop3s_intent": "serve"}}
    run = playbook(tmp_path, inventory_of(hosts), **extra)
    assert run.code == 2, run.said
    assert words in run.said.replace("\\n", " ")
    assert "Look from the controller" not in run.said
    assert watched.connections == before
    assert not (run.out / "gate.json").exists() and not list(tmp_path.glob("**/journal-*"))


def test_with_good_input_the_same_host_is_probed(watched: Listener, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    before = watched.connections
    hosts: Hosts = {"watched": {"ansible_host": "127.0.0.1", "pop3s_port": watched.port, "pop3s_intent": "serve"}}
    run = playbook(tmp_path, inventory_of(hosts), audit_tls_timeout=1, audit_depth="session")
    assert run.code == 2 and run.gate["incomplete"], run.said
    assert watched.connections > before


def test_a_folder_that_holds_a_run_is_not_written_over(lab_good: Hosts, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/run.json").write_text("an earlier run")
    run = playbook(tmp_path, inventory_of(lab_good))
    assert run.code == 2 and "already holds a run" in run.said, run.said
    assert [path.name for path in run.out.iterdir()] == ["run.json"]
    assert (run.out / "run.json").read_text() == "an earlier run"


def test_source_addresses_that_are_not_this_machines_prove_nothing(lab_good: Hosts, tmp_path: Path) -> None:
    run = playbook(tmp_path, inventory_of(lab_good), audit_source_addresses=["192.0.2.1"])
    assert run.code == 2 and run.gate["exit"] in (1, 3) and run.gate["incomplete"], run.said
    assert run.verdicts["good"] in ("error", "not_tested", "unreachable")


@pytest.fixture(scope="module")
def mistaken(
    five: Hosts, seen_by_two: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Played, dict[str, str]]:
    """Hosts that each have one wrong variable, before a good one; and for each the word its report must hold."""
    mistakes: dict[str, tuple[dict[str, object], str]] = {
        "intent": ({"pop3s_intent": "closd"}, "pop3s_intent: 'closd' is none of serve, internal, closed"),
        "intents": ({"pop3s_intent": ["serve"]}, "pop3s_intent"),
        "port": ({"pop3s_port": 65536}, "pop3s_port"),
        "port-word": ({"pop3s_port": "pop3s"}, "pop3s_port"),
        "address": ({"pop3s_address": "192.0.2.256"}, "looks like an IP address, and is none"),
        "name": ({"pop3s_server_name": "two words"}, "pop3s_server_name"),
        "endpoints": ({"pop3s_endpoints": {"address": "127.0.95.1"}}, "pop3s_endpoints"),
        "endpoint-key": ({"pop3s_endpoints": [{"adress": "127.0.95.1"}]}, "adress"),
        "proxy": ({"pop3s_proxy_protocol": "v3"}, "pop3s_proxy_protocol"),
        "ansi": ({"pop3s_intent": "\x1b[32mpass\x1b[0m"}, "pop3s_intent"),
    }
    hosts = {name: {**five["good"], **wrong} for name, (wrong, _) in mistakes.items()}
    run = playbook(tmp_path_factory.mktemp("mistaken"), inventory_of({**hosts, "good": five["good"]}), **seen_by_two)
    return run, {name: words for name, (_, words) in mistakes.items()}


def test_a_malformed_variable_is_an_error_of_its_own_host_alone(mistaken: tuple[Played, dict[str, str]]) -> None:
    run, words = mistaken
    assert (run.code, run.gate["exit"], run.gate["incomplete"]) == (2, 3, True), run.said
    assert run.verdicts == {**dict.fromkeys(words, "error"), "good": "pass"}
    assert {name for name in words if words[name] not in run.messages[name]} == set(), run.messages
    assert set(run.results["good"].values()) == {"pass", "not_applicable"}
    assert {run.junit[f"pop3s.{name}"]["POP3S-COV-000"] for name in words} == {"error"}


def test_a_host_whose_intent_is_mistyped_has_none(mistaken: tuple[Played, dict[str, str]]) -> None:
    run, _ = mistaken
    assert run.results["intent"]["POP3S-COV-001"] == "error"
    assert run.results["intent"]["POP3S-PORT-001"] not in ("pass", "not_applicable")


def test_no_control_character_of_a_variable_reaches_the_terminal(mistaken: tuple[Played, dict[str, str]]) -> None:
    run, _ = mistaken
    assert "\x1b" not in run.said and "\x1b" not in json.dumps(run.report, ensure_ascii=False)


def test_intent_that_is_not_declared_fails(five: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    silent = {key: value for key, value in five["good"].items() if key != "pop3s_intent"}
    run = playbook(tmp_path, inventory_of({"silent": silent}), **seen_by_two)
    assert (run.code, run.gate["exit"]) == (2, 1), run.said
    assert run.results["silent"]["POP3S-COV-001"] == "fail"
