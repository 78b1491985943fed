# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand endpoints of one Dovecot, observed by one ``pop3s_info`` task: one TLS and POP3 session each.

Prints endpoints/s, peak memory as the sum over all processes, and the ratios to ``openssl s_time -new`` (the floor: C,
handshakes only) and to one task per host, all in one run; with ``--network`` (root) once more inside network namespaces
with 20 ms of delay, 5 % dark addresses and a dead resolver. Not a test: `make bench` runs it.

    python -m tests.bench.bench_endpoints --count 1000 --network
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.namespaces import Namespaces
from tests.bench.process_tree import Measurement, measure
from tests.integration.dovecot.certificates import make_chain
from tests.integration.dovecot.server import Dovecot, dovecot_binary

SERVER_NAME = "mail.test.example"
BUSY = """\
service pop3-login {
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  client_limit = 4000
}
"""
ANSIBLE = str(Path(sys.executable).parent / "ansible-playbook")
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


def playbook(folder: Path, targets: list[dict[str, object]], options: dict[str, object]) -> Path:
    """One play, one task, all targets."""
    task = {
        "name": "Observe every endpoint",
        "port995.pop3s.pop3s_info": {"targets": targets, "journal": str(folder / "journal.jsonl"), **options},
        "register": "seen",
    }
    counts = {"name": "Show", "ansible.builtin.debug": {"var": "seen.counts"}}
    path = folder / "one-task.yml"
    path.write_text(json.dumps([
        {"name": "One task", "hosts": "localhost", "gather_facts": False, "vars": LOCAL, "tasks": [task, counts]}
    ]))
    return path


def per_host_playbook(folder: Path, addresses: list[str], port: int) -> tuple[Path, Path]:
    """The same module once per host, as hand-written playbooks do it."""
    inventory = folder / "per-host.json"
    inventory.write_text(json.dumps({"all": {"vars": LOCAL, "hosts": {address: {} for address in addresses}}}))
    target = {"hosts": ["{{ inventory_hostname }}"], "address": "{{ inventory_hostname }}", "port": port,
              "server_name": SERVER_NAME, "pop3_port": 0}
    path = folder / "per-host.yml"
    path.write_text(json.dumps([
        {"name": "A task per host", "hosts": "all", "gather_facts": False, "tasks": [
            {"name": "Observe", "port995.pop3s.pop3s_info": {"targets": [target], "journal": str(folder / "{{ inventory_hostname }}.jsonl")}}]}
    ]))
    return path, inventory


def count_states(journal: Path) -> dict[str, int]:
    """How the journal's observations ended."""
    states: dict[str, int] = {}
    for line in journal.read_text().splitlines():
        seen = json.loads(line)
        pop3, tls, tcp = seen["pop3"], seen["tls"], seen["tcp"]
        if pop3 and pop3["outcome"] == "completed":
            word = "session completed"
        elif tls and tls["outcome"] != "completed":
            word = f"tls {tls['outcome']}"
        elif tcp:
            word = f"{tcp['state']} {tcp['reason']}"
        else:
            word = seen["not_tested"] or seen["resolution"]["outcome"]
        states[word] = states.get(word, 0) + 1
    return states


def show(title: str, count: int, result: Measurement) -> float:
    """Print one measurement; returns endpoints per second."""
    if result.exit_code != 0:
        sys.exit(f"{title} failed with {result.exit_code}:\n{result.output[-4000:]}")
    rate = count / result.seconds
    print(f"{title}: {count} in {result.seconds:.1f} s = {rate:.0f} endpoints/s,"
          f" peak memory {result.peak_pss_mb:.0f} MB (sum of PSS), {result.peak_rss_mb:.0f} MB (sum of RSS)")
    return rate


def floor(server: Dovecot, ca: Path, seconds: int) -> float:
    """Full handshakes per second of ``openssl s_time -new``."""
    output = subprocess.run(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{server.pop3s_port}", "-new", "-time", str(seconds),
         "-CAfile", str(ca)],
        capture_output=True, text=True, timeout=seconds + 30, check=False,
    ).stdout
    found = re.search(r"(\d+) connections in (\d+) real seconds", output)
    if found is None:
        sys.exit(f"openssl s_time said nothing usable:\n{output}")
    return int(found[1]) / int(found[2])


def on_loopback(count: int, per_host: int) -> None:
    """1 000 loopback addresses of one Dovecot."""
    with tempfile.TemporaryDirectory(prefix="port995-bench-") as name:
        folder = Path(name)
        chain, key, ca = make_chain(folder / "pki", SERVER_NAME)
        server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY)
        server.start()
        try:
            addresses = [f"127.9.{index // 250}.{index % 250 + 1}" for index in range(count)]
            targets: list[dict[str, object]] = [
                {"hosts": [address], "address": address, "port": server.pop3s_port, "server_name": SERVER_NAME,
                 "pop3_port": 0} for address in addresses
            ]
            s_time = floor(server, ca, 5)
            before = len(server.log)
            rate = show("one pop3s_info task", count, measure([ANSIBLE, "-i", "localhost,", str(playbook(folder, targets, {}))]))
            time.sleep(1)
            sessions = re.findall(r"pop3-login: Info: .*? lip=([0-9.]+), TLS", server.log[before:])
            print(f"  outcomes: {count_states(folder / 'journal.jsonl')}")
            print(f"  Dovecot's log: {len(sessions)} TLS sessions, {len(set(sessions))} distinct local addresses")
            if len(set(sessions)) != count:
                sys.exit("Dovecot did not see every endpoint: the figure does not count")
            few = addresses[:per_host]
            path, inventory = per_host_playbook(folder, few, server.pop3s_port)
            slow = show("one task per host, forks 10", len(few), measure([ANSIBLE, "-i", str(inventory), "-f", "10", str(path)]))
            print(f"openssl s_time -new: {s_time:.0f} handshakes/s")
            print(f"ratios: {rate / s_time:.2f} of openssl s_time -new, {rate / slow:.1f}x a task per host")
        finally:
            server.stop()


def through_a_network(count: int) -> None:
    """The same across namespaces: 20 ms of delay, 5 % of the addresses dark, a resolver that never answers."""
    with tempfile.TemporaryDirectory(prefix="port995-bench-") as name, Namespaces(delay_ms=20) as network:
        folder = Path(name)
        chain, key, _ = make_chain(folder / "pki", SERVER_NAME)
        server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY, pop3s_port=20995, pop3_port=20110)
        server.start(prefix=network.in_server)
        try:
            named = max(1, count // 100)
            dark = count * 5 // 100
            addresses = network.addresses(count - dark - named) + network.dark_addresses(dark)
            targets: list[dict[str, object]] = [
                {"hosts": [address], "address": address, "port": 20995, "server_name": SERVER_NAME, "pop3_port": 0}
                for address in addresses + [f"mx{index}.fleet.example" for index in range(named)]
            ]
            command = [*network.in_client, ANSIBLE, "-i", "localhost,", str(playbook(folder, targets, {}))]
            show(f"20 ms delay, {dark} dark, {named} names of a dead resolver", count, measure(command))
            states = count_states(folder / "journal.jsonl")
            print(f"  outcomes: {states}")
            if states.get("session completed") != count - dark - named:
                sys.exit("not every endpoint that answers was seen: the figure does not count")
        finally:
            server.stop()


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1000, help="endpoints (1000)")
    options.add_argument("--per-host", type=int, default=50, help="hosts for the task-per-host comparison (50)")
    options.add_argument("--network", action="store_true", help="also through namespaces with delay (root)")
    chosen = options.parse_args()
    if dovecot_binary() is None:
        sys.exit("dovecot is not installed (Debian: dovecot-pop3d); nothing was measured")
    on_loopback(chosen.count, chosen.per_host)
    if chosen.network and os.getuid() != 0:
        print("network part skipped: it needs root to make network namespaces")
    elif chosen.network:
        through_a_network(chosen.count)


if __name__ == "__main__":
    main()
