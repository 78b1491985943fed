# SPDX-License-Identifier: GPL-3.0-or-later
"""What came out of each host, short enough to be a fact of a host in a playbook: words and ids of ours, and nothing
that a host said."""

from __future__ import annotations

from typing import Any

from ..policy.gate import OPEN_QUESTIONS
from ..policy.model import Judgement, Status
from .run_header import RunHeader


def host_summaries(judgement: Judgement, header: RunHeader) -> dict[str, dict[str, Any]]:
    """Host to status, disposition, intent, and the checks that failed, are open or are waived.

    :returns: every host of the population
    """
    intents = {host.name: host.intent for host in header.plan}
    found: dict[str, dict[str, Any]] = {}
    for name, disposition in judgement.dispositions.items():
        intent = intents.get(name)
        found[name] = {
            # Of a host that has no verdict nothing is known.
            "status": judgement.host_status.get(name, Status.NOT_TESTED).value,
            "disposition": disposition.value,
            "intent": None if intent is None else intent.value,
            "fails": [],
            "open": [],
            "waived": [],
        }
    for result in judgement.results:
        if result.host in found:
            word = {Status.FAIL: "fails", Status.WAIVED: "waived"}.get(result.status)
            word = "open" if result.status in OPEN_QUESTIONS else word
            if word is not None and result.check_id not in found[result.host][word]:
                found[result.host][word].append(result.check_id)
    return found
