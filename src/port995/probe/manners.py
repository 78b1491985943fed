# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next connection may be made: a limit for one address in a span of time, and a rate for the whole run.

A tool that gets its user banned has failed. fail2ban and its like count connections without a login per address and
span of time, so that is what can be kept here. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Callable, Deque, Dict, Optional


class Manners:
    """Give out turns. One serves a whole run.

    :param connections: to one address within ``seconds``; ``None``: no limit
    :param seconds: the span that ``connections`` is for
    :param rate: connections per second of the whole run; ``None``: no limit
    :param clock: seconds that only grow
    """

    def __init__(
        self,
        connections: Optional[int] = None,
        seconds: float = 0.0,
        rate: Optional[float] = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections, self._seconds, self._rate, self._clock = connections, seconds, rate, clock
        self._given: Dict[str, Deque[float]] = {}
        self._next = 0.0

    async def turn(self, address: str) -> float:
        """Wait until a connection to the address may be made.

        :returns: seconds waited
        """
        wait = self.reserve(address)
        if wait > 0:
            await asyncio.sleep(wait)
        return max(0.0, wait)

    def reserve(self, address: str) -> float:
        """Take the next turn.

        :returns: in how many seconds it is
        """
        if self._connections is None and self._rate is None:
            return 0.0
        now = at = self._clock()
        if self._connections is not None:
            given = self._given.setdefault(address, deque())
            if len(given) >= self._connections:
                at = max(at, given.popleft() + self._seconds)
        if self._rate is not None:
            at = max(at, self._next)
            self._next = at + 1.0 / self._rate
        if self._connections is not None:
            self._given[address].append(at)
        return at - now
