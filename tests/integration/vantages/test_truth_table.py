# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of each host, what each place sees of it, and what becomes of it under every intent.

The controller stands inside; two members of the group stand outside, each in a network of its own, with a Python that
nothing is installed for. Nmap looks from the same places.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.lab import LabError

from ...packaging.environments import interpreters
from ..playbook.ansible_run import Played, playbook
from .network import HOSTS, OPEN, PLACES, SIDES, Network, addresses_of, missing, sources_of

PLACES_OUTSIDE = ("outside", "beyond")
INTENTS = ("serve", "internal", "closed", "none")
EXPECTED = {
    #                   serve          internal       closed         none: not declared
    "open":            ("pass",        "fail",        "fail",        "not_tested"),
    "closed":          ("fail",        "fail",        "pass",        "not_tested"),
    "rejecting":       ("unreachable", "unreachable", "pass",        "not_tested"),
    "resetting":       ("fail",        "fail",        "pass",        "not_tested"),
    # Port 110 refuses, so the host is alive; the dark one may be switched off.
    "dropping":        ("unreachable", "unreachable", "pass",        "not_tested"),
    "dark":            ("unreachable", "unreachable", "unreachable", "not_tested"),
    "only-inside":     ("unreachable", "pass",        "fail",        "not_tested"),
    "refused-outside": ("fail",        "pass",        "fail",        "not_tested"),
    "ban-by-reset":    ("fail",        "fail",        "fail",        "not_tested"),
    "ban-by-icmp":     ("unreachable", "unreachable", "fail",        "not_tested"),
    "ban-by-drop":     ("unreachable", "unreachable", "fail",        "not_tested"),
}  # fmt: skip
"""POP3S-PORT-001 by host and intent."""

BANS = ("ban-by-reset", "ban-by-icmp", "ban-by-drop")
PORT_ALONE = {"audit_depth": "port", "audit_checks": "POP3S-PORT-* or POP3S-COV-001", "audit_partial": True}

pytestmark = [pytest.mark.wide, pytest.mark.skipif(bool(missing()), reason=missing() or "it can be made")]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    try:
        made = Network().__enter__()
    except (OSError, LabError) as error:
        pytest.skip(f"this kernel or container does not let the network be made: {error}")
    yield made
    made.__exit__()


def bare_python() -> str:
    """The lowest Python that may look; nothing is installed for it."""
    return str(interpreters().get((3, 9), "/usr/bin/python3"))


def vantage(network: Network, folder: Path, place: str, **more: object) -> dict[str, object]:
    """Variables of a member of the group."""
    return {
        "ansible_connection": "relayed", "ansible_host": f"{place}.invalid",
        "ansible_python_interpreter": network.python_at(place, bare_python(), folder / "bin"),
        "pop3s_vantage_side": SIDES[place], **more,
    }  # fmt: skip


def inventory(vantages: dict[str, dict[str, object]], kinds: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """Each kind of host with each intent wanted of it; both of its addresses are endpoints."""
    hosts = {
        f"{name}-{intent}": {
            "pop3s_endpoints": [{"address": address} for address in addresses_of(HOSTS[name])],
            **({} if intent == "none" else {"pop3s_intent": intent}),
        }
        for name, intents in kinds.items()
        for intent in intents
    }
    return {"all": {"hosts": hosts, "children": {"pop3s_vantages": {"hosts": vantages}}}}


@pytest.fixture(scope="module")
def seen(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All hosts, all intents, all places; the controller is one of them by default."""
    folder = tmp_path_factory.mktemp("truth")
    vantages = {place: vantage(network, folder, place) for place in PLACES_OUTSIDE}
    hosts = inventory(vantages, dict.fromkeys(HOSTS, INTENTS))
    return playbook(folder, hosts, prefix=network.at("inside"), audit_side="inside", **PORT_ALONE)


def test_every_intent_of_every_host_comes_to_what_is_true(seen: Played) -> None:
    found = {
        name: tuple(seen.results[f"{name}-{intent}"]["POP3S-PORT-001"] for intent in INTENTS) for name in HOSTS
    }
    assert found == EXPECTED, seen.said


def test_nobody_else_fails_and_nobody_is_lost(seen: Played) -> None:
    """The vantages are not in the population, so they declare no intent; the report names them."""
    assert (seen.code, seen.gate["exit"], seen.gate["incomplete"]) == (2, 1, True), seen.said
    assert seen.report["coverage"]["inventory"] == len(HOSTS) * len(INTENTS)
    assert seen.report["vantage_hosts"] == seen.header["vantage_hosts"] == ["outside", "beyond"]
    assert "vantages only, no part of the inventory: outside, beyond" in seen.said
    undeclared = {host for host, checks in seen.results.items() if checks.get("POP3S-COV-001") == "fail"}
    assert undeclared == {f"{name}-none" for name in HOSTS}


def table(report: dict[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """(host, address) -> place -> state."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in report["views"]:
        for view in one["views"]:
            assert view["family"] == (6 if ":" in view["address"] else 4)
            place = view["vantage"] if view["vantage"] != "controller" else "inside"
            assert view["side"] == SIDES[place]
            assert view["source"] == sources_of(place)[view["family"] == 6]
            found.setdefault((one["host"], view["address"]), {})[place] = view["state"]
    return found


def true_states() -> dict[tuple[str, str], dict[str, str]]:
    """(kind, address) -> place -> state."""
    return {
        (name, address): {place: kind.state(place) for place in PLACES}
        for name, kind in HOSTS.items()
        for address in addresses_of(kind)
    }


def test_every_place_sees_what_is_true_of_it_over_both_families(seen: Played) -> None:
    views = table(seen.report)
    assert len(views) == len(HOSTS) * len(INTENTS) * 2
    for (name, address), states in true_states().items():
        for intent in INTENTS:
            assert views[f"{name}-{intent}", address] == states


def test_a_disagreement_stands_in_every_report(seen: Played) -> None:
    differing = {one["host"] for one in seen.report["views"] if one["differ"]}
    wanted = {name for name, kind in HOSTS.items() if len({kind.state(place) for place in PLACES}) > 1}
    assert differing == {f"{name}-{intent}" for name in wanted for intent in INTENTS}
    line = "open to beyond (outside), source 203.0.113.1, outside (outside), source 198.51.100.1; closed to controller (inside), source 192.0.2.1"
    assert f"  ban-by-reset-closed 198.18.0.9:995: they differ: {line}\n" in seen.said
    shown = seen.said.partition("  ban-by-reset-closed 198.18.0.9:995")[2].splitlines()[1:4]
    assert [tuple(row.split()) for row in shown] == [
        ("beyond", "outside", "203.0.113.1", "IPv4", "open", "(syn-ack)"),
        ("controller", "inside", "192.0.2.1", "IPv4", "closed", "(conn-refused)"),
        ("outside", "outside", "198.51.100.1", "IPv4", "open", "(syn-ack)"),
    ]
    junit = (seen.out / "TEST-port995.xml").read_text()
    assert f"views side by side: they differ: {line}" in junit


@pytest.mark.parametrize("scan_type", ["connect", "syn"])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_nmap_agrees_with_every_place(network: Network, place: str, family: int, scan_type: str) -> None:
    """As the native engine is held against the same truth above, the two agree."""
    truth = {address: states[place] for (_, address), states in true_states().items() if (":" in address) == (family == 6)}
    command = [sys.executable, "-m", "port995", "scan", "--engine", "nmap", "--nmap-scan-type", scan_type, "-Pn",
               *(["-6"] if family == 6 else []), "--json", *truth]  # fmt: skip
    done = subprocess.run([*network.at(place), *command], capture_output=True, text=True, timeout=110)
    told = {one["address"]: one["tcp"]["state"] for one in map(json.loads, done.stdout.splitlines()) if one["service"] == "pop3s"}
    assert told == truth, done.stderr


@pytest.mark.parametrize("ban", BANS)
def test_a_ban_of_the_only_source_is_never_closed(
    ban: str, network: Network, tmp_path: Path
) -> None:
    hosts = inventory({}, {ban: ("closed",)})
    run = playbook(tmp_path, hosts, prefix=network.at("inside"), audit_side="inside", **PORT_ALONE)
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert run.results[f"{ban}-closed"]["POP3S-PORT-001"] == "not_tested"
    assert "a ban looks alike" in run.said


@pytest.mark.parametrize("ban", BANS)
def test_a_ban_is_never_closed_where_the_second_vantage_is_lost(ban: str, network: Network, tmp_path: Path) -> None:
    lost = {"outside": vantage(network, tmp_path, "outside", ansible_python_interpreter="/no/such/python")}
    run = playbook(
        tmp_path, inventory(lost, {ban: ("closed",)}), prefix=network.at("inside"), audit_side="inside", **PORT_ALONE
    )
    assert (run.code, run.gate["exit"]) == (2, 3), run.said
    assert run.results[f"{ban}-closed"]["POP3S-PORT-001"] == "unreachable"
    for one in run.report["views"]:
        assert one["missing"] == ["no observation in the journal from outside"]
    assert "    missing: no observation in the journal from outside\n" in run.said


def test_the_group_alone_proves_internal_and_closed(network: Network, tmp_path: Path) -> None:
    """Without the controller, which stands in no network of the hosts here."""
    vantages = {place: vantage(network, tmp_path, place) for place in PLACES}
    kinds = {"only-inside": ("internal",), "refused-outside": ("internal",), "dropping": ("closed",), "closed": ("closed",)}
    run = playbook(tmp_path, inventory(vantages, kinds), audit_vantages=[], **PORT_ALONE)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert set(run.verdicts.values()) == {"pass"}
    assert [one["name"] for one in run.header["vantages"]] == list(PLACES)


def test_nmap_runs_at_every_vantage_and_its_xml_is_judged(network: Network, tmp_path: Path) -> None:
    vantages = {place: vantage(network, tmp_path, place) for place in PLACES}
    addresses = [addresses_of(kind)[0] for kind in HOSTS.values()]
    play = [{
        "hosts": "pop3s_vantages", "gather_facts": False, "tasks": [
            {"port995.pop3s.nmap_info": {"targets": addresses, "ports": "110,995", "skip_discovery": True,
                                         "xml": f"{tmp_path}/{{{{ inventory_hostname }}}}.remote"},
             "register": "nmap"},
            {"ansible.builtin.assert": {"that": "nmap.complete and not nmap.unreported"}},
            {"ansible.builtin.fetch": {"src": "{{ nmap.xml }}", "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}.xml",
                                       "flat": True}},
        ],
    }]  # fmt: skip
    run = playbook(tmp_path, inventory(vantages, {"open": ("serve",)}), play=play)
    assert run.code == 0, run.said
    for place in PLACES:
        for intent, good in (("serve", {OPEN}), ("closed", set())):
            out = tmp_path / f"{place}-{intent}"
            wanted = [word for address in addresses for word in ("--target", address)]
            done = subprocess.run(
                [sys.executable, "-m", "port995", "judge", str(tmp_path / f"{place}.xml"), *wanted, "--intent", intent,
                 "--checks", "POP3S-PORT-*", "--out", str(out)], capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode in (1, 3), done
            report = json.loads((out / "report.json").read_text())
            states = {one["host"]: one["views"][0]["state"] for one in report["views"]}
            assert states == {a: s[place] for (_, a), s in true_states().items() if ":" not in a}
            passed = {r["host"] for r in report["results"] if (r["check_id"], r["status"]) == ("POP3S-PORT-001", "pass")}
            assert passed == {address for address, state in states.items() if state in good}
