# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's packet filter does with connections to a port, read from each of its back ends. Changes nothing.

The verdict is of the rules that the kernel has, whoever put them there: nftables with all its tables, and the older
filter of iptables beside it. What ufw and firewalld say of themselves is told beside it. Python 3.9, standard library
only.
"""

from __future__ import annotations

import json
import os
from typing import List, Optional, Sequence, Tuple

from ...change.commands import CommandError, find, run
from . import iptables_rules, nft_rules
from .model import FirewallSeen, FrontEnd, PortVerdict
from .packet_rules import Rules, verdict

FIREWALLD_NOT_RUNNING = 252
"""Exit code of firewall-cmd(1)."""
SHARED = ("filter", "nat", "mangle", "raw", "security")
"""Tables that iptables of the variant nf_tables keeps in nftables."""
SERVICES = {995: "pop3s", 110: "pop3"}
"""What firewalld calls them."""
MAX_LINES = 20


class UnseenError(Exception):
    """Rules can't be read; with why."""


def look(ports: Sequence[int]) -> FirewallSeen:
    """Look what the rules do now.

    :param ports: TCP ports
    """
    unseen: List[str] = []
    ruleset: Optional[str] = None
    try:
        ruleset = _nft()
    except UnseenError as error:
        unseen.append(str(error))
    verdicts: List[PortVerdict] = []
    for family in (4, 6):
        try:
            if unseen:
                raise UnseenError(unseen[0])
            saved, shared = _of_iptables(family, ruleset or "")
            for port in ports:
                tables: Tuple[Rules, ...] = nft_rules.read(ruleset, family, port, shared) if ruleset else ()
                tables += tuple(one for text in saved for one in iptables_rules.read(text, family, port))
                verdicts.append(verdict(tables, family, port))
        except (UnseenError, nft_rules.RulesetError) as error:
            if str(error) not in unseen:
                unseen.append(str(error))
            done = {(one.family, one.port) for one in verdicts}
            verdicts += [
                PortVerdict(family, port, "unknown", (), (str(error),)) for port in ports if (family, port) not in done
            ]
    return FirewallSeen(tuple(verdicts), _front_ends(ports, ruleset or ""), tuple(unseen))


def _nft() -> Optional[str]:
    """The kernel's rules; ``None``: it has none that nft would list.

    :raises UnseenError: they can't be read
    """
    if os.geteuid() != 0:
        raise UnseenError("only root may list the kernel's rules, and this is user %d" % os.geteuid())
    if find("nft") is None:
        if find("iptables") is None and find("iptables-save") is None:
            raise UnseenError("neither nft nor iptables is installed, so the kernel's rules can't be listed")
        if "nf_tables" not in _said(["iptables", "-V"]):
            return None
        # Then iptables keeps its rules where nft would list others beside them.
        raise UnseenError("nft is not installed, and iptables does not list all rules of nftables")
    return _demanded(["nft", "-j", "list", "ruleset"])


def _demanded(argv: Sequence[str]) -> str:
    try:
        done = run(argv)
    except CommandError as error:
        raise UnseenError(str(error)) from error
    if done.code:
        raise UnseenError("%s: exit %d: %s" % (" ".join(argv), done.code, done.errors.strip()[-200:]))
    return done.output


def _said(argv: Sequence[str]) -> str:
    try:
        return run(argv).output
    except CommandError:
        return ""


def _of_iptables(family: int, ruleset: str) -> Tuple[Tuple[str, ...], Tuple[nft_rules.Table, ...]]:
    """What iptables-save writes of this family, and the tables of nft's list that are in it already.

    :raises UnseenError: there are rules that can't be read
    """
    program = "iptables" if family == 4 else "ip6tables"
    saved: List[str] = []
    shared: List[nft_rules.Table] = []
    mine = "ip" if family == 4 else "ip6"
    if ruleset:
        for key in nft_rules.tables_of(ruleset):
            if key[0] == mine and key[1] in SHARED and _has_extensions(ruleset, key):
                # nft can't tell what an extension of iptables asks; iptables itself can.
                name = next((one for one in (program + "-nft-save", program + "-save") if find(one)), "")
                if name:
                    saved.append(_demanded([name, "-t", key[1]]))
                    shared.append(key)
    # The older filter is not in nft's list. Asking for it would load it, so it is asked only once it is in use.
    names = _legacy_tables("/proc/net/%s_tables_names" % ("ip" if family == 4 else "ip6"))
    if names:
        name = next((one for one in (program + "-legacy-save", program + "-save") if find(one)), "")
        if not name:
            raise UnseenError("%s has tables in the kernel's older filter, and no program that lists them" % program)
        saved += [_demanded([name, "-t", table]) for table in names]
    return tuple(saved), tuple(shared)


def _has_extensions(ruleset: str, key: nft_rules.Table) -> bool:
    return any(
        "rule" in item
        and (item["rule"].get("family"), item["rule"].get("table")) == key
        and any("xt" in one for one in item["rule"].get("expr", ()))
        for item in json.loads(ruleset)["nftables"]
    )


def _legacy_tables(path: str) -> List[str]:
    """Tables of the older filter that are in use.

    :raises UnseenError: that can't be read
    """
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return [one for one in stream.read(4096).split() if one in SHARED]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnseenError("%s can't be read (%s)" % (path, error.strerror)) from error


def _front_ends(ports: Sequence[int], ruleset: str) -> Tuple[FrontEnd, ...]:
    found: List[FrontEnd] = []
    root = os.geteuid() == 0
    if find("ufw") is not None:
        said = _said(["ufw", "status", "verbose"]) if root else ""
        active = None if "Status:" not in said else "Status: active" in said
        found.append(FrontEnd("ufw", active, _about(said, ports)))
    if find("firewall-cmd") is not None:
        try:
            code: Optional[int] = run(["firewall-cmd", "--state"]).code
        except CommandError:
            code = None
        state = {0: True, FIREWALLD_NOT_RUNNING: False}.get(code if code is not None else -1)
        said = _said(["firewall-cmd", "--list-all-zones"]) if state else ""
        found.append(FrontEnd("firewalld", state, _about(said, ports)))
    tables = nft_rules.tables_of(ruleset) if ruleset else ()
    if ruleset:
        found.append(FrontEnd("nftables", bool(tables), tuple("table %s %s" % one for one in tables[:MAX_LINES])))
        found.append(FrontEnd("port995", ("inet", "port995") in tables))
    return tuple(found)


def _about(said: str, ports: Sequence[int]) -> Tuple[str, ...]:
    """The lines about these ports, by number or by name, and what ufw does with all others."""
    wanted = {word for port in ports for word in (str(port), SERVICES.get(port, str(port)))}
    lines = []
    for line in said.splitlines():
        words = line.replace("/", " ").replace(",", " ").replace('"', " ").split()
        if wanted & set(words) or line.startswith("Default:"):
            lines.append(line.strip()[:200])
    return tuple(lines[:MAX_LINES])
