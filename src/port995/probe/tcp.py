# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP connects told apart as Nmap does it, and a counted, bounded stream over them.

What this machine could not do is never said of the other one: an error of its own (no file descriptor, no route, a
local rule) gives ``unknown`` or no state at all, for a "filtered" that was made here would prove a port shut that
nobody looked at. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import select
import socket
import struct
import sys
import time
from typing import Any, Optional, Tuple

from .icmp import ICMP_ERRORS, NEIGHBOUR_UNREACHABLE, icmp_error, receive_errors
from .model import TcpConnect

READ_SIZE = 16384
TCP_INFO_RTT = struct.Struct("68xI")
"""tcpi_rtt in linux/tcp.h, in microseconds."""
FILE_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts while this process has no file descriptor left."""
SELF_CONNECTS = 3

REMOTE_ERRORS = {
    errno.ECONNREFUSED: ("closed", "conn-refused"),
    errno.ETIMEDOUT: ("filtered", "no-response"),
    errno.EHOSTUNREACH: ("filtered", "host-unreach"),
    errno.EHOSTDOWN: ("filtered", "host-unreach"),
    errno.ENETUNREACH: ("filtered", "net-unreach"),
    errno.ENOPROTOOPT: ("filtered", "proto-unreach"),
    errno.EPROTO: ("filtered", "proto-unreach"),
}
"""Errors that arrive after the SYN left: an answer of the network (RFC 1122 section 3.2.2.1), in Nmap's words."""

LOCAL_ERRORS = {
    errno.EMFILE: "too-many-files",
    errno.ENFILE: "too-many-files",
    errno.EACCES: "admin-prohibited",
    errno.EPERM: "permission-denied",
    errno.EADDRNOTAVAIL: "address-not-available",
    errno.EADDRINUSE: "address-not-available",
    errno.ENETUNREACH: "no-route",
    errno.EHOSTUNREACH: "no-route",
}
"""Errors of this machine. EACCES on Linux is a ``prohibit`` route or a local rule (connect(2)), never the peer's."""

NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.EINVAL, errno.EADDRNOTAVAIL)


class NoRoute(Exception):
    """This machine has no way to send a packet to the address; nothing was sent."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """What became of one connect."""

    tcp: TcpConnect
    source_address: Optional[str]
    """Local address that was used; ``None``: it never came to one."""
    stream: Optional[TcpStream]


class TcpStream:
    """A connected socket that counts what passes. Deadlines are the caller's."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self.octets_sent = 0
        self.octets_received = 0

    @property
    def local(self) -> Tuple[str, int]:
        """Own address and port."""
        return _plain(self._socket.getsockname())

    @property
    def peer(self) -> Tuple[str, int]:
        """The peer's address and port."""
        return _plain(self._socket.getpeername())

    async def send(self, data: bytes) -> None:
        """Send all of it.

        :raises OSError: the connection broke
        """
        await self._loop.sock_sendall(self._socket, data)
        self.octets_sent += len(data)

    async def receive(self, limit: int = READ_SIZE) -> bytes:
        """What has arrived, at most ``limit`` octets; empty: the peer has closed.

        :raises OSError: the connection broke
        """
        data = await self._loop.sock_recv(self._socket, limit)
        self.octets_received += len(data)
        return data

    def round_trip(self) -> Optional[float]:
        """Seconds of a round trip as the kernel measured it; asked right after the connect, that of the handshake.

        Our own clock also counts how long this process was busy with others. ``None``: this kernel does not tell.
        """
        option = getattr(socket, "TCP_INFO", None)
        if option is None or not sys.platform.startswith("linux"):
            return None
        try:
            told = self._socket.getsockopt(socket.IPPROTO_TCP, option, TCP_INFO_RTT.size)
        except OSError:
            return None
        seconds = TCP_INFO_RTT.unpack(told)[0] / 1e6 if len(told) == TCP_INFO_RTT.size else 0.0
        # 0: not measured, as after a SYN that was sent twice.
        return seconds or None

    def peek(self) -> Optional[bytes]:
        """What has arrived and was not read, without reading or waiting: ``None``: nothing; empty: the peer has closed,
        one way or another."""
        try:
            return self._socket.recv(READ_SIZE, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        self._socket.close()


def route_source(address: str, family: int, source: Optional[str]) -> str:
    """The local address that packets to ``address`` would leave from. Sends nothing: a UDP connect only asks the
    routing table.

    :raises NoRoute: there is none
    :raises OSError: this machine can't ask (no file descriptor, a local rule)
    """
    try:
        with socket.socket(_family(family), socket.SOCK_DGRAM) as probe:
            if source is not None:
                probe.bind(sockaddr(source, 0, family))
            probe.connect(sockaddr(address, 9, family))
            return _plain(probe.getsockname())[0]
    except OSError as error:
        if error.errno in NO_ROUTE or isinstance(error, socket.gaierror):
            raise NoRoute(_words(error)) from error
        raise


async def connect(
    address: str, port: int, family: int, source: Optional[str], timeout: float, leaves_from: Optional[str] = None
) -> Attempt:
    """Connect, and tell how it went.

    :param family: 4 or 6, that of the address
    :param source: local address to connect from; ``None``: the kernel's choice
    :param timeout: seconds
    :param leaves_from: local address that a connection to ``address`` had a moment ago: the routing table is not asked
        again; ``None``: it is
    :raises NoRoute: there is no route; nothing was sent
    """
    if timeout <= 0:
        # No time is left: silence of no length would be called "filtered".
        return Attempt(TcpConnect("unknown", "deadline"), None, None)
    started = time.monotonic()
    used: Optional[str] = None
    for wait in (*FILE_WAITS, None):
        try:
            used = leaves_from or route_source(address, family, source)
            # The peer has its whole time, whatever was spent here: what is cut short would look like silence.
            return await _connect(address, port, family, source, used, timeout)
        except OSError as error:
            out_of_files = error.errno in (errno.EMFILE, errno.ENFILE)
            if not out_of_files or wait is None or time.monotonic() - started + wait > timeout:
                return Attempt(local_of(error, started), used, None)
            await asyncio.sleep(wait)
    raise AssertionError("the last wait is None")


async def _connect(
    address: str, port: int, family: int, source: Optional[str], used: str, timeout: float
) -> Attempt:
    started = time.monotonic()
    for _attempt in range(SELF_CONNECTS):
        left = timeout - (time.monotonic() - started)
        if left <= 0:
            return Attempt(TcpConnect("unknown", "deadline"), used, None)  # Not one SYN would leave.
        connecting = open_socket(family, source)
        keep = False
        try:
            try:
                code, answered = await asyncio.wait_for(
                    _establish(connecting, sockaddr(address, port, family)), left
                )
            except asyncio.TimeoutError:
                so_far = _answer_so_far(connecting)
                if so_far is None:
                    return Attempt(TcpConnect("filtered", "no-response", None, _since(started)), used, None)
                code, answered = so_far, True
            if answered and code == errno.ECONNRESET:
                code = 0  # Only a connection can be reset: the SYN was answered, and the port is open.
            if code:
                error = OSError(code, os.strerror(code))
                if not answered:
                    return Attempt(local_of(error, started), used, None)
                return Attempt(answer_of(connecting, error, family, address, used, started), used, None)
            if with_itself(connecting):
                continue  # Nobody listens, and the kernel chose the very port that was asked for.
            keep = True
            receive_errors(connecting, family, False)
            stream = TcpStream(connecting)
            return Attempt(TcpConnect("open", "syn-ack", None, _since(started)), stream.local[0], stream)
        finally:
            if not keep:
                connecting.close()
    return Attempt(TcpConnect("closed", "conn-refused", None, _since(started)), used, None)


async def _establish(connecting: socket.socket, where: Any) -> Tuple[int, bool]:
    """Connect.

    :returns: errno, 0 for success, and whether it is an answer to the SYN
    """
    code = connecting.connect_ex(where)
    # On loopback the refusal is there before the call returns; any other error at this point was made here.
    if code not in (errno.EINPROGRESS, errno.EINTR):
        return code, code in (0, errno.ECONNREFUSED)
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = connecting.fileno()
    loop.add_writer(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)
    return connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), True


def _answer_so_far(connecting: socket.socket) -> Optional[int]:
    """What the kernel knows by now, whatever this process came to notice: it may have been stopped, or busy, while the
    answer arrived, and an open port must not be called silent for that.

    :returns: errno, 0 for success; ``None``: there is no answer yet
    """
    waiting = select.poll()  # not select(), which takes no descriptor above 1023
    waiting.register(connecting, select.POLLOUT)
    events = waiting.poll(0)
    if not events:
        return None
    code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    # A socket that was not even asked to connect is writable and hung up.
    return code if code or events[0][1] & (select.POLLOUT | select.POLLHUP) == select.POLLOUT else None


def with_itself(connected: socket.socket) -> bool:
    try:
        return bool(connected.getsockname()[:2] == connected.getpeername()[:2])
    except OSError:
        return False  # The peer is gone already; it had answered all the same.


def open_socket(family: int, source: Optional[str]) -> socket.socket:
    made = socket.socket(_family(family), socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receive_errors(made, family, True)
        if source is not None:
            # The port is chosen at connect: else one source address has only as many connects as free ports.
            no_port = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
            try:
                made.setsockopt(socket.IPPROTO_IP, no_port, 1)
            except OSError:
                pass  # Only Linux 4.2 and later know it; without it there are fewer ports, nothing else.
            made.bind(sockaddr(source, 0, family))
    except BaseException:
        made.close()
        raise
    return made


def answer_of(
    connecting: socket.socket, error: OSError, family: int, address: str, used: str, started: float
) -> TcpConnect:
    """The state that an error in answer to the SYN stands for."""
    icmp, sender = icmp_error(connecting, family)
    if icmp is not None and sender == used != address and icmp not in NEIGHBOUR_UNREACHABLE:
        # A rule of this machine rejected the SYN: that says nothing of the peer.
        return TcpConnect("unknown", "admin-prohibited", _symbol(error), _since(started))
    known = REMOTE_ERRORS.get(error.errno or 0) if icmp is None else ICMP_ERRORS.get(icmp)
    if known is None:
        return local_of(error, started)
    return TcpConnect(known[0], known[1], _symbol(error), _since(started))


def local_of(error: OSError, started: float) -> TcpConnect:
    return TcpConnect(
        "unknown", LOCAL_ERRORS.get(error.errno or 0, "internal-error"), _symbol(error), _since(started)
    )


def ending(error: BaseException) -> str:
    """The word for an error that ended a stream: ``timeout`` or ``reset``."""
    if isinstance(error, asyncio.TimeoutError) or getattr(error, "errno", None) == errno.ETIMEDOUT:
        return "timeout"
    return "reset"


def _symbol(error: OSError) -> Optional[str]:
    return errno.errorcode.get(error.errno or 0)


def _words(error: OSError) -> str:
    return "%s: %s" % (_symbol(error) or type(error).__name__, error.strerror or error)


def _family(family: int) -> socket.AddressFamily:
    return socket.AF_INET6 if family == 6 else socket.AF_INET


def sockaddr(address: str, port: int, family: int) -> Any:
    if "%" not in address:
        return (address, port)
    # Only the C library turns a zone id into its number; a literal is never looked up.
    return socket.getaddrinfo(
        address, port, _family(family), socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )[0][4]


def _plain(name: Any) -> Tuple[str, int]:
    return str(name[0]), int(name[1])


def _since(started: float) -> float:
    return round(time.monotonic() - started, 6)
