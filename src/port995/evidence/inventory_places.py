# SPDX-License-Identifier: GPL-3.0-or-later
"""In which line of an inventory a host is named, so that a finding can be shown there (a pull request, an editor).

A reader of text, not of inventories: Ansible tells no lines. A host that a range or a plugin makes has none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = ("", ".ini", ".yml", ".yaml", ".json", ".cfg", ".toml", ".hosts")
MAX_FILES, MAX_OCTETS = 50, 8 * 1024 * 1024
"""Of an inventory folder, and of one file: beyond, hosts have no line."""

_FIRST_WORD = re.compile(r"""^\s*(?:-\s+)?["']?([^\s"':=,{}\[\]#;]+(?::(?=[^\s"':=,{}\[\]#;])[^\s"':=,{}\[\]#;]+)*)""")


def inventory_files(source: Path) -> list[Path]:
    """The text files of an inventory: itself, or those in its folder; no variables of groups and hosts."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        return []
    found = [
        path for path in sorted(source.iterdir())
        if path.is_file() and path.suffix in SUFFIXES and not path.name.startswith(".") and not os.access(path, os.X_OK)
    ]  # fmt: skip
    return found[:MAX_FILES]


def places(sources: Iterable[Path], names: Iterable[str], start: Path | None = None) -> dict[str, str]:
    """Where each host is named first.

    :param sources: inventories as they were given
    :param start: folder that paths are told from; ``None``: the current one
    :returns: host name -> ``path:line``, for those that were found
    """
    wanted = set(names)
    found: dict[str, str] = {}
    for source in sources:
        for path in inventory_files(source):
            shown = shown_path(path, start)
            for number, word in _words(path):
                if word in wanted and word not in found:
                    found[word] = f"{shown}:{number}"
    return found


def hashes(sources: Iterable[Path], start: Path | None = None) -> str:
    """The files of inventories with their SHA-256, for the record; a file that can't be read says so."""
    told = []
    for path in (file for source in sources for file in inventory_files(source)):
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            digest = f"can't be read ({error.strerror or error})"
        told.append(f"{shown_path(path, start)} sha256:{digest}")
    return ", ".join(told[:MAX_FILES])


def shown_path(path: Path, start: Path | None = None) -> str:
    """A path as it is seen from where the run was started; one outside of it by its name alone."""
    relative = os.path.relpath(path.absolute(), (start or Path.cwd()).absolute())
    return path.name if relative.startswith("..") else relative


def _words(path: Path) -> Iterator[tuple[int, str]]:
    """The first word of each line, or the key that it is."""
    try:
        if path.stat().st_size > MAX_OCTETS:
            return
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = _FIRST_WORD.match(line)
        if match is not None and not line.lstrip().startswith(("#", ";", "[")):
            yield number, match.group(1).rstrip(":")
