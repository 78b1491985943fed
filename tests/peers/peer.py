# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface of all peers: a configuration, a server that runs with it, and what is then true of the server."""

from __future__ import annotations

import dataclasses
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from . import groups as named_groups
from . import suites as cipher_suites

START_TIMEOUT = 60.0
"""Seconds a server gets to answer: a Java server on a busy machine takes some."""

SERVER_NAME = "mail.test.example"
"""The name in every peer's certificates."""


@dataclasses.dataclass(frozen=True)
class TlsConfiguration:
    """What an administrator wants of a server, in numbers of the IANA registries."""

    versions: tuple[int, ...]
    """0x0300 ... 0x0304, ascending."""

    suites: tuple[int, ...]
    """Cipher suites up to TLS 1.2, in the server's order."""

    suites13: tuple[int, ...]
    """Cipher suites of TLS 1.3, in the server's order."""

    server_order: bool
    """The server's order of suites counts, not the client's."""

    groups: tuple[int, ...]
    """Named groups, in the server's order."""

    key_types: tuple[str, ...]
    """Certificates: ``rsa``, ``ecdsa`` (on P-256)."""

    dh_parameters: bool
    """The server was given Diffie-Hellman parameters."""


@dataclasses.dataclass(frozen=True)
class Truth:
    """What a client can get from a server so configured."""

    pairs: frozenset[tuple[int, int]]
    """(version, suite): who offers just that pair, with all curves and all signature algorithms, gets a ServerHello for it."""

    groups: Mapping[int, frozenset[int]]
    """Per reachable version, the named groups that a key exchange can end up with; up to TLS 1.2 those of ECDHE."""

    key_types: frozenset[str]
    """The types of certificate that some client is shown."""

    only_without_ffdhe: frozenset[tuple[int, int]] = frozenset()
    """Pairs among `pairs` that a hello gets only if it offers no finite-field group: RFC 7919 section 4 makes a server
    that shares none of those offered refuse DHE, though it has parameters for clients that offer none."""

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(version for version, _ in self.pairs)


@dataclasses.dataclass
class Running:
    """A server that runs; `stop` ends it, and so does leaving the ``with`` block."""

    address: str
    port: int
    log_file: Path
    stop: Callable[[], None]
    stls_port: int | None = None
    """Port where it speaks POP3 in clear and offers STLS."""

    speaks_pop3: bool = True

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Peer(Protocol):
    """A kind of server."""

    name: str
    versions: tuple[int, ...]
    suites: tuple[int, ...]
    """Suites up to TLS 1.2 that it can be configured with."""

    suites13: tuple[int, ...]
    groups: tuple[int, ...]

    def missing(self) -> str | None:
        """Why it can't run on this machine, and what would change that; ``None``: it can."""

    def start(self, configuration: TlsConfiguration, folder: Path) -> Running:
        """Start it on loopback; everything it writes lies in ``folder``.

        :raises RuntimeError: it did not come up; with its log
        """

    def truth(self, configuration: TlsConfiguration) -> Truth:
        """What is true of a server started with this configuration."""

    def random(self, rng: random.Random) -> TlsConfiguration:
        """Some configuration that this kind of server can be started with."""


def numbers(rows: Iterable[cipher_suites.Suite]) -> tuple[int, ...]:
    """The numbers of these suites."""
    return tuple(row.number for row in rows)


def some_configuration(peer: Peer, rng: random.Random, *, contiguous: bool = False) -> TlsConfiguration:
    """A random configuration: any versions, one to twelve suites of any kind, one to six groups, one or both key types.

    :param contiguous: only versions without a gap
    """
    first = rng.randrange(len(peer.versions))
    versions = peer.versions[first: rng.randint(first + 1, len(peer.versions))]
    if not contiguous and rng.random() < 0.3:
        versions = tuple(sorted(rng.sample(peer.versions, rng.randint(1, len(peer.versions)))))
    return TlsConfiguration(
        versions=versions,
        suites=tuple(rng.sample(peer.suites, rng.randint(1, 12))),
        suites13=tuple(rng.sample(peer.suites13, rng.randint(1, len(peer.suites13)))),
        server_order=rng.random() < 0.5,
        groups=tuple(rng.sample(peer.groups, rng.randint(1, min(6, len(peer.groups))))),
        key_types=rng.choice((("rsa",), ("ecdsa",), ("rsa", "ecdsa"))),
        dh_parameters=rng.random() < 0.5,
    )


def truth_by_rule(
    configuration: TlsConfiguration,
    exists_in: Callable[[cipher_suites.Suite, int], bool],
    groups_of: Callable[[int], frozenset[int]],
    has_dh: Callable[[int], bool],
) -> Truth:
    """What holds for every TLS stack, with what differs between them as parameters.

    :param exists_in: whether the stack has this suite in this version
    :param groups_of: the named groups, of those configured, that the stack uses in this version
    :param has_dh: whether finite-field Diffie-Hellman up to TLS 1.2 finds parameters in this version
    """
    pairs = set()
    for version in configuration.versions:
        for number in configuration.suites13 if version == cipher_suites.TLS13 else configuration.suites:
            suite = cipher_suites.BY_NUMBER[number]
            if not exists_in(suite, version) or (suite.key_type and suite.key_type not in configuration.key_types):
                continue
            if (suite.is_tls13 or suite.is_elliptic) and not groups_of(version):
                continue
            if suite.is_finite_field and not has_dh(version):
                continue
            pairs.add((version, number))
    return truth_of_pairs(configuration, frozenset(pairs), groups_of)


def truth_of_pairs(
    configuration: TlsConfiguration, pairs: frozenset[tuple[int, int]], groups_of: Callable[[int], frozenset[int]]
) -> Truth:
    """The groups and certificates that follow from what can be negotiated."""
    reachable: dict[int, set[int]] = {version: set() for version, _ in pairs}
    key_types: set[str] = set()
    for version, number in pairs:
        suite = cipher_suites.BY_NUMBER[number]
        if suite.is_tls13 or suite.is_elliptic:
            reachable[version] |= groups_of(version)
        if suite.is_tls13:
            key_types |= set(configuration.key_types)
        elif suite.key_type:
            key_types.add(suite.key_type)
    return Truth(
        pairs=pairs,
        groups={version: frozenset(found) for version, found in reachable.items()},
        key_types=frozenset(key_types),
    )


def elliptic(numbers_of_groups: Iterable[int]) -> frozenset[int]:
    """The elliptic curves among these groups."""
    return frozenset(
        one for one in numbers_of_groups
        if not named_groups.BY_NUMBER[one].is_finite_field and not named_groups.BY_NUMBER[one].is_hybrid
    )


def in_tls13(numbers_of_groups: Iterable[int]) -> frozenset[int]:
    """The groups among these that TLS 1.3 knows."""
    return frozenset(one for one in numbers_of_groups if named_groups.BY_NUMBER[one].is_in_tls13)


def wait_until_open(process: subprocess.Popen[bytes], address: str, port: int, log_file: Path) -> None:
    """Wait until the port accepts, or end the process and say why it did not.

    :raises RuntimeError: it ended, or was not open in time; with its log
    """
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    stop_process(process)
    raise RuntimeError(f"{process.args!r} did not open port {port}:\n{log_file.read_text(errors='replace')[-4000:]}")


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """End it, by its own process id only."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
