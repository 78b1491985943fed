# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written as JSON fits its published schema, and a header reads back as it was."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from port995.dns.model import DnsPlan
from port995.policy.model import Disposition, Expiring, HostPlan, Intent, Judgement, Status
from port995.probe.model import Connection, Observation, Resolution, Target, Vantage
from port995.report import schema
from port995.report.activity import Activity, activity_of
from port995.report.gate_file import GateFileError, read_gate_json, to_gate_json
from port995.report.json_report import as_text, to_json, to_octets
from port995.report.run_header import ADDED, HeaderError, header_from_json, header_to_json

from .judgements import (
    HOSTILE,
    RUN,
    coverage_result,
    every_status,
    five_hosts,
    good_host,
    header_of,
    judgement_of,
    result,
    told,
)


def validate(name: str, document: Any) -> None:
    Draft202012Validator(schema.load(name)).validate(document)


def seen(vantage: str = "controller", run: str = RUN) -> Observation:
    return Observation(
        "port995/observation/1", run, Target(("mx",), "192.0.2.1"), "pop3s", 995,
        Vantage(vantage, "inside", "box", (4,)), None, "2026-11-24T11:00:00.000Z", "2026-11-24T11:00:01.000Z",
        Resolution("numeric", ("192.0.2.1",)), "192.0.2.1", 4,
        connections=(Connection("TLS and POP3 session", "192.0.2.1", 995, "192.0.2.9"),),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["report-1", "gate-1", "run-1", "observation-1", "scope-1", "names-1"])
def test_the_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema.load(name))
    assert name in schema.names()
    family, version = name.split("-")
    assert schema.load(f"port995/{family}/{version}") == schema.load(name)


@pytest.mark.parametrize("name", ["report-9", "../report-1", "", "port995/report/../gate"])
def test_an_unknown_schema_is_told(name: str) -> None:
    with pytest.raises(LookupError, match="choose among"):
        schema.load(name)


@pytest.mark.parametrize("judgement", [every_status(), five_hosts(), judgement_of([], {})])
def test_report_and_gate_fit_their_schemas(judgement: Judgement) -> None:
    found, verdict, header = told(judgement)
    report = to_json(found, verdict, header, activity_of(RUN, [seen()]))
    validate("port995/report/1", json.loads(as_text(report)))
    assert json.loads(as_text(report)) == report
    validate("port995/gate/1", to_gate_json(found, verdict, {"run.json": "c" * 64}))


def test_the_report_holds_every_host_and_result() -> None:
    found, verdict, header = told(five_hosts())
    report = to_json(found, verdict, header)
    assert [host["name"] for host in report["hosts"]] == list(found.dispositions)
    assert len(report["results"]) == len(found.results)
    assert {host["name"]: host["status"] for host in report["hosts"]}["dark.example"] == "unreachable"
    assert report["coverage"]["reasons"] == {"not-found": 1, "no-response": 1}


def test_hostile_text_leaves_json_that_every_reader_takes() -> None:
    host = f"mx{HOSTILE}"
    nasty = result(host, Status.FAIL, message=HOSTILE, evidence=(HOSTILE,), endpoint=HOSTILE)
    found, verdict, header = told(judgement_of([coverage_result(host), nasty], {host: Disposition.ASSESSED}))
    text = as_text(to_json(found, verdict, header))
    assert text.isascii()
    assert "\x1b" not in text
    assert "\x00" not in text
    document = json.loads(text)
    document_as_utf8 = json.dumps(document, ensure_ascii=False).encode("utf-8")  # refused with a lone surrogate
    assert rb"\\ud800" in document_as_utf8
    validate("report-1", document)


def test_activity_counts_connections_by_purpose_and_leaves_foreign_ones_out() -> None:
    activity = activity_of(RUN, [seen(), seen("scanner"), seen(run="f" * 32)])
    assert (activity.observations, activity.connection_count) == (2, 2)
    assert activity.connections == {"TLS and POP3 session": 2}
    assert [(v.vantage.name, v.sources) for v in activity.vantages] == [
        ("controller", ("192.0.2.9",)),
        ("scanner", ("192.0.2.9",)),
    ]


def full_header():
    return header_of(
        good_host(),
        plan=(
            HostPlan("a", Intent.INTERNAL, ("pop3s_port: 'x' is no port",), None, {"pop3s_owner": "mail team"}),
            HostPlan("b", None, (), "--limit"),
        ),
        targets=(Target(("a",), "2001:db8::1", 1995, "mx.example", None, "v2"),),
        command=("port995", "audit", "--out", "x\udcff"),
        versions={"python": "3.11"},
        deadline=30.5,
        checks="default",
        notes=("twice",),
        partial=True,
    )


def test_a_header_reads_back_as_it_was_and_fits_its_schema() -> None:
    header = full_header()
    data = json.loads(json.dumps(header_to_json(header)))
    validate("run-1", data)
    assert header_from_json(data) == header


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "port995/run/2"},
        {"surprise": 1},
        {"run_id": "x"},
        {"partial": "yes"},
        {"deadline": "soon"},
        {"deadline": True},
        {"deadline": float("nan")},
        {"plan": {}},
        {"plan": [{"name": "a"}]},
        {"plan": [{"name": "a", "intent": "closd", "problems": [], "excluded": None, "variables": {}}]},
        {"targets": [{"address": "a"}]},
        {"targets": [{"hosts": ["a"], "address": "a", "port": "995"}]},
        {"vantages": [{"name": "a", "side": "inside"}]},
        {"command": "port995 audit"},
        {"versions": {"python": 3}},
    ],
)
def test_a_header_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(HeaderError):
        header_from_json({**header_to_json(full_header()), **change})


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(full_header()) if one.name not in ADDED])
def test_a_header_that_lacks_a_field_is_refused(field: str) -> None:
    data = header_to_json(full_header())
    del data[field]
    with pytest.raises(HeaderError):
        header_from_json(data)


def test_a_header_says_whom_to_ask_and_one_of_before_says_nobody() -> None:
    asking = dataclasses.replace(
        full_header(), plan=(HostPlan("mx", domains=("example.org",)),), dns=DnsPlan(("127.0.0.1:53",), "--resolver", True)
    )
    document = json.loads(json.dumps(header_to_json(asking)))
    Draft202012Validator(schema.load("run-1")).validate(document)
    assert header_from_json(document) == asking
    before = header_to_json(full_header())
    assert "dns" not in before and not any("domains" in host for host in before["plan"])
    assert header_from_json(json.loads(json.dumps(before))).dns is None
    for change in ({"dns": {"servers": []}}, {"dns": [1]}, {"dns": {**document["dns"], "more": 1}}):
        with pytest.raises(HeaderError, match="dns"):
            header_from_json({**document, **change})


def test_a_header_says_which_crls_were_given_and_one_of_before_says_none() -> None:
    given = dataclasses.replace(full_header(), crl_sources=("ca.crl",), crls_sha256="a" * 64)
    document = json.loads(json.dumps(header_to_json(given)))
    Draft202012Validator(schema.load("run-1")).validate(document)
    assert header_from_json(document) == given
    before = header_to_json(full_header())
    assert not set(ADDED) & set(before)
    header = header_from_json(before)
    assert (header.crl_sources, header.crls_sha256) == ((), "")
    for change in ({"crl_sources": "ca.crl"}, {"crls_sha256": None}):
        with pytest.raises(HeaderError, match="crl"):
            header_from_json({**document, **change})


def test_a_plan_that_names_a_host_twice_is_refused() -> None:
    data = header_to_json(full_header())
    data["plan"] *= 2
    with pytest.raises(HeaderError, match="twice"):
        header_from_json(data)


def gate_document(judgement: Judgement) -> dict[str, Any]:
    found, verdict, _ = told(judgement)
    return to_gate_json(found, verdict, {"run.json": "c" * 64})


@pytest.mark.parametrize(
    "change",
    [
        {"exit": 0, "verdict": "passed"},
        {"exit": 0, "verdict": "passed", "incomplete": False, "reasons": []},
        {"exit": 2},
        {"exit": True},
        {"exit": 3},
        {"verdict": "passed"},
        {"incomplete": 1},
        {"reasons": []},
        {"reasons": [1]},
        {"files": {"../run.json": "c" * 64}},
        {"files": {"run.json": "short"}},
        {"files": []},
        {"coverage": {}},
        {"schema": "port995/gate/2"},
        {"surprise": 1},
    ],
)
def test_a_gate_file_that_no_gate_would_write_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(GateFileError):
        read_gate_json(json.dumps({**gate_document(five_hosts()), **change}).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_gate_file_that_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(GateFileError):
        read_gate_json(data)


@pytest.mark.parametrize("judgement", [good_host(), five_hosts(), judgement_of([], {})])
def test_a_gate_file_reads_back_as_the_gate_said(judgement: Judgement) -> None:
    _, verdict, _ = told(judgement)
    assert read_gate_json(json.dumps(gate_document(judgement)).encode()).verdict == verdict


def test_certificates_that_expire_next_stand_in_the_report() -> None:
    one = Expiring("2026-11-27T11:00:00Z", "CN=mail", "a" * 64, 1, ("host 192.0.2.1:995",))
    judgement, verdict, header = told(dataclasses.replace(five_hosts(), expiring=(one,)))
    document = to_json(judgement, verdict, header)
    Draft202012Validator(schema.load("report-1")).validate(document)
    assert document["expiring"] == [
        {
            "not_after": "2026-11-27T11:00:00Z", "days_left": 2, "subject": "CN=mail", "sha256": "a" * 64, "count": 1,
            "endpoints": ["host 192.0.2.1:995"],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("judgement", [every_status(), five_hosts(), judgement_of([], {})])
def test_the_file_is_the_document_however_it_is_written(judgement: Judgement) -> None:
    found, verdict, header = told(judgement)
    bare = dataclasses.replace(found, results=())
    for one in (found, bare):
        written = to_octets(one, verdict, header, Activity())
        assert written.decode() == as_text(to_json(one, verdict, header, Activity()))
