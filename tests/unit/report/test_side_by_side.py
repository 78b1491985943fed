# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text lays the views side by side, and obeys nothing that a vantage says."""

from __future__ import annotations

import dataclasses
from io import StringIO

from port995.policy.gate import gate
from port995.policy.model import Disposition, Status, View, Views
from port995.report.json_report import to_json
from port995.report.junit import to_junit
from port995.report.terminal import render, to_text

from .judgements import coverage_result, header_of, judgement_of, result

ENDPOINT = "192.0.2.1:995"
DIFFER = "open to office (inside), source 192.0.2.9; closed to internet (outside), source 198.51.100.9"


def shown() -> tuple[object, object, object]:
    """A reason comes out of a journal that another machine wrote, and a name out of an inventory."""
    views = (
        View("office", "inside", "192.0.2.9", "192.0.2.1", 4, "open", "syn-ack"),
        View("internet", "outside", "198.51.100.9", "192.0.2.1", 4, "closed", "\x1b[2J]]><x>"),
    )
    results = [coverage_result("mx"), result("mx", Status.PASS, "POP3S-PORT-001", ENDPOINT)]
    judgement = dataclasses.replace(
        judgement_of(results, {"mx": Disposition.ASSESSED}),
        views=(Views("mx", ENDPOINT, views, ("no observation in the journal from far",), DIFFER),),
    )
    return judgement, gate(judgement), header_of(judgement, vantage_hosts=("probe\x1b", "other"))


def test_the_terminal_shows_a_line_per_look() -> None:
    judgement, verdict, header = shown()
    text = to_text(judgement, verdict, header)
    assert text.split("Views side by side:\n")[1].startswith(
        f"  mx {ENDPOINT}: they differ: {DIFFER}\n"
        "    office    inside   192.0.2.9     IPv4  open (syn-ack)\n"
        "    internet  outside  198.51.100.9  IPv4  closed (\\x1b[2J]]><x>)\n"
        "    missing: no observation in the journal from far\n"
    )
    assert "vantages only, no part of the inventory: probe\\x1b, other\n" in text
    on_terminal = StringIO()
    render(judgement, verdict, on_terminal, True, header)
    assert DIFFER in on_terminal.getvalue() and "\x1b[2J" not in on_terminal.getvalue()


def test_junit_shows_them_in_the_case_of_the_port() -> None:
    judgement, verdict, header = shown()
    xml = to_junit(judgement, verdict, header)
    assert f"views side by side: they differ: {DIFFER}" in xml
    assert "missing: no observation in the journal from far" in xml
    assert "\x1b" not in xml and "vantages only: probe" in xml
    assert '<property name="vantages only" value="probe\\x1b, other"' in xml


def test_json_has_them_as_data() -> None:
    document = to_json(*shown())
    (one,) = document["views"]
    assert (one["host"], one["endpoint"], one["differ"]) == ("mx", ENDPOINT, DIFFER)
    assert one["views"][0] == {
        "vantage": "office", "side": "inside", "source": "192.0.2.9", "address": "192.0.2.1", "family": 4,
        "state": "open", "reason": "syn-ack",
    }  # fmt: skip
    assert document["vantage_hosts"] == ["probe\x1b", "other"]
