# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints that showed the same are judged once: what a check of the program says of one, it says of its twin.

Twins are endpoints of which everything that a check could look at is equal. What is left out of the comparison is named
here, with the reason why no check that is shared looks at it; a check that does look is not shared. Users' own checks
never are, since nobody knows what they read.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..probe.model import Hello, Observation, Pop3Dialogue, Target, TcpConnect, TlsSession
from .belief import WEAK_ENDS
from .check import Check
from .model import Flip, HostPlan, Result
from .reach import OPEN
from .registry import MODULES
from .subject import Endpoint, FleetEndpoint

LOOK_AT_THE_ADDRESS = ("POP3S-CLR-002", "POP3S-POP-004")
"""Checks that know the endpoint's address, so they are asked anew of each: is it a loopback, is it part of a text."""

MAX_REMEMBERED = 4096
"""Distinct endpoints; a fleet in which no two are alike must not be kept twice in memory."""

_OWN = frozenset(
    check.id for module in MODULES for check in vars(module).values() if isinstance(check, Check)
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Judged:
    """What was said of an endpoint, without whose it is."""

    results: tuple[Result, ...]
    """Of the checks that are shared; host and endpoint are another's."""

    ahead: tuple[Flip, ...]
    """What will change of them."""

    fleet: FleetEndpoint
    """Host, label and name are another's."""


def is_shared(check: Check) -> bool:
    """Whether what a check says of an endpoint holds for its twins. What the DNS says is of names and addresses."""
    return (
        check.on_endpoint is not None
        and check.id in _OWN
        and check.id not in LOOK_AT_THE_ADDRESS
        and not check.id.startswith("POP3S-DNS-")
    )


class Twins:
    """The distinct endpoints of one judgement. It may not outlive the observations, whose parts it knows by
    identity."""

    def __init__(self) -> None:
        self._known: dict[object, Judged] = {}
        self._hellos: dict[object, int] = {}
        self._by_identity: dict[int, int] = {}
        self._next = 0

    def find(self, key: object) -> Judged | None:
        """What was said of a twin; ``None``: none was judged before."""
        return self._known.get(key)

    def keep(self, key: object, judged: Judged) -> None:
        """Remember what was said of an endpoint."""
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
            self._hellos.clear()
            self._by_identity.clear()
        self._known[key] = judged

    def key_of(self, plan: HostPlan, endpoint: Endpoint) -> object:
        """Equal for twins, and for nothing else.

        Left out: run, host names, addresses where a server name is expected (`LOOK_AT_THE_ADDRESS`, and DNS, ask
        otherwise), addresses of connections but our own (messages name it), how long each answer took where no hello
        ended (`belief` reads times of ends alone), and when it was seen, where no clear-text port is shut
        (`reach.later`).
        """
        timed = any(seen.tcp is None or seen.tcp.state != OPEN for seen in endpoint.companions)
        return (
            plan.intent,
            # What its host shows from inside, and what was found before it was looked at, is of this one alone.
            (plan.name, endpoint.label) if endpoint.inside is not None or endpoint.found else None,
            (plan.count, plan.found_by),
            tuple(map(_target, endpoint.targets)),
            endpoint.address is None,
            tuple(self._observation(seen, timed) for seen in endpoint.sessions),
            tuple(self._observation(seen, timed) for seen in endpoint.companions),
            endpoint.missing_sessions,
            endpoint.missing_companions,
        )

    def _observation(self, seen: Observation, timed: bool) -> object:
        return (
            _rest(seen),
            _target(seen.target),
            seen.address is None,
            (seen.resolution.outcome, seen.resolution.detail),
            seen.source_address,
            None if seen.tcp is None else _tcp(seen.tcp),
            None if seen.tls is None else _tls(seen.tls),
            None if seen.pop3 is None else _dialogue(seen.pop3),
            None if seen.clear is None else _dialogue(seen.clear),
            self._number(seen.hellos),
            (seen.started, seen.ended) if timed else None,
        )

    def _number(self, hellos: tuple[Hello, ...]) -> int:
        """A number for a transcript, the same for equal ones: it is long, and looked at in every comparison."""
        known = self._by_identity.get(id(hellos))
        if known is not None:
            return known
        look = _hello if any(hello.outcome in WEAK_ENDS for hello in hellos) else _hello_without_times
        content = tuple(map(look, hellos))
        number = self._hellos.get(content)
        if number is None:
            number = self._hellos[content] = self._next
            self._next += 1
        self._by_identity[id(hellos)] = number
        return number


def placed(results: Sequence[Result], host: str, label: str) -> list[Result]:
    """The results of an endpoint, as those of its twin."""
    return [
        Result(
            one.check_id, one.title, one.severity, one.status, host, label, one.message, one.expected, one.observed,
            one.evidence, one.remediation, one.references, facts=one.facts,
        )
        for one in results
    ]  # fmt: skip


def moved(flips: Sequence[Flip], host: str, label: str) -> list[Flip]:
    """What will change of an endpoint, as of its twin."""
    return [dataclasses.replace(one, host=host, endpoint=label) for one in flips]


def _target(target: Target) -> object:
    """A target without its hosts; the address is a name to check where no other is expected."""
    return (_target_rest(target), target.address if target.server_name is None else None)


def _all_but(kind: type[Any], *left_out: str) -> Callable[[Any], Any]:
    """Every field of a class but these, so that a field that is added later is compared."""
    names = [field.name for field in dataclasses.fields(kind)]
    unknown = set(left_out) - set(names)
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return operator.attrgetter(*(name for name in names if name not in left_out))


_TIMES = ("connect_seconds", "quiet_seconds", "answer_seconds")
_hello = _all_but(Hello)
_hello_without_times = _all_but(Hello, *_TIMES)
_tcp = _all_but(TcpConnect, "seconds")
_tls = _all_but(TlsSession, "seconds")
_dialogue = _all_but(Pop3Dialogue, "seconds")
_target_rest = _all_but(Target, "hosts", "address")
_rest = _all_but(
    Observation, "run_id", "target", "started", "ended", "resolution", "address", "tcp", "tls", "pop3", "clear",
    "connections", "hellos",
)  # fmt: skip
