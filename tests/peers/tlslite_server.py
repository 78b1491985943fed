# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of `tlslite_ng`: ``python -m tests.peers.tlslite_server FOLDER PORT``, with configuration and keys in FOLDER."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSError
from tlslite.handshakesettings import Keypair, VirtualHost

from . import groups as named_groups
from . import pop3_responder
from .suites import BY_NUMBER, TLS13
from .tlslite_ng import CIPHERS, KEY_EXCHANGES

CONVERSATION_LIMIT = 30.0
"""Seconds a connection may last."""


def _serve_one(connection: socket.socket, settings: HandshakeSettings, own: tuple[X509CertChain, object] | None) -> None:
    connection.settimeout(CONVERSATION_LIMIT)
    server = TLSConnection(connection)
    try:
        if own is None:
            server.handshakeServer(anon=True, settings=settings)
        else:
            server.handshakeServer(certChain=own[0], privateKey=own[1], settings=settings)
        server.sendall(pop3_responder.GREETING)
        line = b""
        for _ in range(1024):
            octet = bytes(server.recv(1))
            line += octet
            if octet == b"\n":
                server.sendall(pop3_responder.answer(line))
                if line.strip().upper() == b"QUIT":
                    break
                line = b""
            elif not octet:
                break
        server.close()
    except (TLSError, OSError, ValueError, AssertionError) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        connection.close()


def _settings(configuration: dict[str, list[int]]) -> HandshakeSettings:
    asked = [BY_NUMBER[one] for one in (*configuration["suites"], *configuration["suites13"])]
    groups = [named_groups.BY_NUMBER[one] for one in configuration["groups"]]
    versions = [(3, one & 0xFF) for one in configuration["versions"]]
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = versions[0], versions[-1]
    settings.versions = [one for one in reversed(versions) if one > (3, 0)]
    settings.cipherNames = list(dict.fromkeys(CIPHERS[one.cipher] for one in asked))
    settings.macNames = list(dict.fromkeys("aead" if one.is_aead else one.mac.lower() for one in asked))
    settings.keyExchangeNames = list(dict.fromkeys(KEY_EXCHANGES[one.key_exchange] for one in asked if one.key_exchange))
    # A server of TLS 1.3 alone refuses to run with groups that 1.3 has not.
    usable = [one for one in groups if one.is_in_tls13 or configuration["versions"][0] != TLS13]
    settings.eccCurves = [one.tlslite for one in usable if not one.is_finite_field]
    settings.dhGroups = [one.tlslite for one in groups if one.is_finite_field]
    settings.keyShares = []
    settings.minKeySize = 512
    return settings


def main() -> None:
    """Serve until ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    configuration = json.loads((folder / "configuration.json").read_text())
    settings = _settings(configuration)
    keys = []
    for key_type in configuration["key_types"]:
        chain = X509CertChain()
        chain.parsePemList((folder / f"{key_type}.crt").read_text())
        keys.append((chain, parsePEMKey((folder / f"{key_type}.key").read_text(), private=True)))
    for chain, key in keys[1:]:
        host = VirtualHost()
        host.keys = [Keypair(key, chain.x509List)]
        settings.virtual_hosts.append(host)
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            own = keys[0] if keys else None
            threading.Thread(target=_serve_one, args=(connection, settings, own), daemon=True).start()


if __name__ == "__main__":
    main()
