# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found before it was looked at: the state of a port, as Nmap or the sweep saw it. It stands beside what this
probe saw afterwards, never in its place, and where the two do not agree neither is believed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..probe.model import Observation
from ..probe.ranges import count_of

SWEEP = "sweep"
"""`Observation.told_by`, as `port995.evidence.find` writes it of our own connects."""
FINDERS = (SWEEP, "nmap")

_OF_A_PORT = frozenset(
    "schema run_id target service port vantage source started ended resolution address family not_tested detail tcp"
    " connections told_by addresses".split()
)
"""Fields of an observation that the state of a port may fill."""


def is_port_word(seen: Observation) -> bool:
    """Whether an observation says the state of a port and nothing else."""
    others = (field for field in dataclasses.fields(seen) if field.name not in _OF_A_PORT)
    return all(getattr(seen, field.name) == field.default for field in others) and _readable(seen.addresses)


def parted(observations: Iterable[Observation]) -> tuple[tuple[Observation, ...], tuple[Observation, ...]]:
    """The observations of one endpoint as one vantage made them.

    :returns: those to judge, and the finders' words on services that this probe looked at too. A finder's word on a
        service that nobody else looked at is all there is, and is judged.
    """
    every = tuple(observations)
    looked_at = {one.service for one in every if one.told_by == ""}
    found = [one for one in every if one.told_by in FINDERS and one.service in looked_at and is_port_word(one)]
    return tuple(one for one in every if not any(one is other for other in found)), tuple(found)


def who(seen: Observation) -> str:
    """Who told an observation, for a sentence; empty: this probe itself."""
    return {SWEEP: "the sweep", "nmap": "Nmap"}.get(seen.told_by, "")


def _readable(addresses: Sequence[str]) -> bool:
    try:
        return not addresses or count_of(addresses) > 0
    except ValueError:
        return False
