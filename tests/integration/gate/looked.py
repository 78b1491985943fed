# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at one server as the gate does, and read what each check that rests on hellos finds."""

from __future__ import annotations

import datetime
import functools

from port995.policy.check import Scope
from port995.policy.model import HostPlan, Intent
from port995.policy.offers import compile_offers
from port995.policy.path import Trust
from port995.policy.profile import Profile, load_profile
from port995.policy.registry import all_checks
from port995.policy.subject import Endpoint, EndpointSubject, Finding
from port995.policy.trust import load_anchors
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target
from tests.peers.peer import SERVER_NAME

RUN = "0" * 32
FAMILIES = ("VER", "CIPH", "GRP", "SIG", "NODE")
STRICT = load_profile("strict")
TLS_PORT, STLS = "the TLS port", "STLS"


@functools.cache
def _trust() -> Trust:
    return Trust(load_anchors(None), datetime.datetime.now(datetime.UTC))


def look(
    address: str, port: int, pop3_port: int | None = None, profile: Profile = STRICT, depth: str = "gate"
) -> tuple[Target, list[Observation]]:
    """Observe one server with the questions of a profile and a depth."""
    target = Target(("mx",), address, port, SERVER_NAME, pop3_port)
    seen: list[Observation] = []
    options = ScanOptions(depth=depth, questions=compile_offers(profile, depth), tls_timeout=5, pop3_timeout=4)
    run_scan([target], options, local_vantage(), RUN, seen.append)
    return target, seen


def findings(target: Target, seen: list[Observation], profile: Profile = STRICT) -> dict[str, dict[str, Finding]]:
    """Where (`TLS_PORT`, `STLS`) -> check id without its prefix -> finding. Each by itself: folded into one result a false
    pass of the one would hide behind a fail of the other.

    :param seen: one observation of the TLS port, and one of the clear-text port where the target has it
    """
    sessions = tuple(one for one in seen if one.service == "pop3s")
    companions = tuple(one for one in seen if one.service == "pop3")
    places = [TLS_PORT] if target.pop3_port is None else [TLS_PORT, STLS]
    assert len(sessions) == 1 and len(companions) == len(places) - 1, seen
    endpoint = Endpoint(f"{target.address}:{target.port}", (target,), target.address, sessions, companions)
    trust = _trust()
    found: dict[str, dict[str, Finding]] = {place: {} for place in places}
    for id_, check in all_checks().items():
        if id_ not in profile.checks or id_.split("-")[1] not in FAMILIES or check.scope is not Scope.ENDPOINT:
            continue
        assert check.on_endpoint is not None
        subject = EndpointSubject(
            HostPlan("mx", Intent.SERVE), endpoint, profile.checks[id_].parameters, trust, trust.at
        )
        told = list(check.on_endpoint(subject))
        for place, finding in zip(places, told, strict=True):
            found[place][id_.removeprefix("POP3S-")] = finding
    return found
