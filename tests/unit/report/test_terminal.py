# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a person reads."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest

from port995.policy.model import Disposition, Expiring, Status
from port995.report import terminal
from port995.report.activity import Activity
from port995.report.terminal import LISTED, render, to_text

from .judgements import HOSTILE, coverage_result, five_hosts, good_host, judgement_of, result, told


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class AsciiPipe(io.StringIO):
    encoding = "ascii"  # type: ignore[assignment]


def rendered(judgement, file: io.StringIO, color: bool | None = None) -> str:
    found, verdict, header = told(judgement)
    render(found, verdict, file, color, header)
    return file.getvalue()


def test_one_row_per_host_with_intent_status_endpoint_and_first_reason() -> None:
    lines = to_text(*told(five_hosts())).splitlines()
    rows = {line.split()[0]: line for line in lines[1:6]}
    assert lines[0].split() == list(terminal.HEADINGS)
    assert set(rows) == {"good.example", "bad.example", "lost.example", "dark.example", "shut.example"}
    assert rows["good.example"].split() == ["good.example", "serve", "pass", "192.0.2.1:995"]
    assert rows["bad.example"].endswith("POP3S-CERT-003: the certificate expired 3 days ago")
    assert "unreachable" in rows["dark.example"]
    assert rows["dark.example"].endswith("silence is no answer")


def test_columns_are_aligned() -> None:
    lines = to_text(*told(five_hosts())).splitlines()[:6]
    column = lines[0].index("STATUS")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)


def test_failing_checks_equation_and_gate_follow_in_this_order() -> None:
    text = to_text(*told(five_hosts()))
    places = [text.index(words) for words in ("Failing checks:", "inventory 5 =", "results ", "gate: failed (exit 1)")]
    assert places == sorted(places)
    assert "and the run is incomplete" in text
    assert "  - 2 of 5 hosts were not assessed" in text


def test_a_passed_run_says_so_and_lists_no_failing_check() -> None:
    text = to_text(*told(good_host()))
    assert "Failing checks" not in text
    assert text.endswith("gate: passed (exit 0)\n")


def test_an_excluded_host_is_shown_as_excluded() -> None:
    judgement = judgement_of(
        [coverage_result("left", Status.NOT_TESTED, message="excluded: --limit")], {"left": Disposition.EXCLUDED}
    )
    (row,) = [line for line in to_text(*told(judgement)).splitlines() if line.startswith("left ")]
    assert " excluded " in row
    assert row.endswith("excluded: --limit")


def test_a_host_without_any_result_is_no_pass() -> None:
    judgement = judgement_of([], {"ghost": Disposition.UNREACHABLE})
    (row,) = [line for line in to_text(*told(judgement)).splitlines() if line.startswith("ghost ")]
    assert "not_tested" in row
    assert "no result" in row


def test_a_pipe_gets_plain_text_and_a_terminal_gets_colour() -> None:
    assert rendered(five_hosts(), io.StringIO()) == to_text(*told(five_hosts()))
    assert "\x1b[" in rendered(five_hosts(), Terminal())
    assert rendered(five_hosts(), Terminal(), color=False) == to_text(*told(five_hosts()))
    assert "\x1b[" in rendered(five_hosts(), io.StringIO(), color=True)


def test_without_rich_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "Console", None)
    assert rendered(five_hosts(), Terminal()) == to_text(*told(five_hosts()))


def test_a_narrow_terminal_loses_no_host_and_no_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    text = re.sub(r"\x1b\[[0-9;]*m", "", rendered(five_hosts(), Terminal()))
    squeezed = re.sub(r"\s", "", text)
    assert "gate:failed(exit1)" in squeezed
    assert "inventory5=assessed3+unreachable2+excluded0" in squeezed
    assert "unreachable" in text.split("Failing checks")[0]


def test_a_narrow_pipe_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert rendered(five_hosts(), io.StringIO()) == to_text(*told(five_hosts()))


@pytest.mark.parametrize("color", [False, True])
def test_hostile_text_and_markup_reach_the_terminal_as_text(color: bool) -> None:
    host = f"mx{HOSTILE}[bold]x[/bold]:smile:"
    nasty = result(host, Status.FAIL, message=HOSTILE, endpoint=HOSTILE)
    judgement = judgement_of([coverage_result(host), nasty], {host: Disposition.ASSESSED}, **{HOSTILE: 1})
    text = rendered(judgement, Terminal(), color)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(character.isprintable() or character == "\n" for character in plain)
    assert r"\x1b[2J" in plain
    assert "[bold]x[/bold]" in re.sub(r"\s", "", plain)


def test_a_stream_that_cannot_carry_a_character_still_gets_the_verdict() -> None:
    text = rendered(good_host("m\u00e4x.example"), AsciiPipe(), color=True)
    assert text.isascii()
    assert r"m\xe4x.example" in text
    assert "gate: passed" in text


def test_many_fails_are_counted_instead_of_listed() -> None:
    results = [coverage_result("mx")] + [result("mx", Status.FAIL, f"POP3S-X-{n:03d}") for n in range(LISTED + 5)]
    text = to_text(*told(judgement_of(results, {"mx": Disposition.ASSESSED})))
    assert text.count("[HIGH] POP3S-X-") == LISTED
    assert "... and 5 more in report.json" in text


def test_connections_are_told_with_their_purpose() -> None:
    found, verdict, header = told(good_host())
    text = to_text(found, verdict, header, Activity(2, (), {"TLS and POP3 session": 3}))
    assert "observations 2, connections 3 (3 TLS and POP3 session)" in text


def expiring(count: int) -> tuple[Expiring, ...]:
    return tuple(
        Expiring(f"2026-11-{day:02}T12:00:00Z", f"CN={HOSTILE}{day}", "a" * 64, 5, ("one 192.0.2.1:995", "two", "three"))
        for day in range(23, 23 + count)
    )


def test_certificates_that_expire_next_are_listed_with_the_days_that_are_left() -> None:
    lines = to_text(*told(dataclasses.replace(good_host(), expiring=expiring(3)))).splitlines()
    at = lines.index("Certificates that expire next:")
    assert "2026-11-23T12:00:00Z (expired) CN=" in lines[at + 1]
    assert "(in 0 days)" in lines[at + 2] and "(in 1 days)" in lines[at + 3]
    assert lines[at + 1].endswith("one 192.0.2.1:995, two, three and 2 more")
    assert "\x1b" not in lines[at + 1] and lines[at + 4] == ""


def test_the_list_of_what_expires_is_short_and_says_where_there_is_more() -> None:
    many = expiring(7) * 2
    text = to_text(*told(dataclasses.replace(good_host(), expiring=many)))
    assert text.count("CN=") == terminal.EXPIRING < len(many) and "  ... and more in report.json" in text
    assert "Certificates that expire next" not in to_text(*told(good_host()))
