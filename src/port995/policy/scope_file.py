# SPDX-License-Identifier: GPL-3.0-or-later
"""The scope file: what a run may touch, and when, as its owner permitted it. YAML, read strictly, since a key that is
not understood may be the one that forbids something.

    schema: port995/scope/1
    ticket: CHG-2026-1234
    networks: [192.0.2.0/24, "2001:db8::/64"]
    never: [192.0.2.66]
    sources: [198.51.100.7]
    times:
      - {from: 2026-11-27T22:00:00Z, to: 2026-11-28T04:00:00+01:00}
      - {from: 2026-11-28T22:00:00, to: 2026-11-29T04:00:00, zone: Europe/Berlin}
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import zoneinfo
from collections.abc import Sequence

from ..probe.model import Target
from ..probe.scope import MAX_ITEMS, TIME, WORDS, Scope, ScopeError, Window, network_of
from .inventory import merge_targets
from .model import HostPlan
from .population import plain_address
from .strict_yaml import Document, YamlError

__all__ = ["SCHEMA", "ScopeError", "read_scope", "require_now", "require_sources", "within"]

SCHEMA = "port995/scope/1"
OPTIONAL = ("ticket", "never", "sources", "times")
MAX_TICKET = 200
"""Characters of a ticket."""

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")


def read_scope(raw: bytes, file: str) -> Scope:
    """Read a scope from its bytes.

    :param file: what to call it in messages
    :raises ScopeError: not YAML, too large, a key twice or unknown, a bad network, a time without a zone; names the
        file, and the line
    """
    try:
        document = Document(raw, file, "schema and networks")
        top = document.top
        document.keys(top, "the scope", ("schema", "networks"), OPTIONAL)
        if str(top["schema"]) != SCHEMA:
            raise document.fault(top["schema"], f"schema is {str(top['schema'])[:60]!a}, this version reads {SCHEMA}")
        scope = Scope(
            _networks(document, top["networks"], "networks"),
            _networks(document, top["never"], "never") if "never" in top else (),
            _networks(document, top["sources"], "sources") if "sources" in top else (),
            _times(document, top["times"]) if "times" in top else (),
            document.text(top["ticket"], "ticket", MAX_TICKET) if "ticket" in top else "",
            hashlib.sha256(raw).hexdigest(),
            file,
        )
        if not scope.ticket.isprintable():
            raise document.fault(top["ticket"], "ticket is more than one line")
    except YamlError as error:
        raise ScopeError(str(error)) from error
    try:
        scope.check()
    except ScopeError as error:
        raise ScopeError(f"{file}: {error}") from error
    return scope


def require_now(scope: Scope, now: float) -> None:
    """See that connections may be made now.

    :param now: seconds since 1970, UTC
    :raises ScopeError: they may not
    """
    if scope.seconds_left(now) == 0:
        shown = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime(TIME)
        raise ScopeError(
            f"{scope.file}: {WORDS}: it is {shown}, and the time of the scope is {scope.times_in_words()}; run then"
        )


def require_sources(scope: Scope, vantage: str, addresses: Sequence[str]) -> None:
    """See that the own addresses a vantage is told to use are permitted.

    :raises ScopeError: one is not
    """
    for address in addresses:
        why = scope.outside_source(address)
        if why:
            raise ScopeError(f"{scope.file}: {why} ({vantage}): look from another, or correct the scope")


def within(
    scope: Scope | None, plan: Sequence[HostPlan], targets: Sequence[Target]
) -> tuple[tuple[HostPlan, ...], tuple[Target, ...]]:
    """Leave out of a run, with that reason, the hosts of which every address is written down and out of scope. What a
    name leads to is seen when it is resolved.

    :returns: the population, of the same size, and the targets that are left
    """
    if scope is None:
        return tuple(plan), tuple(targets)
    outside = {target.address: _outside(scope, target.address) for target in targets}
    owed: dict[str, list[str]] = {}
    for target in targets:
        for name in target.hosts:
            owed.setdefault(name, []).append(outside[target.address])
    gone = {name: whys[0] for name, whys in owed.items() if all(whys)}
    kept = []
    for target in targets:
        hosts = tuple(name for name in target.hosts if name not in gone)
        if hosts:
            kept.append(dataclasses.replace(target, hosts=hosts))
    hosts_left = tuple(
        dataclasses.replace(host, excluded=gone[host.name])
        if host.name in gone and host.excluded is None and not host.problems
        else host
        for host in plan
    )
    return hosts_left, merge_targets(kept)[0]


def _outside(scope: Scope, address: str) -> str:
    """Why an address is out of scope, without the address, since hosts are counted by it; empty: it is in scope, or a
    name."""
    ip = plain_address(address)
    return scope.outside(ip).replace(f"{ip} ", "", 1) if ip else ""


def _networks(document: Document, value: object, key: str) -> tuple[str, ...]:
    """Addresses and networks. Names are none: what they lead to changes."""
    items = document.listed(value, key)
    if len(items) > MAX_ITEMS:
        raise document.fault(value, f"{key} has more than {MAX_ITEMS} items")
    found = []
    for item in items:
        try:
            found.append(str(network_of(document.text(item, key))))
        except ScopeError as error:
            raise document.fault(item, f"{key}: {error}") from error
    return tuple(found)


def _times(document: Document, value: object) -> tuple[Window, ...]:
    items = document.listed(value, "times")
    if len(items) > MAX_ITEMS:
        raise document.fault(value, f"times has more than {MAX_ITEMS} items")
    return tuple(_window(document, item, f"times[{number}]") for number, item in enumerate(items))


def _window(document: Document, value: object, where: str) -> Window:
    fields = document.mapping(value, where)
    document.keys(fields, where, ("from", "to"), ("zone",))
    if "zone" in fields:
        zone = _zone(document, fields["zone"], f"{where}.zone")
        begins, ends = (_local(document, fields[key], f"{where}.{key}", zone) for key in ("from", "to"))
    else:
        begins, ends = (document.moment(fields[key], f"{where}.{key}") for key in ("from", "to"))
    if begins >= ends:
        raise document.fault(fields, f"{where} ends no later than it begins")
    return Window(begins.strftime(TIME), ends.strftime(TIME))


def _zone(document: Document, value: object, where: str) -> datetime.tzinfo:
    name = document.text(value, where)
    try:
        return datetime.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise document.fault(
            value, f"{where} is {name[:60]!a}, no time zone that this machine knows: write UTC, Europe/Berlin or the"
            " like, or times with their offset",
        ) from error  # fmt: skip


def _local(document: Document, value: object, where: str, zone: datetime.tzinfo) -> datetime.datetime:
    """A time of day in a zone, in UTC. It must be there once: clocks are set forward and back."""
    text = document.text(value, where)
    if not _LOCAL.fullmatch(text):
        raise document.fault(
            value, f"{where} is {text[:40]!a}, and a zone stands beside it: write it like 2026-11-27T22:00:00, without"
            " an offset",
        )  # fmt: skip
    try:
        time = datetime.datetime.fromisoformat(text)
        first, second = (time.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            raise ValueError("the clocks of the zone are set then; write it with an offset, without a zone")
        return first.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise document.fault(value, f"{where} is {text!a}: {error}") from error
