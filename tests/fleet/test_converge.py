# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks enforce and converge on several real hosts: one of each intent, a change of intents, a stop at the first
host that the audit does not let pass. The tests are steps, each on the hosts as the one before left them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .enforce_on_lab import state
from .lab import Lab
from .mail_host import BY_NAME, CERTIFICATE, KEY, NAME, MailHost
from .playbook_on_lab import Ended, outside_vantage, run

pytestmark = pytest.mark.timeout(900)

OPEN, DROPPED = {"ipv4": "open", "ipv6": "open"}, {"ipv4": "filtered", "ipv6": "filtered"}
SECOND = "198.51.100.30"
"""Another address of the vantage outside: silence to one alone may be a ban."""
INSIDE = ["192.0.2.0/24", "2001:db8::/64"]


@pytest.fixture(scope="module", autouse=True)
def _second_address(lab: Lab) -> Iterator[None]:
    lab.outside.ip("address", "add", f"{SECOND}/24", "dev", "eth0")
    yield
    lab.outside.ip("address", "del", f"{SECOND}/24", "dev", "eth0")


@pytest.fixture(scope="module")
def mails(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[MailHost]]:
    made = [MailHost(lab, BY_NAME["dovecot-2.3.19"], tmp_path_factory.mktemp(f"mail{number}")) for number in range(3)]
    yield made
    for one in made:
        one.host.remove()


def play(
    name: str, mails: list[MailHost], folder: Path, each: dict[str, dict[str, Any]], serial: Any = "100%", **variables: Any
) -> Ended:
    folder.mkdir()
    cas = folder / "cas.pem"
    cas.write_text("".join(one.ca.read_text() for one in mails))
    wanted: dict[str, Any] = {
        "audit_ca_file": str(cas), "audit_families": "4", "enforce_families": "4",
        "enforce_cleartext": "off", "enforce_certificate": CERTIFICATE, "enforce_key": KEY, "enforce_names": [NAME],
        "enforce_clients": [], "enforce_force": True, "close_force": True, "audit_side": "inside",
        "converge_out": str(folder / "out"), "enforce_out": str(folder / "out"),
    }  # fmt: skip
    lab = mails[0].lab
    # Not of all: the vantage serves nothing, and would be audited too.
    each = {name: {"pop3s_server_name": NAME, **own} for name, own in each.items()}
    return run(
        lab, folder, [one.host for one in mails], f"port995.pop3s.{name}", "-e", json.dumps({f"{name}_serial": serial}),
        timeout=500, each=each, vantages=outside_vantage(lab, folder, lab.outside.ipv4, SECOND), **{**wanted, **variables},
    )  # fmt: skip


def intents(mails: list[MailHost], *words: str) -> dict[str, dict[str, Any]]:
    networks = {"internal": INSIDE}
    return {
        one.host.name: {"pop3s_intent": word, "enforce_networks": networks.get(word, [])}
        for one, word in zip(mails, words, strict=True)
    }


def test_each_host_becomes_what_it_declares(lab: Lab, mails: list[MailHost], tmp_path: Path) -> None:
    serve, internal, closed = (one.host for one in mails)
    done = play("converge", mails, tmp_path / "first", intents(mails, "serve", "internal", "closed"))
    assert done.code == 0, done.said
    assert [lab.outside.states(host) for host in (serve, internal, closed)] == [OPEN, DROPPED, DROPPED]
    assert [lab.inside.states(host) for host in (serve, internal)] == [OPEN, OPEN]
    assert mails[0].audit() == (0, set())
    pair = json.loads((tmp_path / "first" / "out" / "pair.json").read_text())
    assert set(pair["changed"]) == {host.name for host in (serve, internal, closed)}


def test_a_second_time_changes_nothing(mails: list[MailHost], tmp_path: Path) -> None:
    again = play("converge", mails, tmp_path / "again", intents(mails, "serve", "internal", "closed"))
    assert again.code == 0 and again.said.count("changed=0") >= 3, again.said


def test_each_host_becomes_what_it_declares_next(lab: Lab, mails: list[MailHost], tmp_path: Path) -> None:
    serve, internal, closed = (one.host for one in mails)
    back = play("converge", mails, tmp_path / "back", intents(mails, "internal", "serve", "serve"))
    assert back.code == 0, back.said
    assert [lab.outside.states(host) for host in (serve, internal, closed)] == [DROPPED, OPEN, OPEN]
    assert mails[2].audit() == (0, set())


def test_the_first_host_whose_audit_fails_is_taken_back_and_stops_the_rest(
    lab: Lab, mails: list[MailHost], tmp_path: Path
) -> None:
    for one in mails[:2]:
        one.reset()
    two = mails[:2]
    wrong = {one.host.name: {"pop3s_intent": "serve"} for one in two}
    # Nobody knows the CA: the audit can't pass.
    ended = play("enforce", two, tmp_path / "wrong", wrong, serial=1, enforce_ca_file=str(mails[2].ca))
    assert ended.code == 2, ended.said
    assert "The change is taken back." in ended.said and "POP3S-CERT-002" in ended.said, ended.said
    assert f"2 of 2 hosts are not enforced: {two[0].host.name} (" in ended.said
    assert f"{two[1].host.name} (not begun)" in ended.said
    assert [lab.outside.states(one.host, 110) for one in two] == [OPEN, OPEN], "as they were"
    assert not two[0].host.console("ls /etc/dovecot/conf.d | grep -i port995 || true").strip()


def test_a_closed_host_whose_audit_fails_is_closed_again(lab: Lab, mails: list[MailHost], tmp_path: Path) -> None:
    one = mails[2]
    one.reset()
    closed = play("converge", [one], tmp_path / "closed", intents([one], "closed"))
    assert closed.code == 0 and lab.outside.states(one.host) == DROPPED, closed.said
    before = state(one)

    # Its records do not reach back, so that nobody knows who is shut out of its port for clear text.
    refused = play("converge", [one], tmp_path / "refused", intents([one], "serve"), enforce_force=False)
    assert refused.code == 2 and "Nothing was changed on" in refused.said, refused.said
    assert state(one) == before and ":995 " not in one.host.console("ss -Hltn"), "its listener is stopped again"

    # Nobody knows the CA: the audit can't pass.
    ended = play("converge", [one], tmp_path / "wrong", intents([one], "serve"), enforce_ca_file=str(mails[0].ca))
    assert ended.code == 2, ended.said
    assert "The change is taken back." in ended.said and "POP3S-CERT-002" in ended.said, ended.said
    assert f"1 of 1 hosts are not converged: {one.host.name} (" in ended.said
    assert lab.outside.states(one.host) == DROPPED and lab.inside.states(one.host) == DROPPED
    assert ":995 " not in one.host.console("ss -Hltn"), "the listener is gone, not only behind the firewall"
    assert state(one) == before
    one.host.reboot()
    assert lab.outside.states(one.host) == DROPPED and ":995 " not in one.host.console("ss -Hltn")

    served = play("converge", [one], tmp_path / "right", intents([one], "serve"))
    assert served.code == 0 and lab.outside.states(one.host) == OPEN, served.said
    assert one.audit() == (0, set())


def test_a_fleet_of_several_releases_is_served_by_one_run(lab: Lab, tmp_path: Path) -> None:
    fleet = [MailHost(lab, BY_NAME[name], tmp_path / name) for name in ("dovecot-2.3.13", "dovecot-2.4.1", "courier")]
    try:
        before = [state(one) for one in fleet]
        serve = intents(fleet, *["serve"] * len(fleet))
        done = play("enforce", fleet, tmp_path / "done", serve)
        assert done.code == 0, done.said
        assert [one.audit() for one in fleet] == [(0, set())] * len(fleet)
        pair = json.loads((tmp_path / "done" / "out" / "pair.json").read_text())
        assert pair["changed"] == [one.host.name for one in fleet]
        assert (pair["before"]["gate_exit"], pair["after"]["gate_exit"]) == (1, 0)
        for one, told in zip(fleet, pair["hosts"], strict=True):
            assert told["name"] == one.host.name and told["intent"] == "serve"
            assert {told["before"]["checks"][check] for check in one.kind.fails} == {"fail"}
            assert {told["after"]["checks"][check] for check in one.kind.fails} <= {"pass", "not_applicable"}
            assert told["after"]["ports"] == {f"{one.host.ipv4}:995": "open"}
        assert f"{len(fleet)} of {len(fleet)} hosts changed" in (tmp_path / "done" / "out" / "pair.txt").read_text()
        # Each in the words of its version.
        words = [one.host.console("grep -rhE '^ *ssl_server_cert_file|^ *ssl_cert |^TLS_CERTFILE' /etc/dovecot /etc/courier || true")
                 for one in fleet]  # fmt: skip
        assert "ssl_cert " in words[0] and "ssl_server_cert_file" in words[1] and "TLS_CERTFILE" in words[2]

        again = play("enforce", fleet, tmp_path / "again", serve)
        assert again.code == 0 and again.said.count("changed=0") >= len(fleet), again.said
        assert json.loads((tmp_path / "again" / "out" / "pair.json").read_text())["changed"] == []

        gone = play("enforce", fleet, tmp_path / "gone", serve, enforce_state="absent")
        assert gone.code == 0, gone.said
        assert [state(one) for one in fleet] == before
    finally:
        for one in fleet:
            one.host.remove()
