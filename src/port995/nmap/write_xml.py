# SPDX-License-Identifier: GPL-3.0-or-later
"""Write observations as Nmap XML, for the tools that read it: ndiff, python-nmap, whatever knows Nmap's DTD.

What this probe knows and Nmap has no place for stands in a ``<script>`` named ``port995``, a table for each thing and
for each check. There is one for each port, since the ndiff of Nmap 7.93 can't read two: it sorts them, and they have no
order. Text of hosts is written with everything but printable ASCII escaped, once for XML and, where XML has no way to
write it at all (control characters), as ``\\xNN``, as Nmap does. Python 3.9, standard library only.
"""

from __future__ import annotations

import calendar
import dataclasses
import time
from typing import Dict, List, Optional, Tuple
from xml.sax.saxutils import quoteattr

from ..probe.model import Observation
from ..probe.ranges import count_of, members
from ..probe.version import __version__

SCRIPT = "port995"
OUTPUT_VERSION = "1.05"
MAX_TEXT = 4000
SERVICES = ("pop3s", "pop3")
Items = List[Tuple[str, str]]
Script = Tuple[str, Items]


class XmlWriter:
    """Gathers observations by address, and makes the document of them.

    :param arguments: the command as typed, for the reader
    """

    def __init__(self, arguments: str) -> None:
        self._arguments = arguments
        self._started = int(time.time())
        self._hosts: Dict[str, _Host] = {}
        self._unresolved: List[str] = []
        self._ports: List[int] = []
        self._groups: List[Observation] = []
        self._of_ports: Dict[Tuple[str, int], List[Script]] = {}
        self._of_hosts: Dict[str, List[Script]] = {}
        self._of_all: List[Script] = []

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        if seen.port not in self._ports:
            self._ports.append(seen.port)
        if seen.told_by == "sweep" and seen.address is not None:
            return  # It was looked at afterwards too, and that is told.
        if seen.addresses:
            self._groups.append(seen)
            return
        if seen.address is None:
            if seen.target.address not in self._unresolved:
                self._unresolved.append(seen.target.address)
            return
        self._hosts.setdefault(seen.address, _Host(seen)).add(seen)

    def check(self, name: str, items: Items, address: Optional[str] = None, port: Optional[int] = None) -> None:
        """Take what was judged, as a table of this name.

        :param address: of the host it is about; ``None``: it is about the whole scan
        :param port: of the port it is about; ``None``: about the host
        """
        if address is None:
            self._of_all.append((name, items))
        elif port is None:
            self._of_hosts.setdefault(address, []).append((name, items))
        else:
            self._of_ports.setdefault((address, port), []).append((name, items))

    def document(self, *, complete: bool = True) -> str:
        """The whole document.

        :param complete: whether the scan came to its end; else its readers are told that it did not
        """
        now = int(time.time())
        hosts, silent = self._with_groups()
        up = sum(host.is_up for host in hosts)
        ports = ",".join(map(str, sorted(self._ports)))
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<!DOCTYPE nmaprun>",
            "<nmaprun%s>"
            % _attributes(
                scanner="nmap", args=self._arguments, start=self._started, startstr=_words(self._started),
                version="port995 " + __version__, profile_name="port995", xmloutputversion=OUTPUT_VERSION,
            ),
            "<scaninfo%s/>" % _attributes(type="connect", protocol="tcp", numservices=len(self._ports), services=ports),
            '<verbose level="0"/>',
            '<debugging level="0"/>',
        ]  # fmt: skip
        lines += [
            "<target%s/>" % _attributes(specification=name, status="skipped", reason="invalid")
            for name in self._unresolved
        ]
        for host in hosts:
            lines += host.lines(self._of_ports, self._of_hosts)
        if self._of_all:
            lines.append("<postscript>%s</postscript>" % _script(self._of_all))
        total = len(hosts) + silent
        summary = "port995 done; %d addresses (%d up) looked at in %d seconds" % (total, up, now - self._started)
        ending = {"exit": "success"} if complete else {"exit": "error", "errormsg": "the scan was ended before its end"}
        lines += [
            "<runstats><finished%s/>"
            % _attributes(time=now, timestr=_words(now), summary=summary, elapsed=now - self._started, **ending),
            "<hosts%s/>" % _attributes(up=up, down=total - up, total=total),
            "</runstats>",
            "</nmaprun>",
        ]
        return "\n".join(lines) + "\n"

    def _with_groups(self) -> Tuple[List[_Host], int]:
        """Every host, and how many did not answer and are counted only, as Nmap counts hosts that are down."""
        hosts = dict(self._hosts)
        groups: Dict[str, List[Observation]] = {}
        for seen in self._groups:
            groups.setdefault(seen.target.address, []).append(seen)
        silent = 0
        for group in groups.values():
            if not any(one.tcp is not None and one.tcp.state in ("open", "closed") for one in group):
                silent += max(sum(count_of(o.addresses) for o in group if o.service == kind) for kind in SERVICES)
                continue
            for one in group:
                for address in members(one.addresses):
                    target = dataclasses.replace(one.target, hosts=(address,), address=address)
                    single = dataclasses.replace(one, address=address, addresses=(), target=target)
                    hosts.setdefault(address, _Host(single)).add(single)
        return list(hosts.values()), silent


class _Host:
    """One address, with its ports."""

    def __init__(self, seen: Observation) -> None:
        self._address = seen.address or ""
        self._family = seen.family or (6 if ":" in self._address else 4)
        self._names: List[str] = []
        self._ports: Dict[int, List[str]] = {}
        self._states: Dict[int, str] = {}
        self._facts: Dict[int, List[Script]] = {}
        self._times: List[int] = []

    def add(self, seen: Observation) -> None:
        name = seen.target.address
        if name != self._address and name not in self._names:
            self._names.append(name)
        self._times += [_seconds(seen.started), _seconds(seen.ended)]
        state = seen.tcp.state if seen.tcp is not None else "unknown"
        # The same port seen twice (two sources, two names): one that answered stands before one that did not.
        order = ("open", "closed", "filtered", "unknown")
        known = self._states.get(seen.port)
        if known is None or order.index(state) < order.index(known):
            self._states[seen.port] = state
            self._ports[seen.port] = _port_lines(seen, state)
            self._facts[seen.port] = _facts(seen)

    @property
    def is_up(self) -> bool:
        return any(state in ("open", "closed") for state in self._states.values())

    def lines(
        self, of_ports: Dict[Tuple[str, int], List[Script]], of_hosts: Dict[str, List[Script]]
    ) -> List[str]:
        """Its element, with the scripts that are about it and its ports."""
        about = _script(of_hosts.get(self._address, []))
        status = ("up", "conn-refused" if "open" not in self._states.values() else "syn-ack")
        if not self.is_up:
            status = ("unknown", "no-response")
        names = ["<hostname%s/>" % _attributes(name=name, type="user") for name in self._names]
        return [
            "<host%s>" % _attributes(starttime=min(self._times), endtime=max(self._times)),
            "<status%s/>" % _attributes(state=status[0], reason=status[1], reason_ttl=0),
            "<address%s/>" % _attributes(addr=self._address, addrtype="ipv%d" % self._family),
            "<hostnames>",
            *names,
            "</hostnames>",
            "<ports>",
            *(
                line
                for port in sorted(self._ports)
                for line in (
                    *self._ports[port],
                    _script(self._facts.get(port, []) + of_ports.get((self._address, port), [])),
                    "</port>",
                )
            ),
            "</ports>",
            *(["<hostscript>%s</hostscript>" % about] if about else []),
            "</host>",
        ]


def _port_lines(seen: Observation, state: str) -> List[str]:
    reason = seen.tcp.reason if seen.tcp is not None else seen.not_tested or "no-reason"
    tunnel = {"tunnel": "ssl"} if seen.service == "pop3s" else {}
    # Nmap knows port 995 as pop3s, and calls what it finds inside TLS pop3 with the tunnel ssl.
    probed = any(one is not None and one.greeting_status == "+OK" for one in (seen.pop3, seen.clear))
    method = {"method": "probed", "conf": 10, **tunnel} if probed else {"method": "table", "conf": 3}
    name = "pop3" if probed or seen.service == "pop3" else "pop3s"
    return [
        "<port%s>" % _attributes(protocol="tcp", portid=seen.port),
        "<state%s/>" % _attributes(state=state, reason=reason, reason_ttl=0),
        "<service%s/>" % _attributes(name=name, **method),
    ]


def _facts(seen: Observation) -> List[Script]:
    """The facts that Nmap has no place for."""
    found: List[Script] = []
    if seen.not_tested is not None:
        found.append(("not-tested", [("why", seen.not_tested), ("detail", seen.detail)]))
    tls = seen.tls
    if tls is not None:
        items = [("outcome", tls.outcome), ("detail", tls.detail)]
        items += [("version", tls.version or ""), ("cipher_suite", tls.cipher_suite or "")]
        items += [("certificate", text) for text in tls.certificates]
        found.append(("tls", [item for item in items if item[1]]))
    if seen.hellos:
        items = [
            ("%04x" % (hello.answered_version or hello.version), "%04x" % hello.suite)
            for hello in seen.hellos
            if hello.complete and hello.suite is not None
        ]
        found.append(("suites-taken", list(dict.fromkeys(items))))
    for script, dialogue in (("pop3", seen.pop3), ("pop3-clear", seen.clear)):
        if dialogue is not None:
            items = [("outcome", dialogue.outcome), ("greeting", dialogue.greeting or "")]
            items += [("capa", dialogue.capa_status)]
            items += [("capability", " ".join((one.name, *one.arguments))) for one in dialogue.capabilities]
            found.append((script, [item for item in items if item[1]]))
    if seen.plaintext is not None:
        found.append(("plaintext", [("said", seen.plaintext)]))
    return found


def _script(tables: List[Script]) -> str:
    """The element, with its tables as text for people and as elements for programs; empty: there are none."""
    if not tables:
        return ""
    shown = "".join(
        "\n  %s: %s" % (name, "; ".join("%s %s" % (k, text[:MAX_TEXT]) for k, text in items if k != "certificate"))
        for name, items in tables
    )
    parts = ["<script%s>" % _attributes(id=SCRIPT, output=shown)]
    for name, items in tables:
        parts.append("<table%s>" % _attributes(key=name))
        parts += ["<elem%s>%s</elem>" % (_attributes(key=key), escaped(text, MAX_TEXT * 16)) for key, text in items]
        parts.append("</table>")
    return "".join([*parts, "</script>"])


def escaped(text: str, limit: int = MAX_TEXT) -> str:
    """Text fit to stand in an element."""
    return "".join(map(_character, text[:limit])).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attributes(**given: object) -> str:
    parts = []
    for name, value in given.items():
        text = "".join(map(_character, str(value)[: MAX_TEXT * 16]))
        parts.append(" %s=%s" % (name, quoteattr(text, {'"': "&quot;", "'": "&apos;"})))
    return "".join(parts)


def _character(one: str) -> str:
    if one == "\n" or " " <= one <= "~":
        return one
    number = ord(one)
    return "\\x%02x" % number if number < 256 else "\\u%04x" % number


def _seconds(text: str) -> int:
    try:
        return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0


def _words(seconds: int) -> str:
    return time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(seconds))
