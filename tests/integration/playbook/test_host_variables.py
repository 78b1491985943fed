# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says about logins has no say in the audit; what it says about services has."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..command_line import closed_port
from .ansible_run import WITHOUT_HELLOS, Played, inventory_of, playbook
from .conftest import Hosts

NO_LOGIN: dict[str, object] = {
    "ansible_connection": "ssh", "ansible_user": "nobody", "ansible_python_interpreter": "/no/such/python",
    "ansible_become": True, "ansible_become_user": "nobody", "ansible_become_method": "no_such_method",
}  # fmt: skip


@pytest.fixture(scope="module")
def fleet(five: Hosts, seen_by_two: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Hosts none of which can be logged in to, and the first is called localhost."""
    good, bad = five["good"], five["bad"]
    port = closed_port()
    shared = {key: good[key] for key in ("pop3s_port", "pop3_port", "pop3s_intent", "pop3s_server_name")}
    hosts: Hosts = {
        # Not local: its own variables say so.
        "localhost": {**shared, "ansible_host": "192.0.2.1", "pop3s_address": good["ansible_host"]},
        "good": {**good, "ansible_port": port},
        "twin": {**good},
        "several": {
            **bad,
            "pop3s_endpoints": [
                {"address": good["ansible_host"], "server_name": good["pop3s_server_name"]},
                {},
                {"address": "127.0.0.1", "port": port, "pop3_port": 0},
                {"address": good["ansible_host"], "server_name": good["pop3s_server_name"]},
            ],
        },
        "standard": {"ansible_host": "127.0.97.1", "ansible_port": port, "pop3s_intent": "closed"},
    }
    return playbook(
        tmp_path_factory.mktemp("fleet"), inventory_of(hosts, ansible_port=port, **NO_LOGIN),
        "--become", "--become-user", "nobody", "--connection", "ssh", "--user", "nobody", **seen_by_two,
    )  # fmt: skip


def test_no_login_variable_touches_the_tasks_of_the_controller(fleet: Played) -> None:
    """Each of these would end the run: connection, interpreter and becoming another user are pinned."""
    assert fleet.code == 2, fleet.said
    assert "UNREACHABLE" not in fleet.said and "FAILED! => {" in fleet.said
    assert {host: fleet.verdicts[host] for host in ("localhost", "good", "twin", "standard")} == dict.fromkeys(
        ("localhost", "good", "twin", "standard"), "pass"
    )


@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_a_host_that_ansible_takes_for_localhost_is_a_host_like_others(
    name: str, five: Hosts, seen_by_two: dict[str, object], tmp_path: Path
) -> None:
    good = five["good"]
    hosts: Hosts = {name: {**good, "pop3s_address": good["ansible_host"]}, "good": good}
    run = playbook(tmp_path, inventory_of(hosts, **NO_LOGIN), **seen_by_two, **WITHOUT_HELLOS)
    assert (run.code, run.gate["exit"]) == (0, 0), run.said
    assert run.verdicts == {name: "pass", "good": "pass"}


def test_the_port_of_the_login_is_never_the_port_of_pop3s(fleet: Played, five: Hosts) -> None:
    (good,) = [target for target in fleet.header["targets"] if "good" in target["hosts"]]
    assert good["port"] == five["good"]["pop3s_port"]
    standard = next(target for target in fleet.header["targets"] if target["hosts"] == ["standard"])
    assert (standard["address"], standard["port"], standard["pop3_port"]) == ("127.0.97.1", 995, 110)
    seen = {one["port"] for one in fleet.journal() if one["target"]["hosts"] == ["standard"]}
    assert seen == {995, 110}


def test_a_service_that_several_hosts_name_is_probed_once_and_told(fleet: Played) -> None:
    (shared,) = [target for target in fleet.header["targets"] if "twin" in target["hosts"]]
    assert shared["hosts"] == ["localhost", "good", "twin", "several"]
    seen = [one for one in fleet.journal() if one["target"]["hosts"] == shared["hosts"]]
    assert sorted((one["service"], one["source"]) for one in seen) == [
        (service, source) for service in ("pop3", "pop3s") for source in ("127.0.0.1", "127.0.0.2")
    ]
    told = "is named 4 times (localhost, good, twin, several): it is probed once"
    assert any(told in note for note in fleet.report["notes"])
    assert told in " ".join(fleet.said.split())


def test_a_host_of_several_endpoints_is_as_good_as_its_worst(fleet: Played) -> None:
    assert fleet.verdicts["several"] == "fail"
    (host,) = [one for one in fleet.report["hosts"] if one["name"] == "several"]
    assert len(host["endpoints"]) == 3
    ports = {one["endpoint"]: one["status"] for one in fleet.report["results"]
             if one["host"] == "several" and one["check_id"] == "POP3S-PORT-001"}  # fmt: skip
    assert sorted(ports.values()) == ["fail", "pass", "pass"]
    # The endpoint that says nothing of its own is the host's: expired.
    assert fleet.results["several"]["POP3S-CERT-003"] == "fail not_tested pass"
    assert fleet.junit["pop3s.several"]["POP3S-PORT-001"] == "failure passed"
