# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of its own for a mail server as Debian installs it: its file system, name, processes and network.

The file system is a Debian release (`chroots`) with a layer on top that is thrown away; the network is a namespace with
a cable to another, in which the scanner runs. So the server has its own ports 995 and 110, is not on the scanner's
loopback (where Dovecot would take any connection for a secured one), and nothing of it reaches outside.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile import cable

from . import chroots

NAME = "mail.example.org"
SERVER, SCANNER = "192.0.2.2", "192.0.2.1"
"""Addresses set aside for documentation (RFC 5737), so that a page can be kept with them."""
START_TIMEOUT = 30.0
"""Seconds a server gets to open port 995."""

ENTER = """\
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs none dev
for one in null zero full random urandom tty; do touch dev/$one; mount --bind /dev/$one dev/$one; done
mkdir dev/shm; chmod 1777 dev/shm; ln -s /proc/self/fd dev/fd
mount -t tmpfs none run
for one in $4; do mkdir -p opt; cp -r "$one" opt/; done
hostname "$3"
exec chroot . /bin/sh
"""
"""Arguments: the release's folder, an empty folder, the host's name, folders that are copied to /opt."""


class StockHost:
    """Context manager: a host on which commands run until it ends, and with it every process of it.

    :param release: what is installed
    :param copied: folders of this machine that it has too, in /opt; no spaces in their paths
    """

    def __init__(self, release: chroots.Release, copied: Sequence[Path] = ()) -> None:
        self.release, self.copied = release, copied
        self.scanner, self.server = f"p995scan{os.getpid()}", f"p995mail{os.getpid()}"
        self._cable: subprocess.Popen[str] | None = None
        self._shell: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="port995-host-")

    def __enter__(self) -> StockHost:
        try:
            self._make_network()
            self._make_host()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make_network(self) -> None:
        for name in (self.scanner, self.server):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        self._cable = subprocess.Popen(
            [sys.executable, cable.__file__, self.scanner, self.server, "cable0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        if self._cable.stdout is None or self._cable.stdout.readline() != "ready\n":
            raise OSError("the cable did not come up")
        for name, address in ((self.scanner, SCANNER), (self.server, SERVER)):
            _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable0")
            _run("ip", "-n", name, "link", "set", "cable0", "up")

    def _make_host(self) -> None:
        self._shell = subprocess.Popen(
            ["ip", "netns", "exec", self.server, "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
             "sh", "-c", ENTER, "enter", str(self.release.folder), self._folder.name, NAME,
             " ".join(map(str, self.copied))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        self.run(f"echo '{SERVER} {NAME} mail' >> /etc/hosts; echo {NAME} > /etc/hostname")

    def run(self, commands: str) -> str:
        """Run shell commands on the host; what they leave running goes on.

        :returns: what they wrote
        :raises OSError: the last of them failed; with what they wrote
        """
        shell = self._shell
        assert shell is not None and shell.stdin is not None and shell.stdout is not None
        # What goes on running must not hold the pipe that the answer comes through.
        shell.stdin.write(
            f"sh -e -c {shlex.quote(commands)} </dev/null >/run/output 2>&1; code=$?\n".encode()
            + b'echo "code $code $(wc -c </run/output)"; cat /run/output\n'
        )
        shell.stdin.flush()
        words = shell.stdout.readline().split()
        if len(words) != 3:
            raise OSError(f"the host ended: {commands}")
        output = shell.stdout.read(int(words[2])).decode(errors="replace")
        if words[1] != b"0":
            raise OSError(f"{commands}: exit {words[1].decode()}\n{output}")
        return output

    def write(self, path: str, text: str) -> None:
        """Write a file on the host, with the mode of a new one."""
        self.run(f"printf %s {shlex.quote(text)} > {shlex.quote(path)}")

    def scan(self, *arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """``port995 scan`` of this host from the scanner's side of the cable."""
        return self.from_scanner(
            sys.executable, "-m", "port995", "scan", SERVER, "--server-name", NAME, *map(str, arguments), folder=folder
        )

    def from_scanner(self, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command on the scanner's side of the cable."""
        return subprocess.run(
            ["ip", "netns", "exec", self.scanner, *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, cwd=folder,
        )  # fmt: skip

    def wait_until_open(self, port: int = 995) -> None:
        """Wait until a port takes connections.

        :raises OSError: it did not in time
        """
        end = time.monotonic() + START_TIMEOUT
        # The kernel's table of sockets tells it without a connection that the server would log.
        while f":{port:04X} 00000000" not in self.run("cat /proc/net/tcp") + self._tcp6(port):
            if time.monotonic() > end:
                raise OSError(f"{self.release.name} did not open port {port}:\n{self.run('cat /proc/[0-9]*/comm')}")
            time.sleep(0.1)

    def _tcp6(self, port: int) -> str:
        table = self.run("cat /proc/net/tcp6 2>/dev/null || true")
        return f":{port:04X} 00000000" if f":{port:04X} {'0' * 32}:" in table else ""

    def connections(self) -> int:
        """Connections that the host's TCP has taken so far, on any port: ``PassiveOpens`` of RFC 4022."""
        lines = [line.split()[1:] for line in self.run("cat /proc/net/snmp").splitlines() if line.startswith("Tcp:")]
        return int(dict(zip(*lines, strict=True))["PassiveOpens"])

    def __exit__(self, *_: object) -> None:
        if self._shell is not None:
            # The namespace's first process: with it all others end.
            self._shell.kill()
            self._shell.communicate()
        if self._cable is not None:
            self._cable.kill()
            self._cable.communicate()
        for name in (self.scanner, self.server):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        self._folder.cleanup()


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
