# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Nmap run says, in Nmap's own words. Text is what Nmap wrote of hosts: hostile until a report escapes it.

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Tuple

OPEN, CLOSED, FILTERED, UNKNOWN = "open", "closed", "filtered", "unknown"
STATES = (OPEN, CLOSED, FILTERED, "open|filtered", "unfiltered", "closed|filtered")
"""Nmap's states of a port (Nmap Reference Guide, "Port Scanning Basics")."""


def project_state(state: str) -> str:
    """Nmap's state in the project's words (`port995.probe.model.TcpConnect.state`): two at once are none that is known,
    and ``unfiltered`` says that the port was reached, not what it is."""
    return state if state in (OPEN, CLOSED, FILTERED) else UNKNOWN


@dataclasses.dataclass(frozen=True)
class ScriptOutput:
    """What one of Nmap's scripts said."""

    id: str
    output: str
    items: Tuple[Tuple[str, str], ...] = ()
    """Its structured output, flat: the path of keys, joined by ``/`` (a list's entries have an empty key), and the
    text."""

    def values(self, path: str) -> Tuple[str, ...]:
        """The texts under one path."""
        return tuple(text for where, text in self.items if where == path)


@dataclasses.dataclass(frozen=True)
class NmapPort:
    """One port of a host."""

    protocol: str
    port: int
    state: str
    """As Nmap says it: one of `STATES`, ``unknown``, or what another version may say."""

    reason: str
    service: str = ""
    """Name, product, version and extra words of the service, as far as they were told."""

    tunnel: str = ""
    """``ssl`` where Nmap found TLS."""

    scripts: Tuple[ScriptOutput, ...] = ()

    guessed: bool = False
    """Whether the service is what this port number stands for in a table, and nothing that Nmap recognised."""


@dataclasses.dataclass(frozen=True)
class ExtraPorts:
    """Ports that Nmap tells together."""

    state: str
    count: int
    reasons: Tuple[Tuple[str, int, str], ...] = ()
    """Reason, how many, and their list where this version of Nmap gives one."""


@dataclasses.dataclass(frozen=True)
class NmapHost:
    """One host."""

    state: str
    """``up``, ``down``, ``unknown`` or ``skipped``."""

    reason: str
    address: str
    family: int
    """4 or 6."""

    names: Tuple[str, ...] = ()
    """Names as they were typed."""

    pointers: Tuple[str, ...] = ()
    """Names that the address points to."""

    ports: Tuple[NmapPort, ...] = ()
    extra: Tuple[ExtraPorts, ...] = ()
    started: Optional[int] = None
    """Seconds since 1970, UTC."""

    ended: Optional[int] = None
    timed_out: bool = False

    def port(self, number: int, scanned: str = "") -> Optional[NmapPort]:
        """What is known of a TCP port; ``None``: nothing is.

        :param scanned: the list of TCP ports that were scanned (`NmapRun.tcp_ports`), for versions of Nmap that do not
            list the ports they tell together
        """
        for one in self.ports:
            if one.protocol == "tcp" and one.port == number:
                return one
        for group in self.extra:
            for reason, _count, listed in group.reasons:
                if listed and in_ports(listed, number):
                    return NmapPort("tcp", number, group.state, reason)
        unlisted = len(self.extra) == 1 and not any(listed for _reason, _count, listed in self.extra[0].reasons)
        if unlisted and in_ports(scanned, number):
            reasons = self.extra[0].reasons
            return NmapPort("tcp", number, self.extra[0].state, reasons[0][0] if len(reasons) == 1 else "no-reason")
        return None


@dataclasses.dataclass
class NmapRun:
    """A run, without its hosts."""

    source: str
    version: str = ""
    arguments: str = ""
    started: Optional[int] = None
    scan_types: Tuple[str, ...] = ()
    """``syn``, ``connect``, ``udp`` ..."""

    tcp_ports: str = ""
    """The TCP ports that were scanned, as Nmap lists them."""

    up: Optional[int] = None
    down: Optional[int] = None
    hosts_read: int = 0
    down_read: int = 0
    """Hosts that are told to be down one by one."""

    unresolved: List[str] = dataclasses.field(default_factory=list)
    """Targets that Nmap could not use: names that did not resolve, mostly."""

    progress: float = 0.0
    """Percent of the task that ran last."""

    problem: str = ""
    """Why this is not the whole run; empty: Nmap wrote it to its end, and says that it succeeded."""

    @property
    def complete(self) -> bool:
        """Whether Nmap came to its end, and all of it was read."""
        return not self.problem

    @property
    def untold_down(self) -> int:
        """Hosts that did not answer and are not told one by one."""
        return max(0, (self.down or 0) - self.down_read)


def in_ports(listed: str, number: int) -> bool:
    """Whether a port is in a list as Nmap writes it: ``1-994,996``."""
    for part in listed.split(","):
        first, dash, last = part.partition("-")
        if first.isdigit() and (last.isdigit() if dash else True) and len(part) < 12:
            if int(first) <= number <= int(last or first):
                return True
    return False
