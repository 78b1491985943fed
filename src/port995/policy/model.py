# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the judgement: intents, statuses and how they fold, results, population, gate.

All of it is plain data: judging is a pure function of what stands here and of the observations.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable


class Intent(str, enum.Enum):
    """What the owner of a host declares about TCP 995 (``pop3s_intent``)."""

    SERVE = "serve"
    """must answer, hardened"""
    INTERNAL = "internal"
    """must answer inside, must not answer outside"""
    CLOSED = "closed"
    """must not answer anywhere"""


class Status(str, enum.Enum):
    """Outcome of a check, worst first. Only ``pass`` is good news; nothing that was not seen ever becomes one."""

    ERROR = "error"
    """the tool or the input failed: a name that does not resolve, a variable that can't be read"""
    UNREACHABLE = "unreachable"
    """the host gave no answer"""
    FAIL = "fail"
    """evidence that the requirement is not met"""
    NOT_TESTED = "not_tested"
    """no evidence either way, with the reason"""
    MANUAL = "manual"
    """a person has to look"""
    WAIVED = "waived"
    """a fail under an approved, unexpired waiver"""
    PASS = "pass"  # noqa: S105 - a status, not a password
    """evidence that the requirement is met"""
    NOT_APPLICABLE = "not_applicable"
    """an observed fact says the check has no object"""


FOLDING_ORDER: tuple[Status, ...] = tuple(Status)
"""Worst first; several statuses fold into the first of them that occurs."""


def fold(statuses: Iterable[Status]) -> Status:
    """Fold several statuses into one.

    :param statuses: any number of statuses
    :returns: the worst by `FOLDING_ORDER`; ``not_tested`` when there are none, since nothing seen is never fine
    """
    present = set(statuses)
    return next((status for status in FOLDING_ORDER if status in present), Status.NOT_TESTED)


class Severity(str, enum.Enum):
    """Weight of a check, heaviest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Disposition(str, enum.Enum):
    """What became of an inventory host; each host has exactly one."""

    ASSESSED = "assessed"
    UNREACHABLE = "unreachable"
    """at least one of its endpoints could not be assessed, or none exists; `HostPlan` and results say why"""
    EXCLUDED = "excluded"


@dataclasses.dataclass(frozen=True)
class HostPlan:
    """One host of the population as the owner declares it, before anything was seen."""

    name: str
    """Inventory name, or the target as typed."""

    intent: Intent | None = None
    """``None``: not declared."""

    problems: tuple[str, ...] = ()
    """What is wrong with the host's own variables (``pop3s_intent: 'closd' is none of ...``): each is an error."""

    excluded: str | None = None
    """Why the host was left out of this run (``--limit``); ``None``: it was not."""

    variables: dict[str, str] = dataclasses.field(default_factory=dict)
    """Declared values worth showing (owner, purpose, address, groups); no secrets."""

    domains: tuple[str, ...] = ()
    """Mail domains whose users it serves (``pop3s_domain``)."""

    groups: tuple[str, ...] = ()
    """Groups of the inventory that it is in, for waivers."""

    place: str = ""
    """Where the inventory names it, ``path:line``; empty: not known."""

    count: int = 1
    """How many hosts this one stands for: addresses of a range that all showed the same are told together."""

    found_by: str = ""
    """Who found it before it was looked at (`Observation.told_by`: ``sweep``, ``nmap``) and owes a word on its ports;
    empty: nobody had to."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """The verdict of one check on one subject."""

    check_id: str
    title: str
    severity: Severity
    status: Status
    host: str | None
    """Population name; ``None``: a finding about the fleet."""

    endpoint: str | None
    """``address:port`` (IPv6 in brackets) with ``/server-name`` where one is expected; ``None``: about the host."""

    message: str
    """One line: what was seen, from where, and for anything but a pass what to do next."""

    expected: str = ""
    observed: str = ""
    evidence: tuple[str, ...] = ()
    """Facts the verdict rests on, one a line, still as they came from the host: reports escape them."""

    remediation: str = ""
    references: tuple[str, ...] = ()
    waiver: str = ""
    """Id of the waiver that turned a fail into ``waived``; empty: none did."""

    facts: tuple[str, ...] = ()
    """Of a fail: what is wrong, each fact by itself, sorted; the same in every run in which the same is wrong."""

    baseline: str = ""
    """Of a fail in a run with a baseline: ``known``, ``flapping`` or ``new``."""

    attested: str = ""
    """Of a ``manual``: who says that it is so, and until when, while that holds; empty: nobody does."""


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The equation that every format prints: inventory = assessed + unreachable + excluded."""

    inventory: int
    assessed: int
    unreachable: int
    excluded: int
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)
    """Hosts per reason of not being assessed (``no-response``, ``not-found``, ``deadline``, ``--limit`` ...)."""

    @property
    def holds(self) -> bool:
        """Whether the sum is right; a run whose sum is wrong can't vouch for itself."""
        return self.inventory == self.assessed + self.unreachable + self.excluded

    def __str__(self) -> str:
        return (
            f"inventory {self.inventory} = assessed {self.assessed}"
            f" + unreachable {self.unreachable} + excluded {self.excluded}"
        )


@dataclasses.dataclass(frozen=True)
class Expiring:
    """A certificate and the day it ends, for the list of those that expire next."""

    not_after: str
    """UTC, RFC 3339."""

    subject: str
    sha256: str
    """Fingerprint over the DER, hex."""

    count: int
    """Endpoints that show it."""

    endpoints: tuple[str, ...]
    """The first of them: host and endpoint."""


@dataclasses.dataclass(frozen=True, slots=True)
class Flip:
    """What is good on the day of the judgement and will not be, on the same evidence."""

    day: str
    """YYYY-MM-DD, UTC: from then on."""

    check_id: str
    severity: Severity
    host: str | None
    endpoint: str | None
    now: Status | None
    """``None``: the rule is not in force yet, so it was not asked."""

    then: Status
    because: str
    """The rule that begins, or what ends."""

    message: str
    """What the check says then."""


@dataclasses.dataclass(frozen=True)
class View:
    """The state of a port as one vantage saw it from one of its addresses."""

    vantage: str
    side: str
    source: str | None
    """Address that it looked from; ``None``: it is not known, or none was used."""

    address: str | None
    """Address that it looked at; ``None``: the name gave none."""

    family: int | None
    """4 or 6."""

    state: str
    """``open``, ``closed``, ``filtered``, or ``untold``."""

    reason: str
    """Nmap's reason, or why the state can't be told."""


@dataclasses.dataclass(frozen=True)
class Views:
    """What all vantages saw of one endpoint, side by side."""

    host: str
    endpoint: str
    views: tuple[View, ...]
    missing: tuple[str, ...] = ()
    """Looks that are owed and not there, in words."""

    differ: str = ""
    """In which words they differ; empty: all that tell a state tell the same one."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The whole verdict over one run."""

    run_id: str
    profile_id: str
    profile_sha256: str
    at: str
    """The clock the judgement was made with, UTC."""

    results: tuple[Result, ...]
    """Sorted by host, endpoint, check: independent of the order in which things were seen."""

    dispositions: dict[str, Disposition]
    """Per population name."""

    host_status: dict[str, Status]
    """Folded status per population name; an excluded host is ``not_tested``."""

    coverage: Coverage
    partial: bool = False
    """A partial run was asked for: excluded hosts and deselected checks do not make it incomplete."""

    mistrust: tuple[str, ...] = ()
    """Why the tool can't vouch for itself: a probe that saw not one fault of its self-test."""

    expiring: tuple[Expiring, ...] = ()
    """Certificates that were shown, those that expire first; the list is cut."""

    views: tuple[Views, ...] = ()
    """Per endpoint of every host that was not excluded, sorted by host and endpoint."""

    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    """Per population name, how many hosts it stands for, where that is not one."""

    resting: tuple[str, ...] = ()
    """Checks of the profile whose rules are not in force on the day of the clock: no result tells of them."""

    ahead: tuple[Flip, ...] = ()
    """What will change for the worse, the soonest first."""

    ahead_days: int = 0
    """How many days were looked ahead; 0: none."""

    deselected: tuple[str, ...] = ()
    """Checks that the profile names and the run was told to leave out: each has one result, about the fleet."""


class Exit(enum.IntEnum):
    """Exit codes of the command, and what a gate says."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    CANNOT_VOUCH = 4


@dataclasses.dataclass(frozen=True)
class GateVerdict:
    """What the gate says of a judgement."""

    exit: Exit
    incomplete: bool
    """Also true when ``exit`` is FAILED in an incomplete run."""

    reasons: tuple[str, ...]
    """One line per reason, none when passed."""
