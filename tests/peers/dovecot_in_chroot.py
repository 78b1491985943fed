# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot of other Debian releases: 2.3.13 on OpenSSL 1.1.1, 2.4 on OpenSSL 3.5; each in its folder (`chroots`)."""

from __future__ import annotations

import dataclasses
import random
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.ports import own_port

from . import chroots, dovecot23, identities, openssl_stack
from . import groups as named_groups
from .peer import Running, TlsConfiguration, Truth, some_configuration, stop_process, wait_until_open
from .suites import TLS12, TLS13

HYBRID = (0x11EB, 0x11EC, 0x11ED)


def _start(release: chroots.Release, folder: Path, write: Callable[[Path, Path, int, int], str]) -> Running:
    """Start the release's Dovecot in its chroot; its files lie there in a folder of their own, which goes with it.

    :param write: gives dovecot.conf for: that folder, the same as Dovecot sees it, POP3S port, POP3 port
    """
    own = Path(tempfile.mkdtemp(prefix="port995-", dir=release.folder / "tmp"))
    own.chmod(0o755)
    inside = Path("/") / own.relative_to(release.folder)
    port, stls_port = own_port(), own_port()
    for name in ("run", "state", "mail"):
        (own / name).mkdir()
    (own / "dovecot.conf").write_text(write(own, inside, port, stls_port))
    log_file = folder / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["chroot", str(release.folder), "dovecot", "-F", "-c", f"{inside}/dovecot.conf"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
        )

    def stop() -> None:
        stop_process(process)
        shutil.rmtree(own, ignore_errors=True)

    try:
        wait_until_open(process, "127.0.0.1", port, log_file)
    except RuntimeError:
        stop()
        raise
    return Running("127.0.0.1", port, log_file, stop, stls_port=stls_port)


def _listeners(port: int, stls_port: int) -> str:
    return textwrap.dedent(f"""\
        service pop3-login {{
          inet_listener pop3 {{
            port = {stls_port}
          }}
          inet_listener pop3s {{
            port = {port}
            ssl = yes
          }}
        }}
        """)


class DovecotOnOpenSsl111:
    """Dovecot 2.3.13 on OpenSSL 1.1.1, from Debian 11."""

    name = "dovecot-2.3-openssl-1.1.1"
    versions = openssl_stack.VERSIONS
    suites = openssl_stack.SUITES
    suites13 = openssl_stack.SUITES13
    groups = openssl_stack.ELLIPTIC
    """No finite-field groups: they came with OpenSSL 3.0."""

    def missing(self) -> str | None:
        return chroots.missing(chroots.BULLSEYE)

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        def write(own: Path, inside: Path, port: int, stls_port: int) -> str:
            return textwrap.dedent(f"""\
                base_dir = {inside}/run
                state_dir = {inside}/state
                log_path = /dev/stderr
                protocols = pop3
                listen = 127.0.0.1
                ssl = yes
                mail_location = maildir:{inside}/mail/%u
                passdb {{
                  driver = static
                  args = password=unused
                }}
                userdb {{
                  driver = static
                  args = uid=65534 gid=65534 home={inside}/mail/%u
                }}
                """) + _listeners(port, stls_port) + dovecot23.settings(configuration, own, inside=inside)

        return _start(chroots.BULLSEYE, folder, write)

    def truth(self, configuration: TlsConfiguration) -> Truth:
        return openssl_stack.truth(configuration, dh_parameters=configuration.dh_parameters, old_curves_in_tls13=True)

    def random(self, rng: random.Random) -> TlsConfiguration:
        some = some_configuration(self, rng, contiguous=True)
        # Its ssl_min_protocol does not know TLSv1.3.
        return dataclasses.replace(some, versions=(TLS12, TLS13)) if some.versions == (TLS13,) else some


class Dovecot24:
    """Dovecot 2.4 on OpenSSL 3.5, from Debian 13."""

    name = "dovecot-2.4"
    versions = openssl_stack.VERSIONS
    suites = openssl_stack.SUITES
    suites13 = openssl_stack.SUITES13
    groups = openssl_stack.ELLIPTIC + openssl_stack.FINITE_FIELD + HYBRID

    def missing(self) -> str | None:
        return chroots.missing(chroots.TRIXIE)

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        def write(own: Path, inside: Path, port: int, stls_port: int) -> str:
            openssl_stack.write_openssl_cnf(configuration, own)
            groups = ":".join(named_groups.BY_NUMBER[one].openssl for one in configuration.groups)
            text = textwrap.dedent(f"""\
                dovecot_config_version = 2.4.0
                dovecot_storage_version = 2.4.0
                base_dir = {inside}/run
                state_dir = {inside}/state
                log_path = /dev/stderr
                protocols = pop3
                listen = 127.0.0.1
                ssl = yes
                import_environment {{
                  OPENSSL_CONF = {inside}/openssl.cnf
                }}
                ssl_min_protocol = {openssl_stack.PROTOCOLS[configuration.versions[0]]}
                ssl_cipher_list = {openssl_stack.cipher_list(configuration)}
                ssl_cipher_suites = {openssl_stack.cipher_suites13(configuration)}
                ssl_curve_list = {groups}
                ssl_server_prefer_ciphers = {"server" if configuration.server_order else "client"}
                mail_driver = maildir
                mail_path = {inside}/mail/%{{user}}
                passdb static {{
                  password = unused
                }}
                userdb static {{
                  fields {{
                    uid = 65534
                    gid = 65534
                    home = {inside}/mail/%{{user}}
                  }}
                }}
                """) + _listeners(port, stls_port)
            if configuration.dh_parameters:
                identities.write_dh_parameters(own)
                text += f"ssl_server_dh_file = {inside}/dh.pem\n"
            for setting, key_type in zip(("ssl_server", "ssl_server_alt"), configuration.key_types, strict=False):
                identities.write(key_type, own)
                text += f"{setting}_cert_file = {inside}/{key_type}.crt\n{setting}_key_file = {inside}/{key_type}.key\n"
            return text

        return _start(chroots.TRIXIE, folder, write)

    def truth(self, configuration: TlsConfiguration) -> Truth:
        return openssl_stack.truth(configuration, dh_parameters=configuration.dh_parameters)

    def random(self, rng: random.Random) -> TlsConfiguration:
        return some_configuration(self, rng, contiguous=True)
