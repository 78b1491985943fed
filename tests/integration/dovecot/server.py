# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Dovecot of the test's own: its configuration, base_dir, ports and certificate lie in temporary folders."""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

from tests.ports import own_port

START_TIMEOUT = 15.0
"""Seconds Dovecot gets to open its ports."""


def dovecot_binary() -> str | None:
    """Path of the dovecot binary, also where sbin is not on a user's PATH; ``None``: not installed."""
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def owner() -> int:
    """The uid and gid of mailboxes: nobody's for root, which Dovecot lets own none."""
    return 65534 if os.getuid() == 0 else os.getuid()


@dataclasses.dataclass
class Dovecot:
    """A running Dovecot; use `start` and `stop`, or the fixture."""

    folder: Path
    certificate: Path
    key: Path
    listen: str = "127.0.0.1, ::1"
    extra: str = ""
    users: dict[str, str] = dataclasses.field(default_factory=dict)
    """Names and passwords, for a passwd-file; none: everybody has the same."""

    pop3s_port: int = 0
    pop3_port: int = 0
    base: Path | None = None
    """For its sockets: the path of one has 107 octets at the most (``unix(7)``), and pytest's folders have long ones."""

    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What Dovecot has logged so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configuration(self) -> str:
        """dovecot.conf in the syntax of 2.3; without root every process runs as the caller."""
        me = pwd.getpwuid(os.getuid()).pw_name
        group = grp.getgrgid(os.getgid()).gr_name
        users = "" if os.getuid() == 0 else (
            f"default_login_user = {me}\ndefault_internal_user = {me}\ndefault_internal_group = {group}\n"
        )
        chroot = "" if os.getuid() == 0 else "  chroot =\n"
        return textwrap.dedent(f"""\
            base_dir = {self.base}
            state_dir = {self.folder}/state
            log_path = {self.folder}/log
            info_log_path = {self.folder}/log
            protocols = pop3
            listen = {self.listen}
            ssl = yes
            ssl_cert = <{self.certificate}
            ssl_key = <{self.key}
            mail_location = maildir:{self.folder}/mail/%u
            passdb {{
              driver = {"passwd-file" if self.users else "static"}
              args = {f"scheme=PLAIN {self.folder}/users" if self.users else "password=unused"}
            }}
            userdb {{
              driver = static
              args = uid={owner()} gid={owner()} home={self.folder}/mail/%u
            }}
            """) + users + textwrap.dedent(f"""\
            service pop3-login {{
              inet_listener pop3 {{
                port = {self.pop3_port}
              }}
              inet_listener pop3s {{
                port = {self.pop3s_port}
                ssl = yes
              }}
            """) + chroot + "}\n" + self.extra

    def start(self, prefix: list[str] | None = None) -> Dovecot:
        """Start it and wait until it says in its log that it is up, and its port answers where that can be tried.

        :param prefix: command put before it (``ip netns exec NAME``); its port is then not tried from here
        :raises RuntimeError: it did not come up; with its log
        """
        binary = dovecot_binary()
        if binary is None:
            raise RuntimeError("dovecot is not installed")
        self.pop3s_port = self.pop3s_port or own_port()
        self.pop3_port = self.pop3_port or own_port()
        self.base = Path(tempfile.mkdtemp(prefix="port995-", dir="/tmp"))
        self.base.chmod(0o755)
        for name in ("state", "mail"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if self.users:
            # Readable for the user that Dovecot's auth process runs as.
            (self.folder / "users").write_text("".join(f"{name}:{word}\n" for name, word in self.users.items()))
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(self.configuration())
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [*(prefix or []), binary, "-F", "-c", str(configuration)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            )
        first = self.listen.split(",")[0].strip()
        address = "127.0.0.1" if first in ("*", "0.0.0.0") else first
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            if prefix:
                if "starting up" in self.log:
                    time.sleep(0.3)
                    return self
                time.sleep(0.05)
                continue
            try:
                socket.create_connection((address, self.pop3s_port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        self.stop()
        raise RuntimeError(f"dovecot did not start:\n{(self.folder / 'stderr').read_text()}\n{self.log}")

    def stop(self) -> None:
        """End it, by its own process id only."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        if self.base is not None:
            shutil.rmtree(self.base, ignore_errors=True)
