# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts from inside, by the role: as root, with sudo, and as a user without rights; right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .audit_on_lab import Audited, audit
from .lab import Host, Lab
from .mail_servers import DOVECOT_2_4_1

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


def test_a_configuration_that_was_not_loaded_is_found(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console("echo 'ssl_min_protocol = TLSv1.3' >> /etc/dovecot/conf.d/99-later.conf")
    aim = {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}}
    done = audit(lab, tmp_path / "late", aim)
    assert done.status("POP3S-HOST-004", "mx") == "fail", done.said
    assert "TLSv1.2" in done.results("POP3S-HOST-004", "mx")[0]["message"]
    host.console("doveadm reload; sleep 1")
    # That TLS 1.2 is gone needs an offer of all its suites, which a gate of this profile has no need to make.
    assert audit(lab, tmp_path / "gate", aim).status("POP3S-HOST-004", "mx") == "not_tested"
    assert audit(lab, tmp_path / "loaded", aim, audit_depth="full").status("POP3S-HOST-004", "mx") == "pass"


def test_an_unknown_program_is_named(host: Host, lab: Lab, tmp_path: Path) -> None:
    host.console(
        "systemctl stop dovecot.socket dovecot.service; cp /usr/bin/python3 /opt/dovecot; setsid /opt/dovecot -m http.server 995"
        " >/dev/null 2>&1 & sleep 1"
    )
    done = audit(lab, tmp_path, {"mx": {"ansible_host": host.ipv4, "pop3s_intent": "serve"}})
    assert done.status("POP3S-HOST-003", "mx") == "fail", done.said
    assert "/opt/dovecot" in done.results("POP3S-HOST-003", "mx")[0]["message"]
