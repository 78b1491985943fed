# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wants a run to end: a signal, or that nobody is there any more to take its result.

A signal may be lost on its way: ansible-core's worker passes SIGINT and SIGTERM on, and dies of the next one when that
comes before it has done so. What goes on then connects to servers for a run that its operator has ended. Python 3.9,
standard library only.
"""

from __future__ import annotations

import contextlib
import select
import signal
from typing import Callable, Iterator, Optional

LOOK_SECONDS = 0.5
"""How often it is looked whether somebody is still there."""


def nobody_waits(descriptor: int) -> bool:
    """Whether the other end of a pipe, socket or terminal is gone, so that nobody can read what is written there.

    What has no other end (a file), or is not known, has somebody.
    """
    watched = select.poll()
    # Of interest is nothing but what is always told: an error (pipe), or that it was hung up (socket, terminal).
    watched.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _descriptor, event in watched.poll(0))


@contextlib.contextmanager
def interruption(waiting: Optional[int] = None) -> Iterator[Callable[[], bool]]:
    """Take SIGINT and SIGTERM as a wish to end in order while the context lasts; it gives a function that tells of one.

    :param waiting: descriptor of who waits for the result; when nobody does any more, that is such a wish too
    """
    asked = False

    def note(*_signal: object) -> None:
        nonlocal asked
        asked = True

    def interrupted() -> bool:
        return asked or (waiting is not None and nobody_waits(waiting))

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
