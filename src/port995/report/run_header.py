# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a run: what was asked for, before anything was seen. It is ``run.json``, and every report quotes it."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, TypeVar

from ..dns.model import DnsPlan
from ..policy.model import HostPlan, Intent
from ..probe.codec import CodecError, decode
from ..probe.model import Target
from ..probe.scope import Scope

T = TypeVar("T")

RUN_SCHEMA = "port995/run/1"
ADDED: dict[str, Any] = {
    "dns": None, "crl_sources": [], "crls_sha256": "", "inputs": {}, "inventory": "", "origin": {},
    "vantage_hosts": [], "scope": None, "inside": False, "shards": [],
}  # fmt: skip
"""Fields that older headers lack, and what their absence means."""
HOST_ADDED: dict[str, Any] = {"domains": [], "groups": [], "place": "", "count": 1, "found_by": ""}
"""The same for a host of the plan; what is absent is left out."""

INPUT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\.[a-z]{2,5}")
"""Names of a run's further inputs: no folder, nothing hidden, the same on every file system."""

SHARD_DNS = re.compile(r"dns-[1-9][0-9]{0,3}\.jsonl")


POPULATION_NAME = re.compile(r"population\.[a-z]+")
NOT_ASV = "not an ASV scan"
"""Said in every report: what PCI DSS 11.3.2 asks for is made by an Approved Scanning Vendor, and by nobody else."""


class HeaderError(ValueError):
    """The JSON is no header that this version can read; says which field."""


@dataclasses.dataclass(frozen=True)
class VantagePlan:
    """A place that has to look: the judge misses its observations when they are not there."""

    name: str
    """``controller`` or the name of the scanner host; one journal each."""

    side: str = "undeclared"
    """``inside``, ``outside`` or ``undeclared``."""

    sources: tuple[str, ...] = ()
    """Source addresses it was told to use; none: the kernel's choice."""


@dataclasses.dataclass(frozen=True)
class InputFile:
    """A file that the user gave to the judgement, beside profile, anchors and CRLs; its bytes are in the run folder."""

    source: str
    """Where it came from, as the user named it."""

    sha256: str
    """Of its bytes, hex."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A run whose journals were taken into this one, byte for byte; its vantages go by other names here."""

    source: str
    """Its folder, as the user named it."""

    run_id: str
    """What its journals call their run."""

    header_sha256: str
    """SHA-256 of its ``run.json``, hex."""

    started: str
    vantages: dict[str, str]
    """Names of its vantages in this run -> their names in its journals."""

    owes: tuple[int, ...]
    """Places in this run's ``targets`` of those that its vantages had to look at."""

    dns: str = ""
    """File of its DNS lookups in this run's folder; empty: it asked nobody."""

    problems: tuple[str, ...] = ()
    """What was wrong with it when it was taken over; each is an error of the fleet."""


@dataclasses.dataclass(frozen=True)
class RunHeader:
    """What a run was asked to do."""

    run_id: str
    """32 hexadecimal digits (a random UUID)."""

    started: str
    """UTC, RFC 3339."""

    plan: tuple[HostPlan, ...]
    """The population: every host of it gets a verdict."""

    targets: tuple[Target, ...]
    """The services to look at."""

    profile_id: str
    profile_sha256: str
    """SHA-256 of ``profile.yml``, hex."""

    anchors_source: str
    anchors_sha256: str
    """SHA-256 of ``anchors.pem``, hex."""

    tool_version: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    """Of Python, OpenSSL and the libraries that judge and write."""

    command: tuple[str, ...] = ()
    """As typed; no secrets."""

    vantages: tuple[VantagePlan, ...] = ()
    """Who has to look. None named: what is owed is read from the observations alone."""

    notes: tuple[str, ...] = ()
    """What was told before the start: duplicate targets and the like."""

    partial: bool = False
    """A partial run was asked for: excluded hosts do not make it incomplete."""

    deadline: float | None = None
    """Of the whole run, seconds; ``None``: none."""

    checks: str = ""
    """Expression that chose checks of the profile; empty: all of them."""

    dns: DnsPlan | None = None
    """Whom to ask about DNS records; ``None``: nobody."""

    crl_sources: tuple[str, ...] = ()
    """The files that CRLs came from; none: no CRL was given."""

    crls_sha256: str = ""
    """SHA-256 of ``crls.pem``, hex; empty: there is none."""

    inputs: dict[str, InputFile] = dataclasses.field(default_factory=dict)
    """What else the user gave, by the file's name in the run folder (``waivers.yml``)."""

    inventory: str = ""
    """The inventory file (or the first one), as seen from where the run was started; empty: targets were typed."""

    origin: dict[str, str] = dataclasses.field(default_factory=dict)
    """Who started it, where, in which job, and how the clock stood, as that machine told."""

    vantage_hosts: tuple[str, ...] = ()
    """Inventory hosts that look and are not looked at: no part of the population."""

    scope: Scope | None = None
    """What may be touched, and when; ``None``: that was not said."""

    inside: bool = False
    """Whether every host that is not excluded owes a look from inside."""

    shards: tuple[Shard, ...] = ()
    """The runs that this one was made of; none: it looked by itself."""

    schema: str = RUN_SCHEMA

    @property
    def scope_words(self) -> str:
        """The scope in a line; empty: there is none."""
        if self.scope is None:
            return ""
        ticket = f"ticket {self.scope.ticket}, " if self.scope.ticket else ""
        return f"{ticket}{self.scope.file} sha256:{self.scope.sha256}"

    @property
    def population_words(self) -> str:
        """The list of hosts in a line; empty: there is none."""
        found = [one for name, one in self.inputs.items() if POPULATION_NAME.fullmatch(name)]
        return "; ".join(f"{one.source} sha256:{one.sha256}" for one in found)


def header_to_json(header: RunHeader) -> dict[str, Any]:
    """The header as JSON data."""
    data = dataclasses.asdict(header)
    # Schema first: whoever opens the file sees at once what it is.
    ordered = {"schema": data.pop("schema"), **data}
    for plan, host in zip(ordered["plan"], header.plan, strict=True):
        plan["intent"] = None if host.intent is None else host.intent.value
        for name, absent in HOST_ADDED.items():
            if plan[name] == absent or not plan[name]:
                del plan[name]
    for optional in ("dns", "scope"):
        # A run that does not ask looks as it did before there was anything to ask.
        if ordered[optional] is None:
            del ordered[optional]
    if not header.crls_sha256:
        del ordered["crl_sources"], ordered["crls_sha256"]
    for key in ("inputs", "inventory", "origin", "vantage_hosts", "inside", "shards"):
        if not ordered[key]:
            del ordered[key]
    listed: dict[str, Any] = _lists(ordered)
    return listed


def header_from_json(data: object) -> RunHeader:
    """Read a header strictly: a field that was misread is worse than none.

    :raises HeaderError: another schema, a missing or unknown field, a wrong type
    """
    fields = _object(data, "the header")
    if fields.get("schema") != RUN_SCHEMA:
        raise HeaderError(f"schema is {fields.get('schema')!a:.60}, this version reads {RUN_SCHEMA!a}")
    fields = {**ADDED, **fields}
    _exactly(fields, {field.name for field in dataclasses.fields(RunHeader)}, "the header")
    deadline = fields["deadline"]
    if deadline is not None and (
        isinstance(deadline, bool) or not isinstance(deadline, (int, float)) or not math.isfinite(deadline)
    ):
        raise HeaderError("deadline is no number of seconds")
    run_id = _text(fields["run_id"], "run_id")
    if len(run_id) != 32 or not set(run_id) <= set("0123456789abcdef"):
        raise HeaderError(f"run_id is {run_id!a:.60}, 32 hexadecimal digits are expected")
    header = RunHeader(
        run_id=run_id,
        started=_text(fields["started"], "started"),
        plan=tuple(_host_plan(item, f"plan[{n}]") for n, item in enumerate(_list(fields["plan"], "plan"))),
        targets=tuple(_target(item) for item in _list(fields["targets"], "targets")),
        profile_id=_text(fields["profile_id"], "profile_id"),
        profile_sha256=_text(fields["profile_sha256"], "profile_sha256"),
        anchors_source=_text(fields["anchors_source"], "anchors_source"),
        anchors_sha256=_text(fields["anchors_sha256"], "anchors_sha256"),
        tool_version=_text(fields["tool_version"], "tool_version"),
        versions=_texts_by_name(fields["versions"], "versions"),
        command=_texts(fields["command"], "command"),
        vantages=tuple(
            _vantage(item, f"vantages[{n}]") for n, item in enumerate(_list(fields["vantages"], "vantages"))
        ),
        notes=_texts(fields["notes"], "notes"),
        partial=_flag(fields["partial"], "partial"),
        deadline=None if deadline is None else float(deadline),
        checks=_text(fields["checks"], "checks"),
        dns=_optional(DnsPlan, fields["dns"], "dns"),
        crl_sources=_texts(fields["crl_sources"], "crl_sources"),
        crls_sha256=_text(fields["crls_sha256"], "crls_sha256"),
        origin=_texts_by_name(fields["origin"], "origin"),
        inventory=_text(fields["inventory"], "inventory"),
        shards=tuple(_shard(item, f"shards[{n}]") for n, item in enumerate(_list(fields["shards"], "shards"))),
        inputs={name: _input(name, item) for name, item in _object(fields["inputs"], "inputs").items()},
        vantage_hosts=_texts(fields["vantage_hosts"], "vantage_hosts"),
        scope=_optional(Scope, fields["scope"], "scope"),
        inside=_flag(fields["inside"], "inside"),
    )
    _require_shards_fit(header)
    names = [host.name for host in header.plan]
    if len(set(names)) != len(names):
        raise HeaderError("plan names a host twice")
    if both := sorted(set(names) & set(header.vantage_hosts)):
        raise HeaderError(f"{both[0]!a:.60} is in the plan, and said to be a vantage and nothing else")
    return header


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _host_plan(data: object, where: str) -> HostPlan:
    fields = {**HOST_ADDED, **_object(data, where)}
    _exactly(fields, {field.name for field in dataclasses.fields(HostPlan)}, where)
    intent, excluded = fields["intent"], fields["excluded"]
    known = [one.value for one in Intent]
    if intent is not None and intent not in known:
        raise HeaderError(f"{where}.intent is {intent!a:.60}, none of {', '.join(known)}")
    return HostPlan(
        _text(fields["name"], f"{where}.name"),
        None if intent is None else Intent(intent),
        _texts(fields["problems"], f"{where}.problems"),
        None if excluded is None else _text(excluded, f"{where}.excluded"),
        _texts_by_name(fields["variables"], f"{where}.variables"),
        _texts(fields["domains"], f"{where}.domains"),
        _texts(fields["groups"], f"{where}.groups"),
        _place(fields["place"], f"{where}.place"),
        _count(fields["count"], f"{where}.count"),
        _text(fields["found_by"], f"{where}.found_by"),
    )


def _place(value: object, where: str) -> str:
    text = _text(value, where)
    if text and not re.fullmatch(r".+:[1-9][0-9]{0,8}", text, re.DOTALL):
        raise HeaderError(f"{where} is {text!a:.60}, path:line is expected")
    return text


def _count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise HeaderError(f"{where} is {value!a:.40}, a number from 1 on is expected")
    return value


def _optional(kind: type[T], data: object, where: str) -> T | None:
    """A part that a run may have."""
    if data is None:
        return None
    try:
        return decode(kind, data)
    except CodecError as error:
        raise HeaderError(f"{where}: {error}") from error


def _target(data: object) -> Target:
    try:
        return decode(Target, data)
    except CodecError as error:
        raise HeaderError(f"targets: {error}") from error


def _vantage(data: object, where: str) -> VantagePlan:
    fields = _object(data, where)
    _exactly(fields, {field.name for field in dataclasses.fields(VantagePlan)}, where)
    return VantagePlan(
        _text(fields["name"], f"{where}.name"),
        _text(fields["side"], f"{where}.side"),
        _texts(fields["sources"], f"{where}.sources"),
    )


def _shard(data: object, where: str) -> Shard:
    fields = _object(data, where)
    _exactly(fields, {field.name for field in dataclasses.fields(Shard)}, where)
    owes = _list(fields["owes"], f"{where}.owes")
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in owes):
        raise HeaderError(f"{where}.owes: places in the list of targets are expected")
    dns = _text(fields["dns"], f"{where}.dns")
    if dns and not SHARD_DNS.fullmatch(dns):
        raise HeaderError(f"{where}.dns is {dns!a:.60}, dns-1.jsonl or the like is expected")
    return Shard(
        _text(fields["source"], f"{where}.source"),
        _text(fields["run_id"], f"{where}.run_id"),
        _text(fields["header_sha256"], f"{where}.header_sha256"),
        _text(fields["started"], f"{where}.started"),
        _texts_by_name(fields["vantages"], f"{where}.vantages"),
        tuple(owes),
        dns,
        _texts(fields["problems"], f"{where}.problems"),
    )


def _require_shards_fit(header: RunHeader) -> None:
    """Every vantage of a run that was made of others is one of theirs, and of one only."""
    if not header.shards:
        return
    named = [name for shard in header.shards for name in shard.vantages]
    if sorted(named) != sorted(vantage.name for vantage in header.vantages):
        raise HeaderError("shards and vantages do not name the same")
    if any(place >= len(header.targets) for shard in header.shards for place in shard.owes):
        raise HeaderError("a shard owes a target that is not there")


def _input(name: str, data: object) -> InputFile:
    if not INPUT_NAME.fullmatch(name):
        raise HeaderError(f"inputs: {name!a:.60} is no plain file name")
    fields = _object(data, f"inputs.{name}")
    _exactly(fields, {field.name for field in dataclasses.fields(InputFile)}, f"inputs.{name}")
    return InputFile(_text(fields["source"], f"inputs.{name}.source"), _text(fields["sha256"], f"inputs.{name}.sha256"))


def _exactly(fields: dict[str, Any], names: set[str], where: str) -> None:
    for name in sorted(names - set(fields)):
        raise HeaderError(f"{where} lacks {name}")
    for name in sorted(set(fields) - names):
        raise HeaderError(f"{where} has an unknown field {name!a:.60}")


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HeaderError(f"{where} is {type(value).__name__}, an object is expected")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise HeaderError(f"{where} is {type(value).__name__}, a list is expected")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise HeaderError(f"{where} is {type(value).__name__}, a text is expected")
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise HeaderError(f"{where} is {type(value).__name__}, true or false is expected")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    return tuple(_text(item, where) for item in _list(value, where))


def _texts_by_name(value: object, where: str) -> dict[str, str]:
    return {name: _text(item, f"{where}.{name}") for name, item in _object(value, where).items()}
