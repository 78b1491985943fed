# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end of choice: a table of our own in nftables, before every other.

Its chain is at the hook ``prerouting`` with priority -150: after connection tracking (-200) and before destination NAT
(-100), so a port that Docker publishes is closed with the host's own. A ``drop`` here is final; an ``accept`` only lets
the packet go on to the next table, so nothing can be opened from here (nft(8), "verdict statement").

Python 3.9, standard library only.
"""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from ..change.commands import CommandError, demand, find, run
from .model import Wanted

FAMILY, TABLE = "inet", "port995"
PRIORITY = -150
NO_TABLE = re.compile(r"No such file or directory|does not exist")

LOAD_AND_LIST = "nft -f - && nft list table %s %s" % (FAMILY, TABLE)
"""Two transactions: a ``list`` at the end of the first would not have the rules yet."""


class NftError(Exception):
    """nft can't do what is wanted here; with what it said."""


def _set(name: str, kind: str, networks: Tuple[str, ...]) -> List[str]:
    # An empty set takes no ``elements`` (nft 1.0.6: a syntax error).
    elements = ["\t\telements = { %s }" % ", ".join(networks)] if networks else []
    return ["\tset %s {" % name, "\t\ttype %s" % kind, "\t\tflags interval"] + elements + ["\t}"]


def _chain(name: str, rules: List[str]) -> List[str]:
    return ["\tchain %s {" % name] + ["\t\t" + rule for rule in rules] + ["\t}"]


def render(wanted: Wanted) -> str:
    """The table that does what is wanted, as nft reads it; empty for states that need none.

    One statement a line: older versions of nft take no two closing braces on one.
    """
    if wanted.state not in ("closed", "restricted"):
        return ""
    ports = ", ".join(str(port) for port in wanted.ports)
    chain: List[str] = []
    if not wanted.loopback:
        chain.append('iif "lo" accept')
    if not wanted.forward:
        chain.append("fib daddr type != local accept")
    if wanted.established == "keep":
        # Only a SYN begins a connection. Asking connection tracking instead would cut those that began before it ran.
        chain.append("tcp flags & (fin | syn | rst | ack) != syn accept")
    sets: List[str] = []
    if wanted.state == "restricted":
        sets = _set("allowed4", "ipv4_addr", wanted.allow4) + _set("allowed6", "ipv6_addr", wanted.allow6)
        chain += ["ip saddr @allowed4 accept", "ip6 saddr @allowed6 accept"]
    chain.append("reject with tcp reset" if wanted.action == "reject" else "drop")
    # What is no beginning of a segment to these ports never gets to the rules that end in a drop: other protocols, and
    # fragments without a TCP header, which are nothing without the first.
    hook = ["type filter hook prerouting priority %d; policy accept;" % PRIORITY, "tcp dport { %s } goto door" % ports]
    lines = ["table %s %s {" % (FAMILY, TABLE)] + sets + _chain("door", chain) + _chain("prerouting", hook) + ["}"]
    return "\n".join(lines) + "\n"


def replace(table: str) -> str:
    """Commands that put a table (or none) in the place of ours, whether it is there or not, in one transaction."""
    empty = "table %s %s {\n}\n" % (FAMILY, TABLE)
    return "%sdelete table %s %s\n%s" % (empty, FAMILY, TABLE, table)


def listing() -> str:
    """Our table as the kernel has it, in nft's words; empty: there is none.

    :raises NftError: it can't be read
    """
    try:
        done = run(["nft", "list", "table", FAMILY, TABLE])
    except CommandError as error:
        raise NftError(str(error)) from error
    if done.code == 0:
        return done.output
    if NO_TABLE.search(done.errors):
        return ""
    raise NftError("nft can't read the kernel's tables: %s" % (done.errors.strip()[-500:] or "it said nothing"))


def expected_listing(table: str) -> Optional[str]:
    """How nft lists a table once it is loaded, found by loading it where there is no network.

    Versions of nft write the same rule in different ways; this one writes it as it will write ours.

    :returns: ``None``: this host lets nobody make a network namespace, so it can't be found out
    """
    if not table:
        return ""
    if find("unshare") is None:
        return None
    try:
        done = run(["unshare", "--net", "sh", "-c", LOAD_AND_LIST], table)
    except CommandError:
        return None
    return done.output if done.code == 0 and done.output else None


def check(table: str) -> None:
    """Let nft and the kernel say whether they take a table, without loading it.

    :raises NftError: they do not; with what they said
    """
    try:
        demand(["nft", "-c", "-f", "-"], replace(table))
    except CommandError as error:
        raise NftError(str(error)) from error


def load(table: str) -> None:
    """Put a table in the place of ours in one transaction: at no moment is there neither. Others stay as they are.

    :raises NftError: nft does not take it; the rules are as before
    """
    check(table)
    try:
        demand(["nft", "-f", "-"], replace(table))
    except CommandError as error:
        raise NftError(str(error)) from error
