# SPDX-License-Identifier: GPL-3.0-or-later
"""One way in which a listener is stopped, now and at each start to come, and how that is undone.

What is written is a file of our own, wherever a daemon reads such a one; else lines of a foreign file are marked as
comments, and undoing takes the mark away. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import Dict, List, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, demand, run

HEAD = (
    "# Made by port995: this host's intent is that nobody reaches POP3S here. State absent of pop3s_close removes it.\n"
)


class OffError(Exception):
    """A listener can't be stopped; the text says why and what can be done."""


@dataclasses.dataclass(frozen=True)
class Marking:
    """Lines of a foreign file that are made comments, or are given back."""

    path: str
    before: str
    after: str
    tag: str
    """What stands before each line that is marked by this change: taking it away undoes the change. Empty: lines are
    given back, and undoing puts the file back."""


@dataclasses.dataclass(frozen=True)
class Off:
    """How the listeners of one daemon are stopped, or given back. Making it changed nothing."""

    daemon: str
    what: str
    """In words, for people."""
    own: Dict[str, Tuple[Optional[str], Optional[str]]] = dataclasses.field(default_factory=dict)
    """Files of our own: what is there, and what is to be; ``None``: nothing."""
    marking: Optional[Marking] = None
    line: Optional[Tuple[str, str, bool, bool]] = None
    """A foreign file, a line of ours at its end, whether it is there and whether it is to be."""
    stop: Tuple[str, ...] = ()
    """Units that run and are to be stopped."""
    start: Tuple[str, ...] = ()
    """Units that are to be started."""
    reload: str = ""
    """A unit that reads its files anew."""
    restart: bool = False
    """Whether it has to be restarted for that."""
    units: bool = False
    """Whether files of systemd are among them."""
    processes: Tuple[str, ...] = ()
    """Names of the processes whose listener is to be gone."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(
            [path for path, (before, after) in self.own.items() if before != after]
            or (self.marking and self.marking.before != self.marking.after)
            or (self.line and self.line[2] != self.line[3])
            or self.stop
        )

    def text(self, after: bool) -> str:
        """What of it is on disk, as text for a diff."""
        parts = ["# %s\n%s" % (path, pair[after]) for path, pair in sorted(self.own.items()) if pair[after] is not None]
        if self.line is not None and self.line[3 if after else 2]:
            parts.append("# %s\n%s\n" % (self.line[0], self.line[1]))
        if self.marking is not None:
            parts.append("# %s\n%s" % (self.marking.path, self.marking.after if after else self.marking.before))
        return "\n".join(parts)

    def saved(self) -> Dict[str, Optional[str]]:
        """Files that undoing puts back, as `change.taking_back.Before` takes them."""
        kept = {path: before for path, (before, _after) in self.own.items()}
        if self.marking is not None and not self.marking.tag:
            kept[self.marking.path] = self.marking.before
        return kept

    def undo(self) -> List[str]:
        """Lines of the script that takes the change back: paths and names that are ours or systemd's."""
        steps = ["restore_file %s" % shlex.quote(path) for path in sorted(self.saved())]
        if self.marking is not None and self.marking.tag:
            steps.append("step sed -i 's/^%s//' %s" % (self.marking.tag, self.marking.path))
        if self.line is not None:
            word = "add_line" if self.line[2] else "remove_line"
            steps.append("%s %s %s" % (word, shlex.quote(self.line[0]), shlex.quote(self.line[1])))
        if self.units:
            folders = {os.path.dirname(path) for path in self.own}
            steps.append("rmdir %s 2>/dev/null" % " ".join(shlex.quote(folder) for folder in sorted(folders)))
            steps.append("step systemctl daemon-reload")
        # Not waited for: at boot the unit that takes back comes before them. What does not run is not started.
        if self.reload:
            how = "try-restart" if self.restart else "try-reload-or-restart"
            steps.append("step systemctl --no-block %s %s" % (how, shlex.quote(self.reload)))
        steps += ["step systemctl --no-block start %s" % shlex.quote(unit) for unit in self.stop]
        steps += ["step systemctl --no-block stop %s" % shlex.quote(unit) for unit in self.start]
        return steps

    def apply(self) -> None:
        """Do it.

        :raises files.FileError: a file can't be written
        :raises CommandError: a program of the host fails
        :raises OffError: a foreign file was changed since it was read
        """
        for path, (before, after) in self.own.items():
            if after is not None and after != before:
                files.write(path, after)
            elif after is None and before is not None:
                files.remove(path)
                files.remove_folder_if_empty(os.path.dirname(path))
        if self.marking is not None and self.marking.before != self.marking.after:
            if files.read(self.marking.path) != self.marking.before:
                raise OffError("%s was changed by something else meanwhile" % self.marking.path)
            files.write(self.marking.path, self.marking.after)
        if self.line is not None and self.line[2] != self.line[3]:
            self._line(*self.line)
        if self.units:
            demand(["systemctl", "daemon-reload"])
        for unit in self.stop:
            demand(["systemctl", "stop", unit], timeout=60.0)
        for unit in self.start:
            demand(["systemctl", "start", unit], timeout=60.0)
        if self.reload and is_active(self.reload):
            how = "try-restart" if self.restart else "try-reload-or-restart"
            demand(["systemctl", how, self.reload], timeout=60.0)

    @staticmethod
    def _line(path: str, line: str, _before: bool, after: bool) -> None:
        text = files.read(path) or ""
        rows = [row for row in text.split("\n") if row != line]
        kept = "\n".join(rows)
        if after:
            kept = kept + ("" if kept.endswith("\n") or not kept else "\n") + line + "\n"
        files.write(path, kept)


def is_active(unit: str) -> bool:
    """Whether systemd runs a unit."""
    try:
        return run(["systemctl", "is-active", "--quiet", unit]).code == 0
    except CommandError:
        return False
