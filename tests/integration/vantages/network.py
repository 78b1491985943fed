# SPDX-License-Identifier: GPL-3.0-or-later
"""Three places to look from and, behind a router, hosts that differ in whom they answer, and how they do not.

    inside   192.0.2.1     2001:db8:1::1
    outside  198.51.100.1  2001:db8:2::1
    beyond   203.0.113.1   2001:db8:3::1    outside as well
    hosts    198.18.0.N    fd00:995::N      one namespace has them all; its rules are what tells them apart

The addresses are those of documentation and of benchmarks (RFC 5737, 3849, 2544, 4193); nothing routes out. Each namespace
lives as long as its keeper, which the kernel ends with this process. Needs root, ip, nft, and a kernel with veth.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fleet.lab import ENDS_WITH_US, Keeper

OPEN, CLOSED, FILTERED = "open", "closed", "filtered"
PLACES = {"inside": ("192.0.2", "2001:db8:1::"), "outside": ("198.51.100", "2001:db8:2::"), "beyond": ("203.0.113", "2001:db8:3::")}
SIDES = {"inside": "inside", "outside": "outside", "beyond": "outside"}

RESET = "reject with tcp reset"
PROHIBIT = "reject with icmpx type admin-prohibited"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A host, by whom it answers on port 995."""

    number: int
    listens: bool
    rule: str = ""
    """What becomes of TCP to port 995; empty: nothing."""

    of: tuple[str, ...] = tuple(PLACES)
    """The places whose packets the rule is for."""

    dark: bool = False
    """Whether every packet is dropped."""

    def state(self, place: str) -> str:
        """What its port looks like from a place."""
        if self.dark:
            return FILTERED
        if self.rule and place in self.of:
            return CLOSED if self.rule == RESET else FILTERED
        return OPEN if self.listens else CLOSED


HOSTS = {
    "open": Kind(1, True),
    "closed": Kind(2, False),
    "rejecting": Kind(3, True, PROHIBIT),
    "resetting": Kind(4, True, RESET),
    "dropping": Kind(5, True, "drop"),
    "dark": Kind(6, False, dark=True),
    "only-inside": Kind(7, True, "drop", ("outside", "beyond")),
    "refused-outside": Kind(8, True, RESET, ("outside", "beyond")),
    # The first to look is banned, and nobody else.
    "ban-by-reset": Kind(9, True, RESET, ("inside",)),
    "ban-by-icmp": Kind(10, True, PROHIBIT, ("inside",)),
    "ban-by-drop": Kind(11, True, "drop", ("inside",)),
}

# No name server at all: Nmap waits a quarter of a minute for the names of one that is silent.
NO_NAMES = ("unshare", "--mount", "--", "sh", "-c", 'mount --bind /dev/null /etc/resolv.conf && exec "$@"', "sh")

LISTEN = """\
import selectors, socket, sys
waiting = selectors.DefaultSelector()
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    waiting.register(socket.create_server((address, 995), family=family, backlog=64), selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _events in waiting.select():
        key.fileobj.accept()[0].close()
"""


def missing() -> str:
    """Why the network can't be made here; empty: it can."""
    if os.geteuid() != 0:
        return "needs root to make network namespaces"
    lacking = [word for word in ("ip", "nft", "nsenter", "unshare", "setpriv") if shutil.which(word) is None]
    return f"needs {', '.join(lacking)}" if lacking else ""


class Network:
    """Context manager.

    :raises OSError: this kernel does not let it be made
    """

    def __enter__(self) -> Network:
        with contextlib.ExitStack() as stack:
            self._hosts = Keeper("net")
            stack.callback(self._hosts.end)
            self._places = {}
            for place in PLACES:
                self._places[place] = Keeper("net")
                stack.callback(self._places[place].end)
            for number, place in enumerate(PLACES):
                self._join(place, number)
            self._make_hosts(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at(self, place: str) -> list[str]:
        """What runs a command at a place."""
        return [*ENDS_WITH_US, *self._enter(place)]

    def _enter(self, place: str) -> list[str]:
        return ["nsenter", f"--net={self._places[place].namespace}", "--", *NO_NAMES]

    def python_at(self, place: str, python: str, folder: Path) -> str:
        """A command that is a Python at a place: what Ansible is told to run there."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"python-{place}"
        path.write_text(f'#!/bin/sh\nexec {shlex.join([*self._enter(place), python])} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def _join(self, place: str, number: int) -> None:
        near, far = self._places[place], self._hosts
        ipv4, ipv6 = PLACES[place]
        self._run(near, "ip", "link", "set", "lo", "up")
        self._run(near, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", place, "netns", str(far.pid))
        for keeper, device, last in ((near, "eth0", 1), (far, place, 254)):
            self._run(keeper, "ip", "address", "add", f"{ipv4}.{last}/24", "dev", device)
            self._run(keeper, "ip", "address", "add", f"{ipv6}{last:x}/64", "dev", device, "nodad")
            self._run(keeper, "ip", "link", "set", device, "up")
        self._run(near, "ip", "-4", "route", "add", "default", "via", f"{ipv4}.254")
        self._run(near, "ip", "-6", "route", "add", "default", "via", f"{ipv6}fe")

    def _make_hosts(self, stack: contextlib.ExitStack) -> None:
        hosts = self._hosts
        self._run(hosts, "ip", "link", "set", "lo", "up")
        rules = ["add table inet hosts", "add chain inet hosts input { type filter hook input priority 0; }"]
        listening = []
        for kind in HOSTS.values():
            addresses = addresses_of(kind)
            self._run(hosts, "ip", "address", "add", f"{addresses[0]}/32", "dev", "lo")
            self._run(hosts, "ip", "address", "add", f"{addresses[1]}/128", "dev", "lo", "nodad")
            listening += addresses if kind.listens else []
            for family, address in (("ip", addresses[0]), ("ip6", addresses[1])):
                if kind.dark:
                    rules.append(f"add rule inet hosts input {family} daddr {address} drop")
                if kind.rule:
                    rules += [
                        f"add rule inet hosts input iifname {place} {family} daddr {address} tcp dport 995 {kind.rule}"
                        for place in kind.of
                    ]
        self._run(hosts, "nft", "; ".join(rules))
        server = subprocess.Popen(
            [*ENDS_WITH_US, "nsenter", f"--net={hosts.namespace}", "--", sys.executable, "-c", LISTEN, *listening],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(self._end, server)
        assert server.stdout is not None and server.stdout.readline() == "ready\n"

    @staticmethod
    def _end(server: subprocess.Popen[str]) -> None:
        server.kill()
        server.communicate()

    @staticmethod
    def _run(keeper: Keeper, *command: str) -> None:
        done = subprocess.run(
            ["nsenter", f"--net={keeper.namespace}", "--", *command], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def addresses_of(kind: Kind) -> tuple[str, str]:
    """IPv4 and IPv6."""
    return f"198.18.0.{kind.number}", f"fd00:995::{kind.number:x}"


def sources_of(place: str) -> tuple[str, str]:
    """The addresses of a place."""
    return f"{PLACES[place][0]}.1", f"{PLACES[place][1]}1"
