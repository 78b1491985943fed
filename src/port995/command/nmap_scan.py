# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 scan --engine nmap``: Nmap looks, and what it saw is told as this probe tells it."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..evidence.atomic_write import write_atomically
from ..nmap.model import UNKNOWN, NmapHost, NmapPort, NmapRun
from ..nmap.observe import local_fault_of, not_told, observe
from ..nmap.run import NmapError, NmapRequest, NmapRequestError, NmapResult, check_request, is_single, run_nmap
from ..nmap.scope import left_out, why_outside
from ..nmap.target_syntax import MAX_FILE_OCTETS, TargetSyntaxError, read_list
from ..policy.model import Exit
from ..probe.codec import observation_to_json
from ..probe.engine import local_vantage
from ..probe.interruption import interruption
from ..probe.journal import JournalWriter
from ..probe.model import Observation, Target
from ..probe.scope import OUT_OF_SCOPE, Scope
from ..probe.version import __version__
from ..report.escape import visible
from ..report.run_header import NOT_ASV
from .ending import say, stop

NMAP = "Nmap"
ENGINE, NATIVE = "nmap", "native"
FEW = 20
"""Ports of a request up to which each has a line of its own; beyond, those that Nmap tells together share one."""

ServiceVersion = Annotated[
    bool,
    typer.Option("-sV", "--nmap-service-version", help="Ask open ports what they are.", rich_help_panel=NMAP),
]
SkipDiscovery = Annotated[
    bool, typer.Option("-Pn", "--nmap-skip-discovery", help="Scan hosts that answer no ping too.", rich_help_panel=NMAP)
]
Timing = Annotated[
    Optional[int],
    typer.Option("-T", "--nmap-timing", min=0, max=5, help="Nmap's timing template.", rich_help_panel=NMAP),
]
Ipv6 = Annotated[bool, typer.Option("-6", "--nmap-ipv6", help="Scan IPv6.", rich_help_panel=NMAP)]
Scripts = Annotated[
    Optional[list[str]],
    typer.Option(
        "--nmap-script",
        metavar="NAME",
        help="Run this script, or those of a pattern (ssl-*), of the ones that only look; repeatable.",
        rich_help_panel=NMAP,
    ),
]
ScanType = Annotated[
    str,
    typer.Option(
        "--nmap-scan-type",
        metavar="auto|connect|syn",
        help="syn needs raw sockets; auto takes that where it may.",
        rich_help_panel=NMAP,
    ),
]

OF_NMAP = ("service_version", "skip_discovery", "timing", "ipv6", "scripts", "scan_type")
OF_BOTH = (
    "targets", "input_list", "exclude", "ports", "deadline", "journal", "as_json", "xml", "lines", "engine", "scope",
)  # fmt: skip


def refuse_foreign_options(context: typer.Context, engine: str) -> None:
    """An option that would be ignored is refused: its user would believe in it."""
    if engine not in (ENGINE, NATIVE):
        stop(Exit.USAGE, f"--engine is {NATIVE} or {ENGINE}, not {engine!a}")
    for parameter in context.params:
        source = context.get_parameter_source(parameter)
        if source is None or source.name == "DEFAULT" or parameter in OF_BOTH:
            continue
        if (parameter in OF_NMAP) != (engine == ENGINE):
            name = next((one.opts[0] for one in context.command.params if one.name == parameter), parameter)
            other = NATIVE if engine == ENGINE else ENGINE
            stop(Exit.USAGE, f"{name} is for --engine {other}: leave it out, or choose that")


def single_port(ports: str) -> int:
    """The one port of the native engine; ends with exit code 2 for a list."""
    if not (ports.isascii() and ports.isdigit() and len(ports) <= 5 and 1 <= int(ports) <= 65535):
        stop(Exit.USAGE, f"-p is {ports[:80]!a}, expected a number from 1 to 65535; lists need --engine nmap")
    return int(ports)


def request_of(
    targets: list[str] | None,
    input_list: Path | None,
    exclude: list[str] | None,
    ports: str,
    service_version: bool,
    skip_discovery: bool,
    timing: int | None,
    ipv6: bool,
    scripts: list[str] | None,
    scan_type: str,
    deadline: float | None,
    scope: Scope | None = None,
) -> NmapRequest:
    """The request, checked; ends with exit code 2 where Nmap must not see it."""
    words = list(targets or [])
    try:
        if input_list is not None:
            with input_list.open(encoding="utf-8", errors="replace") as lines:
                words += read_list(lines.read(MAX_FILE_OCTETS + 1), str(input_list))
        request = NmapRequest(
            tuple(words), tuple(exclude or ()), ports, service_version, skip_discovery, timing, ipv6,
            tuple(scripts or ()), scan_type, deadline, scope,
        )  # fmt: skip
        check_request(request)
    except OSError as error:
        stop(Exit.USAGE, f"{input_list} can't be read ({error.strerror}): check its path and mode")
    except (TargetSyntaxError, NmapRequestError) as error:
        stop(Exit.USAGE, str(error))
    return request


def scan_with_nmap(request: NmapRequest, journal: Path | None, as_json: bool, xml: Path | None) -> int:
    """Run Nmap and tell.

    :returns: exit code: 0: of every target the state was told; 3: of some it was not
    """
    if xml is not None:
        require_writable(xml)
    hosts: list[NmapHost] = []
    try:
        with interruption() as cancelled:
            result = run_nmap(
                request, lambda _run, host: hosts.append(host), cancelled=cancelled, progress=_progress,
                xml_to=None if xml is None else str(xml),
            )  # fmt: skip
    except NmapRequestError as error:
        stop(Exit.USAGE, str(error))
    except NmapError as error:
        stop(Exit.INCOMPLETE, str(error))
    except OSError as error:
        what = f"{xml} or a temporary file" if xml is not None else "a temporary file"
        stop(Exit.CANNOT_VOUCH, f"{what} can't be written ({error.strerror or error}): free space and scan again")
    unseen = _tell(request, result, hosts, journal, as_json) + _tell_left_out(request, as_json)
    run = result.run
    kind = "raw sockets" if result.scan_type == "syn" else "without raw sockets"
    print(
        f"port995: nmap {visible(run.version, 40)}, {result.scan_type} scan ({kind}), {len(hosts)} hosts told,"
        f" {result.seconds:.1f} s",
        file=sys.stderr,
    )
    if run.problem:
        print(f"port995: INCOMPLETE: {visible(run.problem, 400)}", file=sys.stderr)
    if run.untold_down:
        print(f"port995: {run.untold_down} hosts did not answer, and nmap does not name them", file=sys.stderr)
    whole = run.complete and not unseen and not run.untold_down and hosts
    return int(Exit.PASSED if whole else Exit.INCOMPLETE)


def _tell(request: NmapRequest, result: NmapResult, hosts: list[NmapHost], journal: Path | None, as_json: bool) -> int:
    """Print a line for each port, or an observation.

    :returns: how many of them have no known state
    """
    run_id, vantage = uuid.uuid4().hex, local_vantage("controller", "undeclared", __version__)
    fault = local_fault_of(result.errors)
    if journal == Path("-"):
        journal, as_json = None, True
    unseen = 0
    try:
        with JournalWriter(str(journal)) if journal is not None else contextlib.nullcontext() as writer:

            def tell(seen: Observation, more: str = "") -> None:
                nonlocal unseen
                unseen += seen.tcp is None or seen.tcp.state == UNKNOWN
                if writer is not None:
                    writer.append(seen)
                if as_json:
                    say(json.dumps(observation_to_json(seen), sort_keys=True))
                else:
                    say(line_of(seen) + (f"  {more}" if more else ""))

            for host in hosts:
                for port in ports_of(host, result.run, request.ports):
                    target, service = target_of(host, port.port)
                    seen = observe(result.run, host, target, service, vantage=vantage, run_id=run_id, local_fault=fault)
                    tell(seen, visible(" ".join(filter(None, (port.tunnel, port.service))), 160))
                for line in rest_of(host, request.ports):
                    print(line, file=sys.stderr) if as_json else say(line)
                if host.state == "down" and port_count(request.ports) > FEW:
                    unseen += 1
            for word, outcome, why in (
                *((one, "not-found", "nmap could not resolve it") for one in result.unresolved),
                *((one, "not-tested", "nmap told nothing of it") for one in result.unreported),
            ):
                number = int(request.ports) if request.ports.isdigit() else 995
                target = Target((word,), word.strip("[]"), number, None, None)
                seen = not_told(target, "pop3s", vantage=vantage, run_id=run_id, at=None, outcome=outcome, detail=why)
                outside = "" if request.scope is None or outcome == "not-found" else why_outside(word, request.scope)
                tell(dataclasses.replace(seen, not_tested=OUT_OF_SCOPE, detail=outside, tcp=None) if outside else seen)
    except OSError as error:
        stop(Exit.CANNOT_VOUCH, f"{journal or 'standard output'} can't be written ({error.strerror or error})")
    return unseen


def _tell_left_out(request: NmapRequest, as_json: bool) -> int:
    """Tell of ranges that are out of scope, wholly or in part.

    :returns: how many
    """
    count = 0
    for word in request.targets if request.scope is not None else ():
        if request.scope is None or is_single(word):
            continue
        out, size, why = left_out(word, request.scope)
        if out:
            count += 1
            many = f"{out} of {size} addresses are out of scope"
            if out < 0:
                many = "whatever of it is out of scope was left out"
            line = f"{visible(word, 80)}  NOT TESTED: {many}" + (f" ({visible(why, 200)})" if why else "")
            print(line, file=sys.stderr) if as_json else say(line)
    if request.scope is not None:
        told = f"scope {request.scope.ticket} {request.scope.file} sha256:{request.scope.sha256}; {NOT_ASV}"
        print(f"port995: {visible(told, 400)}", file=sys.stderr)
    return count


def ports_of(host: NmapHost, run: NmapRun, asked: str) -> list[NmapPort]:
    """The ports that have a line of their own: of few that were asked all, else those that Nmap lists."""
    if port_count(asked) <= FEW:
        scanned = run.tcp_ports or asked
        return [host.port(number, scanned) or NmapPort("tcp", number, UNKNOWN, "") for number in numbers_of(asked)]
    return [port for port in host.ports if port.protocol == "tcp"]


def rest_of(host: NmapHost, asked: str) -> list[str]:
    """Ports that Nmap tells together, a line for each state."""
    if port_count(asked) <= FEW:
        return []
    if host.state == "down":
        return [f"{visible(host.address, 60)}: host down ({visible(host.reason, 40)}), the state of no port is known"]
    return [
        f"{visible(host.address, 60)}: {group.count} ports {visible(group.state, 20)}"
        f" ({', '.join(visible(reason, 40) for reason, _count, _listed in group.reasons) or 'no-reason'})"
        for group in host.extra
    ]


def numbers_of(asked: str) -> list[int]:
    """The ports of a short list."""
    found: list[int] = []
    for part in asked.split(","):
        first, dash, last = part.partition("-")
        found += range(int(first), int(last if dash else first) + 1)
    return list(dict.fromkeys(found))


def port_count(asked: str) -> int:
    """How many ports a list has; some may be in it twice."""
    if asked == "-":
        return 65535
    parts = [part.partition("-") for part in asked.split(",")]
    return sum(int(last if dash else first) - int(first) + 1 for first, dash, last in parts)


def target_of(host: NmapHost, port: int) -> tuple[Target, str]:
    """A port of a host as a target of ours, and which service is meant: 110 is clear-text POP3, every other is looked
    at as the TLS port."""
    name = host.names[0] if host.names else host.address
    if port == 110:
        return Target((name,), name, 995, None, 110), "pop3"
    return Target((name,), name, port, None, None), "pop3s"


def line_of(seen: Observation) -> str:
    """The line that ``scan`` has for an observation."""
    from .scan import line_of as line  # Here, since scan imports this file for its options.

    return line(seen)


def require_writable(path: Path) -> None:
    """End with exit code 2 where a file can't be written, before anything is sent.

    An older file of this name is removed: what stands there afterwards is of this scan, and whole, or there is none.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with beside.open("x"):
            pass
        beside.unlink()
        if path.is_file():
            path.unlink()
    except OSError as error:
        stop(Exit.USAGE, f"{path} can't be written ({error.strerror}): choose another -oX file")


def write_xml(path: Path, text: str) -> None:
    """Write the document; ends with exit code 4 where that fails."""
    try:
        write_atomically(path, text.encode("ascii"))
    except OSError as error:
        stop(Exit.CANNOT_VOUCH, f"{path} can't be written ({error.strerror or error}): free space and scan again")


def _progress(percent: float) -> None:
    if sys.stderr.isatty():
        print(f"\rport995: nmap {percent:.0f} % of its task  ", end="", file=sys.stderr, flush=True)
