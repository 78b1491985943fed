# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ICMP error ended a connect, and who sent it: Linux keeps it in the socket's error queue (ip(7), IP_RECVERR).

A firewall's port-unreachable arrives as the errno of a refusal, and so does the rejection by a rule of this very
machine, which says nothing of the peer. Python 3.9, standard library only.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Optional, Tuple

ICMP_ERRORS = {
    (2, 3, 0): ("filtered", "net-unreach"),
    (2, 3, 1): ("filtered", "host-unreach"),
    (2, 3, 2): ("filtered", "proto-unreach"),
    (2, 3, 3): ("filtered", "port-unreach"),
    (2, 3, 9): ("filtered", "net-prohibited"),
    (2, 3, 10): ("filtered", "host-prohibited"),
    (2, 3, 13): ("filtered", "admin-prohibited"),
    (3, 1, 0): ("filtered", "net-unreach"),
    (3, 1, 1): ("filtered", "admin-prohibited"),
    (3, 1, 3): ("filtered", "host-unreach"),
    (3, 1, 4): ("filtered", "port-unreach"),
    (3, 1, 5): ("filtered", "admin-prohibited"),
    (3, 1, 6): ("filtered", "admin-prohibited"),
}
"""By origin (2: ICMP, 3: ICMPv6, as in linux/errqueue.h), type and code (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443
section 3.1), in the words of Nmap's SYN scan. errno alone would call a firewall's port-unreachable a refusal."""

NEIGHBOUR_UNREACHABLE = ((2, 3, 1), (3, 1, 3))
"""What this machine tells itself when nobody on the link owns the address (RFC 1122 section 2.3.2.2)."""

RECEIVE_ERRORS = {4: (0, 11), 6: (41, 25)}
"""Level and option (IP_RECVERR, IPV6_RECVERR; linux/in.h, linux/in6.h) that keep the ICMP error to be read."""


def receive_errors(connecting: socket.socket, family: int, wanted: bool) -> None:
    """Have the kernel keep ICMP errors for `icmp_error`, or stop that: later they would end a connection at once."""
    level, option = RECEIVE_ERRORS[family]
    if sys.platform == "linux":
        try:
            connecting.setsockopt(level, option, int(wanted))
        except OSError:
            pass  # errno alone is less exact, and is what there is.


def icmp_error(connecting: socket.socket, family: int) -> Tuple[Optional[Tuple[int, int, int]], Optional[str]]:
    """The ICMP error that ended a connect; a TCP reset leaves none.

    :returns: its origin, type and code, and the address of who sent it
    """
    try:
        ancillary = connecting.recvmsg(1, 512, getattr(socket, "MSG_ERRQUEUE", 0x2000))[1]
    except OSError:
        return None, None
    for level, kind, data in ancillary:
        # struct sock_extended_err, 16 octets, then the sender's socket address.
        if (level, kind) == RECEIVE_ERRORS[family] and len(data) >= (24 if family == 4 else 40):
            sender = data[20:24] if family == 4 else data[24:40]
            return (data[4], data[5], data[6]), str(ipaddress.ip_address(sender))
    return None, None
