# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows from inside, for checks: a witness of itself, believed where nothing from outside says otherwise.

A host that says nothing is no host that has nothing: what is unseen stays unknown.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Mapping

from ..probe.host.model import SEEN, UNREACHABLE, DaemonSeen, HostObservation, Listener, PortVerdict, Process
from .model import Status
from .subject import quoted

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

PROGRAMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (product, re.compile(pattern))
    for product, pattern in (
        ("dovecot", r"/usr/sbin/dovecot|/usr/lib(exec)?/dovecot/[a-z0-9-]+"),
        ("courier", r"/usr/sbin/couriertcpd|/usr/bin/couriertls|/usr/lib(exec)?/courier/[a-z0-9/-]+"),
        ("cyrus", r"/usr/sbin/cyrmaster|/usr/lib/cyrus/bin/[a-z0-9_-]+|/usr/lib(exec)?/cyrus-imapd/[a-z0-9_-]+"),
        ("nginx", r"/usr/sbin/nginx"),
        ("haproxy", r"/usr/sbin/haproxy"),
        ("stunnel", r"/usr/bin/stunnel[45]?"),
        ("perdition", r"/usr/sbin/perdition(\.[a-z0-9]+)?"),
        ("systemd", r"(/usr)?/lib/systemd/systemd"),
        ("docker-proxy", r"/usr/(local/)?(bin|libexec/docker)/docker-proxy"),
    )
)
"""Products by the paths that distributions give their programs. A program's own word for its name is not asked."""

PRODUCTS = tuple(product for product, _pattern in PROGRAMS)
REPLACED = " (deleted)"


@dataclasses.dataclass(frozen=True)
class InsideSeen:
    """The inside part of a run's evidence: what was recorded of each host, by its inventory name."""

    hosts: Mapping[str, HostObservation]


@dataclasses.dataclass(frozen=True)
class Unseen:
    """Why something is not known, and which status that is."""

    status: Status
    words: str


def product_of(process: Process) -> str:
    """Which product a process is of; empty: an unknown one, or its program is unseen."""
    path = (process.executable or "").removesuffix(REPLACED)
    return next((product for product, pattern in PROGRAMS if pattern.fullmatch(path)), "")


def process_words(process: Process) -> str:
    """A process, for people."""
    unit = f", {quoted(process.unit)[1:-1]}" if process.unit else ""
    program = f", {quoted(process.executable, 200)[1:-1]}" if process.executable else ""
    return f"{quoted(process.name)[1:-1]} (pid {process.pid}{program}{unit})"


@dataclasses.dataclass(frozen=True)
class HostInside:
    """One host from inside."""

    seen: HostObservation | None
    """``None``: nothing is recorded."""

    def why_not(self) -> Unseen | None:
        """Why nothing is known of the host from inside; ``None``: it was looked at."""
        if self.seen is None:
            return Unseen(Status.UNREACHABLE, "no look from inside is recorded; run the audit again")
        if self.seen.outcome == UNREACHABLE:
            return Unseen(
                Status.UNREACHABLE, f"nobody could log in to look from inside: {quoted(self.seen.detail, 200)}"
            )
        if self.seen.outcome != SEEN or self.seen.listening is None or self.seen.firewall is None:
            return Unseen(Status.ERROR, f"the look from inside failed: {quoted(self.seen.detail, 200)}")
        return None

    def owns(self, address: str | None) -> bool:
        """Whether an address is one of the host's own."""
        wanted = _ip(address)
        return wanted is not None and self.seen is not None and wanted in {_ip(one) for one in self.seen.addresses}

    def listeners(self, port: int) -> tuple[Listener, ...] | Unseen:
        """The listeners of a port; none: it is known that there is none."""
        listening = self.seen.listening if self.seen is not None else None
        if listening is None:
            return self.why_not() or Unseen(Status.NOT_TESTED, "who listens was not looked at")
        found = listening.on(port)
        if listening.settled(port) or found:
            return found
        words = (
            "; ".join(quoted(one, 160)[1:-1] for one in listening.unseen)
            or f"port {port} was not looked at from inside"
        )
        return Unseen(Status.NOT_TESTED, words)

    def listener_at(self, address: str, port: int) -> Listener | Unseen | None:
        """The listener that takes connections to an address; ``None``: it is known that there is none."""
        found = self.listeners(port)
        if isinstance(found, Unseen):
            return found
        wanted = _ip(address)
        doubtful = None
        for one in found:
            at = _ip(one.address)
            if at is None or wanted is None:
                continue
            if at == wanted or (at.version == wanted.version and at.is_unspecified):
                return one
            if at.is_unspecified and at.version == 6 and wanted.version == 4 and one.takes_ipv4 is not False:
                if one.takes_ipv4:
                    return one
                doubtful = Unseen(
                    Status.NOT_TESTED, "whether the socket on :: takes IPv4 too is not known (ss tells it)"
                )
        if doubtful is not None:
            return doubtful
        listening = self.seen.listening if self.seen is not None else None
        if listening is not None and not listening.settled(port):
            return Unseen(Status.NOT_TESTED, "; ".join(quoted(one, 160)[1:-1] for one in listening.unseen))
        return None

    def verdicts(self, port: int) -> tuple[PortVerdict, ...]:
        """The packet filter's verdicts on a port, of the families that the host speaks."""
        if self.seen is None or self.seen.firewall is None or self.seen.listening is None:
            return ()
        return tuple(
            one for one in self.seen.firewall.of(port) if one.family not in self.seen.listening.absent_families
        )

    def sent_on(self, port: int) -> bool | None:
        """Whether the host's rules may send connections to a port on to another place; ``None``: unseen."""
        verdicts = self.verdicts(port)
        families = (
            set(self.seen.listening.families) if self.seen is not None and self.seen.listening is not None else {4, 6}
        )
        told = [one.redirected for one in verdicts]
        if True in told:
            return True
        return None if None in told or not families or {one.family for one in verdicts} < families else False

    def nothing_listens(self, address: str | None, port: int) -> str:
        """Whether the host itself says that nothing takes connections to one of its own addresses.

        :returns: that, in words; empty: it does not say so, or not of this address
        """
        if self.why_not() is not None or not self.owns(address) or self.listeners(port) != ():
            return ""
        return "nothing listens there, as the host itself says" if self.sent_on(port) is False else ""

    def daemon(self, product: str) -> DaemonSeen | None:
        """An installed daemon."""
        return next((one for one in (self.seen.daemons if self.seen else ()) if one.daemon == product), None)


def _ip(text: str | None) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None
