# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of a mail daemon from plan to confirmation: what the module calls, one step after the other.

    plan (tried out on a copy) -> begin (lock, save, arm, write, reload, look on the wire) -> [the controller comes in
    anew, and others may look] -> finish

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Sequence, Tuple

from ..change import armed, taking_back
from ..change.asked import WantedError
from ..change.commands import CommandError
from ..change.files import FileError
from . import certificate, courier_edit, cyrus_edit, dovecot_edit, edit, listening, live
from .model import COURIER, CYRUS, DOVECOT, DaemonError, Found, Wanted
from .read import daemon_of, installed

_EDITS = {DOVECOT: dovecot_edit, COURIER: courier_edit, CYRUS: cyrus_edit}
PORT, CLEAR_PORT = 995, 110

PROBLEMS = (WantedError, DaemonError, FileError, CommandError, taking_back.ChangeError)
"""What the steps raise when something is wrong with the host or with what is asked."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what is to be, and what differs. Making it changed nothing."""

    found: Found
    edit: edit.Edit
    certificate: certificate.Looked
    port: int
    clear_port: int
    reload: bool
    """What is served is not what is on disk, or something on the wire is not as wanted."""
    notes: Tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.edit.files_differ or self.edit.units_differ or self.reload


def choose(name: str, found: Sequence[Found], listening_now: Sequence[Tuple[str, int]]) -> Found:
    """The daemon that is meant.

    :param name: ``auto`` or one of `model.KNOWN`
    :param found: those that are installed
    :param listening_now: (process, its number) of who listens for POP3S now
    :raises DaemonError: none, several, or one that is not known
    """
    by_name = {one.daemon: one for one in found}
    owners = sorted({daemon_of(process) for process, _number in listening_now})
    unknown = [(process, number) for process, number in listening_now if daemon_of(process) not in _EDITS]
    if unknown:
        raise DaemonError(
            "port %d is served by %s (process %d), whose settings port995 does not know: only the firewall can act"
            " here (pop3s_firewall, or the role enforce with enforce_settings: false)"
            % (PORT, unknown[0][0], unknown[0][1])
        )
    if len(owners) > 1:
        raise DaemonError("port %d is served by %s: two mail daemons can't serve it at once. Stop one of them."
                          % (PORT, ", ".join(owners)))  # fmt: skip
    if name != "auto":
        if name not in by_name:
            raise DaemonError("%s is not installed on this host; install: true installs it (of the role enforce:"
                              " enforce_install)" % name)  # fmt: skip
        if owners and owners != [name]:
            raise DaemonError("port %d is served by %s, and %s is to be changed: two mail daemons can't serve it at"
                              " once. Stop one of them." % (PORT, ", ".join(owners), name))  # fmt: skip
        return by_name[name]
    if len(owners) == 1 and owners[0] in by_name:
        return by_name[owners[0]]
    if len(found) == 1:
        return found[0]
    if not found:
        raise DaemonError("no mail daemon is installed whose settings port995 knows (Dovecot, Courier, Cyrus);"
                          " daemon: dovecot with install: true (of the role enforce: enforce_daemon, enforce_install)"
                          " installs one")  # fmt: skip
    raise DaemonError("several mail daemons are installed (%s), and which is to serve port %d can't be told: set daemon"
                      % (", ".join(by_name), PORT))  # fmt: skip


def plan(wanted: Wanted, name: str = "auto") -> Plan:
    """Compare what is wanted with what is there.

    :raises DaemonError: it can't be done here; the text says why, and nothing was changed
    :raises files.FileError: a file can't be read
    """
    found = choose(name, installed(), listening.processes(PORT))
    module = _EDITS[found.daemon]
    port = (found.pop3s_ports or (PORT,))[0]
    clear_port = (found.pop3_ports or (CLEAR_PORT,))[0]
    made = module.make(wanted, found)
    looked = certificate.Looked(None, "", ())
    reload = False
    notes = made.notes + tuple("something else than port995: " + what for what in made.disturbed)
    if wanted.state == "present" and wanted.listener == "present":
        looked = certificate.look(
            wanted.certificate or found.certificate, wanted.key or found.key, wanted.names, module.USER
        )
        if looked.problems:
            raise DaemonError("; ".join(looked.problems) + ". Nothing was changed.")
    if wanted.state == "present" and not made.files_differ and not made.units_differ:
        left = live.problems(wanted, port, clear_port, looked.sha256)
        reload = bool(left)
        notes += tuple("not as its files say: " + what for what in left)
    if made.left_out:
        notes += ("allowed, and not there in this host's library: %s" % ", ".join(made.left_out),)
    return Plan(found, made, looked, port, clear_port, reload, notes)


def before(made: Plan) -> taking_back.Before:
    """What takes the host back to how the plan found it: our files, our marks, units, and nothing else."""
    lines, kept, extra = edit.back(made.edit)
    return taking_back.Before(steps=lines, files=kept, extra=extra)


def apply(made: Plan, wanted: Wanted) -> None:
    """Write the files, let the daemon read them, and see on the wire that it did.

    :raises DaemonError: it did not, or something is not as wanted
    :raises files.FileError: a file can't be written
    """
    edit.write(made.edit)
    edit.activate(made.edit, reload=True)
    left = look(made, wanted)
    if left:
        raise DaemonError("after the change: %s" % "; ".join(left))


def look(made: Plan, wanted: Wanted, patience: float = live.PATIENCE) -> Sequence[str]:
    """What on the wire is not as wanted, after waiting for the daemon to come up."""
    if wanted.state == "absent":
        wanted = dataclasses.replace(wanted, tls=None, cleartext="keep")
        if not any(unit.active for unit in made.edit.units) or not _expected_to_serve(made):
            return ()
    return live.wait(wanted, made.port, made.clear_port, made.certificate.sha256, patience)


def _expected_to_serve(made: Plan) -> bool:
    """Whether the daemon serves POP3S once nothing of ours is there any more."""
    now = next((one for one in installed() if one.daemon == made.found.daemon), None)
    return bool(now and now.pop3s_ports)


def see_applied(made: Plan, wanted: Wanted) -> None:
    """See that what was applied is still there, in the files and on the wire.

    :param made: a plan of now
    :raises DaemonError: it is not
    """
    if made.edit.files_differ or made.edit.units_differ:
        raise DaemonError("what was applied is not there any more: something else changed it")
    left = look(made, wanted)
    if left:
        raise DaemonError("; ".join(left))


def begin(made: Plan, wanted: Wanted, who: str, limit: float) -> str:
    """Change the files, let the daemon read them, and see on the wire that it took.

    :param limit: seconds until the host takes it back
    :returns: the change's identity, for `finish`
    :raises Exception: as `armed.begin`
    """
    return armed.begin(
        who, limit, _what(made, wanted), before(made), lambda: apply(made, wanted),
        otherwise="revert: none changes it without that",
    )  # fmt: skip


def finish(change: str, wanted: Wanted, who: str, name: str = "auto") -> None:
    """See that all is still as wanted, on disk and on the wire, and keep the change.

    :raises Exception: as `armed.finish`
    """

    def keep() -> Dict[str, object]:
        made = plan(wanted, name)
        see_applied(made, wanted)
        return _what(made, wanted)

    armed.finish(change, who, keep)


def change_without_taking_back(made: Plan, wanted: Wanted, who: str) -> None:
    """Change it at once: for hosts that can't take a change back, when asked for.

    :raises taking_back.ChangeError: another run is at work
    :raises DaemonError: something is not as wanted afterwards
    """
    armed.at_once(who, _what(made, wanted), lambda: apply(made, wanted))


def _what(made: Plan, wanted: Wanted) -> Dict[str, object]:
    return {"daemon": made.found.daemon, "state": wanted.state, "listener": wanted.listener,
            "cleartext": wanted.cleartext, "files": sorted(made.edit.after)}  # fmt: skip
