# SPDX-License-Identifier: GPL-3.0-or-later
"""Close a port from plan to confirmation: firewall and listener as one change, which the host takes back as one.

    plan -> begin (lock, save, arm, apply) -> [looks from outside, a new connection] -> finish

The firewall comes first, so that nobody comes in while daemons read their files anew. Python 3.9, standard library
only.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Dict, List, Optional, Set, Tuple

from ..change import armed, taking_back
from ..change.asked import WantedError
from ..daemon import sockets
from ..firewall import model
from . import cyrus_off, dovecot_off, firewall_part, units_off
from .off import Off, OffError

SETTLE = 20.0
"""Seconds that daemons get to let go of the port, and to have their other ports again."""
ALL_PORTS = range(1, 65536)

PROBLEMS = (*firewall_part.PROBLEMS, OffError, sockets.SocketsError)
"""What the steps raise when something is wrong with the host or with what is asked."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what is to be, and what differs. Making it changed nothing."""

    state: str
    """``closed``, or ``absent``: as it was before it was closed."""
    ports: Tuple[int, ...]
    firewall: Optional[firewall_part.Plan]
    """``None``: the firewall is left alone."""
    offs: Tuple[Off, ...]
    listeners: Tuple[sockets.Listener, ...]
    """Who listens on the ports now."""
    notes: Tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return (self.firewall is not None and self.firewall.changed) or any(off.changed for off in self.offs)

    @property
    def unknown(self) -> Tuple[sockets.Listener, ...]:
        """Listeners that nothing here can stop: only the firewall keeps others from them."""
        known = {process for off in self.offs for process in off.processes}
        return tuple(one for one in self.listeners if not one.here or one.process not in known)


def plan(wanted: model.Wanted, listener: bool = True, with_firewall: bool = True) -> Plan:
    """Compare what is wanted with what is there.

    :param wanted: of the firewall: ``closed`` or ``absent``, and the ports
    :param listener: whether daemons are to let go of the ports too
    :param with_firewall: whether the firewall is to close them
    :raises WantedError: another state, or neither of both
    :raises Exception: one of `PROBLEMS`
    """
    if wanted.state not in ("closed", "absent"):
        raise WantedError("state is %s: a port is closed, or that is absent" % wanted.state)
    if not listener and not with_firewall:
        raise WantedError("listener and firewall are both false: nothing would be closed")
    made = firewall_part.plan(wanted) if with_firewall else None
    offs: List[Off] = []
    notes = list(made.notes) if made else []
    if listener and wanted.state == "closed":
        for find in (dovecot_off.plan, cyrus_off.plan):
            off = find(wanted.ports)
            offs += [off] if off is not None else []
        units, more = units_off.plan(wanted.ports)
        offs += units
        notes += more
    elif listener:
        offs += [off for off in (dovecot_off.absent(), cyrus_off.absent()) if off is not None] + units_off.absent()
    planned = Plan(wanted.state, wanted.ports, made, tuple(offs), tuple(sockets.listeners(wanted.ports)), ())
    if wanted.state == "closed":
        notes += ["still listens, and %s: %s" % (
            "only the firewall closes it" if with_firewall else "nothing closes it", sockets.told(one))
            for one in planned.unknown]  # fmt: skip
    return dataclasses.replace(planned, notes=tuple(notes))


def before(made: Plan) -> taking_back.Before:
    """What takes the host back to how the plan found it: first the firewall, then the daemons."""
    parts = firewall_part.before(made.firewall) if made.firewall is not None else taking_back.Before("", {}, {})
    kept: Dict[str, Optional[str]] = dict(parts.files)
    lines = [parts.steps] if parts.steps else []
    for off in made.offs:
        if off.changed:
            kept.update(off.saved())
            lines.append("\n".join(off.undo()) + "\n")
    return taking_back.Before("".join(lines), kept, parts.extra)


def _others(made: Plan) -> Set[Tuple[str, int]]:
    """(process, port) of what the daemons listen on beside."""
    names = {process for off in made.offs for process in off.processes}
    return {
        (one.process, one.port) for one in sockets.listeners(ALL_PORTS)
        if one.here and one.process in names and one.port not in made.ports
    }  # fmt: skip


def see_gone(made: Plan, others: Set[Tuple[str, int]], patience: float = SETTLE) -> None:
    """See that the daemons have let go of the ports, and of no other one.

    :param others: what they listened on beside, before
    :raises OffError: they have not
    :raises sockets.SocketsError: that can't be seen
    """
    names = {process for off in made.offs for process in off.processes}
    end = time.monotonic() + patience
    while True:
        left = [one for one in sockets.listeners(made.ports) if one.here and one.process in names]
        lost = others - _others(made)
        if (made.state == "absent" or not left) and not lost:
            return
        if time.monotonic() >= end:
            break
        time.sleep(0.1)
    if left and made.state == "closed":
        raise OffError("a listener is still there after the daemon has read its files: %s" % sockets.told(left[0]))
    raise OffError(
        "the change cost a daemon other ports too: %s"
        % ", ".join("%d of %s" % (port, name) for name, port in sorted(lost))
    )


def begin(made: Plan, who: str, limit: float) -> str:
    """Change the running firewall and the daemons' files, and see that the listeners are gone.

    :param limit: seconds until the host takes it back
    :returns: the change's identity, for `finish`
    :raises Exception: one of `PROBLEMS`; the host is as before, or takes itself back
    """

    def apply() -> None:
        others = _others(made)
        if made.firewall is not None:
            firewall_part.apply(made.firewall)
        for off in made.offs:
            if off.changed:
                off.apply()
        see_gone(made, others)

    return armed.begin(who, limit, {"state": "host " + made.state}, before(made), apply)


def finish(change: str, wanted: model.Wanted, who: str, listener: bool = True, with_firewall: bool = True) -> None:
    """See that all is still as applied, write the firewall's rules to disk, and keep the change.

    :raises Exception: as `armed.finish`
    """

    def keep() -> Dict[str, object]:
        made = plan(wanted, listener, with_firewall)
        if any(off.changed for off in made.offs):
            raise OffError("a daemon's files are not as they were written any more: something else changed them")
        see_gone(made, set(), 0.0)
        if made.firewall is not None:
            firewall_part.persist(made.firewall)
        return {"state": "host " + wanted.state}

    armed.finish(change, who, keep)


__all__ = ["PROBLEMS", "Plan", "before", "begin", "finish", "plan", "see_gone"]
