# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a port of this host and who is connected to it, in every network namespace that can be seen.

Read from /proc (proc(5)): a container's processes are here too, and their sockets stand in the tables of their own
namespace. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
import struct
from typing import Dict, Iterator, List, Sequence, Set, Tuple

MAX_TABLE = 64 * 1024 * 1024
"""Octets of one table of sockets: a row has 150."""
LISTEN, ESTABLISHED = "0A", "01"


class SocketsError(Exception):
    """The sockets can't be seen; the text says which and why."""


@dataclasses.dataclass(frozen=True)
class Listener:
    """A listening socket, and a process that holds it."""

    address: str
    port: int
    process: str
    """The process's name; empty: it can't be seen (root sees all)."""
    pid: int
    """0: not seen."""
    unit: str
    """Its systemd unit; empty: none, or not seen."""
    here: bool
    """Whether it is in this host's own network namespace: a container has another."""


@dataclasses.dataclass(frozen=True)
class Peer:
    """Somebody who is connected."""

    address: str
    port: int
    """Of this host."""


@dataclasses.dataclass(frozen=True)
class _Row:
    local: str
    port: int
    remote: str
    state: str
    inode: str
    here: bool


def _address(text: str) -> str:
    """The kernel writes each 32 bits in the order of the machine."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in words))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def rows_of(table: str, ports: Sequence[int], here: bool = True) -> Iterator[_Row]:
    """The rows of /proc/net/tcp or tcp6 for local ports.

    :raises SocketsError: it is in another form than proc(5) has it
    """
    try:
        for line in table.splitlines()[1:]:
            parts = line.split()
            local, _colon, port = parts[1].partition(":")
            remote = parts[2].partition(":")[0]
            if int(port, 16) in ports:
                yield _Row(_address(local), int(port, 16), _address(remote), parts[3], parts[9], here)
    except (ValueError, IndexError, struct.error) as error:
        raise SocketsError("the kernel's table of sockets can't be understood: %s" % error) from error


def _namespaces() -> List[Tuple[str, bool]]:
    """A process of each network namespace, ours first."""
    own = os.readlink("/proc/self/ns/net")
    found, seen = [("self", True)], {own}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                identity = os.readlink("/proc/%s/ns/net" % name)
            except OSError:  # It has ended, or belongs to another user; root alone sees all.
                continue
            if identity not in seen:
                seen.add(identity)
                found.append((name, False))
    return found


def _rows(ports: Sequence[int]) -> List[_Row]:
    found: List[_Row] = []
    try:
        for process, here in _namespaces():
            for name in ("tcp", "tcp6"):
                path = "/proc/%s/net/%s" % (process, name)
                try:
                    with open(path, encoding="ascii", errors="replace") as stream:
                        text = stream.read(MAX_TABLE + 1)
                except FileNotFoundError:
                    # No IPv6 in this kernel, or the last process of that namespace has ended.
                    if here and name == "tcp":
                        raise
                    continue
                except OSError:
                    if here:
                        raise
                    continue
                if len(text) > MAX_TABLE:
                    raise SocketsError("%s is larger than %d octets" % (path, MAX_TABLE))
                found += rows_of(text, ports, here)
    except OSError as error:
        raise SocketsError("the sockets of this host can't be read: %s" % error) from error
    return found


def _holders(inodes: Set[str]) -> Dict[str, int]:
    """A process that holds each socket: the lowest, which for a server is the one that opened it."""
    found: Dict[str, int] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        folder = "/proc/%d/fd" % pid
        try:
            for name in os.listdir(folder):
                target = os.readlink("%s/%s" % (folder, name))
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    found.setdefault(target[8:-1], pid)
        except OSError:
            continue
        if len(found) == len(inodes):
            break
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(65536)
    except OSError:
        return ""


def _unit(pid: int) -> str:
    found = re.search(r"/([^/\n]+\.(?:service|socket|scope))(?:/|$)", _text("/proc/%d/cgroup" % pid), re.MULTILINE)
    return found[1] if found else ""


def listeners(ports: Sequence[int]) -> List[Listener]:
    """Who listens on ports, by address.

    :raises SocketsError: that can't be seen
    """
    rows = [row for row in _rows(ports) if row.state == LISTEN]
    holders = _holders({row.inode for row in rows})
    found = set()
    for row in rows:
        pid = holders.get(row.inode, 0)
        process = _text("/proc/%d/comm" % pid).strip() if pid else ""
        found.add(Listener(row.local, row.port, process, pid, _unit(pid) if pid else "", row.here))
    return sorted(found, key=lambda one: (one.port, one.address, one.pid))


def connected(ports: Sequence[int]) -> List[Peer]:
    """Who is connected to ports now.

    :raises SocketsError: that can't be seen
    """
    return [Peer(row.remote, row.port) for row in _rows(ports) if row.state == ESTABLISHED]


def told(listener: Listener) -> str:
    """A listener in words."""
    where = "port %d of %s" % (listener.port, listener.address)
    if not listener.pid:
        return "%s, by a process that can't be seen" % where
    what = "%s, by %s (process %d" % (where, ascii(listener.process)[1:-1][:40], listener.pid)
    unit = ", unit %s" % ascii(listener.unit)[1:-1][:80] if listener.unit else ""
    return what + unit + ("" if listener.here else ", in another network namespace: a container's") + ")"
