# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory group pop3s_vantages: who is in it looks, and is looked at only where it says that it is a server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ...packaging.environments import interpreters
from .ansible_run import WITHOUT_HELLOS, inventory_of, playbook
from .conftest import Hosts

pytestmark = pytest.mark.wide

ONLY_LOOKS = {"ansible_host": "scanner.invalid", "ansible_connection": "relayed", "pop3s_vantage_side": "outside"}


def looks(**more: object) -> dict[str, object]:
    """A member of the group that is no server."""
    python = str(interpreters().get((3, 9), sys.executable))
    return {**ONLY_LOOKS, "ansible_python_interpreter": python, **more}


def with_group(hosts: Hosts, vantages: Hosts, **shared: object) -> dict[str, object]:
    inventory = inventory_of({**vantages, **hosts}, **shared)
    inventory["all"]["children"] = {"pop3s_vantages": {"hosts": dict.fromkeys(vantages)}}
    return inventory


@pytest.mark.parametrize("limit", [(), ("--limit", "good,refusing")], ids=["all", "limited"])
def test_a_member_looks_beside_the_controller_and_is_not_looked_at(
    limit: tuple[str, ...], five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """Those behind --limit too: whoever narrows down what is audited wants it seen from everywhere."""
    hosts = {name: five[name] for name in ("good", "refusing")}
    vantages = {"probe": looks(pop3s_vantage_source_addresses=["127.0.0.3", "127.0.0.4"])}
    run = playbook(tmp_path, with_group(hosts, vantages), *limit, **seen_by_two, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.header["vantages"] == [
        {"name": "controller", "side": "undeclared", "sources": ["127.0.0.1", "127.0.0.2"]},
        {"name": "probe", "side": "outside", "sources": ["127.0.0.3", "127.0.0.4"]},
    ]
    assert len(run.journal("probe")) == len(run.journal("controller"))
    assert set(run.verdicts) == {"good", "refusing"}
    assert run.report["coverage"]["inventory"] == 2
    assert run.report["vantage_hosts"] == ["probe"]
    assert "vantages only, no part of the inventory: probe" in run.said
    assert list(run.out.parent.glob("tmp/port995-journal-*")) == []


@pytest.mark.parametrize("excluded", [False, True])
def test_a_member_that_is_a_server_too_is_counted(
    excluded: bool, five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    both = looks(**{k: v for k, v in five["bad"].items() if k != "ansible_host"}, pop3s_address=five["bad"]["ansible_host"])
    limit = ("--limit", "good") if excluded else ()
    run = playbook(
        tmp_path, with_group({"good": five["good"]}, {"both": both}), *limit, **seen_by_two,
        **{**WITHOUT_HELLOS, "audit_partial": not excluded},
    )  # fmt: skip
    assert (run.code, run.gate["exit"]) == (2, 3 if excluded else 1), run.said
    assert run.report["coverage"] | {"inventory": 2, "excluded": int(excluded)} == run.report["coverage"]
    assert run.report["vantage_hosts"] == []
    # The controller looks from two addresses.
    assert len(run.journal("both")) * 2 == len(run.journal("controller"))


def test_a_member_whose_intent_can_not_be_read_is_counted(lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    odd = looks(pop3s_intent="{{ nowhere }}")
    run = playbook(tmp_path, with_group(lab_good, {"odd": odd}), **seen_by_two, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert run.verdicts["odd"] == "error"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"pop3s_vantage_side": None}, "pop3s_vantage_side of 'probe' is not set"),
        ({"pop3s_vantage_side": "indoors"}, "pop3s_vantage_side of 'probe' is 'indoors'"),
        ({"pop3s_vantage_side": "undeclared"}, "set it to inside or outside"),
        ({"pop3s_vantage_side": "{{ nowhere }}"}, "pop3s_vantage_side of 'probe' can't be read"),
        ({"pop3s_vantage_source_addresses": ["eth0"]}, "'eth0' is no IP address"),
        ({"pop3s_vantage_source_addresses": ["127.0.0.1", "127.0.0.1"]}, "stands there twice"),
        ({"audit_gate": False}, "a run has it once"),
    ],
    ids=str,
)
def test_a_member_that_can_not_be_understood_ends_the_run_before_it_begins(
    variables: dict[str, object], words: str, lab_good: Hosts, tmp_path: Path
) -> None:
    member = {key: value for key, value in looks(**variables).items() if value is not None}
    run = playbook(tmp_path, with_group(lab_good, {"probe": member}))
    assert run.code == 2, run.said
    assert "Nothing was probed: " in run.said and words in " ".join(run.said.split())
    assert not run.out.exists()


def test_an_inventory_of_vantages_alone_is_none(tmp_path: Path) -> None:
    run = playbook(tmp_path, with_group({}, {"probe": looks()}))
    assert run.code == 2, run.said
    assert "The inventory holds no hosts but vantages (probe)" in run.said


def test_an_entry_stands_in_place_of_the_member_on_its_host(
    lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    places = [{"name": "dmz", "host": "probe", "side": "inside"}]
    run = playbook(
        tmp_path, with_group(lab_good, {"probe": looks()}), **seen_by_two, **WITHOUT_HELLOS, audit_vantages=places
    )
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.header["vantages"] == [{"name": "dmz", "side": "inside", "sources": []}]
    assert run.report["vantage_hosts"] == ["probe"]


def test_two_vantages_with_one_name_are_refused(lab_good: Hosts, tmp_path: Path) -> None:
    run = playbook(tmp_path, with_group(lab_good, {"controller": looks()}))
    assert run.code == 2 and "two are called 'controller'" in run.said, run.said


def test_a_member_that_hangs_ends_with_the_deadline(lab_good: Hosts, seen_by_two: dict[str, object], tmp_path: Path) -> None:
    """As a machine without power does whose connection nobody closes."""
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 100\n")
    hanging.chmod(0o755)
    vantages = {"hangs": looks(ansible_python_interpreter=str(hanging)), "whole": looks()}
    run = playbook(
        tmp_path, with_group(lab_good, vantages), audit_deadline=30, __audit_grace=-25, **seen_by_two, **WITHOUT_HELLOS
    )
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert sorted(path.name for path in run.out.glob("journal-*")) == ["journal-controller.jsonl", "journal-whole.jsonl"]
    assert "no observation in the journal from hangs" in run.said


def test_a_member_that_dies_while_it_looks_is_missed(
    five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    """It is killed when it has written a part of its journal; the dark host keeps it busy so long."""
    killed = tmp_path / "python"
    killed.write_text(
        f"#!/bin/sh\n{sys.executable} \"$@\" &\n"
        'while kill -0 $! && ! grep -q . "$TMPDIR"/port995-journal-*; do sleep 0.02; done 2>/dev/null\n'
        f"kill -9 $! && touch {tmp_path}/killed\nwait $!\n"
    )
    killed.chmod(0o755)
    vantages = {
        "dies": looks(ansible_python_interpreter=str(killed)),
        "gone": looks(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1),
        "whole": looks(),
    }
    hosts = {name: five[name] for name in ("good", "dark")}
    run = playbook(tmp_path, with_group(hosts, vantages), **seen_by_two, **WITHOUT_HELLOS)
    assert (tmp_path / "killed").exists(), run.said
    assert (run.code, run.gate["exit"], run.gate["incomplete"]) == (2, 3, True), run.said
    assert set(run.verdicts.values()) == {"unreachable"}
    assert sorted(path.name for path in run.out.glob("journal-*")) == ["journal-controller.jsonl", "journal-whole.jsonl"]
    missing = [f"no observation in the journal from {name}" for name in ("dies", "gone")]
    assert {tuple(one["missing"]) for one in run.report["views"]} == {tuple(missing)}
    for words in missing:
        assert f"    missing: {words}\n" in run.said
