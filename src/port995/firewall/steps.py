# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the firewall from plan to confirmation, with nftables: what the module calls, one step after the other.

    plan -> begin (lock, save, arm, apply to the running system) -> [the controller looks, and comes in anew] -> finish

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import List, Optional, Tuple

from ..change import taking_back
from ..change.commands import CommandError
from . import nft_files, nftables
from .detect import detect
from .model import Found, Wanted

PATIENCE = 10.0
"""Seconds to wait for a script that may be taking the change back when it is to be confirmed."""


class FirewallError(Exception):
    """What is wanted can't be done on this host; the text says why and what can."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what is to be, and what differs. Making it changed nothing."""

    found: Found
    table: str
    """Our table as it is to be loaded; empty: none."""
    listing: str
    """Our table as the kernel has it, in nft's words; empty: none."""
    expected: Optional[str]
    """How it is to be listed; ``None``: that can't be found out here."""
    on_disk: nft_files.Persistence
    to_be_on_disk: nft_files.Persistence
    notes: Tuple[str, ...]

    @property
    def running_differs(self) -> bool:
        """Whether the running system is to be changed."""
        return self.expected is None or self.listing != self.expected

    @property
    def disk_differs(self) -> bool:
        """Whether files or a unit are to be changed."""
        return self.on_disk != self.to_be_on_disk

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.running_differs or self.disk_differs


def _notes(wanted: Wanted, found: Found, expected: Optional[str]) -> Tuple[str, ...]:
    notes: List[str] = []
    others = ", ".join(found.active)
    if wanted.state == "restricted" and others:
        notes.append("in use beside this table: %s. The networks of allow must be let in there too." % others)
    notes += [
        "%s is a link, so it was left alone: the rules are gone when somebody loads it by hand" % path
        for path in nft_files.CONFIGURATIONS
        if os.path.islink(path)
    ]
    if found.unknown:
        notes.append("could not be asked: %s" % ", ".join(found.unknown))
    if wanted.state in ("closed", "restricted"):
        if not wanted.forward:
            notes.append("connections that this host routes to guests are not filtered; forward: true closes them too")
        if expected is None:
            notes.append("the rules can't be compared here (no network namespace can be made), so they are loaded anew")
        if not found.systemd:
            notes.append("systemd does not run here: nothing but the configuration of nftables loads the rules again")
    return tuple(notes)


def plan(wanted: Wanted) -> Plan:
    """Compare what is wanted with what is there.

    :raises FirewallError: this back end can't do it here
    :raises nftables.NftError: nft can't read the tables, or does not take the rules
    :raises files.FileError: a file can't be read
    """
    found = detect()
    if found.nft is None:
        raise FirewallError(
            "the back end nftables needs the program nft, which is not there or can't read the kernel's tables. Install"
            " the package nftables, without enabling its service: port995 installs and enables no firewall."
        )
    if wanted.state == "open" and (found.active or found.unknown):
        raise FirewallError(
            "state open can't be had from the back end nftables: no table lets in what another firewall drops, and in "
            "use here is: %s. Let the port in there; state absent takes away what port995 has put in."
            % ", ".join(found.active + tuple(name + " (could not be asked)" for name in found.unknown))
        )
    table = nftables.render(wanted)
    if table:
        nftables.check(table)
    expected = nftables.expected_listing(table)
    listing, on_disk = nftables.listing(), nft_files.present()
    to_be_on_disk = nft_files.planned(table, found.systemd)
    notes = _notes(wanted, found, expected)
    notes += tuple("something else than port995: " + what for what in nft_files.disturbed(on_disk, to_be_on_disk))
    if table and expected is not None and on_disk == to_be_on_disk and listing != expected:
        notes += ("something else than port995: our rules in the kernel were changed or flushed",)
    return Plan(found, table, listing, expected, on_disk, to_be_on_disk, notes)


def before(made: Plan) -> taking_back.Before:
    """What takes the host back to how the plan found it: our table, our files, our line, our unit, and nothing else."""
    steps = ["step nft -f before/running.nft"]
    steps += ["restore_file %s" % path for path in nft_files.OWN_FILES]
    for path in nft_files.CONFIGURATIONS:
        word = "add_line" if path in made.on_disk.lines_in else "remove_line"
        steps.append("%s %s %s" % (word, path, shlex.quote(nft_files.LINE)))
    steps.append("rmdir %s 2>/dev/null" % " ".join(nft_files.OWN_FOLDERS))
    steps.append("step systemctl daemon-reload")
    if made.on_disk.enabled:
        steps.append("step systemctl --quiet enable %s" % nft_files.UNIT_NAME)
    else:
        # The unit's file may be gone, and its link with it: then there is nothing to disable.
        steps.append("rm -f /etc/systemd/system/sysinit.target.wants/%s" % nft_files.UNIT_NAME)
        steps.append("step systemctl daemon-reload")
    return taking_back.Before(
        steps="\n".join(steps) + "\n",
        files=made.on_disk.contents,
        extra={"running.nft": nftables.replace(made.listing)},
    )


def begin(made: Plan, who: str, limit: float, what: str) -> str:
    """Lock the host, save what is, arm the taking back, and change the running system. Files stay as they are.

    :param limit: seconds until the host takes it back
    :param what: the state that is wanted, for the record
    :returns: the change's identity, for `finish`
    :raises taking_back.ChangeError: another run is at work, or this host can't take a change back
    :raises nftables.NftError: nft does not take the rules; nothing is changed
    :raises files.FileError: /var/lib/port995 or /etc/systemd can't be written; nothing is changed
    """
    if not made.found.systemd:
        raise taking_back.ChangeError(
            "systemd does not run on this host, so it can't take a change back; revert: none changes it without that"
        )
    with taking_back.at_work():
        change = taking_back.take_lock(who, limit)
        try:
            taking_back.save(change, before(made))
            taking_back.arm(change, limit)
            taking_back.record("begun", change, who, {"state": what, "limit": limit})
            nftables.load(made.table)
        except BaseException:
            taking_back.give_up()
            raise
    return change


def finish(change: str, wanted: Wanted, who: str) -> None:
    """See that the rules are still there, write them to disk, and keep the change.

    :raises taking_back.TakenBack: it is too late
    :raises taking_back.ChangeError: what is there is not what was applied, or it can't be written: taken back at once
    """
    with taking_back.at_work(PATIENCE):
        taking_back.still_armed(change)
        try:
            made = plan(wanted)
            if made.expected is not None and made.running_differs:
                raise FirewallError("the rules that were applied are not there any more: something else changed them")
            nft_files.write(made.to_be_on_disk, made.found.systemd)
            taking_back.record("confirmed", change, who, {"state": wanted.state})
            taking_back.disarm(change)
        except taking_back.TakenBack:
            raise
        except Exception as error:  # noqa: BLE001  Whatever it is, the host is to be as before.
            problem = str(error)
        else:
            return
    # Outside of the mutex, which the script takes.
    try:
        said = taking_back.revert_now()
    except CommandError as error:
        said = "it could not be taken back at once (%s); the host does so at the end of the time limit" % error
    raise taking_back.ChangeError("%s. %s" % (problem, said))


def change_without_taking_back(made: Plan, who: str, what: str) -> None:
    """Change the running system and the disk at once: for hosts that can't take a change back, when asked for.

    :raises taking_back.ChangeError: another run is at work
    :raises nftables.NftError: nft does not take the rules; nothing is changed
    :raises files.FileError: a file can't be written
    """
    with taking_back.at_work():
        change = taking_back.take_lock(who, 0.0)
        try:
            nftables.load(made.table)
            nft_files.write(made.to_be_on_disk, made.found.systemd)
            taking_back.record("changed without taking back", change, who, {"state": what})
        finally:
            taking_back.give_up()
