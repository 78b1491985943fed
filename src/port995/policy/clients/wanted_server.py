# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that settings would make, for the models of clients: before anything is changed.

What is not set (certificates, whether the server's name counts) is taken from the server as it was seen. That a library
lacks some of what is allowed is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...probe.tls.cipher_suites import SUITES, CipherSuite
from ...probe.tls.client_hello import SSL_2, TLS_1_2, TLS_1_3, VERSION_NAMES
from ...probe.tls.named_groups import BY_NAME, FFDHE, NamedGroup
from ...probe.tls.signature_schemes import SCHEMES
from ..facts import CLIENT, SERVER, SpokenVersion, TlsFacts
from .negotiation import SIGNS
from .server import Pair, Server

MINIMUM = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": TLS_1_2, "TLSv1.3": TLS_1_3}
EVERY_VERSION = (TLS_1_3, TLS_1_2, 0x0302, 0x0301, 0x0300, SSL_2)
DH_BITS = 2048
"""What a daemon that keeps DHE is given at least."""


def wanted_server(settings: Mapping[str, Any], now: Server) -> Server:
    """The server as it would be.

    :param settings: what the option ``tls`` of ``pop3s_daemon`` takes
    :param now: the server as it was seen
    :raises KeyError: settings without a version, suites or groups that are known
    """
    keys = now.facts.keys or tuple(SIGNS)
    named = {suite.name: suite for suite in SUITES}
    suites = [named[name] for name in settings["suites"]]
    groups = [BY_NAME[name] for name in settings["groups"]]
    order = SERVER if settings.get("preference", SERVER) == SERVER else CLIENT
    weak = bool(settings.get("weak_signatures", False))
    spoken = []
    choices: dict[int, frozenset[Pair]] = {}
    group_choices: dict[int, frozenset[Pair]] = {}
    by_key: dict[tuple[int, str], frozenset[int]] = {}
    for version in range(TLS_1_3, MINIMUM[settings["minimum"]] - 1, -1):
        mine = [suite.number for suite in suites if _fits(suite, version, keys)]
        if not mine:
            continue
        theirs = [group.number for group in groups if _carries(group, version)]
        signatures = _signatures(version, keys, weak)
        spoken.append(SpokenVersion(version, tuple(mine), True, order, tuple(theirs), True, order, signatures, True))
        choices[version], group_choices[version] = _pairs(mine), _pairs(theirs)
        for key in SIGNS:
            by_key[version, key] = frozenset(theirs)
    versions = [one.version for one in spoken]
    unspoken = tuple(version for version in EVERY_VERSION if version not in versions)
    facts = TlsFacts(tuple(spoken), unspoken, (), keys, (DH_BITS,), True, True, False)
    everything = frozenset(suite.number for suite in SUITES)
    return Server(
        facts, now.named, {one.version: everything - set(one.suites) for one in spoken}, choices, group_choices, by_key,
        frozenset((above, below) for above in VERSION_NAMES for below in versions if above > below),
        True, now.leaves,
    )  # fmt: skip


def _fits(suite: CipherSuite, version: int, keys: Sequence[str]) -> bool:
    return suite.minimum_version <= version <= suite.maximum_version and (
        suite.authentication == "any" or suite.authentication in keys
    )


def _carries(group: NamedGroup, version: int) -> bool:
    return group.tls13 if version == TLS_1_3 else group.tls12 and group.kind != FFDHE


def _signatures(version: int, keys: Iterable[str], weak: bool) -> tuple[int, ...]:
    algorithms = {algorithm for key in keys for algorithm in SIGNS.get(key, ())}
    return tuple(
        scheme.number for scheme in SCHEMES
        if scheme.algorithm in algorithms and (scheme.tls13 if version == TLS_1_3 else scheme.tls12)
        and (weak or not scheme.weak)
    )  # fmt: skip


def _pairs(ordered: Sequence[int]) -> frozenset[Pair]:
    return frozenset((one, other) for place, one in enumerate(ordered) for other in ordered[place + 1 :])
