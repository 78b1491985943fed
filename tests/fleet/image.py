# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems that the lab's hosts start from: Debian with an init, a way in, a firewall's tools and a mail server."""

from __future__ import annotations

import os
import shutil
import sys

from tests.peers import chroots

BASE = (
    "systemd", "systemd-sysv", "dbus", "python3", "openssh-server", "openssh-sftp-server", "iproute2", "iptables",
    "nftables", "procps",
)  # fmt: skip
COMMON = (*BASE, "dovecot-pop3d", "msmtp-mta", "ssl-cert")

BOOKWORM = chroots.Release("bookworm-booted", COMMON)
"""Debian 12: Python 3.11, nft 1.0.6, systemd 252, Dovecot 2.3.19 on 110 and 995. Its nftables.service is installed and
disabled, as Debian does it: a host with no firewall. The smallest of mail transport agents stands in for the one that
Dovecot's packages want."""

UFW = chroots.Release("bookworm-booted-ufw", (*COMMON, "ufw"))
FIREWALLD = chroots.Release("bookworm-booted-firewalld", (*COMMON, "firewalld"))
"""1.3.3, with its rules in nftables; the package enables it."""

BULLSEYE = chroots.Release("bullseye-booted", (*COMMON, "sudo"))
"""Debian 11: Python 3.9, nft 0.9.8, systemd 247, Dovecot 2.3.13 on OpenSSL 1.1.1. Its main suite only."""
TRIXIE = chroots.Release("trixie-booted", (*COMMON, "sudo"))
"""Debian 13: Python 3.13, nft 1.1.3, systemd 257, Dovecot 2.4.1 on OpenSSL 3.5."""
COURIER = chroots.Release("bookworm-booted-courier", (*BASE, "sudo", "courier-pop", "msmtp-mta", "ssl-cert"))
"""1.0.16 on GnuTLS 3.7; 995 is its unit courier-pop-ssl.service, which listens with couriertcpd."""
CYRUS = chroots.Release("bookworm-booted-cyrus", (*BASE, "sudo", "cyrus-pop3d", "msmtp-mta", "ssl-cert", "openssl"))
"""3.6.1 on OpenSSL 3.0; as installed it does not start, see `mail_servers`."""

BESIDE = chroots.Release(
    "bookworm-booted-beside", (*COMMON, "stunnel4", "nginx", "libnginx-mod-stream", "fail2ban", "python3-systemd")
)
"""Dovecot, with what stands in front of it or watches it; only what a test starts is set up. It is made at its first use,
which takes minutes: what CI chooses of the tests does without it."""


PERSISTENT = chroots.Release("bookworm-booted-iptables-persistent", (*COMMON, "iptables-persistent"))
"""Its service, netfilter-persistent, is enabled by the package; it and ufw exclude each other."""


IMAGES = {"none": BOOKWORM, "ufw": UFW, "firewalld": FIREWALLD, "iptables": PERSISTENT}
"""By the firewall that they come with."""

RELEASES = (*IMAGES.values(), BULLSEYE, TRIXIE, COURIER, CYRUS)


def missing() -> str | None:
    """Why no host can be booted on this machine; ``None``: they can (making the image comes with the first use)."""
    if os.geteuid() != 0:
        return "booting hosts needs root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = {
        "systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "ip": "iproute2", "nsenter": "util-linux",
        "ssh": "openssh-client", "ssh-keygen": "openssh-client",
    }  # fmt: skip
    for command, package in packages.items():
        if shutil.which(command, path=path) is None:
            return f"booting hosts needs {command} (Debian: {package})"
    try:
        chroots.mirror()
    except (RuntimeError, OSError) as error:
        return None if BOOKWORM.is_made else str(error)
    return None


def main() -> int:
    """Make the images that are not there yet, before tests with a time limit wait for one."""
    reason = missing()
    if reason is not None:
        print(f"no hosts: {reason}")
        return 0
    return chroots.make_all(RELEASES)


if __name__ == "__main__":
    sys.exit(main())
