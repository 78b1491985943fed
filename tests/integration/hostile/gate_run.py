# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the depth gate over many servers, judged with the baseline profile."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Sequence

from port995.policy.judge import judge
from port995.policy.model import HostPlan, Intent, Status, fold
from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.policy.registry import all_checks
from port995.policy.trust import load_anchors
from port995.probe.engine import local_vantage, run_scan
from port995.probe.model import Observation, Target
from port995.probe.options import ScanOptions

RUN = "0" * 32
BASELINE = load_profile("baseline")
HELLO_CHECKS = tuple(
    id_ for id_, check in all_checks().items() if check.asks and check.on_endpoint and id_ in BASELINE.of_run(dns=False).checks
)
"""Checks of the profile that rest on hellos to one endpoint."""

OPTIONS = ScanOptions(
    depth="gate",
    questions=compile_offers(BASELINE),
    connect_timeout=2.0,
    tls_timeout=2.0,
    pop3_timeout=2.0,
    endpoint_timeout=8.0,
    deadline=45.0,
    concurrency=24,
)
SLACK = 10.0
"""Seconds that a loaded machine may be late."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of it."""

    targets: dict[str, Target]
    observations: tuple[Observation, ...]
    seconds: float

    def of(self, host: str) -> tuple[Observation, ...]:
        return tuple(seen for seen in self.observations if host in seen.target.hosts)

    def statuses(self, host: str) -> dict[str, Status]:
        """The worst status of each check on hellos, of all the services of a host."""
        return statuses(self.targets[host], self.of(host))


def statuses(target: Target, seen: Sequence[Observation]) -> dict[str, Status]:
    """Check id -> worst status."""
    host = target.hosts[0]
    judgement = judge(
        run_id=RUN,
        plan=[HostPlan(host, Intent.SERVE)],
        targets=[target],
        observations=seen,
        profile=BASELINE,
        anchors=load_anchors(None),
        at=datetime.datetime.now(datetime.UTC),
    )
    told: dict[str, list[Status]] = {}
    for result in judgement.results:
        if result.check_id in HELLO_CHECKS and result.host == host:
            told.setdefault(result.check_id, []).append(result.status)
    return {id_: fold(found) for id_, found in told.items()}


def gate_run(targets: dict[str, Target], options: ScanOptions = OPTIONS) -> Run:
    """Look at all of them in one run.

    :param targets: host name -> target
    """
    seen: list[Observation] = []
    started = time.monotonic()
    run_scan(list(targets.values()), options, local_vantage(), RUN, seen.append)
    return Run(targets, tuple(seen), time.monotonic() - started)
