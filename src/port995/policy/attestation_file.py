# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of attestations, read strictly: a misspelt key would be a word that nobody gave."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from .attestations import FAMILY, LONGEST_LIFE, Attestation, Attestations, ManualControl
from .model import Severity
from .own_checks import OWN_ID, RESERVED
from .registry import ALWAYS, all_checks, program_checks
from .strict_yaml import Document, Mapped, YamlError
from .waivers import pattern_fault

SCHEMA = "port995/attestations/1"


class AttestationError(YamlError):
    """Attestations that can't be used; names the file and the line."""


def read_attestations(raw: bytes, source: str) -> Attestations:
    """Read a file of attestations.

    :param source: what to call it in messages
    :raises AttestationError: it can't be read or understood: an unknown key, control or pattern, an id twice or of the
        program's, a time without a zone, an end before its beginning or too far behind it
    """
    try:
        document = Document(raw, source, "controls or attestations")
        document.keys(document.top, "the file", ("schema",), ("controls", "attestations"))
        if str(document.top["schema"]) != SCHEMA:
            found = str(document.top["schema"])[:60]
            raise document.fault(document.top["schema"], f"schema is {found!a}, this version reads {SCHEMA}")
        if len(document.top) == 1:
            raise document.fault(document.top, "the file names no controls and no attestations")
        controls: dict[str, ManualControl] = {}
        listed = document.listed(document.top["controls"], "controls") if "controls" in document.top else ()
        for number, item in enumerate(listed):
            where = f"controls[{number}]"
            control = _control(document, document.mapping(item, where), where)
            if control.id in controls:
                raise document.fault(item["id"], f"{where}: the id {control.id!a} stands twice")
            controls[control.id] = control
        listed = document.listed(document.top["attestations"], "attestations") if "attestations" in document.top else ()
        entries = tuple(
            _attestation(document, document.mapping(item, f"attestations[{n}]"), f"attestations[{n}]", controls)
            for n, item in enumerate(listed)
        )
    except AttestationError:
        raise
    except YamlError as error:
        raise AttestationError(str(error)) from error
    return Attestations(tuple(controls.values()), entries)


def _control(document: Document, data: Mapped, where: str) -> ManualControl:
    document.keys(data, where, ("id", "title"), ("severity", "hosts", "references"))
    id_ = document.text(data["id"], f"{where}.id", 60)
    if not OWN_ID.fullmatch(id_) or id_.startswith(RESERVED) or id_ in program_checks():
        raise document.fault(data["id"], f"{where}.id: {id_!a} is not like M-KEYS-001 (and not {RESERVED}...)")
    if id_ in all_checks():
        raise document.fault(data["id"], f"{where}.id: {id_} is a check of --checks-path")
    severity = Severity.MEDIUM
    if "severity" in data:
        words = [one.value for one in Severity]
        if str(data["severity"]) not in words:
            found = str(data["severity"])[:40]
            raise document.fault(data["severity"], f"{where}.severity is {found!a}, none of {', '.join(words)}")
        severity = Severity(str(data["severity"]))
    return ManualControl(
        id_, document.text(data["title"], f"{where}.title", 200), severity, _hosts(document, data, where),
        document.texts(data["references"], f"{where}.references") if "references" in data else (),
    )  # fmt: skip


def _attestation(
    document: Document, data: Mapped, where: str, controls: Mapping[str, ManualControl]
) -> Attestation:
    document.keys(data, where, ("control", "by", "made", "until", "text"), ("hosts",))
    id_ = document.text(data["control"], f"{where}.control", 60)
    if id_ not in controls and id_ not in all_checks():
        raise document.fault(data["control"], f"{where}.control: {id_!a} is no control of this file and no check")
    if id_ in ALWAYS or id_.startswith(FAMILY):
        raise document.fault(data["control"], f"{where}.control: {id_} is nothing that a person can attest")
    if id_ in controls and not controls[id_].hosts and "hosts" in data:
        raise document.fault(data["hosts"], f"{where}.hosts: {id_} is about the fleet: leave hosts out")
    made = document.moment(data["made"], f"{where}.made")
    until = document.moment(data["until"], f"{where}.until")
    if until <= made:
        raise document.fault(data["until"], f"{where}: it ends before it is made")
    if until - made > datetime.timedelta(days=LONGEST_LIFE):
        raise document.fault(data["until"], f"{where}: it holds for more than {LONGEST_LIFE} days: look again by then")
    return Attestation(
        id_, document.text(data["by"], f"{where}.by", 200), made, until, document.text(data["text"], f"{where}.text"),
        _hosts(document, data, where), data.line,
    )  # fmt: skip


def _hosts(document: Document, data: Mapped, where: str) -> tuple[str, ...]:
    if "hosts" not in data:
        return ()
    hosts = document.texts(data["hosts"], f"{where}.hosts")
    for number, pattern in enumerate(hosts):
        fault = pattern_fault(pattern)
        if fault:
            raise document.fault(data["hosts"][number], f"{where}.hosts: {pattern!a} {fault}")
    return hosts
