# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations to JSON and back: nothing is lost, nothing is guessed."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from port995.probe.codec import CodecError, decode, observation_from_json, observation_to_json
from port995.probe.model import Connection, Observation, TcpConnect, TlsSession

from . import observations

RELAXED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@RELAXED
@given(observations.ANY)
def test_every_observation_comes_back_as_it_went(seen: Observation) -> None:
    assert observation_from_json(json.loads(json.dumps(observation_to_json(seen)))) == seen


@pytest.mark.parametrize("kind", observations.DATACLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_the_model_comes_back(kind: Any) -> None:
    @RELAXED
    @given(observations.of(kind))
    def check(value: Any) -> None:
        assert decode(kind, json.loads(json.dumps(as_json(value)))) == value

    check()


def as_json(value: Any) -> Any:
    """An encoder of the test's own."""
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [as_json(one) for one in value] if isinstance(value, tuple) else value


def full() -> dict[str, Any]:
    seen = observations.plain(
        tcp=TcpConnect("open", "syn-ack"),
        tls=TlsSession("completed", certificates=("AAAA",), close_notify=True),
        connections=(Connection("TLS and POP3 session", "192.0.2.1", 995),),
    )
    return observation_to_json(seen)


def test_the_example_itself_is_read() -> None:
    assert observation_from_json(full()).tls == TlsSession("completed", certificates=("AAAA",), close_notify=True)


@pytest.mark.parametrize("data", [None, [], "x", 1, True])
def test_what_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(CodecError, match="JSON object"):
        observation_from_json(data)


@pytest.mark.parametrize("schema", [None, "", "port995/observation/2", "port995/observation/10", 1, ["x"] * 1000])
def test_another_schema_is_refused(schema: Any) -> None:
    with pytest.raises(CodecError, match="schema is") as caught:
        observation_from_json({**full(), "schema": schema})
    assert len(str(caught.value)) < 300


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value of it stands."""
    found = [path] if path else []
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        found += paths(value, (*path, key))
    return found


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data = copy.deepcopy(full())
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


@pytest.mark.parametrize("path", [path for path in paths(full()) if path != ("schema",)], ids=str)
def test_a_value_of_a_wrong_type_is_refused_and_named(path: tuple[Any, ...]) -> None:
    for value in (object(), {"x": 1}, [[{}]], b"x"):
        with pytest.raises(CodecError) as caught:
            observation_from_json(changed(path, value))
        assert str(next(key for key in reversed(path) if isinstance(key, str))) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("port",), "995"),
        (("port",), True),
        (("port",), 995.0),
        (("port",), None),
        (("run_id",), 1),
        (("target", "hosts"), "host"),
        (("target", "hosts"), None),
        (("tls", "close_notify"), 1),
        (("tls", "close_notify"), "true"),
        (("tls", "seconds"), "1"),
        (("tls", "seconds"), True),
        (("tls", "certificates"), [None]),
        (("connections", 0), None),
        (("address",), 1),
    ],
)
def test_a_value_that_only_looks_right_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(CodecError):
        observation_from_json(changed(path, value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_time_that_is_no_number_of_seconds_is_refused(value: Any) -> None:
    """JSON has no word for them; Python's reader takes them all the same, and a number too large for a float."""
    with pytest.raises(CodecError, match="seconds"):
        observation_from_json(changed(("tls", "seconds"), value))


def test_a_whole_number_is_a_time_too() -> None:
    seen = observation_from_json(changed(("tls", "seconds"), 3))
    assert seen.tls is not None and seen.tls.seconds == 3.0 and isinstance(seen.tls.seconds, float)


@pytest.mark.parametrize(
    "path", [("surprise",), ("tls", "surprise"), ("target", "surprise"), ("connections", 0, "surprise")], ids=str
)
def test_an_unknown_field_is_refused(path: tuple[Any, ...]) -> None:
    with pytest.raises(CodecError, match="unknown fields: surprise"):
        observation_from_json(changed(path, 1))


@pytest.mark.parametrize(
    "field",
    [
        field.name
        for field in dataclasses.fields(Observation)
        if field.default is dataclasses.MISSING and field.name != "schema"
    ],
)
def test_a_field_that_is_missing_is_refused(field: str) -> None:
    data = full()
    del data[field]
    with pytest.raises(CodecError, match=f"lacks {field}"):
        observation_from_json(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@RELAXED
@given(path=st.sampled_from(paths(full())), value=JSON)
def test_nothing_but_a_codec_error_comes_of_any_json(path: tuple[Any, ...], value: Any) -> None:
    try:
        observation_from_json(changed(path, value))
    except CodecError:
        pass


def test_a_name_of_a_field_that_is_hostile_is_cut() -> None:
    with pytest.raises(CodecError) as caught:
        observation_from_json({**full(), "x" * 100_000: 1})
    assert len(str(caught.value)) < 500
