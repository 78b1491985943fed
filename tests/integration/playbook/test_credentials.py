# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins by the role: credentials come from a variable, as a vault gives them, and are in nothing that a run says or
leaves, however much it is asked to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.server import Server
from tests.unit.probe.mail_server import NAME, SECRET, USER, Mail, Pki, make_pki, plain

from .ansible_run import Played, inventory_of, playbook

pytestmark = pytest.mark.wide

CHECKS = "POP3S-AUTH-* or POP3S-TLS-001"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def mail() -> Mail:
    return Mail()


@pytest.fixture
def host(mail: Mail, pki: Pki) -> Iterator[dict[str, object]]:
    with Server(mail.behaviour(pki.context)) as server:
        yield {
            "ansible_host": "127.0.0.1", "pop3s_server_name": NAME, "pop3s_port": server.port, "pop3_port": 0,
            "pop3s_intent": "serve",
        }  # fmt: skip


def run(folder: Path, pki: Pki, host: dict[str, object], credentials: object, *arguments: str, **extra: object) -> Played:
    (folder / "ca.pem").write_text(pki.ca_pem)
    # As a vault does it: a file of variables.
    inventory = inventory_of({"mx": host}, audit_credentials=credentials)
    return playbook(folder, inventory, *arguments, audit_ca_file=str(folder / "ca.pem"), audit_checks=CHECKS,
                    audit_partial=True, audit_depth="session", **extra)  # fmt: skip


def without_inventory(folder: Path, played: Played) -> str:
    """All that was said, and each file that is there, but for the ones that the credentials came in."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "inventory.yml"]
    assert any(path.name == "gate.json" for path in files)
    return played.said + "".join(path.read_text(encoding="latin-1") for path in files)


def test_a_login_by_the_role_leaves_no_trace_of_the_password(
    pki: Pki, host: dict[str, object], mail: Mail, tmp_path: Path
) -> None:
    played = run(tmp_path, pki, host, {"user": USER, "password": SECRET}, "-vvvv", audit_allow_dele=True)
    assert played.code == 0, played.said
    assert {check: status for check, status in played.results["mx"].items() if "-AUTH-" in check} == {
        f"POP3S-AUTH-00{number}": "pass" for number in range(1, 5)
    }
    everything = without_inventory(tmp_path, played)
    assert SECRET not in everything and plain().decode() not in everything
    assert mail.deleted == []


def test_entries_of_hosts_and_a_user_that_is_called_as_a_folder_is(
    pki: Pki, host: dict[str, object], tmp_path: Path
) -> None:
    """What is not to be logged is cut out of every text that a module returns; a name in it would cost a path."""
    user = str(tmp_path.name)
    credentials = {"hosts": {"mx": {"user": user, "password": SECRET}}}
    played = run(tmp_path, pki, host, credentials)
    assert played.code == 2 and played.gate["exit"] == 1, played.said
    assert played.results["mx"]["POP3S-AUTH-001"] == "fail"
    assert SECRET not in without_inventory(tmp_path, played)


@pytest.mark.parametrize(
    "credentials",
    [
        {"user": USER},
        {"user": USER, "password": f"{SECRET}\n"},
        {"user": USER, "passwort": SECRET},
        {"hosts": {"another": {"user": USER, "password": SECRET}}},
        {"hosts": {"mx": SECRET}},
        SECRET,
    ],
)
def test_credentials_that_can_not_be_used_stop_the_run_without_being_shown(
    pki: Pki, host: dict[str, object], mail: Mail, tmp_path: Path, credentials: object
) -> None:
    played = run(tmp_path, pki, host, credentials, "-vvvv")
    assert played.code == 2 and not played.out.exists(), played.said
    assert SECRET not in played.said and mail.sessions == 0


def test_two_hosts_with_other_credentials_are_refused_without_showing_them(
    pki: Pki, host: dict[str, object], mail: Mail, tmp_path: Path
) -> None:
    hosts = {
        "mx": {**host, "audit_credentials": {"user": USER, "password": SECRET}},
        "my": {**host, "audit_credentials": {"user": USER, "password": "other secret"}},
    }
    played = playbook(tmp_path, inventory_of(hosts), audit_checks=CHECKS, audit_depth="session")
    assert played.code == 2 and "audit_credentials is one for mx and another for my" in played.said
    assert SECRET not in played.said and "other secret" not in played.said and mail.sessions == 0
