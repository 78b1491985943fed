# SPDX-License-Identifier: GPL-3.0-or-later
"""A POP3S server on tlslite-ng, for what Debian's TLS libraries can't serve any more: SSL 3.0 with RC4, 3DES and NULL.

Like GnuTLS it is told key exchanges, ciphers and MACs, so what is on is their product (`closure`). The server runs in a
process of its own (`tlslite_server`).
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
import subprocess
import sys
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
from .suites import BY_NUMBER, SSL30, TABLE, TLS10, TLS11, TLS12, TLS13, Suite

CIPHERS = {
    "AES_128_CBC": "aes128", "AES_256_CBC": "aes256", "AES_128_GCM": "aes128gcm", "AES_256_GCM": "aes256gcm",
    "AES_128_CCM": "aes128ccm", "AES_256_CCM": "aes256ccm", "AES_128_CCM_8": "aes128ccm_8",
    "AES_256_CCM_8": "aes256ccm_8", "CHACHA20_POLY1305": "chacha20-poly1305", "3DES_EDE_CBC": "3des",
    "RC4_128": "rc4", "NULL": "null",
}

KEY_EXCHANGES = {
    "RSA": "rsa", "DHE_RSA": "dhe_rsa", "ECDHE_RSA": "ecdhe_rsa", "ECDHE_ECDSA": "ecdhe_ecdsa", "DH_anon": "dh_anon",
    "ECDH_anon": "ecdh_anon",
}


def _speaks(suite: Suite) -> bool:
    return suite.cipher in CIPHERS and (suite.is_tls13 or suite.key_exchange in KEY_EXCHANGES)


def closure(configuration: TlsConfiguration) -> TlsConfiguration:
    """The configuration that tlslite-ng makes of this one: every suite whose parts are all on."""
    asked = [BY_NUMBER[one] for one in (*configuration.suites, *configuration.suites13)]
    ciphers, macs = {one.cipher for one in asked}, {one.mac for one in asked}
    exchanges = {one.key_exchange for one in asked if not one.is_tls13}
    on = [one for one in TABLE if _speaks(one) and one.cipher in ciphers and one.mac in macs]
    return dataclasses.replace(
        configuration,
        suites=tuple(one.number for one in on if not one.is_tls13 and one.key_exchange in exchanges),
        suites13=tuple(one.number for one in on if one.is_tls13),
    )


class TlsLite:
    """tlslite-ng's server. Without a certificate (``key_types=()``) it is anonymous; then it speaks no TLS 1.3."""

    name = "tlslite-ng"
    versions = (SSL30, TLS10, TLS11, TLS12, TLS13)
    suites = tuple(suite.number for suite in TABLE if not suite.is_tls13 and _speaks(suite))
    suites13 = tuple(suite.number for suite in TABLE if suite.is_tls13)
    groups = tuple(group.number for group in named_groups.TABLE if group.tlslite)

    def missing(self) -> str | None:
        if importlib.util.find_spec("tlslite") is None:
            return "tlslite-ng is not installed (it comes with the dev extra)"
        return None

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        port = own_port()
        for key_type in configuration.key_types:
            identities.write(key_type, folder)
        (folder / "configuration.json").write_text(json.dumps(dataclasses.asdict(configuration)))
        log_file = folder / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.peers.tlslite_server", str(folder), str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=Path(__file__).parents[2],
            )
        wait_until_open(process, "127.0.0.1", port, log_file)
        return Running("127.0.0.1", port, log_file, lambda: stop_process(process))

    def truth(self, configuration: TlsConfiguration) -> Truth:
        configuration = closure(configuration)
        finite_field_group = any(named_groups.BY_NUMBER[one].is_finite_field for one in configuration.groups)
        anonymous = not configuration.key_types

        def exists_in(suite: Suite, version: int) -> bool:
            # Anonymous or with a certificate: one server is never both. An ECDSA certificate is used only for a client
            # that names its curve, which SSL 3.0 can't.
            nameless = version == SSL30 and suite.key_type == "ecdsa"
            return suite.exists_in(version) and suite.key_exchange.endswith("anon") == anonymous and not nameless

        def groups_of(version: int) -> frozenset[int]:
            if version == SSL30:
                # Groups can't be offered there: the server takes its default curve, if that is on.
                return frozenset(configuration.groups) & {0x0017}
            return in_tls13(configuration.groups) if version == TLS13 else elliptic(configuration.groups)

        # It always has parameters for DHE: its own, or those of a finite-field group.
        found = truth_by_rule(configuration, exists_in, groups_of, lambda version: True)
        if finite_field_group:
            return found
        # SSL 3.0 has no extension to offer groups in, and the anonymous server does not look at them for DHE.
        refused = frozenset(
            pair for pair in found.pairs if BY_NUMBER[pair[1]].key_exchange == "DHE_RSA" and pair[0] != SSL30
        )
        return dataclasses.replace(found, only_without_ffdhe=refused)

    def random(self, rng: random.Random) -> TlsConfiguration:
        some = some_configuration(self, rng, contiguous=True)
        if rng.random() < 0.15:
            some = dataclasses.replace(some, key_types=())
        return closure(some)
