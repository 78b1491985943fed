# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on which POP3S was found by Nmap, or may be: what speaks POP3 inside TLS, and TLS that Nmap could not tell more
of. Needs a scan with ``-sV``. Python 3.9, standard library only."""

from __future__ import annotations

from typing import Tuple

from .model import OPEN, NmapHost, NmapPort

POP3 = ("pop3", "pop3s")


def pop3s_ports(host: NmapHost) -> Tuple[int, ...]:
    """The ports of a host that a POP3S checker has to look at, in ascending order."""
    return tuple(sorted(port.port for port in host.ports if port.protocol == "tcp" and may_be_pop3s(port)))


def may_be_pop3s(port: NmapPort) -> bool:
    """Whether an open port speaks POP3 inside TLS, as far as Nmap says.

    Where Nmap found TLS and recognised nothing in it, the name is that of the port number, a guess, or ``unknown``.
    """
    name = port.service.partition(" ")[0]
    if port.state != OPEN:
        return False
    if port.tunnel == "ssl":
        return name in POP3 or port.guessed or name in ("", "unknown", "ssl")
    return name == "pop3s"
