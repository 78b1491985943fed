# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten hosts closed in one run, against the same steps with Ansible's plain modules. Not a test: ``make bench`` runs it.

    python -m tests.bench.bench_close --hosts 10

Booted hosts of the lab, each with Debian's Dovecot. The plain play does what the role does to a host: a file that gives
the listener port 0, tried by doveconf, a reload, a table of nftables with the unit that loads it at boot, a look from
the controller, a new connection. It does not look who used the port, it does not look over both address families, and
nothing takes it back when it fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fleet import image
from tests.fleet.lab import Host, Lab
from tests.fleet.playbook_on_lab import ROLE, run

TABLE = """\
table inet plain
delete table inet plain
table inet plain {
    chain door {
        iif "lo" accept
        fib daddr type != local accept
        ct state established,related accept
        drop
    }
    chain prerouting {
        type filter hook prerouting priority mangle; policy accept;
        tcp dport 995 goto door
    }
}
"""
UNIT = """\
[Unit]
DefaultDependencies=no
Before=network-pre.target sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/plain.nft
[Install]
WantedBy=sysinit.target
"""
OFF = "service pop3-login {\n  inet_listener pop3s {\n    port = 0\n  }\n}\n"
LOCAL = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}

PLAIN: list[dict[str, Any]] = [{
    "hosts": "all", "gather_facts": False, "tasks": [
        {"name": "Who uses it", "ansible.builtin.command": "journalctl -q --since=-30d -t dovecot --grep=Login", "changed_when": False, "failed_when": False},
        {"name": "Who is connected", "ansible.builtin.command": "ss -Htn state established sport = :995", "changed_when": False},
        {"name": "Port 0", "ansible.builtin.copy": {"dest": "/etc/dovecot/conf.d/zz-plain.conf", "content": OFF, "mode": "0644"}},
        {"name": "Try it", "ansible.builtin.command": "doveconf -n", "changed_when": False},
        {"name": "Table", "ansible.builtin.copy": {"dest": "/etc/plain.nft", "content": TABLE, "mode": "0644"}},
        {"name": "Try it", "ansible.builtin.command": "nft -c -f /etc/plain.nft", "changed_when": False},
        {"name": "Load it", "ansible.builtin.command": "nft -f /etc/plain.nft", "changed_when": True},
        {"name": "Unit", "ansible.builtin.copy": {"dest": "/etc/systemd/system/plain.service", "content": UNIT, "mode": "0644"}},
        {"name": "At boot", "ansible.builtin.systemd": {"name": "plain.service", "enabled": True, "daemon_reload": True}},
        {"name": "Reload", "ansible.builtin.systemd": {"name": "dovecot.service", "state": "reloaded"}},
        {"name": "Listener", "ansible.builtin.wait_for": {"port": 995, "state": "stopped", "timeout": 10}},
        {"name": "Look", "ansible.builtin.wait_for": {"host": "{{ ansible_host }}", "port": 995, "state": "stopped", "timeout": 10, "connect_timeout": 5},
         "delegate_to": "localhost", "connection": "local", "vars": LOCAL},
        {"ansible.builtin.meta": "reset_connection"},
        {"name": "Come in anew", "ansible.builtin.ping": {}},
    ],
}]  # fmt: skip


def closed(lab: Lab, hosts: list[Host]) -> int:
    """How many are closed over both families, with no listener."""
    return sum(
        lab.outside.states(host) == {"ipv4": "filtered", "ipv6": "filtered"} and ":995 " not in host.console("ss -Hltn")
        for host in hosts
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10)
    count = parser.parse_args().hosts
    reason = image.missing()
    if reason is not None:
        print(reason)
        return 1
    failed = False
    with Lab() as lab, tempfile.TemporaryDirectory() as temporary:
        hosts = [lab.host() for _ in range(count)]
        print(f"{count} hosts, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print("| | hosts | closed | seconds | load |\n| --- | --- | --- | --- | --- |")
        each = {host.name: {"close_addresses": [host.ipv4, host.ipv6]} for host in hosts}
        for name, play in (("role `close`", ROLE), ("the same, nothing to do", ROLE), ("plain modules", PLAIN)):
            if play is PLAIN:
                for host in hosts:
                    host.reset()
            for host in hosts:
                if name != "the same, nothing to do":
                    host.wait_for_listener()
            begun = time.monotonic()
            ended = run(lab, Path(temporary), hosts, play, "--forks", str(count), timeout=560.0, each=each, close_force=True)
            seconds = time.monotonic() - begun
            done = closed(lab, hosts)
            print(f"| {name} | {count} | {done} | {seconds:.1f} | {os.getloadavg()[0]:.1f} |", flush=True)
            if ended.code or done != count:
                print(ended.said[-3000:])
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
