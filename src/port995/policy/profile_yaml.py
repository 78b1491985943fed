# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as profiles are written in it: plain data with its types, and a line for each thing, so that a message can say
where. Every key once, no time without a zone (whose clock would it be?), and what `strict_yaml` refuses.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from .libraries import yaml
from .strict_yaml import YamlError, strict_loader

Place = tuple[str | int, ...]
"""Keys and positions on the way to a value."""


@dataclasses.dataclass(frozen=True)
class Document:
    """One document of a file."""

    data: object
    source: str
    lines: Mapping[Place, int] = dataclasses.field(repr=False)

    def at(self, place: Place = ()) -> str:
        """``file:line`` of a value, or of the nearest thing around it that is there."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.source}:{self.lines.get(place, 1)}"


def read_documents(raw: bytes, source: str, limit: int) -> tuple[Document, ...]:
    """Read every document of a file; empty ones are left out.

    :param source: what to call it in messages
    :param limit: octets
    :raises YamlError: it is larger, is no YAML, holds an alias, a tag, a key twice, or a time without a zone
    :raises LibraryMissing: PyYAML is not installed
    """
    if len(raw) > limit:
        raise YamlError(f"{source}: is larger than {limit} octets")
    found = []
    try:
        for node in yaml.compose_all(raw, Loader=strict_loader(source)):
            lines: dict[Place, int] = {}
            data = _plain(node, source, (), lines)
            if data is not None:
                found.append(Document(data, source, lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if mark is not None else source
        raise YamlError(f"{where}: is no YAML: {' '.join(str(error.problem or error).split())[:300]}") from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(f"{source}: is no YAML: {' '.join(str(error).split())[:300]}") from error
    return tuple(found)


def _plain(node: Any, source: str, place: Place, lines: dict[Place, int]) -> object:
    """Plain data of a node, with the line of each part."""
    where = f"{source}:{node.start_mark.line + 1}"
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        made: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node, source)
            line = key_node.start_mark.line + 1
            if key in made or str(key) in {str(other) for other in made}:
                raise YamlError(f"{source}:{line}: the key {str(key)!a} stands twice")
            below = (*place, str(key))
            # A value may begin on a line below its key; what a reader looks for is the key.
            lines[below] = line
            made[key] = _plain(value_node, source, below, lines)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, source, (*place, position), lines) for position, item in enumerate(node.value)]
    value = _scalar(node, source)
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        raise YamlError(f"{where}: {node.value!a:.40} is a time without a zone: write it in UTC, with a Z behind it")
    return value


def _scalar(node: Any, source: str) -> object:
    if not isinstance(node, yaml.ScalarNode):
        raise YamlError(f"{source}:{node.start_mark.line + 1}: a key is a text, and no mapping or list")
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, OverflowError) as error:
        # A month 13, for one.
        line = node.start_mark.line + 1
        raise YamlError(f"{source}:{line}: {node.value!a:.40} can't be read: {error}") from error
    finally:
        loader.dispose()
