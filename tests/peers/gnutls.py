# SPDX-License-Identifier: GPL-3.0-or-later
"""gnutls-serv on this machine's GnuTLS (Debian 12: 3.7). It speaks TLS from the first byte, and no POP3 inside.

A priority string names key exchanges, ciphers and MACs, not suites: what is on is their product (`closure`).
"""

from __future__ import annotations

import dataclasses
import random
import shutil
import subprocess
from pathlib import Path

from tests.ports import own_port

from . import groups as named_groups
from . import identities
from .peer import (
    Running,
    TlsConfiguration,
    Truth,
    elliptic,
    in_tls13,
    some_configuration,
    stop_process,
    truth_by_rule,
    wait_until_open,
)
from .suites import BY_NUMBER, TABLE, TLS10, TLS11, TLS12, TLS13, Suite

VERSIONS = {TLS10: "VERS-TLS1.0", TLS11: "VERS-TLS1.1", TLS12: "VERS-TLS1.2", TLS13: "VERS-TLS1.3"}

KEY_EXCHANGES = {
    "RSA": "RSA", "DHE_RSA": "DHE-RSA", "ECDHE_RSA": "ECDHE-RSA", "ECDHE_ECDSA": "ECDHE-ECDSA", "DH_anon": "ANON-DH",
    "ECDH_anon": "ANON-ECDH",
}

CIPHERS = {
    "AES_128_CBC": "AES-128-CBC", "AES_256_CBC": "AES-256-CBC", "AES_128_GCM": "AES-128-GCM",
    "AES_256_GCM": "AES-256-GCM", "AES_128_CCM": "AES-128-CCM", "AES_256_CCM": "AES-256-CCM",
    "AES_128_CCM_8": "AES-128-CCM-8", "AES_256_CCM_8": "AES-256-CCM-8", "CHACHA20_POLY1305": "CHACHA20-POLY1305",
    "CAMELLIA_128_CBC": "CAMELLIA-128-CBC", "CAMELLIA_256_CBC": "CAMELLIA-256-CBC",
    "CAMELLIA_128_GCM": "CAMELLIA-128-GCM", "CAMELLIA_256_GCM": "CAMELLIA-256-GCM", "3DES_EDE_CBC": "3DES-CBC",
    "RC4_128": "ARCFOUR-128", "NULL": "NULL",
}

MACS = {"MD5": "MD5", "SHA": "SHA1", "SHA256": "SHA256", "SHA384": "SHA384", "AEAD": "AEAD"}


def _speaks(suite: Suite) -> bool:
    return suite.is_tls13 or (suite.key_exchange in KEY_EXCHANGES and suite.cipher in CIPHERS and not suite.is_export)


def closure(configuration: TlsConfiguration) -> TlsConfiguration:
    """The configuration that GnuTLS makes of this one: every suite whose parts are all on."""
    asked = [BY_NUMBER[one] for one in (*configuration.suites, *configuration.suites13)]
    ciphers, macs = {one.cipher for one in asked}, {one.mac for one in asked}
    exchanges = {one.key_exchange for one in asked if not one.is_tls13}

    def is_on(suite: Suite) -> bool:
        return _speaks(suite) and suite.cipher in ciphers and suite.mac in macs

    more = [one.number for one in TABLE if not one.is_tls13 and one.key_exchange in exchanges and is_on(one)]
    more13 = [one.number for one in TABLE if one.is_tls13 and is_on(one)]
    return dataclasses.replace(
        configuration,
        suites=tuple(dict.fromkeys((*configuration.suites, *more))),
        suites13=tuple(dict.fromkeys((*configuration.suites13, *more13))),
    )


def priority(configuration: TlsConfiguration) -> str:
    """The priority string: everything by name, nothing from a keyword that changes with the release."""
    asked = [BY_NUMBER[one] for one in (*configuration.suites, *configuration.suites13)]
    parts = [
        *(VERSIONS[one] for one in reversed(configuration.versions)),
        *(KEY_EXCHANGES[one.key_exchange] for one in asked if not one.is_tls13),
        *(CIPHERS[one.cipher] for one in asked),
        *(MACS[one.mac] for one in asked),
        *("GROUP-" + named_groups.BY_NUMBER[one].gnutls for one in configuration.groups),
        "SIGN-ALL", "COMP-NULL", "CTYPE-X509",
    ]
    order = ":%SERVER_PRECEDENCE" if configuration.server_order else ""
    return "NONE:+" + ":+".join(dict.fromkeys(parts)) + order


class GnuTls:
    """gnutls-serv, echoing what it is told."""

    name = "gnutls"
    versions = tuple(VERSIONS)
    suites = tuple(suite.number for suite in TABLE if not suite.is_tls13 and _speaks(suite))
    suites13 = tuple(suite.number for suite in TABLE if suite.is_tls13)
    groups = tuple(group.number for group in named_groups.TABLE if group.gnutls)

    def missing(self) -> str | None:
        return None if shutil.which("gnutls-serv") else "gnutls-serv is not installed (Debian: gnutls-bin)"

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        port = own_port()
        command = [
            "gnutls-serv", "--echo", "--disable-client-cert", f"--port={port}", f"--priority={priority(configuration)}",
        ]
        for key_type in configuration.key_types:
            identity = identities.write(key_type, folder)
            command += [f"--x509certfile={identity.certificate}", f"--x509keyfile={identity.key}"]
        if configuration.dh_parameters:
            command.append(f"--dhparams={identities.write_dh_parameters(folder)}")
        log_file = folder / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until_open(process, "127.0.0.1", port, log_file)
        return Running("127.0.0.1", port, log_file, lambda: stop_process(process), speaks_pop3=False)

    def truth(self, configuration: TlsConfiguration) -> Truth:
        configuration = closure(configuration)
        null_is_on = any(BY_NUMBER[one].cipher == "NULL" for one in configuration.suites)
        finite_field_group = any(named_groups.BY_NUMBER[one].is_finite_field for one in configuration.groups)

        older_without_12 = configuration.versions[0] < TLS12 and TLS12 not in configuration.versions

        def exists_in(suite: Suite, version: int) -> bool:
            # GnuTLS 3.7 has no suite of TLS 1.3 with the NULL cipher in the priority string, nor beside older versions
            # when 1.2 is left out between them.
            return suite.exists_in(version) and not (version == TLS13 and (null_is_on or older_without_12))

        def groups_of(version: int) -> frozenset[int]:
            # It takes its old curves in TLS 1.3 too, though they were withdrawn there (RFC 8446 section 4.2.7).
            every = elliptic(configuration.groups)
            return every | in_tls13(configuration.groups) if version == TLS13 else every

        found = truth_by_rule(
            configuration, exists_in, groups_of, lambda version: configuration.dh_parameters or finite_field_group
        )
        if finite_field_group:
            return found
        finite_field = frozenset(pair for pair in found.pairs if BY_NUMBER[pair[1]].is_finite_field)
        return dataclasses.replace(found, only_without_ffdhe=finite_field)

    def random(self, rng: random.Random) -> TlsConfiguration:
        while True:
            some = closure(some_configuration(self, rng))
            # A priority string that leaves no suite at all is refused, at the first connection.
            if self.truth(dataclasses.replace(some, key_types=("rsa", "ecdsa"), dh_parameters=True)).pairs:
                return some
