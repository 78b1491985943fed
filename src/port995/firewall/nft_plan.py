# SPDX-License-Identifier: GPL-3.0-or-later
"""What the back end nftables has to do, and what takes it back. Python 3.9, standard library only."""

from __future__ import annotations

import os
import re
import shlex
from typing import List, Optional, Tuple

from ..change import taking_back
from ..change.commands import CommandError, run
from . import nft_files, nftables
from .model import Found, Wanted
from .part import BackendError, Part, Plane

NAME = "nftables"


def has_ours(found: Found) -> bool:
    """Whether our table, or what loads it, may be there: then it is taken away when another back end is chosen."""
    return os.path.exists(nft_files.RULES) or (found.nft is not None and nftables.listing() != "")


def _notes(wanted: Wanted, found: Found, expected: Optional[str]) -> List[str]:
    notes: List[str] = []
    others = ", ".join(found.active)
    if wanted.state == "restricted" and others:
        notes.append("in use beside this table: %s. The networks of allow must be let in there too." % others)
    notes += [
        "%s is a link, so it was left alone: the rules are gone when somebody loads it by hand" % path
        for path in nft_files.CONFIGURATIONS
        if os.path.islink(path)
    ]
    if wanted.state in ("closed", "restricted"):
        if expected is None:
            notes.append("the rules can't be compared here (no network namespace can be made), so they are loaded anew")
        if not found.systemd:
            notes.append("systemd does not run here: nothing but the configuration of nftables loads the rules again")
    return notes


def doors_of_others(listed: str) -> Tuple[str, ...]:
    """Chains of nftables that drop input by their policy, as ``inet filter input``.

    :param listed: what ``nft list chains`` says
    """
    found = []
    table = chain = ""
    for line in listed.splitlines():
        words = line.split()
        if words[:1] == ["table"] and len(words) >= 3:
            table = " ".join(words[1:3])
        elif words[:1] == ["chain"] and len(words) >= 2:
            chain = words[1]
        elif "hook input" in line and re.search(r"policy\s+drop", line) and table != "inet port995":
            found.append("%s %s" % (table, chain))
    return tuple(found)


def can_not_open(found: Found) -> BackendError:
    """Why this back end can't open a port here, and what can."""
    in_use = ", ".join(found.active + tuple(name + " (could not be asked)" for name in found.unknown))
    text = (
        "state open can't be had from the back end nftables: no table lets in what another firewall drops, and in "
        "use here is: %s. Let the port in there; state absent takes away what port995 has put in." % in_use
    )
    try:
        doors = doors_of_others(run(["nft", "list", "chains"]).output)
    except CommandError:
        doors = ()
    if doors and not (found.ufw_active or found.firewalld_active):
        text += (
            " Input is dropped by %s: put a rule there, such as nft insert rule %s tcp dport 995 accept, and the same"
            " into the file that it is loaded from; port995 writes no rules into tables of others."
            % (" and ".join(doors), doors[0])
        )
    return BackendError(text)


def plan(wanted: Wanted, found: Found) -> Part:
    """Compare what is wanted with what is there.

    :raises BackendError: this back end can't do it here
    :raises nftables.NftError: nft can't read the tables, or does not take the rules
    :raises files.FileError: a file can't be read
    """
    if found.nft is None:
        raise BackendError(
            "the back end nftables needs the program nft, which is not there or can't read the kernel's tables. Install"
            " the package nftables, without enabling its service: port995 installs and enables no firewall."
        )
    if wanted.state == "open" and (found.active or found.unknown):
        raise can_not_open(found)
    table = nftables.render(wanted)
    if table:
        nftables.check(table)
    expected = nftables.expected_listing(table)
    listing, on_disk = nftables.listing(), nft_files.present()
    to_be = nft_files.planned(table, found.systemd)
    notes = _notes(wanted, found, expected)
    notes += ["something else than port995: " + what for what in nft_files.disturbed(on_disk, to_be)]
    if table and expected is not None and on_disk == to_be and listing != expected:
        notes.append("something else than port995: our rules in the kernel were changed or flushed")
    return Part(
        NAME,
        # What is not known to be the same is loaded anew.
        Plane(listing, table if expected is None else expected, expected is None or listing != expected),
        Plane(_on_disk(on_disk), _on_disk(to_be), on_disk != to_be),
        tuple(notes),
        _before(listing, on_disk),
        lambda: nftables.load(table),
        lambda: nft_files.write(to_be, found.systemd),
        comparable=expected is not None,
    )


def _on_disk(persistence: nft_files.Persistence) -> str:
    """As text for a diff."""
    parts = []
    for path in nft_files.OWN_FILES:
        if persistence.contents[path] is not None:
            parts.append("# %s\n%s" % (path, persistence.contents[path]))
    for path in persistence.lines_in:
        parts.append("# %s\n%s\n" % (path, nft_files.LINE))
    if persistence.enabled:
        parts.append("# %s is enabled\n" % nft_files.UNIT_NAME)
    return "\n".join(parts)


def _before(listing: str, on_disk: nft_files.Persistence) -> taking_back.Before:
    """Our table, our files, our line, our unit, and nothing else."""
    steps = ["step nft -f before/running.nft"]
    steps += ["restore_file %s" % path for path in nft_files.OWN_FILES]
    for path in nft_files.CONFIGURATIONS:
        word = "add_line" if path in on_disk.lines_in else "remove_line"
        steps.append("%s %s %s" % (word, path, shlex.quote(nft_files.LINE)))
    steps.append("rmdir %s 2>/dev/null" % " ".join(nft_files.OWN_FOLDERS))
    steps.append("unit_back %s %s" % (nft_files.UNIT_NAME, "enabled" if on_disk.enabled else "disabled"))
    return taking_back.Before(
        steps="\n".join(steps) + "\n", files=on_disk.contents, extra={"running.nft": nftables.replace(listing)}
    )
