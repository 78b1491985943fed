# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine's ``openssl s_client`` in the place of a modelled client: with its versions, suites, groups and signatures,
as far as that OpenSSL has them."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import struct
import subprocess
import threading

from port995.policy.clients.catalogue import Client
from port995.probe.tls import signature_schemes
from port995.probe.tls.client_hello import VERSION_NAMES
from tests.peers import groups as named_groups
from tests.peers.peer import SERVER_NAME
from tests.peers.suites import BY_NUMBER, SSL30
from tests.unit.probe_tls.parsed_hello import ParsedHello, parse_hello

TIME_LIMIT = 20.0
ENVIRONMENT = {**os.environ, "OPENSSL_CONF": "/dev/null"}
_GROUPS = {
    group.number: group.openssl
    for group in named_groups.TABLE
    if group.openssl and not group.is_hybrid and (group.is_in_tls13 or not group.is_finite_field)
}
_GROUP_BY_NAME = {"X25519": 0x001D, "X448": 0x001E, **{name: number for number, name in _GROUPS.items()}}
_VERSION_BY_NAME = {name: number for number, name in VERSION_NAMES.items()}


@dataclasses.dataclass(frozen=True)
class Negotiated:
    """What a handshake came to."""

    version: int
    suite: int
    group: int | None
    """``None``: none of ECDHE."""


def as_openssl_can(client: Client) -> Client:
    """The client with nothing that OpenSSL 3.0 does not offer, and nothing uncertain: what `connect` makes of it."""
    versions = tuple(one for one in client.versions if one > SSL30)
    # OpenSSL leaves out what none of the versions has.
    suites = tuple(
        one for one in client.suites
        if one in BY_NUMBER and BY_NUMBER[one].openssl and any(map(BY_NUMBER[one].exists_in, versions))
    )
    groups = tuple(one for one in client.groups if one in _GROUPS)
    return dataclasses.replace(
        client,
        versions=versions,
        # OpenSSL puts those of TLS 1.3 first.
        suites=tuple(sorted(suites, key=lambda one: not BY_NUMBER[one].is_tls13)),
        groups=groups,
        key_shares=groups[:1] if client.key_shares else (),
        signatures=tuple(one for one in client.signatures if _signature(one)),
        dh_bits=0,
        signed_below_12=True,
        secure_renegotiation=True,
        uncertain={},
    )


def _signature(number: int) -> str:
    """OpenSSL's words; empty: it has none, or needs a key of another kind."""
    scheme = signature_schemes.BY_NUMBER[number]
    if scheme.algorithm in ("rsa", "ecdsa") and scheme.hash.startswith("sha") and "tls13" not in scheme.name:
        return f"{scheme.algorithm.upper()}+{scheme.hash.upper()}"
    return scheme.name if scheme.algorithm in ("rsa-pss", "eddsa") else ""


def command_of(client: Client, where: str) -> list[str]:
    """``openssl s_client`` with the lists of the client.

    :param client: of `as_openssl_can`
    :param where: address and port
    """
    old = [BY_NUMBER[one].openssl for one in client.suites if not BY_NUMBER[one].is_tls13]
    new = [BY_NUMBER[one].openssl for one in client.suites if BY_NUMBER[one].is_tls13]
    return [
        "openssl", "s_client", "-connect", where, "-servername", SERVER_NAME, "-brief",
        "-min_protocol", VERSION_NAMES[min(client.versions)], "-max_protocol", VERSION_NAMES[max(client.versions)],
        "-cipher", ":".join([*old, "@SECLEVEL=0"]), "-ciphersuites", ":".join(new),
        "-groups", ":".join(_GROUPS[one] for one in client.groups),
        "-sigalgs", ":".join(map(_signature, client.signatures)),
    ]  # fmt: skip


def connect(client: Client, where: str) -> Negotiated | None:
    """Make the handshake; ``None``: it failed."""
    done = subprocess.run(
        command_of(client, where), stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT,
        check=False, env=ENVIRONMENT,
    )  # fmt: skip
    told = (done.stderr + done.stdout).decode(errors="replace")
    if "CONNECTION ESTABLISHED" not in told:
        return None
    version = re.search(r"^Protocol version: (\S+)", told, re.MULTILINE)
    suite = re.search(r"^Ciphersuite: (\S+)", told, re.MULTILINE)
    key = re.search(r"^Server Temp Key: (?:ECDH, )?([^,\n]+)", told, re.MULTILINE)
    assert version and suite, told
    number = next(row.number for row in BY_NUMBER.values() if row.openssl == suite[1])
    return Negotiated(_VERSION_BY_NAME[version[1]], number, _GROUP_BY_NAME.get(key[1]) if key else None)


def hello_of(command: list[str], environment: dict[str, str] | None = None) -> ParsedHello:
    """The ClientHello that a command sends.

    :param command: ``{}`` in it becomes the address and port of a listener
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIME_LIMIT)
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        heard: list[bytes] = []
        reader = threading.Thread(target=lambda: heard.append(_record(listener)))
        reader.start()
        subprocess.run(
            [word.replace("{}", where) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=TIME_LIMIT, check=False, env=environment or ENVIRONMENT,
        )  # fmt: skip
        reader.join()
    return parse_hello(heard[0])


def _record(listener: socket.socket) -> bytes:
    connection, _peer = listener.accept()
    with connection:
        connection.settimeout(TIME_LIMIT)
        octets = b""
        while len(octets) < 5 or len(octets) < 5 + struct.unpack_from("!H", octets, 3)[0]:
            part = connection.recv(65536)
            assert part, octets
            octets += part
        return octets
