# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judgement means beyond itself: for the controls of frameworks, and for the days to come."""

from __future__ import annotations

import datetime
from typing import Any

from ..policy.crosswalk import (
    MET,
    NO_OBJECT,
    NOT_MET,
    NOT_SHOWN,
    PARTLY,
    WAIVED,
    ControlResult,
    results_of,
)
from ..policy.model import FOLDING_ORDER, Flip, Judgement

VERDICT_ORDER = (NOT_MET, NOT_SHOWN, WAIVED, PARTLY, NO_OBJECT, MET)
LISTED = 1000
"""Changes that are written out in report.json; the rest are counted."""

SHOWN = 20
"""Changes that are written out for people, alike ones together."""


def frameworks_json(judgement: Judgement) -> list[dict[str, Any]]:
    """A section for each framework: every control with the worst status of its checks, and what that means."""
    return [
        {
            "id": framework.id,
            "title": framework.title,
            "source": framework.source,
            "note": framework.note,
            "verdicts": _verdicts(controls),
            "controls": [_control(one) for one in controls],
        }
        for framework, controls in results_of(judgement)
    ]


def frameworks_lines(judgement: Judgement) -> list[str]:
    """The same for people: one line per framework and verdict."""
    lines = ["", "Frameworks, as far as TCP 995 shows (the worst of each control's checks; report.json has all):"]
    for framework, controls in results_of(judgement):
        lines.append(f"  {framework.title}:")
        for verdict in VERDICT_ORDER:
            ids = [one.control.id for one in controls if one.verdict == verdict]
            if ids:
                lines.append(f"    {verdict}: {', '.join(ids)}")
    return lines


def framework_properties(judgement: Judgement) -> dict[str, str]:
    """The same as properties of a JUnit suite: one for each control."""
    return {
        f"{framework.id} {one.control.id}": f"{one.verdict}; worst {one.status.value}; {_counts_text(one)}"
        for framework, controls in results_of(judgement)
        for one in controls
    }


def ahead_json(judgement: Judgement) -> dict[str, Any]:
    """What will change for the worse on the same evidence, the soonest first."""
    return {
        "days": judgement.ahead_days,
        "until": _until(judgement),
        "count": len(judgement.ahead),
        "changes": [_flip(one) for one in judgement.ahead[:LISTED]],
    }


def ahead_lines(judgement: Judgement) -> list[str]:
    """The same for people, one line for each day, check and reason."""
    if not judgement.ahead:
        return []
    groups: dict[tuple[str, str, str], list[Flip]] = {}
    for one in judgement.ahead:
        groups.setdefault((one.day, one.check_id, one.because), []).append(one)
    lines = ["", f"Passes today, and will not on the same evidence (looked ahead to {_until(judgement)}):"]
    for (day, check_id, because), flips in list(groups.items())[:SHOWN]:
        first = " ".join(filter(None, (flips[0].host or "fleet", flips[0].endpoint)))
        more = f" and {len(flips) - 1} more" if len(flips) > 1 else ""
        lines.append(f"  {day} {check_id} {_word(flips[0])}: {first}{more}: {because}")
    if len(groups) > SHOWN:
        lines.append(f"  ... and {len(groups) - SHOWN} more in report.json")
    return lines


def policy_lines(judgement: Judgement) -> list[str]:
    """What of the profile was not asked, in words."""
    lines = []
    if judgement.resting:
        lines.append(f"not in force on {judgement.at[:10]}: {', '.join(judgement.resting)}")
    if judgement.deselected:
        lines.append(f"deselected: {', '.join(judgement.deselected)}")
    return lines


def _word(flip: Flip) -> str:
    return "fails" if flip.then.value == "fail" else f"becomes {flip.then.value}"


def _until(judgement: Judgement) -> str:
    at = datetime.datetime.fromisoformat(judgement.at)
    return (at + datetime.timedelta(days=judgement.ahead_days)).date().isoformat()


def _flip(one: Flip) -> dict[str, Any]:
    return {
        "from": one.day,
        "check_id": one.check_id,
        "severity": one.severity.value,
        "host": one.host,
        "endpoint": one.endpoint,
        "now": one.now.value if one.now is not None else None,
        "then": one.then.value,
        "because": one.because,
        "message": one.message,
    }


def _control(one: ControlResult) -> dict[str, Any]:
    return {
        "id": one.control.id,
        "title": one.control.title,
        "coverage": one.control.coverage,
        "leaves": one.control.leaves,
        "certain": one.control.certain,
        "verdict": one.verdict,
        "status": one.status.value,
        "counts": {status.value: one.counts[status] for status in FOLDING_ORDER if status in one.counts},
        "checks": list(one.control.checks),
        "not_made": list(one.absent),
    }


def _verdicts(controls: tuple[ControlResult, ...]) -> dict[str, int]:
    found = dict.fromkeys(VERDICT_ORDER, 0)
    for one in controls:
        found[one.verdict] += 1
    return found


def _counts_text(one: ControlResult) -> str:
    told = ", ".join(f"{status.value} {one.counts[status]}" for status in FOLDING_ORDER if status in one.counts)
    return (told or "no result") + (f"; not made: {', '.join(one.absent)}" if one.absent else "")
