# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that the host takes back unless it is confirmed, whatever is changed: the order of its steps.

    begin (lock, save, arm, apply) -> [others look, the controller comes in over a new connection] -> finish

What is changed, and how it is seen to be as wanted, is the caller's. Python 3.9, standard library only.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, List

from . import taking_back
from .commands import CommandError

PATIENCE = 10.0
"""Seconds to wait for a script that may be taking the change back when it is to be confirmed."""

__all__ = ["PATIENCE", "at_once", "begin", "finish"]


def begin(
    who: str,
    limit: float,
    details: Dict[str, Any],
    before: taking_back.Before,
    apply: Callable[[], None],
    otherwise: str = "",
) -> str:
    """Lock the host, save what is, arm the taking back, and change what is to be changed.

    :param limit: seconds until the host takes it back
    :param details: what is changed, for the record
    :param before: what takes the host back
    :param otherwise: what to do on a host without systemd, for the message
    :returns: the change's identity, for `finish`
    :raises taking_back.ChangeError: another run is at work, this host can't take a change back, or applying failed, and
        it was taken back at once
    :raises files.FileError: /var/lib/port995 or /etc/systemd can't be written; nothing is changed
    """
    if not taking_back.has_systemd():
        text = "systemd does not run on this host, so it can't take a change back"
        raise taking_back.ChangeError("%s; %s" % (text, otherwise) if otherwise else text)
    problems: List[str] = []
    with taking_back.at_work():
        change = taking_back.take_lock(who, limit)
        try:
            taking_back.save(change, before)
            taking_back.arm(change, limit)
            taking_back.record("begun", change, who, dict(details, limit=limit))
        except BaseException:
            taking_back.give_up()
            raise
        with _noting(problems):
            apply()
    _take_back_for(problems)
    return change


def finish(change: str, who: str, keep: Callable[[], Dict[str, Any]]) -> None:
    """Let the change be kept, when it still can be.

    :param keep: sees that all is still as it was applied, writes to disk what is not there yet, and returns what is
        kept, for the record; what it raises takes the change back
    :raises taking_back.TakenBack: it is too late
    :raises taking_back.ChangeError: what is there is not what was applied, or it can't be written: taken back at once
    """
    problems: List[str] = []
    with taking_back.at_work(PATIENCE):
        taking_back.still_armed(change)
        with _noting(problems):
            details = keep()
            taking_back.record("confirmed", change, who, details)
            taking_back.disarm(change)
    _take_back_for(problems)


def at_once(who: str, details: Dict[str, Any], apply: Callable[[], None]) -> None:
    """Change it with nothing that takes it back: for hosts that can't, when asked for.

    :raises taking_back.ChangeError: another run is at work
    :raises Exception: what ``apply`` raises; a part of it may be applied
    """
    with taking_back.at_work():
        change = taking_back.take_lock(who, 0.0)
        try:
            # First: what fails half way was a change too.
            taking_back.record("changed without taking back", change, who, details)
            apply()
        finally:
            taking_back.give_up()


@contextlib.contextmanager
def _noting(problems: List[str]) -> Iterator[None]:
    """Note what went wrong: taking back must wait until the mutex is free, which the script takes."""
    try:
        yield
    except taking_back.TakenBack:
        raise
    except Exception as error:  # noqa: BLE001  A part of it may be applied, and the host is to be as before.
        problems.append(str(error))


def _take_back_for(problems: List[str]) -> None:
    if not problems:
        return
    try:
        said = taking_back.revert_now()
    except CommandError as error:
        said = "it could not be taken back at once (%s); the host does so at the end of the time limit" % error
    raise taking_back.ChangeError("%s. %s" % (problems[0], said))
