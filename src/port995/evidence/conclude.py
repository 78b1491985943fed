# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run: judge, write the reports, and ``gate.json`` last; and reading that file back with mistrust.

While reports are written there is no ``gate.json``: a run that stops on the way has no verdict, and `read_gate` tells.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..policy.ahead import DAYS
from ..policy.attestations import Attestations
from ..policy.crl import NO_CRLS, CrlError, Crls, read_crls
from ..policy.dns_view import DnsSeen
from ..policy.gate import DEFAULT_RULES, GateRules
from ..policy.gate import gate as gate_of
from ..policy.inside_view import InsideSeen
from ..policy.judge import judge
from ..policy.model import GateVerdict, Judgement
from ..policy.own_checks import load_own
from ..policy.profile import Profile, ProfileError, read_profile
from ..policy.registry import SelectionError, adding
from ..policy.trust import Anchors, TrustError, read_anchors
from ..probe.journal import sha256_of
from ..probe.model import Observation
from ..report.activity import Activity, activity_of
from ..report.gate_file import GateFileError, read_gate_json, to_gate_json
from ..report.json_report import to_octets
from ..report.junit import to_junit_files
from ..report.junit_flavours import Flavour
from ..report.run_header import RunHeader
from ..report.told import Format, Told
from .atomic_write import sync_folder, write_atomically
from .begin import chosen
from .given_files import SCOPE, attestations_of, baseline_of, population_of, waivers_of
from .host_files import read_hosts
from .own_files import own_files_of
from .run_folder import (
    ANCHORS,
    CRLS,
    DNS,
    DNS_OF_SHARDS,
    GATE,
    HOSTS,
    JOURNALS,
    JUNIT,
    OTHER_REPORTS,
    PROFILE,
    REPORT,
    RUN,
    RunError,
    RunFolder,
    open_run,
    read_bytes,
    require_plain,
    run_error,
)
from .unchanged import is_report, require_unchanged


@dataclasses.dataclass(frozen=True)
class Conclusion:
    """What a run came to."""

    judgement: Judgement
    gate: GateVerdict
    activity: Activity
    files: tuple[str, ...]
    """Names of the reports that were written, ``gate.json`` last."""


def conclude(
    run: RunFolder, *, at: datetime.datetime | None = None, rules: GateRules = DEFAULT_RULES,
    formats: Sequence[Format] = (), flavour: Flavour = Flavour.JENKINS,
) -> Conclusion:
    """Judge a run and write its reports. May be done again: the old reports are removed first.

    :param at: the clock to judge with (aware); ``None``: now
    :param rules: what the gate stops at
    :param formats: what else to write
    :param flavour: who is to read the JUnit files
    :raises RunError: the folder's profile, anchors, CRLs or header are not those of the run, a journal is still being
        written, or a report can't be written; there is no ``gate.json`` then. Or it has checks of a user's own
        that were not named: everything stays as it is
    :raises LibraryMissing: a library that judging or writing needs is not installed; there is no ``gate.json`` then
    """
    own = load_own(own_files_of(run))
    require_unchanged(run)
    _remove_reports(run.path)
    # Whole seconds, as reports write it: judged again at what they say, it is judged at the same moment.
    at = (at if at is not None else datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    with adding(own.checks):
        attestations = attestations_of(run)
        with adding((*own.checks, *(attestations.checks() if attestations is not None else ()))):
            return _conclude(run, at, rules, formats, flavour, own.problems, attestations)


def _conclude(
    run: RunFolder, at: datetime.datetime, rules: GateRules, formats: Sequence[Format], flavour: Flavour,
    faults: Sequence[str], attestations: Attestations | None,
) -> Conclusion:
    """`conclude`, where all checks are known.

    :param faults: what is wrong with checks of the user's own
    """
    folder, header = run.path, run.header
    profile, anchors = _profile(run, at), _anchors(run)
    digests = _evidence_digests(run)
    observations, problems = run.observations()
    lookups, more = run.lookups()
    hosts, of_hosts = read_hosts(run)
    problems += [*more, *of_hosts, *faults]
    problems += _breaches(run, observations)
    if _evidence_digests(run) != digests:
        raise RunError(f"{folder}: a journal was written to while it was read: wait for the probe to end, then judge")
    judgement = judge(
        run_id=header.run_id,
        plan=header.plan,
        targets=header.targets,
        observations=observations,
        profile=profile,
        anchors=anchors,
        at=at,
        partial=header.partial,
        problems=problems,
        expected={vantage.name: vantage.sources for vantage in header.vantages} or None,
        owed={
            name: [header.targets[place] for place in shard.owes] for shard in header.shards for name in shard.vantages
        } if header.shards else None,
        dns=DnsSeen(header.dns, tuple(lookups)) if header.dns is not None else None,
        crls=_crls(run),
        ahead_days=DAYS,
        waivers=waivers_of(run),
        baseline=baseline_of(run),
        population=population_of(run),
        inside=InsideSeen(hosts) if header.inside else None,
        attestations=attestations,
    )
    activity = activity_of(header.run_id, observations)
    verdict = gate_of(judgement, rules, oldest=activity.first)
    told = Told(judgement, verdict, header, activity, rules, _in_order(header.run_id, observations, formats), flavour)
    written = []
    # Each is written before the next is made: of a large fleet they do not fit into memory together.
    for one in (*ALWAYS, *formats):
        for name, data in one.write(told).items():
            _write(folder / name, data)
            digests[name] = hashlib.sha256(data).hexdigest()
            written.append(name)
    document = to_gate_json(judgement, verdict, digests, rules)
    _write(folder / GATE, (json.dumps(document, indent=1) + "\n").encode("ascii"))
    return Conclusion(judgement, verdict, activity, (*written, GATE))


def read_gate(out: Path) -> GateVerdict:
    """The verdict of a finished run, if it can be trusted.

    :raises RunError: there is no ``gate.json``, it belongs to another run, a file it rests on is missing or was
        changed, or there is a journal or a report it does not know
    """
    data = read_bytes(out / GATE)
    run = open_run(out)
    try:
        gate = read_gate_json(data)
    except GateFileError as error:
        raise RunError(f"{out / GATE}: {error}: judge the run again") from error
    if gate.run_id != run.header.run_id:
        raise RunError(f"{out / GATE} belongs to run {gate.run_id!a:.40}, not to {run.header.run_id}: judge it again")
    for name in (*_inputs(run.header), REPORT):
        if name not in gate.files:
            raise RunError(f"{out / GATE} does not vouch for {name}: judge the run again")
    if not any(Path(name).match(JUNIT) for name in gate.files):
        raise RunError(f"{out / GATE} vouches for no JUnit report: judge the run again")
    for pattern in (JOURNALS, JUNIT, DNS, DNS_OF_SHARDS, HOSTS, *OTHER_REPORTS):
        for path in sorted(out.glob(pattern)):
            if path.name not in gate.files:
                raise RunError(f"{path} came after the verdict: remove it, or judge the run again")
    for name, digest in gate.files.items():
        if _digest(out / name) != digest:
            advice = "judge the run again" if is_report(name) else "restore it, or run the audit again"
            raise RunError(f"{out / name} was changed after the verdict: {advice}")
    _same_as_report(out, gate.verdict)
    return gate.verdict


def _same_as_report(out: Path, verdict: GateVerdict) -> None:
    """The report says the same, and its hash is right: editing ``gate.json`` alone changes no verdict."""
    try:
        says = json.loads(read_bytes(out / REPORT))["gate"]
        told = (says["exit"], says["incomplete"], tuple(says["reasons"]))
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise RunError(f"{out / REPORT} can't be read ({error}): judge the run again") from error
    if told != (verdict.exit.value, verdict.incomplete, verdict.reasons):
        raise RunError(f"{out / GATE} and {REPORT} do not say the same: judge the run again")


def _remove_reports(folder: Path) -> None:
    """Remove the old verdict first, then the old reports: what is left at any moment claims nothing."""
    try:
        (folder / GATE).unlink(missing_ok=True)
        sync_folder(folder)
        (folder / REPORT).unlink(missing_ok=True)
        for pattern in (JUNIT, *OTHER_REPORTS):
            for path in folder.glob(pattern):
                path.unlink()
    except OSError as error:
        raise run_error(folder, error) from error


def _in_order(
    run_id: str, observations: Sequence[Observation], formats: Sequence[Format]
) -> tuple[Observation, ...]:
    """The run's own observations, in an order that does not depend on how they came; none where nobody wants them."""
    if not formats:
        return ()
    mine = [one for one in observations if one.run_id == run_id]
    mine.sort(key=lambda one: (one.target.address, one.port, one.vantage.name, one.address or "", one.started))
    return tuple(mine)


def _json(told: Told) -> dict[str, bytes]:
    return {REPORT: to_octets(told.judgement, told.gate, told.header, told.activity, told.rules)}


def _junit(told: Told) -> dict[str, bytes]:
    files = to_junit_files(told.judgement, told.gate, told.header, told.activity, told.flavour)
    return {name: text.encode("utf-8") for name, text in files.items()}


ALWAYS = (Format("json", "everything, for programs", _json), Format("junit", "for every CI there is", _junit))
"""What a run has whatever was asked for."""


def _evidence_digests(run: RunFolder) -> dict[str, str]:
    """SHA-256 of everything the judgement rests on."""
    digests = {path.name: _digest(path) for path in (*run.journals(), *sorted(run.path.glob(HOSTS)))}
    digests.update({name: _digest(run.path / name) for name in _inputs(run.header)})
    digests.update({path.name: _digest(path) for path in run.dns_paths()})
    if digests[RUN] != run.header_sha256:
        raise RunError(f"{run.path / RUN} was changed since it was read: open the run again")
    return digests


def _digest(path: Path) -> str:
    require_plain(path)
    try:
        return sha256_of(str(path))
    except OSError as error:
        raise RunError(
            f"{path} can't be read ({error.strerror or error}): restore it, or run the audit again"
        ) from error


def _profile(run: RunFolder, at: datetime.datetime) -> Profile:
    raw = read_bytes(run.path / PROFILE)
    if hashlib.sha256(raw).hexdigest() != run.header.profile_sha256:
        raise RunError(f"{run.path / PROFILE} is not the profile of this run: restore it, or run the audit again")
    try:
        profile = read_profile(raw, str(run.path / PROFILE))
        made = chosen(
            profile, run.header.checks, dns=run.header.dns is not None, crls=bool(run.header.crls_sha256),
            inputs=tuple(run.header.inputs),
            inside=run.header.inside,
        )  # fmt: skip
        made.on(at.astimezone(datetime.UTC).date())
        return made
    except (ProfileError, SelectionError) as error:
        raise RunError(f"the profile of the run can't be used: {error}") from error


def _anchors(run: RunFolder) -> Anchors:
    pem = read_bytes(run.path / ANCHORS)
    if hashlib.sha256(pem).hexdigest() != run.header.anchors_sha256:
        raise RunError(f"{run.path / ANCHORS} are not the anchors of this run: restore them, or run the audit again")
    try:
        return read_anchors(pem, run.header.anchors_source)
    except TrustError as error:
        raise RunError(f"the trust anchors of the run can't be used: {error}") from error


def _crls(run: RunFolder) -> Crls:
    if not run.header.crls_sha256:
        return NO_CRLS
    pem = read_bytes(run.path / CRLS)
    if hashlib.sha256(pem).hexdigest() != run.header.crls_sha256:
        raise RunError(f"{run.path / CRLS} are not the CRLs of this run: restore them, or run the audit again")
    try:
        return read_crls(pem, run.header.crl_sources)
    except CrlError as error:
        raise RunError(f"the CRLs of the run can't be used: {error}") from error


def _breaches(run: RunFolder, observations: Iterable[Observation]) -> list[str]:
    """Connections that the scope forbids: a vantage that made one did not hold itself to it."""
    scope = run.header.scope
    if scope is None:
        return []
    if run.input(SCOPE) is None or run.header.inputs[SCOPE].sha256 != scope.sha256:
        raise RunError(f"{run.path / RUN}: its scope is not that of {SCOPE}: restore it, or run the audit again")
    found: dict[str, None] = {}
    for seen in observations:
        for connection in seen.connections:
            own = connection.source_address
            why = scope.outside(connection.address) or (scope.outside_source(own) if own else "")
            if why:
                found[f"vantage {seen.vantage.name!a:.80} made a connection that was {why}"] = None
    return list(found)


def _inputs(header: RunHeader) -> tuple[str, ...]:
    """The files beside the journals that a judgement rests on."""
    return (RUN, PROFILE, ANCHORS, *((CRLS,) if header.crls_sha256 else ()), *header.inputs)


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise run_error(path, error) from error
