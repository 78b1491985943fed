# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next connection may be made: a limit for one address in a span of time, and a rate for the whole run.

A tool that gets its user banned has failed. fail2ban and its like count connections without a login per address and
span of time, so that is what can be kept here. The turns of an address are spread evenly over the span: fail2ban does
not count within a window, it estimates a rate and rounds it up (FailTicket.adjustTime), so that four at once and four
more when the span is over are five to it. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import time
from typing import Callable, Dict, Optional


class Manners:
    """Give out turns. One serves a whole run.

    :param connections: to one address within ``seconds``, evenly spread; ``None``: no limit
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
        self._connections, self._rate, self._clock = connections, rate, clock
        self._gap = 0.0 if connections is None else seconds / connections
        self._free_at: Dict[str, float] = {}
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
            at = max(at, self._free_at.get(address, at))
        if self._rate is not None:
            at = max(at, self._next)
            self._next = at + 1.0 / self._rate
        if self._connections is not None:
            self._free_at[address] = at + self._gap
        return at - now
