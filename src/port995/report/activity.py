# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did on the wire: who looked, from which addresses, how many connections it cost, and for what."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from ..probe.model import Observation, Vantage
from ..probe.ranges import count_of


@dataclasses.dataclass(frozen=True)
class VantageActivity:
    """One vantage, as its own observations describe it."""

    vantage: Vantage
    sources: tuple[str, ...]
    """Local addresses that were used."""

    observations: int


@dataclasses.dataclass(frozen=True)
class Activity:
    """Over all observations of a run."""

    observations: int = 0
    vantages: tuple[VantageActivity, ...] = ()
    connections: dict[str, int] = dataclasses.field(default_factory=dict)
    """Connections per purpose."""

    first: str = ""
    """Start of the first observation, UTC."""

    last: str = ""
    """End of the last one."""

    @property
    def connection_count(self) -> int:
        """All connections of the run."""
        return sum(self.connections.values())


def activity_of(run_id: str, observations: Iterable[Observation]) -> Activity:
    """Count what a run did. Observations of another run are left out, as the judge leaves them out."""
    count, first, last = 0, "", ""
    sources: dict[Vantage, set[str]] = {}
    seen: dict[Vantage, int] = {}
    purposes: dict[str, int] = {}
    for observation in observations:
        if observation.run_id != run_id:
            continue
        count += 1
        vantage = observation.vantage
        seen[vantage] = seen.get(vantage, 0) + 1
        used = sources.setdefault(vantage, set())
        each = _stands_for(observation.addresses)
        for connection in observation.connections:
            purposes[connection.purpose] = purposes.get(connection.purpose, 0) + each
            if connection.source_address:
                used.add(connection.source_address)
        first = min(filter(None, (first, observation.started)), default="")
        last = max(last, observation.ended)
    ordered = sorted(seen, key=lambda vantage: (vantage.name, repr(vantage)))
    return Activity(
        count,
        tuple(VantageActivity(vantage, tuple(sorted(sources[vantage])), seen[vantage]) for vantage in ordered),
        dict(sorted(purposes.items())),
        first,
        last,
    )


def _stands_for(addresses: tuple[str, ...]) -> int:
    """How many addresses an observation is of; one that can't be read counts as one, as it came."""
    try:
        return count_of(addresses) if addresses else 1
    except ValueError:
        return 1
