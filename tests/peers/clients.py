# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that are not the product's, asked one question: does this server speak this version with this suite?

OpenSSL's and tlslite-ng's complete the handshake. What neither can speak (DES, export, Camellia with GCM) is asked with a
hello written here by hand, up to the ServerHello.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.errors import TLSError

from . import chroots
from . import groups as named_groups
from .peer import SERVER_NAME
from .suites import BY_NUMBER, SSL30, TLS10, TLS11, TLS12, TLS13
from .tlslite_ng import CIPHERS, KEY_EXCHANGES

TIME_LIMIT = 30.0

S_CLIENT_VERSION = {TLS10: "-tls1", TLS11: "-tls1_1", TLS12: "-tls1_2", TLS13: "-tls1_3"}


def openssl_can_ask(version: int, suite: int) -> bool:
    """Whether this machine's OpenSSL speaks both."""
    return version in S_CLIENT_VERSION and bool(BY_NUMBER[suite].openssl)


def openssl_completes(
    address: str,
    port: int,
    version: int,
    suite: int,
    groups: tuple[int, ...] = (),
    release: chroots.Release | None = None,
) -> bool:
    """Ask with ``openssl s_client``, offering this one version and this one suite.

    :param groups: the named groups to offer; none given: all that OpenSSL has for the version
    :param release: ask with the OpenSSL of that Debian release
    """
    # OpenSSL 1.1.1 has no finite-field groups, and offers every curve in every version.
    new = version == TLS13 and release is not chroots.BULLSEYE
    offered = [
        group.openssl for group in named_groups.TABLE
        if (group.number in groups if groups else not group.is_hybrid or release is chroots.TRIXIE)
        and (group.is_in_tls13 if new else not group.is_finite_field)
    ]
    command = [
        *(("chroot", str(release.folder)) if release else ()), "openssl", "s_client", "-connect", f"{address}:{port}", "-servername", SERVER_NAME, "-brief",
        S_CLIENT_VERSION[version], "-groups", ":".join(offered),
    ]
    # The security level stands in the list of suites, also where the version has its own option for suites.
    if version == TLS13:
        command += ["-ciphersuites", BY_NUMBER[suite].openssl, "-cipher", "ALL:@SECLEVEL=0"]
    else:
        command += ["-cipher", f"{BY_NUMBER[suite].openssl}:@SECLEVEL=0"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False,
        env={**os.environ, "OPENSSL_CONF": "/dev/null"},
    )
    return b"CONNECTION ESTABLISHED" in done.stderr + done.stdout


def tlslite_can_ask(version: int, suite: int) -> bool:
    """Whether tlslite-ng speaks both."""
    row = BY_NUMBER[suite]
    return row.is_tls13 or (row.cipher in CIPHERS and row.key_exchange in KEY_EXCHANGES)


def tlslite_completes(address: str, port: int, version: int, suite: int, *, finite_field_groups: bool = True) -> bool:
    """Ask with tlslite-ng's client, offering this one version and this one suite.

    :param finite_field_groups: offer ffdhe groups up to TLS 1.2 too (RFC 7919), as OpenSSL 3.0 does not
    """
    row = BY_NUMBER[suite]
    settings = HandshakeSettings()
    minor = (3, version & 0xFF)
    settings.minVersion = settings.maxVersion = minor
    settings.versions = [minor]
    settings.cipherNames = [CIPHERS[row.cipher]]
    settings.macNames = ["aead" if row.is_aead else row.mac.lower()]
    settings.keyExchangeNames = ["ecdhe_rsa"] if row.is_tls13 else [KEY_EXCHANGES[row.key_exchange]]
    settings.eccCurves = [
        group.tlslite for group in named_groups.TABLE
        if group.tlslite and not group.is_finite_field and (version != TLS13 or group.is_in_tls13)
    ]
    settings.keyShares = ["x25519"] if version == TLS13 else []
    if not finite_field_groups:
        settings.dhGroups = []
    settings.minKeySize = 512
    settings.rsaSigHashes = ["sha512", "sha384", "sha256", "sha224", "sha1"]
    settings.useExperimentalTackExtension = False
    with socket.create_connection((address, port), timeout=TIME_LIMIT) as connection:
        client = TLSConnection(connection)
        try:
            if row.key_exchange.endswith("anon"):
                client.handshakeClientAnonymous(settings=settings, serverName=SERVER_NAME)
            else:
                client.handshakeClientCert(settings=settings, serverName=SERVER_NAME)
        except (TLSError, OSError, AttributeError):
            return False
        return client.session.cipherSuite == suite and client.version == minor


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack(">HH", number, len(body)) + body


def _list(values: tuple[int, ...]) -> bytes:
    return struct.pack(">H", 2 * len(values)) + b"".join(struct.pack(">H", one) for one in values)


def hello_is_answered(address: str, port: int, version: int, suite: int) -> bool:
    """Ask with a ClientHello of TLS 1.2 or below for this one suite; whether a ServerHello names just that."""
    curves = tuple(group.number for group in named_groups.TABLE if not group.is_finite_field and not group.is_hybrid)
    signatures = tuple(digest << 8 | key for digest in (6, 5, 4, 3, 2, 1) for key in (1, 3))
    extensions = _extension(10, _list(curves)) + _extension(11, b"\x01\x00")
    if version == TLS12:
        extensions += _extension(13, _list(signatures))
    body = struct.pack(">H", version) + os.urandom(32) + b"\x00" + _list((suite, 0x00FF)) + b"\x01\x00"
    if version != SSL30:
        body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    with socket.create_connection((address, port), timeout=TIME_LIMIT) as connection:
        connection.sendall(struct.pack(">BHH", 0x16, min(version, TLS10), len(message)) + message)
        answer = b""
        try:
            while len(answer) < 5 + 4 + 2 + 32 + 1 + 32 + 2 and (part := connection.recv(4096)):
                answer += part
        except OSError:
            pass
    if len(answer) < 46 or answer[0] != 0x16 or answer[5] != 0x02:
        return False
    after_session = 44 + answer[43]
    return struct.unpack_from(">H", answer, 9)[0] == version and answer[after_session:][:2] == struct.pack(">H", suite)


def is_spoken(
    address: str, port: int, version: int, suite: int, release: chroots.Release | None = None
) -> bool:
    """Ask with the first client that can; no finite-field groups are offered up to TLS 1.2.

    A refusal is asked for again: the JDK leaves out the leading zero of one shared secret in 256, and fails the handshake.
    """
    for _ in range(2):
        if openssl_can_ask(version, suite):
            spoken = openssl_completes(address, port, version, suite, release=release)
        elif tlslite_can_ask(version, suite):
            spoken = tlslite_completes(address, port, version, suite, finite_field_groups=False)
        else:
            spoken = hello_is_answered(address, port, version, suite)
        if spoken:
            return True
    return False
