# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks enforce and converge on several real hosts: one of each intent, a change of intents, a stop at the first
host that the audit does not let pass. The tests are steps, each on the hosts as the one before left them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .mail_host import BY_NAME, CERTIFICATE, KEY, NAME, MailHost
from .playbook_on_lab import Ended, outside_vantage, run

pytestmark = pytest.mark.timeout(900)

OPEN, DROPPED = {"ipv4": "open", "ipv6": "open"}, {"ipv4": "filtered", "ipv6": "filtered"}
SECOND = "198.51.100.30"
"""Another address of the vantage outside: silence to one alone may be a ban."""
INSIDE = ["192.0.2.0/24", "2001:db8::/64"]


@pytest.fixture(scope="module")
def mails(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[MailHost]]:
    made = [MailHost(lab, BY_NAME["dovecot-2.3.19"], tmp_path_factory.mktemp(f"mail{number}")) for number in range(3)]
    lab.outside.ip("address", "add", f"{SECOND}/24", "dev", "eth0")
    yield made
    lab.outside.ip("address", "del", f"{SECOND}/24", "dev", "eth0")
    for one in made:
        one.host.remove()


def play(
    name: str, mails: list[MailHost], folder: Path, each: dict[str, dict[str, Any]], serial: Any = "100%", **variables: Any
) -> Ended:
    folder.mkdir()
    cas = folder / "cas.pem"
    cas.write_text("".join(one.ca.read_text() for one in mails))
    wanted: dict[str, Any] = {
        "pop3s_server_name": NAME, "audit_ca_file": str(cas), "audit_families": "4", "enforce_families": "4",
        "enforce_cleartext": "off", "enforce_certificate": CERTIFICATE, "enforce_key": KEY, "enforce_names": [NAME],
        "enforce_clients": [], "enforce_force": True, "close_force": True, "audit_side": "inside",
        "converge_out": str(folder / "out"), "enforce_out": str(folder / "out"),
    }  # fmt: skip
    lab = mails[0].lab
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
