# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 audit``: look, judge, write the reports, and end with the gate's exit code."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..evidence.ask_dns import ask_dns
from ..evidence.begin import RequestError, RunRequest, VantagePlan, begin, begin_search, check_files, questions_of
from ..evidence.conclude import Conclusion, conclude
from ..evidence.find import Found
from ..evidence.inventory_places import hashes, places, shown_path
from ..evidence.judged_xml import as_nmap_xml
from ..evidence.protected_policy import policy_source, protected_profile
from ..evidence.run_folder import RunError, RunFolder, drop_run
from ..nmap.target_syntax import MAX_TARGETS, TypedTarget
from ..policy.inventory import merge_targets, plan_host
from ..policy.libraries import LibraryMissing
from ..policy.model import Exit, HostPlan, Intent, Severity
from ..policy.scope_file import within
from ..probe.engine import OptionsError, ScanOptions, local_vantage, run_scan
from ..probe.journal import JournalWriter
from ..probe.model import Observation, Target, Vantage
from ..probe.options import GATE, SESSION
from ..probe.version import __version__
from ..report.escape import visible
from ..report.junit_flavours import Flavour
from ..report.terminal import render
from . import credentials as logging_in
from . import find as searching
from . import nmap_scan
from . import options as given
from .ansible_inventory import InventoryError, problems_of, read_inventory
from .bundle import bundled, require_free, signing_key
from .ending import guarded, say, stop
from .progress import progress
from .sink import Sink

JUDGING, REPORTS = "Judging", "Reports"
VANTAGE = "controller"
SIDES = ("inside", "outside", "undeclared")
VARIABLE_OF = {
    "intent": "pop3s_intent", "intents": "pop3s_intent", "ports": "pop3s_port", "pop3_port": "pop3_port",
    "server_name": "pop3s_server_name", "proxy_protocol": "pop3s_proxy_protocol", "domain": "pop3s_domain",
}  # fmt: skip
"""Options that hold for typed targets, and the host variables that say the same."""


@guarded
def audit(
    context: typer.Context,
    targets: given.Targets = None,
    inventory: Annotated[
        Optional[Path],
        typer.Option("-i", "--inventory", help="Ansible inventory, instead of targets.", rich_help_panel=given.TARGETS),
    ] = None,
    input_list: given.InputList = None,
    exclude: given.Exclude = None,
    max_targets: given.MaxTargets = MAX_TARGETS,
    randomize_hosts: given.RandomizeHosts = False,
    find: searching.Find = None,
    intent: Annotated[
        Intent, typer.Option("--intent", help="What targets are meant to be.", rich_help_panel=given.TARGETS)
    ] = Intent.SERVE,
    intents: Annotated[
        Optional[Path],
        typer.Option(
            "--intents", metavar="FILE", help="What each target is meant to be (YAML).", rich_help_panel=given.TARGETS
        ),
    ] = None,
    ports: Annotated[
        str,
        typer.Option(
            "-p",
            "--port",
            metavar="PORT",
            help="TLS port of targets without one; with --find nmap a list or range too, or - for all.",
            rich_help_panel=given.PORTS,
        ),
    ] = "995",
    pop3_port: given.Pop3Port = 110,
    server_name: given.ServerName = None,
    proxy_protocol: given.ProxyProtocol = None,
    families: given.Families = "auto",
    source: given.Source = None,
    depth: given.Depth = "gate",
    side: Annotated[
        str,
        typer.Option(
            "--side", metavar="|".join(SIDES), help="Where this machine stands.", rich_help_panel=given.LOOKING
        ),
    ] = "undeclared",
    dns: given.Dns = False,
    domain: given.Domain = None,
    resolver: given.Resolver = None,
    trust_ad: given.TrustAd = False,
    concurrency: given.Concurrency = given.DEFAULTS.concurrency,
    hello_budget: given.HelloBudget = None,
    per_address: given.PerAddress = given.DEFAULTS.per_address,
    pace: given.Pace = None,
    rate: given.Rate = None,
    scope: given.Scope = None,
    canary_host: given.CanaryHost = None,
    credentials: given.Credentials = None,
    allow_dele: given.AllowDele = False,
    auth_unverified: given.AuthUnverified = False,
    deadline: given.Deadline = None,
    resolve_timeout: given.ResolveTimeout = given.DEFAULTS.resolve_timeout,
    connect_timeout: given.ConnectTimeout = given.DEFAULTS.connect_timeout,
    tls_timeout: given.TlsTimeout = given.DEFAULTS.tls_timeout,
    pop3_timeout: given.Pop3Timeout = given.DEFAULTS.pop3_timeout,
    endpoint_timeout: given.EndpointTimeout = given.DEFAULTS.endpoint_timeout,
    profile: Annotated[
        str, typer.Option("--profile", help="Profile: a name or a file.", rich_help_panel=JUDGING)
    ] = "baseline",
    checks: Annotated[
        str,
        typer.Option(
            "--checks", help="Which of its checks: ids, globs, categories, and/or/not.", rich_help_panel=JUDGING
        ),
    ] = "",
    ca_file: Annotated[
        Optional[Path],
        typer.Option("--ca-file", help="PEM file of the CAs to trust; else the machine's.", rich_help_panel=JUDGING),
    ] = None,
    crl: Annotated[
        Optional[list[Path]],
        typer.Option("--crl", help="Revocation list of a CA, PEM or DER; repeatable.", rich_help_panel=JUDGING),
    ] = None,
    policy_ref: given.PolicyRef = "",
    require_profile_sha256: given.RequireProfile = "",
    waivers: given.Waivers = None,
    waiver_signers: given.WaiverSigners = None,
    baseline: given.Baseline = None,
    population: given.Population = None,
    checks_path: given.ChecksPath = None,
    attestations: given.Attestations = None,
    fail_on: given.FailOn = Severity.LOW,
    gate_checks: given.GateChecks = "",
    min_coverage: given.MinCoverage = 100.0,
    max_waived: given.MaxWaived = None,
    max_age: given.MaxAge = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Hosts and checks left out do not make the run incomplete.", rich_help_panel=JUDGING
        ),
    ] = False,
    out: Annotated[
        Optional[Path],
        typer.Option("--out", help="Folder of the run; else a new one in port995-runs.", rich_help_panel=REPORTS),
    ] = None,
    formats: given.Formats = None,
    junit_flavour: given.JunitFlavour = Flavour.JENKINS,
    bundle: Annotated[
        Optional[Path],
        typer.Option("--bundle", help="Also make the evidence, a folder of this name.", rich_help_panel=REPORTS),
    ] = None,
    sign_key: Annotated[
        Optional[Path],
        typer.Option("--sign-key", help="OpenSSH Ed25519 key that signs it.", rich_help_panel=REPORTS),
    ] = None,
    xml: Annotated[
        Optional[Path],
        typer.Option(
            "-oX",
            "--xml",
            metavar="FILE",
            help="Write Nmap XML too, the checks in a script of each port.",
            rich_help_panel=REPORTS,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of the table.", rich_help_panel=REPORTS)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print nothing but errors.", rich_help_panel=REPORTS)
    ] = False,
) -> int:
    """Judge POP3S services against a profile, write JUnit and JSON reports, and end with the gate's verdict.

    Exit code 0: all is proven as it should be; 1: something is not; 2: wrong usage; 3: nothing is wrong as far as was
    seen, but not all was; 4: internal error or evidence that can't be vouched for.
    """
    if xml is not None:
        nmap_scan.require_writable(xml)
    if side not in SIDES:
        stop(Exit.USAGE, f"--side is one of {', '.join(SIDES)}, not {side!a}")
    try:
        policy = policy_source(policy_ref)
        own = given.own_checks(context, checks_path, policy)
        loaded = protected_profile(profile, policy, require_profile_sha256)
        questions = questions_of(loaded, checks, depth, dns=dns, crls=bool(crl))
    except RequestError as error:
        stop(Exit.USAGE, str(error))
    wanted = given.chosen_formats(formats)
    if sign_key is not None and bundle is None:
        stop(Exit.USAGE, "--sign-key signs the evidence: name it with --bundle")
    if bundle is not None:
        require_free(bundle)
    key = signing_key(sign_key)
    rules = given.rules_of(fail_on, gate_checks, min_coverage, max_waived, max_age)
    logins = logging_in.logins_given(credentials, ca_file, allow_dele, auth_unverified, os.environ)
    paced = given.pace_of(pace)
    permitted = given.scope_of(scope)
    options = given.checked(
        ScanOptions(
            families=families,
            source_addresses=tuple(source or ()),
            resolve_timeout=resolve_timeout,
            connect_timeout=connect_timeout,
            tls_timeout=tls_timeout,
            pop3_timeout=pop3_timeout,
            endpoint_timeout=endpoint_timeout,
            deadline=deadline,
            concurrency=concurrency,
            depth=depth if questions or depth != GATE else SESSION,
            questions=questions,
            canary_host=given.canary_of(canary_host),
            hello_budget=hello_budget,
            per_address=per_address,
            address_connections=paced[0],
            address_seconds=paced[1],
            rate=rate,
            logins=logins,
            scope=None if permitted is None else permitted.scope,
        )
    )
    dns_plan = given.dns_of(dns, domain, resolver, trust_ad, side, resolve_timeout)
    request = RunRequest(
        out, profile, checks, ca_file, (VantagePlan(VANTAGE, side, options.source_addresses),), tuple(sys.argv[1:]),
        partial, deadline, dns_plan, tuple(crl or ()), waivers=waivers, baseline=baseline,
        waiver_signers=waiver_signers,
        attestations=attestations, own=own,
        population=population, population_seconds=resolve_timeout, scope=permitted,
        loaded=loaded, policy=policy,
    )  # fmt: skip
    begun: RunFolder | None = None
    found: Found | None = None
    search: searching.Search | None = None
    if inventory is not None:
        if targets or input_list:
            stop(Exit.USAGE, "give either an inventory (-i) or targets, not both")
        _refuse_options_of_targets(context)
        (plan, aims, notes), vantage_hosts = _from_inventory(inventory, exclude or [])
        request = dataclasses.replace(
            request, inventory=shown_path(inventory), inventory_sha256=hashes([inventory]), vantage_hosts=vantage_hosts
        )
    else:
        rules_of_intent = given.intents_of(intents)
        if rules_of_intent is not None:
            _refuse_beside_intents(context, find)
        typed = given.typed_targets(targets, input_list, exclude, max_targets, randomize_hosts)
        port = searching.main_port(find or searching.NATIVE, ports)

        def planned(one: TypedTarget) -> tuple[HostPlan, tuple[Target, ...]]:
            meant = intent if rules_of_intent is None else rules_of_intent.of(one.name, one.address)
            return given.planned(one, meant, port, server_name, pop3_port, proxy_protocol, domain)

        if find is None:
            plan, aims, notes = _typed(typed, planned)
        elif typed:
            words = given.typed_words(targets, input_list)
            search = searching.Search(find, typed, words, exclude or (), ports, pop3_port, options)
            nothing_yet = search.before(intent, planned)
            try:
                check_files(request)
                begun = begin_search(request, *within(options.scope, nothing_yet.plan, nothing_yet.targets))
            except RequestError as error:
                stop(Exit.USAGE, str(error))
            found = search.run(intent, planned)
            plan, aims, notes = found.plan, found.targets, found.notes
            options = dataclasses.replace(options, deadline=search.left(deadline))
        else:
            plan, aims, notes = (), (), ()
    if not plan:
        stop(Exit.USAGE, "no targets: give some, a file of them with -iL, or an inventory with -i")
    plan, aims = within(options.scope, plan, aims)
    aims, notes = logging_in.owed(logins, aims, notes)
    try:
        run = begin(request, plan, aims, notes, begun)
    except RequestError as error:
        if begun is not None:
            drop_run(begun)
        stop(Exit.USAGE, str(error))
    for note in run.header.notes:
        print(f"port995: {visible(note)}", file=sys.stderr)
    begin_of_looking = time.monotonic()
    cancelled = _look(
        run, aims, options, local_vantage(VANTAGE, side, __version__), quiet, found,
        cancelled=search is not None and search.cancelled,
    )  # fmt: skip
    try:
        left = None if deadline is None else deadline - (time.monotonic() - begin_of_looking)
        ask_dns(run, seconds=left, cancelled=cancelled, handle_signals=True)
        conclusion = conclude(run, rules=rules, formats=wanted, flavour=junit_flavour)
    except (RunError, LibraryMissing) as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if xml is not None:
        nmap_scan.write_xml(xml, as_nmap_xml(run, conclusion.judgement))
    if not quiet:
        _tell(run, conclusion, as_json)
    if bundle is not None:
        bundled(run.path, bundle, key, quiet=quiet or as_json)
    return int(conclusion.gate.exit)


Population = tuple[tuple[HostPlan, ...], tuple[Target, ...], tuple[str, ...]]


def _refuse_options_of_targets(context: typer.Context) -> None:
    """An option that would be ignored is refused: its user would believe in it."""
    for parameter in ("max_targets", "randomize_hosts", "find"):
        source = context.get_parameter_source(parameter)
        if source is not None and source.name != "DEFAULT":
            stop(Exit.USAGE, f"--{parameter.replace('_', '-')} is for typed targets: leave it out with an inventory")
    for parameter, variable in VARIABLE_OF.items():
        source = context.get_parameter_source(parameter)
        if source is not None and source.name != "DEFAULT":
            option = "port" if parameter == "ports" else parameter.replace("_", "-")
            stop(
                Exit.USAGE,
                f"--{option} is for typed targets: in an inventory set {variable} for hosts or"
                " groups",
            )


def _refuse_beside_intents(context: typer.Context, find: str | None) -> None:
    source = context.get_parameter_source("intent")
    if source is not None and source.name != "DEFAULT":
        stop(Exit.USAGE, "--intent and --intents: give one of them")
    if find is not None:
        stop(Exit.USAGE, "--intents names hosts one by one, and --find tells ranges together: give --intent with it")


def _from_inventory(path: Path, exclude: list[str]) -> tuple[Population, tuple[str, ...]]:
    """The population, and the hosts that are vantages only."""
    plan: list[HostPlan] = []
    aims: list[Target] = []
    try:
        inventory = read_inventory(path)
    except InventoryError as error:
        stop(Exit.USAGE, str(error))
    hosts = inventory.hosts
    unknown = [word for word in exclude if word not in hosts and word not in inventory.vantage_hosts]
    if unknown:
        stop(Exit.USAGE, f"--exclude {unknown[0]}: {path} has no host of this name; with -i give names of its hosts")
    where = places([path], hosts)
    for name, variables in hosts.items():
        if name in exclude:
            plan.append(HostPlan(name, excluded="--exclude", place=where.get(name, "")))
            continue
        usable, problems = problems_of(variables)
        host, wanted = plan_host(name, usable)
        plan.append(dataclasses.replace(host, problems=(*host.problems, *problems), place=where.get(name, "")))
        # A variable that could not be read may be the address: the host is in error, and nothing is probed for it.
        aims += wanted if not problems else ()
    merged, notes = merge_targets(aims)
    if inventory.vantage_hosts:
        named = ", ".join(inventory.vantage_hosts)
        told = f"vantages only, not audited: {named}; this looks from here alone, port995.pop3s.audit from them too"
        notes = (*notes, told)
    return (tuple(plan), merged, notes), inventory.vantage_hosts


def _typed(typed: list[TypedTarget], planned: searching.Planned) -> Population:
    plan: dict[str, HostPlan] = {}
    aims: list[Target] = []
    for one in typed:
        host, wanted = planned(one)
        plan.setdefault(one.name, host)
        aims += wanted
    merged, notes = merge_targets(aims)
    return tuple(plan.values()), merged, notes


def _look(
    run: RunFolder,
    every: tuple[Target, ...],
    options: ScanOptions,
    vantage: Vantage,
    quiet: bool,
    found: Found | None,
    *,
    cancelled: bool,
) -> bool:
    """Probe, and keep what was seen; a signal or the deadline ends it in order.

    :param every: the run's targets
    :param found: what was found before; its groups are looked at no further
    :param cancelled: a signal came before
    :returns: whether a signal did
    """
    aims = every if found is None else found.to_look_at(every)
    expected = len(aims) * 2 * max(1, len(options.source_addresses))
    try:
        with progress(expected, quiet) as step, JournalWriter(str(run.journal_path(vantage.name))) as writer:

            def keep(seen: Observation) -> None:
                writer.append(seen)
                step(seen)

            sink = Sink(keep)
            if found is not None:
                for seen in found.observations(run.header.run_id, vantage, every):
                    sink(seen)
            summary = run_scan(
                aims, options, vantage, run.header.run_id, sink, handle_signals=True, cancelled=cancelled
            )
            sink.check()
    except OptionsError as error:
        stop(Exit.USAGE, str(error))
    except OSError as error:
        stop(
            Exit.CANNOT_VOUCH,
            f"the journal in {run.path} can't be written ({error.strerror or error}): free space there and run again",
        )
    if summary.window_ended:
        print("port995: the time of the scope has ended: what is left is out of scope, not tested", file=sys.stderr)
    if summary.cancelled or summary.deadline_reached:
        why = "interrupted" if summary.cancelled else "the deadline was reached"
        print(f"port995: {why}: what is left is reported as not tested", file=sys.stderr)
    return summary.cancelled


def _tell(run: RunFolder, conclusion: Conclusion, as_json: bool) -> None:
    if as_json:
        say((run.path / "report.json").read_text(encoding="utf-8"))
        return
    try:
        render(
            conclusion.judgement, conclusion.gate, sys.stdout, sys.stdout.isatty(), run.header, conclusion.activity
        )
    except BrokenPipeError:
        pass
    say(f"reports: {visible(str(run.path))} ({', '.join(conclusion.files)})")
