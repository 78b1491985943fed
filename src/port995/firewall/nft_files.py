# SPDX-License-Identifier: GPL-3.0-or-later
"""How our table of nftables comes back: after a reboot, and after each way in which nftables is loaded anew.

``nft -f /etc/nftables.conf`` begins with ``flush ruleset`` on Debian: it is what nftables.service does at start and
at reload, and what an administrator does by hand. So three things stand for each other:

- a line at the end of that file takes ours in, in the same transaction. It is a pattern: a pattern that matches no file
  is no error, where the name of a file that is gone would keep the whole firewall from being loaded;
- a unit of our own loads it at boot before the network and before any daemon, whatever becomes of nftables.service;
- an addition to nftables.service loads it again after each start, reload and stop, should another tool have written
  nftables.conf without our line. Where its stop is the known ``nft flush ruleset``, that is done in one transaction
  with ours.

Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Dict, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, demand, find, run
from .nftables import replace

FOLDER = "/etc/port995/firewall"
RULES = FOLDER + "/rules.nft"
STOP = FOLDER + "/stop-nftables"
UNIT_NAME = "port995-firewall.service"
UNIT = "/etc/systemd/system/" + UNIT_NAME
ADDITION = "/etc/systemd/system/nftables.service.d/port995.conf"
OWN_FILES = (RULES, STOP, UNIT, ADDITION)
OWN_FOLDERS = ("/etc/systemd/system/nftables.service.d", FOLDER, "/etc/port995")
"""Removed when they are empty; inner ones first."""
CONFIGURATIONS = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
"""Of Debian and its family, of Red Hat and its family."""
LINE = 'include "%s/*.nft" # port995: keeps its rules when this file is loaded; state absent removes it' % FOLDER

HEAD = "# Made by port995 and written anew by it; state absent removes it.\n"
KNOWN_STOP = re.compile(r"ExecStop=(?:/usr)?/sbin/nft flush ruleset\Z")


@dataclasses.dataclass(frozen=True)
class Persistence:
    """What is to be on disk."""

    contents: Dict[str, Optional[str]]
    """Text of each of our own files; ``None``: it is not to be there."""
    lines_in: Tuple[str, ...]
    """Foreign files that are to hold `LINE`."""
    enabled: bool
    """Whether our unit is to be started at boot."""


def unit(nft: str) -> str:
    """Our unit: it loads the table before anything listens, and stopping it changes nothing."""
    return HEAD + """\
[Unit]
Description=Rules of port995
Documentation=https://github.com/port995/pop3s
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target sysinit.target shutdown.target
After=nftables.service port995-revert.service
Conflicts=shutdown.target
ConditionPathExists=%s

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=%s -f %s

[Install]
WantedBy=sysinit.target
""" % (RULES, nft, RULES)


def addition(nft: str, known_stop: bool) -> str:
    """What is added to nftables.service."""
    again = "%s -f %s" % (nft, RULES)
    stop = "ExecStop=\nExecStop=%s -f %s\n" % (nft, STOP) if known_stop else ""
    return HEAD + "[Service]\n%sExecStartPost=-%s\nExecReload=-%s\nExecStopPost=-%s\n" % (stop, again, again, again)


def nftables_service() -> Optional[str]:
    """The text of nftables.service with what others have added; ``None``: there is none."""
    try:
        done = run(["systemctl", "cat", "nftables.service"])
    except CommandError:
        return None
    if done.code:
        return None
    # One file after the other, each under a comment with its path.
    parts = re.split(r"^(?=# /)", done.output, flags=re.MULTILINE)
    return "".join(part for part in parts if not part.startswith("# %s\n" % ADDITION))


def has_known_stop(service: str) -> bool:
    """Whether all that the service does at its stop is to flush the rules."""
    stops = re.findall(r"^ExecStop=.*$", service, re.MULTILINE)
    return len(stops) == 1 and KNOWN_STOP.match(stops[0]) is not None


def planned(table: str, systemd: bool) -> Persistence:
    """What is to be on disk for a table; an empty one: nothing of ours.

    :raises files.FileError: a configuration of nftables can't be read
    """
    if not table:
        return Persistence(dict.fromkeys(OWN_FILES), (), False)
    nft = find("nft") or "/usr/sbin/nft"
    contents: Dict[str, Optional[str]] = dict.fromkeys(OWN_FILES)
    contents[RULES] = HEAD + replace(table)
    if systemd:
        contents[UNIT] = unit(nft)
        service = nftables_service()
        if service is not None:
            known = has_known_stop(service)
            contents[ADDITION] = addition(nft, known)
            if known:
                contents[STOP] = HEAD + "flush ruleset\n" + table
    return Persistence(contents, tuple(path for path in CONFIGURATIONS if is_plain(path)), systemd)


def is_plain(path: str) -> bool:
    """Whether it is a file by itself. Where it is a link, another tool has the real one: it is left alone."""
    return os.path.isfile(path) and not os.path.islink(path)


def present() -> Persistence:
    """What is on disk.

    :raises files.FileError: it can't be read
    """
    holding = tuple(path for path in CONFIGURATIONS if is_plain(path) and LINE in (files.read(path) or "").split("\n"))
    return Persistence({path: files.read(path) for path in OWN_FILES}, holding, is_enabled())


def disturbed(there: Persistence, wanted: Persistence) -> Tuple[str, ...]:
    """What something else has changed of what we had put on disk, in words. Empty where we had nothing there, or where
    other rules are wanted than were."""
    rules = there.contents[RULES]
    if rules is None or rules != wanted.contents[RULES]:
        return ()
    changed = ["%s was changed or removed" % path for path, text in wanted.contents.items()
               if there.contents[path] != text]  # fmt: skip
    changed += ["%s does not hold our line any more" % path for path in wanted.lines_in if path not in there.lines_in]
    if wanted.enabled and not there.enabled:
        changed.append("%s is not enabled any more" % UNIT_NAME)
    return tuple(changed)


def is_enabled() -> bool:
    """Whether our unit is started at boot."""
    try:
        return run(["systemctl", "is-enabled", UNIT_NAME]).output.strip() == "enabled"
    except CommandError:
        return False


def with_line(text: str) -> str:
    """A configuration with our line as its last."""
    lines = without_line(text)
    # Where the last line has no end, ours has none either: so it can be taken out again without a trace.
    return "%s\n%s" % (lines, LINE) if lines and not lines.endswith("\n") else "%s%s\n" % (lines, LINE)


def without_line(text: str) -> str:
    """A configuration without our line, and else to the octet as it was."""
    if text.endswith("\n" + LINE):
        text = text[: -len("\n" + LINE)]
    return "".join(line for line in text.splitlines(True) if line.rstrip("\n") != LINE)


def write(wanted: Persistence, systemd: bool) -> None:
    """Make the disk as wanted. Additions come before what they need is gone, and go after it.

    :raises files.FileError: a file can't be written; those before it are
    :raises CommandError: systemd does not take the unit
    """
    for path, text in wanted.contents.items():
        if text is not None and files.read(path) != text:
            files.write(path, text)
    for path in filter(is_plain, CONFIGURATIONS):
        before = files.read(path)
        if before is not None:
            after = with_line(before) if path in wanted.lines_in else without_line(before)
            if after != before:
                files.write(path, after)
    if systemd and not wanted.enabled and is_enabled():
        demand(["systemctl", "disable", UNIT_NAME])
    for path in reversed(OWN_FILES):
        if wanted.contents[path] is None:
            files.remove(path)
    for folder in OWN_FOLDERS:
        files.remove_folder_if_empty(folder)
    if systemd:
        demand(["systemctl", "daemon-reload"])
        if wanted.enabled and not is_enabled():
            demand(["systemctl", "enable", UNIT_NAME])
