# SPDX-License-Identifier: GPL-3.0-or-later
"""A fail2ban-server of the test's own: it watches one log, and its ban is a line in a file; no firewall is touched."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
from pathlib import Path

FILTERS = Path("/etc/fail2ban/filter.d")
START_TIMEOUT = 20.0
"""Seconds it gets to answer a ping."""


def fail2ban_missing() -> str:
    """Why fail2ban can't be used here; empty: it can."""
    if shutil.which("fail2ban-server") is None or shutil.which("fail2ban-client") is None:
        return "fail2ban is not installed (Debian: fail2ban)"
    if not (FILTERS / "dovecot.conf").is_file():
        return f"fail2ban's dovecot filter is not in {FILTERS}"
    return ""


@dataclasses.dataclass
class Fail2ban:
    """The jail ``dovecot`` with the filter's aggressive mode, as Debian sets it but for the times.

    :param folder: for everything it writes
    :param log: the log to watch; it must exist
    :param findtime: seconds in which ``maxretry`` connections without a login are one too many
    """

    folder: Path
    log: Path
    findtime: int
    maxretry: int = 5
    process: subprocess.Popen[bytes] | None = None

    @property
    def bans(self) -> list[str]:
        """Addresses that were banned, in order."""
        path = self.folder / "bans"
        return path.read_text().split() if path.exists() else []

    @property
    def failures(self) -> int:
        """Lines that the filter has matched so far."""
        said = self._client("status", "dovecot").stdout
        found = [line.rsplit(":", 1)[1] for line in said.splitlines() if "Total failed" in line]
        return int(found[0]) if found else 0

    def start(self) -> Fail2ban:
        """Start it and wait until its jail is there.

        :raises RuntimeError: it did not come up; with what it said
        """
        self._configure()
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                ["fail2ban-server", "-f", "-x", *self._own, "start"],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            )  # fmt: skip
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            if self._client("status", "dovecot").returncode == 0:
                return self
            time.sleep(0.1)
        self.stop()
        said = [path.read_text(errors="replace") for path in (self.folder / "stderr", self.folder / "log") if path.exists()]
        raise RuntimeError("fail2ban did not start:\n" + "\n".join(said))

    def stop(self) -> None:
        """End it, by its own process id only."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    @property
    def _own(self) -> list[str]:
        return ["-c", str(self.folder / "etc"), "-s", str(self.folder / "socket"), "-p", str(self.folder / "pid")]

    def _client(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["fail2ban-client", *self._own, *words], capture_output=True, text=True, timeout=20, check=False)

    def _configure(self) -> None:
        etc = self.folder / "etc"
        (etc / "action.d").mkdir(parents=True)
        os.symlink(FILTERS, etc / "filter.d")
        (etc / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {self.folder}/log\nsyslogsocket = auto\n"
            f"socket = {self.folder}/socket\npidfile = {self.folder}/pid\ndbfile = {self.folder}/database\ndbpurgeage = 1d\n"
        )
        (etc / "action.d" / "write-down.conf").write_text(
            f"[Definition]\nactionstart =\nactionstop =\nactioncheck =\nactionunban =\n"
            f"actionban = echo <ip> >> {self.folder}/bans\n"
        )
        (etc / "jail.conf").write_text(
            "[dovecot]\nenabled = true\nfilter = dovecot[mode=aggressive]\nbackend = polling\nusedns = no\nignoreself = false\n"
            f"logpath = {self.log} tail\nmaxretry = {self.maxretry}\nfindtime = {self.findtime}\nbantime = 600\naction = write-down\n"
        )
