# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows from inside: raw facts, no opinion. Python 3.9, standard library only.

``unseen`` holds, in words, what could not be looked at and why. Where it is empty all was looked at.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

HOST_SCHEMA = "port995/host/1"
SEEN, UNREACHABLE, FAILED = "seen", "unreachable", "failed"
OUTCOMES = (SEEN, UNREACHABLE, FAILED)
VERDICTS = ("open", "restricted", "closed", "redirected", "unknown")
"""`PortVerdict.state`."""


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


@dataclasses.dataclass(frozen=True)
class PortVerdict:
    """What the kernel's rules do with a new TCP connection from another host to a port of this one."""

    family: int
    port: int
    state: str
    """``open`` (let in, at least from all but some addresses), ``restricted`` (let in from `sources` only), ``closed``,
    ``redirected`` (sent on to another address or port before the host's own rules for it), ``unknown``."""

    sources: Tuple[str, ...] = ()
    because: Tuple[str, ...] = ()
    """The rules that decide, as the tool that lists them writes them; or why it is not known."""

    redirected: Optional[bool] = None
    """Whether a rule may send it on to another address or port, whatever becomes of it otherwise; ``None``: unseen."""


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """A program that makes rules, by its own word. What the kernel does is in `PortVerdict`."""

    name: str
    """``nftables``, ``iptables``, ``ufw``, ``firewalld``, ``port995``."""

    active: Optional[bool]
    """``None``: unseen."""

    says: Tuple[str, ...] = ()
    """What it says of the ports."""


@dataclasses.dataclass(frozen=True)
class FirewallSeen:
    """The host's own packet filter. What filters before it (a router, the cloud's rules) is not seen from here."""

    verdicts: Tuple[PortVerdict, ...]
    """One for each port and family."""

    front_ends: Tuple[FrontEnd, ...]
    unseen: Tuple[str, ...]

    def of(self, port: int) -> Tuple[PortVerdict, ...]:
        """The verdicts on a port."""
        return tuple(one for one in self.verdicts if one.port == port)


@dataclasses.dataclass(frozen=True)
class Named:
    """A value by its name."""

    name: str
    value: str


@dataclasses.dataclass(frozen=True)
class DaemonSeen:
    """A mail daemon that is installed, and what it is set to; ``None``: that is unseen."""

    daemon: str
    version: Optional[str]
    configuration: str
    pop3s_ports: Optional[Tuple[int, ...]]
    """Ports on which it is to speak TLS at once; empty: none."""
    pop3_ports: Optional[Tuple[int, ...]]
    minimum: Optional[str]
    """The oldest version of TLS that it is to speak (``TLSv1.2``)."""
    cleartext_login: Optional[bool]
    """Whether it is to take a password without TLS from other hosts."""
    settings: Tuple[Named, ...]
    """What TLS and logins depend on, in its own words. Never a key or a password."""
    problem: str = ""
    """Why it could not be read; empty: it could."""


@dataclasses.dataclass(frozen=True)
class KeySeen:
    """A private key, of which nothing is read but whether it belongs to the certificate."""

    path: str
    mode: str
    """Octal, four digits."""
    uid: int
    gid: int
    matches: Optional[bool]
    """Whether it is the certificate's; ``None``: unseen."""
    unseen: str = ""


@dataclasses.dataclass(frozen=True)
class CertificateSeen:
    """A certificate that a daemon is set to show, as it is on disk."""

    daemon: str
    path: str
    sha256: Tuple[str, ...]
    """Fingerprints over the DER of what is in the file, hex, the server's own first; empty: unseen."""
    changed: str
    """When the file was last written, UTC, RFC 3339; empty: unseen."""
    key: Optional[KeySeen]
    unseen: Tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class HostObservation:
    """One host as it is seen from inside. One line of ``host-<name>.jsonl``; its JSON Schema is published as
    ``port995/report/schema/host-1.json``."""

    schema: str
    run_id: str
    host: str
    """Inventory name, as the controller knows it: a host does not say itself who it is."""
    outcome: str
    """``seen``; ``unreachable`` (nobody could log in), ``failed`` (somebody could, and could not look)."""
    detail: str = ""
    started: str = ""
    """By the host's clock, UTC, RFC 3339."""
    uid: Optional[int] = None
    """Number of the user that looked."""
    addresses: Tuple[str, ...] = ()
    """Its own IP addresses."""
    listening: Optional[Listening] = None
    firewall: Optional[FirewallSeen] = None
    daemons: Tuple[DaemonSeen, ...] = ()
    certificates: Tuple[CertificateSeen, ...] = ()
    versions: Tuple[Named, ...] = ()
    unseen: Tuple[str, ...] = ()
    """What else was not seen."""
