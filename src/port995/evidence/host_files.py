# SPDX-License-Identifier: GPL-3.0-or-later
"""``host-<name>.jsonl``: what each host shows from inside, one file of one line each, so that hosts can be looked at at
the same time. Written by the controller, which knows which host it asked; read with mistrust."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path

from ..probe.codec import CodecError
from ..probe.host.journal import MAX_LINE, as_line, host_from_json, read_line
from ..probe.host.model import FAILED, HOST_SCHEMA, UNREACHABLE, HostObservation
from .atomic_write import write_atomically
from .run_folder import HOSTS, RunError, RunFolder, require_plain, run_error, safe_name

MAX_DETAIL = 1000


def host_path(folder: Path, host: str) -> Path:
    """Where the look at a host belongs.

    :raises RunError: it has no name
    """
    if not host:
        raise RunError("a host has no name: its file is called after it")
    return folder / f"host-{safe_name(host)}.jsonl"


def write_seen(folder: Path, run_id: str, host: str, told: object) -> HostObservation:
    """Write down what a host told.

    :param told: as its module gave it
    :returns: what is written: where it is not what the module writes, that the look failed
    :raises RunError: it can't be written, or there is one already: looks of two times are no evidence of one
    """
    try:
        seen = dataclasses.replace(host_from_json(told), host=host)
        if seen.run_id != run_id:
            raise CodecError("it belongs to another run")
        if len(as_line(seen)) >= MAX_LINE:
            raise CodecError(f"it is longer than {MAX_LINE} characters")
    except CodecError as error:
        return write_failure(folder, run_id, host, FAILED, f"what the host told can't be read: {error}")
    _write(folder, seen)
    return seen


def write_failure(folder: Path, run_id: str, host: str, outcome: str, detail: str) -> HostObservation:
    """Write down that a host could not be looked at.

    :param outcome: ``unreachable`` or ``failed``
    :raises RunError: as `write_seen`
    """
    if outcome not in (UNREACHABLE, FAILED):
        raise ValueError(f"{outcome!a} is no failure")
    seen = HostObservation(HOST_SCHEMA, run_id, host, outcome, " ".join(detail.split())[:MAX_DETAIL])
    _write(folder, seen)
    return seen


def _write(folder: Path, seen: HostObservation) -> None:
    path = host_path(folder, seen.host)
    if os.path.lexists(path):
        raise RunError(f"{path} is there already: a host is looked at once in a run")
    try:
        write_atomically(path, (as_line(seen) + "\n").encode("ascii"))
    except OSError as error:
        raise run_error(path, error) from error


def read_hosts(run: RunFolder) -> tuple[dict[str, HostObservation], list[str]]:
    """Read the looks at all hosts.

    :returns: those that can be read, by the host's name, and what is wrong with the others, in words; of a host that
        has none nothing is said: the judge knows who owes one
    """
    paths = sorted(run.path.glob(HOSTS))
    if not run.header.inside:
        if paths:
            return {}, [f"{paths[0].name} does not belong to this run: it looks at no host from inside; remove it"]
        return {}, []
    wanted = {host_path(run.path, plan.name): plan.name for plan in run.header.plan if plan.name}
    runs = {shard.run_id for shard in run.header.shards} or {run.header.run_id}
    found: dict[str, HostObservation] = {}
    problems = []
    for path in paths:
        name = wanted.get(path)
        if name is None:
            problems.append(f"{path.name} is of no host of this run: remove it")
            continue
        try:
            found[name] = _read(path, runs, name)
        except (CodecError, OSError) as error:
            problems.append(f"{path.name}: {error}: what {name!a} showed from inside is lost, run the audit again")
    return found, problems


def _read(path: Path, runs: Collection[str], name: str) -> HostObservation:
    require_plain(path)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        seen = read_line(lines.readline(MAX_LINE + 1))
        if lines.read(1):
            raise CodecError("it holds more than one line")
    if seen.run_id not in runs or seen.host != name:
        raise CodecError("it is of another host or of another run")
    return seen
