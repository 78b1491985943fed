# SPDX-License-Identifier: GPL-3.0-or-later
"""The port's state against the owner's intent. The rules stand in `port995.policy.reach`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..check import endpoint_check
from ..finders_word import who
from ..model import Intent, Severity
from ..reach import judge_port, port_seen
from ..subject import EndpointSubject, Finding

EXPECTED = {
    Intent.SERVE: "open from everywhere it was probed",
    Intent.INTERNAL: "open from inside, no answer to two source addresses outside",
    Intent.CLOSED: "no answer to two source addresses, and proof that the host is alive",
    None: "a declared intent",
}


@endpoint_check(
    id="POP3S-PORT-001",
    title="Port state is as intended",
    severity=Severity.CRITICAL,
    categories=("default", "safe", "discovery"),
    rationale="A service nobody wants is a way in; a service that is wanted and down is an outage.",
    remediation="Start or stop the service, or change the firewall, so that the port is as pop3s_intent says.",
    references=(
        "RFC 8314 section 3.1",
        "PCI DSS 4.0.1 1.2.5, 2.2.4",
        "CIS Controls v8.1 4.4, 4.8",
        "NIST SP 800-53r5 CM-7, SC-7(5)",
    ),
    applies="to every endpoint",
)
def port_state(subject: EndpointSubject) -> Sequence[Finding]:
    """Silence alone is never proof; a refusal to one source address may be a ban."""
    evidence = tuple(port_seen(seen).words for seen in subject.endpoint.sessions)
    evidence += tuple(f"{who(told)} found port {told.port} {port_seen(told).words}" for told in subject.endpoint.found)
    expected = EXPECTED[subject.plan.intent]
    return [
        dataclasses.replace(finding, expected=expected, evidence=evidence)
        for finding in judge_port(subject.plan.intent, subject.endpoint)
    ]
