# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces and a cable between them, with rules and routes of the test's own. Nothing routes out.

The scanner has 198.18.0.1, the peer 198.18.0.2 and, for rules of the scanner's side alone, IPv6 beside it: addresses of
RFC 2544 and RFC 4193.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.hostile import cable

SCANNER, PEER = "198.18.0.1", "198.18.0.2"
SCANNER_6, PEER_6 = "fd00:995::1", "fd00:995::2"

CONNECT = """
import asyncio, sys
from port995.probe.tcp import NoRoute, connect
async def run(address, port, seconds):
    try:
        made = await connect(address, port, 6 if ":" in address else 4, None, seconds)
    except NoRoute as error:
        return "no-route", str(error), None
    if made.stream is not None:
        made.stream.close()
    return made.tcp.state, made.tcp.reason, made.tcp.errno
print(*asyncio.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))), sep="|")
"""


class Pair:
    """The scanner's namespace and the peer's."""

    def __init__(self) -> None:
        self.scanner, self.peer = f"p995scan{os.getpid()}", f"p995peer{os.getpid()}"
        self._cable: subprocess.Popen[str] | None = None
        self._servers: list[subprocess.Popen[str]] = []

    def make(self) -> None:
        for name in (self.scanner, self.peer):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        self._cable = subprocess.Popen(
            [sys.executable, cable.__file__, self.scanner, self.peer, "cable0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._cable.stdout is not None and self._cable.stdout.readline() == "ready\n"
        for name, ours, ours_6 in ((self.scanner, SCANNER, SCANNER_6), (self.peer, PEER, PEER_6)):
            run("ip", "-n", name, "address", "add", f"{ours}/24", "dev", "cable0")
            run("ip", "-n", name, "address", "add", f"{ours_6}/64", "dev", "cable0", "nodad")
            run("ip", "-n", name, "link", "set", "cable0", "up")
            self.nft(name, "add table inet probe")
            for hook in ("input", "output"):
                self.nft(name, f"add chain inet probe {hook} {{ type filter hook {hook} priority 0; }}")

    def nft(self, name: str, rule: str) -> None:
        run("ip", "netns", "exec", name, "nft", rule)

    def rule(self, name: str, hook: str, port: int, verdict: str) -> None:
        """What becomes of TCP to a port."""
        self.nft(name, f"add rule inet probe {hook} tcp dport {port} {verdict}")

    def listen(self, port: int) -> None:
        """A listener on the peer, on every address."""
        server = subprocess.Popen(
            ["ip", "netns", "exec", self.peer, sys.executable, "-c",
             "import socket, sys\n"
             f"s = socket.create_server(('::', {port}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)\n"
             "print('ready', flush=True)\n"
             "sys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._servers.append(server)
        assert server.stdout is not None and server.stdout.readline() == "ready\n"

    def connect(self, port: int, address: str = PEER, seconds: float = 5) -> tuple[str, str, str]:
        """State, reason and errno of one connect from the scanner's namespace."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.scanner, sys.executable, "-c", CONNECT, address, str(port), str(seconds)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        state, reason, code = done.stdout.strip().split("|")
        return state, reason, code

    def end(self) -> None:
        for process in (*self._servers, *([self._cable] if self._cable else [])):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        for name in (self.scanner, self.peer):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("needs root to make network namespaces")
    for command in ("ip", "nft"):
        if shutil.which(command) is None:
            pytest.skip(f"needs the command {command} to make network namespaces with rules of their own")
    made = Pair()
    try:
        try:
            made.make()
        except OSError as error:
            pytest.skip(f"this kernel or container does not let network namespaces be made: {error}")
        yield made
    finally:
        made.end()
