# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a TCP port of this host, over IPv4 and IPv6.

The kernel's table of sockets is open to everybody; which process has which socket is seen for one's own processes, and
for all of them as root. Sources: proc_pid_fd(5), proc_pid_net(5), the kernel's proc_net_tcp.rst, ss(8),
systemctl(1). Python 3.9, standard library only.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import sys
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ...change.commands import CommandError, find, run
from .model import Listener, Listening, Process, SocketUnit

PROC = "/proc"
LISTEN = "0A"
"""State in /proc/net/tcp: TCP_LISTEN of include/net/tcp_states.h."""
MAX_TABLE = 64 * 1024 * 1024
"""Octets of a table of sockets: 400 000 connections have fewer."""
MAX_LISTENERS = 256
MAX_PROCESSES = 32
"""Processes that are named for one socket: a mail daemon lets many wait on one."""
MAX_SOCKET_UNITS = 16
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,255}\.(?:service|scope|socket)\Z")
SOCKET_LINE = re.compile(r"(?P<listen>\S.*?)\s+(?P<unit>\S+\.socket)(?:\s+(?P<activates>.*))?\Z")


def look(ports: Sequence[int]) -> Listening:
    """Look who listens now.

    :param ports: TCP ports
    """
    families: List[int] = []
    absent: List[int] = []
    unseen: List[str] = []
    sockets: List[Tuple[int, str, int, int, str]] = []
    for family, name in ((4, "tcp"), (6, "tcp6")):
        path = "%s/net/%s" % (PROC, name)
        try:
            sockets += [(family, *one) for one in read_table(path, ports)]
            families.append(family)
        except FileNotFoundError:
            if family == 6 and families and not speaks_ipv6():
                absent.append(6)
            else:
                unseen.append("%s is not there: who listens over IPv%d is not seen" % (path, family))
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or str(error)
            unseen.append("%s can't be read (%s): who listens over IPv%d is not seen" % (path, words, family))
    if len(sockets) > MAX_LISTENERS:
        unseen.append("there are %d listening sockets, %d are told" % (len(sockets), MAX_LISTENERS))
        del sockets[MAX_LISTENERS:]
    holders, hidden = _holders({inode for _family, _address, _port, _uid, inode in sockets})
    only_ipv6 = _only_ipv6(ports) if any(one[0] == 6 and one[1] == "::" for one in sockets) else None
    listeners = [
        _listener(family, address, port, uid, holders.get(inode, ()), hidden, only_ipv6)
        for family, address, port, uid, inode in sockets
    ]
    units, no_units = socket_units(ports)
    return Listening(
        tuple(sorted(set(ports))), tuple(families), tuple(absent),
        tuple(sorted(listeners, key=lambda one: (one.port, one.family, one.address))), units,
        tuple(unseen) + no_units,
    )  # fmt: skip


def speaks_ipv6() -> bool:
    """Whether this host has IPv6 at all; where that can't be told: yes."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno not in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
    return True


def read_table(path: str, ports: Sequence[int]) -> List[Tuple[str, int, int, str]]:
    """The listening sockets of a table of the kernel: address, port, user, inode.

    :raises OSError: it can't be read
    :raises ValueError: it is none, or it is too large to be read to its end
    """
    found = []
    with open(path, encoding="ascii", errors="replace") as lines:
        if "local_address" not in lines.readline(1024):
            raise ValueError("its first line is not the kernel's")
        size = 0
        for line in iter(lambda: lines.readline(1024), ""):
            size += len(line)
            if size > MAX_TABLE:
                raise ValueError("it is longer than %d octets" % MAX_TABLE)
            fields = line.split()
            if len(fields) < 10:
                raise ValueError("a line of it is not as the kernel writes it")
            address, _colon, port = fields[1].partition(":")
            if fields[3] == LISTEN and int(port, 16) in ports:
                found.append((address_of(address), int(port, 16), int(fields[7]), fields[9]))
    return found


def address_of(text: str) -> str:
    """An address as the kernel writes it: words of 32 bits in the host's own order of octets.

    :raises ValueError: it is none
    """
    data = bytes.fromhex(text)
    if len(data) not in (4, 16):
        raise ValueError("%s is no address" % ascii(text)[:60])
    if sys.byteorder == "little":
        data = b"".join(data[start : start + 4][::-1] for start in range(0, len(data), 4))
    return str(ipaddress.ip_address(data))


def _holders(inodes: Set[str]) -> Tuple[Dict[str, List[Process]], str]:
    """Who holds these sockets, and why there may be others (empty: every process was looked into)."""
    holders: Dict[str, List[Process]] = {}
    if not inodes:
        return holders, ""
    wanted = {"socket:[%s]" % inode: inode for inode in inodes}
    denied = seen = 0
    try:
        pids = [name for name in os.listdir(PROC) if name.isdigit()]
    except OSError as error:
        return holders, "%s can't be listed (%s)" % (PROC, error.strerror)
    for pid in sorted(pids, key=int):
        folder = "%s/%s/fd" % (PROC, pid)
        try:
            descriptors = os.listdir(folder)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            denied += 1
            continue
        seen += 1
        mine = set()
        for descriptor in descriptors:
            try:
                mine.add(wanted.get(os.readlink("%s/%s" % (folder, descriptor))))
            except OSError:
                continue
        for inode in mine - {None}:
            known = holders.setdefault(str(inode), [])
            if len(known) < MAX_PROCESSES:
                known.append(process(int(pid)))
    if denied:
        return holders, "%d of %d processes can't be looked into by user %d" % (denied, denied + seen, os.geteuid())
    if os.geteuid() != 0:
        # Mounted with hidepid, /proc does not even list the processes of others: proc(5).
        return holders, "processes of other users may be hidden from user %d" % os.geteuid()
    return holders, ""


def _listener(
    family: int, address: str, port: int, uid: int, processes: Sequence[Process], hidden: str,
    only_ipv6: Optional[Dict[int, bool]],
) -> Listener:  # fmt: skip
    takes_ipv4 = None
    if family == 6 and address == "::" and only_ipv6 is not None and port in only_ipv6:
        takes_ipv4 = not only_ipv6[port]
    unseen = []
    if not processes:
        unseen.append("no process is seen to hold it" + (": %s" % hidden if hidden else ""))
    elif hidden:
        unseen.append("others may hold it too: %s" % hidden)
    return Listener(family, address, port, uid, takes_ipv4, tuple(processes), tuple(unseen))


def process(pid: int) -> Process:
    """What can be seen of a process."""
    folder = "%s/%d" % (PROC, pid)
    try:
        executable: Optional[str] = os.readlink(folder + "/exe")[:4096]
    except OSError:
        executable = None
    try:
        uid: Optional[int] = os.stat(folder).st_uid
    except OSError:
        uid = None
    return Process(
        pid, _first(folder + "/comm").rstrip("\n")[:64], executable, uid, unit_of(_first(folder + "/cgroup"))
    )


def _first(path: str, limit: int = 65536) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(limit)
    except OSError:
        return ""


def unit_of(cgroups: str) -> Optional[str]:
    """The unit that a process belongs to, by its ``/proc/PID/cgroup``: the first name on its path that is no slice
    (systemd's src/basic/cgroup-util.c, cg_path_get_unit)."""
    for line in cgroups.splitlines():
        number, controllers, path = (line.split(":", 2) + ["", "", ""])[:3]
        if controllers == "name=systemd" or (number == "0" and not controllers):
            for name in path.split("/"):
                # systemd puts an underscore before a name that a controller could take for its own.
                name = name.lstrip("_")
                if UNIT.match(name):
                    return name
    return None


def _only_ipv6(ports: Sequence[int]) -> Optional[Dict[int, bool]]:
    """Of each port's socket on ``::`` whether it is for IPv6 only, as ss tells it; ``None``: it can't be asked."""
    try:
        done = run(["ss", "-H", "-l", "-t", "-n", "-6", "-e"])
    except CommandError:
        return None
    if done.code:
        return None
    found: Dict[int, bool] = {}
    for line in done.output.splitlines():
        fields = line.split()
        if len(fields) < 5:
            continue
        address, _colon, port = fields[3].rpartition(":")
        # iproute2 writes * for a socket on :: that takes both families, and [::] for one that does not.
        if address in ("*", "[::]") and port.isdigit() and int(port) in ports:
            only = "v6only:1" in fields or address == "[::]"
            found[int(port)] = found.get(int(port), True) and only
    return found


def socket_units(ports: Sequence[int]) -> Tuple[Tuple[SocketUnit, ...], Tuple[str, ...]]:
    """The socket units of systemd on these ports, and what was not seen of them."""
    if not os.path.isdir("/run/systemd/system"):
        return (), ()
    if find("systemctl") is None:
        return (), ("systemctl is not installed: socket units are not seen",)
    try:
        done = run(["systemctl", "list-sockets", "--all", "--no-legend", "--no-pager", "--full", "--plain"])
    except CommandError as error:
        return (), ("socket units are not seen: %s" % error,)
    if done.code:
        return (), ("socket units are not seen: systemctl: %s" % done.errors.strip()[-200:],)
    found = parse_socket_units(done.output, ports)
    units = tuple(_socket_unit(name, listen) for name, listen in found[:MAX_SOCKET_UNITS])
    more = ("%d more socket units are not told" % (len(found) - len(units)),) if len(found) > len(units) else ()
    return units, more


def parse_socket_units(listed: str, ports: Sequence[int]) -> List[Tuple[str, str]]:
    """Name and address of the units on these ports in what ``systemctl list-sockets`` writes."""
    found = []
    for line in listed.splitlines():
        match = SOCKET_LINE.match(line.strip())
        if match is None:
            continue
        port = match["listen"].rpartition(":")[2]
        if port.isdigit() and int(port) in ports:
            found.append((match["unit"], match["listen"]))
    return found


def _socket_unit(name: str, listen: str) -> SocketUnit:
    properties: Dict[str, str] = {}
    if UNIT.match(name):
        try:
            done = run(["systemctl", "show", "--property=ActiveState,UnitFileState,Triggers", "--", name])
            properties = dict(line.partition("=")[::2] for line in done.output.splitlines())
        except CommandError:
            pass
    return SocketUnit(
        name[:256], listen[:128], properties.get("ActiveState", "")[:32], properties.get("UnitFileState", "")[:32],
        tuple(one[:256] for one in properties.get("Triggers", "").split()[:8]),
    )  # fmt: skip
