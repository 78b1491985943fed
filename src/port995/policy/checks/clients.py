# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail clients that a server shuts out, computed from what was recorded: models, not the clients themselves."""

from __future__ import annotations

from ...probe.model import Observation
from ..belief import Evidence
from ..check import Parameter, endpoint_check
from ..clients.catalogue import CLIENT_IDS, client_of
from ..clients.negotiation import model
from ..clients.result import CONNECTS, clients_text
from ..hello import APPLIES, each_hello
from ..model import Severity, Status
from ..subject import EndpointSubject, Finding, seen_from


@endpoint_check(
    id="POP3S-CLNT-001",
    title="Modelled mail clients can connect",
    severity=Severity.INFO,
    categories=("safe", "discovery"),
    rationale="Who turns off what is old shuts out who has nothing newer; better to know whom before they call.",
    remediation="Renew those clients, or decide that they stay outside and take them out of the parameter `clients`.",
    references=("RFC 8446 section 4.1.1", "RFC 5246 section 7.4.1.3"),
    applies=APPLIES,
    parameters={"clients": Parameter(CLIENT_IDS, "clients that must be able to connect", choices=CLIENT_IDS)},
)
@each_hello()
def modelled_clients(subject: EndpointSubject, seen: Observation, evidence: Evidence) -> Finding:
    """Modelled from the hellos that were answered and refused; it takes the depth full to know enough."""
    results = [model(client_of(id_), seen) for id_ in subject.words("clients")]
    out = [result.client for result in results if result.shut_out]
    open_ = [result.client for result in results if not result.shut_out and result.outcome != CONNECTS]
    expected, lines = "every one connects (modelled)", tuple(clients_text(results))
    if out:
        shown = ", ".join(out)
        return Finding(
            Status.FAIL, f"shut out (modelled): {shown} {seen_from(seen)}", expected, f"shut out: {shown}", lines
        )
    if open_:
        words = f"could not be told (modelled, at the depth full more is known): {', '.join(open_)}"
        return Finding(Status.NOT_TESTED, f"{words} {seen_from(seen)}", expected, words, lines)
    return Finding(Status.PASS, f"{len(results)} connect (modelled) {seen_from(seen)}", expected, "connect", lines)
