# SPDX-License-Identifier: GPL-3.0-or-later
"""One good, one bad, one unresolvable, one dark and one refusing host: each has its verdict, whatever else is so."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

from .ansible_run import Played, inventory_of, playbook
from .conftest import Hosts

VERDICTS = {"good": "pass", "bad": "fail", "unresolvable": "error", "dark": "unreachable", "refusing": "pass"}

SEEN_BY_OTHERS = {
    # What an independent reader of the JUnit must find: assessed, port as intended, certificate not expired.
    "pop3s.good": ("passed", "passed", "passed"),
    "pop3s.bad": ("passed", "passed", "failure"),
    "pop3s.unresolvable": ("error", "error", "skipped"),
    "pop3s.dark": ("error", "error", "skipped"),
    "pop3s.refusing": ("passed", "passed", "skipped"),
}

RUNS = {
    # The host whose place in the play a run_once task takes is another one each time.
    "as-written": (["good", "bad", "unresolvable", "dark", "refusing"], []),
    "one-fork": (["unresolvable", "dark", "refusing", "bad", "good"], ["--forks", "1"]),
    "fifty-forks": (["dark", "refusing", "good", "unresolvable", "bad"], ["--forks", "50"]),
    "check-mode": (["refusing", "bad", "dark", "good", "unresolvable"], ["--check", "--diff"]),
}


@pytest.fixture(scope="module")
def runs(five: Hosts, seen_by_two: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    def run(name: str) -> Played:
        order, options = RUNS[name]
        return playbook(folders[name], inventory_of({host: five[host] for host in order}), *options, **seen_by_two)

    folders = {name: tmp_path_factory.mktemp(name) for name in RUNS}
    # Half of a run is waiting for the dark host.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(RUNS, pool.map(run, RUNS), strict=True))


@pytest.fixture(scope="module")
def undefined(five: Hosts, seen_by_two: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The five, and before them one host with nothing but variables that can't be filled in."""
    nowhere = "{{ a_variable_that_nobody_has_defined }}"
    names = ("ansible_host", "ansible_user", "ansible_port", "ansible_connection", "ansible_become",
             "ansible_become_password", "ansible_python_interpreter", "pop3s_server_name", "something_else")  # fmt: skip
    broken: dict[str, object] = {**five["good"], **dict.fromkeys(names, nowhere)}
    return playbook(tmp_path_factory.mktemp("undefined"), inventory_of({"broken": broken, **five}), **seen_by_two)


@pytest.mark.parametrize("name", RUNS)
def test_each_of_the_five_has_its_verdict(runs: dict[str, Played], name: str) -> None:
    run = runs[name]
    assert run.verdicts == VERDICTS, run.said
    assert run.code == 2
    assert (run.gate["exit"], run.gate["incomplete"]) == (1, True)
    assert run.report["coverage"]["equation"] == "inventory 5 = assessed 3 + unreachable 2 + excluded 0"
    assert "gate: failed (exit 1)" in run.said and str(run.out) in run.said


@pytest.mark.parametrize("name", RUNS)
def test_an_independent_reader_of_the_junit_finds_five_class_names_and_their_statuses(
    runs: dict[str, Played], name: str
) -> None:
    junit = runs[name].junit
    fleet = junit.pop("port995.fleet")
    told = {host: tuple(cases[f"POP3S-{id_}"] for id_ in ("COV-000", "PORT-001", "CERT-003"))
            for host, cases in junit.items()}  # fmt: skip
    assert told == SEEN_BY_OTHERS
    # Whom a host that was not seen shares its key with nobody knows.
    assert fleet == {
        "POP3S-FLT-001": "passed", "POP3S-FLT-002": "skipped", "POP3S-FLT-003": "skipped", "gate": "failure",
    }  # fmt: skip
    for host in ("pop3s.unresolvable", "pop3s.dark"):
        # Intent is what the inventory says; of what had to be seen, nothing may look as if it had been.
        assert [id_ for id_, word in junit[host].items() if word == "passed"] == ["POP3S-COV-001"]


def test_neither_order_nor_forks_nor_check_mode_change_any_result(runs: dict[str, Played]) -> None:
    first = runs["as-written"]
    for run in runs.values():
        assert run.results == first.results
        assert run.junit == first.junit


def test_the_two_that_were_not_seen_say_why(runs: dict[str, Played]) -> None:
    messages = runs["one-fork"].messages
    assert "the name did not resolve" in messages["unresolvable"]
    assert "filtered (no-response)" in messages["dark"] and "silence is no answer" in messages["dark"]


def test_a_closed_port_is_closed_to_two_witnesses(runs: dict[str, Played]) -> None:
    seen = [one for one in runs["as-written"].journal() if one["target"]["hosts"] == ["refusing"]]
    assert {(one["service"], one["source"], one["tcp"]["state"], one["tcp"]["reason"]) for one in seen} == {
        (service, source, "closed", "conn-refused")
        for service in ("pop3s", "pop3") for source in ("127.0.0.1", "127.0.0.2")
    }  # fmt: skip


def test_an_undefined_variable_costs_its_own_host_alone(undefined: Played, runs: dict[str, Played]) -> None:
    assert undefined.code == 2
    assert undefined.verdicts == {**VERDICTS, "broken": "error"}, undefined.said
    assert undefined.results | {"broken": {}} == runs["as-written"].results | {"broken": {}}
    # Older releases of Ansible leave the template standing and do not name what is undefined.
    assert undefined.messages["broken"].startswith("ansible_host: ")
    assert "correct the host's variables (and 1 error more)" in undefined.messages["broken"]
    assert undefined.junit["pop3s.broken"]["POP3S-COV-000"] == "error"
    # Its address is not known, so nothing may have been sent in its name.
    assert not [one for one in undefined.journal() if "broken" in one["target"]["hosts"]]


def test_a_limit_leaves_hosts_out_aloud_and_does_not_pass(
    five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """The report of a play on localhost would not even run: a limit leaves localhost out."""
    run = playbook(tmp_path, inventory_of(five), "--limit", "good", **seen_by_two)
    assert run.code == 2
    assert (run.gate["exit"], run.verdicts["good"]) == (3, "pass"), run.said
    assert run.report["coverage"]["equation"] == "inventory 5 = assessed 1 + unreachable 0 + excluded 4"
    assert {host: cases["POP3S-COV-000"] for host, cases in run.junit.items() if host.startswith("pop3s.")} == {
        "pop3s.good": "passed", **dict.fromkeys(("pop3s.bad", "pop3s.unresolvable", "pop3s.dark", "pop3s.refusing"), "error")
    }  # fmt: skip
    assert {host for one in run.journal() for host in one["target"]["hosts"]} == {"good"}


def test_a_partial_run_that_was_asked_for_passes_and_names_who_was_left_out(
    five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """Proves too that the gate lets something through: the other tests would hold for one that never does."""
    run = playbook(
        tmp_path, inventory_of(five), "--limit", "good:refusing", "--tags", "mail", audit_partial=True, **seen_by_two
    )
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.report["coverage"]["equation"] == "inventory 5 = assessed 2 + unreachable 0 + excluded 3"
    assert run.junit["pop3s.dark"] == {"POP3S-COV-000": "skipped"}


def test_hosts_that_all_are_unreachable_have_their_reports_and_do_not_pass(
    five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """No login to them is possible either: a report that needs a reachable host would never run."""
    run = playbook(
        tmp_path, inventory_of({name: five[name] for name in ("dark", "unresolvable")}, ansible_connection="ssh"),
        **seen_by_two,
    )  # fmt: skip
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert run.verdicts == {"dark": "unreachable", "unresolvable": "error"}
    assert run.report["coverage"]["equation"] == "inventory 2 = assessed 0 + unreachable 2 + excluded 0"
    assert sorted(run.junit) == ["pop3s.dark", "pop3s.unresolvable", "port995.fleet"]
