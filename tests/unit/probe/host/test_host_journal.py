# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself is read with mistrust: bounded, strictly, and nothing that contradicts itself."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from port995.probe.codec import CodecError, to_json
from port995.probe.host import model
from port995.probe.host.journal import as_line, host_from_json, read_line
from port995.report import schema
from tests.unit.policy.inside import looked, silent


def changed(path: str, value: Any) -> Any:
    data = json.loads(json.dumps(to_json(looked())))
    place = data
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        place = place[part]
    place[last] = value
    return data


def test_it_reads_back_as_it_was_and_fits_its_schema() -> None:
    validator = Draft202012Validator(schema.load("host-1"))
    failed = model.HostObservation(model.HOST_SCHEMA, "r", "mx", "failed", "no Python")
    for seen in (looked(), silent(), failed):
        assert read_line(as_line(seen) + "\n") == seen
        validator.validate(json.loads(as_line(seen)))


@pytest.mark.parametrize("kind", [
    model.HostObservation, model.Listening, model.Listener, model.Process, model.SocketUnit, model.FirewallSeen,
    model.PortVerdict, model.FrontEnd, model.DaemonSeen, model.CertificateSeen, model.KeySeen, model.Named,
])  # fmt: skip
def test_schema_and_dataclass_have_the_same_fields(kind: Any) -> None:
    document = schema.load("host-1")
    described = document if kind is model.HostObservation else document["$defs"][kind.__name__]
    fields = dataclasses.fields(kind)
    assert set(described["properties"]) == {field.name for field in fields}
    assert set(described["required"]) == {
        field.name for field in fields if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }  # fmt: skip
    for name, hint in typing.get_type_hints(kind).items():
        nullable = type(None) in typing.get_args(hint)
        told = described["properties"][name]
        assert ("null" in str(told.get("type", "")) or {"type": "null"} in told.get("anyOf", ())) == nullable, name


@pytest.mark.parametrize(("path", "value"), [
    ("schema", "port995/host/2"), ("outcome", "fine"), ("outcome", "unreachable"), ("listening", None), ("firewall", None),
    ("uid", None), ("uid", True), ("uid", 2**70), ("addresses", ["here"]), ("addresses.0", 5), ("extra", 1),
    ("detail", "x" * 5000), ("addresses", ["127.0.0.1"] * 2001), ("listening.families", [4, 5]),
    ("listening.absent_families", [4]), ("listening.ports", [995, 0]), ("listening.listeners.0.family", 6),
    ("listening.listeners.0.port", 443), ("listening.listeners.0.address", "::"), ("listening.families", [6]),
    ("firewall.verdicts.0.state", "shut"), ("firewall.verdicts.0.sources", ["192.0.2.0/24"]),
    ("firewall.verdicts.0.state", "restricted"), ("firewall.verdicts.0.family", 6), ("firewall.verdicts.0.port", 25),
    ("certificates.0.sha256", ["0" * 63]), ("certificates.0.key.mode", "644"), ("certificates.0.key.mode", "rw-r--r--"),
])  # fmt: skip
def test_what_is_not_as_it_is_written_is_refused(path: str, value: Any) -> None:
    with pytest.raises(CodecError):
        host_from_json(changed(path, value))


@pytest.mark.parametrize("line", ["", "{}\n", "x\n", "[1]\n", "null\n", as_line(looked()), "[" * 5000 + "\n", "x" * (1024 * 1024 + 2)])
def test_a_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(CodecError):
        read_line(line)
