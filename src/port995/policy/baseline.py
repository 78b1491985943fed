# SPDX-License-Identifier: GPL-3.0-or-later
"""Baselines: what failed when it was written down, so that a gate can stop on what is new. Schema:
``report/schema/baseline-1.json``.

A fail is known if the same check failed at the same place (host, address, port, server name) in every run the baseline
was made of, for no fact that was not there. Anything more is new: another suite, another version, another certificate.
A fail that some of those runs had and others had not flaps; it counts. A known fail stays a fail in every report; only
the gate lets it through, and only until the baseline's day.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .certificate import timestamp
from .model import Result, Status

SCHEMA = "port995/baseline/1"
MAX_FILE = 64 * 1024 * 1024
"""Octets of a baseline."""

LONGEST_LIFE = 366
"""Days that a baseline may be used: what is known for longer is accepted, and belongs into a waiver."""

KNOWN, FLAPPING, NEW = "known", "flapping", "new"
Place = tuple[str | None, str | None, str]
"""Host, endpoint, check."""

_FIELDS = {"schema", "created", "expires", "runs", "hosts", "known"}
_KNOWN_FIELDS = {"host", "endpoint", "check_id", "facts", "runs"}
_RUN_FIELDS = {"run_id", "judged_at", "profile_id", "profile_sha256"}


class BaselineError(ValueError):
    """A baseline that can't be used, and why."""


@dataclasses.dataclass(frozen=True)
class RunOfBaseline:
    """A run that a baseline was made of."""

    run_id: str
    judged_at: str
    profile_id: str
    profile_sha256: str


@dataclasses.dataclass(frozen=True)
class KnownFail:
    """Where a check failed, and for what."""

    facts: frozenset[str]
    runs: int
    """In how many of the baseline's runs it failed."""


@dataclasses.dataclass(frozen=True)
class Baseline:
    """What is known to fail."""

    created: datetime.datetime
    expires: datetime.datetime
    """The first moment at which nothing of it is known any more."""

    runs: tuple[RunOfBaseline, ...]
    hosts: tuple[str, ...]
    """The population of those runs."""

    known: Mapping[Place, KnownFail]
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class BaselineUse:
    """What became of a baseline in a run, for its checks."""

    baseline: Baseline
    at: datetime.datetime
    vanished: tuple[str, ...]
    """Hosts of it that the population lacks."""

    known: int = 0
    new: int = 0
    flapping: int = 0
    mended: int = 0
    """Places of it that pass by now."""


def apply_baseline(
    baseline: Baseline, population: Iterable[str], results: Sequence[Result], at: datetime.datetime
) -> tuple[list[Result], BaselineUse]:
    """Say of each fail whether it is known.

    :param population: names of the run's hosts
    :param at: the clock (aware)
    """
    valid = baseline.created <= at < baseline.expires
    counts = {KNOWN: 0, NEW: 0, FLAPPING: 0}
    mended = 0
    after = []
    for result in results:
        entry = baseline.known.get((result.host, result.endpoint, result.check_id))
        if result.status is not Status.FAIL:
            mended += entry is not None and result.status is Status.PASS
            after.append(result)
            continue
        word = NEW
        if entry is not None and valid and result.facts and set(result.facts) <= entry.facts:
            word = KNOWN if entry.runs == len(baseline.runs) else FLAPPING
        counts[word] += 1
        after.append(dataclasses.replace(result, baseline=word))
    vanished = tuple(sorted(set(baseline.hosts) - set(population)))
    return after, BaselineUse(baseline, at, vanished, counts[KNOWN], counts[NEW], counts[FLAPPING], mended)


def make_baseline(
    reports: Sequence[Mapping[str, Any]], created: datetime.datetime, expires: datetime.datetime
) -> dict[str, Any]:
    """A baseline of one or more runs, as JSON data.

    :param reports: their ``report.json``, verified
    :param created: the clock (aware)
    :param expires: until when it may be used (aware)
    :raises BaselineError: a life that is too long or over, the same run twice, or runs of different profiles
    """
    if not reports:
        raise BaselineError("a baseline is made of at least one run")
    if not created < expires <= created + datetime.timedelta(days=LONGEST_LIFE):
        raise BaselineError(f"a baseline ends within {LONGEST_LIFE} days from now; {timestamp(expires)} does not")
    runs = [
        {
            "run_id": report["run_id"], "judged_at": report["judged_at"], "profile_id": report["profile"]["id"],
            "profile_sha256": report["profile"]["sha256"],
        }
        for report in reports
    ]  # fmt: skip
    if len({run["run_id"] for run in runs}) != len(runs):
        raise BaselineError("the same run is given twice: it says nothing more the second time")
    if len({run["profile_sha256"] for run in runs}) != 1:
        raise BaselineError("the runs were judged by different profiles: judge them by the same one first")
    facts: dict[Place, list[frozenset[str]]] = {}
    for report in reports:
        for result in report["results"]:
            if result["status"] == Status.FAIL.value and result.get("facts"):
                place = (result["host"], result["endpoint"], result["check_id"])
                facts.setdefault(place, []).append(frozenset(result["facts"]))
    known = [
        {"host": place[0], "endpoint": place[1], "check_id": place[2], **_in_common(found, len(reports))}
        for place, found in sorted(facts.items(), key=lambda item: tuple(word or "" for word in item[0]))
    ]
    hosts = sorted({host["name"] for report in reports for host in report["hosts"]})
    return {
        "schema": SCHEMA, "created": timestamp(created), "expires": timestamp(expires), "runs": runs, "hosts": hosts,
        "known": known,
    }  # fmt: skip


def _in_common(found: Sequence[frozenset[str]], runs: int) -> dict[str, Any]:
    """What is known of a fail: the facts that every run had. A fact that only some had flaps, and counts."""
    shared = frozenset.intersection(*found)
    if len(found) == runs and shared:
        return {"facts": sorted(shared), "runs": runs}
    return {"facts": sorted(frozenset().union(*found)), "runs": min(len(found), max(1, runs - 1))}


def read_baseline(raw: bytes, source: str, sha256: str = "") -> Baseline:
    """Read a baseline strictly.

    :param source: what to call it in messages
    :raises BaselineError: it can't be read or understood
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{source}: is no JSON ({str(error)[:200]}): make it by `port995 baseline RUN`") from error
    try:
        return _baseline(data, sha256)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = str(error) if isinstance(error, BaselineError) else f"{type(error).__name__}: {str(error)[:200]}"
        raise BaselineError(f"{source}: is no baseline ({told}): make it by `port995 baseline RUN`") from error


def _baseline(data: Any, sha256: str) -> Baseline:
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise BaselineError(f"its schema is not {SCHEMA}")
    _exactly(data, _FIELDS, "it")
    created, expires = _moment(data["created"], "created"), _moment(data["expires"], "expires")
    if not created < expires <= created + datetime.timedelta(days=LONGEST_LIFE):
        raise BaselineError(f"it lives longer than {LONGEST_LIFE} days, or ends before it begins")
    runs = []
    for one in _list(data["runs"], "runs"):
        _exactly(one, _RUN_FIELDS, "a run")
        runs.append(RunOfBaseline(**{key: _text(value, key) for key, value in one.items()}))
    if not runs:
        raise BaselineError("it is made of no run")
    known: dict[Place, KnownFail] = {}
    for one in _list(data["known"], "known"):
        _exactly(one, _KNOWN_FIELDS, "an entry of known")
        place = (_place(one["host"], "host"), _place(one["endpoint"], "endpoint"), _text(one["check_id"], "check_id"))
        facts = frozenset(_text(fact, "facts") for fact in _list(one["facts"], "facts"))
        count = one["runs"]
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(runs) or not facts:
            raise BaselineError("an entry of known has no facts, or fails in more runs than there are")
        if place in known:
            raise BaselineError(f"{place} stands twice in known")
        known[place] = KnownFail(facts, count)
    hosts = tuple(_text(host, "hosts") for host in _list(data["hosts"], "hosts"))
    return Baseline(created, expires, tuple(runs), hosts, known, sha256)


def _exactly(data: Any, fields: set[str], what: str) -> None:
    if not isinstance(data, dict) or set(data) != fields:
        odd = sorted(set(data) ^ fields) if isinstance(data, dict) else [type(data).__name__]
        raise BaselineError(f"{what} lacks or has unknown fields: {', '.join(map(str, odd))[:200]}")


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BaselineError(f"{what} is no list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BaselineError(f"{what} is no text")
    return value


def _place(value: Any, what: str) -> str | None:
    return None if value is None else _text(value, what)


def _moment(value: Any, what: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(_text(value, what))
    if moment.tzinfo is None:
        raise BaselineError(f"{what} has no time zone")
    return moment
