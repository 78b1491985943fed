# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the rules of iptables, and say what becomes of a new connection. Nothing is changed.

A rule that asks for something that is not known here (a set, a limit, another interface) may match: what may be let in
is never called shut. Words and their order are those of iptables-save(8) and iptables-extensions(8). Python 3.9,
standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import shlex
from typing import Dict, FrozenSet, List, Optional, Tuple

from ..change.commands import CommandError, demand, find, run

TOOLS = {4: "iptables", 6: "ip6tables"}
IN_USE = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}
"""The kernel's tables of the older filter: asking it for one loads it, so it is asked for these only."""
MAX_DEPTH = 50
"""Chains that jump to each other; the kernel allows fewer."""

LONG = {"-p": "--protocol", "--proto": "--protocol", "-s": "--source", "--src": "--source", "-d": "--destination",
        "--dst": "--destination", "-i": "--in-interface", "-o": "--out-interface", "-j": "--jump", "-g": "--goto",
        "--destination-port": "--dport", "--destination-ports": "--dports", "--state": "--ctstate"}  # fmt: skip
GOES_ON = {"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "SECMARK", "CONNSECMARK", "TRACE", "AUDIT", "SET", "TCPMSS",
           "CHECKSUM", "CT", "NOTRACK", ""}  # fmt: skip
"""Targets after which the next rule is asked."""
ELSEWHERE = {"DNAT", "REDIRECT", "NETMAP", "TPROXY"}
"""Targets that send a connection to another place."""

Option = Tuple[str, bool, Tuple[str, ...]]
"""Name, whether it is negated, values."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule."""

    chain: str
    text: str
    options: FrozenSet[Option]
    """Without comments and names of matches: rules that do the same have the same."""

    def value(self, name: str) -> str:
        """The first value of an option that is not negated; empty: it has none."""
        for option, negated, values in self.options:
            if option == name and not negated and values:
                return values[0]
        return ""

    @property
    def target(self) -> str:
        """Where it jumps or goes to."""
        return self.value("--jump") or self.value("--goto")


@dataclasses.dataclass(frozen=True)
class Table:
    """One table of one address family."""

    policies: Dict[str, str]
    """What becomes of what no rule decides, by chain; ``-``: the chain is a user's own."""
    rules: Dict[str, Tuple[Rule, ...]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What may become of a connection, and by what."""

    verdict: str
    """``accept``, ``drop``, ``reject``, ``elsewhere``, ``unknown``."""
    by: str
    """The rule, or the policy of a chain."""
    chain: str
    position: int
    """Place of the rule in its chain, from 0; for a policy the number of rules."""


NOTHING = Table({}, {})


class RulesError(Exception):
    """The kernel's rules can't be read; with what was said."""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


def parse_rule(line: str) -> Optional[Rule]:
    """Read one ``-A CHAIN ...``; ``None``: it is no rule."""
    if line.startswith("["):
        line = line.partition("] ")[2]
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    if len(words) < 2 or words[0] not in ("-A", "--append"):
        return None
    options: List[Option] = []
    negated, at = False, 2
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!":
            negated = True
            continue
        name = LONG.get(word, word)
        values: List[str] = []
        while at < len(words) and words[at] != "!" and not (words[at].startswith("-") and len(words[at]) > 1):
            values.append(words[at])
            at += 1
        if name == "--syn":
            name, values = "--tcp-flags", ["FIN,SYN,RST,ACK", "SYN"]
        if name in ("--source", "--destination"):
            values = [_network(value) for value in values]
        if name not in ("-m", "--match", "--comment", "-c", "--set-counters"):
            options.append((name, negated, tuple(values)))
        negated = False
    return Rule(words[1], line, frozenset(options))


def parse(saved: str) -> Dict[str, Table]:
    """Read what iptables-save writes, or a file for iptables-restore: tables by name."""
    policies: Dict[str, Dict[str, str]] = {}
    rules: Dict[str, Dict[str, List[Rule]]] = {}
    table = ""
    for line in saved.splitlines():
        line = line.strip()
        if line.startswith("*"):
            table = line[1:]
            policies.setdefault(table, {})
            rules.setdefault(table, {})
        elif line.startswith(":") and table:
            words = line[1:].split()
            if len(words) >= 2:
                policies[table][words[0]] = words[1]
        elif table:
            rule = parse_rule(line)
            if rule is not None:
                rules[table].setdefault(rule.chain, []).append(rule)
    return {
        name: Table(policies[name], {chain: tuple(listed) for chain, listed in rules[name].items()})
        for name in policies
    }


def read(family: int, variant: str) -> Dict[str, Table]:
    """The kernel's rules of one address family, by the program that this host calls iptables.

    :param family: 4 or 6
    :param variant: ``nf_tables`` or ``legacy``
    :raises RulesError: they can't be read
    """
    tool = TOOLS[family] + "-save"
    if find(tool) is None:
        raise RulesError("%s is not installed on this host" % tool)
    names: Tuple[str, ...] = ("",)
    if variant == "legacy":
        try:
            with open(IN_USE[family], encoding="ascii", errors="replace") as stream:
                names = tuple(name for name in stream.read(65536).split() if name.isalnum())
        except OSError:
            names = ()
    try:
        said = "".join(demand([tool] + (["-t", name] if name else [])) for name in names)
    except CommandError as error:
        raise RulesError(str(error)) from error
    return parse(said)


def variant() -> Optional[str]:
    """``nf_tables`` or ``legacy``: what the program iptables of this host speaks to; ``None``: there is none."""
    try:
        done = run(["iptables", "-V"])
    except CommandError:
        return None
    if done.code:
        return None
    return "nf_tables" if "nf_tables" in done.output else "legacy"


def _port_in(text: str, port: int) -> bool:
    for part in text.split(","):
        first, _colon, last = part.partition(":")
        try:
            if int(first or 0) <= port <= int(last or (65535 if _colon else first)):
                return True
        except ValueError:
            return True
    return False


def _flags(values: Tuple[str, ...]) -> Optional[bool]:
    """Whether a segment that begins a connection has these."""
    if len(values) != 2:
        return None
    asked, there = (set() if value == "NONE" else set(value.split(",")) for value in values)
    return asked & {"SYN"} == there if "ALL" not in asked else there == {"SYN"}


def _option_matches(name: str, values: Tuple[str, ...], port: int) -> Optional[bool]:
    """Whether an option is true of a connection from elsewhere to a TCP port of the host; ``None``: it may be."""
    value = values[0] if values else ""
    if name == "--protocol":
        return value in ("tcp", "6", "all", "0")
    if name in ("--dport", "--dports"):
        return _port_in(value, port)
    if name == "--ctstate":
        return "NEW" in value.split(",")
    if name == "--tcp-flags":
        return _flags(values)
    if name == "--in-interface":
        return False if value == "lo" else True if value == "+" else None
    if name in ("--source", "--destination"):
        return True if value in ("0.0.0.0/0", "::/0") else None
    if name == "--dst-type":
        kinds = set(value.split(","))
        return True if kinds & {"LOCAL", "UNICAST"} else False
    return None


def matches(rule: Rule, port: int) -> Optional[bool]:
    """Whether a new connection from elsewhere to a TCP port of the host matches; ``None``: it may."""
    answer: Optional[bool] = True
    for name, negated, values in rule.options:
        if name in ("--jump", "--goto", "--reject-with", "--to-destination", "--to-ports", "--log-prefix"):
            continue
        one = _option_matches(name, values, port)
        if one is not None and negated:
            one = not one
        if one is False:
            return False
        if one is None:
            answer = None
    return answer


def outcomes(table: Table, chain: str, port: int, depth: int = 0) -> Tuple[List[Outcome], bool]:
    """What may become of a new connection in a chain, in the order of the rules.

    :returns: all that may, and whether it may also come to the end of the chain undecided
    """
    found: List[Outcome] = []
    rules = table.rules.get(chain, ())
    if depth > MAX_DEPTH:
        return [Outcome("unknown", "chains that jump to each other", chain, 0)], True
    for position, rule in enumerate(rules):
        sure = matches(rule, port)
        if sure is False:
            continue
        target = rule.target
        if target in GOES_ON:
            continue
        ends = True
        if target == "RETURN":
            if sure:
                return found, True
            continue
        if target in ("ACCEPT", "DROP", "REJECT"):
            found.append(Outcome(target.lower(), rule.text, chain, position))
        elif target in ELSEWHERE:
            found.append(Outcome("elsewhere", rule.text, chain, position))
        elif target in table.policies or target in table.rules:
            inner, falls_through = outcomes(table, target, port, depth + 1)
            found += inner
            ends = not falls_through
            if falls_through and rule.value("--goto") and sure:
                return found, True
        else:
            found.append(Outcome("unknown", rule.text, chain, position))
        if sure and ends:
            return found, False
    return found, True


def verdicts(table: Table, port: int, chain: str = "INPUT") -> List[Outcome]:
    """All that may become of a new connection from elsewhere to a TCP port, the policy included."""
    found, undecided = outcomes(table, chain, port)
    if undecided:
        policy = table.policies.get(chain, "ACCEPT")
        found.append(Outcome(policy.lower(), "policy of %s" % chain, chain, len(table.rules.get(chain, ()))))
    return found
