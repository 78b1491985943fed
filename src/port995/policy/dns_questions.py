# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be asked of the DNS about a plan, and about the answers. No domain is guessed: only names that the owner
gives are asked about, and names that records give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..dns.model import ROOT, DnsQuestion, Lookup
from ..probe.model import Target
from .model import HostPlan
from .names import reference_name

POP3S, POP3 = "_pop3s._tcp", "_pop3._tcp"

VALIDATES = DnsQuestion(ROOT, "SOA", "whether the resolver validates: the root is signed")


def names_of(target: Target) -> tuple[str, ...]:
    """Names that clients may know a service by: its server name, and its address where that is a name.

    An address without a dot is this machine's own way to it, where a server name is given too.
    """
    server_name, address = normal(target.server_name or ""), normal(target.address)
    if server_name and "." not in address:
        address = ""
    return tuple(dict.fromkeys(name for name in (server_name, address) if name))


def normal(text: str) -> str:
    """A domain name as it stands in a `Lookup`; empty: it is none (an IP address, for instance)."""
    return reference_name(text).dns or "" if text else ""


def domains_of(host: HostPlan, targets: Iterable[Target]) -> tuple[str, ...]:
    """Domains whose SRV records speak of a host's services: their own names, and the mail domains that are given."""
    own = [name for target in targets for name in names_of(target)]
    given = [normal(domain) for domain in host.domains]
    return tuple(dict.fromkeys(name for name in (*own, *given) if name))


def srv_name(service: str, domain: str) -> str:
    """Where the SRV record of a domain stands (RFC 6186 section 3.3)."""
    return f"{service}.{domain}"


def tlsa_name(host: str, port: int) -> str:
    """Where the TLSA record of a service stands (RFC 6698 section 3)."""
    return f"_{port}._tcp.{host}"


def first_questions(plan: Sequence[HostPlan], targets: Sequence[Target]) -> tuple[DnsQuestion, ...]:
    """What is asked before anything is known; nothing where the plan names nobody."""
    asked: list[DnsQuestion] = []
    by_host: dict[str, list[Target]] = {}
    for target in targets:
        for name in target.hosts:
            by_host.setdefault(name, []).append(target)
    for host in plan:
        mine = by_host.get(host.name, ())
        if not mine:
            continue
        for domain in domains_of(host, mine):
            asked.append(DnsQuestion(srv_name(POP3S, domain), "SRV", f"whether {domain} offers POP3S, and where"))
            asked.append(DnsQuestion(srv_name(POP3, domain), "SRV", f"whether {domain} offers clear-text POP3"))
        for target in mine:
            for name in names_of(target):
                asked.append(_tlsa(name, target.port))
                asked.append(DnsQuestion(name, "A", "whether the name is an alias"))
    return (VALIDATES, *_once(asked)) if asked else ()


def further_questions(
    plan: Sequence[HostPlan], targets: Sequence[Target], lookups: Iterable[Lookup]
) -> tuple[DnsQuestion, ...]:
    """What follows from answers: certificates of the names behind aliases and SRV records, and where these lead."""
    known = {lookup.key: lookup for lookup in lookups}
    asked: list[DnsQuestion] = []
    for target in targets:
        for name in names_of(target):
            asked += [_tlsa(alias, target.port) for alias in aliases_of(known.get((name, "A")))]
    for lookup in known.values():
        if lookup.type != "SRV" or not lookup.name.startswith(f"{POP3S}."):
            continue
        for record in lookup.srv:
            if record.target != ROOT:
                asked.append(_tlsa(record.target, record.port))
                asked += [DnsQuestion(record.target, kind, "where an SRV record leads") for kind in ("A", "AAAA")]
    return tuple(_once(asked))


def aliases_of(lookup: Lookup | None) -> tuple[str, ...]:
    """The name that an alias stands for in the end, as far as was seen (RFC 7671 section 7)."""
    return lookup.aliases[-1:] if lookup is not None and lookup.definite else ()


def _tlsa(name: str, port: int) -> DnsQuestion:
    return DnsQuestion(tlsa_name(name, port), "TLSA", f"which certificate {name} is to show on port {port}")


def _once(questions: Iterable[DnsQuestion]) -> list[DnsQuestion]:
    first: dict[tuple[str, str], DnsQuestion] = {}
    for question in questions:
        first.setdefault(question.key, question)
    return [first[key] for key in sorted(first)]
