# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts from inside, by the role: as root, with sudo, and as a user without rights; right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.probe.host.journal import host_from_json
from port995.probe.host.model import HostObservation

from .audit_on_lab import Audited, audit
from .lab import Host, Lab
from .mail_servers import DOVECOT_2_4_1, SERVERS, MailServer
from .on_host import put_library

LOOK = """
import json
from port995.daemon.read import installed
from port995.probe.codec import to_json
from port995.probe.host.look import look
from port995.probe.host.model import DaemonSeen
found = installed()
daemons = [DaemonSeen(one.daemon, one.version, one.configuration, one.pop3s_ports, one.pop3_ports, one.minimum,
                      one.cleartext_login, (), one.problem) for one in found]
print(json.dumps(to_json(look("", (995, 110), daemons, [(one.daemon, one.certificate, one.key) for one in found]))))
"""
CHECKS = tuple(f"POP3S-HOST-00{number}" for number in range(1, 8))
USERS = """
for user in plain sudoer; do
    useradd --create-home --shell /bin/sh $user
    install -d -m 700 -o $user /home/$user/.ssh
    install -m 600 -o $user /root/.ssh/authorized_keys /home/$user/.ssh/
done
echo "sudoer ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/sudoer
"""


@pytest.fixture(scope="module")
def kept(lab: Lab) -> Iterator[Host]:
    host = DOVECOT_2_4_1.boot(lab)
    host.console(USERS)
    yield host
    host.remove()
    lab.hosts.remove(host)


@pytest.fixture
def host(kept: Host) -> Host:
    """As Debian installs it, with two users."""
    DOVECOT_2_4_1.reset(kept)
    kept.console(USERS)
    return kept


def statuses(done: Audited, host: str) -> dict[str, str]:
    return {check[-1]: done.status(check, host) for check in CHECKS}


def test_what_each_kind_of_user_sees(kept: Host, lab: Lab, tmp_path: Path) -> None:
    aim = {"ansible_host": kept.ipv4, "pop3s_intent": "internal"}
    sides = {"audit_side": "inside"}
    root = audit(lab, tmp_path / "root", {"mx": aim}, **sides)
    sudo = audit(lab, tmp_path / "sudo", {"mx": {**aim, "ansible_user": "sudoer"}}, **sides)
    plain = audit(lab, tmp_path / "plain", {"mx": {**aim, "ansible_user": "plain"}}, audit_inside_become=False, **sides)
    everything = {"1": "not_applicable", "2": "pass", "3": "pass", "4": "pass", "5": "pass", "6": "pass", "7": "fail"}
    assert statuses(root, "mx") == everything, root.said
    assert statuses(sudo, "mx") == everything, sudo.said
    nothing = {"1": "not_applicable", "2": "pass", **dict.fromkeys("34567", "not_tested")}
    assert statuses(plain, "mx") == nothing, plain.said
    assert root.seen("mx")["uid"] == sudo.seen("mx")["uid"] == 0
    unseen = plain.seen("mx")
    assert unseen["uid"] == 1000
    assert all(not one["processes"] and one["unseen"] for one in unseen["listening"]["listeners"])
    assert {one["state"] for one in unseen["firewall"]["verdicts"]} == {"unknown"}
    assert "PRIVATE KEY" not in str(root.seen("mx"))


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_what_a_user_without_rights_sees_of_each_daemon(server: MailServer, lab: Lab) -> None:
    booted = server.boot(lab)
    try:
        put_library(booted)
        booted.console("useradd --create-home plain")
        plain, root = look(booted, "plain"), look(booted, "root")
        # Each socket is seen by both, and who has it by root alone.
        assert [(one.family, one.port) for one in plain.listening.listeners] == [
            (one.family, one.port) for one in root.listening.listeners
        ]  # fmt: skip
        assert all(one.unseen and not one.processes for one in plain.listening.listeners)
        assert plain.addresses == root.addresses and booted.ipv4 in root.addresses
        assert {one.state for one in plain.firewall.verdicts} == {"unknown"}
        assert {one.redirected for one in plain.firewall.verdicts} == {None}
        daemon = server.name.partition("-")[0]
        [known] = root.daemons
        assert (known.daemon, known.pop3s_ports, known.problem) == (daemon, (995,), "")
        assert known.version is None or known.version.startswith(server.version)
        [mine] = [one for one in plain.daemons if one.daemon == daemon]
        assert mine == known
        assert all(one.sha256 and one.key is not None and one.key.matches for one in root.certificates), root.certificates
        assert not any(one.key is not None and one.key.matches for one in plain.certificates)
        assert root.unseen == ()
    finally:
        booted.remove()
        lab.hosts.remove(booted)


def look(host: Host, user: str) -> HostObservation:
    """Look as one of its users, by the library."""
    as_user = f"setpriv --reuid {user} --regid {user} --clear-groups env PYTHONPATH=/opt/library python3 -"
    return host_from_json(json.loads(host.console(as_user, data=LOOK.encode())))


def test_a_host_without_a_way_in_is_told(kept: Host, lab: Lab, tmp_path: Path) -> None:
    done = audit(lab, tmp_path, {
        "mx": {"ansible_host": kept.ipv4, "pop3s_intent": "serve"},
        "nobody": {"ansible_host": kept.ipv4, "ansible_user": "nosuchuser", "pop3s_intent": "serve"},
    })  # fmt: skip
    assert set(statuses(done, "nobody").values()) == {"unreachable"}, done.said
    assert done.seen("nobody")["outcome"] == "unreachable"
    assert done.status("POP3S-HOST-003", "mx") == "pass"
    assert done.report["gate"]["exit"] != 0


def test_closed_has_its_second_witness_in_the_host(host: Host, lab: Lab, tmp_path: Path) -> None:
    aim = {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "closed"}}
    before = audit(lab, tmp_path / "before", aim)
    assert before.status("POP3S-PORT-001", "mx") == before.status("POP3S-HOST-001", "mx") == "fail", before.said
    assert "/usr/sbin/dovecot" in before.results("POP3S-HOST-001", "mx")[0]["message"]
    host.console("systemctl disable --now dovecot.socket dovecot.service 2>/dev/null; ! systemctl is-active dovecot")
    alone = audit(lab, tmp_path / "alone", aim, audit_inside=False, audit_checks="POP3S-PORT-001")
    assert alone.status("POP3S-PORT-001", "mx") == "not_tested", alone.said
    both = audit(lab, tmp_path / "both", aim)
    assert both.status("POP3S-PORT-001", "mx") == both.status("POP3S-HOST-001", "mx") == "pass", both.said
    assert both.status("POP3S-HOST-007", "mx") == "fail"
    host.console("nft -f - <<'END'\ntable inet port995 {\nchain in {\ntype filter hook prerouting priority -150\n"
                 'iif "lo" accept\ntcp dport 995 drop\n}\n}\nEND')  # fmt: skip
    shut = audit(lab, tmp_path / "shut", aim)
    assert shut.status("POP3S-PORT-001", "mx") == shut.status("POP3S-HOST-007", "mx") == "pass", shut.said


def test_a_certificate_that_was_renewed_and_not_loaded_is_found(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console(
        "cd /etc/dovecot/private && openssl req -x509 -newkey rsa:2048 -nodes -keyout new.key -out new.pem -subj /CN=new"
        " -days 9 2>/dev/null && cat new.pem > dovecot.pem && cat new.key > dovecot.key && chmod 644 dovecot.key"
    )
    aim = {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}}
    stale = audit(lab, tmp_path / "stale", aim)
    assert stale.status("POP3S-HOST-005", "mx") == stale.status("POP3S-HOST-006", "mx") == "fail", stale.said
    host.console("chmod 640 /etc/dovecot/private/dovecot.key; doveadm reload; sleep 1")
    fresh = audit(lab, tmp_path / "fresh", aim)
    assert fresh.status("POP3S-HOST-005", "mx") == fresh.status("POP3S-HOST-006", "mx") == "pass", fresh.said


LATER = "echo 'ssl_min_protocol = TLSv1.3' >> /etc/dovecot/conf.d/99-later.conf"


def test_a_configuration_that_was_not_loaded_is_found(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console(LATER)
    done = audit(lab, tmp_path, {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}})
    assert done.status("POP3S-HOST-004", "mx") == "fail", done.said
    assert "TLSv1.2" in done.results("POP3S-HOST-004", "mx")[0]["message"]


def test_a_configuration_that_was_loaded_is_proven_by_what_is_refused(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console(f"{LATER}; doveadm reload; sleep 1")
    aim = {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}}
    # That TLS 1.2 is gone needs an offer of all its suites, which a gate of this profile has no need to make.
    assert audit(lab, tmp_path / "gate", aim).status("POP3S-HOST-004", "mx") == "not_tested"
    assert audit(lab, tmp_path / "full", aim, audit_depth="full").status("POP3S-HOST-004", "mx") == "pass"


def test_an_unknown_program_is_named(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console(
        "systemctl stop dovecot.socket dovecot.service; cp /usr/bin/python3 /opt/dovecot; setsid /opt/dovecot -m http.server 995"
        " >/dev/null 2>&1 & sleep 1"
    )
    done = audit(lab, tmp_path, {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}})
    assert done.status("POP3S-HOST-003", "mx") == "fail", done.said
    assert "/opt/dovecot" in done.results("POP3S-HOST-003", "mx")[0]["message"]
