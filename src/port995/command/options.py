# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that ``scan`` and ``audit`` share, and the scan options they make."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..dns.model import DnsPlan
from ..dns.resolvers import ResolverError, plan_of
from ..evidence.given_files import GivenScope, load_scope, read_file
from ..evidence.own_files import read_own, using
from ..evidence.protected_policy import PolicySource
from ..nmap.target_syntax import MAX_FILE_OCTETS, MAX_TARGETS, TargetSpace, TargetSyntaxError, TypedTarget, read_list
from ..policy.gate import GateRules
from ..policy.intents import Intents, read_intents
from ..policy.inventory import plan_host
from ..policy.model import Exit, HostPlan, Intent, Severity
from ..policy.own_checks import OwnFile
from ..policy.profile_rules import ProfileError
from ..policy.scope_file import ScopeError
from ..policy.strict_yaml import YamlError
from ..probe.model import Target
from ..probe.options import OptionsError, ScanOptions
from ..report.escape import visible
from ..report.formats import ALL, FormatError, all_formats, formats_of
from ..report.junit_flavours import Flavour
from ..report.told import Format
from .ending import stop

TARGETS, PORTS, LOOKING, DNS, MANNERS, TIMES = "Targets", "Ports", "How to look", "DNS", "Manners", "Deadlines"
LOGINS = "Logins"

Targets = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="[TARGET]...",
        help="Name, address, range or network as Nmap takes it: mail.example.org, 192.0.2.0/28, [2001:db8::1]:995",
    ),
]
InputList = Annotated[
    Optional[Path], typer.Option("-iL", "--input-list", help="File with targets.", rich_help_panel=TARGETS)
]
Exclude = Annotated[
    Optional[list[str]],
    typer.Option(
        "--exclude", help="Leave this target, or host of the inventory, out; repeatable.", rich_help_panel=TARGETS
    ),
]
MaxTargets = Annotated[
    int,
    typer.Option(
        "--max-targets", min=1, help="Refuse targets that are more addresses than this.", rich_help_panel=TARGETS
    ),
]
RandomizeHosts = Annotated[
    bool,
    typer.Option("--randomize-hosts", help="Look at targets in a random order, not as typed.", rich_help_panel=TARGETS),
]
Port = Annotated[
    int, typer.Option("-p", "--port", min=1, max=65535, help="TLS port of targets without one.", rich_help_panel=PORTS)
]
Pop3Port = Annotated[
    int,
    typer.Option(
        "--pop3-port", min=0, max=65535, help="Clear-text POP3 port beside it; 0: do not look.", rich_help_panel=PORTS
    ),
]
ServerName = Annotated[
    Optional[str],
    typer.Option(
        "--server-name", help="Name to send as SNI and expect in the certificate.", rich_help_panel=LOOKING
    ),
]
ProxyProtocol = Annotated[
    Optional[str],
    typer.Option("--proxy-protocol", metavar="v1|v2", help="Send this PROXY header first.", rich_help_panel=LOOKING),
]
Families = Annotated[
    str,
    typer.Option(
        "--families",
        metavar="auto|4|6|both",
        help="Address families: all there are, one, or both required.",
        rich_help_panel=LOOKING,
    ),
]
Source = Annotated[
    Optional[list[str]],
    typer.Option(
        "--source", help="Own address to probe from; a second one proves a port closed.", rich_help_panel=LOOKING
    ),
]
Depth = Annotated[
    str,
    typer.Option(
        "--depth",
        metavar="port|session|gate|full|deep",
        help="Port state only; one session; all that the profile wants refused, and a session; all that the server"
        " takes; rare things too.",
        rich_help_panel=LOOKING,
    ),
]
Dns = Annotated[
    bool,
    typer.Option("--dns", help="Ask the DNS for SRV and TLSA records too (needs dnspython).", rich_help_panel=DNS),
]
Domain = Annotated[
    Optional[list[str]],
    typer.Option("--domain", help="Mail domain that the targets serve; repeatable.", rich_help_panel=DNS),
]
Resolver = Annotated[
    Optional[str],
    typer.Option(
        "--resolver", metavar="ADDRESS[:PORT]", help="Resolver to ask; else the machine's.", rich_help_panel=DNS
    ),
]
TrustAd = Annotated[
    bool,
    typer.Option(
        "--trust-ad",
        help="Nobody can change that resolver's answers on their way: believe it what DNSSEC proved. One on this"
        " machine is believed anyway.",
        rich_help_panel=DNS,
    ),
]
HelloBudget = Annotated[
    Optional[int],
    typer.Option(
        "--hello-budget",
        min=1,
        help="Hellos for one service at the most; by depth 80, 250, 400 where it is not given.",
        rich_help_panel=MANNERS,
    ),
]
PerAddress = Annotated[
    int, typer.Option("--per-address", min=1, help="Connections to one address at a time.", rich_help_panel=MANNERS)
]
Pace = Annotated[
    Optional[str],
    typer.Option(
        "--pace",
        metavar="N/SECONDS",
        help="Connections to one address within so many seconds; 3/600 passes fail2ban's aggressive filter.",
        rich_help_panel=MANNERS,
    ),
]
CanaryHost = Annotated[
    Optional[str],
    typer.Option(
        "--canary-host",
        metavar="HOST[:PORT]",
        help="Server known to speak old versions: shows that the network lets their hellos pass.",
        rich_help_panel=LOOKING,
    ),
]
Rate = Annotated[
    Optional[float], typer.Option("--rate", help="Connections per second of the run.", rich_help_panel=MANNERS)
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, help="Endpoints in flight.", rich_help_panel=LOOKING)
]
Deadline = Annotated[
    Optional[float],
    typer.Option("--deadline", help="Seconds for the whole run; the rest is not tested.", rich_help_panel=TIMES),
]
ResolveTimeout = Annotated[float, typer.Option("--resolve-timeout", help="Seconds for a name.", rich_help_panel=TIMES)]
ConnectTimeout = Annotated[
    float, typer.Option("--connect-timeout", help="Seconds for a TCP connect.", rich_help_panel=TIMES)
]
TlsTimeout = Annotated[float, typer.Option("--tls-timeout", help="Seconds for a handshake.", rich_help_panel=TIMES)]
Pop3Timeout = Annotated[float, typer.Option("--pop3-timeout", help="Seconds for a dialogue.", rich_help_panel=TIMES)]
EndpointTimeout = Annotated[
    float, typer.Option("--endpoint-timeout", help="Seconds for one service of an endpoint.", rich_help_panel=TIMES)
]

Credentials = Annotated[
    Optional[Path],
    typer.Option(
        "--credentials",
        metavar="FILE",
        help="Log in: YAML with user and password, or hosts with theirs, mode 0600; or PORT995_USER and"
        " PORT995_PASSWORD. Sent inside verified TLS only: USER and PASS, then AUTH PLAIN and APOP where offered; then"
        " STAT, LIST, UIDL, TOP, RETR of the smallest message (may mark it as read), CAPA, QUIT. One attempt.",
        rich_help_panel=LOGINS,
    ),
]
AllowDele = Annotated[
    bool,
    typer.Option(
        "--allow-dele",
        help="Send DELE of one message too, and RSET; QUIT only when STAT is as before.",
        rich_help_panel=LOGINS,
    ),
]
AuthUnverified = Annotated[
    bool,
    typer.Option(
        "--auth-unverified",
        help="Send the password to servers whose certificate is not verified: whoever answers gets it.",
        rich_help_panel=LOGINS,
    ),
]

Scope = Annotated[
    Optional[Path],
    typer.Option(
        "--scope",
        metavar="FILE",
        help="YAML: networks, times, own addresses that are permitted, what is never touched, ticket. Nothing else is"
        " connected to.",
        rich_help_panel=MANNERS,
    ),
]
Population = Annotated[
    Optional[Path],
    typer.Option(
        "--population",
        metavar="FILE",
        help="Hosts that there are, CSV (columns address, host, name) or Nmap's XML: those that the targets or the"
        " inventory lack are told.",
        rich_help_panel="Judging",
    ),
]

DEFAULTS = ScanOptions()

PolicyRef = Annotated[
    str,
    typer.Option(
        "--policy-ref",
        metavar="GITREF",
        help="Read files of policy from this commit; what differs here is told, and does not count.",
        rich_help_panel="Policy",
    ),
]
RequireProfile = Annotated[
    str,
    typer.Option(
        "--require-profile-sha256",
        metavar="HEX",
        help="Refuse any other profile; `port995 profiles NAME` prints it.",
        rich_help_panel="Policy",
    ),
]
JUDGING = "Judging"
Waivers = Annotated[
    Optional[Path],
    typer.Option("--waivers", help="Accepted fails (YAML): reason, approver, end.", rich_help_panel=JUDGING),
]
ChecksPath = Annotated[
    Optional[list[Path]],
    typer.Option(
        "--checks-path", help="Checks of your own: a Python file, or a folder of them; repeatable. They are run.",
        rich_help_panel="Judging",
    ),
]  # fmt: skip
Attestations = Annotated[
    Optional[Path],
    typer.Option(
        "--attestations", help="What people have to look at, and who did (YAML).", rich_help_panel="Judging"
    ),
]  # fmt: skip
WaiverSigners = Annotated[
    Optional[Path],
    typer.Option(
        "--waiver-signers", help="Who may sign waivers (OpenSSH); FILE.sig is then required.", rich_help_panel=JUDGING
    ),
]
Baseline = Annotated[
    Optional[Path],
    typer.Option(
        "--baseline", help="Known fails, by `port995 baseline`: only others fail the gate.", rich_help_panel=JUDGING
    ),
]
FailOn = Annotated[
    Severity, typer.Option("--fail-on", help="Lightest severity that fails the gate.", rich_help_panel=JUDGING)
]
GateChecks = Annotated[
    str, typer.Option("--gate-checks", help="Only fails of these checks fail the gate.", rich_help_panel=JUDGING)
]
MinCoverage = Annotated[
    float,
    typer.Option("--min-coverage", metavar="PERCENT", help="Hosts that must be assessed.", rich_help_panel=JUDGING),
]
MaxWaived = Annotated[
    Optional[int], typer.Option("--max-waived", help="Most waived results.", rich_help_panel=JUDGING)
]
MaxAge = Annotated[
    Optional[float],
    typer.Option("--max-age", metavar="HOURS", help="Oldest evidence that counts.", rich_help_panel=JUDGING),
]

Formats = Annotated[
    Optional[list[str]],
    typer.Option(
        "--format",
        metavar="NAME",
        help=f"Beside JSON and JUnit: {', '.join(all_formats())}, {ALL}; repeatable.",
        rich_help_panel="Reports",
    ),
]


JunitFlavour = Annotated[
    Flavour, typer.Option("--junit-flavour", help="Who is to read the JUnit files.", rich_help_panel="Reports")
]


def chosen_formats(names: list[str] | None) -> tuple[Format, ...]:
    """The formats; ends with exit code 2 where there is none of a name."""
    try:
        return formats_of(names or ())
    except FormatError as error:
        stop(Exit.USAGE, str(error))


def rules_of(
    fail_on: Severity, checks: str, min_coverage: float, max_waived: int | None, max_age: float | None
) -> GateRules:
    """What the gate stops at; ends with exit code 2 where a value makes no sense."""
    if max_age is not None and not 0 < max_age < float("inf"):
        stop(Exit.USAGE, f"--max-age is {max_age:g}, a number of hours above 0 is expected")
    rules = GateRules(fail_on, checks, min_coverage, max_waived, None if max_age is None else max_age * 3600)
    try:
        rules.check()
    except ValueError as error:
        stop(Exit.USAGE, str(error))
    return rules


def own_checks(
    context: typer.Context, paths: list[Path] | None, policy: PolicySource | None = None
) -> tuple[OwnFile, ...]:
    """Read and load checks of the user's own, for as long as the command runs; ends with exit code 2 where a file can't
    be read. What is wrong in one is told here, and is an error of the run."""
    try:
        files = read_own(paths or (), policy)
    except (YamlError, ProfileError) as error:
        stop(Exit.USAGE, str(error))
    for problem in context.with_resource(using(files)).problems:
        print(f"port995: {visible(problem, 400)}", file=sys.stderr)
    return files


def typed_targets(
    targets: list[str] | None,
    input_list: Path | None,
    exclude: list[str] | None,
    max_targets: int = MAX_TARGETS,
    randomize: bool = False,
) -> list[TypedTarget]:
    """The targets as typed, expanded; ends with exit code 2 for one that can't be used."""
    words = typed_words(targets, input_list)
    try:
        space = TargetSpace(words, exclude or [], max_targets, first_ipv4)
        return list(space.randomized(os.urandom(16)) if randomize else space)
    except TargetSyntaxError as error:
        hint = f" (--max-targets {max_targets})" if "a higher limit" in str(error) else ""
        stop(Exit.USAGE, f"{error}{hint}")


def typed_words(targets: list[str] | None, input_list: Path | None) -> list[str]:
    """The targets as typed, those of a file behind them; ends with exit code 2 where that can't be read."""
    words = list(targets or [])
    try:
        if input_list is not None:
            with input_list.open(encoding="utf-8", errors="replace") as lines:
                words += read_list(lines.read(MAX_FILE_OCTETS + 1), str(input_list))
    except OSError as error:
        stop(Exit.USAGE, f"{input_list} can't be read ({error.strerror}): check its path and mode")
    except TargetSyntaxError as error:
        stop(Exit.USAGE, str(error))
    return words


def first_ipv4(name: str) -> str | None:
    """The first IPv4 address of a name, whose network is meant by ``name/24``; None: there is none, or no answer."""
    try:
        return str(socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError, IndexError):
        return None


def planned(
    typed: TypedTarget,
    intent: Intent | None,
    port: int,
    server_name: str | None,
    pop3_port: int,
    proxy_protocol: str | None,
    domains: list[str] | None = None,
) -> tuple[HostPlan, tuple[Target, ...]]:
    """A typed target with the options that hold for all, read as an inventory host with these variables would be; ends
    with exit code 2 where they can't be used."""
    variables = {
        "pop3s_intent": None if intent is None else intent.value, "pop3s_address": typed.address,
        "pop3s_port": typed.port or port,
        "pop3s_server_name": server_name, "pop3_port": pop3_port, "pop3s_proxy_protocol": proxy_protocol,
        "pop3s_domain": domains,
    }  # fmt: skip
    host, targets = plan_host(typed.name, variables)
    if not targets or host.problems:
        stop(Exit.USAGE, "; ".join(host.problems))
    return host, targets


def intents_of(path: Path | None) -> Intents | None:
    """The file of intents; ends with exit code 2 where it can't be used."""
    if path is None:
        return None
    try:
        return read_intents(read_file(path), str(path))
    except YamlError as error:
        stop(Exit.USAGE, str(error))


def dns_of(
    dns: bool, domains: list[str] | None, resolver: str | None, trust_ad: bool, side: str, timeout: float
) -> DnsPlan | None:
    """Whom to ask about DNS records; ends with exit code 2 where that can't be used, or would be ignored."""
    if not dns:
        if domains or resolver is not None or trust_ad:
            stop(Exit.USAGE, "--domain, --resolver and --trust-ad are for --dns: give that too")
        return None
    try:
        return plan_of(resolver, trust_ad=trust_ad, side=side, timeout=timeout)
    except ResolverError as error:
        stop(Exit.USAGE, f"{error} (--resolver)")


def pace_of(text: str | None) -> tuple[int | None, float]:
    """``N/SECONDS`` as connections and seconds; ends with exit code 2 for anything else."""
    if text is None:
        return None, DEFAULTS.address_seconds
    count, _, seconds = text.partition("/")
    try:
        return int(count), float(seconds)
    except ValueError:
        stop(Exit.USAGE, f"--pace is {text!a}, expected connections/seconds, for example 3/600")


def canary_of(text: str | None) -> Target | None:
    """The canary host; ends with exit code 2 where it is no single target."""
    if text is None:
        return None
    found = typed_targets([text], None, None)
    if len(found) != 1:
        stop(Exit.USAGE, f"--canary-host is {text!a}, expected one host")
    return Target((found[0].name,), found[0].address, found[0].port or 995, None, None)


def scope_of(path: Path | None) -> GivenScope | None:
    """The scope file; ends with exit code 2 where it can't be used, or lets nothing be touched now."""
    if path is None:
        return None
    try:
        return load_scope(path)
    except ScopeError as error:
        stop(Exit.USAGE, str(error))


def checked(options: ScanOptions) -> ScanOptions:
    """The options, when they make sense here; ends with exit code 2 when not."""
    try:
        options.check()
    except OptionsError as error:
        stop(Exit.USAGE, str(error))
    return options
