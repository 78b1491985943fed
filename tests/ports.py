# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that are nobody else's, for servers that have to be told theirs and for ports that have to stay shut.

A server of the tests' own binds port 0 and tells what it got. Where that can't be (Dovecot, the lab), a port that was free
a moment ago may be another's by the time it is used: another worker of these tests, another checkout's, a client's. So
these ports lie below those that the kernel gives to clients and for port 0, and each belongs to one process of tests
until that ends: it holds a name in the kernel's abstract namespace of Unix sockets, which is as wide as that of ports (a
network namespace) and leaves nothing behind however the process ends.
"""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 21_000, 32_000
"""Below 32768, where Linux begins by default (``net.ipv4.ip_local_port_range``), and above the lab's own 20995."""


def own_port() -> int:
    """A TCP port that nobody listens on, on any address, and that no other process of tests gets while this one lives.

    :raises RuntimeError: all are taken
    """
    return _own((0,))


def own_base_port() -> int:
    """The same for a lab: a number to add to 995 and 110."""
    return _own((995, 110))


def _own(added: tuple[int, ...]) -> int:
    bases = range(LOWEST, HIGHEST - max(added))
    for base in random.SystemRandom().sample(bases, len(bases)):
        if all(_is_free(base + one) for one in added):
            names = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _one in added]
            try:
                for one, name in zip(added, names, strict=True):
                    name.bind(f"\0port995-tests-{base + one}")
            except OSError:  # Another process of tests has it, or this one.
                for name in names:
                    name.close()
            else:
                for name in names:
                    name.detach()  # It stays open until this process ends.
                return base
    raise RuntimeError(f"no port from {LOWEST} to {HIGHEST} is left for the tests")


def _is_free(port: int) -> bool:
    """Whether nobody outside of these tests has it."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # An old connection is no listener.
        try:
            trial.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
