# SPDX-License-Identifier: GPL-3.0-or-later
"""From an endpoint to the little that matters about it beside all others: its certificates, its keys, SSL 2.0.

Taken right after the endpoint's own checks, so that nothing of ten thousand endpoints but this is kept.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Iterable

from ..probe.model import Observation, TlsSession
from ..probe.tls.client_hello import TLS_1_2
from .belief import evidence_of
from .certificate import CertificateFacts, timestamp
from .checks.versions import ssl_2
from .leaf import each_leaf
from .model import Expiring, HostPlan, Status, fold
from .path import Trust
from .session import not_tested
from .subject import Endpoint, EndpointSubject, Finding, FleetEndpoint, LeafSeen

RSA_QUESTION = "key-rsa"
"""The question whose refusal shows that there is no certificate with an RSA key; see `policy.offers`."""

MAX_EXPIRING = 100
"""Certificates in the list of those that expire next."""

MAX_PLACES = 20
"""Endpoints that are named for each of them."""


def fleet_endpoint(plan: HostPlan, endpoint: Endpoint, trust: Trust, *, ask_ssl_2: bool) -> FleetEndpoint:
    """What of an endpoint fleet checks need.

    :param ask_ssl_2: whether a check wants to know about SSL 2.0
    """
    subject = EndpointSubject(plan, endpoint, {}, trust, trust.at)
    texts = dict.fromkeys(
        text
        for seen in (*endpoint.sessions, *endpoint.companions)
        for text in (*(seen.tls.certificates[:1] if seen.tls is not None else ()), *seen.hello_certificates)
    )
    leaves = [_leaf(facts) for facts in map(trust.facts, texts) if facts.certificate is not None]
    ask = ssl_2.on_endpoint if ask_ssl_2 else None
    return FleetEndpoint(
        plan.name,
        endpoint.label,
        _name(plan, endpoint),
        tuple(sorted(leaves, key=lambda leaf: leaf.sha256)),
        fold(finding.status for finding in _keys(subject)),
        all(_rsa_settled(seen, trust) for seen in (*endpoint.sessions, *endpoint.companions) if seen.tls is not None),
        fold(finding.status for finding in ask(subject)) if ask is not None else Status.NOT_TESTED,
    )


def in_place(one: FleetEndpoint, plan: HostPlan, endpoint: Endpoint) -> FleetEndpoint:
    """What fleet checks need of an endpoint, from what they need of its twin."""
    return FleetEndpoint(
        plan.name, endpoint.label, _name(plan, endpoint), one.leaves, one.keys, one.rsa_settled, one.ssl_2
    )


def expiring_next(endpoints: Iterable[FleetEndpoint]) -> tuple[Expiring, ...]:
    """The certificates that expire first, each once, with where they are shown; at most `MAX_EXPIRING`."""
    places: dict[LeafSeen, list[str]] = {}
    for endpoint in endpoints:
        for leaf in endpoint.leaves:
            if leaf.not_after is not None:
                places.setdefault(leaf, []).append(f"{endpoint.host} {endpoint.label}")
    first = heapq.nsmallest(MAX_EXPIRING, places, key=lambda leaf: (timestamp(leaf.not_after), leaf.sha256))
    return tuple(
        Expiring(
            timestamp(leaf.not_after), leaf.subject, leaf.sha256, len(places[leaf]), tuple(places[leaf][:MAX_PLACES])
        )
        for leaf in first
    )


def _leaf(facts: CertificateFacts) -> LeafSeen:
    return LeafSeen(facts.sha256, facts.subject, facts.not_after, facts.key.kind, facts.key_sha256)


def _key_known(subject: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
    if not leaf.key_sha256 or leaf.key.kind == "unknown":
        return not_tested(seen, "the key of its certificate can't be read")
    return Finding(Status.PASS, "its key is known")


def _rsa_settled(seen: Observation, trust: Trust) -> bool:
    shown = (*(seen.tls.certificates[:1] if seen.tls is not None else ()), *seen.hello_certificates)
    if any(trust.facts(text).key.kind == "RSA" for text in shown):
        return True
    evidence = evidence_of(seen)
    return evidence.is_unspoken(TLS_1_2) or any(one.hello.question == RSA_QUESTION for one in evidence.refusals)


_keys = each_leaf(_key_known)


def _name(plan: HostPlan, endpoint: Endpoint) -> str:
    for target in endpoint.targets:
        if target.server_name:
            return target.server_name.lower().removesuffix(".")
        try:
            ipaddress.ip_address(target.address)
        except ValueError:
            return target.address.lower().removesuffix(".")
    # Two hosts of the inventory at one address are one service too.
    return endpoint.address or plan.name.lower()
