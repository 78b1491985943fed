# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nmap says of a port as an `Observation`, and no more than it says.

Three of its scripts are understood, each for what it saw and never for what it did not see: ``ssl-enum-ciphers`` misses
suites behind one that makes a server hang up, so a suite it lists was taken and one that it does not list is open;
``pop3-capabilities`` ends at the first line that begins with a dot, so its list is incomplete; ``ssl-cert`` shows a
leaf, of a session that nobody else saw, so it stands under a session that was not tested.
Python 3.9, standard library only.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Dict, List, Optional, Sequence, Tuple

from ..probe.model import (
    OBSERVATION_SCHEMA,
    Capability,
    Hello,
    Observation,
    Pop3Dialogue,
    Resolution,
    Target,
    TcpConnect,
    TlsSession,
    Vantage,
)
from ..probe.tls.cipher_suites import BY_NUMBER
from .model import FILTERED, UNKNOWN, NmapHost, NmapPort, NmapRun, ScriptOutput, project_state

VERSIONS: Dict[str, int] = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
NMAP = "nmap"
"""`Observation.told_by`."""
ENUM, CERTIFICATE, CAPABILITIES = "ssl-enum-ciphers", "ssl-cert", "pop3-capabilities"
MAX_SUITES = 1000
MAX_CERTIFICATE = 64 * 1024
_NUMBER_OF: Dict[str, int] = {suite.name: number for number, suite in BY_NUMBER.items()}


def observe(
    run: NmapRun,
    host: NmapHost,
    target: Target,
    service: str,
    *,
    vantage: Vantage,
    run_id: str,
    local_fault: str = "",
) -> Observation:
    """One service of one host.

    :param service: ``pop3s`` (``target.port``) or ``pop3`` (``target.pop3_port``)
    :param local_fault: what went wrong on this machine while Nmap sent (`local_fault_of`); silence is no state then
    """
    number = target.port if service == "pop3s" else target.pop3_port or 110
    port = host.port(number, run.tcp_ports)
    tcp = tcp_of(host, port, local_fault)
    is_open = port is not None and tcp.state == "open"
    scripts = {one.id: one for one in port.scripts} if port is not None and is_open else {}
    hellos = hellos_of(scripts.get(ENUM), port) if service == "pop3s" else ()
    dialogue = dialogue_of(scripts.get(CAPABILITIES))
    named = bool(host.names)
    return Observation(
        schema=OBSERVATION_SCHEMA,
        run_id=run_id,
        target=target,
        service=service,
        port=number,
        vantage=vantage,
        source=None,
        started=moment(host.started if host.started is not None else run.started),
        ended=moment(host.ended if host.ended is not None else host.started or run.started),
        resolution=Resolution("resolved" if named else "numeric", (host.address,)),
        address=host.address,
        family=host.family,
        tcp=tcp,
        tls=session_of(scripts.get(CERTIFICATE)) if service == "pop3s" and is_open else None,
        pop3=dialogue if service == "pop3s" else None,
        clear=dialogue if service == "pop3" else None,
        hellos=hellos,
        hellos_ended="nmap's ssl-enum-ciphers was run: what it does not list is open" if hellos else "",
        told_by=NMAP,
    )


def not_told(
    target: Target, service: str, *, vantage: Vantage, run_id: str, at: Optional[int], outcome: str, detail: str
) -> Observation:
    """A service of a target that Nmap did not tell of.

    :param outcome: of the resolution: ``not-found``, or ``not-tested``
    """
    return Observation(
        schema=OBSERVATION_SCHEMA,
        run_id=run_id,
        target=target,
        service=service,
        port=target.port if service == "pop3s" else target.pop3_port or 110,
        vantage=vantage,
        source=None,
        started=moment(at),
        ended=moment(at),
        resolution=Resolution(outcome, (), detail),
        tcp=None if outcome == "not-found" else TcpConnect(UNKNOWN, "not-told"),
        told_by=NMAP,
    )


def tcp_of(host: NmapHost, port: Optional[NmapPort], local_fault: str = "") -> TcpConnect:
    """The port's state in the project's words."""
    if host.state == "down":
        return TcpConnect(UNKNOWN, "host-down")
    if port is None:
        return TcpConnect(UNKNOWN, "host-timeout" if host.timed_out else "not-told")
    state = project_state(port.state)
    if state == UNKNOWN:
        return TcpConnect(UNKNOWN, "nmap-" + re.sub(r"[^a-z]+", "-", port.state)[:40])
    if state == FILTERED and local_fault:
        return TcpConnect(UNKNOWN, local_fault)
    return TcpConnect(state, ascii(port.reason)[1:-1][:40] or "no-reason")


def local_fault_of(errors: str) -> str:
    """What Nmap's standard error says went wrong on this machine; empty: nothing. A packet that never left is no
    silence of the other one."""
    if re.search(r"Operation not permitted|Permission denied", errors):
        return "permission-denied"
    if re.search(r"Network is unreachable|No route to host|failed to determine route", errors, re.IGNORECASE):
        return "no-route"
    if re.search(r"Too many open files", errors):
        return "too-many-files"
    return ""


def hellos_of(script: Optional[ScriptOutput], port: Optional[NmapPort]) -> Tuple[Hello, ...]:
    """Each suite that ``ssl-enum-ciphers`` says was taken, as an answered offer of it alone."""
    if script is None or port is None:
        return ()
    found: List[Hello] = []
    for name, version in VERSIONS.items():
        names = script.values("%s/ciphers//name" % name)
        exchanges = script.values("%s/ciphers//kex_info" % name)
        for position, suite in enumerate(names[:MAX_SUITES]):
            number = suite_number(suite)
            if number is not None:
                exchange = exchanges[position] if len(exchanges) == len(names) else ""
                found.append(_hello(version, number, exchange))
    return tuple(found)


def suite_number(name: str) -> Optional[int]:
    """IANA's number of a suite; Nmap writes some of TLS 1.3 with a key exchange of its own making."""
    plain = name.replace("TLS_AKE_WITH_", "TLS_")
    return _NUMBER_OF.get(plain, _NUMBER_OF.get(name))


def _hello(version: int, suite: int, exchange: str) -> Hello:
    bits = re.match(r"dh ([0-9]{2,5})\Z", exchange)
    return Hello(
        question="nmap/" + ENUM,
        purpose="told by nmap's " + ENUM,
        version=version,
        suites="%04x" % suite,
        groups="",
        signatures="",
        key_share="none",
        server_name=None,
        extensions=(),
        octets=0,
        outcome="server-hello",
        detail="told by nmap, not seen by this probe",
        answered_version=version,
        suite=suite,
        dh_bits=int(bits.group(1)) if bits else None,
        complete=True,
    )


def session_of(script: Optional[ScriptOutput]) -> Optional[TlsSession]:
    """What ``ssl-cert`` shows, under a session that was not tested; ``None``: it shows nothing."""
    leaf = _leaf("".join(script.values("pem")[:1])) if script is not None else None
    if leaf is None:
        return None
    told = "nmap's ssl-cert shows a leaf, and no session"
    return TlsSession("not-tested", told, certificates=(leaf,), chain_source="leaf-only")


def _leaf(pem: str) -> Optional[str]:
    match = re.match(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*\Z", pem)
    if match is None or len(pem) > MAX_CERTIFICATE:
        return None
    try:
        der = base64.b64decode("".join(match.group(1).split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(der).decode("ascii")


def dialogue_of(script: Optional[ScriptOutput]) -> Optional[Pop3Dialogue]:
    """What ``pop3-capabilities`` lists; never complete."""
    if script is None:
        return None
    words = re.findall(r"([A-Za-z0-9-]{1,40})(?:\(([^()]{0,400})\))?(?=\s|\Z)", script.output[:4000])
    listed = tuple(Capability(name.upper(), tuple(arguments.split())) for name, arguments in words)
    return Pop3Dialogue("not-tested", capa_status="incomplete", capabilities=listed)


def names_in_arguments(arguments: str) -> List[str]:
    """Single names and addresses among the words of Nmap's command line that look like targets: those that it could
    not resolve stand nowhere else in its XML."""
    words = arguments.split()[1:]
    found = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _WITH_VALUE or (word.startswith("--") and "=" not in word and word not in _ALONE)
        elif re.match(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\Z", word) and _looks_single(word):
            found.append(word)
    return found


def unaccounted(run: NmapRun, told: Sequence[str]) -> List[str]:
    """Targets of the command line that no host stands for.

    :param told: names and addresses of the hosts that were read
    """
    known = {word.lower().rstrip(".") for word in told}
    return [word for word in names_in_arguments(run.arguments) if word.lower().rstrip(".") not in known]


_WITH_VALUE = frozenset("-p -oX -oN -oG -oA -oS -iL -iR -e -S -D -g -M -b -sI -T -m -i -o".split())
_ALONE = frozenset(
    "--open --reason --privileged --unprivileged --version-all --version-light --traceroute --packet-trace --send-eth"
    " --send-ip --system-dns --no-stylesheet --webxml --append-output --iflist --osscan-limit --osscan-guess --fuzzy"
    " --allports --badsum --noninteractive --resolve-all --unique --disable-arp-ping --discovery-ignore-rst"
    " --defeat-rst-ratelimit --defeat-icmp-ratelimit --version-trace --script-trace --script-updatedb --log-errors"
    " --nogcc --adler32".split()
)


def _looks_single(word: str) -> bool:
    """One address or name; a range or list of octets is none."""
    return bool(re.match(r"[0-9]{1,3}(\.[0-9]{1,3}){3}\Z", word)) or not re.match(r"[0-9.,*-]+\Z", word)


def moment(seconds: Optional[int]) -> str:
    """UTC, RFC 3339 with milliseconds; a time that is not known is the beginning of 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(min(max(seconds or 0, 0), 253402300799)))
