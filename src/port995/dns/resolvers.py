# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resolver is asked, and whether its AD bit may be believed (RFC 6698 appendix A.3: only over a path that nobody
else can write to)."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from .model import DnsPlan

RESOLV_CONF = Path("/etc/resolv.conf")
MAX_FILE = 65536
MAX_SERVERS = 3
"""As the C library has it (resolv.conf(5))."""

PORT = 53
NAMED = "--resolver"


class ResolverError(ValueError):
    """A resolver that can't be used; says what to give instead."""


def plan_of(
    named: str | None, *, trust_ad: bool = False, side: str = "undeclared", timeout: float = 5.0,
    resolv_conf: Path = RESOLV_CONF,
) -> DnsPlan:  # fmt: skip
    """Whom a run asks.

    :param named: ``ADDRESS[:PORT]``, IPv6 in brackets where a port follows; empty or ``None``: those of the system
    :param trust_ad: the user says that nobody can change the resolver's answers on their way
    :raises ResolverError: it is no address, or the system names none
    """
    servers, believed = (_read_named(named), False) if named else _read_system(resolv_conf)
    local = all(ipaddress.ip_address(address).is_loopback for address, _port in servers)
    return DnsPlan(
        tuple(_joined(address, port) for address, port in servers), NAMED if named else str(resolv_conf),
        local or believed or trust_ad, side, timeout,
    )  # fmt: skip


def split(server: str) -> tuple[str, int]:
    """``address:port`` of a plan, taken apart.

    :raises ResolverError: it is none
    """
    return _read_named(server)[0]


def _read_named(text: str) -> list[tuple[str, int]]:
    address, port = text.strip(), str(PORT)
    if address.startswith("["):
        address, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            address = ""
        port = rest[1:] if rest else port
    elif address.count(":") == 1:
        address, _colon, port = address.partition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not _is_address(address) or not 1 <= number <= 65535:
        raise ResolverError(
            f"the resolver is {text!a:.80}, expected an IP address with or without a port, for example 192.0.2.53,"
            " 192.0.2.53:5353 or [2001:db8::53]:53"
        )
    return [(address, number)]


def _read_system(path: Path) -> tuple[list[tuple[str, int]], bool]:
    """The name servers of resolv.conf, and whether its option trust-ad says that they may be believed."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE).decode("utf-8", "replace")
    except OSError as error:
        raise ResolverError(f"{path} can't be read ({error.strerror or error}): name a resolver") from error
    servers: list[tuple[str, int]] = []
    believed = False
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1 and _is_address(words[1]):
            servers.append((words[1], PORT))
        elif words[:1] == ["options"]:
            believed = believed or "trust-ad" in words[1:]
    if not servers:
        raise ResolverError(f"{path} names no name server: name a resolver")
    return servers[:MAX_SERVERS], believed


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
