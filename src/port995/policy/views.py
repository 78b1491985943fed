# SPDX-License-Identifier: GPL-3.0-or-later
"""The port as each vantage saw it, side by side: what is alike, what is not, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from ..probe.model import Observation
from .model import View, Views
from .reach import OPEN, UNTOLD, port_seen
from .subject import Endpoint


def views_of(host: str, endpoint: Endpoint) -> Views:
    """All looks at the TLS port of an endpoint, in its order."""
    views = tuple(_view(seen) for seen in endpoint.sessions)
    return Views(host, endpoint.label, views, endpoint.missing_sessions, _differ(views))


def where(view: View) -> str:
    """From where, in words."""
    side = "" if view.side == "undeclared" else f" ({view.side})"
    return f"{view.vantage}{side}" + (f", source {view.source}" if view.source else "")


def _view(seen: Observation) -> View:
    port = port_seen(seen)
    return View(
        seen.vantage.name, seen.vantage.side, seen.source_address, seen.address, seen.family, port.state, port.reason
    )


def _differ(views: Iterable[View]) -> str:
    """In which words the views differ; empty: all that tell a state tell the same one. A refusal and silence are told
    apart, since a ban that drops and a port that is closed look so."""
    by_state: dict[str, list[str]] = {}
    for view in views:
        if view.state != UNTOLD:
            by_state.setdefault(view.state, []).append(where(view))
    if len(by_state) < 2:
        return ""
    states = sorted(by_state, key=lambda state: (state != OPEN, state))
    return "; ".join(f"{state} to {', '.join(dict.fromkeys(by_state[state]))}" for state in states)
