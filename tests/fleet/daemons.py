# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with other mail servers than the lab's own: booted, each as Debian installs it."""

from __future__ import annotations

import sys

from tests.peers import chroots

from . import image

_WITHOUT_SERVER = tuple(package for package in image.COMMON if package != "dovecot-pop3d")
BULLSEYE = chroots.Release("bullseye-booted-mail", (*image.COMMON, "openssl"))
"""Debian 11: Dovecot 2.3.13 on OpenSSL 1.1.1, Python 3.9, systemd 247."""
TRIXIE = chroots.Release("trixie-booted-mail", (*image.COMMON, "openssl"))
"""Debian 13: Dovecot 2.4.1 on OpenSSL 3.5, Python 3.13, systemd 257."""
COURIER = chroots.Release("bookworm-booted-mail-courier", (*_WITHOUT_SERVER, "courier-pop", "openssl"))
"""Courier 1.0.16 on GnuTLS 3.7."""
CYRUS = chroots.Release("bookworm-booted-mail-cyrus", (*_WITHOUT_SERVER, "cyrus-pop3d", "sasl2-bin", "openssl"))
"""Cyrus 3.6.1 on OpenSSL 3.0."""
RELEASES = (TRIXIE, COURIER, CYRUS, BULLSEYE)


def main() -> int:
    """Make the images that are not there yet."""
    for release in RELEASES:
        chroots.make(release)
        print(f"{release.name}: {release.folder}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
