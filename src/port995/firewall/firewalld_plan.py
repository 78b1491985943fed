# SPDX-License-Identifier: GPL-3.0-or-later
"""What the back end firewalld has to do, and what takes it back. Python 3.9, standard library only."""

from __future__ import annotations

import shlex
import time
from typing import Dict, List, Optional, Set, Tuple

from ..change import files, taking_back
from . import boot_order, firewalld
from .firewalld import FirewalldError, Zone
from .model import Found, Wanted
from .part import BackendError, Part, Plane

NAME = "firewalld"
READ_AGAIN = 30.0
"""Seconds firewalld gets to take note of files that were written: it waits for 5 before it reads them."""


def has_ours(found: Found) -> bool:
    """Whether rules of ours are in firewalld: then they are taken away when another back end is chosen."""
    if boot_order.present(NAME) is not None:
        return True
    if any(firewalld.our_lines(text or "") for text, _vendor in firewalld.zone_files().values()):
        return True
    try:
        return found.firewalld_active and any(zone.ours for zone in firewalld.read().values())
    except FirewalldError:
        # What can't be read is no reason against another back end; what was confirmed has left the files above.
        return False


def _refuse(wanted: Wanted, found: Found) -> None:
    if wanted.state == "absent":
        return
    if not found.firewalld_active:
        raise BackendError(
            "backend firewalld: firewalld is %s on this host, and port995 enables no firewall. Start it yourself (with"
            " a zone that lets SSH in), or choose another backend."
            % ("installed, and could not be asked" if "firewalld" in found.unknown else "not running")
        )
    for name, asked in (("established: cut", wanted.established == "cut"), ("loopback: true", wanted.loopback),
                        ("forward: true", wanted.forward)):  # fmt: skip
        if asked and wanted.state != "open":
            raise BackendError(
                "backend firewalld can't do %s: rich rules of its zones are not asked about that. Choose backend"
                " nftables." % name
            )


def _notes(wanted: Wanted, zones: Dict[str, Zone]) -> List[str]:
    if wanted.state not in ("closed", "restricted"):
        return []
    notes = []
    before = firewalld.earlier(zones, firewalld.read_policies(), wanted.ports)
    if before:
        notes.append("stands before our rules and may let the port in: %s" % "; ".join(before))
    let_in = firewalld.still_let_in(zones, wanted.ports)
    if let_in:
        notes.append("zones of firewalld still list, after our rules, what lets the port in: %s" % "; ".join(let_in))
    notes.append(
        "while firewalld is stopped, the port is open with all others; a zone that is made later is not closed"
    )
    return notes


def plan(wanted: Wanted, found: Found) -> Part:
    """Compare what is wanted with what is there.

    :raises BackendError: this back end can't do it here
    :raises firewalld.FirewalldError: firewalld can't be read
    :raises files.FileError: a file of it can't be read
    """
    _refuse(wanted, found)
    zones = firewalld.read() if found.firewalld_active else {}
    rules = firewalld.rules(wanted)
    default = firewalld.default_zone() if zones and wanted.state == "open" else ""
    with_rules = firewalld.zones_for(wanted, zones, default)
    if wanted.state == "open" and not with_rules:
        raise BackendError(
            "backend firewalld: every zone of an interface, and the default zone (%s), was made to let nothing in. Move"
            " the interface to another zone first." % default
        )
    running = {name: set(zone.ours) for name, zone in zones.items()}
    to_run = {name: {rule.text for rule in rules} if name in with_rules else set() for name in zones}
    on_disk = firewalld.zone_files()
    # A zone on disk that does not run yet is to be shut as well when it does.
    to_have = set(with_rules)
    to_have |= {name for name in on_disk if name not in zones and wanted.state in ("closed", "restricted")}
    to_write = {
        name: firewalld.with_ours(text, vendor, rules if name in to_have else ())
        for name, (text, vendor) in on_disk.items()
    }  # fmt: skip
    disk_differs = any(to_write[name] != text for name, (text, _vendor) in on_disk.items())
    notes = _notes(wanted, zones)
    ours_on_disk = any(firewalld.our_lines(text or "") for text, _vendor in on_disk.values())
    if wanted.state != "absent" and ours_on_disk and not disk_differs and running != to_run:
        notes.append("something else than port995: our rules that run were changed")

    order, order_to_be = boot_order.present(NAME), boot_order.planned(NAME, wanted, found.systemd)
    if order_to_be is not None and not boot_order.is_enabled(NAME):
        notes.append("firewalld.service is not enabled, so after a reboot the port is open with all others")

    def apply() -> None:
        for name in zones:
            for rule in sorted(to_run[name] - running[name]):
                firewalld.change(name, rule, True)
            for rule in sorted(running[name] - to_run[name]):
                firewalld.change(name, rule, False)

    def persist() -> None:
        for name, (text, vendor) in firewalld.zone_files().items():
            # As it is now: an administrator may have been at work since.
            changed = firewalld.with_ours(text, vendor, rules if name in to_have else ())
            if changed == text:
                continue
            if found.firewalld_active:
                firewalld.write_zone(name, changed, text is not None, rules[0].text if rules else "")
            elif changed is None:
                files.remove("%s/%s.xml" % (firewalld.ZONES, name))
            else:
                files.write("%s/%s.xml" % (firewalld.ZONES, name), changed)
        if order != order_to_be:
            boot_order.write(NAME, order_to_be)
        if found.firewalld_active:
            _see_on_disk(to_run)

    return Part(
        NAME,
        Plane(_listing(running), _listing(to_run), running != to_run),
        Plane(
            "".join(_file(name, text) for name, (text, _vendor) in sorted(on_disk.items())) + (order or ""),
            "".join(_file(name, text) for name, text in sorted(to_write.items())) + (order_to_be or ""),
            disk_differs or order != order_to_be,
        ),
        tuple(notes),
        _before(running, on_disk, order),
        apply,
        persist,
    )


def _see_on_disk(to_run: Dict[str, Set[str]]) -> None:
    """Let firewalld itself say what it would load: it has written other rules than it was told before now.

    :raises FirewalldError: it would load others
    """
    end = time.monotonic() + READ_AGAIN
    while True:
        there = firewalld.read_permanent()
        wrong = [name for name in to_run if name in there and set(there[name].ours) != to_run[name]]
        if not wrong:
            return
        if time.monotonic() >= end:
            raise FirewalldError("firewalld reads other rules on disk than were written, in: %s" % ", ".join(wrong))
        time.sleep(1.0)


def _listing(rules: Dict[str, Set[str]]) -> str:
    return "".join("%s: %s\n" % (name, rule) for name, listed in sorted(rules.items()) for rule in sorted(listed))


def _file(name: str, text: Optional[str]) -> str:
    ours = firewalld.our_lines(text or "")
    return "# in %s/%s.xml\n%s" % (firewalld.ZONES, name, ours) if ours else ""


def _before(
    running: Dict[str, Set[str]], on_disk: Dict[str, Tuple[Optional[str], Optional[str]]], order: Optional[str]
) -> taking_back.Before:
    extra = {"firewalld.old": "".join(
        "%s\t%s\n" % (name, rule) for name, listed in running.items() for rule in sorted(listed)
    )}  # fmt: skip
    # Files first: a zone that is loaded anew meanwhile is loaded as it was.
    steps = []
    for number, (name, (text, _vendor)) in enumerate(sorted(on_disk.items())):
        extra["zone.%d" % number] = firewalld.our_lines(text or "")
        steps.append("zone_back %s before/zone.%d" % (shlex.quote(name), number))
    steps.append("firewalld_back before/firewalld.old")
    steps.append(boot_order.steps_back(NAME))
    return taking_back.Before("\n".join(steps) + "\n", {boot_order.path(NAME): order}, extra)
