# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of waivers, read strictly: a misspelt key would be a risk that nobody accepted."""

from __future__ import annotations

from collections.abc import Mapping

from .registry import all_checks
from .strict_yaml import Document, Mapped, YamlError
from .waivers import FAMILY, NOT_WAIVABLE, Waiver, WaiverError, Waivers, pattern_fault

SCHEMA = "port995/waivers/1"
_REQUIRED = ("id", "hosts", "checks", "reason", "ticket", "requested_by", "approved_by", "created", "expires")
_OPTIONAL = ("endpoints", "compensating_control", "allow_broad")


def read_waivers(raw: bytes, source: str, sha256: str = "") -> Waivers:
    """Read a file of waivers.

    :param source: what to call it in messages
    :raises WaiverError: it can't be read or understood: an unknown key, check or pattern, an id twice, a time without a
        zone, an end before its beginning, a waiver that was approved by who asked for it
    """
    try:
        document = Document(raw, source, "waivers")
        document.keys(document.top, "the file", ("schema", "waivers"))
        if str(document.top["schema"]) != SCHEMA:
            found = str(document.top["schema"])[:60]
            raise document.fault(document.top["schema"], f"schema is {found!a}, this version reads {SCHEMA}")
        known = all_checks()
        entries: list[Waiver] = []
        seen: dict[str, int] = {}
        for number, item in enumerate(document.listed(document.top["waivers"], "waivers")):
            waiver = _waiver(document, document.mapping(item, f"waivers[{number}]"), f"waivers[{number}]", known)
            if waiver.id in seen:
                raise document.fault(item["id"], f"the id {waiver.id!a} stands in line {seen[waiver.id]} too")
            seen[waiver.id] = waiver.line
            entries.append(waiver)
    except WaiverError:
        raise
    except YamlError as error:
        raise WaiverError(str(error)) from error
    return Waivers(tuple(entries), sha256)


def _waiver(document: Document, data: Mapped, where: str, known: Mapping[str, object]) -> Waiver:
    document.keys(data, where, _REQUIRED, _OPTIONAL)
    checks = document.texts(data["checks"], f"{where}.checks")
    for number, check in enumerate(checks):
        place = data["checks"][number]
        if check not in known:
            raise document.fault(place, f"{where}.checks: there is no check {check!a} (see `port995 checks`)")
        if check in NOT_WAIVABLE or check.startswith(FAMILY):
            raise document.fault(place, f"{where}.checks: {check} can't be waived: it says whether the rest is known")
    hosts = document.texts(data["hosts"], f"{where}.hosts")
    for number, pattern in enumerate(hosts):
        fault = pattern_fault(pattern)
        if fault:
            raise document.fault(data["hosts"][number], f"{where}.hosts: {pattern!a} {fault}")
    created = document.moment(data["created"], f"{where}.created")
    expires = document.moment(data["expires"], f"{where}.expires")
    if expires <= created:
        raise document.fault(data["expires"], f"{where}: it expires before it is created")
    people = [document.text(data[key], f"{where}.{key}", 200) for key in ("requested_by", "approved_by")]
    if people[0].casefold() == people[1].casefold():
        raise document.fault(data["approved_by"], f"{where}: {people[1]!a} asked for it too: another has to approve")
    return Waiver(
        document.text(data["id"], f"{where}.id", 100),
        hosts,
        checks,
        document.text(data["reason"], f"{where}.reason"),
        document.text(data["ticket"], f"{where}.ticket", 200),
        people[0],
        people[1],
        created,
        expires,
        document.texts(data["endpoints"], f"{where}.endpoints") if "endpoints" in data else (),
        document.text(data["compensating_control"], f"{where}.compensating_control")
        if "compensating_control" in data
        else "",
        document.flag(data["allow_broad"], f"{where}.allow_broad") if "allow_broad" in data else False,
        data.line,
    )
