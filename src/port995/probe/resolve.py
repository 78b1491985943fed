# SPDX-License-Identifier: GPL-3.0-or-later
"""Names to addresses, with a deadline that really ends.

getaddrinfo(3) can't be interrupted: with a name server that never answers it holds its thread for many seconds, and an
executor's threads would hold the whole process at its end. So each lookup runs in a daemon thread of its own that is
left behind at the deadline; their number is bounded. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from typing import Callable, Dict, List, Optional, Tuple

from .model import Resolution

MAX_THREADS = 256
"""Lookups that may hang at one time, those left behind at their deadline included."""

NOT_FOUND = tuple(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)

Lookup = Callable[[str], Tuple[str, ...]]


def family_of(address: str) -> Optional[int]:
    """4 or 6 for an IP literal (a zone id is allowed), ``None`` for anything else."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def look_up(name: str) -> Tuple[str, ...]:
    """Every address of a name, in the order of the system's resolver (RFC 6724), each once.

    :raises OSError: socket.gaierror, the resolver's answer
    :raises UnicodeError: no domain name (a label is empty or longer than 63 octets)
    """
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """Resolve names, each once per run, within a bounded number of threads.

    :param timeout: seconds a lookup may take
    :param lookup: what asks the system; tests put a slow one here
    """

    def __init__(self, timeout: float, lookup: Lookup = look_up) -> None:
        self._timeout = timeout
        self._lookup = lookup
        self._slots = asyncio.Semaphore(MAX_THREADS)
        self._known: Dict[str, asyncio.Future[Resolution]] = {}

    async def resolve(self, address: str) -> Resolution:
        """Resolve a name or IP literal; never raises for what the resolver does."""
        if family_of(address) is not None:
            return Resolution("numeric", (address,))
        known = self._known.get(address)
        if known is None:
            known = asyncio.ensure_future(self._ask(address))
            self._known[address] = known
        # Shielded: one target that is cancelled must not take the answer from another that waits for the same name.
        return await asyncio.shield(known)

    def abandon(self) -> None:
        """Give up every lookup that still runs."""
        for known in self._known.values():
            known.cancel()

    async def _ask(self, name: str) -> Resolution:
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        try:
            # Bounded too: threads whose lookups never end would keep all other names waiting for ever.
            await asyncio.wait_for(self._slots.acquire(), self._timeout)
        except asyncio.TimeoutError:
            detail = "not asked: %d lookups hang already" % MAX_THREADS
            return Resolution("timeout", (), detail, round(time.monotonic() - started, 3))
        started = time.monotonic()
        answer: asyncio.Future[Resolution] = loop.create_future()

        def finish(resolution: Resolution) -> None:
            self._slots.release()
            if not answer.done():
                answer.set_result(resolution)

        def run() -> None:
            resolution = self._outcome(name)
            try:
                loop.call_soon_threadsafe(finish, resolution)
            except RuntimeError:
                pass  # The loop is gone: nobody waits for this answer any more.

        try:
            threading.Thread(target=run, name="resolve", daemon=True).start()
        except RuntimeError as error:
            self._slots.release()
            return Resolution("failed", (), "no thread for the lookup: %s" % error)
        try:
            found = await asyncio.wait_for(answer, self._timeout)
        except asyncio.TimeoutError:
            found = Resolution("timeout", (), "no answer from the resolver in %g s" % self._timeout)
        return Resolution(found.outcome, found.addresses, found.detail, round(time.monotonic() - started, 3))

    def _outcome(self, name: str) -> Resolution:
        try:
            addresses: List[str] = list(self._lookup(name))
        except socket.gaierror as error:
            outcome = "not-found" if error.errno in NOT_FOUND else "failed"
            return Resolution(outcome, (), str(error.strerror or error))
        except UnicodeError as error:
            return Resolution("failed", (), "not a domain name: %s" % error)
        except Exception as error:  # noqa: BLE001 - whatever breaks, a thread that dies would leave its name unanswered
            return Resolution("failed", (), "%s: %s" % (type(error).__name__, error))
        if not addresses:
            return Resolution("not-found", (), "the resolver gave no address")
        return Resolution("resolved", tuple(addresses))
