# SPDX-License-Identifier: GPL-3.0-or-later
"""stunnel on this machine's OpenSSL, in front of a POP3 server in clear text (`pop3_responder`)."""

from __future__ import annotations

import dataclasses
import random
import shutil
import subprocess
from pathlib import Path

from tests.ports import own_port

from . import groups as named_groups
from . import identities, openssl_stack
from .peer import Running, TlsConfiguration, Truth, some_configuration, stop_process, wait_until_open
from .pop3_responder import Pop3Responder


class Stunnel:
    """One certificate at a time."""

    name = "stunnel"
    versions = openssl_stack.VERSIONS
    suites = openssl_stack.SUITES
    suites13 = openssl_stack.SUITES13
    groups = openssl_stack.ELLIPTIC + openssl_stack.FINITE_FIELD

    def missing(self) -> str | None:
        return None if shutil.which("stunnel") else "stunnel is not installed (Debian: stunnel4)"

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        port = own_port()
        (key_type,) = configuration.key_types
        identity = identities.write(key_type, folder)
        if configuration.dh_parameters:
            with identity.certificate.open("a") as certificate:
                certificate.write(identities.FFDHE2048)
        responder = Pop3Responder()
        lowest, highest = (openssl_stack.PROTOCOLS[configuration.versions[end]] for end in (0, -1))
        lines = [
            "foreground = yes", "pid =", "debug = info", "syslog = no", "[pop3s]",
            f"accept = 127.0.0.1:{port}", f"connect = 127.0.0.1:{responder.port}",
            f"cert = {identity.certificate}", f"key = {identity.key}",
            f"sslVersionMin = {lowest}", f"sslVersionMax = {highest}", "securityLevel = 0",
            f"ciphers = {openssl_stack.cipher_list(configuration)}",
            f"ciphersuites = {openssl_stack.cipher_suites13(configuration)}",
            f"curves = {':'.join(named_groups.BY_NUMBER[one].openssl for one in configuration.groups)}",
        ]
        if configuration.server_order:
            lines.append("options = CIPHER_SERVER_PREFERENCE")
        (folder / "stunnel.conf").write_text("\n".join(lines) + "\n")
        log_file = folder / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                ["stunnel", str(folder / "stunnel.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def stop() -> None:
            stop_process(process)
            responder.close()

        try:
            wait_until_open(process, "127.0.0.1", port, log_file)
        except RuntimeError:
            responder.close()
            raise
        return Running("127.0.0.1", port, log_file, stop)

    def truth(self, configuration: TlsConfiguration) -> Truth:
        # Where it was given no parameters it takes its own.
        return openssl_stack.truth(configuration, dh_parameters=True)

    def random(self, rng: random.Random) -> TlsConfiguration:
        some = some_configuration(self, rng, contiguous=True)
        return dataclasses.replace(some, key_types=(rng.choice(("rsa", "ecdsa")),))
