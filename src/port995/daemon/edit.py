# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be changed on a host for a daemon, and how it is done. Python 3.9, standard library only."""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import Dict, List, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, demand, find, run
from ..change.taking_back import has_systemd
from . import blocks
from .model import DaemonError

OURS = "/var/lib/port995/ours"
"""Copies of what we wrote, to tell what another changed of it."""
HEAD = "# Made by port995 and made anew at its next run. To take it away: pop3s_daemon with state: absent."


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit of systemd, as it is or is to be."""

    name: str
    enabled: bool
    active: bool


@dataclasses.dataclass(frozen=True)
class Edit:
    """Files and units as they are to be; what is not in here is left alone."""

    own: Dict[str, Optional[str]]
    """Files that are ours alone; ``None``: not there."""
    edited: Dict[str, str]
    """Files of others with our marks in them."""
    units: Tuple[Unit, ...]
    """As they are to be, in the order of stopping and starting."""
    reload: str
    """How systemd makes a unit that runs read its files: ``reload-or-restart`` or ``restart``."""
    before: Dict[str, Optional[str]]
    """All these files as they are."""
    units_before: Tuple[Unit, ...]
    disturbed: Tuple[str, ...] = ()
    """What something else changed of ours since we wrote it."""
    left_out: Tuple[str, ...] = ()
    """What is allowed and the daemon's library does not have."""
    notes: Tuple[str, ...] = ()

    @property
    def after(self) -> Dict[str, Optional[str]]:
        """All files as they are to be."""
        return {**self.own, **self.edited}

    @property
    def files_differ(self) -> bool:
        """Whether a file is to be changed."""
        return self.after != self.before

    @property
    def units_differ(self) -> bool:
        """Whether a unit is to be changed."""
        return self.units != self.units_before


def contents_of(paths: Tuple[str, ...]) -> Dict[str, Optional[str]]:
    """Files as they are.

    :raises files.FileError: one can't be read
    """
    return {path: files.read(path) for path in paths}


def unit_as_is(name: str) -> Unit:
    """How a unit is now; one that is not there is neither enabled nor active.

    :raises DaemonError: systemd can't be asked
    """
    if not has_systemd():
        return Unit(name, False, False)
    try:
        enabled = run(["systemctl", "is-enabled", name]).output.strip()
        active = run(["systemctl", "is-active", name]).output.strip()
    except CommandError as error:
        raise DaemonError("systemd can't be asked about %s: %s" % (name, error)) from error
    if enabled == "masked":
        raise DaemonError("%s is masked: somebody wants it never to run. systemctl unmask %s lets it." % (name, name))
    return Unit(name, enabled in ("enabled", "enabled-runtime", "static", "indirect", "generated"), active == "active")


def demand_without_marks(path: str, text: str) -> str:
    """A file of others as it would be without us.

    :raises DaemonError: our marks in it are broken
    """
    try:
        return blocks.without_block(text)
    except blocks.BlockError as error:
        raise DaemonError(
            "%s: %s. Something else than port995 changed our marks there: put that right by hand." % (path, error)
        ) from error


def write(edit: Edit) -> None:
    """Bring the files onto the disk.

    :raises files.FileError: one can't be written
    """
    for path, text in edit.after.items():
        if text == edit.before.get(path):
            continue
        if text is None:
            files.remove(path)
        else:
            files.write(path, text)
            _label(path)


def _label(path: str) -> None:
    """Give a file the context that the policy has for its place, where SELinux is on."""
    if os.path.isdir("/sys/fs/selinux") and find("restorecon"):
        try:
            run(["restorecon", path])
        except CommandError:
            # The file's folder gave it one: what comes of it shows at the look afterwards.
            pass


def activate(edit: Edit, reload: bool) -> None:
    """Bring the units to how they are to be, and let what runs read its files.

    :param reload: the files changed, or what is served is not what is on disk
    :raises DaemonError: systemd could not
    """
    if not has_systemd():
        _without_systemd(edit)
        return
    try:
        for now, then in zip(edit.units_before, edit.units):
            if now.enabled != then.enabled:
                demand(["systemctl", "--quiet", "enable" if then.enabled else "disable", then.name])
            if not then.active and now.active:
                demand(["systemctl", "stop", then.name], timeout=60)
        for now, then in zip(edit.units_before, edit.units):
            if then.active and not now.active:
                demand(["systemctl", "start", then.name], timeout=60)
            elif then.active and reload:
                demand(["systemctl", edit.reload, then.name], timeout=60)
    except CommandError as error:
        raise DaemonError(str(error)) from error


def _without_systemd(edit: Edit) -> None:
    if [unit.name for unit in edit.units] != ["dovecot.service"]:
        raise DaemonError("systemd does not run on this host, and only Dovecot can be told without it")
    try:
        demand(["doveadm", "reload"])
    except CommandError as error:
        raise DaemonError(str(error)) from error


def back(edit: Edit) -> Tuple[str, Dict[str, Optional[str]], Dict[str, str]]:
    """(lines for `revert_script`, files that it puts back, what it compares edited files with)."""
    lines: List[str] = ["restore_file %s" % shlex.quote(path) for path in edit.own]
    lines += ["restore_edited %s" % shlex.quote(path) for path in edit.edited]
    for now, then in zip(edit.units_before, edit.units):
        if now.enabled != then.enabled:
            lines.append("enable_unit %s %s" % (now.name, "enable" if now.enabled else "disable"))
    for now in edit.units_before:
        lines.append("daemon_unit %s %s" % (now.name, edit.reload if now.active else "stop"))
    extra = {"edited" + path: text for path, text in edit.edited.items()}
    return "\n".join(lines) + "\n", dict(edit.before), extra


def shown(edit: Edit) -> Tuple[str, str]:
    """What is ours before and after, as text for a diff: never a line of others, which may hold a password."""
    sides = []
    for contents, units in ((edit.before, edit.units_before), (edit.after, edit.units)):
        parts = []
        for path, text in contents.items():
            if path.startswith(OURS) or text is None:
                continue
            ours = text if path in edit.own else blocks.block_of(text)
            hidden = text.count("\n" + blocks.HIDDEN) if path in edit.edited else 0
            if ours or hidden:
                parts.append("# %s\n%s%s" % (path, ours, "# lines put out of effect: %d\n" % hidden if hidden else ""))
        parts += [
            "# %s: %s, %s\n" % (unit.name, "enabled" if unit.enabled else "disabled",
                                "active" if unit.active else "inactive")
            for unit in units
        ]  # fmt: skip
        sides.append("\n".join(parts))
    return sides[0], sides[1]


def tampered(own: Dict[str, Optional[str]], edited: Dict[str, str]) -> Tuple[str, ...]:
    """What something else changed of ours since we wrote it, with file and line.

    :param own: our files as they are
    :param edited: files with our marks, as they are
    """
    found = []
    for path, now in [*own.items(), *((path, blocks.block_of(text) or None) for path, text in edited.items())]:
        kept = files.read(OURS + path)
        if kept is None or kept == now:
            continue
        if now is None:
            found.append("what port995 wrote into %s is gone" % path)
            continue
        ours, theirs = kept.splitlines(), now.splitlines()
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        line = theirs[at] if at < len(theirs) else "(gone)"
        number = at + 1 if path in own else _line_of(edited[path], at)
        found.append("%s line %d was changed: %s" % (path, number, ascii(line[:120])))
    return tuple(found)


def _line_of(text: str, at: int) -> int:
    """Number in the file of a line inside our marks."""
    starts = (blocks.BEGIN, blocks.BEGIN_AFTER_NO_NEWLINE)
    begin = next((i for i, line in enumerate(text.splitlines(), 1) if line in starts), 0)
    return begin + 1 + at


def kept_copies(own: Dict[str, Optional[str]], edited: Dict[str, str]) -> Dict[str, Optional[str]]:
    """Copies of what is ours, by the path at which they are kept; they are written with the rest."""
    copies: Dict[str, Optional[str]] = {OURS + path: text for path, text in own.items()}
    copies.update({OURS + path: blocks.block_of(text) or None for path, text in edited.items()})
    return copies
