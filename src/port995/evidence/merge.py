# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs as one: the shards of a fleet, each looked at by another job or from elsewhere, under one population.

The population is what the user says it is, and not the sum of what came: hosts of a shard that is missing are owed and
not seen, so they are unreachable. Journals are taken over byte for byte; what a shard's vantages had to look at stands
in the new header, so what a shard lost is missed as it was before.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..policy.inventory import merge_targets, service_of
from ..policy.model import HostPlan
from ..probe.model import Target
from ..probe.version import __version__
from ..report.run_header import RunHeader, Shard, VantagePlan, header_to_json
from .conclude import read_gate
from .given_files import NAMES
from .origin import origin
from .run_folder import (
    ANCHORS,
    CRLS,
    GATE,
    HOSTS,
    PROFILE,
    RunError,
    RunFolder,
    create_run,
    open_run,
    read_bytes,
    run_error,
)

MAX_SHARDS = 1000


class MergeError(RunError):
    """Runs that can't be one, and what to do about it."""


@dataclasses.dataclass(frozen=True)
class Expected:
    """One host of the population."""

    plan: HostPlan
    """As the population names it."""

    targets: tuple[Target, ...] = ()
    """What has to be looked at, where no shard has the host."""

    names: tuple[str, ...] = ()
    """Other names of it, and its addresses: a shard's host of one of these is this one."""

    declares: bool = True
    """Whether the intent is its owner's word, which a shard may not contradict, and no assumption."""


@dataclasses.dataclass(frozen=True)
class _Part:
    """A shard that was opened."""

    number: int
    run: RunFolder
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.number} ({self.run.path})"


def merge(
    paths: Sequence[Path],
    population: Sequence[Expected],
    population_source: str,
    out: Path,
    *,
    command: tuple[str, ...] = (),
    partial: bool = False,
) -> RunFolder:
    """Make one run folder of several.

    :param paths: folders of runs that were made by the same rules
    :param population: every host that there has to be
    :param population_source: what to call it
    :param out: the new folder
    :param command: as typed
    :param partial: hosts that every shard left out do not make the run incomplete
    :raises MergeError: runs that do not go together, and what to do
    :raises RunError: a folder that holds no run or whose rules were changed, or one that can't be written
    """
    if not population:
        raise MergeError(f"{population_source} names no host: nothing would be missed")
    parts = _opened(paths)
    _require_same_rules(parts)
    plan, more, notes = _population(parts, population, population_source)
    targets, _told = merge_targets((*(one for part in parts for one in part.run.header.targets), *more))
    places = {service_of(target): number for number, target in enumerate(targets)}
    first = parts[0].run.header
    shards, vantages = [], []
    for part in parts:
        header = part.run.header
        names = {one.name: f"{part.number}/{one.name}" for one in header.vantages}
        vantages += [VantagePlan(names[one.name], one.side, one.sources) for one in header.vantages]
        shards.append(Shard(
            str(part.run.path), header.run_id, part.run.header_sha256, header.started,
            {mine: theirs for theirs, mine in names.items()},
            tuple(sorted({places[service_of(target)] for target in header.targets})),
            f"dns-{part.number}.jsonl" if header.dns is not None else "", part.problems,
        ))  # fmt: skip
    merged = RunHeader(
        run_id="",
        started=min(part.run.header.started for part in parts),
        plan=plan,
        targets=targets,
        profile_id=first.profile_id,
        profile_sha256=first.profile_sha256,
        anchors_source=first.anchors_source,
        anchors_sha256=first.anchors_sha256,
        tool_version=__version__,
        versions=first.versions,
        command=command,
        vantages=tuple(vantages),
        notes=(f"made of {len(parts)} runs, under the population of {population_source}", *notes),
        partial=partial,
        checks=first.checks,
        dns=first.dns,
        crl_sources=first.crl_sources,
        crls_sha256=first.crls_sha256,
        inputs=first.inputs,
        inventory=first.inventory,
        origin=origin(),
        scope=first.scope,
        inside=first.inside,
        vantage_hosts=tuple(dict.fromkeys(name for part in parts for name in part.run.header.vantage_hosts)),
        shards=tuple(shards),
    )
    made = create_run(
        out, dataclasses.replace(merged, run_id=_run_id(merged)), _same(parts[0].run, PROFILE, first.profile_sha256),
        _same(parts[0].run, ANCHORS, first.anchors_sha256),
        _same(parts[0].run, CRLS, first.crls_sha256) if first.crls_sha256 else b"",
        {name: parts[0].run.input(name) or b"" for name in first.inputs},
    )  # fmt: skip
    _take_over(parts, made)
    return made


def _opened(paths: Sequence[Path]) -> list[_Part]:
    if len(paths) > MAX_SHARDS:
        raise MergeError(f"{len(paths)} runs are more than {MAX_SHARDS}: merge fewer")
    parts: list[_Part] = []
    by_id: dict[str, _Part] = {}
    for number, path in enumerate(paths, 1):
        run = open_run(path)
        if run.header.shards:
            raise MergeError(f"{path} was made of other runs itself: name those instead")
        if not run.header.vantages or not all(one.name for one in run.header.vantages):
            raise MergeError(f"{path} does not say who had to look: what it lost could not be missed; run it again")
        problems, notes = _told_of(run)
        part = _Part(number, run, problems, notes)
        same = by_id.setdefault(run.header.run_id, part)
        if same is not part:
            raise MergeError(f"{path} and {same.run.path} are the same run ({run.header.run_id}): name one of them")
        parts.append(part)
    return parts


def _told_of(run: RunFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with a shard, and what is to be told of it: it is taken all the same."""
    problems: list[str] = []
    notes: list[str] = []
    if not os.path.lexists(run.path / GATE):
        notes.append(f"shard {run.path} has no {GATE}: it was never judged, maybe cut off")
    else:
        try:
            read_gate(run.path)
        except RunError as error:
            problems.append(f"its verdict can't be trusted: {error}")
    owners = {run.journal_path(one.name).name for one in run.header.vantages}
    problems += [
        f"{path.name}: no vantage of it writes there; it was not taken over"
        for path in run.journals() if path.name not in owners
    ]  # fmt: skip
    return tuple(problems), tuple(notes)


def _require_same_rules(parts: Sequence[_Part]) -> None:
    """The same profile, choice, anchors, CRLs, further files and resolvers, or else one verdict would be of several."""
    first, *others = parts
    for other in others:
        one, two = first.run.header, other.run.header
        differ = [
            words
            for words, mine, theirs in (
                ("profile", (one.profile_id, one.profile_sha256), (two.profile_id, two.profile_sha256)),
                ("choice of checks (--checks)", one.checks, two.checks),
                ("trust anchors (--ca-file)", one.anchors_sha256, two.anchors_sha256),
                ("revocation lists (--crl)", one.crls_sha256, two.crls_sha256),
                (
                    "files of policy",
                    # What names of a list led to may differ from hour to hour; each shard has all that the whole lacks.
                    {name: given.sha256 for name, given in one.inputs.items() if name != NAMES},
                    {name: given.sha256 for name, given in two.inputs.items() if name != NAMES},
                ),
            )
            if mine != theirs
        ]
        if differ:
            raise MergeError(
                f"{other.run.path} was not judged by the same as {first.run.path}: {', '.join(differ)}. Judge both by"
                " the same first, each in a folder of its own (port995 judge RUN --profile P --ca-file F --out NEW),"
                " and merge those"
            )
        if one.inside != two.inside:
            raise MergeError(
                f"{other.run.path} and {first.run.path}: hosts were looked at from inside in one of them only: run the"
                " other again with the same"
            )
        if one.dns != two.dns:
            raise MergeError(
                f"{other.run.path} and {first.run.path} did not ask the same resolvers about the DNS (--dns,"
                " --resolver, --trust-ad, --side): what they were not asked can't be judged; run one of them again"
            )


def _population(
    parts: Sequence[_Part], population: Sequence[Expected], source: str
) -> tuple[tuple[HostPlan, ...], tuple[Target, ...], tuple[str, ...]]:
    """The hosts of the new run, targets of those that no shard has, and what is to be told."""
    seen: dict[str, list[tuple[_Part, HostPlan]]] = {}
    addresses: dict[str, set[str]] = {}
    for part in parts:
        for host in part.run.header.plan:
            seen.setdefault(host.name, []).append((part, host))
        for target in part.run.header.targets:
            for name in target.hosts:
                addresses.setdefault(name, set()).add(_plain(target.address))
    known_as: dict[str, list[str]] = {}
    for name in seen:
        for word in {_plain(name), *addresses.get(name, ())}:
            known_as.setdefault(word, []).append(name)
    plan: list[HostPlan] = []
    targets: list[Target] = []
    notes = [note for part in parts for note in part.notes]
    twice = len(_looked_inside_twice(parts))
    if twice:
        notes.append(f"{twice} hosts were looked at from inside in several shards: none of these looks counts")
    met: set[str] = set()
    missing = 0
    for one in population:
        # By its own name before all others: several names of a fleet may lead to one address.
        mine = [one.plan.name] if one.plan.name in seen else [
            name for word in (one.plan.name, *one.names) for name in known_as.get(_plain(word), ())
        ]
        for name in dict.fromkeys(mine):
            if name not in met:
                met.add(name)
                plan.append(_reconciled(seen[name], one))
        if not mine and one.plan.name not in met:
            met.add(one.plan.name)
            missing += one.plan.excluded is None
            plan.append(one.plan)
            targets += one.targets
    for name, hosts in seen.items():
        if name not in met:
            met.add(name)
            words = f"{source} does not name it, and shard {hosts[0][0].label} has it: add it there, or leave it out"
            plan.append(_reconciled(hosts, None, (words,)))
    if missing:
        notes.append(f"{missing} hosts of {source} are in no shard: nothing was seen of them")
    return tuple(plan), tuple(targets), tuple(notes)


def _reconciled(
    found: Sequence[tuple[_Part, HostPlan]], wanted: Expected | None, problems: tuple[str, ...] = ()
) -> HostPlan:
    """One host of what several shards say of it; what they contradict each other in is an error of the host."""
    looked = [(part, host) for part, host in found if host.excluded is None]
    if not looked:
        return found[0][1]
    told = [(part.label, host) for part, host in looked]
    faults = list(dict.fromkeys([*problems, *(fault for _label, host in told for fault in host.problems)]))
    if len({host.count for _label, host in told}) > 1:
        faults.append("shards stand for different numbers of addresses by this name: search the range in one of them")
    intents = {host.intent: label for label, host in reversed(told)}
    if wanted is not None and wanted.declares and wanted.plan.intent is not None:
        intents.setdefault(wanted.plan.intent, "the population")
    intent = next(iter(intents))
    if len(intents) > 1:
        words = " and ".join(
            f"{one.value if one is not None else 'none'} in {label if label.startswith('the') else f'shard {label}'}"
            for one, label in intents.items()
        )
        faults.append(f"pop3s_intent: it is {words}")
        intent = None
    variables: dict[str, str] = {}
    for label, host in told:
        for key, value in host.variables.items():
            if variables.setdefault(key, value) != value:
                words = f"{key}: it is {variables[key][:60]!a}, and {value[:60]!a} in shard {label}"
                faults += [] if words in faults else [words]
    first = told[0][1]
    return dataclasses.replace(
        first, intent=intent, problems=tuple(faults), variables=variables,
        domains=tuple(dict.fromkeys(word for _label, host in told for word in host.domains)),
        groups=tuple(dict.fromkeys(word for _label, host in told for word in host.groups)),
        place=first.place or (wanted.plan.place if wanted is not None else ""),
    )  # fmt: skip


def _take_over(parts: Iterable[_Part], made: RunFolder) -> None:
    """Copy what each vantage wrote, byte for byte. What is not there is missed by its name when the run is judged."""
    doubtful = _looked_inside_twice(parts)
    for part in parts:
        copies: dict[Path, Path] = {
            part.run.journal_path(one.name): made.journal_path(f"{part.number}/{one.name}")
            for one in part.run.header.vantages
        }
        if part.run.header.dns is not None:
            copies[part.run.dns_path] = made.path / f"dns-{part.number}.jsonl"
        copies.update({path: made.path / path.name for path in part.run.path.glob(HOSTS) if path.name not in doubtful})
        for source, copy in copies.items():
            if not source.is_file() or source.is_symlink():
                continue
            try:
                shutil.copyfile(source, copy, follow_symlinks=False)
            except OSError as error:
                raise run_error(copy, error) from error


def _looked_inside_twice(parts: Iterable[_Part]) -> set[str]:
    """Files of hosts that several shards looked at from inside: looks of two times are no evidence of one state."""
    times: dict[str, int] = {}
    for part in parts:
        for path in part.run.path.glob(HOSTS):
            times[path.name] = times.get(path.name, 0) + 1
    return {name for name, count in times.items() if count > 1}


def _same(run: RunFolder, name: str, sha256: str) -> bytes:
    data = read_bytes(run.path / name)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise RunError(f"{run.path / name} is not the one of this run: restore it, or run the audit again")
    return data


def _run_id(header: RunHeader) -> str:
    """Of what the run is made of: merging the same again makes the same run."""
    document = header_to_json(header)
    parts: Mapping[str, object] = {key: document[key] for key in ("plan", "targets", "shards", "profile_sha256")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _plain(word: str) -> str:
    return word.strip("[]").removesuffix(".").lower()
