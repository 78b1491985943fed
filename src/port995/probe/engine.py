# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of endpoints in one process: every target ends in observations, in every event.

What a run owes is written down before anything is sent: each target, then each address of it from each source. What is
still owed at the end (deadline, Ctrl-C, a fault) is told as ``not_tested``; nothing vanishes. Python 3.9, standard
library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import platform
import resource
import signal
import socket
import ssl
import sys
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .endpoint import WINDOW_ENDED, Aim, Scene, observe, services_of, untried
from .interruption import LOOK_SECONDS, nobody_waits
from .manners import Manners
from .model import Observation, Resolution, Target, Vantage
from .options import ASKING, OptionsError, ScanOptions
from .pop3_login import Desk
from .proxy_protocol import VERSIONS as PROXY_VERSIONS
from .resolve import Resolver, family_of
from .scope import OUT_OF_SCOPE
from .tcp import NoRoute, route_source
from .tls.canaries import PATH, sing
from .tls.client_hello import TLS_1_1
from .tls.interrogation import answered
from .tls_session import make_context

__all__ = ["OptionsError", "ScanOptions", "ScanSummary", "local_vantage", "run_scan", "scan"]

LOOKUPS = 64
SPARE_FILES = 64
"""File descriptors left to the rest of the process."""
FAR_ADDRESSES = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses nobody has (RFC 5737, RFC 3849); the routing table is asked about them, no packet goes there."""

Sink = Callable[[Observation], None]


@dataclasses.dataclass(frozen=True)
class ScanSummary:
    """What a scan did."""

    observations: int
    connections: int
    octets: int
    """Sent and received, above TCP."""
    cancelled: bool
    deadline_reached: bool
    seconds: float
    window_ended: bool = False
    """The time of the scope ended, or had not begun."""


def local_vantage(name: str = "controller", side: str = "undeclared", tool_version: str = "") -> Vantage:
    """This machine as a place to look from.

    :param name: the vantage's name in the run
    :param side: ``inside``, ``outside`` or ``undeclared``
    """
    families = []
    for family, address in FAR_ADDRESSES.items():
        try:
            route_source(address, family, None)
        except (NoRoute, OSError):
            continue
        families.append(family)
    return Vantage(
        name,
        side,
        socket.gethostname(),
        tuple(families),
        tool_version,
        platform.python_version(),
        ssl.OPENSSL_VERSION,
    )


def run_scan(
    targets: Sequence[Target],
    options: ScanOptions,
    vantage: Vantage,
    run_id: str,
    sink: Sink,
    handle_signals: bool = False,
    cancelled: bool = False,
    waiting: Optional[int] = None,
) -> ScanSummary:
    """`scan` for callers without an event loop.

    :param handle_signals: SIGINT and SIGTERM end the run in order, with all that is left ``not_tested``
    :param cancelled: the run was ended before it came here: all is told as ``not_tested``
    :param waiting: descriptor of who waits for the result; when nobody does any more, the run ends as by a signal
    """

    async def run() -> ScanSummary:
        stop = asyncio.Event()
        if cancelled:
            stop.set()
        loop = asyncio.get_running_loop()
        caught = (signal.SIGINT, signal.SIGTERM) if handle_signals else ()
        for number in caught:
            loop.add_signal_handler(number, stop.set)
        watch = None if waiting is None else asyncio.ensure_future(_stop_alone(waiting, stop))
        try:
            return await scan(targets, options, vantage, run_id, sink, stop)
        finally:
            if watch is not None:
                watch.cancel()
            for number in caught:
                loop.remove_signal_handler(number)

    return asyncio.run(run())


async def _stop_alone(waiting: int, stop: asyncio.Event) -> None:
    while not nobody_waits(waiting):
        await asyncio.sleep(LOOK_SECONDS)
    stop.set()


async def scan(
    targets: Sequence[Target],
    options: ScanOptions,
    vantage: Vantage,
    run_id: str,
    sink: Sink,
    stop: Optional[asyncio.Event] = None,
) -> ScanSummary:
    """Look at every target; each observation goes to the sink as soon as it is made.

    :param sink: takes observations, in the event loop's thread; what it raises (a full disk) ends the scan
    :param stop: set it to end the run: what is left becomes ``not_tested``
    :raises OptionsError: options or targets that can't be used; nothing was sent
    """
    options.check()
    for target in targets:
        _check_target(target)
    if options.depth in ASKING:
        vantage = await _self_tested(options, vantage, run_id)
    return await _Run(targets, options, vantage, run_id, sink).run(stop)


async def _self_tested(options: ScanOptions, vantage: Vantage, run_id: str) -> Vantage:
    """The vantage with what its probe has seen in the self-test, and over the path to the canary host."""
    canaries = await sing()
    host = options.canary_host
    if host is None:
        return dataclasses.replace(vantage, canaries=canaries)
    _check_target(host)
    seen: List[Observation] = []
    alone = dataclasses.replace(options, canary_host=None, source_addresses=(), deadline=None, logins=None)
    aim = dataclasses.replace(host, pop3_port=None)
    await _Run([aim], alone, vantage, run_id, seen.append).run(None)
    old = any(
        answered(hello) and 0x0300 <= (hello.answered_version or 0) <= TLS_1_1 for one in seen for hello in one.hellos
    )
    name = "%s:%d" % (host.address, host.port)
    return dataclasses.replace(vantage, canaries=(*canaries, PATH) if old else canaries, canary_host=name)


def _check_target(target: Target) -> None:
    for port in (target.port, target.pop3_port):
        if port is not None and not 1 <= port <= 65535:
            raise OptionsError("a port is from 1 to 65535, not %r (%s)" % (port, target.address))
    if target.proxy_protocol is not None and target.proxy_protocol not in PROXY_VERSIONS:
        raise OptionsError("proxy_protocol is v1 or v2, not %r (%s)" % (target.proxy_protocol, target.address))


class _Run:
    def __init__(
        self, targets: Sequence[Target], options: ScanOptions, vantage: Vantage, run_id: str, sink: Sink
    ) -> None:
        self._targets, self._options, self._sink = targets, options, sink
        self._resolver = Resolver(options.resolve_timeout)
        self._interruption: Optional[str] = None
        manners = Manners(options.address_connections, options.address_seconds, options.rate)
        desk = None if options.logins is None else Desk(options.logins)
        self._scene = Scene(options, vantage, run_id, make_context(), manners, lambda: self._interruption, desk)
        self._unresolved: Dict[int, Target] = dict(enumerate(targets))
        self._owed: Dict[int, tuple[Aim, Set[str]]] = {}
        self._next_aim = 0
        self._ready: asyncio.Queue[int] = asyncio.Queue()
        self._busy: Dict[str, int] = {}
        self._parked: Dict[str, Deque[int]] = {}
        self._observations = self._connections = self._octets = 0

    async def run(self, stop: Optional[asyncio.Event]) -> ScanSummary:
        started = time.monotonic()
        if stop is not None and stop.is_set():
            self._interruption = "cancelled"
            self._tell_the_rest()
            return ScanSummary(self._observations, 0, 0, True, False, 0.0)
        work = asyncio.ensure_future(self._work())
        watchers = [] if stop is None else [asyncio.ensure_future(stop.wait())]
        try:
            timeout, word = self._time()
            await asyncio.wait([work, *watchers], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._interruption = "cancelled" if stop is not None and stop.is_set() else word
            await self._end(work)
        finally:
            for task in (work, *watchers):
                task.cancel()
            self._resolver.abandon()
        self._tell_the_rest()
        return ScanSummary(
            self._observations,
            self._connections,
            self._octets,
            self._interruption == "cancelled",
            self._interruption == "deadline",
            round(time.monotonic() - started, 3),
            self._interruption == OUT_OF_SCOPE,
        )

    def _time(self) -> Tuple[Optional[float], str]:
        """Seconds that there are, and the word for their end."""
        scope = self._options.scope
        left = None if scope is None else scope.seconds_left(time.time())
        deadline = self._options.deadline
        if left is not None and (deadline is None or left < deadline):
            return left, OUT_OF_SCOPE
        return deadline, "deadline"

    async def _end(self, work: asyncio.Future[None]) -> None:
        """Wait until the work is done, or end it; raises what broke it."""
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        if not work.cancelled():
            work.result()

    async def _work(self) -> None:
        names = iter(list(self._unresolved))
        resolving = [asyncio.ensure_future(self._resolve(names)) for number in range(min(LOOKUPS, len(self._targets)))]
        probing = [asyncio.ensure_future(self._probe()) for number in range(self._workers())]
        everything = asyncio.gather(*resolving)
        try:
            await _first_failure([everything, *probing])
            # Every aim is in the queue now, or parked behind one that is and enters it when that one is done.
            finished = asyncio.ensure_future(self._ready.join())
            try:
                await _first_failure([finished, *probing])
            finally:
                finished.cancel()
        finally:
            # Those in the middle of an endpoint hand in what they have seen before they end. Again and again: a
            # cancellation that meets a deadline in the same moment may be lost (bpo-37658).
            for _attempt in range(20):
                pending = [task for task in (*resolving, *probing) if not task.done()]
                if not pending:
                    break
                for task in pending:
                    task.cancel()
                await asyncio.wait(pending, timeout=1)
            for task in (*resolving, *probing):
                # The first failure is told; the others are of the same kind, and asked for lest asyncio complains.
                if task.done() and not task.cancelled():
                    task.exception()

    def _workers(self) -> int:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = self._options.concurrency if soft == resource.RLIM_INFINITY else (soft - SPARE_FILES) // 2
        return max(1, min(self._options.concurrency, files))

    async def _resolve(self, names: Iterator[int]) -> None:
        for index in names:
            target = self._targets[index]
            resolution = await self._resolver.resolve(target.address)
            for aim in aims_of(target, resolution, self._options):
                self._owed[self._next_aim] = (aim, set(services_of(target)))
                self._schedule(self._next_aim)
                self._next_aim += 1
            del self._unresolved[index]

    def _schedule(self, number: int) -> None:
        address = self._owed[number][0].address
        if address is not None and self._owed[number][0].not_tested is None:
            if self._busy.get(address, 0) >= self._options.per_address:
                self._parked.setdefault(address, deque()).append(number)
                return
            self._busy[address] = self._busy.get(address, 0) + 1
        self._ready.put_nowait(number)

    def _free(self, aim: Aim) -> None:
        if aim.address is None or aim.not_tested is not None:
            return
        parked = self._parked.get(aim.address)
        if parked:
            self._ready.put_nowait(parked.popleft())
        else:
            self._busy[aim.address] -= 1

    async def _probe(self) -> None:
        while self._interruption is None:
            number = await self._ready.get()
            aim = self._owed[number][0]
            for service in services_of(aim.target):
                if self._interruption is not None:
                    return
                if aim.not_tested is not None or aim.address is None:
                    seen = untried(aim, service, self._scene, aim.not_tested, aim.detail)
                else:
                    seen = await observe(aim, service, self._scene)
                self._deliver(number, seen)
            self._free(aim)
            self._ready.task_done()

    def _deliver(self, number: int, seen: Observation) -> None:
        self._tell(seen)
        owed = self._owed[number][1]
        owed.discard(seen.service)
        if not owed:
            del self._owed[number]

    def _tell(self, seen: Observation) -> None:
        self._observations += 1
        self._connections += len(seen.connections)
        self._octets += sum(one.octets_sent + one.octets_received for one in seen.connections)
        self._sink(seen)

    def _tell_the_rest(self) -> None:
        """Every service that is still owed an observation gets one that says why there is no more."""
        word = self._interruption or "internal-error"
        why = WINDOW_ENDED if word == OUT_OF_SCOPE else ""
        for aim, services in self._owed.values():
            for service in services_of(aim.target):
                if service in services:
                    self._tell(untried(aim, service, self._scene, aim.not_tested or word, aim.detail or why))
        for target in self._unresolved.values():
            for source in self._options.source_addresses or (None,):
                aim = Aim(target, Resolution("not-tested"), None, None, source)
                for service in services_of(target):
                    self._tell(untried(aim, service, self._scene, word, why))


async def _first_failure(tasks: List[asyncio.Future[Any]]) -> None:
    """Wait for the first task; raise when another of them has ended before it."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()


def aims_of(target: Target, resolution: Resolution, options: ScanOptions) -> List[Aim]:
    """What there is to look at: each address from each source address of its family, and what can't be looked at.

    Never empty: a target without an address is an aim that says so.
    """
    sources = options.source_addresses
    if not resolution.addresses:
        return [Aim(target, resolution, None, None, source) for source in sources or (None,)]
    aims: List[Aim] = []
    present: Set[int] = set()
    for address in resolution.addresses:
        family = family_of(address)
        if family is None:
            aims.append(Aim(target, resolution, None, None, None, "internal-error", "resolved to %r" % address))
            continue
        present.add(family)
        if options.families in ("4", "6") and str(family) != options.families:
            aims.append(Aim(target, resolution, address, family, None, "family-not-asked"))
            continue
        outside = "" if options.scope is None else options.scope.outside(address)
        if outside:
            aims.append(Aim(target, resolution, address, family, None, OUT_OF_SCOPE, outside))
            continue
        own = [source for source in sources if family_of(source) == family]
        if sources and not own:
            detail = "no source address of IPv%d was given" % family
            aims.append(Aim(target, resolution, address, family, None, "no-route", detail))
        aims += [Aim(target, resolution, address, family, source) for source in (own if sources else [None])]
    wanted = {"4": (4,), "6": (6,), "both": (4, 6)}.get(options.families, ())
    # An IP literal says its own family: only a name can lack the other one.
    if resolution.outcome != "numeric":
        detail = "the name has no address of this family"
        aims += [
            Aim(target, resolution, None, family, None, "no-address-in-family", detail)
            for family in wanted
            if family not in present
        ]
    return aims


if sys.platform == "win32":  # pragma: no cover
    raise ImportError("port995 probes from POSIX systems; RLIMIT_NOFILE and signals are used")
