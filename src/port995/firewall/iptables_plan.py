# SPDX-License-Identifier: GPL-3.0-or-later
"""What the back end iptables has to do, and what takes it back. Python 3.9, standard library only."""

from __future__ import annotations

import os
import shlex
from typing import Dict, List

from ..change import taking_back
from ..change.commands import find
from . import iptables, iptables_files, part, xtables
from .model import Found, Wanted
from .part import BackendError, Disk, Part, Plane
from .xtables import NOTHING, TOOLS, Table

NAME = "iptables"


def has_ours(found: Found) -> bool:
    """Whether rules of ours may be in iptables: then they are taken away when another back end is chosen."""
    if os.path.exists(iptables_files.LOAD):
        return True
    if found.iptables is None:
        return False
    try:
        read = iptables.read()
    except xtables.RulesError:
        # What can't be read is no reason against another back end; what was confirmed has left the file above.
        return False
    return any(iptables.CHAIN in tables.get(iptables.TABLE, NOTHING).policies for tables in read.values())


def _notes(wanted: Wanted, found: Found, tables: Dict[int, Table], there: Disk) -> List[str]:
    notes: List[str] = []
    if wanted.state == "absent":
        return notes
    for family, table in tables.items():
        others = iptables.without_ours(table)
        let_in = [outcome.by for port in wanted.ports for outcome in xtables.verdicts(others, port)
                  if outcome.verdict == "accept" and "port" in outcome.by]  # fmt: skip
        if wanted.state != "open" and let_in:
            notes.append("%s still lets the port in, after our rule: %s" % (TOOLS[family], "; ".join(let_in[:5])))
        if not there.own[iptables_files.LOAD]:
            continue
        notes += ["something else than port995: a rule of %s stands before ours: %s" % (TOOLS[family], rule)
                  for rule in iptables.earlier(table, wanted)]  # fmt: skip
    notes += [
        "%s is a link, so it was left alone: our unit loads the rules again, and nothing does when somebody loads it by"
        " hand" % path
        for paths in iptables_files.SAVED.values() for path in paths if os.path.islink(path)
    ]  # fmt: skip
    if found.legacy_tables and found.iptables == "nf_tables":
        notes.append("tables of the kernel's older filter are in use too: %s" % ", ".join(found.legacy_tables))
    if not found.systemd:
        notes.append("systemd does not run here: nothing but saved rules loads them again")
    if wanted.state != "open":
        notes.append(
            "iptables -F and netfilter-persistent flush take these rules away with all others; after the latter they"
            " are loaded again at once, after the former at the next boot or reload"
        )
    return notes


def plan(wanted: Wanted, found: Found) -> Part:
    """Compare what is wanted with what is there.

    :raises BackendError: this back end can't do it here
    :raises xtables.RulesError: the rules can't be read, or are not taken
    :raises files.FileError: a file can't be read
    """
    if found.iptables is None:
        raise BackendError(
            "backend iptables needs the program iptables, which is not there or does not answer. Install the package"
            " iptables, or choose backend nftables."
        )
    if wanted.forward and wanted.state == "restricted":
        raise BackendError(
            "backend iptables can't do forward: true with state restricted: what it lets in it would also route, past"
            " the rules of others. Choose backend nftables."
        )
    if wanted.state == "open" and found.legacy_tables and found.iptables == "nf_tables":
        raise BackendError(
            "state open can't be had from the program iptables, which speaks to nf_tables here, while the kernel's"
            " older filter is in use too (%s). Let the port in there, with iptables-legacy."
            % ", ".join(found.legacy_tables)
        )
    for family in iptables.families():
        if wanted.state != "absent" and find(TOOLS[family] + "-restore") is None:
            raise BackendError(
                "backend iptables needs %s-restore, and it is not there, so IPv%d can't be closed with it. Choose"
                " backend nftables." % (TOOLS[family], family)
            )
    there = iptables_files.present()
    tables = {family: read.get(iptables.TABLE, NOTHING) for family, read in iptables.read().items()}
    made = {
        family: found.iptables == "nf_tables"
        and (iptables_files.made_table(family) if there.own[iptables_files.RULES[family]] else _is_only_ours(table))
        for family, table in tables.items()
    }
    to_be = iptables_files.planned(there, wanted, found.systemd, made)
    commands = {
        family: iptables.exchange(table, wanted, family)
        for family, table in tables.items() if not iptables.is_as_wanted(table, wanted, family)
    }  # fmt: skip
    for family, text in commands.items():
        if wanted.state != "absent":
            iptables.test(family, text)

    def apply() -> None:
        for family, text in commands.items():
            iptables.restore(family, text)
            if wanted.state == "absent" and made[family]:
                iptables.remove_table_if_empty(family)

    def persist() -> None:
        part.write_disk(
            there, to_be, iptables_files.OWN_FOLDERS, iptables_files.UNIT_NAME if found.systemd else None
        )

    notes = _notes(wanted, found, tables, there)
    if not commands or wanted.state != "absent":
        notes += ["something else than port995: " + what for what in iptables_files.disturbed(there, to_be)]
    return Part(
        NAME,
        Plane(
            "".join(iptables.listing(table) for table in tables.values()),
            "".join(iptables.to_be_listed(wanted, family) for family in tables),
            bool(commands),
        ),
        Plane(there.text(iptables_files.our_lines), to_be.text(iptables_files.our_lines), there != to_be),
        tuple(notes),
        _before(tables, made, there),
        apply,
        persist,
    )


def _is_only_ours(table: Table) -> bool:
    policies = {chain: policy for chain, policy in table.policies.items() if chain != iptables.CHAIN}
    return iptables.is_empty(Table(policies, iptables.without_ours(table).rules))


def _before(tables: Dict[int, Table], made: Dict[int, bool], there: Disk) -> taking_back.Before:
    steps, extra = [], {}
    for family, table in tables.items():
        name = TOOLS[family] + ".old"
        lines = [":%s - [0:0]" % iptables.CHAIN] if iptables.CHAIN in table.policies else []
        lines += [rule.text for rule in table.rules.get(iptables.CHAIN, ())]
        for chain, listed in table.rules.items():
            lines += ["-I %s %d%s" % (chain, at + 1, rule.text[len("-A " + chain) :])
                      for at, rule in enumerate(listed) if rule.target == iptables.CHAIN]  # fmt: skip
        extra[name] = "".join(line + "\n" for line in lines)
        table_too = " made" if made[family] and iptables.CHAIN not in table.policies else ""
        steps.append("xtables_back %s before/%s%s" % (TOOLS[family], name, table_too))
    for number, (path, text) in enumerate(sorted(there.foreign.items())):
        extra["saved.%d" % number] = iptables_files.our_lines(text or "")
        steps.append("saved_back %s before/saved.%d" % (path, number))
    steps += ["restore_file %s" % path for path in iptables_files.OWN_FILES]
    steps.append("rmdir %s 2>/dev/null" % " ".join(shlex.quote(path) for path in iptables_files.OWN_FOLDERS))
    steps.append("unit_back %s %s" % (iptables_files.UNIT_NAME, "enabled" if there.enabled else "disabled"))
    return taking_back.Before("\n".join(steps) + "\n", there.own, extra)
