# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML that people write for the judgement, read strictly and with the line of every value.

Safe loader, every key once and a text, no aliases (a small file could grow to any size by them), no tags; a time is a
text until whoever wants one reads it. A message of a fault begins with file and line.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .libraries import yaml

MAX_FILE = 1024 * 1024
"""Octets of a file."""

MAX_DEPTH = 20
"""Mappings and lists inside each other."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class YamlError(ValueError):
    """What is wrong with a file, and in which line."""


class Place(str):
    """A text that knows the line it stands in. Keys and scalars are such texts, whatever YAML takes them for."""

    line: int = 0


def at(text: str, line: int) -> Place:
    """A text with its line."""
    place = Place(text)
    place.line = line
    return place


class Mapped(dict[str, Any]):
    """A mapping that knows the line it begins in."""

    line: int = 0


class Listed(list[Any]):
    """A list that knows the line it begins in."""

    line: int = 0


class Document:
    """A file, with the words for what is wrong in it."""

    def __init__(self, raw: bytes, source: str, what: str) -> None:
        """
        :param source: what to call the file in messages
        :param what: what it should hold (``waivers``)
        :raises YamlError: too large, no UTF-8, no YAML, an alias, a tag, a key twice, no mapping at its top
        """
        self.source, self.what = source, what
        if len(raw) > MAX_FILE:
            raise YamlError(f"{source}: is larger than {MAX_FILE} octets")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise YamlError(f"{source}: is no UTF-8 text (octet {error.start})") from error
        try:
            node = yaml.compose(text, Loader=strict_loader(source))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark is not None else ""
            problem = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
            raise YamlError(f"{source}{line}: is no YAML: {problem}") from error
        if node is None:
            raise YamlError(f"{source}: the file is empty, {what} are expected")
        self.top = self.mapping(self._value(node), "the file")

    def fault(self, value: object, message: str) -> YamlError:
        """The fault of a value, with its line where it has one."""
        line = getattr(value, "line", 0)
        return YamlError(f"{self.source}{f':{line}' if line else ''}: {message}")

    def mapping(self, value: object, where: str) -> Mapped:
        """:raises YamlError: it is none"""
        if not isinstance(value, Mapped):
            raise self.fault(value, f"{where} is {_kind(value)}, a mapping is expected")
        return value

    def listed(self, value: object, where: str) -> Listed:
        """:raises YamlError: it is no list, or an empty one"""
        if not isinstance(value, Listed) or not value:
            raise self.fault(value, f"{where} is {_kind(value)}, a list with at least one entry is expected")
        return value

    def keys(self, value: Mapped, where: str, required: Collection[str], optional: Collection[str] = ()) -> None:
        """:raises YamlError: a key is missing or unknown"""
        for key in value:
            if key not in required and key not in optional:
                known = ", ".join((*required, *optional))
                raise self.fault(key, f"{where}: {str(key)!a:.60} is not understood, expected {known}")
        for key in required:
            if key not in value:
                raise self.fault(value, f"{where} lacks {key}")

    def text(self, value: object, where: str, limit: int = 1000) -> str:
        """:raises YamlError: it is no text, empty or longer than ``limit`` characters"""
        if not isinstance(value, Place) or not value.strip() or len(value) > limit:
            raise self.fault(value, f"{where} is {_kind(value)}, a text of 1 to {limit} characters is expected")
        if not value.isprintable() and any(not c.isprintable() and c != "\n" for c in value):
            raise self.fault(value, f"{where} holds control characters")
        return str(value).strip()

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        """:raises YamlError: it is no list of texts"""
        return tuple(self.text(item, f"{where}[{n}]") for n, item in enumerate(self.listed(value, where)))

    def flag(self, value: object, where: str) -> bool:
        """:raises YamlError: it is neither true nor false"""
        if str(value) not in ("true", "false"):
            raise self.fault(value, f"{where} is {str(value)[:40]!a}, true or false is expected")
        return str(value) == "true"

    def whole(self, value: object, where: str, low: int, high: int) -> int:
        """:raises YamlError: it is no whole number from ``low`` to ``high``"""
        text = str(value)
        if not re.fullmatch(r"-?\d{1,9}", text) or not low <= int(text) <= high:
            raise self.fault(value, f"{where} is {text[:40]!a}, a whole number from {low} to {high} is expected")
        return int(text)

    def moment(self, value: object, where: str) -> datetime.datetime:
        """A time with its zone, in UTC.

        :raises YamlError: it is none; without a zone it would mean another moment to each reader
        """
        text = str(value)
        if _TIME.fullmatch(text):
            try:
                return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
            except (ValueError, OverflowError) as error:
                raise self.fault(value, f"{where} is {text!a}: {error}") from error
        why = "a time without a zone" if re.match(r"\d{4}-\d{2}-\d{2}", text) else "no time"
        raise self.fault(value, f"{where} is {text[:40]!a}, {why}; write it like 2027-01-31T00:00:00Z")

    def date(self, value: object, where: str) -> datetime.date:
        """:raises YamlError: it is no date"""
        text = str(value)
        try:
            if _DATE.fullmatch(text):
                return datetime.date.fromisoformat(text)
        except ValueError as error:
            raise self.fault(value, f"{where} is {text!a}: {error}") from error
        raise self.fault(value, f"{where} is {text[:40]!a}, a date like 2027-01-31 is expected")

    def _value(self, node: Any) -> Any:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return at(node.value, line)
        if isinstance(node, yaml.SequenceNode):
            items = Listed(self._value(item) for item in node.value)
            items.line = line
            return items
        found = Mapped()
        found.line = line
        for key_node, value_node in node.value:
            key = self._value(key_node)
            if not isinstance(key, Place):
                raise YamlError(f"{self.source}:{line}: a key is no text")
            if key in found:
                raise self.fault(key, f"the key {str(key)!a:.60} stands twice")
            found[key] = self._value(value_node)
        return found


def _kind(value: object) -> str:
    if isinstance(value, Place):
        return f"{str(value)[:40]!a}" if value else "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else "nothing"


def strict_loader(source: str) -> Any:
    """A loader of PyYAML that refuses what makes more of a file than stands in it, before it is made.

    :param source: what to call the file in messages
    """

    class Strict(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            # PyYAML's stubs give this one no types.
            peek: Callable[[], Any] = self.peek_event
            event = peek()
            where = f"{source}:{event.start_mark.line + 1}"
            if isinstance(event, yaml.AliasEvent):
                raise YamlError(f"{where}: aliases (*name) are not taken: write the value out")
            if getattr(event, "tag", None) is not None:
                raise YamlError(f"{where}: tags (here {event.tag!a:.60}) are not taken: they make objects")
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise YamlError(f"{where}: is nested more than {MAX_DEPTH} deep")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Strict
