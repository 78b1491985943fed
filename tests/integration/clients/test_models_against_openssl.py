# SPDX-License-Identifier: GPL-3.0-or-later
"""The models against reality: what OpenSSL itself offers, and what a real Dovecot answers to ``openssl s_client`` with each
client's lists."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from port995.policy.clients.catalogue import CLIENT_IDS, client_of, clients
from port995.policy.clients.negotiation import model
from port995.policy.clients.result import CANNOT, CONNECTS, result_words
from tests.integration.gate.looked import look
from tests.peers.dovecot23 import Dovecot23
from tests.peers.peer import TlsConfiguration
from tests.peers.suites import TLS10, TLS11, TLS12, TLS13

from .posing import as_openssl_can, command_of, connect, hello_of

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)"),
    pytest.mark.skipif(
        shutil.which("openssl") is not None and b"OpenSSL 3.0." not in subprocess.check_output(["openssl", "version"]),
        reason="the openssl command is not 3.0, whose lists are the model's",
    ),
]

RENEGOTIATION_SCSV = 0x00FF
VERSIONS_EXTENSION, GROUPS_EXTENSION, SIGNATURES_EXTENSION, NAME_EXTENSION = 43, 10, 13, 0


def versions_in(extension: bytes | None) -> tuple[int, ...]:
    assert extension is not None
    return tuple(int.from_bytes(extension[at : at + 2], "big") for at in range(1, len(extension), 2))


# OpenSSL's own hello


@pytest.mark.parametrize("configuration", ["/dev/null", ""], ids=["without-configuration", "as-debian-sets-it"])
def test_the_model_of_openssl_3_is_what_openssl_3_sends(configuration: str) -> None:
    """Without a configuration file, and with Debian's: it changes nothing of the lists (the security level is another)."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}
    if configuration:
        environment["OPENSSL_CONF"] = configuration
    hello = hello_of(["openssl", "s_client", "-connect", "{}", "-servername", "mail.test.example"], environment)
    one = client_of("openssl-3.0")
    assert tuple(suite for suite in hello.suites if suite != RENEGOTIATION_SCSV) == one.suites
    assert hello.listed(GROUPS_EXTENSION) == one.groups
    assert hello.listed(SIGNATURES_EXTENSION) == one.signatures
    assert versions_in(hello.extension(VERSIONS_EXTENSION)) == one.versions
    assert tuple(group for group, _share in hello.shares or ()) == one.key_shares
    assert (hello.extension(NAME_EXTENSION) is not None) == one.server_name


PYTHON_CLIENT = """
import socket, ssl, sys
host, port = sys.argv[1].split(":")
context = ssl.create_default_context()
try:
    context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="mail.test.example")
except (OSError, ssl.SSLError):
    pass
"""


@pytest.mark.skipif(not ssl.OPENSSL_VERSION.startswith("OpenSSL 3.0."), reason="this Python's OpenSSL is not 3.0")
def test_python_on_openssl_3_offers_less_and_nothing_else() -> None:
    """As getmail does by Python's ssl: the same groups and signatures, no version below TLS 1.2, and a list of suites of
    Python's own, all of which the model has."""
    hello = hello_of([sys.executable, "-c", PYTHON_CLIENT, "{}"])
    one = client_of("openssl-3.0")
    assert hello.listed(GROUPS_EXTENSION) == one.groups
    assert hello.listed(SIGNATURES_EXTENSION) == one.signatures
    assert set(versions_in(hello.extension(VERSIONS_EXTENSION))) == {TLS12, TLS13}
    assert set(hello.suites) - {RENEGOTIATION_SCSV} <= set(one.suites)
    assert hello.server_name == "mail.test.example"


@pytest.mark.parametrize("id_", CLIENT_IDS)
def test_who_poses_as_a_client_offers_its_lists(id_: str) -> None:
    one = as_openssl_can(client_of(id_))
    hello = hello_of(command_of(one, "{}"))
    assert tuple(suite for suite in hello.suites if suite != RENEGOTIATION_SCSV) == one.suites
    assert hello.listed(GROUPS_EXTENSION) == one.groups
    if max(one.versions) >= TLS12:
        assert hello.listed(SIGNATURES_EXTENSION) == one.signatures
    if max(one.versions) >= TLS13:
        assert versions_in(hello.extension(VERSIONS_EXTENSION)) == one.versions
        assert tuple(group for group, _share in hello.shares or ()) == one.key_shares
    else:
        assert hello.version == max(one.versions)


# Against a Dovecot

X25519, P256, P384 = 0x001D, 0x0017, 0x0018
GCM = (0xC030, 0xC02F, 0xC02C, 0xC02B)
MANY = (*GCM, 0x009F, 0x009E, 0xC028, 0xC014, 0xC013, 0xC00A, 0xC009, 0x0039, 0x0033, 0x009D, 0x009C, 0x0035, 0x002F)
NEW = (0x1302, 0x1301)
CONFIGURATIONS = {
    "today": TlsConfiguration((TLS12, TLS13), GCM, NEW, True, (X25519, P256), ("rsa",), False),
    "tls-1.0-only": TlsConfiguration((TLS10,), MANY, NEW, True, (P256, P384), ("rsa",), False),
    "rsa-key-exchange-only": TlsConfiguration((TLS11, TLS12), (0x009D, 0x0035), NEW, True, (P256,), ("rsa",), False),
    "ecdsa-only": TlsConfiguration((TLS12, TLS13), GCM, NEW, True, (P256, X25519), ("ecdsa",), False),
    "tls-1.3-only": TlsConfiguration((TLS13,), GCM, NEW, True, (P384, X25519), ("rsa",), False),
    "clients-order": TlsConfiguration((TLS12,), MANY, NEW, False, (P384, P256, X25519), ("rsa",), True),
    "two-keys": TlsConfiguration((TLS10, TLS11, TLS12), MANY, NEW, True, (X25519, P256), ("rsa", "ecdsa"), True),
    "one-rare-group": TlsConfiguration((TLS12, TLS13), GCM, NEW, True, (0x001E,), ("rsa",), False),
}
TOLD_AT_LEAST = 8
"""Clients of which something is told of each of these servers: a model that tells nothing is never wrong."""


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_is_modelled_is_what_happens(name: str, tmp_path: Path) -> None:
    peer = Dovecot23()
    if reason := peer.missing():
        pytest.skip(reason)
    wrong, told = [], 0
    with peer.start(CONFIGURATIONS[name], tmp_path) as running:
        _target, (seen,) = look(running.address, running.port, depth="full")
        for one in map(as_openssl_can, clients()):
            said = model(one, seen)
            if said.outcome not in (CONNECTS, CANNOT):
                continue
            told += 1
            got = connect(one, f"{running.address}:{running.port}")
            if said.outcome == CANNOT:
                right = got is None
            else:
                # Of DHE the temporary key is no named group.
                right = got is not None and got.version in said.versions and got.suite in said.suites
                right = right and (not said.groups or got is None or got.group in (*said.groups, None))
            if not right:
                wrong.append(f"{one.id}: modelled {said.outcome} {result_words(said)}, in truth {got}")
    assert not wrong, "\n".join(wrong)
    assert told >= TOLD_AT_LEAST, told
