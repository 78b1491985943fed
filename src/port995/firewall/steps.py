# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the firewall from plan to confirmation, whatever the back end: what the module calls, step after step.

    plan -> begin (lock, save, arm, apply to the running system) -> [the controller looks, and comes in anew] -> finish

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional, Tuple

from ..change import armed, taking_back
from ..change.asked import WantedError
from ..change.commands import CommandError
from ..change.files import FileError
from . import model
from .choose import BACKENDS, choose, refuse_bypassed
from .detect import detect
from .firewalld import FirewalldError
from .model import Found, Wanted
from .nftables import NftError
from .part import BackendError, Part
from .xtables import RulesError

FirewallError = BackendError

PROBLEMS = (
    WantedError, BackendError, NftError, RulesError, FirewalldError, FileError, CommandError, taking_back.ChangeError,
)  # fmt: skip
"""What the steps raise when something is wrong with the host or with what is asked."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what is to be, and what differs. Making it changed nothing."""

    backend: str
    found: Found
    parts: Tuple[Part, ...]
    """First that of the back end; then those of others that hold rules of ours, which are to go."""
    notes: Tuple[str, ...]

    @property
    def running_differs(self) -> bool:
        """Whether the running system is to be changed."""
        return any(part.running.differs for part in self.parts)

    @property
    def disk_differs(self) -> bool:
        """Whether files or a unit are to be changed."""
        return any(part.on_disk.differs for part in self.parts)

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.running_differs or self.disk_differs

    @property
    def rules(self) -> str:
        """Our rules as they are to be, in all back ends."""
        return "".join(part.running.after for part in self.parts)


def plan(wanted: Wanted, backend: str = "auto") -> Plan:
    """Compare what is wanted with what is there.

    :param backend: ``auto``, or the name of a back end
    :raises BackendError: it can't do it here
    :raises nftables.NftError: nft can't read the tables, or does not take the rules
    :raises xtables.RulesError: iptables can't read them, or does not take them
    :raises files.FileError: a file can't be read
    :raises CommandError: a program of the firewall failed
    """
    found = detect()
    name = choose(backend, wanted, found)
    notes = list(refuse_bypassed(name, wanted))
    parts: List[Part] = []
    if wanted.state != "absent":
        parts.append(BACKENDS[name].plan(wanted, found))
    nothing = model.wanted("absent", wanted.ports)
    for other, module in BACKENDS.items():
        if (other != name or wanted.state == "absent") and module.has_ours(found):
            parts.append(module.plan(nothing, found))
    if found.unknown:
        notes.append("could not be asked: %s" % ", ".join(found.unknown))
    if wanted.state in ("closed", "restricted") and not wanted.forward:
        notes.append("connections that this host routes to guests are not filtered; forward: true closes them too")
    return Plan(name, found, tuple(parts), tuple(notes) + tuple(note for part in parts for note in part.notes))


def before(made: Plan) -> taking_back.Before:
    """What takes the host back to how the plan found it: what is ours, and nothing else.

    Back ends that lose their rules come first: a port that was shut is not open in between.
    """
    kept: Dict[str, Optional[str]] = {}
    extra: Dict[str, str] = {}
    steps = ""
    for part in reversed(made.parts):
        steps += part.before.steps
        kept.update(part.before.files)
        extra.update(part.before.extra)
    return taking_back.Before(steps, kept, extra)


def apply(made: Plan) -> None:
    """Change the running system: the back end first, then those that lose their rules."""
    for part in made.parts:
        if part.running.differs:
            part.apply()


def persist(made: Plan) -> None:
    """Write to disk, in the same order."""
    for part in made.parts:
        if part.on_disk.differs:
            part.persist()


def begin(made: Plan, who: str, limit: float, what: str) -> str:
    """Change the running system; files stay as they are, but for what takes it back.

    :param limit: seconds until the host takes it back
    :param what: the state that is wanted, for the record
    :returns: the change's identity, for `finish`
    :raises Exception: as `armed.begin`
    """
    return armed.begin(
        who, limit, {"state": what, "backend": made.backend}, before(made), lambda: apply(made),
        otherwise="revert: none changes it without that",
    )  # fmt: skip


def finish(change: str, wanted: Wanted, who: str, backend: str = "auto") -> None:
    """See that the rules are still there, write them to disk, and keep the change.

    :raises Exception: as `armed.finish`
    """

    def keep() -> Dict[str, object]:
        made = plan(wanted, backend)
        for part in made.parts:
            if part.comparable and part.running.differs:
                raise FirewallError(
                    "the rules that were applied are not there any more: something else changed them (%s)"
                    % "; ".join((part.backend,) + part.notes)
                )
        persist(made)
        return {"state": wanted.state, "backend": made.backend}

    armed.finish(change, who, keep)


def change_without_taking_back(made: Plan, who: str, what: str) -> None:
    """Change the running system and the disk at once: for hosts that can't take a change back, when asked for.

    :raises taking_back.ChangeError: another run is at work
    :raises nftables.NftError: nft does not take the rules; nothing is changed
    :raises files.FileError: a file can't be written
    """

    def change() -> None:
        apply(made)
        persist(made)

    armed.at_once(who, {"state": what, "backend": made.backend}, change)
