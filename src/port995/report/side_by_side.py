# SPDX-License-Identifier: GPL-3.0-or-later
"""What several vantages saw of the same port, in text: one line each, and whether they agree."""

from __future__ import annotations

from ..policy.model import Judgement, View, Views

MAX_VIEWS = 50
"""Looks at one endpoint that are written out; the rest are counted."""


def worth_showing(judgement: Judgement) -> list[Views]:
    """The endpoints that more than one vantage looked at or had to, or of which two looks differ: those first."""
    several = [one for one in judgement.views if one.differ or one.missing or len({v.vantage for v in one.views}) > 1]
    return sorted(several, key=lambda one: (not one.differ, not one.missing))


def agreement(views: Views) -> str:
    """Whether the looks agree, in words."""
    told = sorted({view.state for view in views.views})
    if views.differ:
        return f"they differ: {views.differ}"
    if views.missing:
        return f"{len(views.missing)} missing"
    if "untold" in told:
        return "not all could tell"
    return f"all say {told[0]}" if told else "nothing was seen"


def lines_of(views: Views) -> list[str]:
    """A line per look, in columns: vantage, side, source address, family, state with its reason; then what is missing.
    Text as it came: to be escaped."""
    shown = views.views[:MAX_VIEWS]
    cells = [_cells(view) for view in shown]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(4)]
    lines = ["  ".join([*(row[n].ljust(widths[n]) for n in range(4)), row[4]]) for row in cells]
    if len(views.views) > MAX_VIEWS:
        lines.append(f"... and {len(views.views) - MAX_VIEWS} more in report.json")
    return [*lines, *(f"missing: {words}" for words in views.missing[:MAX_VIEWS])]


def _cells(view: View) -> tuple[str, ...]:
    family = f"IPv{view.family}" if view.family else "-"
    state = "not told" if view.state == "untold" else view.state
    return view.vantage, view.side, view.source or "no address", family, f"{state} ({view.reason})"
