# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve a port as wanted, from plan to confirmation: daemon and firewall as one change, taken back as one.

    plan (tried out on a copy) -> begin (lock, save, arm, apply, look on the wire) -> [looks from outside, a new
    connection] -> finish

A firewall that is to let in fewer comes before the daemon, one that is to let in more comes after it: at no time do
others see a daemon that is not as wanted yet and was shut before. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, List, Optional, Tuple

from ..change import armed, taking_back
from ..change.asked import WantedError
from ..closing import firewall_part
from ..daemon import edit
from ..daemon import model as daemon_model
from ..daemon import steps as daemon
from ..firewall import model as firewall_model

FIREWALL_STATES = ("restricted", "open", "absent")

PROBLEMS = (*firewall_part.PROBLEMS, *daemon.PROBLEMS)
"""What the steps raise when something is wrong with the host or with what is asked."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How a host is to serve. Make one with `wanted`."""

    daemon: Optional[daemon_model.Wanted]
    """``None``: the daemon is left alone, since its settings are not known here: only the firewall acts."""
    name: str
    """``auto``, or the daemon that is meant."""
    firewall: Optional[firewall_model.Wanted]
    """``None``: the firewall is left alone."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what is to be, and what differs. Making it changed nothing."""

    wanted: Wanted
    daemon: Optional[daemon.Plan]
    firewall: Optional[firewall_part.Plan]

    @property
    def firewall_changed(self) -> bool:
        """Whether the firewall is to be changed."""
        return self.firewall is not None and self.firewall.changed

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return (self.daemon is not None and self.daemon.changed) or self.firewall_changed

    @property
    def notes(self) -> Tuple[str, ...]:
        """What is to be known of it."""
        of_daemon = self.daemon.notes if self.daemon is not None else ()
        return of_daemon + (self.firewall.notes if self.firewall is not None else ())


def contradiction(intent: Optional[str], state: str, firewall: Optional[str]) -> str:
    """Why a host with this intent must not be served so; empty: it may.

    :param state: ``present`` or ``absent``
    :param firewall: state that is wanted of the firewall; ``None``: it is left alone
    """
    if state == "absent":
        return ""
    if intent == "closed":
        return (
            "pop3s_intent of this host is closed, and serving contradicts that: the role close closes it. Set"
            " pop3s_intent: serve or internal where its owner wants it served, or leave the host out."
        )
    if intent == "internal" and firewall not in ("restricted", None):
        return (
            "pop3s_intent of this host is internal, and its firewall would not be restricted: give the networks that"
            " may come in (enforce_networks), or set enforce_firewall: keep where something else keeps others out."
        )
    if intent == "serve" and firewall == "restricted":
        return (
            "pop3s_intent of this host is serve, and its firewall would let in some networks only. Set pop3s_intent:"
            " internal where its owner wants that."
        )
    return ""


def plan(wanted: Wanted) -> Plan:
    """Compare what is wanted with what is there.

    :raises Exception: one of `PROBLEMS`; nothing was changed
    """
    if wanted.firewall is not None and wanted.firewall.state not in FIREWALL_STATES:
        raise WantedError(
            "firewall is %s: where POP3S is served it is one of %s"
            % (wanted.firewall.state, ", ".join(FIREWALL_STATES))
        )
    if wanted.firewall is None and wanted.daemon is None:
        raise WantedError("neither the daemon nor the firewall is to be changed: nothing would be done")
    rules = firewall_part.plan(wanted.firewall) if wanted.firewall is not None else None
    settings = daemon.plan(wanted.daemon, wanted.name) if wanted.daemon is not None else None
    return Plan(wanted, settings, rules)


def _parts(made: Plan) -> List[Tuple[str, Callable[[], None], Callable[[], taking_back.Before]]]:
    """(name, apply, what takes it back) of what is to be changed, in the order in which it is applied."""
    parts: List[Tuple[str, Callable[[], None], Callable[[], taking_back.Before]]] = []
    settings, asked, rules = made.daemon, made.wanted.daemon, made.firewall
    if settings is not None and asked is not None and settings.changed:
        parts.append(("daemon", lambda: daemon.apply(settings, asked), lambda: daemon.before(settings)))
    if rules is not None and rules.changed:
        part = ("firewall", lambda: firewall_part.apply(rules), lambda: firewall_part.before(rules))
        parts.insert(0 if made.wanted.firewall and made.wanted.firewall.state == "restricted" else len(parts), part)
    return parts


def before(made: Plan) -> taking_back.Before:
    """What takes the host back to how the plan found it: in the order opposite to that in which it is applied."""
    steps = ""
    kept: Dict[str, Optional[str]] = {}
    extra: Dict[str, str] = {}
    for _name, _apply, back in reversed(_parts(made)):
        part = back()
        steps += part.steps if part.steps.endswith("\n") or not part.steps else part.steps + "\n"
        kept.update(part.files)
        extra.update(part.extra)
    return taking_back.Before(steps, kept, extra)


def _what(made: Plan) -> Dict[str, object]:
    told: Dict[str, object] = {"firewall": made.wanted.firewall.state if made.wanted.firewall is not None else None}
    if made.daemon is not None and made.wanted.daemon is not None:
        told.update(
            state="serve " + made.wanted.daemon.state, daemon=made.daemon.found.daemon,
            cleartext=made.wanted.daemon.cleartext, files=sorted(made.daemon.edit.after),
        )  # fmt: skip
    return told


def begin(made: Plan, who: str, limit: float) -> str:
    """Change the daemon and the running firewall, and see the daemon on the wire.

    :param limit: seconds until the host takes it back
    :returns: the change's identity, for `finish`
    :raises Exception: one of `PROBLEMS`; the host is as before, or takes itself back
    """

    def apply() -> None:
        for _name, apply_part, _back in _parts(made):
            apply_part()

    return armed.begin(who, limit, _what(made), before(made), apply)


def finish(change: str, wanted: Wanted, who: str) -> None:
    """See that all is still as applied, on the wire too, write the firewall's rules to disk, and keep the change.

    :raises Exception: as `armed.finish`
    """

    def keep() -> Dict[str, object]:
        made = plan(wanted)
        if made.daemon is not None and wanted.daemon is not None:
            daemon.see_applied(made.daemon, wanted.daemon)
        if made.firewall is not None:
            firewall_part.persist(made.firewall)
        return _what(made)

    armed.finish(change, who, keep)


def planes(made: Plan) -> List[Tuple[str, str, str]]:
    """(name, before, after) for a diff."""
    shown: List[Tuple[str, str, str]] = []
    if made.daemon is not None:
        shown.append(("settings of %s" % made.daemon.found.daemon, *edit.shown(made.daemon.edit)))
    return shown + (firewall_part.planes(made.firewall) if made.firewall is not None else [])


__all__ = ["PROBLEMS", "Plan", "Wanted", "before", "begin", "contradiction", "finish", "plan", "planes"]
