# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination NAT that sends a port elsewhere before the chains that filter input see it, as Docker's does.

ufw, firewalld and iptables close a port at INPUT, which such a packet never comes to. Python 3.9, standard library
only.
"""

from __future__ import annotations

import re
from typing import List, Sequence, Tuple

from ..change.commands import CommandError, find, run
from . import xtables
from .xtables import NOTHING

NFT_ELSEWHERE = re.compile(
    r"(?<!status )\b(?:(?:dnat|tproxy) (?:ip6? )?(?:prefix )?to\b|(?<!-)redirect(?: to\b|$| \w+$))"
)
NFT_UDP = re.compile(r"\budp dport\b|\b(?:protocol|l4proto|nexthdr) (?:udp|17)\b")
NFT_PORT = re.compile(r"\btcp dport (?:\{([^}]*)\}|(\S+))")


def _names(text: str, port: int) -> bool:
    for part in text.replace("pop3s", "995").replace("pop3", "110").split(","):
        first, _dash, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return True
        if int(first) <= port <= int(last or first):
            return True
    return False


def in_nft(listed: str, ports: Sequence[int]) -> List[str]:
    """Rules of nftables that send one of the ports elsewhere.

    :param listed: what ``nft list ruleset`` says; rules that iptables made there are read by `in_xtables`
    """
    found = []
    hook = "prerouting"
    for line in listed.splitlines():
        text = line.strip()
        if text.startswith("chain "):
            hook = "prerouting"
        hooked = re.search(r"\bhook (\w+)", text)
        if hooked:
            hook = hooked.group(1)
        if hook == "output" or not NFT_ELSEWHERE.search(text) or NFT_UDP.search(text):
            continue
        named = NFT_PORT.search(text)
        if named is None or any(_names(named.group(1) or named.group(2), port) for port in ports):
            found.append(text[:200])
    return found


def in_xtables(ports: Sequence[int]) -> List[str]:
    """Rules of iptables that send one of the ports elsewhere.

    :raises xtables.RulesError: they can't be read
    """
    variant = xtables.variant()
    found = []
    for family in (4, 6) if variant else ():
        if find(xtables.TOOLS[family] + "-save") is None:
            continue
        table = xtables.read(family, variant or "").get("nat", NOTHING)
        for port in ports:
            found += [outcome.by for outcome in xtables.outcomes(table, "PREROUTING", port)[0]
                      if outcome.verdict in ("elsewhere", "unknown")]  # fmt: skip
    return found


def bypasses(ports: Sequence[int]) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """What sends one of the ports elsewhere, and what could not be asked. Nothing is changed."""
    found: List[str] = []
    unknown = []
    if find("nft") is not None:
        try:
            done = run(["nft", "list", "ruleset"])
        except CommandError:
            unknown.append("nft")
        else:
            if done.code:
                unknown.append("nft")
            found += in_nft(done.output, ports)
    try:
        found += in_xtables(ports)
    except xtables.RulesError as error:
        unknown.append(str(error))
    return tuple(sorted(set(found))), tuple(unknown)
