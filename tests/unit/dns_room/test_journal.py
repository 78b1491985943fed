# SPDX-License-Identifier: GPL-3.0-or-later
"""``dns.jsonl``: what is written reads back, fits the published schema, and what is spoiled is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from port995.dns.journal import LookupWriter, as_line, lookup_from_json, read_lookups
from port995.dns.model import DNS_SCHEMA, OUTCOMES, Lookup, Srv, Tlsa
from port995.report import schema

FULL = Lookup(
    DNS_SCHEMA, "0" * 32, "_pop3s._tcp.example.org", "SRV", "a test", "answered", "words", "127.0.0.1:53", True,
    ("b.example",), "example", (Srv(0, 1, 995, "m.example"),), (Tlsa(3, 1, 1, "00ff"),), ("192.0.2.1",), 60, 2,
    "2026-11-25T10:00:00.000Z", 0.1,
)  # fmt: skip
BARE = [Lookup(DNS_SCHEMA, "0" * 32, "example.org", "SOA", "", outcome) for outcome in OUTCOMES]


def write(path: Path) -> Path:
    with LookupWriter(path) as writer:
        for lookup in (FULL, *BARE):
            writer.append(lookup)
    return path


def test_what_is_written_reads_back_and_fits_the_schema(tmp_path: Path) -> None:
    path = write(tmp_path / "dns.jsonl")
    assert read_lookups(path) == ([FULL, *BARE], "")
    validator = Draft202012Validator(schema.load(DNS_SCHEMA))
    for line in path.read_text().splitlines():
        validator.validate(json.loads(line))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "port995/dns/2"}, {"outcome": "fine"}, {"type": "MX"}, {"srv": [{}]}, {"ttl": "1"}, {"more": 1},
        # An absence with what is absent, and an answer without one.
        {"outcome": "nxdomain"}, {"outcome": "timeout"}, {"srv": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_spoiled_line_costs_the_rest_and_is_told(change: dict[str, object], tmp_path: Path) -> None:
    path = write(tmp_path / "dns.jsonl")
    lines = [as_line(FULL)] * 3
    lines[1] = json.dumps({**json.loads(lines[1]), **change})
    path.write_text("\n".join(lines) + "\n")
    found, problem = read_lookups(path)
    assert found == [FULL] and problem.startswith("dns.jsonl line 2: ")
    path.write_text(as_line(FULL) + "\n" + as_line(FULL)[:40])
    assert read_lookups(path)[1] == "dns.jsonl line 2 was cut off while it was written, or is too long"


@pytest.mark.parametrize("data", [None, [], "x", {}, {"schema": DNS_SCHEMA}])
def test_what_is_no_lookup_is_refused(data: object) -> None:
    with pytest.raises(ValueError):
        lookup_from_json(data)
