# SPDX-License-Identifier: GPL-3.0-or-later
"""Cyrus: the service's line in cyrus.conf becomes a comment, since that file can take no other one in (cyrus.conf(5)).

Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
import uuid
from typing import Optional, Sequence

from ..change import files
from ..daemon.cyrus import SERVICES, UNITS, services
from .off import Marking, Off, OffError

TAG = "#port995-closed-%s# "
TAGGED = re.compile(r"^#port995-closed-[0-9a-f]{8}# ", re.MULTILINE)
NAMED = {"pop3": 110, "pop3s": 995}
PROCESSES = ("cyrmaster", "cyrus-master", "master")


def port_of(listen: str) -> Optional[int]:
    """The port that a service listens on; ``None``: a socket in the file system, or a name that is not of POP3."""
    last = listen.rpartition(":")[2]
    return int(last) if last.isdigit() else NAMED.get(last)


def marked(text: str, ports: Sequence[int], tag: str) -> str:
    """The text with the lines of services on ports as comments."""
    lines = {line for _name, line, keys in services(text) if port_of(keys.get("listen", "")) in ports}
    return "".join(tag + row if row.rstrip("\r\n") in lines else row for row in text.splitlines(keepends=True))


def _off(what: str, marking: Marking) -> Off:
    return Off("cyrus", what, marking=marking, reload=UNITS[0], restart=True, processes=PROCESSES)


def absent() -> Optional[Off]:
    """Give the services back; ``None``: nothing of ours is there."""
    text = files.read(SERVICES)
    if text is None or not TAGGED.search(text):
        return None
    return _off("gives the services of Cyrus back", Marking(SERVICES, text, TAGGED.sub("", text), ""))


def plan(ports: Sequence[int]) -> Optional[Off]:
    """Find the services on ports, and how they are stopped; ``None``: Cyrus has none.

    :raises files.FileError: cyrus.conf can't be read
    :raises OffError: it is a link
    """
    text = files.read(SERVICES)
    if text is None:
        return None
    tag = TAG % uuid.uuid4().hex[:8]
    after = marked(text, ports, tag)
    if after == text:
        # What is marked already still says that Cyrus's listener is to be gone.
        return _off("the services are comments in %s" % SERVICES, Marking(SERVICES, text, text, "")) if (
            TAGGED.search(text)) else None  # fmt: skip
    if os.path.islink(SERVICES):
        raise OffError(
            "%s is a link, so another tool has the real file: comment the services of POP3 out there" % SERVICES
        )
    names = ", ".join(name for name, _line, keys in services(text) if port_of(keys.get("listen", "")) in ports)
    return _off("makes a comment of %s in %s" % (names, SERVICES), Marking(SERVICES, text, after, tag))
