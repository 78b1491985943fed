# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows from inside: raw facts, no opinion. Python 3.9, standard library only.

``unseen`` holds, in words, what could not be looked at and why. Where it is empty all was looked at.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple


@dataclasses.dataclass(frozen=True)
class Process:
    """A process that holds a listening socket."""

    pid: int
    name: str
    """As the kernel has it (``/proc/PID/comm``), 15 characters at the most; a process can change its own."""

    executable: Optional[str]
    """Path of its program; `` (deleted)`` at the end: another file has taken its place. ``None``: it is unseen."""

    uid: Optional[int]
    unit: Optional[str]
    """Unit of systemd that it belongs to; ``None``: it belongs to none, or that is unseen."""


@dataclasses.dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    family: int
    """4 or 6."""

    address: str
    """IP address; ``0.0.0.0`` and ``::``: any of its family."""

    port: int
    uid: int
    """User that made the socket."""

    takes_ipv4: Optional[bool] = None
    """Of ``::``: whether it takes connections over IPv4 too; ``None``: not known, or another address."""

    processes: Tuple[Process, ...] = ()
    unseen: Tuple[str, ...] = ()
    """Why no process is named, or why there may be others."""


@dataclasses.dataclass(frozen=True)
class SocketUnit:
    """A socket unit of systemd on one of the ports: it may listen for a service that is not running."""

    name: str
    listen: str
    """Address as systemd writes it."""

    state: str
    """``active``, ``inactive``, ``failed``; empty: unseen."""

    enabled: str
    """Whether it comes back at boot: ``enabled``, ``disabled``, ``static`` ...; empty: unseen."""

    triggers: Tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listening:
    """Who listens on some ports in the network that the process which looks is in."""

    ports: Tuple[int, ...]
    families: Tuple[int, ...]
    """Families whose table of sockets was read to its end."""

    absent_families: Tuple[int, ...]
    """Families that the host does not speak."""

    listeners: Tuple[Listener, ...]
    socket_units: Tuple[SocketUnit, ...]
    unseen: Tuple[str, ...]

    def settled(self, port: int) -> bool:
        """Whether it is known of both families who listens on a port and who does not."""
        return port in self.ports and {*self.families, *self.absent_families} >= {4, 6}

    def on(self, port: int) -> Tuple[Listener, ...]:
        """The listeners of a port."""
        return tuple(one for one in self.listeners if one.port == port)
