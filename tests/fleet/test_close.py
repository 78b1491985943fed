# SPDX-License-Identifier: GPL-3.0-or-later
"""The role close on real hosts with each mail daemon: used hosts are refused, closed ones stay closed, all comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import mail_servers, on_host
from .lab import Host, Lab
from .mail_servers import SERVERS, MailServer
from .playbook_on_lab import ROLE, Ended, command, run
from .watch import Watch

# A whole play each time, four or five in some tests.
pytestmark = pytest.mark.timeout(400)

OPEN = {"ipv4": "open", "ipv6": "open"}
DROPPED = {"ipv4": "filtered", "ipv6": "filtered"}

LOGIN = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection((sys.argv[1], 995), 45) as line, context.wrap_socket(line) as session:
    words = session.makefile("rwb")
    print(words.readline())
    for said in (b"USER alice", b"PASS secret", b"QUIT"):
        words.write(said + b"\\r\\n")
        words.flush()
        print(words.readline())
"""
USER = """set -e
useradd -m alice
echo alice:secret | chpasswd
adduser --quiet alice mail
mkdir -p /home/alice/Maildir/cur /home/alice/Maildir/new /home/alice/Maildir/tmp
chown -R alice: /home/alice
"""
LONG_AGO = """\
for days in 40 20 0; do
    echo "$(date -d "-$days days" +'%b %e %H:%M:%S') host dovecot: master: Dovecot v2.3.19 starting up" >>/var/log/mail.log
done
"""
"""Records that reach back, and in which nobody logs in."""


def close(lab: Lab, folder: Path, host: Host, *more: str, **variables: object) -> Ended:
    return run(lab, folder, [host], ROLE, *more, **{"close_addresses": [host.ipv4, host.ipv6], **variables})


def everything(host: Host) -> str:
    """All that closing could leave something in, and who listens where."""
    listening = host.console("ss -Hltn | awk '{print $4}' | sort -u")
    return on_host.state(host) + host.console("systemctl list-unit-files --no-legend | sort") + listening


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_it_is_closed_now_and_after_a_reboot_and_given_back(server: MailServer, lab: Lab, tmp_path: Path) -> None:
    host = server.boot(lab)
    try:
        before = everything(host)
        planned = close(lab, tmp_path, host, "--check", "--diff")
        assert planned.code == 0 and f"planned for {host.name}, nothing is changed: " in planned.said, planned.said
        assert everything(host) == before and not host.console("ls -A /var/lib/port995 2>/dev/null || true").strip()

        done = close(lab, tmp_path, host, close_force=True)
        assert done.code == 0 and "changed=1" in done.said, done.said
        assert ":995 " not in host.console("ss -Hltn") and lab.outside.states(host) == DROPPED
        assert lab.outside.states(host, 110) == OPEN, "only what was asked"
        # Without the rules nothing answers either: the listener is gone.
        host.console("nft delete table inet port995")
        assert lab.outside.states(host) == {"ipv4": "closed", "ipv6": "closed"}
        host.console("nft -f /etc/port995/firewall/rules.nft")

        again = close(lab, tmp_path, host)
        assert again.code == 0 and "changed=0" in again.said, again.said

        host.shut_down()
        with Watch(lab.outside, 995, host.ipv4, host.ipv6) as watch:
            host.boot()
            time.sleep(1.5)
            assert "open" not in watch.states() and watch.looks()
        assert ":995 " not in host.console("ss -Hltn") and lab.inside.states(host) == DROPPED
        assert "changed=0" in close(lab, tmp_path, host).said

        back = close(lab, tmp_path, host, close_state="absent")
        assert back.code == 0, back.said
        host.wait_for_listener()
        assert everything(host) == before and lab.outside.states(host) == OPEN
    finally:
        host.remove()


def test_a_real_login_is_counted_and_keeps_the_port_open(lab: Lab, tmp_path: Path) -> None:
    for server in (mail_servers.DOVECOT_2_3_19, mail_servers.DOVECOT_2_4_1, mail_servers.COURIER):
        host = server.boot(lab)
        try:
            host.console(USER)
            said = lab.outside.run("python3", "-c", LOGIN, host.ipv6).stdout
            assert said.count("+OK") == 4, said
            before = everything(host)
            refused = close(lab, tmp_path, host)
            assert refused.code == 2 and "Nothing was changed: 1 user(s) logged in by POP3" in refused.said, refused.said
            assert "2001:db8:1::/64: " in refused.said and "close_force: true" in refused.said
            assert "alice" not in refused.said
            assert everything(host) == before and lab.outside.states(host) == OPEN
        finally:
            host.remove()


@pytest.fixture(scope="module")
def kept(lab: Lab) -> Iterator[Host]:
    host = lab.host()
    yield host
    host.remove()


@pytest.fixture
def dovecot(kept: Host) -> Host:
    """A host with Debian's Dovecot whose records say that nobody used it."""
    kept.reset()
    kept.console(LONG_AGO)
    kept.wait_for_listener()
    return kept


def test_an_unused_host_is_closed_without_a_word(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    done = close(lab, tmp_path, dovecot)
    assert done.code == 0 and lab.outside.states(dovecot) == DROPPED, done.said


def test_somebody_who_is_connected_keeps_the_port_open(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    hold = "import socket, sys, time; line = socket.create_connection((sys.argv[1], 995)); print('in', flush=True); time.sleep(99)"
    with subprocess.Popen([*lab.outside.prefix(), "python3", "-c", hold, dovecot.ipv4], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None and client.stdout.readline() == b"in\n"
        refused = close(lab, tmp_path, dovecot)
        client.kill()
    assert refused.code == 2 and "1 connection(s) are there now (from 198.51.100.0/24: 1)" in refused.said, refused.said
    assert lab.outside.states(dovecot) == OPEN


@pytest.mark.parametrize("intent", ["serve", "internal"])
def test_a_host_that_is_to_serve_is_refused(dovecot: Host, lab: Lab, tmp_path: Path, intent: str) -> None:
    refused = close(lab, tmp_path, dovecot, pop3s_intent=intent, close_force=True)
    assert refused.code == 2 and f"pop3s_intent of this host is {intent}" in refused.said, refused.said
    assert lab.outside.states(dovecot) == OPEN


def test_what_is_not_seen_closed_is_taken_back_both_firewall_and_listener(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    other = lab.host()
    try:
        other.wait_for_listener()
        before = everything(dovecot)
        # Of its addresses one is still open: it is another's.
        failed = close(lab, tmp_path, dovecot, close_addresses=[dovecot.ipv4, other.ipv4])
        assert failed.code == 2 and f"is not seen closed: open at {other.ipv4}" in failed.said, failed.said
        assert "The change is taken back." in failed.said
        dovecot.wait_for_listener()
        assert everything(dovecot) == before and lab.outside.states(dovecot) == OPEN
    finally:
        other.remove()


def test_a_controller_that_is_killed_leaves_both_as_they_were(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    before = everything(dovecot)
    words = command(lab, tmp_path, [dovecot], ROLE, close_time_limit=10, close_connect_timeout=60)
    controller = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  start_new_session=True, cwd=tmp_path)  # fmt: skip
    try:
        end = time.monotonic() + 90
        while ":995 " in dovecot.console("ss -Hltn"):
            assert time.monotonic() < end and controller.poll() is None
            time.sleep(0.05)
        stopped = time.monotonic()
    finally:
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    assert lab.outside.states(dovecot) == DROPPED
    time.sleep(max(0.0, stopped + 12 - time.monotonic()))
    assert lab.outside.states(dovecot) == OPEN and everything(dovecot) == before


def test_a_power_cut_before_it_is_kept_leaves_both_as_they_were(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    before = on_host.state(dovecot)
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"port995.pop3s.pop3s_close": {"state": "closed"}}]}]
    begun = run(lab, tmp_path, [dovecot], play)
    assert begun.code == 0 and ":995 " not in dovecot.console("ss -Hltn"), begun.said
    dovecot.cut_power()
    dovecot.boot()
    dovecot.wait_for_listener()
    assert lab.outside.states(dovecot) == OPEN and on_host.state(dovecot) == before


BEGIN = """
import json
from port995.closing import steps
from port995.firewall import model
print(json.dumps(steps.begin(steps.plan(model.wanted("closed")), "a test", 60.0)))
"""


@pytest.mark.parametrize("server", [mail_servers.COURIER, mail_servers.CYRUS], ids=lambda server: server.name)
def test_the_script_takes_back_what_was_done_to_any_daemon(server: MailServer, lab: Lab) -> None:
    host = server.boot(lab)
    try:
        on_host.put_library(host)
        before = everything(host)
        on_host.call(host, BEGIN, {})
        assert ":995 " not in host.console("ss -Hltn") and lab.outside.states(host) == DROPPED
        assert "is taken back" in host.console("/var/lib/port995/revert")
        host.wait_for_listener()
        assert everything(host) == before and lab.outside.states(host) == OPEN
    finally:
        host.remove()


def test_another_host_of_the_inventory_looks_too(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    other = lab.host()
    try:
        play = [{**ROLE[0], "hosts": dovecot.name}]
        done = run(lab, tmp_path, [dovecot, other], play, close_vantages=[other.name])
        assert done.code == 0, done.said
        assert f"ok: [{dovecot.name} -> {other.name}({other.ipv4})]" in done.said
        # One that can't look has not seen it closed.
        back = close(lab, tmp_path, dovecot, close_state="absent")
        assert back.code == 0, back.said
        dovecot.wait_for_listener()
        other.shut_down()
        failed = run(lab, tmp_path, [dovecot, other], play, close_vantages=[other.name])
        assert failed.code == 2 and f"no look from {other.name}" in failed.said, failed.said
        assert "The change is taken back." in failed.said
        dovecot.wait_for_listener()
        assert lab.outside.states(dovecot) == OPEN
    finally:
        other.remove()


def test_a_daemon_that_is_not_known_is_named_and_the_firewall_acts(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("systemctl disable -q --now dovecot.service")
    dovecot.console("cat >/etc/systemd/system/odd.service && systemctl start odd", data=b"""[Service]
ExecStart=/usr/bin/python3 -m http.server 995
""")  # fmt: skip
    dovecot.wait_for_listener()
    done = close(lab, tmp_path, dovecot, "-v", close_force=True)
    assert done.code == 0, done.said
    assert "only the firewall closes it: port 995 of 0.0.0.0, by python3 (process " in done.said.replace("\\n", " ")
    assert "unit odd.service" in done.said
    assert ":995 " in dovecot.console("ss -Hltn") and lab.outside.states(dovecot)["ipv4"] == "filtered"


def test_a_socket_of_systemd_is_kept_from_listening(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("systemctl disable -q --now dovecot.service")
    dovecot.console("cat >/etc/systemd/system/odd.socket", data=b"[Socket]\nListenStream=995\nAccept=yes\n"
                    b"[Install]\nWantedBy=sockets.target\n")  # fmt: skip
    dovecot.console("cat >/etc/systemd/system/odd@.service; systemctl daemon-reload; systemctl enable -q --now odd.socket",
                    data=b"[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")  # fmt: skip
    dovecot.wait_for_listener()
    done = close(lab, tmp_path, dovecot, close_force=True)
    assert done.code == 0 and ":995 " not in dovecot.console("ss -Hltn"), done.said
    dovecot.reboot()
    assert ":995 " not in dovecot.console("ss -Hltn") and lab.outside.states(dovecot) == DROPPED
    back = close(lab, tmp_path, dovecot, close_state="absent")
    assert back.code == 0, back.said
    assert ":995 " in dovecot.console("ss -Hltn")


def test_dovecot_with_an_error_of_its_own_is_left_as_it_is(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("echo 'ssl = maybe' > /etc/dovecot/local.conf; echo 'ssl_typo = 1' >> /etc/dovecot/local.conf")
    before = everything(dovecot)
    refused = close(lab, tmp_path, dovecot, close_force=True)
    assert refused.code == 2 and "/etc/dovecot/local.conf" in refused.said, refused.said
    assert everything(dovecot) == before and lab.outside.states(dovecot) == OPEN


def test_dovecot_whose_last_file_opens_the_port_gets_ours_behind_it(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("printf 'service pop3-login {\\n inet_listener pop3s {\\n  port = 995\\n }\\n}\\n' >/etc/dovecot/local.conf;"
                    "systemctl reload dovecot")  # fmt: skip
    before = everything(dovecot)
    done = close(lab, tmp_path, dovecot)
    assert done.code == 0 and ":995 " not in dovecot.console("ss -Hltn"), done.said
    assert dovecot.console("tail -1 /etc/dovecot/dovecot.conf") == "!include_try port995-closed.conf\n"
    assert "changed=0" in close(lab, tmp_path, dovecot).said
    back = close(lab, tmp_path, dovecot, close_state="absent")
    assert back.code == 0, back.said
    dovecot.wait_for_listener()
    assert everything(dovecot) == before


def test_a_host_without_nft_is_closed_by_iptables(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("mv /usr/sbin/nft /usr/sbin/nft.gone")
    done = close(lab, tmp_path, dovecot)
    assert done.code == 0 and lab.outside.states(dovecot) == DROPPED, done.said
    assert "PORT995" in dovecot.console("iptables -S").upper()


def test_a_host_without_a_packet_filter_is_refused_and_its_listener_goes_on(dovecot: Host, lab: Lab, tmp_path: Path) -> None:
    dovecot.console("for name in nft iptables ip6tables; do mv /usr/sbin/$name /usr/sbin/$name.gone; done")
    refused = close(lab, tmp_path, dovecot)
    assert refused.code == 2 and "Install the package nftables" in refused.said, refused.said
    assert lab.outside.states(dovecot) == OPEN
    alone = close(lab, tmp_path, dovecot, close_firewall=False)
    assert alone.code == 0 and lab.outside.states(dovecot) == {"ipv4": "closed", "ipv6": "closed"}, alone.said
