# SPDX-License-Identifier: GPL-3.0-or-later
"""What one back end has to do for a plan: the same for all of them. Python 3.9, standard library only."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Optional, Tuple

from ..change import files, taking_back
from ..change.commands import CommandError, demand, run


class BackendError(Exception):
    """A back end can't do what is wanted on this host; the text says why and what can."""


@dataclasses.dataclass(frozen=True)
class Plane:
    """Rules in one of the two places where they are: running, or on disk."""

    before: str
    after: str
    differs: bool


@dataclasses.dataclass(frozen=True)
class Part:
    """What is, what is to be and how it becomes so, in one back end. Making it changed nothing."""

    backend: str
    running: Plane
    on_disk: Plane
    notes: Tuple[str, ...]
    before: taking_back.Before
    """What takes it back."""
    apply: Callable[[], None]
    """Change the running system."""
    persist: Callable[[], None]
    """Write to disk."""
    comparable: bool = True
    """Whether it can be seen that the running system is as wanted."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.running.differs or self.on_disk.differs


@dataclasses.dataclass(frozen=True)
class Disk:
    """What is, or is to be, on disk."""

    own: Dict[str, Optional[str]]
    """Text of each file of ours; ``None``: it is not there. Scripts are told by their first line."""
    foreign: Dict[str, Optional[str]]
    """Text of each file of others that holds, or is to hold, lines of ours."""
    enabled: bool
    """Whether our unit is started at boot."""

    def text(self, ours: Callable[[str], str]) -> str:
        """For a diff.

        :param ours: what of a foreign file's text is ours
        """
        shown = ["# %s\n%s" % (path, text) for path, text in sorted(self.own.items()) if text is not None]
        held = [(path, ours(text)) for path, text in sorted(self.foreign.items()) if text]
        shown += ["# in %s\n%s" % found for found in held if found[1]]
        return "\n".join(shown) + ("# our unit is enabled\n" if self.enabled else "")


def is_enabled(unit: str) -> bool:
    """Whether a unit is started at boot."""
    try:
        return run(["systemctl", "is-enabled", unit]).output.strip() == "enabled"
    except CommandError:
        return False


def write_disk(there: Disk, wanted: Disk, folders: Tuple[str, ...], unit: Optional[str]) -> None:
    """Make the disk as wanted. What is new comes before what needs it; what is not wanted goes last.

    :param folders: removed when they are empty, inner ones first
    :param unit: our unit, where systemd runs
    :raises files.FileError: a file can't be written; those before it are
    :raises CommandError: systemd does not take the unit
    """
    for path, text in wanted.own.items():
        if text is not None and text != there.own.get(path):
            files.write(path, text, 0o755 if text.startswith("#!") else 0o644)
    for path, text in wanted.foreign.items():
        if text is not None and text != there.foreign.get(path):
            files.write(path, text)
        elif text is None:
            files.remove(path)
    if unit is not None and not wanted.enabled and there.enabled:
        demand(["systemctl", "disable", unit])
    for path, text in wanted.own.items():
        if text is None:
            files.remove(path)
    for folder in folders:
        files.remove_folder_if_empty(folder)
    if unit is not None and there.own != wanted.own:
        demand(["systemctl", "daemon-reload"])
    if unit is not None and wanted.enabled and not there.enabled:
        demand(["systemctl", "enable", unit])
