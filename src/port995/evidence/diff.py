# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different between two finished runs: hosts, verdicts, certificates, what TLS takes.

A difference is between two things that were seen. What one run did not see is told as "not seen", and never as gone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..policy.certificate import read_certificate, timestamp
from ..policy.endpoints import label_of
from ..policy.facts import TlsFacts, facts_of
from ..probe.model import Observation
from ..probe.tls.cipher_suites import name_of as suite_name
from ..probe.tls.client_hello import VERSION_NAMES
from ..probe.tls.named_groups import name_of as group_name
from .conclude import read_gate
from .run_folder import REPORT, RunFolder, open_run, read_bytes

Place = tuple[str, str, str]
"""Host (``fleet``: none), endpoint (empty: none), check."""

BETTER = ("pass", "not_applicable")
WORSE = ("fail",)


@dataclasses.dataclass(frozen=True)
class Flip:
    """A check whose status is another one."""

    host: str
    endpoint: str
    check: str
    severity: str
    before: str
    after: str
    message: str
    """Of the later run."""

    @property
    def direction(self) -> str:
        """``worse``, ``better``, or ``unknown``: one of the two says nothing of the server."""
        if self.after in WORSE and self.before in (*BETTER, "waived"):
            return "worse"
        if self.before in (*WORSE, "waived") and self.after in BETTER:
            return "better"
        return "unknown"


@dataclasses.dataclass(frozen=True)
class Change:
    """Something that an endpoint shows otherwise."""

    host: str
    endpoint: str
    what: str
    """``certificate``, ``version``, ``suite``, ``group``."""

    gone: tuple[str, ...]
    come: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Difference:
    """Everything that is different."""

    before: Mapping[str, Any]
    """Run id, time, profile and gate of the earlier run."""

    after: Mapping[str, Any]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    dispositions: tuple[tuple[str, str, str], ...]
    """Host, before, after."""

    flips: tuple[Flip, ...]
    added_checks: tuple[str, ...]
    """Checks that only the later run has anywhere."""

    removed_checks: tuple[str, ...]
    changes: tuple[Change, ...]
    unseen: tuple[str, ...]
    """Endpoints that one of the two did not see, in words: whether anything changed there is not known."""

    @property
    def any(self) -> bool:
        """Whether anything is different."""
        return bool(
            self.appeared or self.vanished or self.dispositions or self.flips or self.added_checks
            or self.removed_checks or self.changes or self.unseen
        )  # fmt: skip


def compare(one: RunFolder, other: RunFolder) -> Difference:
    """Compare two finished runs.

    :param one: the earlier one
    :raises RunError: one of them has no verdict that can be trusted
    """
    reports = [_report(run) for run in (one, other)]
    hosts = [{host["name"]: host["disposition"] for host in report["hosts"]} for report in reports]
    results = [_results(report) for report in reports]
    checks = [{place[2] for place in found} for found in results]
    flips = []
    for place in sorted(set(results[0]) & set(results[1])):
        before, after = results[0][place], results[1][place]
        if before["status"] != after["status"]:
            flips.append(Flip(*place, after["severity"], before["status"], after["status"], after["message"]))
    seen = [_seen(run) for run in (one, other)]
    changes: list[Change] = []
    unseen: list[str] = []
    for place_of in sorted(set(seen[0]) | set(seen[1])):
        if place_of[0] in hosts[0] and place_of[0] in hosts[1]:
            _compare_endpoint(place_of, seen[0].get(place_of), seen[1].get(place_of), changes, unseen)
    return Difference(
        _about(reports[0]),
        _about(reports[1]),
        tuple(sorted(set(hosts[1]) - set(hosts[0]))),
        tuple(sorted(set(hosts[0]) - set(hosts[1]))),
        tuple(
            (name, hosts[0][name], hosts[1][name])
            for name in sorted(set(hosts[0]) & set(hosts[1]))
            if hosts[0][name] != hosts[1][name]
        ),
        tuple(flips),
        tuple(sorted(checks[1] - checks[0])),
        tuple(sorted(checks[0] - checks[1])),
        tuple(changes),
        tuple(unseen),
    )


def to_json(found: Difference) -> dict[str, Any]:
    """The difference as JSON data."""
    data = dataclasses.asdict(found)
    for flip, made in zip(data["flips"], found.flips, strict=True):
        flip["direction"] = made.direction
    return {"schema": "port995/diff/1", "different": found.any, **data}


def to_lines(found: Difference) -> list[str]:
    """The difference in words, a line each."""
    lines = [_run_words("before", found.before), _run_words("after", found.after)]
    if found.before["profile"] != found.after["profile"]:
        lines.append("judged by different profiles: a verdict may be another one though nothing changed")
    lines += [f"host appeared: {name}" for name in found.appeared]
    lines += [f"host vanished: {name}" for name in found.vanished]
    lines += [f"host {name}: {before} -> {after}" for name, before, after in found.dispositions]
    order = {"worse": 0, "unknown": 1, "better": 2}
    for flip in sorted(found.flips, key=lambda one: order[one.direction]):
        where = " ".join(filter(None, (flip.host, flip.endpoint)))
        lines.append(f"{flip.direction}: {where} {flip.check} {flip.before} -> {flip.after}: {flip.message}")
    for change in found.changes:
        where = f"{change.host} {change.endpoint} {change.what}"
        gone, come = ", ".join(change.gone), ", ".join(change.come)
        if change.what == "certificate":
            lines.append(f"{where}: {gone or 'none'} -> {come or 'none'}")
        else:
            lines += [f"{where} added: {come}"] if come else []
            lines += [f"{where} gone: {gone}"] if gone else []
    lines += [f"not known: {words}" for words in found.unseen]
    lines += [f"check only after: {name}" for name in found.added_checks]
    lines += [f"check only before: {name}" for name in found.removed_checks]
    return lines if found.any else [*lines, "no difference"]


def _report(run: RunFolder) -> dict[str, Any]:
    read_gate(run.path)
    document: dict[str, Any] = json.loads(read_bytes(run.path / REPORT))
    return document


def _about(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": report["run_id"], "judged_at": report["judged_at"], "profile": dict(report["profile"]),
        "exit": report["gate"]["exit"], "equation": report["coverage"]["equation"],
    }  # fmt: skip


def _run_words(word: str, about: Mapping[str, Any]) -> str:
    return (
        f"{word}: run {about['run_id']} of {about['judged_at']}, profile {about['profile']['id']},"
        f" exit {about['exit']}, {about['equation']}"
    )


def _results(report: Mapping[str, Any]) -> dict[Place, dict[str, Any]]:
    return {(one["host"] or "fleet", one["endpoint"] or "", one["check_id"]): one for one in report["results"]}


def _seen(run: RunFolder) -> dict[tuple[str, str], list[Observation]]:
    """Observations of the TLS port, by host and endpoint."""
    observations, _problems = run.observations()
    found: dict[tuple[str, str], list[Observation]] = {}
    for seen in observations:
        if seen.run_id == run.header.run_id and seen.service == "pop3s":
            for host in seen.target.hosts:
                found.setdefault((host, label_of(seen.target, seen.address)), []).append(seen)
    return found


def _compare_endpoint(
    place: tuple[str, str],
    before: list[Observation] | None,
    after: list[Observation] | None,
    changes: list[Change],
    unseen: list[str],
) -> None:
    where = " ".join(place)
    if before is None or after is None:
        unseen.append(f"{where} was not looked at {'before' if before is None else 'afterwards'}")
        return
    leaves = [_leaves(found) for found in (before, after)]
    facts = [[facts_of(one) for one in found] for found in (before, after)]
    if not (leaves[0] and leaves[1]):
        if leaves[0] or leaves[1]:
            unseen.append(f"{where} showed no certificate {'before' if not leaves[0] else 'afterwards'}")
        elif any(one.tcp is None or one.tcp.state != "closed" for one in (*before, *after)):
            # Neither saw it: that is not the same as no difference. A port that refuses has nothing to show.
            unseen.append(f"{where} showed no certificate in either run")
        return
    if leaves[0] != leaves[1]:
        changes.append(
            Change(*place, "certificate", tuple(sorted(leaves[0] - leaves[1])), tuple(sorted(leaves[1] - leaves[0])))
        )
    # What was not found may only not have been asked for: a shorter list is a change where it is known to be all.
    for what, names in (("version", _versions), ("suite", _suites), ("group", _groups)):
        taken = [names(found) for found in facts]
        come = {name for name in taken[1][0] - taken[0][0] if name in taken[0][1] or taken[0][2]}
        gone = {name for name in taken[0][0] - taken[1][0] if name in taken[1][1] or taken[1][2]}
        if come or gone:
            changes.append(Change(*place, what, tuple(sorted(gone)), tuple(sorted(come))))


Taken = tuple[set[str], set[str], bool]
"""What is taken, what is known to be refused, and whether everything else is."""


def _versions(facts: Iterable[TlsFacts]) -> Taken:
    facts = list(facts)
    taken = {VERSION_NAMES[one.version] for found in facts for one in found.versions}
    refused = [{VERSION_NAMES[one] for one in found.unspoken} for found in facts]
    return taken, set.intersection(*refused) if refused else set(), False


def _suites(facts: Iterable[TlsFacts]) -> Taken:
    facts = list(facts)
    taken = {f"{VERSION_NAMES[v.version]} {suite_name(n)}" for one in facts for v in one.versions for n in v.suites}
    return taken, set(), all(v.all_suites for one in facts for v in one.versions)


def _groups(facts: Iterable[TlsFacts]) -> Taken:
    facts = list(facts)
    taken = {f"{VERSION_NAMES[v.version]} {group_name(n)}" for one in facts for v in one.versions for n in v.groups}
    return taken, set(), all(v.all_groups for one in facts for v in one.versions)


def _leaves(observations: Iterable[Observation]) -> set[str]:
    found = set()
    for seen in observations:
        chain = list(seen.tls.certificates[:1]) if seen.tls is not None else []
        for text in (*chain, *seen.hello_certificates):
            facts = read_certificate(text)
            found.add(f"{facts.subject} until {timestamp(facts.not_after)} sha256 {facts.sha256[:16]}")
    return found


def open_both(one: Path, other: Path) -> tuple[RunFolder, RunFolder]:
    """Both run folders.

    :raises RunError: one is none
    """
    return open_run(one), open_run(other)
