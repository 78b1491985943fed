# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run saw in the DNS, for checks: one lookup for each question, and how far it may be believed."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Sequence

from ..dns.model import ROOT, DnsPlan, Lookup, Srv
from .dns_questions import POP3S, VALIDATES, names_of
from .model import HostPlan
from .reach import CLOSED, OPEN, port_seen
from .subject import Endpoint, quoted

SECURE, INSECURE, UNKNOWN = "secure", "insecure", "unknown"


@dataclasses.dataclass(frozen=True)
class DnsSeen:
    """The DNS part of a run's evidence: whom it had to ask, and what the file of its lookups holds."""

    plan: DnsPlan
    lookups: tuple[Lookup, ...]


@dataclasses.dataclass(frozen=True)
class Led:
    """Where an SRV record leads."""

    endpoints: tuple[tuple[HostPlan, Endpoint], ...]
    """Those of the run with its host and port."""

    host_known: bool
    """The run has its host, maybe with another port."""

    settled: bool
    """Its addresses are known."""

    nowhere: bool
    """Its host has no address, and the DNS says so."""


class DnsView:
    """A run's lookups, by question."""

    def __init__(self, run_id: str, seen: DnsSeen, population: Sequence[tuple[HostPlan, Sequence[Endpoint]]]) -> None:
        """
        :param population: every host of the run with its endpoints
        """
        self.plan = seen.plan
        self._by_key: dict[tuple[str, str], list[Lookup]] = {}
        strange = 0
        for lookup in dict.fromkeys(seen.lookups):
            if lookup.run_id == run_id:
                self._by_key.setdefault(lookup.key, []).append(lookup)
            else:
                strange += 1
        self.notes = (f"{strange} DNS lookups not trusted: they belong to another run",) if strange else ()
        self._at: dict[str, list[tuple[HostPlan, Endpoint]]] = {}
        for host, endpoints in population:
            for endpoint in endpoints:
                for key in _keys(endpoint):
                    self._at.setdefault(key, []).append((host, endpoint))
        self._pointing: dict[str, list[tuple[str, Srv]]] | None = None
        root = self.find(*VALIDATES.key)
        self.validates = root is not None and root.outcome == "answered" and root.authenticated

    def find(self, name: str, type_: str) -> Lookup | None:
        """The lookup of a question; ``None``: it is missing, or there are several and none is the one."""
        found = self._by_key.get((name, type_), ())
        return found[0] if len(found) == 1 else None

    def open_question(self, name: str, type_: str) -> str:
        """Why a lookup says nothing of its name, in words; empty: it does."""
        lookup = self.find(name, type_)
        if lookup is None:
            return f"no lookup of {quoted(name)} {type_} is recorded"
        if lookup.definite:
            return ""
        detail = f": {quoted(lookup.detail, 240)[1:-1]}" if lookup.detail else ""
        asked = f" from {lookup.resolver}" if lookup.resolver else ""
        return f"{quoted(name)} {type_}: {lookup.outcome}{asked}{detail}"

    def state(self, lookup: Lookup) -> str:
        """``secure`` (authenticated, by a resolver that is believed), ``insecure`` (not authenticated by one that
        authenticates the root), ``unknown``."""
        if lookup.authenticated:
            return SECURE if self.plan.trusted else UNKNOWN
        return INSECURE if self.validates else UNKNOWN

    def state_words(self, lookup: Lookup) -> str:
        """The same, with who says so."""
        if lookup.authenticated:
            doubt = (
                "" if self.plan.trusted else ", which is not on this machine: that proves nothing unless it is trusted"
            )
            return f"AD set by {lookup.resolver}{doubt}"
        if self.validates:
            return f"no AD from {lookup.resolver}, which validates: not signed"
        return f"no AD from {lookup.resolver}, which is not seen to validate"

    def leads_to(self, record: Srv) -> Led:
        """Where an SRV record leads: matched by its host's name or by its host's addresses.

        The name alone does not do where an endpoint has a public address that the name has not: several hosts may have
        one server name, and not all of them stand behind it.
        """
        lookups = [self.find(record.target, kind) for kind in ("A", "AAAA")]
        addresses = [address for lookup in lookups if lookup is not None for address in lookup.addresses]
        settled = all(lookup is not None and lookup.definite for lookup in lookups)
        own = set(map(_plain, addresses))
        there = [one for key in (record.target, *sorted(own)) for one in self._at.get(key, ())]
        if settled and own:
            there = [(host, endpoint) for host, endpoint in there if not _is_elsewhere(endpoint, own)]
        found = {
            (host.name, endpoint.label): (host, endpoint)
            for host, endpoint in there
            if any(target.port == record.port for target in endpoint.targets)
        }
        return Led(tuple(found.values()), bool(there), settled, settled and not addresses)

    def pointing_at(self, endpoint: Endpoint) -> tuple[tuple[str, Srv], ...]:
        """(name, record) of every SRV record for POP3S in the run that leads to an endpoint."""
        if self._pointing is None:
            self._pointing = {}
            for (name, type_), lookups in sorted(self._by_key.items()):
                if type_ == "SRV" and name.startswith(f"{POP3S}."):
                    for record in (record for lookup in lookups for record in lookup.srv if record.target != ROOT):
                        for _host, led in self.leads_to(record).endpoints:
                            self._pointing.setdefault(led.label, []).append((name, record))
        return tuple(dict.fromkeys(self._pointing.get(endpoint.label, ())))


def _keys(endpoint: Endpoint) -> Iterable[str]:
    """What an endpoint is found by: its names, and its address."""
    names = [name for target in endpoint.targets for name in names_of(target)]
    return dict.fromkeys([*names, *([_plain(endpoint.address)] if endpoint.address else [])])


def _is_elsewhere(endpoint: Endpoint, addresses: set[str]) -> bool:
    """Whether an endpoint has a public address that is none of these; a private one may have a public side."""
    address = _plain(endpoint.address or "")
    return bool(endpoint.address) and address not in addresses and ipaddress.ip_address(address).is_global


def _plain(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def served(endpoint: Endpoint) -> str:
    """``open`` when some vantage was answered, ``closed`` when every one was refused, else empty."""
    states = [port_seen(seen).state for seen in endpoint.sessions]
    if OPEN in states:
        return OPEN
    return CLOSED if states and not endpoint.missing_sessions and set(states) == {CLOSED} else ""
