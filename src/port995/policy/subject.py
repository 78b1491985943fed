# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is asked about, and how it answers."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..probe.model import Observation, Target
from .model import HostPlan, Status
from .path import Trust

if TYPE_CHECKING:
    from .attestations import AttestationUse
    from .baseline import BaselineUse
    from .dns_view import DnsView
    from .inside_view import HostInside
    from .population import Reconciled
    from .waivers import WaiverUse


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check says of one subject, before findings of the same subject fold into a `Result`."""

    status: Status
    message: str
    """One line: what was seen, from where, what to do."""

    expected: str = ""
    observed: str = ""
    evidence: tuple[str, ...] = ()
    reason: str = ""
    """Short word for counting (``no-response``, ``not-found``), where something was not assessed."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One service of one host at one address, with everything that was seen of it."""

    label: str
    """``address:port``, IPv6 in brackets, ``/server-name`` where one is expected."""

    targets: tuple[Target, ...]
    address: str | None
    """IP address; ``None``: the name gave none."""

    sessions: tuple[Observation, ...] = ()
    """Observations of the service with TLS from the first byte, in a fixed order."""

    companions: tuple[Observation, ...] = ()
    """Observations of clear-text POP3 beside it."""

    missing_sessions: tuple[str, ...] = ()
    """Observations that had to be in the journal and are not, in words."""

    missing_companions: tuple[str, ...] = ()
    found: tuple[Observation, ...] = ()
    """What was found of the ports before this probe looked at them: the words of Nmap, or of the sweep."""

    inside: HostInside | None = None
    """What its host shows from inside; ``None``: the run did not look there."""

    @property
    def looks_at_pop3(self) -> bool:
        """Whether clear-text POP3 was to be looked at in every target of it."""
        return all(target.pop3_port is not None for target in self.targets)


@dataclasses.dataclass(frozen=True)
class EndpointSubject:
    """The question of an endpoint check."""

    plan: HostPlan
    endpoint: Endpoint
    parameters: Mapping[str, object]
    trust: Trust
    at: datetime.datetime
    dns: DnsView | None = None
    """What the DNS said; ``None``: it was not asked."""

    def number(self, name: str) -> float:
        """A numeric parameter."""
        return _number(self.parameters, name)

    def words(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of words."""
        return _words(self.parameters, name)


@dataclasses.dataclass(frozen=True)
class HostSubject:
    """The question of a host check."""

    plan: HostPlan
    endpoints: tuple[Endpoint, ...]
    parameters: Mapping[str, object]
    at: datetime.datetime
    """The clock of the judgement (aware)."""

    def words(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of words."""
        return _words(self.parameters, name)

    def number(self, name: str) -> float:
        """A numeric parameter."""
        return _number(self.parameters, name)


@dataclasses.dataclass(frozen=True)
class LeafSeen:
    """A server's certificate that was shown somewhere, as far as a fleet is concerned."""

    sha256: str
    """Fingerprint over the DER, hex."""

    subject: str
    not_after: datetime.datetime | None
    key_type: str
    """`policy.certificate.PublicKey.kind`."""

    key_sha256: str
    """Over the SubjectPublicKeyInfo, hex; empty: not found."""


@dataclasses.dataclass(frozen=True)
class FleetEndpoint:
    """What fleet checks need of one endpoint: small, so that ten thousand of them are."""

    host: str
    label: str
    name: str
    """Whom it is, lower case: the server name that is expected there, else the address. Nodes behind one name have the
    same."""

    leaves: tuple[LeafSeen, ...]
    keys: Status
    """``pass``: the key of every session is known; ``not_applicable``: it is shut as intended; else they are not."""

    rsa_settled: bool
    """Whether it is known what RSA key it has: one was seen, or was believably refused, or no version is spoken that
    could use it to protect secrets."""

    ssl_2: Status
    """What POP3S-VER-001 says of it: ``fail``: SSL 2.0 is spoken."""


@dataclasses.dataclass(frozen=True)
class FleetSubject:
    """The question of a fleet check."""

    inventory: int
    """Hosts of the population, as planned."""

    equation: str
    equation_holds: bool
    problems: tuple[str, ...]
    """What is wrong with the journal or the run itself."""

    notes: tuple[str, ...]
    """Oddities that were kept out of the judgement."""

    parameters: Mapping[str, object]
    endpoints: tuple[FleetEndpoint, ...] = ()
    """Every endpoint of every host that was not excluded."""

    excluded: int = 0
    """Hosts that were left out of the run."""

    waivers: WaiverUse | None = None
    """What became of the waivers; ``None``: none were given."""

    baseline: BaselineUse | None = None
    """What became of the baseline; ``None``: none was given."""

    population: Reconciled | None = None
    """A list of hosts against the inventory; ``None``: the run was given none."""

    attestations: AttestationUse | None = None
    """What became of the attestations; ``None``: none were given."""


def _number(parameters: Mapping[str, object], name: str) -> float:
    """The profile was validated, so another type is a fault of the program."""
    value = parameters[name]
    if isinstance(value, (int, float)):
        return value
    raise TypeError(f"parameter {name} is no number")


def _words(parameters: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = parameters[name]
    if isinstance(value, (list, tuple)):
        return tuple(str(word) for word in value)
    raise TypeError(f"parameter {name} is no list")


def quoted(text: str | None, limit: int = 80) -> str:
    """Text from a host, fit to stand inside a message: quoted, control characters escaped, cut."""
    if text is None:
        return "nothing"
    return ascii(text[:limit]) + (" (cut)" if len(text) > limit else "")


def seen_from(observation: Observation) -> str:
    """Where an observation was made from, in words."""
    source = observation.source_address
    side = "" if observation.vantage.side == "undeclared" else f" ({observation.vantage.side})"
    return f"from {observation.vantage.name}{side}" + (f", source {source}" if source else "")
