# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate's proof of a profile against scanners that ask one suite at a time: 200 endpoints of one real Dovecot.

Prints endpoints/s, the connections that Dovecot counted, peak memory as the sum over all processes and the facts that
each tool says about an endpoint, all from one run, with ratios; then what an endpoint costs the probe alone as fleets
grow; then the comparison again, on fewer endpoints, with 50 ms of delay (root). Not a test: `make bench` runs it.

    python -m tests.bench.bench_gate --count 200 --scale 100,1000,10000 --network
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.probe.codec import to_json
from tests.bench.bench_endpoints import BUSY, SERVER_NAME
from tests.bench.gate_alone import loopback
from tests.bench.namespaces import Namespaces
from tests.bench.process_tree import Measurement, measure
from tests.bench.scanners import FACTS, facts_in, facts_of_ours, false_facts_in, scanners
from tests.integration.dovecot.certificates import make_chain
from tests.integration.dovecot.server import Dovecot, dovecot_binary

TIME_LIMIT = 420.0
"""Seconds for one tool."""
OURS = (sys.executable, "-m", "port995")
AIMS = {"nmap": 10, "sslyze": 50}
PORT, POP3_PORT = 20995, 20110


@dataclasses.dataclass(frozen=True)
class Row:
    """What one tool did."""

    name: str
    count: int
    measured: Measurement
    connections: float
    """Per endpoint, as the server counted them."""
    facts: list[str]
    wrong: list[str]

    @property
    def rate(self) -> float:
        """Endpoints per second."""
        return self.count / self.measured.seconds


def _connections(server: Dovecot, before: int) -> int:
    """Connections that Dovecot has logged the end of since; each leaves one line."""
    time.sleep(1)
    return server.log[before:].count(" lip=")


def compare(folder: Path, server: Dovecot, addresses: list[str], prefix: list[str]) -> None:
    """Measure every tool on the same server, one after the other, and print a table."""
    rows: list[Row] = []
    for depth, out in (("scan", ""), ("audit", str(folder / "run"))):
        command = [*prefix, *OURS, depth, *addresses, "--depth", "gate", "-p", str(server.pop3s_port), "--pop3-port", "0",
                   "--server-name", SERVER_NAME, *(["--out", out] if out else ["-oJ", str(folder / "journal.jsonl")])]  # fmt: skip
        before = len(server.log)
        done = measure(command, timeout=TIME_LIMIT)
        if done.exit_code not in (0, 1, 3):
            sys.exit(f"port995 {depth} failed with {done.exit_code}:\n{done.output[-3000:]}")
        facts: list[str] = []
        if out:
            results = json.loads((folder / "run" / "report.json").read_text())["results"]
            facts = facts_of_ours({one["check_id"]: one["status"] for one in results if one["host"] == addresses[0]})
        rows.append(Row(f"port995 {depth}", len(addresses), done, _connections(server, before) / len(addresses), facts, []))
    for tool in scanners():
        if tool.missing:
            print(f"{tool.name} skipped: {tool.missing}")
            continue
        few = addresses[: tool.most_far if prefix else tool.most]
        before = len(server.log)
        try:
            done = measure([*prefix, *tool.command(folder, few, server.pop3s_port, SERVER_NAME)], timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"{tool.name} on {len(few)} endpoints did not end within {TIME_LIMIT:.0f} s: no figure")
            continue
        count = _connections(server, before)
        rows.append(Row(tool.name, len(few), done, count / len(few), facts_in(tool.name, done.output), false_facts_in(done.output)))
    _print(rows)


def _print(rows: list[Row]) -> None:
    print(f"{'':16}{'endpoints':>10}{'s':>8}{'per s':>8}{'connections':>12}{'MB (PSS)':>10}{'facts':>7}")
    for row in rows:
        facts = f"{len(row.facts)}/{len(FACTS)}" if row.facts else "-"
        print(f"{row.name:16}{row.count:10}{row.measured.seconds:8.1f}{row.rate:8.2f}{row.connections:12.1f}"
              f"{row.measured.peak_pss_mb:10.0f}{facts:>7}{'  WRONG: ' + ', '.join(row.wrong) if row.wrong else ''}")  # fmt: skip
    for row in rows[1:]:
        if row.facts:
            print(f"{row.name} does not say: {', '.join(fact for fact in FACTS if fact not in row.facts) or 'nothing is missing'}")
    for row in rows[2:]:
        aim = f" (aim {AIMS[row.name]}x)" if row.name in AIMS else ""
        print(f"ratio: port995 scan is {rows[0].rate / row.rate:.0f}x {row.name}, port995 audit {rows[1].rate / row.rate:.0f}x{aim}")


def grow(folder: Path, server: Dovecot, counts: list[int]) -> None:
    """What an endpoint costs the probe alone, by the size of the fleet."""
    questions = folder / "questions.json"
    questions.write_text(json.dumps([to_json(one) for one in compile_offers(load_profile("baseline"))]))
    for count in counts:
        journal = folder / f"journal-{count}.jsonl"
        done = measure(
            [sys.executable, "-m", "tests.bench.gate_alone", str(questions), str(journal), str(count),
             str(server.pop3s_port), SERVER_NAME], timeout=TIME_LIMIT,
        )  # fmt: skip
        if done.exit_code:
            sys.exit(f"the probe alone failed:\n{done.output[-3000:]}")
        took = json.loads(done.output.splitlines()[-1])
        whole = 0
        with journal.open() as lines:
            for line in lines:
                seen = json.loads(line)
                whole += bool(seen["pop3"] and seen["pop3"]["outcome"] == "completed" and not seen.get("hellos_ended"))
        journal.unlink()
        print(f"probe alone, {count} endpoints: {count / took['wall']:.0f} endpoints/s,"
              f" {1000 * took['processor'] / count:.1f} ms of processor time each, {took['connections'] / count:.1f}"
              f" connections each, peak {done.peak_pss_mb:.0f} MB (aim: under 200), {whole} whole")  # fmt: skip


def on_loopback(count: int, scale: list[int]) -> None:
    """Without any delay."""
    with tempfile.TemporaryDirectory(prefix="port995-bench-") as name:
        folder = Path(name)
        chain, key, _ = make_chain(folder / "pki", SERVER_NAME)
        server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY)
        server.start()
        try:
            print("loopback, one Dovecot 2.3, all on this machine:")
            compare(folder, server, loopback(count), [])
            grow(folder, server, scale)
        finally:
            server.stop()


def through_a_network(count: int) -> None:
    """The same with 50 ms of round trip."""
    with tempfile.TemporaryDirectory(prefix="port995-bench-") as name, Namespaces(delay_ms=50) as network:
        folder = Path(name)
        chain, key, _ = make_chain(folder / "pki", SERVER_NAME)
        server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY, pop3s_port=PORT, pop3_port=POP3_PORT)
        server.start(prefix=network.in_server)
        try:
            print("the same with a round trip of 50 ms:")
            compare(folder, server, network.addresses(count), network.in_client)
        finally:
            server.stop()


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=200, help="endpoints (200); 0: none")
    options.add_argument("--scale", default="100,1000,10000", help="sizes of fleets for the probe alone; empty: none")
    options.add_argument("--far-count", type=int, default=50, help="endpoints behind the delay (50)")
    options.add_argument("--network", action="store_true", help="also with 50 ms of delay (root)")
    chosen = options.parse_args()
    if dovecot_binary() is None:
        sys.exit("dovecot is not installed (Debian: dovecot-pop3d); nothing was measured")
    if chosen.count:
        on_loopback(chosen.count, [int(one) for one in chosen.scale.split(",") if one])
    if chosen.network and os.getuid() != 0:
        print("network part skipped: it needs root to make network namespaces")
    elif chosen.network:
        through_a_network(chosen.far_count)


if __name__ == "__main__":
    main()
