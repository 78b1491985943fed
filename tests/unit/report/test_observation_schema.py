# SPDX-License-Identifier: GPL-3.0-or-later
"""The published schema of an observation says what the dataclasses say, and real observations fit it."""

from __future__ import annotations

import dataclasses
import socket
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from port995.probe import model
from port995.probe.codec import observation_from_json, observation_to_json
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.report import schema

PARTS = {
    "target": model.Target,
    "vantage": model.Vantage,
    "resolution": model.Resolution,
    "tcp": model.TcpConnect,
    "tls": model.TlsSession,
    "dialogue": model.Pop3Dialogue,
    "connection": model.Connection,
    "extras": model.Pop3Extras,
    "ntlm": model.NtlmAnswer,
    "ntlm_host": model.NtlmHost,
    "login": model.Login,
    "mailbox": model.Mailbox,
}


def validator() -> Draft202012Validator:
    return Draft202012Validator(schema.load("observation-1"))


def observe(*targets: model.Target, **options: Any) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    run_scan(
        targets,
        ScanOptions(**{"resolve_timeout": 0.5, "connect_timeout": 0.5, "tls_timeout": 0.5, **options}),
        local_vantage(),
        "r" * 32,
        lambda one: seen.append(observation_to_json(one)),
    )
    return seen


@pytest.mark.parametrize("part", [*PARTS, "observation"])
def test_schema_and_dataclass_have_the_same_fields(part: str) -> None:
    document = schema.load("observation-1")
    described, kind = (
        (document, model.Observation) if part == "observation" else (document["$defs"][part], PARTS[part])
    )
    fields = dataclasses.fields(kind)
    assert set(described["properties"]) == {field.name for field in fields}
    assert set(described.get("required", ())) == {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }


def test_observations_of_every_kind_of_end_fit_the_schema() -> None:
    with socket.socket() as bound, socket.socket() as silent:
        bound.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        refusing, hanging = bound.getsockname()[1], silent.getsockname()[1]
        seen = observe(
            model.Target(("refusing",), "127.0.0.1", refusing, "mail.test.example", refusing),
            model.Target(("hanging",), "127.0.0.1", hanging, None, hanging, "v2"),
            model.Target(("nowhere",), "name.invalid", 995),
            model.Target(("six",), "::1", refusing),
            families="4",
            pop3_timeout=0.5,
        )
    assert len(seen) == 8
    assert {(one["target"]["hosts"][0], (one["tcp"] or {}).get("state")) for one in seen} == {
        ("refusing", "closed"), ("hanging", "open"), ("nowhere", None), ("six", None),
    }  # fmt: skip
    for one in seen:
        validator().validate(one)
        assert observation_to_json(observation_from_json(one)) == one


@pytest.mark.parametrize(
    "spoil",
    [
        {"schema": "port995/observation/2"},
        {"port": 0},
        {"not_tested": "it was late"},
        {"started": "yesterday"},
        {"tcp": {"state": "ajar", "reason": "wind"}},
        {"opinion": "fine"},
    ],
)
def test_what_is_no_observation_does_not_fit(spoil: dict[str, Any]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        one = observe(model.Target(("mx",), "127.0.0.1", bound.getsockname()[1], None, None))[0]
    assert validator().is_valid(one)
    assert not validator().is_valid({**one, **spoil})
