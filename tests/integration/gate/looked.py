# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at one server as the gate does, and read the verdicts of the checks that rest on hellos."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from port995.policy.judge import judge
from port995.policy.model import HostPlan, Intent, Result
from port995.policy.offers import compile_offers
from port995.policy.profile import Profile, load_profile
from port995.policy.trust import load_anchors
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target
from tests.peers.peer import SERVER_NAME

RUN = "0" * 32
FAMILIES = ("VER", "CIPH", "GRP", "SIG", "NODE")
STRICT = load_profile("strict")


def look(address: str, port: int, pop3_port: int | None = None, profile: Profile = STRICT) -> tuple[Target, list[Observation]]:
    """Observe one server with the questions of a profile."""
    target = Target(("mx",), address, port, SERVER_NAME, pop3_port)
    seen: list[Observation] = []
    options = ScanOptions(depth="gate", questions=compile_offers(profile), tls_timeout=5, pop3_timeout=4)
    run_scan([target], options, local_vantage(), RUN, seen.append)
    return target, seen


def verdicts(target: Target, seen: Sequence[Observation], profile: Profile = STRICT) -> dict[str, Result]:
    """Check id without its prefix -> result, of the checks that rest on hellos."""
    wanted = [id_ for id_ in profile.checks if id_.split("-")[1] in FAMILIES]
    judgement = judge(
        run_id=RUN, plan=[HostPlan("mx", Intent.SERVE)], targets=[target], observations=seen,
        profile=profile.narrowed(wanted), anchors=load_anchors(None), at=datetime.datetime.now(datetime.UTC),
    )  # fmt: skip
    return {one.check_id.removeprefix("POP3S-"): one for one in judgement.results if one.check_id in wanted}
