# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail servers as Debian installs them, each on a host of its own (`stock_host`): what is changed stands here, nothing else.

The certificates are those that the packages make by themselves, made anew for the host's name where it is in them.
"""

from __future__ import annotations

import dataclasses

from . import chroots

SNAKEOIL = "make-ssl-cert generate-default-snakeoil --force-overwrite"


@dataclasses.dataclass(frozen=True)
class Stock:
    """A server as installed.

    Commands are of the shell.
    """

    name: str
    release: chroots.Release
    start: str
    restart: str
    """Lets it read its configuration again."""


DOVECOT = Stock(
    "dovecot", chroots.DOVECOT,
    start=f"{SNAKEOIL}; dovecot",
    restart="doveadm reload; sleep 1",
)  # fmt: skip
"""2.3.19 on OpenSSL 3.0. Debian gives it a certificate and Diffie-Hellman parameters, and TLS is on."""

DOVECOT_24 = Stock(
    "dovecot-2.4", chroots.TRIXIE,
    start=DOVECOT.start,
    restart=DOVECOT.restart,
)  # fmt: skip
"""2.4.1 on OpenSSL 3.5."""

COURIER = Stock(
    "courier", chroots.COURIER,
    start="mkdir -p /run/courier; pop3d start; pop3d-ssl start",
    restart="pop3d-ssl stop; pop3d stop; sleep 1; pop3d start; pop3d-ssl start",
)  # fmt: skip
"""1.0.16 on GnuTLS 3.7. Its certificate, made when it was installed, is for localhost; the daemon that knows passwords
does not run."""

CYRMASTER = "cyrmaster -d -p /run/cyrmaster.pid -C /etc/imapd.conf -M /etc/cyrus.conf"
CYRUS = Stock(
    "cyrus", chroots.CYRUS,
    start=f"""{SNAKEOIL}
sed -i 's/^\\([[:space:]]*\\)#pop3s\\([[:space:]]*cmd="pop3d \\)/\\1pop3s\\2/' /etc/cyrus.conf
sed -i -E 's/^([[:space:]]*)(imap|nntp|http)[[:space:]]/\\1#&/' /etc/cyrus.conf
sed -i -E 's/^#(tls_server_(cert|key):)/\\1/' /etc/imapd.conf
adduser --quiet cyrus ssl-cert
mkdir -p /run/cyrus/socket /run/cyrus/proc /run/cyrus/lock
chown -R cyrus:mail /run/cyrus
{CYRMASTER}""",
    restart=f"kill $(cat /run/cyrmaster.pid); sleep 2\n{CYRMASTER}",
)  # fmt: skip
"""3.6.1 on OpenSSL 3.0. Debian's POP3S line in cyrus.conf and the certificate in imapd.conf are comments: taken in, with
the group that may read the key. Services whose programs are in other packages are left out, else its master ends."""

SERVERS = (DOVECOT, DOVECOT_24, COURIER, CYRUS)
