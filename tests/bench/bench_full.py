# SPDX-License-Identifier: GPL-3.0-or-later
"""The depth full against Nmap's three scripts, in one run on the same server: endpoints per second, connections, and
whether full knows everything that Nmap says. Not a test: ``make bench`` runs it.

    python -m tests.bench.bench_full --count 100
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from port995.policy.facts import facts_of
from port995.probe.codec import observation_from_json
from port995.probe.model import Observation
from port995.probe.tls.cipher_suites import name_of
from port995.probe.tls.client_hello import VERSION_NAMES
from tests.bench.bench_endpoints import BUSY, SERVER_NAME
from tests.bench.gate_alone import loopback
from tests.bench.process_tree import Measurement, measure
from tests.bench.scanners import scanners
from tests.integration.dovecot.certificates import make_chain
from tests.integration.dovecot.server import Dovecot, dovecot_binary

TIME_LIMIT = 560.0
"""Seconds for one tool."""
AIM = 3
"""Times Nmap's rate."""


def facts_of_full(seen: Observation) -> set[str]:
    """What an observation shows, in the words of `facts_of_nmap`."""
    facts = {f"{VERSION_NAMES[one.version]} {name_of(suite)}" for one in facts_of(seen).versions for suite in one.suites}
    if seen.tls is not None and seen.tls.certificates:
        facts.add("sha1 " + hashlib.sha1(base64.b64decode(seen.tls.certificates[0])).hexdigest())  # noqa: S324
    if seen.pop3 is not None:
        # Nmap puts what stands behind RESP-CODES and the like in brackets.
        facts |= {f"capability {one.name}" for one in seen.pop3.capabilities}
    return facts


def facts_of_nmap(output: str) -> set[str]:
    """Suites by version, the certificate's fingerprint, and capabilities, of the first endpoint in Nmap's output."""
    report = output.split("Nmap scan report for ")[1]
    facts: set[str] = set()
    version = ""
    for line in report.splitlines():
        if heading := re.match(r"\|\s+(SSLv3|TLSv1\.\d):", line):
            version = heading[1].replace("TLSv1.0", "TLSv1")
        elif suite := re.match(r"\|\s+(TLS_\w+) ", line):
            facts.add(f"{version} {suite[1].replace('TLS_AKE_WITH_', 'TLS_')}")
        elif fingerprint := re.match(r"\|[\s_]+SHA-1: +([0-9a-f ]+)", line):
            facts.add("sha1 " + fingerprint[1].replace(" ", ""))
        elif listed := re.match(r"\|_?\s*pop3-capabilities: (.*)", line):
            facts |= {f"capability {word}" for word in re.sub(r"\([^)]*\)", "", listed[1]).split()}
    return facts


def _row(name: str, count: int, done: Measurement, connections: int) -> float:
    rate = count / done.seconds
    print(f"{name:24}{count:6} endpoints {done.seconds:8.1f} s {rate:8.2f} per s {connections / count:6.1f} connections"
          f" {done.peak_pss_mb:6.0f} MB (PSS)")  # fmt: skip
    return rate


def _connections(server: Dovecot, before: int) -> int:
    time.sleep(1)
    return server.log[before:].count(" lip=")


def run(folder: Path, server: Dovecot, addresses: list[str]) -> None:
    """Measure both, and hold their facts against each other."""
    journal = folder / "full.jsonl"
    before = len(server.log)
    ours = measure(
        [sys.executable, "-m", "port995", "scan", *addresses, "--depth", "full", "-p", str(server.pop3s_port),
         "--pop3-port", "0", "--server-name", SERVER_NAME, "-oJ", str(journal)], timeout=TIME_LIMIT,
    )  # fmt: skip
    if ours.exit_code:
        sys.exit(f"port995 scan failed with {ours.exit_code}:\n{ours.output[-3000:]}")
    rate = _row("port995 scan, full", len(addresses), ours, _connections(server, before))
    nmap = next(tool for tool in scanners() if tool.name == "nmap")
    if nmap.missing:
        sys.exit(nmap.missing)
    before = len(server.log)
    theirs = measure(nmap.command(folder, addresses, server.pop3s_port, SERVER_NAME), timeout=TIME_LIMIT)
    other = _row("nmap, three scripts", len(addresses), theirs, _connections(server, before))
    print(f"ratio: {rate / other:.1f} (aim {AIM})")
    said = facts_of_nmap(theirs.output)
    seen: list[Any] = [observation_from_json(json.loads(line)) for line in journal.read_text().splitlines()]
    known = set.intersection(*map(facts_of_full, seen))
    print(f"nmap says {len(said)} facts of an endpoint, full {len(known)} of every one;"
          f" full does not know: {', '.join(sorted(said - known)) or 'none of them'}")  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=100, help="endpoints (100)")
    chosen = options.parse_args()
    if dovecot_binary() is None:
        sys.exit("dovecot is not installed (Debian: dovecot-pop3d); nothing was measured")
    with tempfile.TemporaryDirectory(prefix="port995-bench-") as name:
        folder = Path(name)
        chain, key, _ = make_chain(folder / "pki", SERVER_NAME)
        server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY)
        server.start()
        try:
            print("loopback, one Dovecot 2.3, all on this machine:")
            run(folder, server, loopback(chosen.count))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
