# SPDX-License-Identifier: GPL-3.0-or-later
"""``--find``: search ranges for open ports, by this probe's own connects or by Nmap, and hand what is open over."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..evidence.find import NMAP, SWEEP, Found, Space, View, is_range, part, population
from ..nmap.model import NmapHost, NmapRun
from ..nmap.observe import local_fault_of, observe, tcp_of
from ..nmap.pop3s_ports import pop3s_ports
from ..nmap.run import NmapError, NmapRequest, NmapRequestError, NmapResult, check_request, run_nmap
from ..nmap.target_syntax import TypedTarget
from ..policy.model import Exit, HostPlan, Intent
from ..probe.endpoint import utc_now
from ..probe.engine import run_scan
from ..probe.interruption import interruption
from ..probe.model import Observation, Target, Vantage
from ..probe.options import SESSION, ScanOptions
from ..probe.scope import Scope
from ..probe.sweep import PortWord, States, sweep
from ..report.escape import visible
from . import options as given
from .ending import stop
from .nmap_scan import numbers_of, port_count

NATIVE = "native"

Find = Annotated[
    Optional[str],
    typer.Option(
        "--find",
        metavar="native|nmap",
        help="Search ranges for open ports first, and look further at what is open; the rest is told together. nmap: by"
        " Nmap, which can search other ports too (-p 990-999, -p-) for POP3S.",
        rich_help_panel=given.TARGETS,
    ),
]
Planned = Callable[[TypedTarget], tuple[HostPlan, tuple[Target, ...]]]


def in_scope(scope: Scope | None, typed: Sequence[TypedTarget]) -> tuple[list[TypedTarget], tuple[HostPlan, ...]]:
    """Part the addresses of ranges by a scope before anything is sent; names and single addresses are the checker's.

    :returns: what may be searched, and the hosts that are left out, with the reason
    """
    if scope is None:
        return list(typed), ()
    inside: list[TypedTarget] = []
    left: list[HostPlan] = []
    for one in typed:
        why = scope.outside(one.address) if is_range(one.typed) else ""
        if why:
            left.append(HostPlan(one.name, excluded=why.replace(f"{one.address} ", "", 1)))
        else:
            inside.append(one)
    return inside, tuple(left)


class Search:
    """One search, and what became of it.

    :param how: ``native`` or ``nmap``
    :param typed: every target, expanded
    :param words: the targets as typed
    :param exclude: as typed
    :param ports: as typed; more than one port: for Nmap only
    :param pop3_port: clear-text port beside it; 0: none
    """

    def __init__(
        self,
        how: str,
        typed: Sequence[TypedTarget],
        words: Sequence[str],
        exclude: Sequence[str],
        ports: str,
        pop3_port: int,
        options: ScanOptions,
        timing: int | None = None,
    ) -> None:
        if how not in (NATIVE, NMAP):
            stop(Exit.USAGE, f"--find is {NATIVE} or {NMAP}, not {how!a}")
        self._how, self._options, self._pop3_port = how, options, pop3_port
        inside, self._left_out = in_scope(options.scope, typed)
        self._space: Space = part(inside)
        if options.scope is not None and options.scope.sources and how == NATIVE and not options.source_addresses:
            stop(Exit.USAGE, "the scope names own addresses: say with --source which of them the search comes from")
        for one in options.source_addresses if options.scope is not None else ():
            if options.scope is not None and options.scope.outside_source(one):
                stop(Exit.USAGE, options.scope.outside_source(one))
        self._ports, self.port = ports, main_port(how, ports)
        self._request: NmapRequest | None = None
        self.cancelled = False
        self.seconds = 0.0
        if how == NMAP:
            self._request = self._asked_of_nmap(words, exclude, timing)

    def before(self, intent: Intent, planned: Planned) -> Found:
        """The population as long as nothing of it was searched."""
        now = utc_now()
        views = [
            View(service, port, None, States(len(self._space.ranged)), SWEEP, now, now) for service, port in self._looks
        ]
        found = population(self._space, views, intent, planned)
        return dataclasses.replace(found, plan=(*found.plan, *self._left_out))

    def run(self, intent: Intent, planned: Planned) -> Found:
        """Search; a signal or the deadline ends it, and what was not reached is told as not tested."""
        began = time.monotonic()
        with interruption() as cancelled:
            if self._request is not None:
                found = self._by_nmap(self._request, intent, planned, cancelled)
            else:
                found = self._by_sweep(intent, planned, cancelled)
        self.cancelled = cancelled()
        self.seconds = time.monotonic() - began
        found = dataclasses.replace(found, plan=(*found.plan, *self._left_out))
        groups = sum(map(len, found.groups.values()))
        print(
            f"port995: {len(self._space.ranged)} addresses searched in {self.seconds:.1f} s, {len(found.open)} of them"
            f" are looked at further, {groups} are told together",
            file=sys.stderr,
        )
        return found

    @property
    def _looks(self) -> list[tuple[str, int]]:
        """Services and their ports, in the order in which they are looked at."""
        return [*([("pop3", self._pop3_port)] if self._pop3_port else []), ("pop3s", self.port)]

    def left(self, deadline: float | None) -> float | None:
        """Seconds of the run's deadline that the search has left over."""
        return None if deadline is None else max(0.001, deadline - self.seconds)

    def _by_sweep(self, intent: Intent, planned: Planned, cancelled: Callable[[], bool]) -> Found:
        options, ranged = self._options, self._space.ranged
        ends_at = None if options.deadline is None else time.monotonic() + options.deadline
        permitted = None if options.scope is None else options.scope.seconds_left(time.time())
        if permitted is not None:
            # The window of the scope ends the search as a deadline does.
            ends_at = min(ends_at or float("inf"), time.monotonic() + permitted)
        late = False

        def stopped() -> bool:
            nonlocal late
            late = late or (ends_at is not None and time.monotonic() >= ends_at)
            return late or cancelled()

        looks = self._looks
        sources = options.source_addresses or (None,)
        views = []
        with bar(len(ranged) * len(looks) * len(sources)) as step:
            for service, port in looks:
                places = [(one.address, (one.port or port) if service == "pop3s" else port) for one in ranged]
                for source in sources:
                    states, started = States(len(places)), utc_now()
                    sweep(
                        places, source, options.connect_timeout, states, rate=options.rate, stopped=stopped,
                        progress=step,
                    )  # fmt: skip
                    unlooked = "cancelled" if cancelled() else "deadline" if late else ""
                    views.append(View(service, port, source, states, SWEEP, started, utc_now(), unlooked))
        return population(self._space, views, intent, planned)

    def _asked_of_nmap(self, words: Sequence[str], exclude: Sequence[str], timing: int | None) -> NmapRequest:
        if self._options.source_addresses:
            stop(Exit.USAGE, "--source is not for --find nmap, which looks from where the kernel chooses: leave it out")
        ports = self._ports
        if self._pop3_port and ports != "-" and self._pop3_port not in numbers_of(ports):
            ports += f",{self._pop3_port}"
        request = NmapRequest(
            tuple(words), tuple(exclude), ports, service_version=self._many, skip_discovery=True, timing=timing,
            ipv6=any(":" in word for word in words), time_limit=self._options.deadline, scope=self._options.scope,
        )  # fmt: skip
        try:
            check_request(request)
        except NmapRequestError as error:
            stop(Exit.USAGE, str(error))
        return request

    @property
    def _many(self) -> bool:
        return port_count(self._ports) > 1

    def _by_nmap(
        self, request: NmapRequest, intent: Intent, planned: Planned, cancelled: Callable[[], bool]
    ) -> Found:
        places = {one.address: place for place, one in enumerate(self._space.ranged)}
        singles = {one.address.lower().rstrip("."): one for one in self._space.singles}
        looks = self._looks
        states = {service: States(len(places)) for service, _port in looks}
        more: dict[str, list[int]] = {}
        unsure: list[Target] = []
        told: list[tuple[str, NmapRun, NmapHost, Target, str]] = []
        started = utc_now()

        def keep(run: NmapRun, host: NmapHost) -> None:
            place = places.get(host.address)
            names = [name.lower().rstrip(".") for name in (*host.names, host.address)]
            single = next((singles[name] for name in names if name in singles), None)
            one = single if place is None else self._space.ranged[place]
            if one is None:
                return
            known, unknown = pop3s_ports(host) if self._many else ([], [])
            for number in (*known, *unknown):
                if number not in dict(looks).values():
                    other = Target((one.name,), one.address, number, None, None)
                    told.append((one.name, run, host, other, "pop3s"))
                    more.setdefault(one.name, []).append(number)
                    if number in unknown:
                        unsure.append(other)
            for service, port in looks:
                if place is not None:
                    tcp = tcp_of(host, host.port(port, run.tcp_ports))
                    states[service].note(place, PortWord(tcp.state, tcp.reason))
                else:
                    target = Target((one.name,), one.address, self.port, None, self._pop3_port or None)
                    told.append((one.name, run, host, target, service))

        try:
            result = run_nmap(request, keep, cancelled=cancelled)
        except NmapRequestError as error:
            stop(Exit.USAGE, str(error))
        except NmapError as error:
            stop(Exit.INCOMPLETE, str(error))
        ended = utc_now()
        fault = local_fault_of(result.errors)
        words = [
            (name, observe(run, host, target, service, vantage=Vantage(), run_id="", local_fault=fault))
            for name, run, host, target, service in told
        ]
        if fault:
            for one in states.values():
                one.change(lambda word: told_here(word, fault))
        views = [View(service, port, None, states[service], NMAP, started, ended, "") for service, port in looks]
        _tell(result)
        no_pop3s = self._no_pop3s_among(unsure, cancelled)
        others = {name: tuple(port for port in ports if (name, port) not in no_pop3s) for name, ports in more.items()}
        words = [one for one in words if (one[0], one[1].port) not in no_pop3s]
        found = population(
            self._space, views, intent, planned, {name: ports for name, ports in others.items() if ports}, words
        )
        return dataclasses.replace(found, notes=(*found.notes, *no_pop3s.values()))

    def _no_pop3s_among(self, unsure: list[Target], cancelled: Callable[[], bool]) -> dict[tuple[str, int], str]:
        """Ports that Nmap knew nothing of and that are no POP3S, and what they are: one session with each. One that
        can't be told stays: the checker says what there is to say."""
        if not unsure or cancelled():
            return {}
        options = dataclasses.replace(
            self._options, depth=SESSION, questions=(), canary_host=None, logins=None, source_addresses=()
        )
        seen: list[Observation] = []
        run_scan(unsure, options, Vantage(), "0" * 32, seen.append)
        none = {}
        for one in seen:
            why = _is_no_pop3s(one)
            if why:
                where = f"{one.target.address}:{one.port}"
                none[one.target.hosts[0], one.port] = f"{where} is open, and no POP3S: {why}"
        return none


def main_port(how: str, ports: str) -> int:
    """The port whose state tells what an address is; ends with exit code 2 for a list that can't be searched."""
    if ports.isascii() and ports.isdigit() and len(ports) <= 5 and 1 <= int(ports) <= 65535:
        return int(ports)
    if how != NMAP:
        stop(Exit.USAGE, f"-p is {ports[:80]!a}, expected a number from 1 to 65535; lists need --find nmap")
    try:
        check_request(NmapRequest(("192.0.2.1",), ports=ports))
    except NmapRequestError as error:
        stop(Exit.USAGE, str(error))
    return 995 if ports == "-" or 995 in numbers_of(ports) else numbers_of(ports)[0]


def _is_no_pop3s(seen: Observation) -> str:
    """Why a port is no POP3S; empty: it is, or that can't be told."""
    tls, pop3 = seen.tls, seen.pop3
    if tls is not None and tls.outcome == "not-tls":
        return "what speaks there speaks no TLS"
    if tls is not None and tls.outcome in ("timeout", "eof", "reset") and not tls.octets_received:
        return f"it said nothing to a hello ({tls.outcome})"
    if tls is not None and tls.outcome == "completed" and (pop3 is None or pop3.greeting_status not in ("+OK", "-ERR")):
        return "it speaks TLS, and greets as no POP3 server"
    return ""


def told_here(word: PortWord, fault: str) -> PortWord:
    """A word of Nmap's where this machine could not send all: silence may be its own doing."""
    return PortWord("unknown", fault) if word.state == "filtered" else word


def _tell(result: NmapResult) -> None:
    kind = "raw sockets" if result.scan_type == "syn" else "without raw sockets"
    print(
        f"port995: nmap {visible(result.binary.version, 40)}, {result.scan_type} scan ({kind}),"
        f" {result.run.hosts_read} hosts told, {result.seconds:.1f} s",
        file=sys.stderr,
    )
    if result.run.problem:
        print(f"port995: INCOMPLETE: {visible(result.run.problem, 400)}", file=sys.stderr)


@contextlib.contextmanager
def bar(expected: int) -> Iterator[Callable[[int], None]]:
    """Show how far a search is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    columns = (TextColumn("searching"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("searching", total=expected)
        before = last = 0

        def step(done: int) -> None:
            nonlocal before, last
            before, last = (before + last, done) if done < last else (before, done)
            shown.update(task, completed=before + done)

        yield step
