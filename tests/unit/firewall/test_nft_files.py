# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of others are given back as they were, and files of ours never name what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from port995.change import files
from port995.firewall import nft_files
from port995.firewall.model import wanted
from port995.firewall.nftables import render


@pytest.mark.parametrize(
    "text", ["", "flush ruleset\n", "flush ruleset", "a\r\nb\r\n", "\n\n", "include \"/etc/port995/firewall/mine.nft\"\n"]
)
def test_a_configuration_gets_our_line_once_and_is_given_back_to_the_octet(text: str) -> None:
    with_line = nft_files.with_line(text)
    assert with_line.count(nft_files.LINE) == 1
    assert nft_files.with_line(with_line) == with_line
    assert nft_files.without_line(with_line) == text


def test_a_rule_that_was_added_after_our_line_stays() -> None:
    text = nft_files.with_line("flush ruleset\n") + "table ip later {\n}\n"
    assert nft_files.without_line(text) == "flush ruleset\ntable ip later {\n}\n"


def test_the_line_is_a_pattern_since_a_name_that_is_gone_would_keep_the_firewall_from_loading() -> None:
    assert "*" in nft_files.LINE
    assert nft_files.STOP.endswith("stop-nftables"), "the pattern must not take in what flushes"


def test_the_stop_of_a_service_is_replaced_only_where_it_is_known() -> None:
    assert "ExecStop=\n" in nft_files.addition("/usr/sbin/nft", True)
    assert "ExecStop=" not in nft_files.addition("/usr/sbin/nft", False)
    known = "[Service]\nExecStop=/usr/sbin/nft flush ruleset\n"
    assert nft_files.has_known_stop(known)
    assert not nft_files.has_known_stop("[Service]\nExecStop=/usr/sbin/nft flush ruleset; true\n")
    assert not nft_files.has_known_stop(known + "# /etc/systemd/system/nftables.service.d/own.conf\nExecStop=/bin/own\n")
    assert not nft_files.has_known_stop("[Service]\n")


def test_nothing_is_wanted_on_disk_for_no_table() -> None:
    nothing = nft_files.planned("", True)
    assert set(nothing.contents.values()) == {None} and not nothing.enabled and not nothing.lines_in


def test_without_systemd_no_unit_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft_files, "CONFIGURATIONS", ())
    planned = nft_files.planned(render(wanted("closed")), False)
    assert planned.contents[nft_files.RULES] and planned.contents[nft_files.UNIT] is None and not planned.enabled


def test_a_configuration_that_is_a_link_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "real.conf", tmp_path / "nftables.conf"
    real.write_text("flush ruleset\n")
    link.symlink_to(real)
    monkeypatch.setattr(nft_files, "CONFIGURATIONS", (str(link),))
    monkeypatch.setattr(nft_files, "OWN_FILES", ())
    monkeypatch.setattr(nft_files, "OWN_FOLDERS", ())
    assert nft_files.planned(render(wanted("closed")), False).lines_in == ()
    nft_files.write(nft_files.Persistence({}, (str(link),), False), False)
    assert link.is_symlink() and real.read_text() == "flush ruleset\n"


def test_a_foreign_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "nftables.conf"
    path.write_bytes(b"#!/usr/sbin/nft -f\n\xff\n")
    path.chmod(0o750)
    files.write(str(path), nft_files.with_line(files.read(str(path)) or ""))
    assert path.stat().st_mode & 0o7777 == 0o750
    assert path.read_bytes() == b"#!/usr/sbin/nft -f\n\xff\n" + nft_files.LINE.encode() + b"\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["nftables.conf"]


def test_a_file_that_can_not_be_written_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    with pytest.raises(files.FileError, match="can't be written"):
        files.write(str(folder / "x"), "")
    with pytest.raises(files.FileError, match="no regular file"):
        files.read("/dev/null")


def test_what_something_else_has_changed_is_named() -> None:
    table = render(wanted("closed"))
    ours = nft_files.Persistence(
        {**dict.fromkeys(nft_files.OWN_FILES, "ours"), nft_files.RULES: table}, ("/etc/nftables.conf",), True
    )
    nothing = nft_files.Persistence(dict.fromkeys(nft_files.OWN_FILES), (), False)
    moved = nft_files.Persistence({**ours.contents, nft_files.RULES: "other rules"}, (), True)
    spoilt = nft_files.Persistence({**ours.contents, nft_files.UNIT: None}, (), False)
    assert nft_files.disturbed(ours, ours) == nft_files.disturbed(nothing, ours) == nft_files.disturbed(moved, ours) == ()
    assert nft_files.disturbed(spoilt, ours) == (
        "/etc/systemd/system/port995-firewall.service was changed or removed",
        "/etc/nftables.conf does not hold our line any more",
        "port995-firewall.service is not enabled any more",
    )
