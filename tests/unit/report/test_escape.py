# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host says is shown, and nothing of it is obeyed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.report.escape import for_junit, paragraph, visible, without_surrogates

from .judgements import HOSTILE


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("\u202e\u2066", r"\u202e\u2066"),
        ("\uffff\ufffe\ud800", r"\uffff\ufffe\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("pop3 ready. \u00e9\u4e2d", "pop3 ready. \u00e9\u4e2d"),
    ],
)
def test_what_cannot_be_printed_is_shown(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_newlines_stay_only_where_lines_are_wanted() -> None:
    assert visible("a\nb\r", lines=True) == "a\nb\\x0d"


def test_what_is_cut_off_is_counted() -> None:
    assert visible("x" * 30, 10) == "x" * 10 + "... (20 more octets)"
    assert visible("x" * 10, 10) == "x" * 10
    assert visible("ab\u4e2d", 2) == "ab... (3 more octets)"


def test_markers_that_a_ci_obeys_are_broken() -> None:
    shown = for_junit("[[ATTACHMENT|/etc/passwd]] [[attachment|x]] ]]>")
    assert "ATTACHMENT|" not in shown.upper()
    assert "]]>" not in shown
    assert r"[[ATTACHMENT\x7c/etc/passwd]]" in shown
    assert r"]]\x3e" in shown


def test_a_marker_made_by_escaping_is_broken_too() -> None:
    assert "]]>" not in for_junit("]]\x00>]]>")


@given(st.text(st.characters()))
def test_no_text_brings_a_control_character_or_breaks_xml(text: str) -> None:
    shown = for_junit(text)
    assert shown.isprintable()
    element = ET.Element("a", {"b": shown})
    element.text = shown
    again = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert (again.text or "") == shown == again.get("b")


def test_a_long_paragraph_keeps_whole_lines_and_counts_the_rest() -> None:
    text = paragraph(["12345", "6789", "abc"], limit=11)
    assert text == "12345\n6789\n... (4 more octets)"


def test_lone_surrogates_alone_are_escaped_for_json() -> None:
    assert without_surrogates("a\ud800\x1b") == "a\\ud800\x1b"
    assert re.search(r"\\ud800", without_surrogates(HOSTILE))
