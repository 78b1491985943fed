# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall's part of closing: all that this room knows of the room firewall. Python 3.9, standard library only."""

from __future__ import annotations

from typing import List, Tuple

from ..change import taking_back
from ..firewall import model
from ..firewall import steps as firewall

Plan = firewall.Plan
PROBLEMS = firewall.PROBLEMS


def plan(wanted: model.Wanted) -> Plan:
    """Compare what is wanted with what is there.

    :raises Exception: one of `PROBLEMS`
    """
    return firewall.plan(wanted)


def before(made: Plan) -> taking_back.Before:
    """What takes it back."""
    return firewall.before(made)


def apply(made: Plan) -> None:
    """Change the running system."""
    firewall.apply(made)


def persist(made: Plan) -> None:
    """See that the running system is still as it was made, and write it to disk.

    :raises firewall.FirewallError: it is not
    """
    if any(part.comparable and part.running.differs for part in made.parts):
        raise firewall.FirewallError("the rules that were applied are not there any more: something else changed them")
    firewall.persist(made)


def planes(made: Plan) -> List[Tuple[str, str, str]]:
    """(name, before, after) for a diff."""
    return [("%s rules" % part.backend, part.running.before, part.running.after) for part in made.parts]
