# SPDX-License-Identifier: GPL-3.0-or-later
"""One message to one server and what comes back, over UDP or TCP, by a deadline that really ends."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time

MAX_DATAGRAM = 65535
MAX_STRAYS = 100
"""Datagrams that are no answer to the question; a server that sends more is not listened to any longer."""


class Silence(Exception):
    """Nothing that can be used came before the deadline; says what came instead."""


def connect(address: str, port: int, kind: socket.SocketKind, deadline: float) -> socket.socket:
    """A socket that speaks with this server alone: what others send is dropped by the kernel.

    :param deadline: on `time.monotonic`
    :raises OSError: there is no way to it
    :raises Silence: the deadline is over
    """
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    where = socket.getaddrinfo(address, port, family, kind, 0, socket.AI_NUMERICHOST)[0][4]
    made = socket.socket(family, kind)
    try:
        made.settimeout(_left(deadline))
        made.connect(where)
    except TimeoutError as error:
        made.close()
        raise Silence("no connection within the time given") from error
    except BaseException:
        made.close()
        raise
    return made


def next_datagram(udp: socket.socket, deadline: float) -> bytes:
    """The next datagram.

    :raises OSError: an ICMP error came instead
    :raises Silence: none came
    """
    try:
        udp.settimeout(_left(deadline))
        return udp.recv(MAX_DATAGRAM)
    except TimeoutError as error:
        raise Silence("no answer") from error


def over_tcp(address: str, port: int, query: bytes, deadline: float) -> bytes:
    """One message over TCP (RFC 7766): its length in two octets, then the message.

    :raises OSError: there is no way to it, or it broke off
    :raises Silence: it did not come to an end in time
    """
    with connect(address, port, socket.SOCK_STREAM, deadline) as tcp:
        try:
            tcp.settimeout(_left(deadline))
            tcp.sendall(struct.pack("!H", len(query)) + query)
            (size,) = struct.unpack("!H", _exactly(tcp, 2, deadline))
            return _exactly(tcp, size, deadline)
        except TimeoutError as error:
            raise Silence("the answer over TCP did not come to an end") from error


def _exactly(tcp: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        tcp.settimeout(_left(deadline))
        part = tcp.recv(size - len(data))
        if not part:
            raise ConnectionResetError(f"the server closed after {len(data)} of {size} octets")
        data += part
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Silence("no answer within the time given")
    return left
