# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nmap told, kept apart from what this probe saw: it can show a fault, or an open port, and never that a fault is
not there. The mark is taken from nobody who says more than Nmap can.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..probe.model import Hello, Observation
from ..probe.tls.interrogation import answered
from .finders_word import SWEEP, is_port_word
from .model import Status
from .subject import Endpoint, Finding

NMAP = "nmap"
"""`Observation.told_by`, as `port995.nmap.observe` writes it."""
QUESTION = "nmap/ssl-enum-ciphers"
PROVEN = frozenset({"POP3S-PORT-001"})
"""Checks of an endpoint that may pass on Nmap's word: the port's state is what Nmap is asked for."""

_TOLD = frozenset(
    "schema run_id target service port vantage source started ended resolution address family tcp tls pop3 clear hellos"
    " hellos_ended told_by addresses".split()
)
"""Fields of an observation that Nmap's word may fill."""

_NOT_TESTED = "not-tested"


def is_nmaps(hello: Hello) -> bool:
    """Whether it is a suite that Nmap lists, and no hello of this probe: nothing else of the answer is known."""
    return hello.question == QUESTION


def is_nmaps_word(seen: Observation) -> bool:
    """Whether an observation says that it is Nmap's word."""
    return seen.told_by == NMAP


def mixed(seen: Observation) -> str:
    """Why an observation is neither this probe's nor Nmap's word; empty: it is one of them, and that alone."""
    if seen.told_by == "":
        if any(hello.question.startswith("nmap/") for hello in seen.hellos):
            return "they hold what Nmap lists, and do not say that Nmap told it"
        return ""
    if seen.told_by == SWEEP:
        return "" if is_port_word(seen) else "they say that a sweep found them, and hold more than a port's state"
    if seen.told_by != NMAP:
        return "they were told by somebody who is not known"
    if not _only_told(seen):
        return "they say that Nmap told them, and hold what Nmap can't tell"
    return ""


def unless_told(check: str, endpoint: Endpoint, findings: Iterable[Finding]) -> Sequence[Finding]:
    """The findings of a check, none of them good where Nmap is the witness: what it does not list may be there."""
    if check in PROVEN or not any(map(is_nmaps_word, (*endpoint.sessions, *endpoint.companions))):
        return tuple(findings)
    return tuple(map(_unproven, findings))


def _unproven(finding: Finding) -> Finding:
    if finding.status not in (Status.PASS, Status.NOT_APPLICABLE):
        return finding
    words = f"Nmap's word does not prove it: {finding.message}; scan without --engine nmap"
    return dataclasses.replace(finding, status=Status.NOT_TESTED, message=words)


def _only_told(seen: Observation) -> bool:
    """Whether nothing is there but what the Nmap room writes: a state, suites that were taken, a leaf, capabilities."""
    for field in dataclasses.fields(seen):
        if field.name not in _TOLD and getattr(seen, field.name) != field.default:
            return False
    tls_is_told = seen.tls is None or (seen.tls.outcome == _NOT_TESTED and seen.tls.version is None)
    dialogues = [one for one in (seen.pop3, seen.clear) if one is not None]
    return (
        seen.source is None
        and not seen.vantage.canaries
        and tls_is_told
        and all(one.outcome == _NOT_TESTED and one.capa_status == "incomplete" for one in dialogues)
        and all(is_nmaps(hello) and _is_a_suite_taken(hello) for hello in seen.hellos)
    )


def _is_a_suite_taken(hello: Hello) -> bool:
    return answered(hello) and hello.answered_version == hello.version and hello.server_name is None
