# SPDX-License-Identifier: GPL-3.0-or-later
"""``dns.jsonl``: one JSON line per lookup, appended and flushed as each is done; read strictly, with the codec of the
observations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType

from ..probe.codec import CodecError, decode, to_json
from .model import ANSWERED, DNS_SCHEMA, OUTCOMES, TYPES, Lookup

MAX_LINE = 1024 * 1024
"""Characters; an answer of 64 KB stays far below."""


class LookupWriter:
    """Append lookups to a file (mode 0600).

    :raises OSError: it can't be opened or written
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a", encoding="ascii", newline="\n")

    def append(self, lookup: Lookup) -> None:
        """Write one lookup as one line and flush it."""
        self._file.write(as_line(lookup) + "\n")
        self._file.flush()

    def __enter__(self) -> LookupWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())


def as_line(lookup: Lookup) -> str:
    """A lookup as one line of JSON."""
    return json.dumps(to_json(lookup), separators=(",", ":"), sort_keys=True)


def lookup_from_json(data: object) -> Lookup:
    """Read a lookup.

    :raises CodecError: another schema, a missing or unknown field, a wrong type or word, or it contradicts itself
    """
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != DNS_SCHEMA:
        raise CodecError(f"schema is {schema!a:.60}, this version reads {DNS_SCHEMA}")
    lookup = decode(Lookup, data)
    for word, known in ((lookup.outcome, OUTCOMES), (lookup.type, TYPES)):
        if word not in known:
            raise CodecError(f"{word!a:.60} is none of {', '.join(known)}")
    records = {"SRV": lookup.srv, "TLSA": lookup.tlsa, "A": lookup.addresses, "AAAA": lookup.addresses}
    held = {type_: bool(found) for type_, found in records.items()}
    if lookup.type in held and held[lookup.type] != (lookup.outcome == ANSWERED):
        raise CodecError(f"{lookup.outcome} does not go with the records of type {lookup.type}")
    return lookup


def read_lookups(path: Path) -> tuple[list[Lookup], str]:
    """Read what can be read.

    :returns: the lookups up to the first bad line, and what is wrong with that line (empty: nothing)
    :raises OSError: the file can't be read
    """
    lookups: list[Lookup] = []
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        while line := lines.readline(MAX_LINE + 1):
            where = f"{path.name} line {len(lookups) + 1}"
            if not line.endswith("\n"):
                return lookups, f"{where} was cut off while it was written, or is too long"
            try:
                lookups.append(lookup_from_json(json.loads(line)))
            except (ValueError, RecursionError) as error:
                return lookups, f"{where}: {error}"
    return lookups, ""
