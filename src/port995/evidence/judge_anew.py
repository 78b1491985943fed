# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen once, judged by other rules: a new run folder with the same observations. The first stays as it is.

What the old offers did not cover is not tested by the new profile: the judge finds that by itself, since the questions
that were asked stand in the observations.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

from ..policy.crl import load_crls
from ..policy.own_checks import OwnFile, load_own
from ..policy.profile import Profile, load_profile, read_profile
from ..policy.registry import added_checks, adding
from ..policy.trust import load_anchors, read_anchors
from ..report.run_header import InputFile
from .begin import chosen
from .given_files import POPULATIONS, WAIVERS_SIGNATURE, WAIVERS_SIGNERS, GivenFile, controls_in, read_given, read_list
from .own_files import is_own, own_files_of
from .protected_policy import PolicySource
from .run_folder import ANCHORS, CRLS, HOSTS, PROFILE, RunError, RunFolder, create_run, read_bytes, run_error
from .unchanged import require_unchanged


@dataclasses.dataclass(frozen=True)
class OtherRules:
    """What is to be judged by instead; what is ``None`` stays as it was in the run."""

    profile: str | None = None
    checks: str | None = None
    ca_file: Path | None = None
    crl_files: tuple[Path, ...] | None = None
    waivers: Path | None = None
    waiver_signers: Path | None = None
    baseline: Path | None = None
    population: Path | None = None
    attestations: Path | None = None
    own: tuple[OwnFile, ...] | None = None
    """Files of checks, instead of those of the run; `own_files.using` made them known before."""

    partial: bool = False
    """Checks that are left out do not make it incomplete."""

    loaded: Profile | None = None
    """The profile, where it was read before, from a place of its own (`protected_policy`)."""

    policy: PolicySource | None = None
    """Where files of policy are read from; ``None``: the file system."""


def judge_anew(run: RunFolder, out: Path, rules: OtherRules, command: tuple[str, ...]) -> RunFolder:
    """Make a run folder that holds what another one saw, and other rules.

    :param out: the new folder
    :param command: as typed
    :raises RequestError: as `begin.begin`
    :raises RunError: the old folder is not as it was written, or the new one can't be made
    """
    own = rules.own if rules.own is not None else own_files_of(run)
    with adding(load_own(own).checks):
        return _judge_anew(run, out, rules, command)


def _judge_anew(run: RunFolder, out: Path, rules: OtherRules, command: tuple[str, ...]) -> RunFolder:
    require_unchanged(run)
    header = run.header
    if rules.loaded is not None:
        profile = rules.loaded
    elif rules.profile is not None:
        profile = load_profile(rules.profile)
    else:
        profile = read_profile(_same(run, PROFILE), PROFILE)
    anchors = (
        load_anchors(rules.ca_file)
        if rules.ca_file is not None
        else read_anchors(_same(run, ANCHORS), header.anchors_source)
    )
    crls_pem = _same(run, CRLS) if header.crls_sha256 else b""
    sources, crls_sha256 = header.crl_sources, header.crls_sha256
    if rules.crl_files is not None:
        crls = load_crls(rules.crl_files)
        crls_pem, sources, crls_sha256 = crls.pem, crls.sources, crls.sha256
    kept = [name for name in header.inputs if rules.own is None or not is_own(name)]
    inputs = {name: run.input(name) or b"" for name in kept}
    named = {name: header.inputs[name] for name in kept}
    given = list(read_given(
        rules.waivers, rules.baseline, header.plan, header.targets, rules.policy, rules.attestations, rules.own or (),
        rules.waiver_signers,
    ))  # fmt: skip
    if rules.population is not None:
        for name in POPULATIONS:
            inputs.pop(name, None)
            named.pop(name, None)
        given += read_list(rules.population, header.plan, header.targets, None)
    if rules.waivers is not None:
        # The signature of other waivers is none of these.
        for name in (WAIVERS_SIGNATURE, WAIVERS_SIGNERS):
            inputs.pop(name, None)
            named.pop(name, None)
    for one in given:
        inputs[one.name] = one.data
        named[one.name] = InputFile(one.source, hashlib.sha256(one.data).hexdigest())
    checks = header.checks if rules.checks is None else rules.checks
    every = [GivenFile(name, named[name].source, data) for name, data in inputs.items()]
    with adding((*added_checks(), *controls_in(every))):
        chosen(
            profile, checks, dns=header.dns is not None, crls=bool(crls_sha256), inputs=tuple(named),
            inside=header.inside,
        )  # fmt: skip
    note = f"judged by other rules: observed by the run whose run.json has SHA-256 {run.header_sha256}"
    told = rules.policy.notes if rules.policy is not None else ()
    notes = (*(one for one in header.notes if not one.startswith("judged by other rules")), note, *told)
    anew = dataclasses.replace(
        header,
        profile_id=profile.id,
        profile_sha256=profile.sha256,
        anchors_source=anchors.source,
        anchors_sha256=anchors.sha256,
        command=command,
        notes=notes,
        checks=checks,
        partial=header.partial or rules.partial,
        crl_sources=sources,
        crls_sha256=crls_sha256,
        inputs=named,
    )
    made = create_run(out, anew, profile.raw, anchors.pem, crls_pem, inputs)
    files = [*run.journals(), *run.dns_paths(), *sorted(run.path.glob(HOSTS))]
    try:
        for path in files:
            shutil.copyfile(path, out / path.name, follow_symlinks=False)
    except OSError as error:
        raise run_error(out, error) from error
    return made


def _same(run: RunFolder, name: str) -> bytes:
    data = read_bytes(run.path / name)
    wanted = {PROFILE: run.header.profile_sha256, ANCHORS: run.header.anchors_sha256, CRLS: run.header.crls_sha256}
    if hashlib.sha256(data).hexdigest() != wanted[name]:
        raise RunError(f"{run.path / name} is not the one of this run: restore it, or run the audit again")
    return data
