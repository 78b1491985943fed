# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what is open among 65 536 addresses of which one in a hundred is alive and the rest swallows every packet:
``port995 scan --find native`` and ``nmap -sT``, with the same time limits.

Two namespaces joined by a cable of the kernel's; nothing leaves them. Prints wall time and peak memory of all processes
of each command, and counts what they found: a figure does not count where not every living address was found. Needs
root, nmap and nft. Not a test: `make bench` runs it.

    python -m tests.bench.bench_find --prefix 16
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.process_tree import Measurement, measure

EVERY = 100
"""Of so many addresses one is alive."""
NETWORK = ipaddress.IPv4Network("198.18.0.0/16")
PORT995 = str(Path(sys.executable).parent / "port995")
ACCEPT = """\
import socket
listener = socket.create_server(("", 995), backlog=4096)
print("ready", flush=True)
while True:
    listener.accept()[0].close()
"""
LIMITS = ["--initial-rtt-timeout", "1s", "--max-rtt-timeout", "1s", "--max-retries", "1"]
"""One second for an answer, and a second try: what ``--connect-timeout 1`` does."""


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def living(network: ipaddress.IPv4Network) -> list[str]:
    """The addresses that answer."""
    first = int(network.network_address)
    return [str(ipaddress.IPv4Address(first + n)) for n in range(EVERY // 2, network.num_addresses, EVERY)]


@contextmanager
def dark_network(network: ipaddress.IPv4Network) -> Iterator[list[str]]:
    """The network behind a cable.

    :returns: (as the context's value) the prefix that runs a command on this side of it
    """
    near, far = f"p995n{os.getpid()}", f"p995f{os.getpid()}"
    server: subprocess.Popen[str] | None = None
    try:
        for name in (near, far):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "cable0", "netns", near, "type", "veth", "peer", "name", "cable0", "netns", far)
        for name, address in ((near, "198.19.255.1"), (far, "198.19.255.2")):
            run("ip", "-n", name, "address", "add", f"{address}/30", "dev", "cable0")
            run("ip", "-n", name, "link", "set", "cable0", "up")
        run("ip", "-n", near, "route", "add", str(NETWORK), "via", "198.19.255.2")
        run("ip", "-n", far, "route", "add", "local", str(NETWORK), "dev", "lo")
        rules = (
            "add table inet f\nadd set inet f alive { type ipv4_addr; }\n"
            "add chain inet f input { type filter hook input priority 0; }\n"
            f"add rule inet f input ip daddr {NETWORK} ip daddr != @alive drop\n"
            f"add element inet f alive {{ {', '.join(living(network))} }}\n"
        )
        subprocess.run(["ip", "netns", "exec", far, "nft", "-f", "-"], input=rules, text=True, check=True)
        server = subprocess.Popen(
            ["ip", "netns", "exec", far, sys.executable, "-c", ACCEPT], stdout=subprocess.PIPE, text=True
        )
        if server.stdout is None or server.stdout.readline() != "ready\n":
            raise OSError("the server did not start")
        yield ["ip", "netns", "exec", near]
    finally:
        if server is not None:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()
        for name in (near, far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def show(title: str, result: Measurement, found: int, expected: int) -> float:
    """Print one measurement; returns its seconds."""
    print(
        f"{title}: {result.seconds:.1f} s, peak memory {result.peak_pss_mb:.0f} MB (sum of PSS),"
        f" {result.peak_rss_mb:.0f} MB (sum of RSS), {found} of {expected} living addresses found", flush=True,
    )  # fmt: skip
    if found != expected:
        sys.exit(f"not every living address was found: the figure does not count\n{result.output[-2000:]}")
    return result.seconds


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--prefix", type=int, default=16, help="length of the network's prefix, 16 to 24 (16)")
    options.add_argument("--nmap-prefix", type=int, help="of nmap's own, smaller network, where an hour is too long")
    chosen = options.parse_args()
    if os.geteuid() != 0 or shutil.which("nft") is None:
        sys.exit("needs root and nft; nothing was measured")
    network = ipaddress.IPv4Network(f"198.18.0.0/{chosen.prefix}")
    alive = len(living(network))
    with dark_network(network) as inside, tempfile.TemporaryDirectory(prefix="port995-bench-") as folder:
        for limit in ("1", "5"):
            looking = ["--find", "native", "--pop3-port", "0", "--connect-timeout", limit]
            ours = measure([*inside, PORT995, "scan", *looking, "--depth", "port", str(network)])
            found = len(re.findall(r"^[0-9.]+:995  pop3s  open", ours.output, re.MULTILINE))
            show(f"port995 scan --find native --connect-timeout {limit} {network}", ours, found, alive)
        out = Path(folder) / "run"
        audited = measure(
            [*inside, PORT995, "audit", "--find", "native", "--pop3-port", "0", "--connect-timeout", "1", "--depth",
             "port", "--out", str(out), str(network)]
        )  # fmt: skip
        found = (out / "journal-controller.jsonl").read_text().count('"state":"open"') // 2
        show(f"port995 audit --find native, {network}, with reports", audited, found, alive)
        sizes = {path.name: path.stat().st_size for path in sorted(out.iterdir())}
        print(f"  files: {sizes}", flush=True)
        if shutil.which("nmap") is None:
            print("nmap is not installed: not measured")
            return
        part = ipaddress.IPv4Network(f"198.18.0.0/{chosen.nmap_prefix or chosen.prefix}")
        xml = Path(folder) / "nmap.xml"
        theirs = measure(
            [*inside, "nmap", "-sT", "-Pn", "-n", "-p995", *LIMITS, "-oX", str(xml), str(part)], timeout=7200
        )
        show(f"nmap -sT -Pn -n -p995, {part}", theirs, xml.read_text().count('state="open"'), len(living(part)))


if __name__ == "__main__":
    main()
