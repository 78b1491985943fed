# SPDX-License-Identifier: GPL-3.0-or-later
"""The jail of the role enforce in a fail2ban that runs: who guesses passwords is banned from both ports and no other, who is
to be spared is spared, and the jail goes as it came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import beside
from .enforce_on_lab import changed, enforce, state
from .lab import Lab
from .mail_host import MailHost
from .playbook_on_lab import Ended

pytestmark = pytest.mark.timeout(600)

OPEN = {"ipv4": "open", "ipv6": "open"}
JAIL = "/etc/fail2ban/jail.d/zz-port995.conf"
RUNS = """set -e
printf '[sshd]\\nenabled = false\\n' > /etc/fail2ban/jail.d/defaults-debian.conf
systemctl restart fail2ban
for _ in $(seq 50); do fail2ban-client ping >/dev/null 2>&1 && break; sleep 0.2; done
fail2ban-client ping
"""
"""Debian's own jail wants a log file that a host with nothing but the journal lacks."""

GUESS = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for _ in range(int(sys.argv[2])):
    try:
        with socket.create_connection((sys.argv[1], 995), 5) as line, context.wrap_socket(line) as session:
            words = session.makefile("rwb")
            words.readline()
            for said in (b"USER anna", b"PASS a-guess"):
                words.write(said + b"\\r\\n")
                words.flush()
                print(words.readline())
    except OSError as error:
        print(error)
"""


@pytest.fixture
def mail(lab: Lab, tmp_path: Path) -> Iterator[MailHost]:
    made = MailHost(lab, beside.BEHIND, tmp_path / "mail")
    yield made
    made.host.remove()


def jail(mail: MailHost, out: Path, *more: str, **variables: object) -> Ended:
    wanted = {"enforce_force": True, "enforce_clients": [], "enforce_fail2ban": "present", "enforce_fail2ban_max_retry": 3}
    return enforce(mail, out, *more, **{**wanted, "enforce_fail2ban_ignore": [mail.lab.inside.ipv4], **variables})


def banned(mail: MailHost, address: str, patience: float = 30.0) -> bool:
    """Whether an address is banned, or gets to be within so many seconds."""
    end = time.monotonic() + patience
    while address not in mail.host.console("fail2ban-client get port995-pop3s banip"):
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def test_who_guesses_is_banned_and_who_audits_is_not(mail: MailHost, lab: Lab, tmp_path: Path) -> None:
    mail.host.console(RUNS)
    before = state(mail, "fail2ban")
    planned = jail(mail, tmp_path / "planned", "--check")
    assert planned.code == 0 and state(mail, "fail2ban") == before, planned.said

    done = jail(mail, tmp_path / "done")
    assert done.code == 0, done.said
    assert "port995-pop3s" in mail.host.console("fail2ban-client status")
    again = jail(mail, tmp_path / "again")
    assert again.code == 0 and changed(again) == 0, again.said

    said = lab.outside.run("python3", "-c", GUESS, mail.host.ipv4, "4", timeout=120).stdout
    assert "-ERR" in said, said
    assert banned(mail, lab.outside.ipv4), mail.host.console("fail2ban-client status port995-pop3s; journalctl -n 30 --no-pager")
    assert lab.outside.states(mail.host)["ipv4"] != "open" and lab.outside.states(mail.host)["ipv6"] == "open"
    assert lab.outside.states(mail.host, 22)["ipv4"] == "open", "these ports and no other"
    lab.inside.run("python3", "-c", GUESS, mail.host.ipv4, "4", timeout=120)
    assert not banned(mail, lab.inside.ipv4, 5) and lab.inside.states(mail.host) == OPEN
    assert "Logged in" in mail.log_in()

    gone = jail(mail, tmp_path / "gone", enforce_fail2ban="absent", enforce_state="absent")
    assert gone.code == 0, gone.said
    assert "port995" not in mail.host.console("fail2ban-client status")
    assert lab.outside.states(mail.host) == OPEN, "what the jail has banned goes with it"


def test_one_that_does_not_run_is_not_started_and_one_that_is_not_there_is_named(mail: MailHost, tmp_path: Path) -> None:
    mail.host.console(RUNS + "systemctl stop fail2ban")
    done = jail(mail, tmp_path / "done")
    assert done.code == 0 and mail.host.console("systemctl is-active fail2ban || true").strip() == "inactive", done.said
    mail.host.console("systemctl start fail2ban")
    assert "port995-pop3s" in mail.host.console("sleep 3; fail2ban-client status")

    mail.host.console(f"rm {JAIL}; mv /usr/bin/fail2ban-client /usr/bin/gone")
    before = state(mail, "fail2ban")
    refused = jail(mail, tmp_path / "refused", enforce_cleartext="stls")
    assert refused.code == 2 and "fail2ban is not installed on" in refused.said, refused.said
    assert mail.host.console(f"ls {JAIL} 2>/dev/null || true") == ""
    assert state(mail, "fail2ban") == before, "it is refused before anything is changed"


def test_a_jail_that_is_not_taken_is_taken_away(mail: MailHost, lab: Lab, tmp_path: Path) -> None:
    """Another jail of the administrator's own is broken: then fail2ban takes none."""
    mail.host.console(RUNS)
    mail.host.console("printf '[theirs]\\nenabled = true\\nlogpath = /no/such/file\\nfilter = sshd\\nbackend = auto\\n'"
                      " > /etc/fail2ban/jail.d/theirs.conf")  # fmt: skip
    refused = jail(mail, tmp_path / "refused")
    assert refused.code == 2 and "fail2ban does not take the jail, which is removed: " in refused.said, refused.said
    assert mail.host.console(f"ls {JAIL} 2>/dev/null || true") == ""
    assert "pong" in mail.host.console("fail2ban-client ping")
