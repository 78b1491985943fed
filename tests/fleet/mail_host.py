# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a mail server, a certificate by a CA of the test's own, a user with a message, and what looks at it."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.dovecot.certificates import make_chain
from tests.peers import chroots

from . import image
from .ansible_on_lab import Told, play
from .lab import REPOSITORY, Lab, LabError

MODULE = "port995.pop3s.pop3s_daemon"
NAME = "mail.example.org"
USER, PASSWORD = "anna", "not-a-secret-of-anybody"
SUBJECT = "The message that is there"
CERTIFICATE, KEY = "/etc/ssl/mail/chain.pem", "/etc/ssl/mail/leaf.key"

_USER = f"""set -e
useradd -m -s /bin/bash {USER}
echo '{USER}:{PASSWORD}' | chpasswd
for folder in '' /cur /new /tmp; do mkdir -p /home/{USER}/Maildir$folder; done
printf 'From: a@example.org\\nTo: {USER}@example.org\\nSubject: {SUBJECT}\\n\\nHello.\\n' > /home/{USER}/Maildir/new/1.test
chown -R {USER}: /home/{USER}
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A mail server, and how it differs."""

    name: str
    release: chroots.Release
    units: tuple[str, ...]
    packages: tuple[str, ...]
    """What is installed anew."""
    key_owner: str
    prepare: str
    fails: frozenset[str]
    """Checks of baseline that fail as Debian installs it."""


KINDS = (
    Kind("dovecot-2.3.13", image.BULLSEYE, ("dovecot",), ("dovecot-core", "dovecot-pop3d"), "root",
         _USER + "echo 'mail_location = maildir:~/Maildir' > /etc/dovecot/local.conf; systemctl restart dovecot",
         frozenset({"POP3S-CERT-001", "POP3S-CERT-002"})),
    Kind("dovecot-2.3.19", image.BOOKWORM, ("dovecot",), ("dovecot-core", "dovecot-pop3d"), "root",
         _USER + "echo 'mail_location = maildir:~/Maildir' > /etc/dovecot/local.conf; systemctl restart dovecot",
         frozenset({"POP3S-CERT-001", "POP3S-CERT-002"})),
    Kind("dovecot-2.4.1", image.TRIXIE, ("dovecot",), ("dovecot-core", "dovecot-pop3d"), "root",
         _USER + "printf 'mail_driver = maildir\\nmail_path = ~/Maildir\\nmail_inbox_path = ~/Maildir\\n'"
         " > /etc/dovecot/local.conf; systemctl restart dovecot",
         frozenset({"POP3S-CERT-001", "POP3S-CERT-002"})),
    Kind("courier", image.COURIER, ("courier-pop-ssl", "courier-pop"), ("courier-pop",), "courier", _USER,
         frozenset({"POP3S-CERT-001", "POP3S-CERT-002", "POP3S-CIPH-006", "POP3S-VER-003", "POP3S-CLR-002"})),
    Kind("cyrus", image.CYRUS, ("cyrus-imapd",), ("cyrus-pop3d",), "cyrus",
         _USER + r"""
sed -i -E 's/^([[:space:]]*)(imap|nntp|http)[[:space:]]/\1#&/' /etc/cyrus.conf
for name in "" /socket /proc /lock; do echo "d /run/cyrus$name 0755 cyrus mail"; done > /etc/tmpfiles.d/cyrus.conf
systemd-tmpfiles --create cyrus.conf
printf '192.0.2.1 inside\n198.51.100.2 outside\n' >> /etc/hosts
systemctl restart cyrus-imapd""",
         frozenset({"POP3S-PORT-001"})),
)  # fmt: skip
"""Cyrus as installed does not start: services whose programs are in other packages are left out, and its folders under
/run are made. It asks for the name of each client before it speaks, and no name server can be reached from a host."""
BY_NAME = {kind.name: kind for kind in KINDS}


class MailHost:
    """A host, ready to be looked at and changed."""

    def __init__(self, lab: Lab, kind: Kind, folder: Path) -> None:
        self.lab, self.kind, self.folder = lab, kind, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.chain, self.key, self.ca = make_chain(folder / "pki", NAME)
        self.host = lab.host(kind.release)
        self._prepare()

    def _prepare(self) -> None:
        self.host.console(self.kind.prepare)
        self.put_certificate(self.chain, self.key)
        self.host.wait_for_listener(110)

    def put_certificate(self, chain: Path, key: Path) -> None:
        """Put a certificate onto the host, for the daemon to read."""
        owner = self.kind.key_owner
        self.host.console(f"mkdir -p {os.path.dirname(CERTIFICATE)}; cat > {CERTIFICATE}", data=chain.read_bytes())
        self.host.console(
            f"umask 077; cat > {KEY}; chown {owner} {KEY}; chmod 600 {KEY}", data=key.read_bytes()
        )

    def reset(self) -> None:
        """Make it anew."""
        self.host.reset()
        self._prepare()

    def play(self, *more: str, **options: Any) -> Told:
        """Run a task of the module, as a user does."""
        return play(self.lab, self.folder, self.host, options, *more, module=MODULE)

    def enforce(self, *more: str, **options: Any) -> Told:
        """Run it with what a host that serves gets."""
        wanted: dict[str, Any] = {
            "profile": "baseline", "cleartext": "off", "certificate": CERTIFICATE, "key": KEY, "names": [NAME],
        }  # fmt: skip
        return self.play(*more, **{**wanted, **options})

    def audit(self, profile: str = "baseline") -> tuple[int, set[str]]:
        """(exit code of an audit from inside, ids of checks that are neither passed nor do not apply nor only told)."""
        out = self.folder / f"run-{os.urandom(4).hex()}"
        done = subprocess.run(
            [*self.lab.inside.prefix(), sys.executable, "-m", "port995", "audit", self.host.ipv4, "--server-name", NAME,
             "--ca-file", str(self.ca), "--profile", profile, "--families", "4", "--out", str(out)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False, cwd=REPOSITORY,
        )  # fmt: skip
        report = json.loads((out / "report.json").read_text())
        bad = {
            result["check_id"]
            for result in report["results"]
            if result["status"] not in ("pass", "not_applicable") and result["severity"] != "info"
        }
        return done.returncode, bad

    def log_in(self) -> str:
        """Log in by openssl s_client as a mail client does, and read the first message."""
        dialogue = f"USER {USER}\nPASS {PASSWORD}\nRETR 1\nQUIT\n"
        script = (
            # Some servers wait for an answer before they read on.
            f"(sleep 0.5; printf %s {shlex.quote(dialogue)} | while read -r line; do echo \"$line\"; sleep 0.4; done; sleep 1)"
            f" | openssl s_client -quiet -crlf -connect {self.host.ipv4}:995 -servername {NAME} -verify_hostname {NAME}"
            f" -verify_return_error -CAfile {self.ca} 2>&1"
        )
        return self.lab.inside.run("sh", "-c", script, check=False).stdout

    def fetch(self) -> str:
        """Fetch mail by fetchmail, which leaves it there."""
        rc = self.folder / "fetchmailrc"
        rc.write_text(
            f'poll {self.host.ipv4} protocol pop3 port 995 user "{USER}" password "{PASSWORD}" ssl sslcertck'
            f' sslcertfile "{self.ca}" sslcommonname "{NAME}" keep fetchall mda "cat >> {self.folder}/fetched"\n'
        )
        rc.chmod(0o600)
        done = self.lab.inside.run(
            "env", f"HOME={self.folder}", "fetchmail", "-f", str(rc), "--pidfile", str(self.folder / "pid"), "-N", check=False
        )
        fetched = self.folder / "fetched"
        return fetched.read_text() if fetched.exists() else done.stdout + done.stderr

    def packages(self) -> list[Path]:
        """The packages of the server, as the mirror has them.

        :raises LabError: they can't be had
        """
        folder = self.kind.release.folder / "var/tmp" / f"port995-{os.getpid()}"
        folder.mkdir(exist_ok=True)
        inside = "/" + str(folder.relative_to(self.kind.release.folder))
        done = subprocess.run(
            ["unshare", "--mount", "chroot", str(self.kind.release.folder), "sh", "-c",
             f"cd {inside} && (apt-get download {' '.join(self.kind.packages)} ||"
             f" (apt-get update -q && apt-get download {' '.join(self.kind.packages)}))"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        found = sorted(folder.glob("*.deb"))
        if done.returncode or len(found) != len(self.kind.packages):
            raise LabError(f"no packages of {self.kind.name}: {done.stderr[-500:]}")
        return found
