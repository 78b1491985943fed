# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 judge``: judge what was seen before, without a network: a finished run, or what Nmap wrote."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..evidence.begin import RequestError, RunRequest, VantagePlan, begin
from ..evidence.conclude import Conclusion, conclude
from ..evidence.judge_anew import OtherRules, judge_anew
from ..evidence.nmap_evidence import NmapEvidence, read_evidence
from ..evidence.own_files import has_own
from ..evidence.protected_policy import PolicySource, policy_source, protected_profile, require_sha256
from ..evidence.run_folder import RUN, RunError, RunFolder, open_run
from ..nmap.read_xml import NmapXmlError
from ..policy.libraries import LibraryMissing
from ..policy.model import Exit, Intent, Severity
from ..probe.journal import JournalWriter
from ..report.escape import visible
from ..report.junit_flavours import Flavour
from ..report.terminal import render
from . import options as given
from .ending import guarded, say, stop

VANTAGE = "nmap"


@guarded
def judge(
    context: typer.Context,
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Folder of a run; or Nmap's XML files (gzip too) or folders of them."),
    ],
    at: Annotated[
        Optional[str],
        typer.Option("--at", metavar="DATE", help="Judge as of this date or time (UTC where it says no zone)."),
    ] = None,
    profile: Annotated[
        Optional[str],
        typer.Option("--profile", help="Profile to judge by; else the run's, or baseline.", rich_help_panel="Judging"),
    ] = None,
    policy_ref: given.PolicyRef = "",
    require_profile_sha256: given.RequireProfile = "",
    checks: Annotated[
        Optional[str], typer.Option("--checks", help="Which of its checks.", rich_help_panel="Judging")
    ] = None,
    ca_file: Annotated[
        Optional[Path], typer.Option("--ca-file", help="PEM file of the CAs to trust.", rich_help_panel="Judging")
    ] = None,
    crl: Annotated[
        Optional[list[Path]],
        typer.Option("--crl", help="Revocation list of a CA, PEM or DER; repeatable.", rich_help_panel="Judging"),
    ] = None,
    waivers: given.Waivers = None,
    waiver_signers: given.WaiverSigners = None,
    baseline: given.Baseline = None,
    population: given.Population = None,
    checks_path: given.ChecksPath = None,
    attestations: given.Attestations = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Checks left out do not make it incomplete.", rich_help_panel="Judging"),
    ] = False,
    fail_on: given.FailOn = Severity.LOW,
    gate_checks: given.GateChecks = "",
    min_coverage: given.MinCoverage = 100.0,
    max_waived: given.MaxWaived = None,
    max_age: given.MaxAge = None,
    intent: Annotated[
        Intent,
        typer.Option("--intent", help="Of Nmap's files: what the hosts are meant to be.", rich_help_panel="Nmap"),
    ] = Intent.SERVE,
    port: Annotated[
        int, typer.Option("-p", "--port", min=1, max=65535, help="Of Nmap's files: TLS port.", rich_help_panel="Nmap")
    ] = 995,
    expected: Annotated[
        Optional[list[str]],
        typer.Option(
            "--target", help="Of Nmap's files: a host that must be in them; repeatable.", rich_help_panel="Nmap"
        ),
    ] = None,
    out: Annotated[
        Optional[Path],
        typer.Option("--out", help="Folder of the new run: of Nmap's files, or of a run judged by other rules."),
    ] = None,
    formats: given.Formats = None,
    junit_flavour: given.JunitFlavour = Flavour.JENKINS,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Judge a finished run again, or the XML that Nmap wrote; nothing is sent.

    With other rules (profile, checks, CAs, CRLs, waivers, baseline, attestations) a run is judged in a new folder, and
    the old one stays as it is. What was not asked then is not tested now.

    What an Nmap file can't prove is not tested: its scripts show what is there, never that something is not.
    """
    moment = moment_of(at)
    wanted = given.chosen_formats(formats)
    try:
        policy = policy_source(policy_ref)
        own = given.own_checks(context, checks_path, policy)
    except RequestError as error:
        stop(Exit.USAGE, str(error))
    rules = given.rules_of(fail_on, gate_checks, min_coverage, max_waived, max_age)
    others = OtherRules(
        profile, checks, ca_file, tuple(crl) if crl else None, waivers, waiver_signers, baseline, population,
        attestations,
        partial=partial,
    )  # fmt: skip
    try:
        if len(sources) == 1 and (sources[0] / RUN).exists():
            _refuse_options_of_files(context)
            run = open_run(sources[0])
            if own and not has_own(run, own):
                others = dataclasses.replace(others, own=own)
            if others != OtherRules():
                if out is None:
                    stop(Exit.USAGE, "with other rules the run is judged in a new folder: name it with --out")
                run = judge_anew(run, out, _protected(others, policy, require_profile_sha256), tuple(sys.argv[1:]))
                _print(tuple(policy.notes))
            elif out is not None or policy_ref:
                stop(
                    Exit.USAGE,
                    "--out and --policy-ref are for a run that is judged by other rules: without any it is judged in"
                    " place, by its own",
                )
            require_sha256(run.header.profile_sha256, f"the profile of {sources[0]}", require_profile_sha256)
        else:
            words = [one.address for one in given.typed_targets(expected, None, None)] if expected else []
            evidence = read_evidence([str(path) for path in sources], intent, port, words)
            run = _begin(evidence, RunRequest(
                out, profile or "baseline", checks or "", ca_file, (VantagePlan(VANTAGE),), tuple(sys.argv[1:]),
                partial, crl_files=tuple(crl or ()), waivers=waivers, baseline=baseline, population=population,
                waiver_signers=waiver_signers,
                attestations=attestations, own=own,
                loaded=protected_profile(profile or "baseline", policy, require_profile_sha256), policy=policy,
            ))  # fmt: skip
        conclusion = conclude(run, at=moment, rules=rules, formats=wanted, flavour=junit_flavour)
    except NmapXmlError as error:
        stop(Exit.USAGE, str(error))
    except RequestError as error:
        stop(Exit.CANNOT_VOUCH if isinstance(error, RunError) else Exit.USAGE, str(error))
    except LibraryMissing as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if not quiet:
        _tell(run, conclusion)
    return int(conclusion.gate.exit)


def moment_of(text: str | None) -> datetime.datetime | None:
    """The clock to judge with; ends with exit code 2 where it is no date."""
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        stop(Exit.USAGE, f"--at is {text[:40]!a}, expected a date (2026-11-25) or a time (2026-11-25T12:00:00Z)")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


def _refuse_options_of_files(context: typer.Context) -> None:
    for parameter in ("intent", "port", "expected"):
        source = context.get_parameter_source(parameter)
        if source is not None and source.name != "DEFAULT":
            stop(
                Exit.USAGE,
                f"--{'target' if parameter == 'expected' else parameter} is for Nmap's files: who was looked at, and"
                " what for, stands in the run",
            )


def _protected(rules: OtherRules, policy: PolicySource, sha256: str) -> OtherRules:
    """The same rules, from where policy has to come."""
    loaded = protected_profile(rules.profile, policy, sha256) if rules.profile is not None else None
    return dataclasses.replace(rules, loaded=loaded, policy=policy)


def _print(notes: tuple[str, ...]) -> None:
    for note in notes:
        print(f"port995: {visible(note, 400)}", file=sys.stderr)


def _begin(evidence: NmapEvidence, request: RunRequest) -> RunFolder:
    if not evidence.plan:
        stop(Exit.USAGE, "Nmap's files hold no host and name none: there is nothing to judge")
    run = begin(request, evidence.plan, evidence.targets, evidence.notes)
    _print(run.header.notes)
    try:
        with JournalWriter(str(run.journal_path(VANTAGE))) as writer:
            for seen in evidence.observations(run.header.run_id):
                writer.append(seen)
    except OSError as error:
        stop(Exit.CANNOT_VOUCH, f"the journal in {run.path} can't be written ({error.strerror or error})")
    return run


def _tell(run: RunFolder, conclusion: Conclusion) -> None:
    try:
        render(conclusion.judgement, conclusion.gate, sys.stdout, sys.stdout.isatty(), run.header, conclusion.activity)
    except BrokenPipeError:
        pass
    say(f"reports: {visible(str(run.path))} ({', '.join(conclusion.files)})")
