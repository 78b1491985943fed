# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 and 2.4: a file of our own, read after the user's, that gives its listeners the port 0, which is none.

The user's files stay as they are. What comes of it is first seen in a copy of the configuration, by doveconf. Where the
folder conf.d is not read, or something that is read after it opens the port again, the file goes beside dovecot.conf
and a line at that one's end takes it in. Source: doc.dovecot.org, "Service configuration". Python 3.9, standard library
only.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from typing import Dict, List, Optional, Sequence, Tuple

from ..change import files
from ..change.commands import CommandError, demand, find
from ..change.revert_script import STATE
from ..daemon.dovecot import CONFIGURATION, UNIT, read_blocks
from .off import HEAD, Off, OffError

FOLDER = os.path.dirname(CONFIGURATION)
IN_FOLDER = FOLDER + "/conf.d/zz-port995-closed.conf"
BESIDE = FOLDER + "/port995-closed.conf"
LINE = "!include_try port995-closed.conf"
MAX_FILE, MAX_FILES = 1024 * 1024, 2000
LISTENER = re.compile(r"service ([A-Za-z0-9_-]+)/inet_listener ([A-Za-z0-9_.-]+)(?:/|$)")
PROCESSES = ("dovecot", "pop3-login")

Listeners = Tuple[Tuple[str, str, int], ...]
"""(service, listener, port)"""


def _copy(target: str) -> None:
    """Copy what doveconf reads; never a private key, which it need not have.

    :raises OffError: there is more than a configuration has
    """
    count = 0
    for folder, folders, names in os.walk(FOLDER):
        folders[:] = [name for name in folders if name != "private"]
        into = target + folder[len(FOLDER) :]
        os.makedirs(into, mode=0o700, exist_ok=True)
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path) or os.path.getsize(path) > MAX_FILE or name.endswith((".pem", ".key")):
                continue
            count += 1
            if count > MAX_FILES:
                raise OffError("%s holds more than %d files" % (FOLDER, MAX_FILES))
            shutil.copyfile(path, os.path.join(into, name))


def listeners(configuration: str, ports: Sequence[int]) -> Listeners:
    """Listeners of ports by a configuration, in effect.

    :raises CommandError: doveconf does not take it; it names file and line
    """
    everything = read_blocks(demand(["doveconf", "-c", configuration, "-a"]))
    protocols = " ".join(
        "%s %s" % (name, value) for name, value in everything.items()
        if name.split("/")[0] == "protocols" and value != "no"
    )  # fmt: skip
    if not re.search(r"\bpop3\b", protocols):
        return ()
    services: Dict[str, None] = {}
    # In 2.4 an empty block has no setting in it, so names are read from lines.
    inside = ""
    for line in demand(["doveconf", "-c", configuration, "-a"]).splitlines():
        begun = re.match(r"service ([A-Za-z0-9_-]+) \{", line)
        inside = begun[1] if begun else "" if line == "}" else inside
        if inside and re.match(r"\s+inet_listener\b", line):
            services[inside] = None
    if not services:
        return ()
    found: List[Tuple[str, str, int]] = []
    for name, value in read_blocks(
        demand(["doveconf", "-c", configuration] + ["service/" + service for service in services])
    ).items():
        listener = LISTENER.match(name)
        if listener and name.endswith("/port") and value.isdigit() and int(value) in ports:
            found.append((listener[1], listener[2], int(value)))
    return tuple(sorted(found))


def render(found: Listeners) -> str:
    """The file that takes the port from listeners."""
    blocks = [
        "service %s {\n  inet_listener %s {\n    port = 0\n  }\n}\n" % (service, listener)
        for service, listener, _port in found
    ]
    return HEAD + "".join(blocks)


def _with(copy: str, name: str, text: str, line: bool) -> None:
    files.write(copy + name[len(FOLDER) :], text)
    if line:
        main = copy + CONFIGURATION[len(FOLDER) :]
        files.write(main, (files.read(main) or "") + "\n" + LINE + "\n")


def _without(copy: str) -> None:
    """Take what is ours out of the copy."""
    for name in (IN_FOLDER, BESIDE):
        files.remove(copy + name[len(FOLDER) :])
    main = copy + CONFIGURATION[len(FOLDER) :]
    files.write(main, "\n".join(row for row in (files.read(main) or "").split("\n") if row != LINE))


def _has_line() -> bool:
    return LINE in (files.read(CONFIGURATION) or "").split("\n")


def _off(what: str, wanted: Dict[str, Optional[str]], line: bool) -> Off:
    own = {path: (files.read(path), wanted.get(path)) for path in (IN_FOLDER, BESIDE)}
    return Off("dovecot", what, own, line=(CONFIGURATION, LINE, _has_line(), line), reload=UNIT, processes=PROCESSES)


def absent() -> Optional[Off]:
    """Give the listeners back; ``None``: nothing of ours is there."""
    if not find("doveconf") or not (os.path.exists(IN_FOLDER) or os.path.exists(BESIDE) or _has_line()):
        return None
    return _off("gives the listeners of Dovecot back", {}, False)


def plan(ports: Sequence[int]) -> Optional[Off]:
    """Find the listeners of ports, and how they are stopped; ``None``: Dovecot has none.

    :raises OffError: they can't be stopped, or its configuration is not valid as it is
    :raises files.FileError: a file can't be read or written
    """
    if not find("doveconf") or not os.path.isfile(CONFIGURATION):
        return None
    try:
        os.makedirs(STATE, mode=0o700, exist_ok=True)
        copy = tempfile.mkdtemp(prefix="dovecot-", dir=STATE)
    except OSError as error:
        why = files.ADVICE.get(error.errno or 0, error.strerror)
        raise files.FileError("%s can't be written: %s" % (STATE, why)) from error
    try:
        _copy(copy)
        main = copy + CONFIGURATION[len(FOLDER) :]
        _without(copy)
        found = listeners(main, ports)
        if not found:
            return None
        text = render(found)
        for path, line in ((IN_FOLDER, False), (BESIDE, True)):
            if not os.path.isdir(copy + os.path.dirname(path)[len(FOLDER) :]):
                continue
            if line and os.path.islink(CONFIGURATION):
                continue
            _with(copy, path, text, line)
            if not listeners(main, ports):
                names = ", ".join("%s of %s (%d)" % (name, service, port) for service, name, port in found)
                return _off("%s gives port 0 to %s" % (path, names), {path: text}, line)
            _without(copy)
    except (CommandError, OSError, shutil.Error) as error:
        said = str(error).replace(copy, FOLDER)
        raise OffError("Dovecot's configuration can't be used as it is, so nothing was changed: %s" % said) from error
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    raise OffError(
        "Dovecot's listener can't be stopped by a file of its own: %s is a link, or something that is read after all"
        " others opens port %s again. Set port = 0 for it there." % (CONFIGURATION, ", ".join(map(str, ports)))
    )
