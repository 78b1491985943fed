# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations to JSON and back, driven by the dataclasses of `model` themselves: no second list of fields.

Reading is strict: an unknown schema, a missing or unknown field or a wrong type is refused, because a fact that was
misread is worse than none. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from typing import Any, Dict, Tuple, Type, TypeVar, Union

from . import model

T = TypeVar("T")


class CodecError(ValueError):
    """The JSON is not an observation this version can read; says which field."""


def observation_to_json(observation: model.Observation) -> Dict[str, Any]:
    """The observation as JSON data: dicts, lists, strings, numbers, booleans and None."""
    return typing.cast(Dict[str, Any], _encode(observation))


def to_json(value: Any) -> Any:
    """A dataclass of `model` as JSON data; `decode` reads it back."""
    return _encode(value)


def observation_from_json(data: Any) -> model.Observation:
    """Read an observation from JSON data.

    :raises CodecError: another schema, a missing or unknown field, a wrong type
    """
    if not isinstance(data, dict):
        raise CodecError("an observation is a JSON object, this is %s" % type(data).__name__)
    schema = data.get("schema")
    if schema != model.OBSERVATION_SCHEMA:
        raise CodecError("schema is %.60r, this version reads %r" % (schema, model.OBSERVATION_SCHEMA))
    return decode(model.Observation, data)


def decode(kind: Type[T], data: Any) -> T:
    """Build a dataclass of `model` from JSON data, field by field.

    :param kind: the dataclass
    :param data: a JSON object with exactly its fields (those with a default may be missing)
    :raises CodecError: data does not fit
    """
    return typing.cast(T, _decode(kind, data, kind.__name__))


def _encode(value: Any) -> Any:
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is tuple:
        return [_encode(item) for item in value]
    if not dataclasses.is_dataclass(kind):
        return value
    left_out = _defaults(kind)
    encoded = {}
    for name, _hint, _has_default in _fields(kind):
        item = getattr(value, name)
        if name not in left_out or item != left_out[name]:
            encoded[name] = item if type(item) in PLAIN else _encode(item)
    return encoded


PLAIN = frozenset((str, int, float, bool, type(None)))
"""Values that are JSON already; nearly all are, so they are tried first."""


LONG = 24
"""Characters of a text that is kept once, however often it is read."""

SPARSE = (model.Hello, model.Question)
"""Of these there are many, and most of their fields say nothing: what is at its default is left out."""

_DEFAULTS: Dict[type, Dict[str, Any]] = {}


def _defaults(kind: type) -> Dict[str, Any]:
    if kind not in SPARSE:
        return {}
    if kind not in _DEFAULTS:
        fields = dataclasses.fields(typing.cast(Any, kind))
        _DEFAULTS[kind] = {one.name: one.default for one in fields if one.default is not dataclasses.MISSING}
    return _DEFAULTS[kind]


_FIELDS: Dict[type, Tuple[Tuple[str, Any, bool], ...]] = {}


def _fields(kind: type) -> Tuple[Tuple[str, Any, bool], ...]:
    """(name, type, has a default) of each field; type hints are resolved once per class, they are slow."""
    if kind not in _FIELDS:
        hints = typing.get_type_hints(kind)
        _FIELDS[kind] = tuple(
            (
                field.name,
                hints[field.name],
                field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
            )
            for field in dataclasses.fields(kind)
        )
    return _FIELDS[kind]


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is Union:
        inner = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if data is None else _decode(inner[0], data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise CodecError("%s is a list, not %s" % (where, type(data).__name__))
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, value, "%s[%d]" % (where, index)) for index, value in enumerate(data))
    if dataclasses.is_dataclass(kind):
        return _decode_object(typing.cast(type, kind), data, where)
    accepted: Tuple[type, ...] = (float, int) if kind is float else (kind,)
    if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
        raise CodecError("%s is %s, not %s" % (where, kind.__name__, type(data).__name__))
    if kind is float:
        number = typing.cast(float, data)
        # NaN and Infinity are no JSON (RFC 8259 section 6), though Python reads them.
        if not abs(number) < sys.float_info.max:
            raise CodecError("%s is no finite number" % where)
        return float(number)
    if isinstance(data, str) and len(data) > LONG:
        # Offers repeat from endpoint to endpoint: one copy of each is enough for a fleet.
        return sys.intern(data)
    return data


def _decode_object(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise CodecError("%s is an object, not %s" % (where, type(data).__name__))
    fields = _fields(kind)
    unknown = set(data) - {name for name, hint, needed in fields}
    if unknown:
        raise CodecError("%s has unknown fields: %s" % (where, ", ".join(sorted(map(str, unknown)))[:200]))
    values = {}
    for name, hint, has_default in fields:
        if name in data:
            values[name] = _decode(hint, data[name], "%s.%s" % (where, name))
        elif not has_default:
            raise CodecError("%s lacks %s" % (where, name))
    return kind(**values)
