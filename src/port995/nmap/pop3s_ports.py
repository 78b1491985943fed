# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on which Nmap found POP3S, and ports of which it can't say what they are. Needs a scan with ``-sV``.

Nmap's own hellos are old: of a server that takes TLS 1.2 and later alone it may learn nothing, not even that it speaks
TLS. So what it does not recognise is asked again by whoever can. Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import List, Tuple

from .model import OPEN, NmapHost, NmapPort

POP3 = ("pop3", "pop3s")


def pop3s_ports(host: NmapHost) -> Tuple[List[int], List[int]]:
    """The open ports of a host that may speak POP3 inside TLS, in ascending order.

    :returns: those that do, as Nmap recognised, and those that it recognised nothing of, or nothing but TLS
    """
    ports = sorted((one for one in host.ports if one.protocol == "tcp" and one.state == OPEN), key=lambda one: one.port)
    known = [one.port for one in ports if is_pop3s(one)]
    return known, [one.port for one in ports if one.port not in known and is_unknown(one)]


def is_pop3s(port: NmapPort) -> bool:
    """Whether Nmap recognised POP3 inside TLS."""
    return port.tunnel == "ssl" and port.service.partition(" ")[0] in POP3 and not port.guessed


def is_unknown(port: NmapPort) -> bool:
    """Whether Nmap recognised nothing, or TLS and nothing in it: the name is then that of the number, or none."""
    return port.guessed or port.service.partition(" ")[0] in ("", "unknown", "ssl")
