# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ports of a host look from here, and whether that is what was wanted. Runs on the controller.

Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..probe.resolve import Resolver, family_of
from ..probe.tcp import NoRoute, connect

RESOLVE_TIMEOUT = 5.0
CONNECT_TIMEOUT = 3.0
"""Seconds of silence that are called ``filtered``: two lost SYNs are sent again within them (RFC 6298: after 1 and 3 s,
so one certainly)."""


@dataclasses.dataclass(frozen=True)
class Look:
    """One connect."""

    address: str
    port: int
    source: Optional[str]
    """Own address that it left from."""
    state: str
    """``open``, ``closed``, ``filtered`` or ``unknown``."""
    reason: str


async def _look(name: str, ports: Sequence[int]) -> Tuple[List[Look], str]:
    resolved = await Resolver(RESOLVE_TIMEOUT).resolve(name)
    if not resolved.addresses:
        return [], (
            "outside_view: %s has no address here (%s). Set ansible_host to an address, or outside_view: false."
            % (ascii(name)[:80], resolved.detail or resolved.outcome)
        )
    looks = []
    for address in resolved.addresses:
        for port in ports:
            try:
                attempt = await connect(address, port, family_of(address) or 4, None, CONNECT_TIMEOUT)
            except NoRoute:
                continue
            if attempt.stream is not None:
                attempt.stream.close()
            looks.append(Look(address, port, attempt.source_address, attempt.tcp.state, attempt.tcp.reason))
    if not looks:
        return [], "outside_view: there is no route from here to %s." % ", ".join(resolved.addresses)
    unknown = [seen for seen in looks if seen.state == "unknown"]
    if unknown:
        return looks, "outside_view: port %d of %s can't be looked at from here: %s." % (
            unknown[0].port, unknown[0].address, unknown[0].reason,
        )  # fmt: skip
    return looks, ""


def look(name: str, ports: Sequence[int]) -> Tuple[List[Look], str]:
    """Look at ports of every address of a host that there is a route to.

    :returns: what was seen, and why it is not enough; empty: it is
    """
    return asyncio.run(_look(name, ports))


def rows(looks: Sequence[Look]) -> List[Dict[str, Any]]:
    """As plain data."""
    return [dataclasses.asdict(seen) for seen in looks]


def _is_in(address: Optional[str], networks: Sequence[str]) -> bool:
    if address is None:
        return False
    own = ipaddress.ip_address(address.partition("%")[0])
    return any(own in ipaddress.ip_network(network.strip()) for network in networks)


def problem(looks: Sequence[Look], before: Sequence[Look], state: str, allow: Sequence[str]) -> str:
    """What is wrong with a view after a change; empty: nothing.

    Where a port is to be open and was not before either, that is no fault of the change: nothing may listen there.

    :param before: the view before the change
    :param allow: networks that are let in
    """
    was_open = {(seen.address, seen.port) for seen in before if seen.state == "open"}
    for seen in looks:
        place = "port %d of %s" % (seen.port, seen.address)
        let_in = state == "open" or (state == "restricted" and _is_in(seen.source, allow))
        if state == "absent":
            continue
        if let_in and seen.state != "open" and (seen.address, seen.port) in was_open:
            return "%s is %s (%s) from %s, which is to see it and did before." % (
                place, seen.state, seen.reason, seen.source,
            )  # fmt: skip
        if not let_in and seen.state not in ("closed", "filtered"):
            return "%s is still %s from %s, which is not to see it." % (place, seen.state, seen.source)
    return ""
