# SPDX-License-Identifier: GPL-3.0-or-later
"""How a scan is made: families, source addresses, deadlines, and the check that they make sense before it starts."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import socket
import typing
from typing import Optional, Tuple

from .resolve import family_of

FAMILIES = ("auto", "4", "6", "both")
DEPTHS = ("port", "session")
MAX_CONCURRENCY = 10000


class OptionsError(ValueError):
    """An option that can't be used; says which, and what would do."""


@dataclasses.dataclass(frozen=True)
class ScanOptions:
    """Options of one scan. Times are in seconds."""

    families: str = "auto"
    """``auto``: every address the name has; ``4``, ``6``: of that family only; ``both``: a name must have both."""

    source_addresses: Tuple[str, ...] = ()
    """Local addresses to probe from, each endpoint from each of its family; none: the kernel's choice."""

    resolve_timeout: float = 5.0
    connect_timeout: float = 5.0
    tls_timeout: float = 10.0
    pop3_timeout: float = 10.0
    endpoint_timeout: float = 30.0
    """For all phases of one service of one endpoint together."""

    deadline: Optional[float] = None
    """For the whole run, from its start; what is left then is ``not_tested``."""

    concurrency: int = 200
    """Endpoints in flight at one time."""

    depth: str = "session"
    """``session``, or ``port``: the state of the port only."""

    def check(self) -> None:
        """See that every option makes sense here.

        :raises OptionsError: one does not
        """
        if self.families not in FAMILIES:
            raise OptionsError("families is one of %s, not %r" % (", ".join(FAMILIES), self.families))
        if self.depth not in DEPTHS:
            raise OptionsError("depth is one of %s, not %r" % (", ".join(DEPTHS), self.depth))
        for name in ("resolve_timeout", "connect_timeout", "tls_timeout", "pop3_timeout", "endpoint_timeout"):
            _positive(name, getattr(self, name))
        if self.deadline is not None:
            _positive("deadline", self.deadline)
        if type(self.concurrency) is not int or not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise OptionsError("concurrency is from 1 to %d, not %r" % (MAX_CONCURRENCY, self.concurrency))
        for address in self.source_addresses:
            _own(address)
        if len({ipaddress.ip_address(address) for address in self.source_addresses}) != len(self.source_addresses):
            raise OptionsError("a source address is given twice: %s" % ", ".join(self.source_addresses))


def _positive(name: str, seconds: object) -> None:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 < typing.cast(float, seconds) < math.inf:
        raise OptionsError("%s is a number of seconds above 0, not %r" % (name, seconds))


def _own(address: str) -> None:
    """See that an address is one of this machine's, by binding to it."""
    family = family_of(address)
    if family is None:
        raise OptionsError("source address %r is no IP address" % address)
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    try:
        where = socket.getaddrinfo(address, 0, kind, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]
        with socket.socket(kind, socket.SOCK_DGRAM) as trial:
            trial.bind(where)
    except OSError as error:
        raise OptionsError(
            "source address %s can't be used on this machine (%s): give one of its own" % (address, error.strerror)
        ) from error
