# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations of every shape, drawn from the dataclasses of the model themselves."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from hypothesis import strategies as st

from port995.probe import model
from port995.probe.model import OBSERVATION_SCHEMA, Observation, Resolution, Target, Vantage

TEXT = st.text(st.characters(max_codepoint=0x2FFF), max_size=12) | st.text(
    st.characters(max_codepoint=255), max_size=12
)
PLAIN: dict[type, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**40), 2**40),
    float: st.floats(-1e300, 1e300),
    bool: st.booleans(),
}


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return st.none() | of(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return st.lists(of(arguments[0]), max_size=3).map(tuple)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: of(hints[field.name]) for field in dataclasses.fields(kind)})
    return PLAIN[kind]


ANY = of(Observation).map(lambda one: dataclasses.replace(one, schema=OBSERVATION_SCHEMA))

DATACLASSES = [value for value in vars(model).values() if isinstance(value, type) and dataclasses.is_dataclass(value)]


def plain(**changes: Any) -> Observation:
    """One with nothing but what it must have."""
    made = Observation(
        OBSERVATION_SCHEMA, "run", Target(("host",), "192.0.2.1"), "pop3s", 995, Vantage(), None,
        "2026-11-24T12:00:00.000Z", "2026-11-24T12:00:01.000Z", Resolution("numeric", ("192.0.2.1",)),
    )  # fmt: skip
    return dataclasses.replace(made, **changes)
