# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs over the same hosts, one before a change and one after it: which host changed from what to what.

Both runs are verified first. The statement holds their ids and the SHA-256 of their gate files, so that it can be told
later whether it is about these runs. A host that either run does not have, or did not see, is said to be so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..probe.model import Observation
from ..report.escape import visible, without_surrogates
from .atomic_write import write_atomically
from .conclude import read_gate
from .run_folder import GATE, REPORT, RunError, RunFolder, open_run, read_bytes, run_error

PAIR_SCHEMA = "port995/pair/1"
PAIR, TEXT = "pair.json", "pair.txt"
SHUT = ("closed", "filtered")
NOT_SEEN = "not seen"
MAX_CHECKS_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Side:
    """A host in one of the runs."""

    status: str
    """Of the host; `NOT_SEEN`: the run does not have it."""
    ports: dict[str, str]
    """State of each port of each address, the worst of all vantages: ``192.0.2.1:995`` to ``open``."""
    checks: dict[str, str]
    """Status of each check, the worst of its endpoints."""


@dataclasses.dataclass(frozen=True)
class HostPair:
    """A host before and after."""

    name: str
    intent: str | None
    before: Side
    after: Side

    @property
    def changed(self) -> bool:
        """Whether anything of it differs."""
        return self.before != self.after

    @property
    def is_shut(self) -> bool:
        """Whether each of its POP3S ports was seen shut in the run after, from each place that saw it."""
        return bool(self.after.ports) and all(state in SHUT for state in self.after.ports.values())


@dataclasses.dataclass(frozen=True)
class Pair:
    """Both runs side by side."""

    before: dict[str, Any]
    after: dict[str, Any]
    hosts: tuple[HostPair, ...]


def _worst_state(states: Iterable[str]) -> str:
    """Open beats all; what was not seen beats what was seen shut."""
    found = set(states)
    for state in ("open", "unfiltered", "open|filtered"):
        if state in found:
            return state
    odd = sorted(found - set(SHUT))
    return odd[0] if odd else sorted(found)[-1]


def ports_of(observations: Iterable[Observation]) -> dict[str, dict[str, str]]:
    """Host to endpoint to the state of its POP3S port."""
    seen: dict[str, dict[str, list[str]]] = {}
    for one in observations:
        if one.service != "pop3s":
            continue
        address = one.address or one.target.address
        place = f"[{address}]:{one.port}" if ":" in address else f"{address}:{one.port}"
        state = one.not_tested or (one.tcp.state if one.tcp else one.resolution.outcome)
        for host in one.target.hosts:
            seen.setdefault(host, {}).setdefault(place, []).append(state)
    return {
        host: {place: _worst_state(states) for place, states in sorted(places.items())} for host, places in seen.items()
    }


def _run(path: Path) -> tuple[RunFolder, dict[str, Any], dict[str, Any]]:
    """A verified run: folder, report, and what identifies it.

    :raises RunError: it can't be vouched for
    """
    verdict = read_gate(path)
    run = open_run(path)
    try:
        report = json.loads(read_bytes(path / REPORT))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path / REPORT} can't be read ({error}): judge the run again") from error
    identity = {
        "run_id": run.header.run_id,
        "started": run.header.started,
        "folder": str(path),
        "gate_sha256": hashlib.sha256(read_bytes(path / GATE)).hexdigest(),
        "gate_exit": int(verdict.exit),
        "profile": report["profile"],
    }
    return run, report, identity


def _sides(run: RunFolder, report: dict[str, Any], order: Sequence[str]) -> dict[str, tuple[Side, str | None]]:
    observations, problems = run.observations()
    if problems:
        raise RunError(f"{run.path}: {problems[0]}")
    ports = ports_of(observations)
    checks: dict[str, dict[str, str]] = {}
    for result in report["results"]:
        if result["host"] is not None:
            mine = checks.setdefault(result["host"], {})
            known = mine.get(result["check_id"])
            if known is None or order.index(result["status"]) < order.index(known):
                mine[result["check_id"]] = result["status"]
    return {
        host["name"]: (
            Side(host["status"] or NOT_SEEN, ports.get(host["name"], {}), checks.get(host["name"], {})), host["intent"],
        )
        for host in report["hosts"]
    }  # fmt: skip


def pair(before: Path, after: Path) -> Pair:
    """Put two runs side by side.

    :raises RunError: one of them can't be vouched for, or they are the same, or the wrong way round
    """
    from ..policy.model import FOLDING_ORDER  # Here: it brings the libraries of the judge.

    first, second = _run(before), _run(after)
    if first[2]["run_id"] == second[2]["run_id"]:
        raise RunError(f"{before} and {after} are the same run: give the one before the change and the one after it")
    if first[2]["started"] > second[2]["started"]:
        raise RunError(f"{before} began after {after}: give the one before the change first")
    order = [status.value for status in FOLDING_ORDER]
    sides = _sides(first[0], first[1], order), _sides(second[0], second[1], order)
    nothing = Side(NOT_SEEN, {}, {})
    hosts = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = sides[0].get(name, (nothing, None)), sides[1].get(name, (nothing, None))
        hosts.append(HostPair(name, other[1] or one[1], one[0], other[0]))
    return Pair(first[2], second[2], tuple(hosts))


def to_json(paired: Pair) -> dict[str, Any]:
    """The statement as JSON data."""
    return {
        "schema": PAIR_SCHEMA,
        "before": paired.before,
        "after": paired.after,
        "changed": [host.name for host in paired.hosts if host.changed],
        "hosts": [
            {
                "name": without_surrogates(host.name),
                "intent": host.intent,
                "changed": host.changed,
                "before": dataclasses.asdict(host.before),
                "after": dataclasses.asdict(host.after),
            }
            for host in paired.hosts
        ],
    }


def _ports(one: Side) -> str:
    return ", ".join(f"{place} {state}" for place, state in one.ports.items()) or NOT_SEEN


def to_text(paired: Pair) -> str:
    """The statement for people."""
    lines = [
        f"before: run {paired.before['run_id']}, {paired.before['started']}, gate exit {paired.before['gate_exit']}",
        f"after:  run {paired.after['run_id']}, {paired.after['started']}, gate exit {paired.after['gate_exit']}",
        f"{sum(host.changed for host in paired.hosts)} of {len(paired.hosts)} hosts changed",
    ]
    for host in paired.hosts:
        lines.append(f"{host.name} (intent {host.intent or 'not declared'}):")
        for what, one, other in (
            ("port", _ports(host.before), _ports(host.after)), ("status", host.before.status, host.after.status),
        ):  # fmt: skip
            lines.append(f"  {what}: {one}" + (" (as before)" if one == other else f" -> {other}"))
        names = sorted({*host.before.checks, *host.after.checks})
        differing = [
            (name, host.before.checks.get(name, NOT_SEEN), host.after.checks.get(name, NOT_SEEN)) for name in names
        ]
        differing = [one for one in differing if one[1] != one[2]]
        lines += [f"  {name}: {one} -> {other}" for name, one, other in differing[:MAX_CHECKS_SHOWN]]
        if len(differing) > MAX_CHECKS_SHOWN:
            lines.append(f"  and {len(differing) - MAX_CHECKS_SHOWN} checks more")
    return "\n".join(visible(line) for line in lines) + "\n"


def write(paired: Pair, out: Path) -> list[str]:
    """Write the statement into a folder that is no run folder.

    :returns: the names of its files
    :raises RunError: it can't be written, or would change a run
    """
    if (out / GATE).exists():
        raise RunError(f"{out} is a run folder, in which nothing may be added: give a folder above it")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / PAIR, (json.dumps(to_json(paired), indent=1) + "\n").encode("ascii"))
        write_atomically(out / TEXT, to_text(paired).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise run_error(out, error) from error
    return [PAIR, TEXT]
