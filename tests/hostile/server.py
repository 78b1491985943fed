# SPDX-License-Identifier: GPL-3.0-or-later
"""A loopback server that plays one behaviour to everyone who connects; nothing of it is left when it ends."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

LINGER_AND_RESET = struct.pack("ii", 1, 0)
ENDS_WITHIN = 10.0


class Caller:
    """One accepted connection, as a behaviour sees it. Whatever it does, it raises OSError once the server ends."""

    def __init__(self, connected: socket.socket, ending: threading.Event) -> None:
        self._socket = connected
        self._ending = ending
        self.peer: tuple[str, int] = connected.getpeername()[:2]

    @property
    def ended(self) -> bool:
        return self._ending.is_set()

    @property
    def socket(self) -> socket.socket:
        """For what needs the socket itself, as a TLS server does."""
        return self._socket

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self, limit: int = 65536) -> bytes:
        """What came; empty: the peer has closed."""
        return self._socket.recv(limit)

    def hear_line(self) -> bytes:
        """Octets up to LF or the end, one by one, so that nothing behind it is taken."""
        line = b""
        while not line.endswith(b"\n"):
            octet = self._socket.recv(1)
            if not octet:
                return line
            line += octet
        return line

    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""
        if self._ending.wait(seconds):
            raise OSError("the server ends")

    def wait_for_end(self) -> None:
        """Say nothing until the peer goes away, or the server ends."""
        while self.hear():
            pass

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_AND_RESET)
        self._socket.close()


Behaviour = Callable[[Caller], None]


class Server:
    """Context manager; every caller has a thread of its own.

    :param behaviour: what each caller gets; the connection is closed behind it
    :param address: loopback address to listen on, IPv4 or IPv6
    """

    def __init__(self, behaviour: Behaviour, address: str = "127.0.0.1") -> None:
        self.behaviour = behaviour
        self.address = address
        self.accepted = 0
        self.peers: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0
        self.faults: list[BaseException] = []
        """What a behaviour raised beside OSError: a fault of the test."""
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((address, 0))
            self._listener.listen(256)
        except OSError:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]

    def wait_for_peers(self, count: int = 1) -> list[tuple[str, int]]:
        """The addresses and ports of so many callers: a client may be done before its connection is accepted."""
        for _turn in range(1000):
            if len(self.peers) >= count:
                break
            time.sleep(0.01)
        return list(self.peers)

    def __enter__(self) -> Server:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connected in self._open:
                with contextlib.suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(ENDS_WITHIN)
        assert not self.faults, self.faults

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True, name="hostile")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                connected, peer = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connected)
                self.accepted += 1
                self.peers.append(peer[:2])
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            self._start(self._play, connected)

    def _play(self, connected: socket.socket) -> None:
        try:
            connected.settimeout(60)
            self.behaviour(Caller(connected, self._ending))
        except OSError:
            pass  # The peer is gone, or the server ends.
        except BaseException as fault:
            self.faults.append(fault)
        finally:
            with self._lock:
                self._open.discard(connected)
                self.at_once -= 1
            connected.close()


@contextlib.contextmanager
def refusing_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that answers with RST: it is taken, and nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as taken:
        taken.bind((address, 0))
        yield int(taken.getsockname()[1])


@contextlib.contextmanager
def dark_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that swallows every SYN, as Linux does where the queue of a listener is full. Needs no root."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
        listener.bind((address, 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _filler in range(4):
            filler = stack.enter_context(socket.socket(listener.family))
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield port
