# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one port on very many addresses: thousands of connects at a time, each ended as soon as it is answered.

No event loop and no object per address: an answer is an octet or two in a table, so that a dark /16 costs little. What
an answer means is decided where every other connect is decided (`port995.probe.tcp`). A SYN that gets no answer is sent
again before an address is called silent: by the kernel (after 1 s, RFC 6298 section 2.1, then 2 s, 4 s), or by a second
connect where the time limit is too short for that. Python 3.9, standard library only.
"""

from __future__ import annotations

import array
import dataclasses
import errno
import os
import resource
import selectors
import socket
import sys
import time
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Sequence, Tuple

from .model import TcpConnect
from .tcp import SELF_CONNECTS, answer_of, local_of, open_socket, sockaddr, with_itself

IN_FLIGHT = 8192
"""Connects without an answer at one time, where the user does not say; each is to another address."""
SPARE_FILES = 64
"""File descriptors left to the rest of the process."""
AT_ONCE = 256
"""Connects begun before answers are looked at again: a longer burst overflows queues on the way."""
KERNEL_REPEATS_AFTER = 1.0
"""Seconds after which the kernel sends a SYN again."""
SCARCE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""Errors of this machine that pass when fewer connects are in flight."""
SCARCE_SECONDS = 3.0
"""How long nothing in flight may still be too much, before it is told."""
POLL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class PortWord:
    """What a connect showed, and from which address of ours."""

    state: str
    """As `TcpConnect.state`; empty: it was not looked at."""

    reason: str
    errno: Optional[str] = None
    source_address: Optional[str] = None


NOT_LOOKED = PortWord("", "")


class States:
    """A word for each of many addresses, by its index; equal words are kept once.

    :param count: of addresses
    """

    def __init__(self, count: int) -> None:
        self._numbers = array.array("H", bytes(2 * count))
        self._words: List[PortWord] = [NOT_LOOKED]
        self._known: Dict[PortWord, int] = {NOT_LOOKED: 0}

    def note(self, index: int, word: PortWord) -> None:
        """Keep a word."""
        number = self._known.get(word)
        if number is None:
            if len(self._words) > 0xFFFF:
                # As many own addresses as that no machine has; the state stays what it is.
                word = dataclasses.replace(word, source_address=None)
                return self.note(index, word) if word in self._known else None
            number = self._known[word] = len(self._words)
            self._words.append(word)
        self._numbers[index] = number
        return None

    def change(self, other: Callable[[PortWord], PortWord]) -> None:
        """Put other words in the place of those that were noted."""
        self._words[1:] = map(other, self._words[1:])

    def at(self, index: int) -> PortWord:
        """The word for an address; `NOT_LOOKED`: there is none."""
        return self._words[self._numbers[index]]


def sweep(
    places: Sequence[Tuple[str, int]],
    source: Optional[str],
    timeout: float,
    states: States,
    *,
    in_flight: int = IN_FLIGHT,
    rate: Optional[float] = None,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Connect to every place, and note the states. What was not looked at when it is stopped stays so.

    :param places: IP literals with their ports
    :param source: local address to connect from; ``None``: the kernel's choice
    :param timeout: seconds for an answer
    :param in_flight: connects at one time; fewer where this process may not have as many files
    :param rate: connects per second; ``None``: no limit
    :param stopped: asked several times a second
    :param progress: told how many addresses are done
    :returns: how many connects were begun
    """
    return _Sweep(places, source, timeout, states, in_flight, rate).run(stopped, progress)


class _Flight:
    """One connect that waits for its answer."""

    __slots__ = ("connecting", "done", "index", "started", "used")

    def __init__(self, index: int, connecting: socket.socket, started: float, used: str) -> None:
        self.index, self.connecting, self.started, self.used = index, connecting, started, used
        self.done = False


class _Sweep:
    def __init__(
        self,
        places: Sequence[Tuple[str, int]],
        source: Optional[str],
        timeout: float,
        states: States,
        in_flight: int,
        rate: Optional[float],
    ) -> None:
        self._places, self._source, self._states = places, source, states
        self._timeout = timeout
        self._repeats = 1 if timeout <= KERNEL_REPEATS_AFTER else 0
        self._limit = max(1, min(in_flight, _files() - SPARE_FILES, _neighbours([place[0] for place in places])))
        self._most = self._limit
        self._gap = 0.0 if rate is None else 1.0 / rate
        self._next_at = time.monotonic()
        self._next = 0
        self._again: Deque[Tuple[int, int, float]] = deque()
        """Index, how many times it was tried before, and not before when."""
        self._tries: Dict[int, int] = {}
        self._waiting: Deque[_Flight] = deque()
        self._flying = 0
        self._scarce_since: Optional[float] = None
        self._begun = self._done = 0
        self._selector = selectors.DefaultSelector()

    def run(self, stopped: Callable[[], bool], progress: Callable[[int], None]) -> int:
        try:
            while (self._flying or self._again or self._next < len(self._places)) and not stopped():
                self._begin_some()
                # Answers that came before this moment are taken below, before anything is called silent by it.
                now = time.monotonic()
                self._take_answers(self._patience(now))
                self._end_silent(now)
                progress(self._done)
        finally:
            for flight in self._waiting:
                if not flight.done:
                    flight.connecting.close()
            self._selector.close()
        return self._begun

    def _patience(self, now: float) -> float:
        """Seconds until there is something to do, whatever is answered."""
        if self._waiting and self._waiting[0].done:
            return 0.0
        until = now + POLL_SECONDS
        if self._waiting:
            until = min(until, self._waiting[0].started + self._timeout)
        room = self._flying < self._most and self._scarce_since is None
        if room and self._next < len(self._places):
            until = min(until, self._next_at)
        if self._again and self._flying < self._most:
            until = min(until, self._again[0][2])
        return max(0.0, until - now)

    def _begin_some(self) -> None:
        for _turn in range(AT_ONCE):
            now = time.monotonic()
            if self._flying >= self._most or now < self._next_at:
                return
            if self._again and self._again[0][2] <= now:
                index = self._again.popleft()[0]
            elif self._next < len(self._places):
                index = self._next
                self._next += 1
            else:
                return
            if not self._begin(index):
                return

    def _begin(self, index: int) -> bool:
        """Send a SYN.

        :returns: whether there may be room for another one
        """
        started = time.monotonic()
        address, port = self._places[index]
        family = 6 if ":" in address else 4
        connecting: Optional[socket.socket] = None
        try:
            connecting = open_socket(family, self._source)
            code = connecting.connect_ex(sockaddr(address, port, family))
            if code not in (0, errno.EINPROGRESS, errno.EINTR, errno.ECONNREFUSED):
                raise OSError(code, os.strerror(code))
            used = str(connecting.getsockname()[0])
        except OSError as error:
            if connecting is not None:
                connecting.close()
            return self._failed_here(index, error, started)
        self._scarce_since = None
        self._begun += 1
        self._next_at = max(self._next_at + self._gap, started) if self._gap else started
        flight = _Flight(index, connecting, started, used)
        if code in (0, errno.ECONNREFUSED):
            self._answered(flight, code)
            return True
        self._selector.register(connecting, selectors.EVENT_WRITE, flight)
        self._waiting.append(flight)
        self._flying += 1
        return True

    def _failed_here(self, index: int, error: OSError, started: float) -> bool:
        """Note what this machine could not do, or put it off where that passes."""
        if error.errno in SCARCE:
            self._scarce_since = self._scarce_since or started
            if self._flying or started - self._scarce_since < SCARCE_SECONDS:
                self._again.appendleft((index, 0, started + 0.02))
                self._most = max(1, min(self._most, self._flying))  # It grows again with every answer.
                return False
        self._note(index, local_of(error, started), None)
        return True

    def _take_answers(self, patience: float) -> None:
        for key, _events in self._selector.select(patience):
            flight: _Flight = key.data
            code = flight.connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._land(flight)
            self._answered(flight, code)

    def _answered(self, flight: _Flight, code: int) -> None:
        address = self._places[flight.index][0]
        if code in (0, errno.ECONNRESET):
            # Only a connection can be reset: the SYN was answered.
            if code == 0 and with_itself(flight.connecting):
                self._met_itself(flight)
            else:
                self._note(flight.index, TcpConnect("open", "syn-ack"), flight.used)
        else:
            error = OSError(code, os.strerror(code))
            family = 6 if ":" in address else 4
            told = answer_of(flight.connecting, error, family, address, flight.used, flight.started)
            self._note(flight.index, told, flight.used)
        flight.connecting.close()

    def _met_itself(self, flight: _Flight) -> None:
        """The kernel chose the very port that was asked for: nobody listens there, most likely."""
        tries = self._tries[flight.index] = self._tries.get(flight.index, 0) + 1
        if tries < SELF_CONNECTS:
            self._again.append((flight.index, tries, 0.0))
        else:
            self._note(flight.index, TcpConnect("closed", "conn-refused"), flight.used)

    def _end_silent(self, now: float) -> None:
        while self._waiting and (self._waiting[0].done or self._waiting[0].started + self._timeout <= now):
            flight = self._waiting.popleft()
            if flight.done:
                continue
            self._land(flight)
            tries = self._tries.get(flight.index, 0)
            if tries < self._repeats:
                self._tries[flight.index] = tries + 1
                self._again.append((flight.index, tries + 1, 0.0))
            else:
                self._tries.pop(flight.index, None)
                self._note(flight.index, TcpConnect("filtered", "no-response"), flight.used)
            flight.connecting.close()

    def _land(self, flight: _Flight) -> None:
        self._selector.unregister(flight.connecting)
        flight.done = True
        self._flying -= 1

    def _note(self, index: int, told: TcpConnect, used: Optional[str]) -> None:
        self._done += 1
        self._most = min(self._limit, self._most + 1)
        # An address of this machine is connected to from itself: that is no place of its own to look from.
        used = None if used == self._places[index][0] else used
        self._states.note(index, PortWord(told.state, told.reason, told.errno, used))


def _neighbours(addresses: Sequence[str]) -> int:
    """Connects in flight that the table of neighbours has room for, where addresses are on the same link.

    A SYN to a neighbour that finds no room there is dropped on this machine without a word: an open port would be
    called silent. Half of the table is left to others (arp(7), gc_thresh3).
    """
    family = "ipv6" if any(":" in address for address in addresses) else "ipv4"
    if family == "ipv4" and not _on_link(addresses):
        return IN_FLIGHT * 16
    try:
        with open("/proc/sys/net/%s/neigh/default/gc_thresh3" % family, encoding="ascii") as file:
            return max(1, int(file.read()) // 2)
    except (OSError, ValueError):
        return 512


def _on_link(addresses: Sequence[str]) -> bool:
    """Whether some of the IPv4 addresses are reached without a gateway; where the system does not tell: no."""
    networks = []
    try:
        with open("/proc/net/route", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                there, gateway, mask = (int(fields[n], 16).to_bytes(4, sys.byteorder) for n in (1, 2, 7))
                if not any(gateway) and _has_neighbours(fields[0]):
                    networks.append((int.from_bytes(there, "big"), int.from_bytes(mask, "big")))
    except (OSError, ValueError, IndexError, OverflowError):
        return False
    numbers = (int.from_bytes(socket.inet_aton(address), "big") for address in addresses)
    return any(number & mask == there for number in numbers for there, mask in networks)


def _has_neighbours(device: str) -> bool:
    """Whether a device asks for the link address of its neighbours (no IFF_LOOPBACK, no IFF_NOARP; linux/if.h)."""
    try:
        with open("/sys/class/net/%s/flags" % device, encoding="ascii") as file:
            return not int(file.read(), 16) & 0x88
    except (OSError, ValueError):
        return True


def _files() -> int:
    """File descriptors this process may have, after asking for all that it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard and soft != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass  # What there is has to do.
    return IN_FLIGHT + SPARE_FILES if soft == resource.RLIM_INFINITY else soft
