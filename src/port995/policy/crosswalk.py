# SPDX-License-Identifier: GPL-3.0-or-later
"""From checks to the controls of frameworks, and from results to what they show of each control.

No control is called met because something was seen of it: a mapping says whether its checks cover all that the control
asks of TCP 995 (``full``) or a part (``partial``), and a partial one ends at ``partial`` however well its checks do.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .model import Judgement, Status, fold
from .profile_rules import ProfileError, known, mapping, text, texts
from .profile_yaml import Document, Place, read_documents
from .registry import SelectionError, all_checks, select
from .strict_yaml import YamlError

SCHEMA = "port995/framework/1"
FOLDER = Path(__file__).parent / "frameworks"
MAX_FILE = 256 * 1024
FULL, PARTIAL = "full", "partial"

MET, NOT_MET, PARTLY, NOT_SHOWN, WAIVED, NO_OBJECT = (
    "met on TCP 995", "not met", "partial", "not shown", "waived", "no object",
)  # fmt: skip
"""What the results say of a control. ``partial``: all that was looked at is in order, and it is not all there is."""


@dataclasses.dataclass(frozen=True)
class Control:
    """One control of a framework, and the checks that say something of it."""

    id: str
    title: str
    """In words of ours: what of it touches TCP 995."""

    coverage: str
    """``full`` or ``partial``, of what the control asks of TCP 995."""

    leaves: str
    """What the checks leave open; empty: nothing."""

    checks: tuple[str, ...]
    """Ids, in the order of a report."""

    certain: bool
    """``False``: number or reading were not held against the framework's own text."""


@dataclasses.dataclass(frozen=True)
class Framework:
    """A framework, as far as checks here say something of it."""

    id: str
    title: str
    source: str
    note: str
    controls: tuple[Control, ...]


@dataclasses.dataclass(frozen=True)
class ControlResult:
    """What one run shows of one control."""

    control: Control
    verdict: str
    """One of the words above."""

    status: Status
    """The worst of the results of its checks; ``not_tested`` where there are none."""

    counts: Mapping[Status, int]
    """Results per status."""

    absent: tuple[str, ...]
    """Checks of it that this run did not make."""


@functools.cache
def frameworks() -> tuple[Framework, ...]:
    """The frameworks that come with the program, by id.

    :raises ProfileError: one can't be read: a fault of the program
    """
    return tuple(read_framework(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yml")))


def read_framework(raw: bytes, source: str) -> Framework:
    """Read a framework's file.

    :param source: what to call it in messages
    :raises ProfileError: it is not understood, with file and line
    """
    try:
        documents = read_documents(raw, source, MAX_FILE)
    except YamlError as error:
        raise ProfileError(str(error)) from error
    if len(documents) != 1:
        raise ProfileError(f"{source}: holds {len(documents)} documents, one is expected")
    document = documents[0]
    data = mapping(document, document.data, ())
    known(document, data, ("schema", "id", "title", "source", "note", "controls"), ())
    if data.get("schema") != SCHEMA:
        raise ProfileError(
            f"{document.at(('schema',))}: schema is {data.get('schema')!a:.60}, this version reads {SCHEMA}"
        )
    entries = mapping(document, data.get("controls"), ("controls",))
    if not entries:
        raise ProfileError(f"{document.at(('controls',))}: controls holds none")
    return Framework(
        text(document, data.get("id"), ("id",)), text(document, data.get("title"), ("title",)),
        text(document, data.get("source"), ("source",)), text(document, data.get("note"), ("note",)),
        tuple(_control(document, id_, entry) for id_, entry in entries.items()),
    )  # fmt: skip


def results_of(judgement: Judgement) -> tuple[tuple[Framework, tuple[ControlResult, ...]], ...]:
    """What a judgement shows of every control of every framework."""
    by_check: dict[str, dict[Status, int]] = {}
    for result in judgement.results:
        if result.check_id in judgement.deselected and result.host is None:
            continue
        counts = by_check.setdefault(result.check_id, {})
        counts[result.status] = counts.get(result.status, 0) + 1
    whole = judgement.coverage.holds and judgement.coverage.assessed == judgement.coverage.inventory > 0
    return tuple(
        (one, tuple(_shown(control, by_check, whole) for control in one.controls)) for one in frameworks()
    )


def _shown(control: Control, by_check: Mapping[str, Mapping[Status, int]], whole: bool) -> ControlResult:
    counts: dict[Status, int] = {}
    for id_ in control.checks:
        for status, count in by_check.get(id_, {}).items():
            counts[status] = counts.get(status, 0) + count
    absent = tuple(id_ for id_ in control.checks if id_ not in by_check)
    status = fold(counts)
    return ControlResult(control, _verdict(control, counts, status, whole and not absent), status, counts, absent)


def _verdict(control: Control, counts: Mapping[Status, int], status: Status, whole: bool) -> str:
    """:param whole: every check of it was made, and every host was assessed"""
    if Status.FAIL in counts:
        # Also beside an open question: what is wrong is wrong, whatever else is not known.
        return NOT_MET
    if status is Status.WAIVED:
        return WAIVED
    if status is Status.NOT_APPLICABLE:
        return NO_OBJECT if whole else PARTLY
    if status is not Status.PASS:
        return NOT_SHOWN
    return MET if control.coverage == FULL and control.certain and whole else PARTLY


def _control(document: Document, id_: str, entry: object) -> Control:
    place: Place = ("controls", id_)
    data = mapping(document, entry, place)
    known(document, data, ("title", "coverage", "leaves", "checks", "certain"), place)
    coverage = data.get("coverage")
    if coverage not in (FULL, PARTIAL):
        raise ProfileError(
            f"{document.at((*place, 'coverage'))}: coverage is {coverage!a:.60}, {FULL} or {PARTIAL} is expected"
        )
    leaves = text(document, data["leaves"], (*place, "leaves")) if "leaves" in data else ""
    if (coverage == PARTIAL) != bool(leaves):
        raise ProfileError(f"{document.at(place)}: {id_}: what it leaves open is said where coverage is partial, only")
    certain = data.get("certain", True)
    if not isinstance(certain, bool):
        raise ProfileError(f"{document.at((*place, 'certain'))}: certain is no true or false")
    words = texts(document, data.get("checks"), (*place, "checks"))
    chosen: set[str] = set()
    for number, word in enumerate(words):
        if not re.fullmatch(r"POP3S-[A-Z]+-([0-9]{3}|\*)", word):
            raise ProfileError(f"{document.at((*place, 'checks', number))}: {word!a:.60} is no id of a check")
        try:
            chosen |= set(select(word))
        except SelectionError as error:
            raise ProfileError(f"{document.at((*place, 'checks', number))}: {error}") from error
    if not chosen:
        raise ProfileError(f"{document.at(place)}: {id_} is mapped to no check")
    return Control(
        id_, text(document, data.get("title"), (*place, "title")), coverage, leaves,
        tuple(check for check in all_checks() if check in chosen), certain,
    )  # fmt: skip


def controls_of(check_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Controls by check: ``POP3S-VER-003`` -> ``nist-800-53r5 SC-8 (partial)``."""
    wanted = set(check_ids)
    found: dict[str, list[str]] = {}
    for one in frameworks():
        for control in one.controls:
            for id_ in control.checks:
                if id_ in wanted:
                    found.setdefault(id_, []).append(f"{one.id} {control.id} ({control.coverage})")
    return {id_: tuple(words) for id_, words in found.items()}
