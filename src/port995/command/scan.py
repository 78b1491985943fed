# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 scan``: look, and tell what was seen; no opinion."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..dns.journal import as_line
from ..dns.model import Lookup
from ..evidence.ask_dns import look_up_plan
from ..evidence.begin import RequestError, questions_of
from ..evidence.find import Found
from ..nmap.target_syntax import MAX_TARGETS, TypedTarget
from ..nmap.write_xml import XmlWriter
from ..policy.clients.catalogue import clients
from ..policy.clients.negotiation import model
from ..policy.clients.result import clients_text
from ..policy.dns_view import DnsSeen
from ..policy.finders_word import who
from ..policy.inventory import merge_targets
from ..policy.judge import judge
from ..policy.model import Exit, HostPlan, Intent
from ..policy.profile import load_profile
from ..policy.trust import load_anchors
from ..probe.codec import observation_to_json
from ..probe.engine import OptionsError, ScanOptions, local_vantage, run_scan
from ..probe.journal import JournalWriter
from ..probe.model import Observation, Pop3Dialogue, Target
from ..probe.options import FULL, PORT, SESSION
from ..probe.ranges import count_of
from ..probe.tls.interrogation import NO_TLS_HERE, PORT_NOT_OPEN, answered
from ..probe.version import __version__
from ..report.escape import visible
from ..report.page import page
from ..report.run_header import NOT_ASV
from . import credentials as logging_in
from . import find as searching
from . import nmap_scan
from . import options as given
from .ending import guarded, say, stop
from .progress import progress
from .sink import Sink

STANDARD_OUTPUT = Path("-")
NO_LOGIN = ("not-tried", "not-verified", "not-connected", "timeout", "cancelled")
"""Outcomes of a login that nobody was asked for, or that was not answered."""


@guarded
def scan(
    context: typer.Context,
    targets: given.Targets = None,
    input_list: given.InputList = None,
    exclude: given.Exclude = None,
    max_targets: given.MaxTargets = MAX_TARGETS,
    randomize_hosts: given.RandomizeHosts = False,
    find: searching.Find = None,
    ports: Annotated[
        str,
        typer.Option(
            "-p",
            "--port",
            metavar="PORT",
            help="TLS port of targets without one; with nmap (--engine, --find) a list or range too, or - for all.",
            rich_help_panel=given.PORTS,
        ),
    ] = "995",
    pop3_port: given.Pop3Port = 110,
    server_name: given.ServerName = None,
    proxy_protocol: given.ProxyProtocol = None,
    families: given.Families = "auto",
    source: given.Source = None,
    depth: Annotated[
        Optional[str],
        typer.Option(
            "--depth",
            metavar="port|session|gate|full|deep",
            help="As for audit; of one target full, of several session where it is not given.",
            rich_help_panel=given.LOOKING,
        ),
    ] = None,
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
        str,
        typer.Option(
            "--profile", help="Profile that is asked for, and that the page judges by.", rich_help_panel=given.LOOKING
        ),
    ] = "baseline",
    ca_file: Annotated[
        Optional[Path],
        typer.Option(
            "--ca-file", help="PEM file of the CAs to trust; else the machine's.", rich_help_panel=given.LOOKING
        ),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="One line for each service, of a single target too.")
    ] = False,
    journal: Annotated[
        Optional[Path],
        typer.Option("-oJ", "--journal", help="Append observations to this file as JSON lines; -: print them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print observations as JSON lines.")] = False,
    xml: Annotated[
        Optional[Path],
        typer.Option("-oX", "--xml", metavar="FILE", help="Write what was seen as Nmap XML too."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option("--engine", metavar="native|nmap", help="Who looks.", rich_help_panel=nmap_scan.NMAP),
    ] = "native",
    service_version: nmap_scan.ServiceVersion = False,
    skip_discovery: nmap_scan.SkipDiscovery = False,
    timing: nmap_scan.Timing = None,
    ipv6: nmap_scan.Ipv6 = False,
    scripts: nmap_scan.Scripts = None,
    scan_type: nmap_scan.ScanType = "auto",
) -> int:
    """Look at POP3S services and print what was seen: of one target a page, of several a line for each service.

    Exit code 0: every endpoint was observed; 2: wrong usage; 3: something was not observed; 4: internal error.
    """
    nmap_scan.refuse_foreign_options(context, engine)
    permitted = given.scope_of(scope)
    if engine == nmap_scan.ENGINE:
        request = nmap_scan.request_of(
            targets, input_list, exclude, ports, service_version, skip_discovery, timing, ipv6, scripts, scan_type,
            deadline, None if permitted is None else permitted.scope,
        )  # fmt: skip
        return nmap_scan.scan_with_nmap(request, journal, as_json, xml)
    port = nmap_scan.single_port(ports) if find is None else searching.main_port(find, ports)

    def planned(one: TypedTarget) -> tuple[HostPlan, tuple[Target, ...]]:
        return given.planned(one, Intent.SERVE, port, server_name, pop3_port, proxy_protocol, domain)

    typed = given.typed_targets(targets, input_list, exclude, max_targets, randomize_hosts)
    plans = [planned(one) for one in typed] if find is None else []
    aims, notes = merge_targets(target for _host, wanted in plans for target in wanted)
    if not typed:
        stop(Exit.USAGE, "no targets: give some, or a file of them with -iL")
    single = len({name for aim in aims for name in aim.hosts}) == 1
    depth = depth or (FULL if single and not lines else SESSION)
    logins = logging_in.logins_given(credentials, ca_file, allow_dele, auth_unverified, os.environ)
    if find is None:
        aims, notes = logging_in.owed(logins, aims, notes)
    try:
        questions = questions_of(profile, "", depth)
        anchors = load_anchors(ca_file)
    except RequestError as error:
        stop(Exit.USAGE, str(error))
    dns_plan = given.dns_of(dns, domain, resolver, trust_ad, "undeclared", resolve_timeout)
    paced = given.pace_of(pace)
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
            depth=depth,
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
    search = None
    if find is not None:
        words = given.typed_words(targets, input_list)
        search = searching.Search(find, typed, words, exclude or (), ports, pop3_port, options)
    if journal == STANDARD_OUTPUT:
        journal, as_json = None, True
    try:
        writer = JournalWriter(str(journal)) if journal is not None else None
    except OSError as error:
        stop(Exit.USAGE, f"{journal} can't be written ({error.strerror}): choose another -oJ file")
    if xml is not None:
        nmap_scan.require_writable(xml)
    in_xml = XmlWriter(" ".join(["port995", *sys.argv[1:]])) if xml is not None else None
    found: Found | None = None
    if search is not None:
        found = search.run(Intent.SERVE, planned)
        every, notes = logging_in.owed(logins, found.targets, found.notes)
        plans = [(host, ()) for host in found.plan]
        aims = found.to_look_at(every)
        options = dataclasses.replace(options, deadline=search.left(deadline))
    for note in notes:
        print(f"port995: {visible(note)}", file=sys.stderr)
    paged = single and not lines and not as_json and depth != PORT
    unseen = 0
    lookups: list[Lookup] = []
    seen_so_far: list[Observation] = []
    found_open: dict[tuple[str, int], Observation] = {}

    def tell(seen: Observation) -> None:
        nonlocal unseen
        if writer is not None:
            writer.append(seen)
        if in_xml is not None:
            in_xml.add(seen)
        if seen.told_by and seen.address is not None:
            found_open[seen.address, seen.port] = seen
            return
        unseen += not was_observed(seen)
        told = found_open.get((seen.address or "", seen.port))
        if told is not None and not agree(told, seen):
            unseen += 1
            print(f"port995: {visible(disagreement(told, seen))}", file=sys.stderr)
        if paged:
            seen_so_far.append(seen)
        else:
            say(json.dumps(observation_to_json(seen), sort_keys=True) if as_json else line_of(seen))
        step(seen)

    def tell_lookup(lookup: Lookup) -> None:
        lookups.append(lookup)
        if not paged:
            say(as_line(lookup) if as_json else line_of_lookup(lookup))

    run_id = uuid.uuid4().hex
    expected = len(aims) * (2 if pop3_port else 1) * max(1, len(options.source_addresses))
    try:
        with progress(expected) as step, writer or contextlib.nullcontext():
            sink = Sink(tell)
            vantage = local_vantage(tool_version=__version__)
            if found is not None:
                for seen in found.observations(run_id, vantage, every):
                    sink(seen)
            summary = run_scan(
                aims, options, vantage, run_id, sink, handle_signals=True,
                cancelled=search is not None and search.cancelled,
            )  # fmt: skip
            sink.check()
        if dns_plan is not None:
            left = None if deadline is None else deadline - summary.seconds
            look_up_plan(
                dns_plan, [host for host, _wanted in plans], aims, run_id, tell_lookup, seconds=left,
                cancelled=summary.cancelled, handle_signals=True,
            )  # fmt: skip
    except OptionsError as error:
        stop(Exit.USAGE, str(error))
    except OSError as error:
        what = "standard output" if journal is None else f"{journal} or standard output"
        stop(Exit.CANNOT_VOUCH, f"{what} can't be written ({error.strerror or error}): free space and scan again")
    if paged:
        judgement = judge(
            run_id=run_id,
            plan=[dataclasses.replace(plans[0][0], name=aims[0].hosts[0])],
            targets=aims,
            observations=seen_so_far,
            profile=load_profile(profile),
            anchors=anchors,
            at=datetime.datetime.now(datetime.UTC),
            dns=None if dns_plan is None else DnsSeen(dns_plan, tuple(lookups)),
        )
        for line in page(aims[0].hosts[0], judgement, seen_so_far, _clients(seen_so_far)):
            say(line)
        if lookups:
            say("\n".join(["DNS", *(f"  {line_of_lookup(lookup)}" for lookup in lookups), ""]))
    ended_early = summary.cancelled or summary.deadline_reached or summary.window_ended
    if xml is not None and in_xml is not None:
        nmap_scan.write_xml(xml, in_xml.document(complete=not ended_early))
    print(
        f"port995: {summary.observations} observations, {unseen} of them not made to the end, {summary.connections}"
        f" connections, {summary.seconds:.1f} s",
        file=sys.stderr,
    )
    if permitted is not None:
        told = f"scope {permitted.scope.ticket} {permitted.scope.file} sha256:{permitted.scope.sha256}; {NOT_ASV}"
        print(f"port995: {visible(told, 400)}", file=sys.stderr)
    unsaid = sum(not lookup.definite for lookup in lookups)
    if dns_plan is not None:
        print(f"port995: {len(lookups)} DNS lookups, {unsaid} of them without an answer", file=sys.stderr)
    return int(Exit.INCOMPLETE if unseen or unsaid or ended_early else Exit.PASSED)


def agree(told: Observation, seen: Observation) -> bool:
    """Whether what found a port and what looked at it say the same of its state, as far as both say one."""
    states = [one.tcp.state for one in (told, seen) if one.tcp is not None and one.tcp.state != "unknown"]
    return len(set(states)) < 2


def disagreement(told: Observation, seen: Observation) -> str:
    """Two words on a port that do not agree, in a sentence."""
    words = [f"{one.tcp.state} ({one.tcp.reason})" if one.tcp is not None else "not seen" for one in (told, seen)]
    return f"{_where(seen)}: {who(told)} found it {words[0]}, and afterwards it was {words[1]}: look again"


def _clients(observations: Sequence[Observation]) -> list[str]:
    """What mail clients would get on the TLS port, modelled; nothing where no hello told of it."""
    asked = next((seen for seen in observations if seen.service == "pop3s" and seen.hellos), None)
    return clients_text([model(client, asked) for client in clients()]) if asked is not None else []


def was_observed(seen: Observation) -> bool:
    """Whether the port's state was seen, and of an open one all that was asked about: silence later on is not seen."""
    if seen.not_tested is not None or seen.tcp is None or seen.tcp.state == "unknown":
        return False
    if seen.hellos_ended and not seen.hellos_ended.startswith((NO_TLS_HERE, PORT_NOT_OPEN)):
        return False
    parts = (seen.clear, seen.tls, seen.pop3, seen.extras)
    if any(part is not None and part.outcome == "timeout" for part in parts):
        return False
    owed = seen.target.login is not None and seen.service == "pop3s" and seen.tcp.state == "open"
    return not owed or any(login.outcome not in NO_LOGIN for login in seen.logins)


def line_of(seen: Observation) -> str:
    """An observation in one line; text from the host is escaped."""
    words = [_where(seen), seen.service]
    if seen.addresses:
        words[0] = f"{visible(seen.target.address.partition(' [')[0])}: {count_of(seen.addresses)} addresses"
    if seen.source:
        words.append(f"from {seen.source}")
    if seen.tcp is not None:
        words.append(f"{seen.tcp.state} ({seen.tcp.reason})")
    elif seen.not_tested is None:
        words.append(f"name {seen.resolution.outcome}: {visible(seen.resolution.detail, 120)}")
    if seen.not_tested is not None:
        words.append(f"NOT TESTED: {seen.not_tested} {visible(seen.detail, 120)}".rstrip())
    if seen.plaintext is not None:
        words.append(f"not TLS: {visible(seen.plaintext, 80)!r}")
    words += _dialogue("clear text", seen.clear)
    if seen.hellos:
        taken = sum(answered(hello) for hello in seen.hellos)
        ended = f" ({visible(seen.hellos_ended, 120)})" if seen.hellos_ended else ""
        words.append(f"{len(seen.hellos)} hellos, {taken} answered{ended}")
    if seen.tls is not None:
        tls = seen.tls
        told = f"{tls.version} {tls.cipher_suite} chain of {len(tls.certificates)}"
        words.append(told if tls.outcome == "completed" else f"TLS {tls.outcome} {visible(tls.detail, 120)}".rstrip())
    words += _dialogue("POP3", seen.pop3)
    if seen.extras is not None and seen.extras.ntlm is not None and seen.extras.ntlm.host is not None:
        host = dataclasses.asdict(seen.extras.ntlm.host)
        words.append("NTLM " + ",".join(f"{name}={visible(text, 60)}" for name, text in host.items() if text))
    words += [f"login {login.mechanism} {login.outcome} {visible(login.detail, 80)}".rstrip() for login in seen.logins]
    if seen.logins_ended:
        words.append(f"no login: {seen.logins_ended}")
    return "  ".join(words)


def line_of_lookup(lookup: Lookup) -> str:
    """A lookup in one line."""
    words = [visible(lookup.name, 260), f"DNS {lookup.type}", lookup.outcome]
    words += [f"{one.priority} {one.weight} {one.port} {visible(one.target, 260)}" for one in lookup.srv]
    words += [*map(str, lookup.tlsa), *lookup.addresses]
    if lookup.aliases:
        words.append(f"alias of {visible(lookup.aliases[-1], 260)}")
    if lookup.detail:
        words.append(visible(lookup.detail, 240))
    if lookup.resolver:
        words.append(f"{'AD set' if lookup.authenticated else 'no AD'} by {lookup.resolver}")
    return "  ".join(words)


def _where(seen: Observation) -> str:
    address = seen.address or seen.target.address
    where = f"[{address}]:{seen.port}" if ":" in address else f"{address}:{seen.port}"
    return visible(f"{where}/{seen.target.address}" if address != seen.target.address else where)


def _dialogue(name: str, dialogue: Pop3Dialogue | None) -> list[str]:
    if dialogue is None:
        return []
    words = [name]
    if dialogue.greeting is not None:
        words.append(f"'{visible(dialogue.greeting, 80)}'")
    if dialogue.capa_status == "listed":
        words.append("CAPA " + ",".join(visible(one.name, 40) for one in dialogue.capabilities[:40]))
    elif dialogue.capa_status != "not-asked":
        words.append(f"CAPA {dialogue.capa_status}")
    if dialogue.outcome not in ("completed", "not-tested"):
        words.append(f"{dialogue.outcome} in {dialogue.ended_in}")
    return [" ".join(words)]
