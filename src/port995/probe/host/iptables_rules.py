# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what iptables-save and ip6tables-save write: iptables(8), iptables-extensions(8). Python 3.9, standard library
only."""

from __future__ import annotations

import ipaddress
import shlex
from typing import Dict, List, Sequence, Tuple

from .nft_rules import RulesetError, Said, together
from .packet_rules import (
    ACCEPT,
    DROP,
    GOTO,
    JUMP,
    MAYBE,
    NO,
    NOTHING,
    REDIRECT,
    RETURN,
    SOME,
    UNCLEAR,
    YES,
    Base,
    Rule,
    Rules,
)  # fmt: skip

PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
"""enum nf_ip_hook_priorities of linux/netfilter_ipv4.h."""
HOOKS = {"PREROUTING": "prerouting", "INPUT": "input"}
TARGETS = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP, "TARPIT": DROP, "RETURN": RETURN, "DNAT": REDIRECT,
           "REDIRECT": REDIRECT, "QUEUE": UNCLEAR, "NFQUEUE": UNCLEAR, "NOTRACK": UNCLEAR, "CT": UNCLEAR,
           "TPROXY": UNCLEAR}  # fmt: skip
SILENT = ("LOG", "NFLOG", "ULOG", "AUDIT", "MARK", "CONNMARK", "TOS", "DSCP", "TCPMSS", "TRACE", "SECMARK",
          "CONNSECMARK", "SET", "CLASSIFY", "TTL", "HL")  # fmt: skip
END = frozenset(("-j", "--jump", "-g", "--goto"))


def read(text: str, family: int, port: int) -> Tuple[Rules, ...]:
    """The tables, reduced for a port.

    :raises RulesetError: it can't be read
    """
    tables: List[Rules] = []
    name = ""
    bases: List[Base] = []
    chains: Dict[str, List[Rule]] = {}
    whole = True
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("*"):
            name, bases, chains, whole = line[1:], [], {}, False
        elif line.startswith(":") and name:
            chain, policy = (line[1:].split() + [""])[:2]
            chains[chain] = []
            if chain in HOOKS and policy != "-":
                does = DROP if policy == "DROP" else ACCEPT
                title = "%s %s" % ("iptables" if family == 4 else "ip6tables", name)
                bases.append(Base(chain, does, PRIORITIES.get(name, 0), HOOKS[chain], title))
        elif line == "COMMIT":
            tables.append(Rules(tuple(bases), dict(chains)))
            whole = True
        elif line.startswith(("-A ", "[")):
            try:
                words = shlex.split(line)
            except ValueError as error:
                raise RulesetError("a line of iptables-save can't be read (%s)" % error) from error
            words = words[1:] if words[0].startswith("[") else words
            if len(words) < 2 or words[0] != "-A" or words[1] not in chains:
                raise RulesetError("a line of iptables-save is not understood: %s" % ascii(line)[:120])
            chains[words[1]].append(_rule(words[2:], family, port, chains, line[:400]))
    if not whole:
        raise RulesetError("the list of iptables-save is cut off")
    return tuple(tables)


def _rule(words: Sequence[str], family: int, port: int, chains: Dict[str, List[Rule]], text: str) -> Rule:
    said: List[Said] = []
    at = 0
    while at < len(words) and words[at] not in END:
        negated = words[at] == "!"
        at += negated
        option = words[at] if at < len(words) else ""
        values = []
        at += 1
        while at < len(words) and words[at] != "!" and not (words[at].startswith("-") and len(words[at]) > 1):
            values.append(words[at])
            at += 1
        holds = _holds(option, values, family, port)
        if negated:
            # Which sources are left when some are taken out is not worked out.
            holds = {YES: NO, NO: YES}.get(holds[0], MAYBE), None
        said.append(holds)
    takes, sources = together(said)
    target = words[at + 1] if at + 1 < len(words) else ""
    if not target or target in SILENT:
        return Rule(takes, NOTHING, text)
    if target in chains:
        return Rule(takes, GOTO if words[at] in ("-g", "--goto") else JUMP, text, target, sources)
    return Rule(takes, TARGETS.get(target, UNCLEAR), text, "", sources)


def _holds(option: str, values: Sequence[str], family: int, port: int) -> Said:
    """Whether a condition holds for the first packet of a connection to the port."""
    value = values[0] if values else ""
    if option in ("-m", "--match", "--comment", "--reject-with"):
        return YES, None
    if option in ("-p", "--protocol"):
        return (YES if value in ("tcp", "6", "all", "0") else NO), None
    if option in ("-i", "--in-interface"):
        return (NO if value == "lo" else MAYBE), None
    if option in ("-s", "--source"):
        return _source(value, family)
    if option in ("--dport", "--dports", "--destination-port", "--destination-ports"):
        return _ports(value, port), None
    if option in ("--ctstate", "--state"):
        return (YES if "NEW" in value.split(",") else NO), None
    if option == "--syn":
        return YES, None
    if option == "--tcp-flags" and len(values) == 2:
        mask, wanted = (set() if one == "NONE" else set(one.split(",")) for one in values)
        every = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"}
        mask, wanted = (every if one == {"ALL"} else one for one in (mask, wanted))
        return (YES if {"SYN"} & mask == wanted else NO), None
    if option == "--dst-type":
        return (YES if "LOCAL" in value.split(",") else NO), None
    if option == "--rt-type":
        # A connection begins without a routing header of IPv6.
        return NO, None
    if option == "--invert":
        # Of rpfilter: whose address has no way back does not get a connection anyway.
        return SOME, None
    if option in ("--loose", "--validmark"):
        return YES, None
    if option == "--match-set" and len(values) == 2 and values[1] == "src":
        # Who is in it changes while nobody writes it.
        return SOME, None
    return MAYBE, None


def _ports(value: str, port: int) -> str:
    for part in value.split(","):
        low, colon, high = part.partition(":")
        if (low and not low.isdigit()) or (high and not high.isdigit()):
            return MAYBE
        first = int(low or 0)
        last = int(high or 65535) if colon else first
        if first <= port <= last:
            return YES
    return NO


def _source(value: str, family: int) -> Said:
    networks: List[str] = []
    for part in value.split(","):
        try:
            networks.append(str(ipaddress.ip_network(part, strict=False)))
        except ValueError:
            return SOME, None
    if any(one.endswith("/0") for one in networks):
        return YES, None
    same = [one for one in networks if (":" in one) == (family == 6)]
    return (SOME, tuple(same)) if same else (NO, None)
