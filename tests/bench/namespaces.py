# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces joined by a cable with delay: a client, and a server that answers on many addresses.

Addresses are from 198.18.0.0/15, set aside for benchmarks (RFC 2544, RFC 6890). Nothing routes out. Needs root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DELAY_LINE = Path(__file__).with_name("delay_line.py")


class Namespaces:
    """Context manager; the namespaces and their resolver file are gone afterwards.

    :param delay_ms: delay of a round trip, in milliseconds; half of it each way
    """

    def __init__(self, delay_ms: int = 0) -> None:
        self.delay_ms = delay_ms
        self.client = f"p995c{os.getpid()}"
        self.server = f"p995s{os.getpid()}"
        self.cable: subprocess.Popen[str] | None = None

    @property
    def in_client(self) -> list[str]:
        """Prefix that runs a command in the client's namespace."""
        return ["ip", "netns", "exec", self.client]

    @property
    def in_server(self) -> list[str]:
        """Prefix that runs a command in the server's namespace."""
        return ["ip", "netns", "exec", self.server]

    def addresses(self, count: int) -> list[str]:
        """Addresses on which the server answers."""
        return [f"198.18.{index // 250}.{index % 250 + 1}" for index in range(count)]

    def dark_addresses(self, count: int) -> list[str]:
        """Addresses that swallow every packet."""
        return [f"198.19.{index // 250}.{index % 250 + 1}" for index in range(count)]

    def __enter__(self) -> Namespaces:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        device = "cable0"
        for name in (self.client, self.server):
            self._run("ip", "netns", "add", name)
            self._run("ip", "-n", name, "link", "set", "lo", "up")
        self.cable = subprocess.Popen(
            [sys.executable, str(DELAY_LINE), self.client, self.server, device, str(self.delay_ms / 2000)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        if self.cable.stdout is None or self.cable.stdout.readline() != "ready\n":
            raise OSError("the delay line did not start")
        for name, address in ((self.client, "198.19.255.1"), (self.server, "198.19.255.2")):
            self._run("ip", "-n", name, "address", "add", f"{address}/30", "dev", device)
            self._run("ip", "-n", name, "link", "set", device, "up", "txqueuelen", "10000")
        self._run("ip", "-n", self.client, "route", "add", "198.18.0.0/15", "dev", device)
        self._run("ip", "-n", self.server, "route", "add", "local", "198.18.0.0/16", "dev", "lo")
        self._run("ip", "-n", self.server, "route", "add", "blackhole", "198.19.0.0/17")
        resolver = Path("/etc/netns") / self.client / "resolv.conf"
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.write_text("nameserver 198.19.0.53\n")

    def __exit__(self, *exc_info: object) -> None:
        if self.cable is not None:
            self.cable.kill()
            self.cable.wait()
            if self.cable.stdout is not None:
                self.cable.stdout.close()
        for name in (self.client, self.server):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        folder = Path("/etc/netns") / self.client
        (folder / "resolv.conf").unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()

    @staticmethod
    def _run(*command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
