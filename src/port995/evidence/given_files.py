# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the user gives to the judgement, beside profile, anchors and CRLs: read whole, checked against the plan
before the first probe, and kept in the run folder so that the judgement can be made again."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..policy.attestation_file import read_attestations
from ..policy.attestations import Attestations
from ..policy.baseline import MAX_FILE as MAX_BASELINE
from ..policy.baseline import Baseline, BaselineError, read_baseline
from ..policy.check import Check
from ..policy.model import HostPlan
from ..policy.own_checks import OwnFile
from ..policy.population import NOT_LOOKED_UP, ListedName, Population, known_of, unknown_names
from ..policy.scope_file import ScopeError, read_scope, require_now
from ..policy.strict_yaml import MAX_FILE, YamlError
from ..policy.waiver_file import read_waivers
from ..policy.waivers import Waivers, addresses_of, refuse_broad
from ..probe.codec import CodecError, decode, to_json
from ..probe.model import Target
from ..probe.scope import Scope
from .own_files import input_names
from .population_file import MAX_POPULATION, PopulationError, kind_of, look_up_names, read_population
from .protected_policy import PolicySource
from .run_folder import RunError, RunFolder
from .signed_waivers import SUFFIX, require_signed

WAIVERS, BASELINE, SCOPE, ATTESTATIONS = "waivers.yml", "baseline.json", "scope.yml", "attestations.yml"
WAIVERS_SIGNATURE, WAIVERS_SIGNERS = "waivers.sig", "waiver-signers.txt"
POPULATIONS = ("population.csv", "population.xml", "population.gz")
NAMES = "population-names.json"
NAMES_SCHEMA = "port995/names/1"
"""What names of the list led to, kept so that judging again asks nobody."""


@dataclasses.dataclass(frozen=True)
class GivenFile:
    """A file for the judgement that is kept in the run folder."""

    name: str
    """In the run folder."""

    source: str
    """As the user named it."""

    data: bytes = dataclasses.field(repr=False)


def read_given(
    waivers: Path | None, baseline: Path | None, plan: Sequence[HostPlan], targets: Sequence[Target],
    policy: PolicySource | None = None, attestations: Path | None = None, own: Sequence[OwnFile] = (),
    waiver_signers: Path | None = None,
) -> Iterator[GivenFile]:
    """Read and check what was given.

    :param policy: where it has to come from; ``None``: the file system
    :param own: files of checks, which were read before: what other files name may be theirs
    :param waiver_signers: who may sign waivers; ``None``: they need no signature
    :raises YamlError: waivers, attestations, or a file, that can't be read or used; names it, and the line
    :raises BaselineError: a baseline that can't be used
    """
    if waivers is not None:
        data = _read(waivers, "waivers", MAX_FILE, policy)
        entries = read_waivers(data, str(waivers))
        refuse_broad(entries, plan, addresses_of(targets), str(waivers))
        yield GivenFile(WAIVERS, str(waivers), data)
        if waiver_signers is not None:
            beside = waivers.with_name(waivers.name + SUFFIX)
            signature = _read(beside, "signature of the waivers", MAX_FILE, policy)
            signers = _read(waiver_signers, "signers of waivers", MAX_FILE, policy)
            require_signed(entries, data, signature, signers, str(waivers))
            yield GivenFile(WAIVERS_SIGNATURE, str(beside), signature)
            yield GivenFile(WAIVERS_SIGNERS, str(waiver_signers), signers)
    elif waiver_signers is not None:
        raise YamlError(f"{waiver_signers}: signers of waivers are given, and no waivers: give both")
    if baseline is not None:
        data = _read(baseline, "baseline", MAX_BASELINE, policy)
        read_baseline(data, str(baseline))
        yield GivenFile(BASELINE, str(baseline), data)
    if attestations is not None:
        data = _read(attestations, "attestations", MAX_FILE, policy)
        read_attestations(data, str(attestations))
        yield GivenFile(ATTESTATIONS, str(attestations), data)
    for name, one in zip(input_names(own), own, strict=True):
        yield GivenFile(name, one.source, one.data)


@dataclasses.dataclass(frozen=True)
class GivenScope:
    """What a run may touch, and the file that says so."""

    scope: Scope
    file: GivenFile


def load_scope(path: Path) -> GivenScope:
    """Read a scope file.

    :raises ScopeError: it can't be read or understood, or lets nothing be touched now
    """
    try:
        data = read_file(path)
    except YamlError as error:
        raise ScopeError(str(error)) from error
    scope = read_scope(data, str(path))
    require_now(scope, time.time())
    return GivenScope(scope, GivenFile(SCOPE, str(path), data))


def read_list(
    path: Path, plan: Sequence[HostPlan], targets: Sequence[Target], seconds: float | None
) -> tuple[GivenFile, GivenFile]:
    """Read a list of hosts, and look up those of its names that the inventory does not know.

    :param seconds: for a name; ``None``: nothing is looked up
    :raises PopulationError: it can't be read or understood
    """
    try:
        data = read_file(path, MAX_POPULATION)
    except YamlError as error:
        raise PopulationError(str(error)) from error
    unknown = unknown_names(read_population(data, str(path)), known_of(plan, targets, {}))
    if seconds is None:
        names = tuple(ListedName(name, NOT_LOOKED_UP) for name in unknown)
    else:
        names = look_up_names(unknown, seconds)
    document = {"schema": NAMES_SCHEMA, "names": [to_json(one) for one in names]}
    return (
        GivenFile(f"population.{kind_of(data)}", str(path), data),
        GivenFile(NAMES, f"looked up for {path}", (json.dumps(document, indent=1) + "\n").encode("ascii")),
    )


def population_of(run: RunFolder) -> Population | None:
    """The list of hosts of a run; ``None``: it was given none.

    :raises RunError: it is not the one that it was given, or can't be used
    """
    name = next((one for one in POPULATIONS if one in run.header.inputs), None)
    data = None if name is None else run.input(name)
    if name is None or data is None:
        return None
    try:
        listed = read_population(data, run.header.inputs[name].source)
        document = json.loads(run.input(NAMES) or b"{}")
        if document.get("schema") != NAMES_SCHEMA:
            raise CodecError(f"{NAMES}: schema is no {NAMES_SCHEMA}")
        names = [decode(ListedName, one) for one in document["names"]]
    except (PopulationError, CodecError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"the list of hosts of the run can't be used: {error}") from error
    return dataclasses.replace(listed, names={one.name: one for one in names})


def waivers_of(run: RunFolder) -> Waivers | None:
    """The waivers of a run; ``None``: it was given none.

    :raises RunError: they are not those that it was given, or can't be used
    """
    data = run.input(WAIVERS)
    if data is None:
        return None
    try:
        waivers = read_waivers(data, str(run.path / WAIVERS), run.header.inputs[WAIVERS].sha256)
        signature, signers = run.input(WAIVERS_SIGNATURE), run.input(WAIVERS_SIGNERS)
        if signature is not None or signers is not None:
            require_signed(waivers, data, signature or b"", signers or b"", str(run.path / WAIVERS))
        return waivers
    except YamlError as error:
        raise RunError(f"the waivers of the run can't be used: {error}") from error


def baseline_of(run: RunFolder) -> Baseline | None:
    """The baseline of a run; ``None``: it was given none.

    :raises RunError: it is not the one that it was given, or can't be used
    """
    data = run.input(BASELINE)
    if data is None:
        return None
    try:
        return read_baseline(data, str(run.path / BASELINE), run.header.inputs[BASELINE].sha256)
    except BaselineError as error:
        raise RunError(f"the baseline of the run can't be used: {error}") from error


def attestations_of(run: RunFolder) -> Attestations | None:
    """The attestations of a run; ``None``: it was given none.

    :raises RunError: they are not those that it was given, or can't be used
    """
    data = run.input(ATTESTATIONS)
    if data is None:
        return None
    try:
        return read_attestations(data, str(run.path / ATTESTATIONS))
    except YamlError as error:
        raise RunError(f"the attestations of the run can't be used: {error}") from error


def controls_in(given: Iterable[GivenFile]) -> tuple[Check, ...]:
    """What people have to look at, of files that were read by `read_given`."""
    return tuple(
        check for one in given if one.name == ATTESTATIONS for check in read_attestations(one.data, one.source).checks()
    )


def _read(path: Path, what: str, limit: int, policy: PolicySource | None) -> bytes:
    return policy.read(path, what, limit) if policy is not None and policy.ref else read_file(path, limit)


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """A file that the user named.

    :raises YamlError: it can't be read, or is too large
    """
    try:
        if path.exists() and not path.is_file():
            raise YamlError(f"{path}: is no plain file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise YamlError(f"{path}: can't be read ({error.strerror or error}): check its path and mode") from error
    if len(data) > limit:
        raise YamlError(f"{path}: is larger than {limit} octets")
    return data
