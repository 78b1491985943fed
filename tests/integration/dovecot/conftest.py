# SPDX-License-Identifier: GPL-3.0-or-later
"""One real Dovecot for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .certificates import make_chain
from .server import Dovecot, dovecot_binary

HARDENED = "ssl_min_protocol = TLSv1.2\nssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20\n"
SERVER_NAME = "mail.test.example"


@pytest.fixture(scope="session")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """Dovecot with implicit TLS and STLS on loopback, a 90-day certificate of a private CA."""
    if dovecot_binary() is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-pop3d)")
    folder = tmp_path_factory.mktemp("dovecot")
    chain, key, _ = make_chain(folder / "pki", SERVER_NAME)
    server = Dovecot(folder, chain, key, listen="127.0.0.1, ::1", extra=HARDENED)
    try:
        server.start()
    except RuntimeError as error:
        if "Permission" in str(error):
            pytest.skip(f"this user may not start dovecot: {error}")
        raise
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ca_file(dovecot: Dovecot) -> Path:
    """The private CA that signed Dovecot's certificate."""
    return dovecot.folder / "pki" / "ca.pem"
