# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a host's firewall, and what was found there. Python 3.9, standard library only."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Optional, Sequence, Tuple

from ..change.asked import WantedError

STATES = ("closed", "restricted", "open", "absent")
ACTIONS = ("drop", "reject")
ESTABLISHED = ("keep", "cut")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The rules that are wanted. Make one with `wanted`."""

    state: str
    ports: Tuple[int, ...]
    """TCP ports, ascending."""
    action: str
    """What becomes of a connection that is not let in."""
    allow4: Tuple[str, ...]
    allow6: Tuple[str, ...]
    """Networks that are let in, when ``restricted``."""
    loopback: bool
    """Whether the host's own connections are filtered too."""
    forward: bool
    """Whether connections that the host only routes are filtered too: to guests, or to other hosts through it."""
    established: str
    """What becomes of connections that were there before."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What of firewalls is on a host. Nothing was changed to find it."""

    nft: Optional[str]
    """Version of nft; ``None``: not installed, or it can't read the kernel's tables."""
    nft_tables: Tuple[str, ...]
    """Tables, as ``inet filter``, without ours."""
    nftables_service: str
    """What systemd says of nftables.service: ``enabled``, ``disabled``, ``not-found`` ..."""
    iptables: Optional[str]
    """Variant of iptables: ``nf_tables`` or ``legacy``; ``None``: not installed."""
    legacy_tables: Tuple[str, ...]
    """Tables of the kernel's older filter, IPv4 and IPv6, that are in use."""
    ufw_active: bool
    firewalld_active: bool
    docker: bool
    """Whether chains or tables of Docker are there."""
    systemd: bool
    """Whether systemd runs as process 1."""
    unknown: Tuple[str, ...]
    """Tools that are installed and could not be asked: whether their firewall is in use is not known."""

    @property
    def active(self) -> Tuple[str, ...]:
        """Names of the firewalls that are in use beside ours."""
        names = []
        if self.firewalld_active:
            names.append("firewalld")
        if self.ufw_active:
            names.append("ufw")
        if self.legacy_tables:
            names.append("iptables-legacy")
        if self.docker:
            names.append("docker")
        if self.nftables_service == "enabled":
            names.append("nftables.service")
        known = ("inet firewalld", "ip firewalld", "ip6 firewalld")
        if [table for table in self.nft_tables if table not in known]:
            names.append("nft tables")
        return tuple(names)


def networks(given: Sequence[str]) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """Networks sorted into families, without those that others hold.

    :param given: addresses and networks in CIDR notation
    :raises WantedError: one can't be read, has bits beyond its prefix, or mixes families
    """
    four, six = [], []
    for text in given:
        try:
            network = ipaddress.ip_network(text.strip())
        except ValueError as error:
            raise WantedError(
                "allow: %s is no network: %s. Write one as 192.0.2.0/24 or 2001:db8::/32." % (ascii(text)[:80], error)
            ) from error
        if isinstance(network, ipaddress.IPv4Network):
            four.append(network)
        elif network.network_address.ipv4_mapped is not None:
            raise WantedError(
                "allow: %s mixes families: packets of IPv4 never have such an address. Write %s."
                % (text, network.network_address.ipv4_mapped)
            )
        else:
            six.append(network)
    return (
        tuple(str(network) for network in ipaddress.collapse_addresses(four)),
        tuple(str(network) for network in ipaddress.collapse_addresses(six)),
    )


def wanted(
    state: str,
    ports: Sequence[int] = (995,),
    action: str = "drop",
    allow: Sequence[str] = (),
    vantages: Sequence[str] = (),
    loopback: bool = False,
    forward: bool = False,
    established: str = "keep",
) -> Wanted:
    """Check what is wanted, and put it into one form.

    :param vantages: addresses that must see the port: they have to be in ``allow``
    :raises WantedError: it contradicts itself or can't be read
    """
    for name, value, known in (("state", state, STATES), ("action", action, ACTIONS),
                               ("established", established, ESTABLISHED)):  # fmt: skip
        if value not in known:
            raise WantedError("%s is %s: it is one of %s" % (name, ascii(value)[:80], ", ".join(known)))
    if not ports or [port for port in ports if not 0 < port < 65536]:
        raise WantedError("ports is %s: it lists TCP ports, 1 to 65535" % list(ports))
    if state == "restricted" and not allow:
        raise WantedError("state restricted needs allow, the networks that are let in; to let nobody in, write closed")
    if state != "restricted" and allow:
        raise WantedError("allow goes with state restricted only, and state is %s" % state)
    four, six = networks(allow)
    for vantage in vantages:
        _let_in(vantage, state, four + six)
    return Wanted(state, tuple(sorted(set(ports))), action, four, six, loopback, forward, established)


def _let_in(vantage: str, state: str, allowed: Sequence[str]) -> None:
    try:
        address = ipaddress.ip_address(vantage)
    except ValueError as error:
        raise WantedError("vantages: %s is no IP address" % ascii(vantage)[:80]) from error
    if state == "closed":
        raise WantedError("vantages: %s must see the port, and state closed lets nobody in" % address)
    if state == "restricted" and not any(address in ipaddress.ip_network(network) for network in allowed):
        raise WantedError("vantages: %s must see the port, and no network of allow holds it" % address)
