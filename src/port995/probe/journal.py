# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a run: one JSON line per observation, appended and flushed as each endpoint is done.

A journal that was cut off (power, kill) still reads up to its last whole line. Python 3.9, standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import IO, Iterator, List, Tuple

from .codec import CodecError, observation_from_json, observation_to_json
from .model import Observation

MAX_LINE = 4 * 1024 * 1024
"""Longest line a reader accepts, in characters: an observation of a server at every bound stays far below."""


class JournalError(ValueError):
    """A journal that can't be read: which file and line, and why."""


class JournalWriter:
    """Append observations to a file, each flushed to the kernel before the next probe result is taken.

    :param path: file to create (mode 0600) or append to
    :raises OSError: the file can't be opened or written
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file: IO[str] = os.fdopen(descriptor, "a", encoding="ascii", newline="\n")

    def append(self, observation: Observation) -> None:
        """Write one observation as one line and flush it."""
        self._file.write(json.dumps(observation_to_json(observation), separators=(",", ":"), sort_keys=True) + "\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if not self._file.closed:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def read_journal(path: str) -> Iterator[Observation]:
    """Read observations one by one.

    :raises JournalError: a line is no observation of a known schema; a last line without its newline is one that was
        being written when the run was cut off, and is refused too: use `read_cut_journal` to keep what stands before it
    """
    observations, problem = read_cut_journal(path)
    yield from observations
    if problem:
        raise JournalError(problem)


def read_cut_journal(path: str) -> Tuple[List[Observation], str]:
    """Read what can be read of a journal.

    :returns: the observations up to the first bad line, and what is wrong with that line (empty: nothing)
    """
    observations: List[Observation] = []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        number = 0
        while True:
            line = lines.readline(MAX_LINE + 1)
            if not line:
                return observations, ""
            number += 1
            where = "%s line %d" % (path, number)
            if len(line) > MAX_LINE:
                return observations, "%s is longer than %d characters" % (where, MAX_LINE)
            if not line.endswith("\n"):
                return observations, "%s was cut off while it was written" % where
            try:
                observations.append(observation_from_json(json.loads(line)))
            except (CodecError, ValueError, RecursionError) as error:
                return observations, "%s: %s" % (where, error)


def sha256_of(path: str) -> str:
    """SHA-256 of a file, as hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        for block in iter(lambda: source.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
