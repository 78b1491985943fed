# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall's part of closing: all that this room knows of the room firewall. Python 3.9, standard library only."""

from __future__ import annotations

from typing import List, Tuple

from ..change import taking_back
from ..firewall import model, nft_files, nftables
from ..firewall import steps as firewall

Plan = firewall.Plan
PROBLEMS = (firewall.FirewallError, nftables.NftError, model.WantedError)


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
    nftables.load(made.table)


def persist(made: Plan) -> None:
    """See that the running system is still as it was made, and write it to disk.

    :raises firewall.FirewallError: it is not
    """
    if made.expected is not None and made.running_differs:
        raise firewall.FirewallError("the rules that were applied are not there any more: something else changed them")
    nft_files.write(made.to_be_on_disk, made.found.systemd)


def planes(made: Plan) -> List[Tuple[str, str, str]]:
    """(name, before, after) for a diff."""
    return [("rules", made.listing, made.table if made.expected is None else made.expected)]
