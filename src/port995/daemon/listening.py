# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a port, as root sees it. Source: the kernel's Documentation/networking/proc_net_tcp.rst.

Python 3.9, standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import socket
import struct
from typing import Dict, List, Tuple

_LISTEN = "0A"
MAX_LINES = 200000


def sockets(port: int) -> Dict[int, str]:
    """Addresses that listen on a port, by the inode of the socket."""
    found: Dict[int, str] = {}
    for path, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as table:
            for number, line in enumerate(table):
                words = line.split()
                if number > MAX_LINES:
                    break
                if len(words) < 10 or words[3] != _LISTEN or words[1].rpartition(":")[2] != "%04X" % port:
                    continue
                found[int(words[9])] = socket.inet_ntop(family, _octets(words[1].rpartition(":")[0]))
    return found


def _octets(digits: str) -> bytes:
    # Words of 32 bits in the machine's own order.
    return b"".join(struct.pack("=I", int(digits[at : at + 8], 16)) for at in range(0, len(digits), 8))


def processes(port: int) -> List[Tuple[str, int]]:
    """(name, number) of each process that has a listening socket of a port."""
    inodes = set(sockets(port))
    found: List[Tuple[str, int]] = []
    if not inodes:
        return found
    for folder in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            for link in os.listdir(folder + "/fd"):
                with contextlib.suppress(OSError):
                    match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink("%s/fd/%s" % (folder, link)))
                    if match and int(match[1]) in inodes:
                        with open(folder + "/comm", encoding="utf-8", errors="replace") as comm:
                            found.append((comm.read().strip()[:64], int(folder.rpartition("/")[2])))
                        break
    return sorted(found, key=lambda one: one[1])


def reachable_at(port: int) -> List[str]:
    """Addresses of this host at which a listening port can be reached from itself."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  Read, not bound.
    return list(dict.fromkeys(own.get(address, address) for address in sockets(port).values()))
