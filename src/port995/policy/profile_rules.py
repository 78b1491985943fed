# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule of a profile: how it wants one check, on whose word, and from which day to which."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping
from typing import Any

from .check import Check, Parameter
from .model import Severity
from .profile_yaml import Document, Place
from .registry import ALWAYS

DNS, INSIDE = "dns", "inside"
KEYS = (
    "severity", "parameters", "references", "only_with", "clause", "source", "certain", "effective", "until", "note",
)  # fmt: skip


class ProfileError(ValueError):
    """A profile that can't be used; says which file and line, which key, and what is expected."""


@dataclasses.dataclass(frozen=True)
class CheckSettings:
    """How a profile wants one check."""

    severity: Severity
    parameters: Mapping[str, object]
    """Every parameter of the check, defaults filled in."""

    references: tuple[str, ...] = ()
    """Framework references beside the check's own."""

    only_with: str = ""
    """``dns``: the check is part of the profile only in runs that ask the DNS; ``inside``: only in runs that look at
    hosts from inside; empty: in every run. A profile that must have it leaves it away: in other runs the check is then
    not tested, and the run incomplete."""

    clause: str = ""
    """Where the source asks for it (``section 3.1.1, MUST NOT``); empty: the profile names no clause."""

    source: str = ""
    """The document that the clause is of."""

    certain: bool = True
    """``False``: the number or the reading of the clause was not held against the document itself."""

    effective: datetime.date | None = None
    """First day on which the rule holds; ``None``: it always did."""

    until: datetime.date | None = None
    """Last day on which it holds; ``None``: no end is known."""

    note: str = ""
    """What the check leaves open of the clause, or adds to it."""

    def holds_on(self, day: datetime.date) -> bool:
        """Whether the rule is in force."""
        return (self.effective is None or self.effective <= day) and (self.until is None or day <= self.until)

    @property
    def clause_words(self) -> str:
        """Clause and source in one text, with the doubt about it; empty: none is named."""
        words = " ".join(filter(None, (self.source, self.clause)))
        return words if self.certain or not words else f"{words} (not certain)"


def read_rule(
    document: Document, check: Check, entry: object, below: CheckSettings | None, source: str
) -> CheckSettings:
    """Read one entry of ``checks``.

    :param below: the same rule in the profile that is extended: what the entry does not say is as there
    :param source: title of the document that clauses are of, where the entry names none
    :raises ProfileError: a key that is not understood, or a value that can't be meant
    """
    place: Place = ("checks", check.id)
    data = mapping(document, entry, place) if entry is not None else {}
    known(document, data, KEYS, place)
    base = below or CheckSettings(check.severity, {name: one.default for name, one in check.parameters.items()})
    changes: dict[str, Any] = {}
    if "severity" in data:
        changes["severity"] = _severity(document, data["severity"], (*place, "severity"))
    if "parameters" in data:
        changes["parameters"] = _parameters(document, check, data["parameters"], base.parameters)
    if "references" in data:
        changes["references"] = texts(document, data["references"], (*place, "references"))
    if "only_with" in data:
        changes["only_with"] = _only_with(document, check, data["only_with"])
    for key in ("clause", "source", "note"):
        if key in data:
            changes[key] = text(document, data[key], (*place, key))
    if "clause" in data and "source" not in data:
        changes["source"] = source
    if "clause" in data and not changes["source"]:
        raise ProfileError(
            f"{document.at((*place, 'clause'))}: {name_of(place)}.clause is of no document: name the source here, or"
            " for the whole profile"
        )
    if "certain" in data:
        if not isinstance(data["certain"], bool):
            raise ProfileError(f"{document.at((*place, 'certain'))}: {name_of(place)}.certain is no true or false")
        changes["certain"] = data["certain"]
    elif "clause" in data:
        changes["certain"] = True
    for key in ("effective", "until"):
        if key in data:
            changes[key] = date(document, data[key], (*place, key))
    rule = dataclasses.replace(base, **changes)
    if rule.effective is not None and rule.until is not None and rule.until < rule.effective:
        raise ProfileError(
            f"{document.at((*place, 'until'))}: {name_of(place)} ends on {rule.until}, before it begins"
            f" ({rule.effective})"
        )
    if check.id in ALWAYS and (rule.effective or rule.until):
        raise ProfileError(f"{document.at(place)}: {name_of(place)}: this check is made in every run, on every day")
    return rule


def mapping(document: Document, value: object, place: Place) -> dict[str, Any]:
    """A mapping with texts as keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ProfileError(
            f"{document.at(place)}: {name_of(place)} is {type(value).__name__}, a mapping with texts as keys is"
            " expected"
        )
    return value


def known(document: Document, data: Mapping[str, object], keys: Collection[str], place: Place) -> None:
    """Refuse a key that is not understood: a misspelt limit is no limit."""
    for key in data:
        if key not in keys:
            raise ProfileError(
                f"{document.at((*place, key))}: {name_of((*place, key))!a} is not understood, expected"
                f" {', '.join(keys) or 'nothing'}"
            )


def text(document: Document, value: object, place: Place) -> str:
    """A text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise ProfileError(f"{document.at(place)}: {name_of(place)} is {value!a:.80}, a text is expected")
    return value


def texts(document: Document, value: object, place: Place) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise ProfileError(f"{document.at(place)}: {name_of(place)} is no list of texts")
    return tuple(text(document, item, (*place, number)) for number, item in enumerate(value))


def date(document: Document, value: object, place: Place) -> datetime.date:
    """A day, and no time: rules begin and end with a day in UTC."""
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ProfileError(
            f"{document.at(place)}: {name_of(place)} is {str(value)!a:.60}, a date like 2026-11-24 is expected"
        )
    return value


def name_of(place: Place) -> str:
    """A place as it is written in messages: ``checks.POP3S-TLS-001.severity``."""
    return ".".join(map(str, place)) or "the profile"


def _severity(document: Document, value: object, place: Place) -> Severity:
    words = [severity.value for severity in Severity]
    if value not in words:
        raise ProfileError(
            f"{document.at(place)}: {name_of(place)} is {value!a:.60}, none of {', '.join(words)}"
        )
    return Severity(value)


def _only_with(document: Document, check: Check, value: object) -> str:
    place: Place = ("checks", check.id, "only_with")
    if value not in ("", DNS, INSIDE):
        told = f"{name_of(place)} is {value!a:.60}, expected {DNS}, {INSIDE} or nothing"
        raise ProfileError(f"{document.at(place)}: {told}")
    if value and check.id in ALWAYS:
        raise ProfileError(f"{document.at(place)}: {name_of(place)}: this check is made in every run")
    return str(value)


def _parameters(
    document: Document, check: Check, value: object, below: Mapping[str, object]
) -> Mapping[str, object]:
    place: Place = ("checks", check.id, "parameters")
    given = mapping(document, value, place)
    known(document, given, tuple(check.parameters), place)
    return {
        name: _value(document, parameter, given[name], (*place, name)) if name in given else below[name]
        for name, parameter in check.parameters.items()
    }


def _value(document: Document, parameter: Parameter, value: object, place: Place) -> object:
    where = f"{document.at(place)}: {name_of(place)}"
    if isinstance(parameter.default, tuple):
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ProfileError(f"{where} is {value!a:.80}, a list of words is expected")
        if not value and not parameter.may_be_empty:
            raise ProfileError(f"{where} is {value!a:.80}, a list of words is expected")
        wrong = [word for word in value if parameter.choices and word not in parameter.choices]
        if wrong:
            raise ProfileError(f"{where}: {wrong[0]!a:.60} is none of {', '.join(parameter.choices)}")
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProfileError(f"{where} is {value!a:.80}, a number is expected")
    low, high = parameter.minimum, parameter.maximum
    # Written so that a NaN, of which every comparison is false, is refused.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise ProfileError(f"{where} is {value}, a number from {low} to {high} is expected")
    return value
