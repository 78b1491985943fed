# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a resolver and what it answered: raw facts, no opinion. One `Lookup` is one line of ``dns.jsonl``;
its JSON Schema is published as ``port995/report/schema/dns-1.json``.

Names are absolute, without the last dot, in lower case; octets that are no letters, digits or the like stand as
``\\ddd`` (RFC 1035 section 5.1). Times are UTC, RFC 3339. Durations are in seconds.
"""

from __future__ import annotations

import dataclasses

DNS_SCHEMA = "port995/dns/1"

ROOT = "."
"""Name of the root; as the target of an SRV record: the service is decidedly not offered (RFC 2782)."""

ANSWERED, NODATA, NXDOMAIN = "answered", "nodata", "nxdomain"
DEFINITE = (ANSWERED, NODATA, NXDOMAIN)
"""Outcomes that say something of the name. All others say nothing of it."""

OUTCOMES = (*DEFINITE, "servfail", "refused", "timeout", "malformed", "alias-loop", "oversize", "failed", "not-tested")

TYPES = ("A", "AAAA", "SOA", "SRV", "TLSA")


@dataclasses.dataclass(frozen=True)
class DnsPlan:
    """Whom a run asks, and what may be believed; stands in ``run.json``."""

    servers: tuple[str, ...]
    """``address:port`` of each resolver (IPv6 in brackets), in the order they are tried."""

    source: str
    """Who named them: ``--resolver``, or the file they were read from."""

    trusted: bool = False
    """Whether the AD bit of their answers is believed: they are on this machine, or the user says so."""

    side: str = "undeclared"
    """Where they are asked from: ``inside``, ``outside`` or ``undeclared``."""

    timeout: float = 5.0
    """For one lookup with all its tries."""


@dataclasses.dataclass(frozen=True)
class DnsQuestion:
    """One lookup that has to be made."""

    name: str
    type: str
    purpose: str
    """Why it is made, for the report."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two questions the same."""
        return self.name, self.type


@dataclasses.dataclass(frozen=True)
class Srv:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclasses.dataclass(frozen=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2), as published: also one that nobody can use."""

    usage: int
    selector: int
    matching: int
    data: str
    """Hexadecimal."""

    def __str__(self) -> str:
        shown = self.data if len(self.data) <= 24 else f"{self.data[:16]}... ({len(self.data) // 2} octets)"
        return f"{self.usage} {self.selector} {self.matching} {shown}"


@dataclasses.dataclass(frozen=True)
class Lookup:
    """One question and how it ended."""

    schema: str
    run_id: str
    name: str
    type: str
    purpose: str
    outcome: str
    """``answered``, ``nodata`` (the name exists, a record of this type does not), ``nxdomain``; ``servfail``,
    ``refused``, ``timeout``, ``malformed`` (no answer to the question), ``alias-loop``, ``oversize`` (more records than
    anybody publishes), ``failed`` (another code, or no way to the resolver), ``not-tested``."""

    detail: str = ""
    resolver: str = ""
    """Which server gave this outcome, ``address:port``."""

    authenticated: bool = False
    """The AD bit was set in every answer of it (RFC 4035 section 3.2.3, RFC 6840 section 5.8): that server says that it
    validated them. Whether it is to be believed is not said here."""

    aliases: tuple[str, ...] = ()
    """Names that the asked one is an alias of (CNAME), in order."""

    zone: str = ""
    """Owner of the SOA record in a negative answer; empty: there was none."""

    srv: tuple[Srv, ...] = ()
    tlsa: tuple[Tlsa, ...] = ()
    addresses: tuple[str, ...] = ()
    ttl: int = 0
    """Of the records, or of the SOA record in a negative answer, seconds."""

    messages: int = 0
    """Queries that were sent."""

    started: str = ""
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """The question it answers."""
        return self.name, self.type

    @property
    def definite(self) -> bool:
        """Whether it says something of the name."""
        return self.outcome in DEFINITE
