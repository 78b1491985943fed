# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 on this machine's own OpenSSL (Debian 12: 2.3.19 on 3.0)."""

from __future__ import annotations

import random
from pathlib import Path

from tests.integration.dovecot.server import Dovecot, dovecot_binary

from . import groups as named_groups
from . import identities, openssl_stack
from .peer import Running, TlsConfiguration, Truth, some_configuration


def settings(configuration: TlsConfiguration, folder: Path, *, inside: Path | None = None) -> str:
    """The lines of dovecot.conf that TLS depends on, in the syntax of 2.3; the files they name are written.

    :param inside: the folder's path as Dovecot sees it, where that is another
    """
    inside = inside or folder
    for key_type in configuration.key_types:
        identities.write(key_type, folder)
    # The highest version and TLS 1.3's suites stand there: 2.3.13 has no setting for either.
    openssl_stack.write_openssl_cnf(configuration, folder)
    lines = [
        f"import_environment = TZ OPENSSL_CONF={inside}/openssl.cnf",
        f"ssl_min_protocol = {openssl_stack.PROTOCOLS[configuration.versions[0]]}",
        f"ssl_cipher_list = {openssl_stack.cipher_list(configuration)}",
        f"ssl_curve_list = {':'.join(named_groups.BY_NUMBER[one].openssl for one in configuration.groups)}",
        f"ssl_prefer_server_ciphers = {'yes' if configuration.server_order else 'no'}",
    ]
    if configuration.dh_parameters:
        identities.write_dh_parameters(folder)
        lines.append(f"ssl_dh = <{inside}/dh.pem")
    for setting, key_type in zip(("ssl", "ssl_alt"), configuration.key_types, strict=False):
        lines += [f"{setting}_cert = <{inside}/{key_type}.crt", f"{setting}_key = <{inside}/{key_type}.key"]
    return "\n".join(lines) + "\n"


class Dovecot23:
    """As installed on this machine."""

    name = "dovecot-2.3"
    versions = openssl_stack.VERSIONS
    suites = openssl_stack.SUITES
    suites13 = openssl_stack.SUITES13
    groups = openssl_stack.ELLIPTIC + openssl_stack.FINITE_FIELD

    def missing(self) -> str | None:
        return None if dovecot_binary() else "dovecot is not installed (Debian: dovecot-pop3d)"

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        extra = settings(configuration, folder)
        first = configuration.key_types[0]
        server = Dovecot(folder, folder / f"{first}.crt", folder / f"{first}.key", listen="127.0.0.1", extra=extra)
        server.start()
        return Running("127.0.0.1", server.pop3s_port, folder / "log", server.stop, stls_port=server.pop3_port)

    def truth(self, configuration: TlsConfiguration) -> Truth:
        # Without ssl_dh a DHE suite is chosen, and then the connection ends with nothing sent.
        return openssl_stack.truth(configuration, dh_parameters=configuration.dh_parameters)

    def random(self, rng: random.Random) -> TlsConfiguration:
        return some_configuration(self, rng, contiguous=True)
