# SPDX-License-Identifier: GPL-3.0-or-later
"""The counts that every format prints, made in one place so that they can't differ."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ..policy.model import FOLDING_ORDER, Exit, Expiring, Judgement, Result, Status

VERDICTS = {
    Exit.PASSED: "passed",
    Exit.FAILED: "failed",
    Exit.USAGE: "usage",
    Exit.INCOMPLETE: "incomplete",
    Exit.CANNOT_VOUCH: "cannot vouch",
}
"""What an exit code is called."""


def tally(results: Iterable[Result]) -> dict[str, int]:
    """Results per status, every status named, worst first."""
    counts = {status.value: 0 for status in FOLDING_ORDER}
    for result in results:
        counts[result.status.value] += 1
    return counts


def tally_text(counts: dict[str, int]) -> str:
    """The counts in one line, and what they add up to."""
    parts = ", ".join(f"{word} {count}" for word, count in counts.items())
    return f"results {sum(counts.values())} = {parts}"


def endpoints_by_host(judgement: Judgement) -> dict[str, tuple[str, ...]]:
    """Labels of the endpoints of each host, in the judgement's order."""
    found: dict[str, dict[str, None]] = {name: {} for name in judgement.dispositions}
    for result in judgement.results:
        if result.host is not None and result.endpoint is not None:
            found.setdefault(result.host, {})[result.endpoint] = None
    return {name: tuple(labels) for name, labels in found.items()}


def speaking_result(results: Iterable[Result], status: Status) -> Result | None:
    """The result that says why a host has its status: the heaviest one with that status."""
    order = {severity: index for index, severity in enumerate(("critical", "high", "medium", "low", "info"))}
    candidates = [result for result in results if result.status is status]
    return min(candidates, key=lambda r: (order[r.severity.value], r.endpoint or "", r.check_id), default=None)


def days_left(certificate: Expiring, judgement: Judgement) -> int:
    """Whole days until a certificate ends, at the clock of the judgement; negative: it has ended."""
    end, at = (datetime.datetime.fromisoformat(text) for text in (certificate.not_after, judgement.at))
    return (end - at) // datetime.timedelta(days=1)
