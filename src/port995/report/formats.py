# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that a user can ask for beside report.json and JUnit, which every run has."""

from __future__ import annotations

from collections.abc import Iterable

from . import markdown, oscal, prometheus, sarif, spreadsheets
from .html import write as html
from .told import Format

MODULES = (sarif, oscal, spreadsheets, prometheus, markdown, html)
ALL = "all"


class FormatError(ValueError):
    """No such format."""


def all_formats() -> dict[str, Format]:
    """Every format by its name."""
    return {one.name: one for module in MODULES for one in module.FORMATS}


def formats_of(names: Iterable[str]) -> tuple[Format, ...]:
    """The formats that were asked for, each once, in their own order.

    :param names: names, lists of them with commas, or ``all``
    :raises FormatError: there is none of that name
    """
    wanted = {word.strip() for name in names for word in name.split(",") if word.strip()}
    known = all_formats()
    unknown = sorted(wanted - set(known) - {ALL})
    if unknown:
        raise FormatError(f"there is no format {unknown[0]!a}: choose among {', '.join(known)}, {ALL}")
    return tuple(one for name, one in known.items() if name in wanted or ALL in wanted)
