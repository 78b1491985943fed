# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail daemons of a host: those whose settings are known, and who else listens.

Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import Dict, Iterable, Tuple

from . import courier, cyrus, dovecot
from .model import COURIER, CYRUS, DOVECOT, Found

PROCESSES = {
    "dovecot": DOVECOT, "pop3-login": DOVECOT, "pop3": DOVECOT,
    "couriertcpd": COURIER, "courierpop3d": COURIER, "couriertls": COURIER, "courierpop3login": COURIER,
    "cyrmaster": CYRUS, "cyrus-master": CYRUS, "pop3d": CYRUS,
}  # fmt: skip
"""Whose a process is, by the name that the kernel has of it. Cyrus's master is called ``cyrmaster`` by Debian."""


def daemon_of(process: str) -> str:
    """Which daemon a process is of: one of `model.KNOWN`, or the process's own name."""
    # The kernel keeps 15 octets of it.
    return next((daemon for name, daemon in PROCESSES.items() if name[:15] == process), process)


def installed() -> Tuple[Found, ...]:
    """The settings of each known daemon that is installed, whether it runs or not."""
    return tuple(found for found in (dovecot.read(), courier.read(), cyrus.read()) if found is not None)


def with_listeners(found: Iterable[Found], listening: Iterable[Tuple[str, int, int]]) -> Tuple[Found, ...]:
    """The known daemons, and unknown ones that listen.

    :param found: of `installed`
    :param listening: (process, its number, port) of who listens on ports of POP3
    """
    known = tuple(found)
    names = {one.daemon for one in known}
    more: Dict[str, Found] = {}
    for process, number, port in listening:
        daemon = daemon_of(process)
        if daemon not in names:
            before = more.get(daemon)
            ports = tuple(sorted({port, *((before.pop3s_ports or ()) if before else ())}))
            more[daemon] = Found(daemon, None, "", pop3s_ports=ports, process=number)
    return known + tuple(more.values())
