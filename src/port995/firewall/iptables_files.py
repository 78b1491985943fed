# SPDX-License-Identifier: GPL-3.0-or-later
"""How our rules of iptables come back: after a reboot, and after each way in which saved rules are loaded anew.

``iptables-restore`` without ``--noflush`` empties a table, and it is what netfilter-persistent and the services of Red
Hat do at start and reload. So three things stand for each other, as with nftables:

- our lines in the files that they load, where these hold the table filter at all: restored in the same transaction.
  The lines of others are not written anew, so nothing that runs gets saved (chains of Docker and fail2ban would);
- a unit of our own loads ours at boot, before the network;
- what is added to their services, and a plugin of netfilter-persistent, loads ours again after whatever they do.
  ``netfilter-persistent flush`` empties the tables first: for these milliseconds there is no rule at all.

Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, run
from . import iptables, xtables
from .model import Wanted
from .part import Disk, is_enabled

FOLDER = "/etc/port995/firewall"
RULES = {4: FOLDER + "/iptables.rules", 6: FOLDER + "/ip6tables.rules"}
LOAD = FOLDER + "/load-iptables"
UNIT_NAME = "port995-iptables.service"
UNIT = "/etc/systemd/system/" + UNIT_NAME
PLUGIN = "/usr/share/netfilter-persistent/plugins.d/95-port995"
SERVICES = ("netfilter-persistent", "iptables", "ip6tables")
ADDITIONS = {name: "/etc/systemd/system/%s.service.d/port995.conf" % name for name in SERVICES}
SAVED = {
    4: ("/etc/iptables/rules.v4", "/etc/sysconfig/iptables"),
    6: ("/etc/iptables/rules.v6", "/etc/sysconfig/ip6tables"),
}
"""Of Debian and its family, of Red Hat and its family."""
OWN_FILES = (RULES[4], RULES[6], LOAD, UNIT, PLUGIN, *ADDITIONS.values())
OWN_FOLDERS = tuple(os.path.dirname(path) for path in ADDITIONS.values()) + (FOLDER, "/etc/port995")

HEAD = "# Made by port995 and written anew by it; state absent removes it.\n"
MADE_TABLE = "# The table was made with these rules, and goes with them when nobody else uses it.\n"

LOAD_TEXT = (
    "#!/bin/sh\n"
    + HEAD
    + """\
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
code=0
for tool in iptables ip6tables; do
    rules=%s/$tool.rules
    [ -e "$rules" ] || continue
    # In one transaction, and only our chain: rules of others stay.
    "$tool-restore" -w 10 --noflush <"$rules" || code=1
%sdone
exit $code
"""
)
JUMP_TEXT = """\
    "$tool" -w 10 -C %(chain)s %(rule)s 2>/dev/null ||
        "$tool" -w 10 -I %(chain)s %(rule)s || code=1
"""
PLUGIN_TEXT = "#!/bin/sh\n" + HEAD + 'case "$1" in\nsave) ;;\n*) exec %s ;;\nesac\n' % LOAD
UNIT_TEXT = HEAD + """\
[Unit]
Description=Rules of port995 in iptables
Documentation=https://github.com/port995/pop3s
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target sysinit.target shutdown.target
After=port995-revert.service
Conflicts=shutdown.target
ConditionPathExists=%s

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=%s

[Install]
WantedBy=sysinit.target
""" % (LOAD, LOAD)


def _service(name: str) -> Optional[str]:
    """The text of a service with what others have added; ``None``: there is none."""
    try:
        done = run(["systemctl", "cat", name + ".service"])
    except CommandError:
        return None
    if done.code:
        return None
    parts = re.split(r"^(?=# /)", done.output, flags=re.MULTILINE)
    return "".join(part for part in parts if not part.startswith("# %s\n" % ADDITIONS[name]))


def addition(service: str) -> str:
    """What is added to a service that loads saved rules. One that can't be reloaded does not learn it from us."""
    again = "-" + LOAD
    reload_too = "ExecReload=%s\n" % again if re.search(r"^ExecReload=.", service, re.MULTILINE) else ""
    return HEAD + "[Service]\nExecStartPost=%s\n%sExecStopPost=%s\n" % (again, reload_too, again)


def is_plain(path: str) -> bool:
    """Whether it is a file by itself. Where it is a link, another tool has the real one: it is left alone."""
    return os.path.isfile(path) and not os.path.islink(path)


def without_lines(text: str) -> str:
    """Saved rules without ours, and else to the octet as they were."""
    return "".join(line for line in text.splitlines(True) if not iptables.OURS.match(line.rstrip("\r\n")))


def our_lines(text: str) -> str:
    """Our lines of saved rules."""
    return "".join(line for line in text.splitlines(True) if iptables.OURS.match(line.rstrip("\r\n")))


def with_lines(text: str, wanted: Wanted, family: int) -> str:
    """Saved rules with ours, in the place that they have when they run.

    :returns: without ours where the table filter is not among them, as it is not emptied then
    """
    text = without_lines(text)
    table = xtables.parse(text).get(iptables.TABLE)
    rules = iptables.chain_rules(wanted, family)
    if table is None or not rules:
        return text
    to_jump = iptables.jumps(wanted)
    left = {chain: iptables.place(table, wanted, chain) for chain, _rule in to_jump}
    head = [":%s - [0:0]" % iptables.CHAIN] + rules
    out: List[str] = []
    inside = declared = False
    pending: Dict[str, List[str]] = {}
    for chain, rule in to_jump:
        pending.setdefault(chain, []).append("-A %s %s" % (chain, rule))
    for line in text.splitlines(True):
        word = line.strip()
        if word.startswith("*"):
            inside = word[1:] == iptables.TABLE
        elif inside and not word.startswith((":", "#")) and word:
            if not declared:
                declared = True
                for chain in [name for name, count in left.items() if count == 0]:
                    head += pending.pop(chain, [])
                out += [line_of_ours + "\n" for line_of_ours in head]
            chain = (xtables.parse_rule(word) or xtables.Rule("", "", frozenset())).chain
            if chain in pending and left[chain] == 0:
                out += [rule + "\n" for rule in pending.pop(chain)]
            elif chain in pending:
                left[chain] -= 1
            if word == "COMMIT":
                out += [rule + "\n" for listed in pending.values() for rule in listed]
                pending, inside = {}, False
        out.append(line)
    return "".join(out)


def saved_files(family: int) -> Tuple[str, ...]:
    """The saved rules of this host that are files by themselves."""
    return tuple(path for path in SAVED[family] if is_plain(path))


def made_table(family: int) -> bool:
    """Whether the kernel's table came with our rules."""
    return MADE_TABLE in (files.read(RULES[family]) or "")


def present() -> Disk:
    """What is on disk.

    :raises files.FileError: it can't be read
    """
    return Disk(
        {path: files.read(path) for path in OWN_FILES},
        {path: files.read(path) for family in SAVED for path in saved_files(family)},
        is_enabled(UNIT_NAME),
    )


def planned(there: Disk, wanted: Wanted, systemd: bool, made: Dict[int, bool]) -> Disk:
    """What is to be on disk.

    :param made: by family, whether the kernel's table comes with our rules
    """
    own: Dict[str, Optional[str]] = dict.fromkeys(OWN_FILES)
    foreign = dict(there.foreign)
    for family in SAVED:
        for path in SAVED[family]:
            text = foreign.get(path)
            if text is not None:
                foreign[path] = with_lines(text, wanted, family)
    if wanted.state == "absent":
        return Disk(own, foreign, False)
    for family in made:
        lines = ["*" + iptables.TABLE, ":%s - [0:0]" % iptables.CHAIN] + iptables.chain_rules(wanted, family)
        own[RULES[family]] = HEAD + (MADE_TABLE if made[family] else "") + "\n".join(lines + ["COMMIT", ""])
    jumps = "".join(JUMP_TEXT % {"chain": chain, "rule": rule} for chain, rule in reversed(iptables.jumps(wanted)))
    own[LOAD] = LOAD_TEXT % (FOLDER, jumps)
    if os.path.isdir(os.path.dirname(PLUGIN)):
        own[PLUGIN] = PLUGIN_TEXT
    if systemd:
        own[UNIT] = UNIT_TEXT
        for name in SERVICES:
            service = _service(name)
            if service is not None:
                own[ADDITIONS[name]] = addition(service)
    return Disk(own, foreign, systemd)


def disturbed(there: Disk, wanted: Disk) -> Tuple[str, ...]:
    """What something else has changed of what we had put on disk, in words. Empty where other rules are wanted."""
    if any(there.own[path] != wanted.own[path] or there.own[path] is None for path in (RULES[4], LOAD)):
        return ()
    changed = ["%s was changed or removed" % path for path, text in wanted.own.items() if there.own[path] != text]
    changed += [
        "%s does not hold our lines any more, or not where they decide" % path
        for path, text in wanted.foreign.items() if there.foreign[path] != text
    ]  # fmt: skip
    if wanted.enabled and not there.enabled:
        changed.append("%s is not enabled any more" % UNIT_NAME)
    return tuple(changed)
