# SPDX-License-Identifier: GPL-3.0-or-later
"""What a format is made of: the whole of a concluded run. Each gets the same, so that none can count otherwise."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from ..policy.gate import DEFAULT_RULES, GateRules
from ..policy.model import GateVerdict, HostPlan, Judgement, Result
from ..probe.model import Observation
from .activity import Activity
from .junit_flavours import Flavour
from .run_header import RunHeader


@dataclasses.dataclass(frozen=True)
class Told:
    """A run, as it was concluded."""

    judgement: Judgement
    gate: GateVerdict
    header: RunHeader
    activity: Activity = dataclasses.field(default_factory=Activity)
    rules: GateRules = DEFAULT_RULES
    observations: tuple[Observation, ...] = ()
    """Those of this run, in a fixed order."""

    flavour: Flavour = Flavour.JENKINS
    """Who is to read the JUnit files."""

    @functools.cached_property
    def plans(self) -> dict[str, HostPlan]:
        """What was planned, by host."""
        return {host.name: host for host in self.header.plan}

    @functools.cached_property
    def by_host(self) -> dict[str | None, list[Result]]:
        """Results per host of the population (each of them is in it); ``None``: about the fleet."""
        found: dict[str | None, list[Result]] = {None: [], **{name: [] for name in self.judgement.dispositions}}
        for result in self.judgement.results:
            found.setdefault(result.host, []).append(result)
        return found


@dataclasses.dataclass(frozen=True)
class Format:
    """One format of the report."""

    name: str
    """What a user chooses it by."""

    meaning: str
    write: Callable[[Told], dict[str, bytes]]
    """Files of the run folder by name.

    :raises LibraryMissing: a library that it needs is not installed
    """
