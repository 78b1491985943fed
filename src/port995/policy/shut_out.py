# SPDX-License-Identifier: GPL-3.0-or-later
"""Who would be shut out by settings of a mail daemon: mail clients by their models, and users by the login records.

What can't be told is told as such, and stands beside what is known: it is never nobody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..probe.model import Observation
from .clients.catalogue import Client
from .clients.negotiation import model_of
from .clients.result import CANNOT, CONNECTS, OUTCOME_WORDS, UNKNOWN, ClientResult
from .clients.server import Server, server_of
from .clients.wanted_server import wanted_server
from .daemon_settings import ORDER

NOT_SERVED = ("closed",)
"""A port in one of these states serves nobody who could lose it. Silence may be a ban, and is none of them."""
NO_TLS, NO_VERSION = "no TLS", "TLS, version not logged"
"""Words of the login records; anything else that is no version is not known."""


@dataclasses.dataclass(frozen=True)
class ClientChange:
    """A modelled client before and after."""

    now: ClientResult
    after: ClientResult

    @property
    def lost(self) -> bool:
        """It connects today and would not."""
        return self.now.outcome == CONNECTS and self.after.outcome == CANNOT

    @property
    def untold(self) -> bool:
        """It may be lost: what becomes of it is not known on one side."""
        return (self.now.outcome, self.after.outcome) in ((UNKNOWN, CANNOT), (CONNECTS, UNKNOWN))


@dataclasses.dataclass(frozen=True)
class ShutOut:
    """Who would lose the service."""

    clients: tuple[ClientChange, ...]
    lost: tuple[str, ...]
    """In words, one for each client or kind of login."""
    untold: tuple[str, ...]
    """What could not be found out."""


def shut_out(
    seen: Sequence[Observation], settings: Mapping[str, Any] | None, models: Sequence[Client],
    daemon: Mapping[str, Any], cleartext: str, logins: Mapping[str, Any] | None,
) -> ShutOut:  # fmt: skip
    """Tell who would be shut out.

    :param seen: observations of the host's POP3S services, made at depth ``full``
    :param settings: what the option ``tls`` of ``pop3s_daemon`` takes; ``None``: what may be negotiated stays
    :param models: clients that matter
    :param daemon: what ``pop3s_enforce`` tells of the daemon before the change
    :param cleartext: what is to become of the port for clear text: ``off``, ``stls``, ``keep``
    :param logins: what ``pop3s_logins_info`` returned; ``None``: it was not asked
    """
    changes, untold = _clients(seen, settings, models)
    lost = [_words(change) for change in changes if change.lost]
    untold += [_words(change) for change in changes if change.untold]
    more_lost, more_untold = _logins(settings, daemon, cleartext, logins)
    return ShutOut(changes, (*lost, *more_lost), (*untold, *more_untold))


def _words(change: ClientChange) -> str:
    now, after = OUTCOME_WORDS[change.now.outcome], OUTCOME_WORDS[change.after.outcome]
    why = change.after.words or change.now.words
    return f"{change.after.client} (modelled): {now} now, {after} afterwards{': ' + why if why else ''}"


def _clients(
    seen: Sequence[Observation], settings: Mapping[str, Any] | None, models: Sequence[Client]
) -> tuple[tuple[ClientChange, ...], list[str]]:
    if settings is None or not models:
        return (), []
    served = [one for one in seen if one.service == "pop3s"]
    if served and all(one.tcp is not None and one.tcp.state in NOT_SERVED for one in served):
        return (), []
    servers = [server for one in served if (server := server_of(one)).asked and server.facts.versions]
    if not servers:
        return (), ["which modelled mail clients connect now: no TLS was seen on the host"]
    changes = tuple(_best(client, settings, servers) for client in models)
    return changes, []


def _best(client: Client, settings: Mapping[str, Any], servers: Sequence[Server]) -> ClientChange:
    """Of several services the change that costs most: each of them is somebody's."""
    found = [
        ClientChange(model_of(client, server), model_of(client, wanted_server(settings, server))) for server in servers
    ]
    return max(found, key=lambda change: (change.lost, change.untold))


def _logins(
    settings: Mapping[str, Any] | None, daemon: Mapping[str, Any], cleartext: str, logins: Mapping[str, Any] | None
) -> tuple[list[str], list[str]]:
    lost: list[str] = []
    untold: list[str] = []
    if not daemon.get("pop3s_ports", True) and not daemon.get("pop3_ports", True):
        return lost, untold  # It is known that nothing is served.
    older, no_port, no_clear = _taken_away(settings, daemon, cleartext)
    words = (
        (f"versions older than {(settings or {}).get('minimum')}", older),
        ("the port for clear text and STLS", no_port),
        ("passwords in clear text", no_clear),
    )
    takes = "this takes away " + ", ".join(word for word, away in words if away)
    if not (older or no_port or no_clear):
        return lost, untold
    if logins is None:
        return lost, [f"who logged in lately was not looked at, and {takes}"]
    for version, count in sorted(logins.get("tls_versions", {}).items()):
        told = f"{int(count)} login(s) in the last {logins.get('days')} days: {version}"
        if version in ORDER or version.startswith("SSL"):
            gone = not version.startswith("TLS") or (
                settings is not None and ORDER.index(version) < ORDER.index(settings["minimum"])
            )
            (lost if gone else untold).extend([told] if gone else [f"{told}, and {takes}"] if no_port else [])
        elif version == NO_TLS:
            lost += [told] if no_port or no_clear else []
        elif version == NO_VERSION:
            untold += [f"{told}, and {takes}"] if older or no_port else []
        else:
            untold.append(f"{told}, and {takes}")
    # Where some were seen, records that are missing would show others.
    if logins.get("state") == "unknown" or logins.get("reasons"):
        reasons = "; ".join(str(one) for one in logins.get("reasons", ())) or "no reason is told"
        who = "who" if logins.get("state") == "unknown" else "who else"
        untold.append(f"{who} logged in lately is not known ({reasons}), and {takes}")
    return lost, untold


def _taken_away(
    settings: Mapping[str, Any] | None, daemon: Mapping[str, Any], cleartext: str
) -> tuple[bool, bool, bool]:
    """Whether old versions, the port for clear text, passwords in clear text are taken away."""
    now = daemon.get("minimum")
    older = settings is not None and (now not in ORDER or ORDER.index(now) < ORDER.index(settings["minimum"]))
    has_port = daemon.get("pop3_ports") is None or bool(daemon.get("pop3_ports"))
    clear = cleartext != "keep" and has_port and daemon.get("cleartext_login") is not False
    return older, cleartext == "off" and has_port, clear
