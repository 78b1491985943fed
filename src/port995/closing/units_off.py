# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that do nothing but listen on the ports: Courier's servers, and sockets.

An addition to the unit with a condition that is never met keeps it from starting. Unlike a mask it goes together with a
unit of the administrator's own, and a package that starts its unit after an upgrade does not fail. Python 3.9, standard
library only.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from ..change import files
from ..change.commands import CommandError, demand
from ..daemon import courier
from .off import HEAD, Off

NAME = "port995-closed.conf"
TEXT = HEAD + "[Unit]\nConditionPathExists=!/\n"
"""The folder / is always there (systemd.unit(5), "Conditions and Asserts")."""
FOLDER = "/etc/systemd/system"
UNIT = re.compile(r"[A-Za-z0-9@_.:-]+\.(?:service|socket)\Z")
KNOWN_BY_FILE = ("dovecot.service", "cyrus-imapd.service")
"""Services whose own files say what they listen on."""


def addition(unit: str) -> str:
    """The path of the addition to a unit."""
    return "%s/%s.d/%s" % (FOLDER, unit, NAME)


def show(units: Sequence[str]) -> List[Dict[str, List[str]]]:
    """Properties of units, each with its values.

    :raises CommandError: systemd does not tell them
    """
    said = demand(
        ["systemctl", "show", "--all", *units, "--property=Id,LoadState,ActiveState,UnitFileState,Listen,Triggers"]
    )
    found = []
    for block in re.split(r"\n\n+", said.strip()):
        one: Dict[str, List[str]] = {}
        for line in block.splitlines():
            key, _equals, value = line.partition("=")
            one.setdefault(key, []).append(value)
        found.append(one)
    return found


def _value(unit: Dict[str, List[str]], key: str) -> str:
    return unit.get(key, [""])[0]


def _is_used(unit: Dict[str, List[str]]) -> bool:
    """Whether it runs, or would at the next boot."""
    return _value(unit, "LoadState") == "loaded" and (
        _value(unit, "ActiveState") in ("active", "activating", "reloading")
        or _value(unit, "UnitFileState") in ("enabled", "enabled-runtime", "linked", "alias", "generated", "indirect")
    )


def _runs(unit: Dict[str, List[str]]) -> bool:
    return _value(unit, "ActiveState") in ("active", "activating", "reloading")


def listens(unit: Dict[str, List[str]]) -> Tuple[int, ...]:
    """Ports that a socket listens on; a socket in the file system counts as 0."""
    found = []
    for value in unit.get("Listen", []):
        for one in re.findall(r"(\S+) \((Stream|Datagram|SequentialPacket|FIFO|Special|Netlink|MessageQueue)\)", value):
            port = one[0].rpartition(":")[2]
            found.append(int(port) if one[1] == "Stream" and port.isdigit() else 0)
    return tuple(found)


def _off(daemon: str, what: str, stopped: Sequence[str], running: Sequence[str], processes: Tuple[str, ...]) -> Off:
    own = {addition(unit): (files.read(addition(unit)), TEXT) for unit in stopped}
    return Off(daemon, what, dict(own), stop=tuple(running), units=True, processes=processes)


def _courier(ports: Sequence[int]) -> Optional[Off]:
    found = courier.read()
    if found is None:
        return None
    pairs = ((courier.UNITS[0], found.pop3s_ports, 995), (courier.UNITS[1], found.pop3_ports, 110))
    units = show(courier.UNITS)
    stopped, running = [], []
    for name, own_ports, usual in pairs:
        # Where its settings can't be read, the port is Courier's usual one.
        if not set(own_ports or (usual,)) & set(ports):
            continue
        for unit in units:
            if _value(unit, "Id") == name and (_is_used(unit) or os.path.exists(addition(name))):
                stopped.append(name)
                running += [name] if _runs(unit) else []
    if not stopped:
        return None
    return _off("courier", "keeps %s from starting" % ", ".join(stopped), stopped, running, ("couriertcpd",))


def _sockets(ports: Sequence[int]) -> Tuple[Optional[Off], List[str]]:
    stopped, running, notes = [], [], []
    for unit in show(["*.socket"]):
        name, own = _value(unit, "Id"), listens(unit)
        if not set(own) & set(ports) or not UNIT.match(name) or not (_is_used(unit) or os.path.exists(addition(name))):
            continue
        if set(own) - set(ports):
            notes.append("%s listens on other ports too, so it was not stopped" % name)
            continue
        stopped.append(name)
        running += [name] if _runs(unit) else []
        for service in " ".join(unit.get("Triggers", [])).split():
            # It holds the socket itself once it was started.
            if UNIT.match(service) and service not in KNOWN_BY_FILE and any(map(_runs, show([service]))):
                running.append(service)
    if not stopped:
        return None, notes
    return _off("systemd", "keeps %s from listening" % ", ".join(stopped), stopped, running, ("systemd",)), notes


def plan(ports: Sequence[int]) -> Tuple[List[Off], List[str]]:
    """Find units that do nothing but listen on ports.

    :returns: how they are stopped, and what is to be known
    :raises files.FileError: a file can't be read
    :raises CommandError: systemd does not tell its units
    """
    socket, notes = _sockets(ports)
    return [off for off in (_courier(ports), socket) if off is not None], notes


def absent() -> List[Off]:
    """Let the units start again, and start those that are started at boot.

    :raises CommandError: systemd does not tell its units
    """
    found = []
    for path in sorted(glob.glob("%s/*.d/%s" % (FOLDER, NAME))):
        name = os.path.basename(os.path.dirname(path))[:-2]
        if not UNIT.match(name):
            continue
        enabled = any(_value(unit, "UnitFileState") == "enabled" for unit in show([name]))
        found.append(Off("systemd", "lets %s start again" % name, {path: (files.read(path), None)},
                         start=(name,) if enabled else (), units=True))  # fmt: skip
    return found


__all__ = ["CommandError", "absent", "plan"]
