# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with other mail servers than the lab's own: booted, each as Debian installs it."""

from __future__ import annotations

from tests.peers import chroots

from . import image

_BASE = tuple(package for package in image.COMMON if package not in ("dovecot-pop3d", "msmtp-mta", "ssl-cert"))
BULLSEYE = chroots.Release("bullseye-booted", (*image.COMMON, "sudo"))
"""Debian 11: Dovecot 2.3.13 on OpenSSL 1.1.1, Python 3.9, systemd 247."""
TRIXIE = chroots.Release("trixie-booted", (*image.COMMON, "sudo"))
"""Debian 13: Dovecot 2.4.1 on OpenSSL 3.5, Python 3.13, systemd 257."""
COURIER = chroots.Release("bookworm-booted-courier", (*_BASE, "sudo", "courier-pop", "msmtp-mta", "ssl-cert"))
"""Courier 1.0.16 on GnuTLS 3.7."""
CYRUS = chroots.Release("bookworm-booted-cyrus", (*_BASE, "sudo", "cyrus-pop3d", "msmtp-mta", "ssl-cert", "openssl"))
"""Cyrus 3.6.1 on OpenSSL 3.0."""
