# SPDX-License-Identifier: GPL-3.0-or-later
"""A POP3S server on the JDK's own TLS (`JsseServer.java`), with all that the JDK disables by default let through."""

from __future__ import annotations

import atexit
import functools
import random
import shutil
import subprocess
import tempfile
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

SOURCE = Path(__file__).parent / "JsseServer.java"

VERSIONS = {SSL30: "SSLv3", TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}

KEY_EXCHANGES = ("RSA", "DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA", "DH_anon", "ECDH_anon")
"""Static ECDH is left out: it wants certificates of its own kind."""

CIPHERS = (
    "AES_128_CBC", "AES_256_CBC", "AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305", "3DES_EDE_CBC", "DES_CBC",
    "DES40_CBC", "RC4_128", "RC4_40", "NULL",
)

CERTIFICATE_CURVE = 0x0017
"""P-256, the curve of `identities`' ECDSA key."""

SECURITY_PROPERTIES = "jdk.tls.disabledAlgorithms=\njdk.certpath.disabledAlgorithms=\njdk.tls.legacyAlgorithms=\n"


def _speaks(suite: Suite) -> bool:
    if suite.is_tls13:
        return "CCM" not in suite.name
    return suite.key_exchange in KEY_EXCHANGES and suite.cipher in CIPHERS


def java_name(suite: Suite) -> str:
    """The JDK's name: IANA's, but that suites older than TLS begin with SSL."""
    old = suite.number < 0x002F
    return "SSL" + suite.name.removeprefix("TLS") if old else suite.name


@functools.cache
def _classes() -> Path:
    """The server, compiled once a test run."""
    folder = Path(tempfile.mkdtemp(prefix="port995-jsse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        ["javac", "-d", str(folder), str(SOURCE)], check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120
    )
    return folder


class Jsse:
    """OpenJDK's server."""

    name = "jsse"
    versions = tuple(VERSIONS)
    suites = tuple(suite.number for suite in TABLE if not suite.is_tls13 and _speaks(suite))
    suites13 = tuple(suite.number for suite in TABLE if suite.is_tls13 and _speaks(suite))
    groups = tuple(group.number for group in named_groups.TABLE if group.java)

    def missing(self) -> str | None:
        if shutil.which("java") is None or shutil.which("javac") is None:
            return "no Java compiler is installed (Debian: openjdk-17-jdk-headless)"
        return None

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        port = own_port()
        for key_type in configuration.key_types:
            identities.write(key_type, folder)
        suites = [BY_NUMBER[one] for one in (*configuration.suites13, *configuration.suites)]
        (folder / "security.properties").write_text(SECURITY_PROPERTIES)
        (folder / "server.properties").write_text(
            f"port={port}\nkey_types={','.join(configuration.key_types)}\n"
            f"versions={','.join(VERSIONS[one] for one in configuration.versions)}\n"
            f"suites={','.join(java_name(one) for one in suites)}\n"
            f"server_order={str(configuration.server_order).lower()}\n"
        )
        groups = ",".join(named_groups.BY_NUMBER[one].java for one in configuration.groups)
        log_file = folder / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
                 f"-Djava.security.properties={folder}/security.properties", f"-Djdk.tls.namedGroups={groups}",
                 "-cp", str(_classes()), "JsseServer", str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        wait_until_open(process, "127.0.0.1", port, log_file)
        return Running("127.0.0.1", port, log_file, lambda: stop_process(process))

    def truth(self, configuration: TlsConfiguration) -> Truth:
        def exists_in(suite: Suite, version: int) -> bool:
            if suite.is_export:
                return version <= TLS10  # RFC 4346 A.5
            if suite.cipher == "DES_CBC":
                return version <= TLS11  # RFC 5246 1.2
            # Below TLS 1.3 an ECDSA certificate is used only if its own curve is among the server's groups.
            curveless = suite.key_type == "ecdsa" and CERTIFICATE_CURVE not in configuration.groups
            return suite.exists_in(version) and not curveless

        def groups_of(version: int) -> frozenset[int]:
            return in_tls13(configuration.groups) if version == TLS13 else elliptic(configuration.groups)

        # DHE finds parameters whatever the groups are.
        return truth_by_rule(configuration, exists_in, groups_of, lambda version: True)

    def random(self, rng: random.Random) -> TlsConfiguration:
        return some_configuration(self, rng)
