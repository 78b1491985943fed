# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end iptables: a chain of our own in the table filter of both families, with a jump from INPUT.

Where something is to be shut, the jump stands before every rule that may let it in; where it is to be open, before the
one that surely shuts it, and after all others, so that bans go first. Packets that destination NAT has sent elsewhere
never come to INPUT. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, Tuple

from ..change.commands import CommandError, demand, find, run
from . import xtables
from .model import Wanted
from .xtables import Rule, Table

CHAIN = "port995"
TABLE = "filter"
WAIT = ("-w", "10")
"""Seconds to wait for another program that changes the rules (iptables(8), "--wait")."""
OURS = re.compile(r"^(?:\[\d+:\d+\] )?(?::%s |-A %s |-A \S+ .*-j %s$)" % (CHAIN, CHAIN, CHAIN))
"""Our lines, as iptables-save and we write them."""
LETS_IN = ("accept", "elsewhere", "unknown")

Ruleset = Dict[int, Dict[str, Table]]
"""Tables by family and name."""


def families() -> Tuple[int, ...]:
    """Address families that the kernel speaks."""
    return (4, 6) if os.path.exists("/proc/net/if_inet6") else (4,)


def read() -> Ruleset:
    """The kernel's rules. Nothing is changed.

    :raises xtables.RulesError: they can't be read
    """
    variant = xtables.variant()
    if variant is None:
        raise xtables.RulesError("iptables is not installed on this host, or does not answer")
    return {family: xtables.read(family, variant) for family in families()}


def chain_rules(wanted: Wanted, family: int) -> List[str]:
    """The rules of our chain, as iptables-save writes them; none for a state that needs none."""
    if wanted.state == "open":
        return ["-A %s -j ACCEPT" % CHAIN]
    if wanted.state not in ("closed", "restricted"):
        return []
    rules = [] if wanted.loopback else ["-A %s -i lo -j RETURN" % CHAIN]
    if wanted.established == "keep":
        # Only a SYN begins a connection. Asking connection tracking would cut those that began before it ran.
        rules.append("-A %s -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN" % CHAIN)
    if wanted.state == "restricted":
        allowed = wanted.allow4 if family == 4 else wanted.allow6
        rules += ["-A %s -s %s -j ACCEPT" % (CHAIN, network) for network in allowed]
    # A reset is an answer to TCP only, and iptables takes it where the rule says so.
    end = "-p tcp -j REJECT --reject-with tcp-reset" if wanted.action == "reject" else "-j DROP"
    return rules + ["-A %s %s" % (CHAIN, end)]


def jumps(wanted: Wanted) -> List[Tuple[str, str]]:
    """Chain and rule, without the words that add it, of each jump to our chain."""
    if wanted.state == "absent":
        return []
    chains = ["INPUT"] + (["FORWARD"] if wanted.forward else [])
    rule = "-p tcp -m tcp --dport %d -m comment --comment %s -j %s"
    return [(chain, rule % (port, CHAIN, CHAIN)) for chain in chains for port in wanted.ports]


def is_ours(rule: Rule) -> bool:
    """Whether a rule is a jump to our chain, or in it."""
    return rule.chain == CHAIN or rule.target == CHAIN


def without_ours(table: Table) -> Table:
    """What others have in it."""
    rules = {chain: tuple(rule for rule in listed if not is_ours(rule)) for chain, listed in table.rules.items()}
    return Table(table.policies, {chain: listed for chain, listed in rules.items() if listed})


def place(table: Table, wanted: Wanted, chain: str) -> int:
    """How many rules of others are to stand before our jumps in a chain."""
    if wanted.state != "open":
        return 0
    found = without_ours(table)
    rules = found.rules.get(chain, ())
    for count in range(len(rules)):
        upto = Table(found.policies, {**found.rules, chain: rules[: count + 1]})
        if [port for port in wanted.ports if not xtables.outcomes(upto, chain, port)[1]]:
            return count
    return len(rules)


def before_ours(table: Table, port: int, chain: str = "INPUT") -> Tuple[Tuple[xtables.Outcome, ...], bool]:
    """What may become of a connection before our jump, and whether it may also come to it."""
    rules = table.rules.get(chain, ())
    first = [n for n, rule in enumerate(rules) if rule.target == CHAIN and xtables.matches(rule, port)]
    cut = Table(table.policies, {**table.rules, chain: rules[: first[0]] if first else rules})
    found, undecided = xtables.outcomes(cut, chain, port)
    return tuple(found), undecided and bool(first)


def earlier(table: Table, wanted: Wanted) -> List[str]:
    """Rules of others that decide before ours does and otherwise than wanted."""
    found = []
    for chain in sorted({chain for chain, _rule in jumps(wanted)}):
        for port in wanted.ports:
            outcomes, _comes = before_ours(table, port, chain)
            found += [outcome.by for outcome in outcomes if wanted.state != "open" and outcome.verdict in LETS_IN]
            if wanted.state == "open" and not xtables.outcomes(
                Table(table.policies, {**table.rules, chain: _upto_ours(table, chain)}), chain, port
            )[1]:
                found += [outcome.by for outcome in outcomes if outcome.verdict in ("drop", "reject")]
    return sorted(set(found))


def _upto_ours(table: Table, chain: str) -> Tuple[Rule, ...]:
    rules = table.rules.get(chain, ())
    first = [n for n, rule in enumerate(rules) if rule.target == CHAIN]
    return rules[: first[0]] if first else rules


def is_as_wanted(table: Table, wanted: Wanted, family: int) -> bool:
    """Whether the kernel has our rules as they are to be, and they decide."""
    to_be = [xtables.parse_rule(rule) for rule in chain_rules(wanted, family)]
    there = list(table.rules.get(CHAIN, ()))
    if [rule.options for rule in there] != [rule.options for rule in to_be if rule is not None]:
        return False
    if (CHAIN in table.policies) != (wanted.state != "absent"):
        return False
    to_jump = [(chain, xtables.parse_rule("-A %s %s" % (chain, rule))) for chain, rule in jumps(wanted)]
    jumping = [rule for listed in table.rules.values() for rule in listed if rule.target == CHAIN]
    if sorted((rule.chain, sorted(rule.options)) for rule in jumping) != sorted(
        (chain, sorted(rule.options)) for chain, rule in to_jump if rule is not None
    ):
        return False
    return not earlier(table, wanted)


def listing(table: Table) -> str:
    """Our rules as the kernel has them."""
    return "".join(
        rule.text + "\n" for _chain, listed in sorted(table.rules.items()) for rule in listed if is_ours(rule)
    )


def to_be_listed(wanted: Wanted, family: int) -> str:
    """Our rules as they are to be listed."""
    lines = ["-A %s %s" % jump for jump in jumps(wanted)] + chain_rules(wanted, family)
    return "".join(line + "\n" for line in sorted(lines, key=lambda line: line.split()[1]))


def exchange(table: Table, wanted: Wanted, family: int) -> str:
    """Commands for ``iptables-restore --noflush`` that put rules in the place of ours, in one transaction."""
    there = CHAIN in table.policies
    lines = ["*" + TABLE]
    if wanted.state != "absent":
        # Where it is there, this empties it.
        lines.append(":%s - [0:0]" % CHAIN)
        lines += chain_rules(wanted, family)
    for listed in table.rules.values():
        lines += ["-D" + rule.text[2:] for rule in listed if rule.target == CHAIN]
    positions: Dict[str, int] = {}
    for chain, rule in jumps(wanted):
        positions[chain] = positions.get(chain, place(table, wanted, chain)) + 1
        lines.append("-I %s %d %s" % (chain, positions[chain], rule))
    if wanted.state == "absent" and there:
        lines += ["-F " + CHAIN, "-X " + CHAIN]
    return "\n".join(lines + ["COMMIT", ""])


def restore(family: int, commands: str) -> None:
    """Give commands to the kernel in one transaction; rules of others stay.

    :raises xtables.RulesError: it does not take them; the rules are as before
    """
    tool = xtables.TOOLS[family] + "-restore"
    if find(tool) is None:
        raise xtables.RulesError("%s is not installed on this host" % tool)
    try:
        demand([tool, *WAIT, "--noflush"], commands)
    except CommandError as error:
        raise xtables.RulesError(str(error)) from error


def test(family: int, commands: str) -> None:
    """See whether the program takes commands, without giving them to the kernel.

    :raises xtables.RulesError: it does not; with what it said
    """
    try:
        demand([xtables.TOOLS[family] + "-restore", "--test", "--noflush"], commands)
    except CommandError as error:
        raise xtables.RulesError(str(error)) from error


def is_empty(table: Table) -> bool:
    """Whether a table does nothing."""
    return not any(table.rules.values()) and set(table.policies.values()) <= {"ACCEPT"}


def remove_table_if_empty(family: int) -> None:
    """Remove the table that was made with our rules, when nobody else has put anything into it."""
    now = xtables.read(family, "nf_tables").get(TABLE)
    if now is not None and is_empty(now) and find("nft") is not None:
        run(["nft", "delete", "table", "ip" if family == 4 else "ip6", TABLE])
