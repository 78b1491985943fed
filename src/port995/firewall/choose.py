# SPDX-License-Identifier: GPL-3.0-or-later
"""Which back end a change uses, and which other ones hold rules of ours that it takes away.

Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import Tuple

from . import dnat, firewalld_plan, iptables, iptables_plan, nft_plan, ufw_plan, xtables
from .model import Found, Wanted
from .part import BackendError
from .xtables import NOTHING

BACKENDS = {module.NAME: module for module in (nft_plan, iptables_plan, ufw_plan, firewalld_plan)}
NAMES = tuple(BACKENDS)


def _drops_input(ports: Tuple[int, ...]) -> bool:
    """Whether rules of iptables (not of ufw) may shut one of the ports."""
    for tables in iptables.read().values():
        table = iptables.without_ours(tables.get(iptables.TABLE, NOTHING))
        for port in ports:
            if any(outcome.verdict != "accept" for outcome in xtables.verdicts(table, port)):
                return True
    return False


def choose(named: str, wanted: Wanted, found: Found) -> str:
    """The back end for a change.

    :param named: what was asked for: ``auto`` or a name
    :raises BackendError: it is none, or several could be meant
    """
    if named != "auto":
        if named not in BACKENDS:
            raise BackendError("backend is %s: it is one of auto, %s" % (ascii(named)[:80], ", ".join(NAMES)))
        return named
    if wanted.state != "open":
        return "nftables" if found.nft is not None or found.iptables is None else "iptables"
    active = [name for name, there in (("firewalld", found.firewalld_active), ("ufw", found.ufw_active)) if there]
    if len(active) > 1:
        raise BackendError(
            "%s are both in use here, and each can shut the port: say which with backend" % " and ".join(active)
        )
    if active:
        return active[0]
    if iptables_plan.has_ours(found):
        return "iptables"
    if found.iptables is not None and not found.unknown and _drops_input(wanted.ports):
        return "iptables"
    return "nftables" if found.nft is not None or found.iptables is None else "iptables"


def refuse_bypassed(name: str, wanted: Wanted) -> Tuple[str, ...]:
    """See that what the back end does is not gone around by destination NAT.

    :returns: notes
    :raises BackendError: it is
    """
    if name == "nftables" or wanted.state not in ("closed", "restricted"):
        return ()
    found, unknown = dnat.bypasses(wanted.ports)
    if found:
        raise BackendError(
            "backend %s would not close the port: destination NAT sends it elsewhere, as to a container, before the"
            " chains that it fills see it (%s). Choose backend nftables, which stands before that."
            % (name, "; ".join(found[:3]))
        )
    return tuple("whether destination NAT goes around these rules could not be seen: %s" % what for what in unknown)
