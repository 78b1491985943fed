# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin a change that the host takes back by itself, and confirm it. One change at a time on a host.

Files in /var/lib/port995:

    lock          who changes the host, since when (JSON)
    before/       what is put back: complete (written last), change, steps, files/PATH, and what steps name
    revert        the script; it works from the console, also after the change was confirmed
    armed         there until the change is confirmed: while it is, the unit takes the change back
    reverting     taking back has begun and did not end
    record.jsonl  who, when, what
    mutex         held (flock) by what is at work

Python 3.9, standard library only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import shutil
import time
import uuid
from typing import IO, Any, Dict, Iterator, Optional

from . import files
from .commands import CommandError, demand, run
from .revert_script import (
    SCRIPT,
    SCRIPT_TEXT,
    SERVICE,
    SERVICE_NAME,
    SERVICE_TEXT,
    STATE,
    TIMER,
    TIMER_NAME,
    TIMER_TEXT,
)

LOCK, ARMED, REVERTING = STATE + "/lock", STATE + "/armed", STATE + "/reverting"
BEFORE, RECORD, MUTEX = STATE + "/before", STATE + "/record.jsonl", STATE + "/mutex"
MAX_RECORD = 1024 * 1024
"""Octets after which the record begins anew; the one before is kept beside it."""
LOCK_SECONDS = 60.0
"""How long beyond its time limit a run that armed nothing may hold the lock."""


class ChangeError(Exception):
    """The change can't begin or go on; the text says why, and what holds."""


class TakenBack(ChangeError):
    """The change was not confirmed in time: the host has taken it back."""


@dataclasses.dataclass(frozen=True)
class Before:
    """What taking back needs."""

    steps: str
    """Lines of shell for `revert_script`: constants of this program only."""
    files: Dict[str, Optional[str]]
    """Files that ``restore_file`` puts back, by path; ``None``: it was not there."""
    extra: Dict[str, str]
    """Files that steps name, by their name inside ``before``."""


def now() -> str:
    """The time of the record and the lock."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def boot_id() -> str:
    """What is another after each boot."""
    return (files.read("/proc/sys/kernel/random/boot_id") or "").strip()


def has_systemd() -> bool:
    """Whether systemd is process 1: only it can take a change back by itself (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def _is_ours(mutex: IO[str]) -> bool:
    try:
        fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def at_work(patience: float = 0.0) -> Iterator[None]:
    """Hold the mutex: one process at a time does something here.

    :param patience: seconds to wait for another one, which may be taking back what is to be confirmed
    :raises ChangeError: another one does
    :raises files.FileError: the state can't be written
    """
    try:
        os.makedirs(STATE, mode=0o700, exist_ok=True)
        with open(MUTEX, "w", encoding="ascii") as mutex:
            end = time.monotonic() + patience
            while not _is_ours(mutex):
                if time.monotonic() >= end:
                    raise ChangeError("port995 is at work on this host already (%s)" % holder())
                time.sleep(0.05)
            yield
    except OSError as error:
        raise files.FileError("%s can't be written: %s" % (STATE, error.strerror)) from error


def _lock() -> Optional[Dict[str, Any]]:
    try:
        read = json.loads(files.read(LOCK) or "null")
    except ValueError:
        return {}
    return read if isinstance(read, dict) or read is None else {}


def holder() -> str:
    """Who holds the lock, in words."""
    lock = _lock()
    if lock is None:
        return "nobody holds the lock"
    return "%s, since %s, change %s" % tuple(str(lock.get(key, "?"))[:200] for key in ("who", "at", "change"))


def nothing_waits() -> None:
    """See that no change waits to be confirmed: what is there until then is not what is going to be.

    :raises ChangeError: one does
    """
    if os.path.exists(ARMED) or os.path.exists(REVERTING):
        raise ChangeError(
            "a change waits to be confirmed or taken back on this host (%s); it ends by itself. %s ends it now."
            % (holder(), SCRIPT)
        )


def take_lock(who: str, limit: float) -> str:
    """Take the lock of this host. Call it `at_work`.

    :returns: the change's identity, 32 hexadecimal digits
    :raises ChangeError: another run has it, or a change waits to be confirmed
    """
    lock = _lock()
    nothing_waits()
    if lock is not None and lock.get("boot_id") == boot_id():
        expires = lock.get("expires")
        if isinstance(expires, (int, float)) and time.monotonic() < expires:
            raise ChangeError("port995 is changing this host already (%s)" % holder())
    change = uuid.uuid4().hex
    text = json.dumps({
        "change": change, "who": who, "at": now(), "boot_id": boot_id(),
        "expires": time.monotonic() + limit + LOCK_SECONDS,
    })  # fmt: skip
    files.write(LOCK, text + "\n", 0o600)
    return change


def save(change: str, before: Before) -> None:
    """Write what taking back needs, and the script.

    :raises files.FileError: it can't be written
    """
    try:
        shutil.rmtree(BEFORE)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise files.FileError("%s can't be removed: %s" % (BEFORE, error.strerror)) from error
    files.write(BEFORE + "/change", change + "\n", 0o600)
    files.write(BEFORE + "/steps", before.steps, 0o600)
    for name, text in before.extra.items():
        files.write(BEFORE + "/" + name, text, 0o600)
    for path, kept in before.files.items():
        if kept is not None:
            files.write(BEFORE + "/files" + path, kept, 0o755 if kept.startswith("#!") else 0o644)
    files.write(SCRIPT, SCRIPT_TEXT, 0o700)
    files.write(BEFORE + "/complete", "\n", 0o600)


def arm(change: str, limit: float) -> None:
    """From here on the host takes the change back: after the time limit, and at boot.

    :param limit: seconds
    :raises ChangeError: systemd does not take the units
    :raises files.FileError: they can't be written
    """
    files.write(SERVICE, SERVICE_TEXT)
    files.write(TIMER, TIMER_TEXT % limit)
    try:
        demand(["systemctl", "daemon-reload"])
        demand(["systemctl", "enable", "--quiet", SERVICE_NAME])
        files.write(ARMED, change + "\n", 0o600)
        # A timer left by an earlier change would keep its own time.
        run(["systemctl", "stop", TIMER_NAME])
        demand(["systemctl", "start", TIMER_NAME])
        demand(["systemctl", "is-active", "--quiet", TIMER_NAME])
    except CommandError as error:
        raise ChangeError("taking back can't be armed, so nothing was changed: %s" % error) from error


def give_up() -> None:
    """Let go of a change that was not applied. What can't be removed stays: the unit finds nothing to do."""
    with contextlib.suppress(files.FileError):
        files.remove(ARMED)
        _remove_units()
        files.remove(LOCK)


def _remove_units() -> None:
    with contextlib.suppress(CommandError):
        run(["systemctl", "stop", TIMER_NAME])
        run(["systemctl", "disable", "--quiet", SERVICE_NAME])
    files.remove(TIMER)
    files.remove(SERVICE)
    with contextlib.suppress(CommandError):
        run(["systemctl", "daemon-reload"])


def still_armed(change: str) -> None:
    """See that the change is still ours to go on with.

    :raises TakenBack: it is not
    """
    if (files.read(ARMED) or "").strip() != change:
        raise TakenBack(
            "the change %s is not there any more: the host has taken it back, or another run has begun (%s)"
            % (change[:32], holder())
        )


def disarm(change: str) -> None:
    """Keep the change: the removal of ``armed`` decides.

    :raises TakenBack: taking back came first; the host is as before
    """
    try:
        os.unlink(ARMED)
        files.sync_folder(STATE)
    except OSError:
        # It may have begun while we were persisting, and missed the last of it.
        with contextlib.suppress(CommandError):
            run([SCRIPT])
        raise TakenBack("the change %s came too late to be confirmed: the host has taken it back" % change) from None
    _remove_units()
    files.remove(LOCK)


def revert_now() -> str:
    """Take the change back at once.

    :returns: what the script said
    :raises CommandError: it can't be started
    """
    done = run([SCRIPT])
    return (done.output + done.errors).strip()[-1000:]


def record(what: str, change: str, who: str, details: Dict[str, Any]) -> None:
    """Add to the record who did what when.

    :raises files.FileError: it can't be written
    """
    line = json.dumps(dict({"at": now(), "what": what, "change": change, "who": who}, **details))
    try:
        if os.path.exists(RECORD) and os.path.getsize(RECORD) > MAX_RECORD:
            os.replace(RECORD, RECORD + ".1")
        with open(RECORD, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise files.FileError("%s can't be written: %s" % (RECORD, error.strerror)) from error
