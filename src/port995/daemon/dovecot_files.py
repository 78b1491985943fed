# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's configuration as files: which there are, and what stands where. Python 3.9, standard library only."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from typing import Iterator, List, Set, Tuple

from ..change import files

MAX_FILES = 500
"""Files that may be included."""
_INCLUDE = re.compile(r"^\s*!include(_try)?\s+(\S.*?)\s*$")
_SETTING = re.compile(r"^\s*([A-Za-z0-9_/]+)\s*=\s*(.*?)\s*$")
_BLOCK = re.compile(r"^\s*([^#=]*?)\s*\{\s*(?:#.*)?$")
_NOISE = re.compile(r"^doveconf: (?:Fatal|Error): ")


class UnreadableError(Exception):
    """The files can't be followed; with the file's path and why."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the configuration, in the order in which it is read."""

    path: str
    number: int
    text: str
    inside: Tuple[str, ...]
    """The blocks that it stands in, from the outermost."""

    @property
    def setting(self) -> str:
        """Its setting's name, empty where it is none."""
        found = _SETTING.match(self.text)
        return found[1] if found else ""

    @property
    def value(self) -> str:
        """Its setting's value."""
        found = _SETTING.match(self.text)
        return found[2] if found else ""

    @property
    def where(self) -> str:
        """For messages."""
        return "%s line %d" % (self.path, self.number)


def included_by(path: str, text: str) -> Tuple[str, ...]:
    """The paths that an ``!include`` line names, as Dovecot sorts them; empty: it is no such line."""
    found = _INCLUDE.match(text)
    if not found:
        return ()
    pattern = os.path.join(os.path.dirname(path), found[2].strip("\"'"))
    return tuple(sorted(glob.glob(pattern)))


def lines(path: str) -> Iterator[Line]:
    """Every line, includes in their places.

    :raises UnreadableError: a file can't be read, or includes go round in circles
    """
    seen: List[int] = []
    yield from _lines(path, [], seen, set())


def _lines(path: str, inside: List[str], seen: List[int], above: Set[str]) -> Iterator[Line]:
    if path in above or len(seen) > MAX_FILES:
        raise UnreadableError("%s: includes go round in circles, or there are more than %d" % (path, MAX_FILES))
    seen.append(1)
    try:
        text = files.read(path)
    except files.FileError as error:
        raise UnreadableError(str(error)) from error
    if text is None:
        raise UnreadableError("%s is not there" % path)
    for number, line in enumerate(text.splitlines(), 1):
        block = _BLOCK.match(line)
        if block:
            inside.append(block[1])
        elif line.strip().startswith("}") and inside:
            inside.pop()
        yield Line(path, number, line, tuple(inside))
        for one in included_by(path, line):
            if os.path.isfile(one):
                yield from _lines(one, inside, seen, above | {path})


def last_value(path: str, setting: str) -> str:
    """What a setting outside of all blocks, or for POP3, is set to last; empty: nowhere.

    :raises UnreadableError: the files can't be followed
    """
    found = ""
    for line in lines(path):
        if line.setting == setting and line.inside in ((), ("protocol pop3",)):
            found = line.value
    return found


def complaint(errors: str) -> str:
    """The first thing that doveconf complains of: it names file and line."""
    said = [_NOISE.sub("", line) for line in errors.splitlines() if "t_readlink" not in line and line.strip()]
    return said[0][:500] if said else "doveconf failed and said nothing"
