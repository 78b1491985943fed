# SPDX-License-Identifier: GPL-3.0-or-later
"""Other places to look from: their journals come home whole and verified, or what they owe is missed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...packaging.environments import interpreters
from .ansible_run import WITHOUT_HELLOS, Played, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide


def vantage(name: str, side: str = "outside") -> dict[str, object]:
    return {"name": name, "host": name, "side": side}


def scanner(five: Hosts, **more: object) -> dict[str, object]:
    """An inventory host to look from. Its own service is the good one, so that it is judged as any other host."""
    return {
        **five["good"], "pop3s_address": five["good"]["ansible_host"], "ansible_host": "scanner.invalid",
        "ansible_connection": "relayed", "ansible_python_interpreter": sys.executable, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def lowest() -> tuple[str, str]:
    """The lowest Python that looks, with nothing installed: its path, and its version as observations tell it."""
    if (3, 9) not in interpreters():
        pytest.skip("needs a Python 3.9 on PATH or under pyenv")
    return str(interpreters()[3, 9]), "3.9."


@pytest.fixture(scope="module")
def seen(
    five: Hosts, seen_by_two: dict[str, object], lowest: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Played:
    """A run with two more vantages: one that is logged in to, and one on the controller with another Python."""
    hosts = {
        "good": five["good"],
        "refusing": five["refusing"],
        "far": scanner(five, ansible_python_interpreter=lowest[0]),
        "near": scanner(five, ansible_python_interpreter=lowest[0], ansible_connection="local"),
    }
    places = [
        {"name": "controller", "side": "inside"},
        vantage("far"),
        {**vantage("near"), "source_addresses": ["127.0.0.3"]},
    ]
    extra = {**seen_by_two, "audit_vantages": places}
    return playbook(tmp_path_factory.mktemp("seen"), inventory_of(hosts), **extra)


def test_a_vantage_with_another_python_is_as_good_as_the_controller(seen: Played) -> None:
    assert (seen.code, seen.gate["exit"]) == (0, 0), seen.said
    assert set(seen.verdicts.values()) == {"pass"}
    told = {one["name"]: one for one in seen.report["activity"]["vantages"]}
    assert {name: one["side"] for name, one in told.items()} == {
        "controller": "inside", "far": "outside", "near": "outside"
    }  # fmt: skip
    # Far and near are the Python that nothing is installed for; the module is all there is.
    assert told["far"]["python"].startswith("3.9.") and told["near"]["python"].startswith("3.9.")
    assert not told["controller"]["python"].startswith("3.9.")
    assert told["near"]["sources"] == ["127.0.0.3"]
    assert len({one["observations"] for one in told.values()}) == 1


def test_each_vantage_looks_at_every_target_itself(seen: Played) -> None:
    for name in ("controller", "far", "near"):
        observations = seen.journal(name)
        assert {one["vantage"]["name"] for one in observations} == {name}
        assert {host for one in observations for host in one["target"]["hosts"]} == {"good", "refusing", "far", "near"}
        assert {one["run_id"] for one in observations} == {seen.header["run_id"]}


def test_the_gate_vouches_for_each_journal(seen: Played) -> None:
    for name in ("journal-controller.jsonl", "journal-far.jsonl", "journal-near.jsonl"):
        assert seen.gate["files"][name] == hashlib.sha256((seen.out / name).read_bytes()).hexdigest()


def test_nothing_is_left_on_the_machine_that_looked(seen: Played) -> None:
    assert list(seen.out.parent.glob("tmp/port995-journal-*")) == []
    assert list(seen.out.glob("*.part")) == []


def test_two_sources_of_two_vantages_prove_a_port_closed(seen: Played) -> None:
    """Neither vantage was given two addresses of its own."""
    assert seen.results["refusing"]["POP3S-PORT-001"] == "pass"


BROKEN: dict[str, dict[str, object]] = {
    # The unreachable one stands first: it must not cost the others their look.
    "unreachable": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
    "without-python": {"ansible_python_interpreter": "/no/such/python"},
    "changed": {"relayed_damage": "changed"},
    "cut": {"relayed_damage": "cut"},
    "lost": {"relayed_damage": "lost"},
    "no-such-connection": {"ansible_connection": "carrier_pigeon"},
}


@pytest.fixture(scope="module")
def broken(five: Hosts, seen_by_two: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A run with vantages that each fail in their own way, and a last one that does not."""
    hosts = {
        "good": five["good"],
        **{name: scanner(five, **how) for name, how in BROKEN.items()},
        "whole": scanner(five),
    }
    # Ansible 2.16 leaves a loop at a connection that does not exist: what stands behind it is missed, and told.
    *first, last = BROKEN
    places = [{"name": "controller"}, *map(vantage, (*first, "stranger", "whole", last))]
    extra = {**seen_by_two, "audit_vantages": places}
    return playbook(tmp_path_factory.mktemp("broken"), inventory_of(hosts), **extra)


def test_a_vantage_that_fails_leaves_the_run_incomplete(broken: Played) -> None:
    assert broken.code == 2, broken.said
    assert (broken.gate["exit"], broken.gate["incomplete"]) == (3, True)
    assert set(broken.verdicts.values()) == {"unreachable"}
    (fleet,) = [one["message"] for one in broken.report["results"] if one["check_id"] == "POP3S-FLT-001"]
    assert "the journal of vantage 'changed' is missing" in fleet
    # Each of them is one: what stands in the message is the first, and the stranger is the one more.
    assert fleet.endswith(f"(and {len(BROKEN)} error more)")
    assert f"(and {len(BROKEN)} unreachable, 2 pass more)" in broken.messages["good"]


def test_a_vantage_that_fails_costs_the_others_nothing(broken: Played) -> None:
    assert sorted(path.name for path in broken.out.glob("journal-*.jsonl")) == [
        "journal-controller.jsonl", "journal-whole.jsonl"
    ]  # fmt: skip
    assert len(broken.journal("whole")) == len(broken.journal("controller"))


def test_a_vantage_that_is_unreachable_does_not_take_the_report_with_it(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """Ansible would call the host unreachable in whose name it delegates; with no other host nothing would be judged."""
    extra = {**seen_by_two, "audit_vantages": [{"name": "controller"}, vantage("stranger.invalid")]}
    run = playbook(tmp_path, inventory_of(lab_good), **extra, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert "no observation in the journal from stranger.invalid" in run.messages["good"]


@pytest.mark.parametrize("how", ["changed", "cut"])
def test_a_journal_that_arrives_as_another_file_is_kept_and_not_used(how: str, broken: Played) -> None:
    rejected = broken.out / f"journal-{how}.jsonl.rejected"
    assert rejected.is_file()
    arrived = hashlib.sha256(rejected.read_bytes()).hexdigest()
    assert f"arrived as another file (SHA-256 {arrived}" in broken.said
    # What was written is still where it was written.
    left = [hashlib.sha256(path.read_bytes()).hexdigest() for path in broken.out.parent.glob("tmp/port995-journal-*")]
    assert len(left) == 3 and arrived not in left
    assert f"journal-{how}.jsonl.rejected" not in broken.gate["files"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own is closed to all but one."""
    with tempfile.TemporaryDirectory(prefix="port995-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("su"), reason="needs root and su to become another user")
def test_a_journal_of_another_user_is_brought_home_too(
    five: Hosts, seen_by_two: dict[str, object], open_folder: Path
) -> None:
    """Where the task becomes another user, the one who is logged in can't read the journal."""
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None:
        pytest.skip("needs a Python that every user can run, /usr/bin/python3")
    become = {"ansible_become": True, "ansible_become_method": "su", "ansible_become_user": "nobody",
              "ansible_become_flags": "-s /bin/sh", "ansible_remote_tmp": str(open_folder / "tmp/.ansible")}  # fmt: skip
    far = scanner(five, ansible_python_interpreter=python, **become)
    extra = {**seen_by_two, "audit_vantages": [vantage("far")]}
    run = playbook(open_folder, inventory_of({"good": five["good"], "far": far}), **extra)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert list((open_folder / "tmp").glob("port995-journal-*")) == []
