# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end firewalld: rich rules in every zone, which ``firewall-cmd --list-all-zones`` shows.

A rich rule has no name. Ours are told by their priority, which stands before all that zones let in by services, ports
and their target (firewalld.richlanguage(5): below 0). Every zone has them, so that an interface that moves to another
one, as NetworkManager does it, stays shut. firewall-cmd starts an interpreter for each call, so what changes goes over
D-Bus. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from ..change import files
from ..change.commands import CommandError, demand, run
from .model import Wanted

LETS_IN, SHUTS = -9951, -9950
"""Priorities of our rules."""
OURS = re.compile(r'\bpriority="(?:%d|%d)"' % (LETS_IN, SHUTS))
"""In a rich rule, as firewall-cmd lists it and as files have it."""
RULE_IN_FILE = re.compile(
    r'[ \t]*<rule\b[^>]*\bpriority="(?:%d|%d)"[^>]*>.*?</rule>[ \t]*\n?' % (LETS_IN, SHUTS), re.DOTALL
)
MARK = "  <!-- port995: this file was made for its rules, and goes with them -->\n"
END = "</zone>"
ZONES, VENDOR = "/etc/firewalld/zones", "/usr/lib/firewalld/zones"
SERVICES = {110: "pop3", 995: "pop3s"}
BUS = ("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1", "org.fedoraproject.FirewallD1.zone")

BUSCTL = ("busctl", "--quiet", "--auto-start=no")
"""A firewalld that was stopped is not to be started by our asking."""
CONFIG = "/org/fedoraproject/FirewallD1/config"


class FirewalldError(Exception):
    """firewalld can't be read, or did not do what was asked; with what it said."""


@dataclasses.dataclass(frozen=True)
class Zone:
    """A zone, or a policy, as firewall-cmd lists it."""

    name: str
    fields: Dict[str, str]
    """``target``, ``interfaces``, ``services``, ``ports`` ..."""
    rich: Tuple[str, ...]

    @property
    def ours(self) -> Tuple[str, ...]:
        """Our rules in it."""
        return tuple(rule for rule in self.rich if OURS.search(rule))


def parse_zones(listed: str) -> Dict[str, Zone]:
    """Read what ``--list-all-zones`` or ``--list-all-policies`` says."""
    zones: Dict[str, Zone] = {}
    name, fields, rich = "", {}, []  # type: str, Dict[str, str], List[str]
    for line in [*listed.splitlines(), "end"]:
        if line and not line[0].isspace():
            if name:
                zones[name] = Zone(name, fields, tuple(rich))
            name, fields, rich = line.split()[0], {}, []
        elif line.startswith("\t") and line.strip().startswith("rule"):
            rich.append(line.strip())
        elif ":" in line:
            key, _colon, value = line.partition(":")
            fields[key.strip()] = value.strip()
    return zones


def _ask(*options: str) -> str:
    try:
        return demand(["firewall-cmd", *options])
    except CommandError as error:
        raise FirewalldError(str(error)) from error


def read() -> Dict[str, Zone]:
    """The zones that run. Nothing is changed.

    :raises FirewalldError: they can't be read
    """
    return parse_zones(_ask("--list-all-zones"))


def read_permanent() -> Dict[str, Zone]:
    """The zones that are on disk, as firewalld reads them.

    :raises FirewalldError: they can't be read
    """
    return parse_zones(_ask("--permanent", "--list-all-zones"))


def read_policies() -> Dict[str, Zone]:
    """The policies that run; none where firewalld does not know them yet (before 0.9)."""
    try:
        return parse_zones(_ask("--list-all-policies"))
    except FirewalldError:
        return {}


@dataclasses.dataclass(frozen=True)
class RichRule:
    """One of our rules, in the two forms that firewalld has."""

    text: str
    xml: str


def _rule(priority: int, port: int, family: str, source: str, action: str) -> RichRule:
    text = 'rule priority="%d"' % priority
    xml = '<rule priority="%d"' % priority
    if family:
        text += ' family="%s"' % family
        xml += ' family="%s"' % family
    xml += ">"
    if source:
        text += ' source address="%s"' % source
        xml += '<source address="%s"/>' % source
    text += ' port port="%d" protocol="tcp" %s' % (port, action)
    xml += '<port port="%d" protocol="tcp"/><%s/></rule>' % (port, action)
    return RichRule(text, "  %s\n" % xml)


def rules(wanted: Wanted) -> List[RichRule]:
    """Our rules for one zone."""
    found: List[RichRule] = []
    for port in wanted.ports:
        if wanted.state == "open":
            found.append(_rule(LETS_IN, port, "", "", "accept"))
        found += [_rule(LETS_IN, port, "ipv4", source, "accept") for source in wanted.allow4]
        found += [_rule(LETS_IN, port, "ipv6", source, "accept") for source in wanted.allow6]
        if wanted.state in ("closed", "restricted"):
            if wanted.action == "drop":
                found.append(_rule(SHUTS, port, "", "", "drop"))
            else:
                # A reject with its type needs a family.
                found += [_rule(SHUTS, port, family, "", 'reject type="tcp-reset"') for family in ("ipv4", "ipv6")]
    return found


def zones_for(wanted: Wanted, zones: Dict[str, Zone], default: str) -> List[str]:
    """The zones that are to have our rules: all to shut a port; to open it those of an interface and the default, but
    none that was made to let nothing in."""
    if wanted.state == "absent":
        return []
    if wanted.state != "open":
        return sorted(zones)
    return sorted(
        name for name, zone in zones.items()
        if (zone.fields.get("interfaces") or name == default)
        and zone.fields.get("target", "default") not in ("DROP", "%%REJECT%%", "REJECT")
    )  # fmt: skip


def default_zone() -> str:
    """The zone of interfaces that are in none.

    :raises FirewalldError: it can't be read
    """
    return _ask("--get-default-zone").strip()


def zone_files() -> Dict[str, Tuple[Optional[str], Optional[str]]]:
    """For each zone on disk the administrator's text and the package's.

    :raises files.FileError: one can't be read
    """
    names = set()
    for folder in (ZONES, VENDOR):
        if os.path.isdir(folder):
            names |= {name[: -len(".xml")] for name in os.listdir(folder) if name.endswith(".xml")}
    return {name: (files.read("%s/%s.xml" % (ZONES, name)), files.read("%s/%s.xml" % (VENDOR, name))) for name in names}


def without_ours(text: Optional[str], vendor: Optional[str]) -> Optional[str]:
    """A zone's file without our rules, and else to the octet as it was; ``None``: it was made for them."""
    if text is None:
        return None
    bare = RULE_IN_FILE.sub("", text)
    if MARK not in text:
        return bare
    bare = bare.replace(MARK, "")
    return None if bare == vendor else bare


def with_ours(text: Optional[str], vendor: Optional[str], wanted_rules: Sequence[RichRule]) -> Optional[str]:
    """A zone's file with our rules.

    :raises FirewalldError: it is none that is known
    """
    bare = without_ours(text, vendor)
    if not wanted_rules:
        return bare
    made = bare is None
    bare = vendor if bare is None else bare
    if bare is None or not re.search(r"^%s$" % END, bare, re.MULTILINE):
        raise FirewalldError("a file of a zone has no line %s: it is none that port995 can add its rules to" % END)
    ours = (MARK if made or (text is not None and MARK in text) else "") + "".join(rule.xml for rule in wanted_rules)
    head, end, tail = bare.rpartition(END)
    return head + ours + end + tail


def our_lines(text: str) -> str:
    """Our rules, and our mark, of a zone's file."""
    return (MARK if MARK in text else "") + "".join(RULE_IN_FILE.findall(text))


def change(zone: str, rule: str, add: bool) -> None:
    """Add a rule to a zone that runs, or remove it.

    :raises FirewalldError: firewalld does not do it
    """
    method = ["addRichRule", "ssi", zone, rule, "0"] if add else ["removeRichRule", "ss", zone, rule]
    try:
        if run([*BUSCTL, "call", *BUS, *method]).code == 0:
            return
    except CommandError:
        pass
    _ask("--quiet", "--zone=" + zone, "--%s-rich-rule=%s" % ("add" if add else "remove", rule))


def _config(zone: str, method: str, *arguments: str) -> bool:
    """Call a zone that is on disk over D-Bus.

    :returns: whether that worked
    """
    try:
        asked = [CONFIG, BUS[0] + ".config", "getZoneByName", "s", zone]
        found = run(["busctl", "--auto-start=no", "call", BUS[0], *asked])
        path = re.match(r'o "(/[\w/]+)"', found.output)
        if found.code or path is None:
            return False
        return run(
            [*BUSCTL, "call", BUS[0], path.group(1), BUS[0] + ".config.zone", method, *arguments]
        ).code == 0  # fmt: skip
    except CommandError:
        return False


def write_zone(zone: str, text: Optional[str], was_there: bool, rule: str) -> None:
    """Write the file of a zone while firewalld runs.

    firewalld sees a file that was changed. It does not see one that comes before the package's, or goes: then it would
    write over it at its next change of that zone. So it makes and removes such a file itself.

    :param text: ``None``: only the package's is to be there
    :param was_there: whether the administrator has a file of that zone
    :param rule: one of the rules, for a file that is new
    :raises FirewalldError: firewalld does not do it
    :raises files.FileError: a file can't be written
    """
    path = "%s/%s.xml" % (ZONES, zone)
    if text is None:
        if not _config(zone, "loadDefaults"):
            _ask("--quiet", "--permanent", "--load-zone-defaults=" + zone)
        files.remove(path)
        if our_lines(files.read(path + ".old") or ""):
            files.remove(path + ".old")
        return
    if not was_there and not _config(zone, "addRichRule", "s", rule):
        _ask("--quiet", "--permanent", "--zone=" + zone, "--add-rich-rule=" + rule)
    files.write(path, text)


def still_let_in(zones: Dict[str, Zone], ports: Sequence[int]) -> List[str]:
    """What of others lets one of the ports in, in words: services, ports and targets of zones."""
    found = []
    for name, zone in sorted(zones.items()):
        said = []
        for port in ports:
            if SERVICES.get(port, "-") in zone.fields.get("services", "").split():
                said.append("service %s" % SERVICES[port])
            said += ["port %s" % text for text in zone.fields.get("ports", "").split() if _has_port(text, port)]
        if "tcp" in zone.fields.get("protocols", "").split():
            said.append("protocol tcp")
        if zone.fields.get("target") == "ACCEPT":
            said.append("target ACCEPT")
        if said:
            found.append("%s (%s)" % (name, ", ".join(said)))
    return found


def _has_port(text: str, port: int) -> bool:
    numbers, _slash, protocol = text.partition("/")
    first, _dash, last = numbers.partition("-")
    try:
        return protocol == "tcp" and int(first) <= port <= int(last or first)
    except ValueError:
        return True


def earlier(zones: Dict[str, Zone], policies: Dict[str, Zone], ports: Sequence[int]) -> List[str]:
    """What of others may let one of the ports in before our rules are asked."""
    found = []
    for name, zone in sorted(zones.items()):
        for rule in zone.rich:
            priority = re.search(r'priority="(-?\d+)"', rule)
            port = re.search(r'\bport port="([^"]+)" protocol="(\w+)"', rule)
            named = port is None or any(_has_port("%s/%s" % port.groups(), wanted) for wanted in ports)
            if priority and int(priority.group(1)) <= SHUTS and not OURS.search(rule) and "accept" in rule and named:
                found.append("zone %s: %s" % (name, rule))
    before_zones = {
        name: policy for name, policy in policies.items()
        if "HOST" in policy.fields.get("egress-zones", "") and policy.fields.get("priority", "-1").startswith("-")
    }  # fmt: skip
    return found + ["policy %s" % said for said in still_let_in(before_zones, ports)]
