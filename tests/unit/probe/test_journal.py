# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: each observation is there as soon as it is taken, and a journal that was cut off never reads as whole."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from port995.probe import journal
from port995.probe.journal import JournalError, JournalWriter, read_cut_journal, read_journal, sha256_of
from port995.probe.model import Observation

from . import observations
from .observations import plain

RELAXED = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=40,
)


def written(path: Path, *seen: Observation) -> Path:
    with JournalWriter(str(path)) as writer:
        for one in seen:
            writer.append(one)
        assert writer.count == len(seen)
    return path


@RELAXED
@given(seen=st.lists(observations.ANY, max_size=3))
def test_every_observation_comes_back_from_the_file(tmp_path: Path, seen: list[Observation]) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    assert list(read_journal(str(written(path, *seen)))) == seen
    assert len(path.read_bytes().splitlines()) == len(seen)


def test_text_of_a_hostile_host_stays_inside_its_line(tmp_path: Path) -> None:
    hostile = "\n\r\x00\x1b[2J\u2028\x85\xff\ud800"
    path = written(tmp_path / "j", plain(plaintext=hostile), plain(detail=hostile))
    assert path.read_bytes().count(b"\n") == 2 and path.read_bytes().isascii()
    assert not any(octet < 32 and octet != 10 for octet in path.read_bytes())
    assert [one.plaintext or one.detail for one in read_journal(str(path))] == [hostile, hostile]


def test_each_observation_is_in_the_file_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with JournalWriter(str(path)) as writer:
        for count in range(1, 4):
            writer.append(plain(run_id=str(count)))
            assert [one.run_id for one in read_journal(str(path))] == [str(n + 1) for n in range(count)]


def test_a_journal_is_appended_to_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, plain(run_id="1"))
    written(path, plain(run_id="2"))
    assert [one.run_id for one in read_journal(str(path))] == ["1", "2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_closing_twice_is_no_fault(tmp_path: Path) -> None:
    writer = JournalWriter(str(tmp_path / "j"))
    writer.close()
    writer.close()


def test_a_place_that_can_not_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        JournalWriter(str(tmp_path / "none" / "j"))
    with pytest.raises(OSError):
        JournalWriter(str(tmp_path))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full to stand for a full disk")
def test_a_full_disk_is_told_at_the_observation_that_is_lost() -> None:
    writer = JournalWriter("/dev/full")
    try:
        with pytest.raises(OSError, match="No space left"):
            writer.append(plain())
        assert writer.count == 0
    finally:
        with pytest.raises(OSError, match="No space left"):
            writer.close()  # What could not be written is tried again.


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_journal_cut_off_anywhere_reads_up_to_its_last_whole_line(tmp_path: Path, whole: int) -> None:
    path = written(tmp_path / "j", *(plain(run_id=str(number)) for number in range(3)))
    lines = path.read_bytes().splitlines(keepends=True)
    head = b"".join(lines[:whole])
    for cut in (1, 20, len(lines[whole]) // 2, len(lines[whole]) - 2, len(lines[whole]) - 1):
        path.write_bytes(head + lines[whole][:cut])
        seen, problem = read_cut_journal(str(path))
        assert [one.run_id for one in seen] == [str(number) for number in range(whole)]
        assert "cut off" in problem and f"line {whole + 1}" in problem and str(path) in problem
        with pytest.raises(JournalError, match="cut off"):
            list(read_journal(str(path)))


def test_a_whole_journal_has_no_problem(tmp_path: Path) -> None:
    path = written(tmp_path / "j", plain())
    assert read_cut_journal(str(path)) == ([plain()], "")
    path.write_bytes(b"")
    assert read_cut_journal(str(path)) == ([], "")


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"{\n",
        b"\xff\xfe\n",
        b'{"schema": "port995/observation/2"}\n',
        b"[" * 100_000 + b"\n",
        b"1" * 10_000 + b"\n",
        b'{"schema": "port995/observation/1", "port": 1e999}\n',
    ],
    ids=range(10),
)
def test_a_line_that_is_no_observation_is_refused_and_what_follows_is_not_believed(tmp_path: Path, bad: bytes) -> None:
    path = written(tmp_path / "j", plain(run_id="1"))
    good = path.read_bytes()
    path.write_bytes(good + bad + good)
    seen, problem = read_cut_journal(str(path))
    assert [one.run_id for one in seen] == ["1"]
    assert "line 2" in problem
    with pytest.raises(JournalError, match="line 2"):
        list(read_journal(str(path)))


def test_a_number_too_large_for_a_float_is_refused_like_any_other(tmp_path: Path) -> None:
    path = written(tmp_path / "j", plain())
    data = json.loads(path.read_text())
    data["resolution"]["seconds"] = 10**400
    path.write_text(json.dumps(data) + "\n")
    seen, problem = read_cut_journal(str(path))
    assert seen == [] and "line 1" in problem


def test_a_line_without_an_end_takes_no_memory_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_LINE", 1000)
    path = tmp_path / "j"
    path.write_bytes(b"x" * 100_000)
    seen, problem = read_cut_journal(str(path))
    assert seen == [] and "longer than 1000" in problem


@RELAXED
@given(octets=st.binary(max_size=300))
def test_no_octets_make_the_reader_raise_anything_else(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(octets)
    seen, problem = read_cut_journal(str(path))
    assert seen == [] and bool(problem) == bool(octets)


def test_the_digest_is_sha256_of_the_octets(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256_of(str(path)) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
