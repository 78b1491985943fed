# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations as a probe would make them: a good service, and ways to change one thing of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from port995.policy.judge import judge
from port995.policy.model import HostPlan, Intent, Judgement, Result
from port995.policy.profile import Profile, load_profile
from port995.probe.model import (
    OBSERVATION_SCHEMA,
    Capability,
    Connection,
    Injection,
    Observation,
    Pop3Dialogue,
    Pop3Extras,
    Resolution,
    Target,
    TcpConnect,
    TlsSession,
    Vantage,
)
from port995.probe.tls.canaries import NAMES

from .certificates import NAME, NOW, anchors, chain, good_leaf
from .hellos import good_hellos

RUN = "0" * 32
BASELINE = load_profile("baseline")

INSIDE = Vantage("office", "inside", families=(4,), canaries=NAMES)
OUTSIDE = Vantage("internet", "outside", families=(4,), canaries=NAMES)
CONTROLLER = Vantage("controller", families=(4,), canaries=NAMES)

OPEN = TcpConnect("open", "syn-ack")
CLOSED = TcpConnect("closed", "conn-refused", "ECONNREFUSED")
FILTERED = TcpConnect("filtered", "no-response")

CAPABILITIES = (Capability("UIDL"), Capability("TOP"), Capability("USER"), Capability("SASL", ("PLAIN",)))
BEFORE_STLS = (Capability("UIDL"), Capability("STLS"), Capability("SASL", ()))

GOOD_POP3 = Pop3Dialogue(
    "completed",
    greeting="+OK ready",
    greeting_status="+OK",
    capa_status="listed",
    capabilities=CAPABILITIES,
    capa_reply="+OK",
    quit_reply="+OK bye",
)
GOOD_CLEAR = dataclasses.replace(GOOD_POP3, capabilities=BEFORE_STLS, stls_reply="+OK begin")
BEHIND_STLS = dataclasses.replace(GOOD_POP3, greeting=None, greeting_status=None)
GOOD_EXTRAS = Pop3Extras("completed", None, "-ERR what?", "-ERR", "listed", "+OK", ("PLAIN",))


def good_tls() -> TlsSession:
    return TlsSession(
        "completed",
        octets_received=3000,
        server_name_sent=NAME,
        version="TLSv1.3",
        cipher_suite="TLS_AES_256_GCM_SHA384",
        certificates=chain(good_leaf()),
        chain_source="handshake",
        close_notify=True,
    )


def target(hosts: tuple[str, ...] = ("mx",), address: str = "192.0.2.1", **options: Any) -> Target:
    return Target(hosts, address, **{"server_name": NAME, **options})


def session(
    aim: Target | None = None, source: str = "198.51.100.1", vantage: Vantage = CONTROLLER, **changes: Any
) -> Observation:
    """A good session with the POP3S port; ``changes`` replace its fields."""
    aim = aim or target()
    address = changes.pop("address", aim.address)
    seen = Observation(
        OBSERVATION_SCHEMA,
        RUN,
        aim,
        "pop3s",
        aim.port,
        vantage,
        source,
        "2026-11-24T11:00:02.000Z",
        "2026-11-24T11:00:03.000Z",
        Resolution("numeric", (address,) if address else ()),
        address,
        None if address is None else 6 if ":" in address else 4,
        tcp=OPEN,
        tls=good_tls(),
        pop3=GOOD_POP3,
        connections=(Connection("TLS and POP3 session", address or "", aim.port, source),),
        hellos=good_hellos(chain(good_leaf())[0]),
        hello_certificates=chain(good_leaf())[:1],
        extras=GOOD_EXTRAS,
    )
    return dataclasses.replace(seen, **changes)


def unanswered(tcp: TcpConnect, *args: Any, **options: Any) -> Observation:
    """A session that never was: the port is closed or filtered."""
    return session(*args, **{"tcp": tcp, "tls": None, "pop3": None, "hellos": (), "extras": None, **options})


def companion(
    aim: Target | None = None, source: str = "198.51.100.1", vantage: Vantage = CONTROLLER, **changes: Any
) -> Observation:
    """Clear-text POP3 beside it, as it should be: STLS offered, no login before it."""
    aim = aim or target()
    base = session(aim, source, vantage)
    return dataclasses.replace(
        base,
        **{
            "service": "pop3",
            "port": aim.pop3_port or 0,
            "started": "2026-11-24T11:00:00.000Z",
            "ended": "2026-11-24T11:00:01.000Z",
            "pop3": BEHIND_STLS,
            "extras": None,
            "clear": GOOD_CLEAR,
            "injection": Injection("answered", ("+OK bye",)),
            **changes,
        },
    )


def refused_companion(*args: Any, **options: Any) -> Observation:
    return companion(*args, **{"tcp": CLOSED, "tls": None, "clear": None, "pop3": None, "hellos": (), "injection": None, **options})


def judged(
    observations: Sequence[Observation],
    *,
    intent: Intent | None = Intent.SERVE,
    plan: Sequence[HostPlan] | None = None,
    targets: Sequence[Target] | None = None,
    profile: Profile = BASELINE,
    **options: Any,
) -> Judgement:
    plan = [HostPlan("mx", intent)] if plan is None else plan
    return judge(
        run_id=RUN,
        plan=plan,
        targets=[target()] if targets is None else targets,
        observations=observations,
        profile=profile,
        **{"anchors": anchors(), "at": NOW, **options},
    )


def results_of(judgement: Judgement, check: str, host: str | None = "mx") -> list[Result]:
    wanted = check if check.startswith("POP3S-") else f"POP3S-{check}"
    return [r for r in judgement.results if r.check_id == wanted and r.host == host]


def result_of(judgement: Judgement, check: str, host: str | None = "mx") -> Result:
    results = results_of(judgement, check, host)
    if len(results) != 1:
        raise LookupError(f"{len(results)} results of {check} on {host}")
    return results[0]


def status_of(judgement: Judgement, check: str, host: str | None = "mx") -> str:
    return result_of(judgement, check, host).status.value
