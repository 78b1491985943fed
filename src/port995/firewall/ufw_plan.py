# SPDX-License-Identifier: GPL-3.0-or-later
"""What the back end ufw has to do, and what takes it back. Python 3.9, standard library only."""

from __future__ import annotations

from typing import Dict, List

from ..change import files, taking_back
from . import boot_order, iptables, ufw, xtables
from .model import Found, Wanted
from .part import BackendError, Part, Plane
from .xtables import NOTHING, TOOLS, Table

NAME = "ufw"
FAMILIES = (4, 6)


def has_ours(found: Found) -> bool:
    """Whether rules of ours are in ufw: then they are taken away when another back end is chosen."""
    del found
    if boot_order.present(NAME) is not None:
        return True
    return any(ufw.our_blocks(files.read(path) or "") for path in ufw.FILES.values())


def _refuse(wanted: Wanted, found: Found) -> None:
    if wanted.state == "absent":
        return
    if not found.ufw_active:
        raise BackendError(
            "backend ufw: ufw is %s on this host, and port995 enables no firewall. Enable it yourself (with a rule that"
            " lets SSH in first), or choose another backend."
            % ("installed, and could not be asked" if "ufw" in found.unknown else "not active")
        )
    if not ufw.filters_ipv6() and 6 in iptables.families():
        raise BackendError(
            "backend ufw: IPV6=yes does not stand in %s, so ufw leaves IPv6 alone, and this host speaks it. Choose"
            " backend nftables." % ufw.DEFAULTS
        )
    for name, asked in (("established: cut", wanted.established == "cut"), ("loopback: true", wanted.loopback)):
        if asked and wanted.state != "open":
            raise BackendError(
                "backend ufw can't do %s: its before.rules let that in before any rule of a user. Choose backend"
                " nftables or iptables." % name
            )
    if wanted.forward and wanted.state == "restricted":
        raise BackendError(
            "backend ufw can't do forward: true with state restricted: what it lets through it also routes. Choose"
            " backend nftables."
        )


def _decides(tables: Dict[int, Table], texts: Dict[int, str], wanted: Wanted) -> List[str]:
    """Notes about rules that let in what ours shut.

    :raises BackendError: ours would never be asked
    """
    notes = []
    for family, table in tables.items():
        simulated = ufw.as_loaded(table, texts[family], family)
        chain = ufw.CHAINS[family] + "input"
        for port in wanted.ports:
            outcomes = xtables.verdicts(simulated, port)
            decided = [outcome for outcome in outcomes if outcome.chain == chain]
            if not decided:
                raise BackendError(
                    "backend ufw: a rule before those of ufw's users decides about port %d (%s: %s). Change that, or"
                    " choose backend nftables." % (port, TOOLS[family], outcomes[0].by if outcomes else "none")
                )
            first = outcomes[: outcomes.index(decided[0])]
            notes += ["%s may let port %d in before ufw's rules: %s" % (TOOLS[family], port, outcome.by)
                      for outcome in first if outcome.verdict not in ("drop", "reject")]  # fmt: skip
    return notes


def plan(wanted: Wanted, found: Found) -> Part:
    """Compare what is wanted with what is there.

    :raises BackendError: this back end can't do it here
    :raises xtables.RulesError: the kernel's rules can't be read
    :raises files.FileError: a file of ufw can't be read
    """
    _refuse(wanted, found)
    texts = ufw.read()
    to_be = {family: ufw.with_ours(text, wanted, family) for family, text in texts.items()}
    tables: Dict[int, Table] = {}
    if found.ufw_active:
        tables = {family: read.get("filter", NOTHING) for family, read in iptables.read().items()}
    loaded = {family: ufw.is_loaded(table, texts[family], wanted, family) for family, table in tables.items()}
    notes: List[str] = []
    if wanted.state in ("closed", "restricted"):
        notes = _decides(tables, to_be, wanted)
        let_in = sorted({words for text in texts.values() for words in ufw.still_let_in(text, wanted.ports)})
        if let_in:
            notes.append("ufw still lists, after our rules, what lets the port in: %s" % "; ".join(let_in))
        notes.append("ufw disable opens the port with all others; ufw reload does for a moment")
    if wanted.state != "absent" and ufw.our_blocks(texts[4]) == ufw.our_blocks(to_be[4]) and not all(loaded.values()):
        notes.append("something else than port995: our rules in the kernel were changed or flushed")

    order, order_to_be = boot_order.present(NAME), boot_order.planned(NAME, wanted, found.systemd)
    if order_to_be is not None and not boot_order.is_enabled(NAME):
        notes.append("ufw.service is not enabled, so after a reboot the port is open with all others")

    def apply() -> None:
        for family, fine in loaded.items():
            if not fine:
                ufw.load(to_be[family], family)

    def persist() -> None:
        with ufw.locked():
            # As they are now: ufw may have been at work since.
            for family, text in ufw.read().items():
                files.write(ufw.FILES[family], ufw.with_ours(text, wanted, family), 0o640)
        if order != order_to_be:
            boot_order.write(NAME, order_to_be)

    extra, steps = {}, boot_order.steps_back(NAME)
    for family, text in texts.items():
        name = "ufw%d.old" % family
        extra[name] = ufw.our_blocks(text)
        steps += "ufw_back %s before/%s %s %s\n" % (ufw.FILES[family], name, TOOLS[family], ufw.CHAINS[family])
    ours = "".join("".join(ufw.blocks(wanted, family)) for family in FAMILIES)
    running = "".join(_listing(table, family) for family, table in tables.items())
    return Part(
        NAME,
        Plane(
            running,
            running if all(loaded.values()) else "".join(
                _listing(ufw.as_loaded(table, to_be[family], family), family) for family, table in tables.items()
            ),
            not all(loaded.values()),
        ),
        Plane(
            "".join(map(ufw.our_blocks, texts.values())) + (order or ""), ours + (order_to_be or ""),
            texts != to_be or order != order_to_be,
        ),
        tuple(notes),
        taking_back.Before(steps, {boot_order.path(NAME): order}, extra),
        apply,
        persist,
    )  # fmt: skip


def _listing(table: Table, family: int) -> str:
    """The rules of ufw's users: ours have no name in the kernel."""
    chains = (ufw.CHAINS[family] + direction for direction in ("input", "forward"))
    return "".join(rule.text + "\n" for chain in chains for rule in table.rules.get(chain, ()))
