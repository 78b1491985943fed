# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail servers of the lab's hosts: on which image each is, and what it needs beyond Debian's installation to serve
995. What is not written here is as Debian has it.
"""

from __future__ import annotations

import dataclasses

from tests.peers import chroots

from . import image
from .lab import Host, Lab


@dataclasses.dataclass(frozen=True)
class MailServer:
    """A mail server on a host of its own."""

    name: str
    release: chroots.Release
    package: str
    version: str
    """How its version begins."""
    process: str
    """The name of the process that has the listening socket of 995."""
    unit: str
    """The unit of systemd that it belongs to."""
    prepare: str = ""
    """Commands of the shell, run once as root after the first boot."""

    def boot(self, lab: Lab) -> Host:
        """Boot a host with it, and wait until it listens on 995."""
        host = lab.host(self.release)
        if self.prepare:
            host.console(self.prepare)
        host.wait_for_listener()
        return host

    def reset(self, host: Host) -> None:
        """Make its host anew."""
        host.reset()
        if self.prepare:
            host.console(self.prepare)
        host.wait_for_listener()


DOVECOT_2_3_13 = MailServer("dovecot-2.3.13", image.BULLSEYE, "dovecot-core", "2.3.13", "dovecot", "dovecot.service")
DOVECOT_2_3_19 = MailServer("dovecot-2.3.19", image.BOOKWORM, "dovecot-core", "2.3.19", "dovecot", "dovecot.service")
DOVECOT_2_4_1 = MailServer("dovecot-2.4.1", image.TRIXIE, "dovecot-core", "2.4.1", "dovecot", "dovecot.service")
COURIER = MailServer("courier", image.COURIER, "courier-pop", "1.0.16", "couriertcpd", "courier-pop-ssl.service")
CYRUS = MailServer(
    "cyrus", image.CYRUS, "cyrus-pop3d", "3.6.1", "cyrmaster", "cyrus-imapd.service",
    prepare="""set -e
sed -i 's/^\\([[:space:]]*\\)#pop3s\\([[:space:]]*cmd="pop3d \\)/\\1pop3s\\2/' /etc/cyrus.conf
sed -i -E 's/^([[:space:]]*)(imap|nntp|http)[[:space:]]/\\1#&/' /etc/cyrus.conf
sed -i -E 's/^#(tls_server_(cert|key):)/\\1/' /etc/imapd.conf
adduser --quiet cyrus ssl-cert
for name in "" /socket /proc /lock; do echo "d /run/cyrus$name 0755 cyrus mail"; done > /etc/tmpfiles.d/cyrus.conf
systemd-tmpfiles --create cyrus.conf
systemctl restart cyrus-imapd.service
""",
)  # fmt: skip
"""Debian's line for POP3S in cyrus.conf and the certificate in imapd.conf are comments: taken in, with the group that may
read the key. Services whose programs are in other packages are left out, else its master ends. Its folder under /run,
which nothing of Debian's package makes where systemd starts it, comes with a file of systemd-tmpfiles."""

SERVERS = (DOVECOT_2_3_13, DOVECOT_2_3_19, DOVECOT_2_4_1, COURIER, CYRUS)
