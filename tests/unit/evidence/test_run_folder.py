# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder is checked before the first probe, and nothing in it is passed over in silence."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from port995.evidence import atomic_write
from port995.evidence.atomic_write import write_atomically
from port995.evidence.run_folder import RunError, VantagePlan, create_run, drop_run, open_run, renew_run
from port995.policy.model import HostPlan
from port995.report.run_header import InputFile

from .runs import PROFILE, all_seen, anchors_pem, finished_probe, header, make_run


def test_a_new_run_holds_its_header_profile_and_anchors(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    run = make_run(out)
    assert sorted(path.name for path in out.iterdir()) == ["anchors.pem", "profile.yml", "run.json"]
    assert (out / "profile.yml").read_bytes() == PROFILE.raw
    assert (out / "anchors.pem").read_bytes() == anchors_pem()
    assert open_run(out) == run
    assert open_run(out).header == header()


@pytest.mark.parametrize(
    "name", ["run.json", "gate.json", "report.json", "journal-old.jsonl", "TEST-other.xml", "profile.yml"]
)
def test_a_folder_that_holds_another_run_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match="choose another --out"):
        make_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def given(data: bytes) -> dict[str, InputFile]:
    return {"waivers.yml": InputFile("ours/waivers.yml", hashlib.sha256(data).hexdigest())}


def test_what_else_was_given_is_kept_with_its_bytes(tmp_path: Path) -> None:
    run = create_run(tmp_path, header(inputs=given(b"a")), PROFILE.raw, anchors_pem(), inputs={"waivers.yml": b"a"})
    again = open_run(tmp_path)
    assert again.header == run.header
    assert again.input("waivers.yml") == b"a"
    assert again.input("baseline.json") is None


def test_an_input_that_was_changed_or_lost_is_told(tmp_path: Path) -> None:
    run = create_run(tmp_path, header(inputs=given(b"a")), PROFILE.raw, anchors_pem(), inputs={"waivers.yml": b"a"})
    (tmp_path / "waivers.yml").write_bytes(b"b")
    with pytest.raises(RunError, match="is not what this run was given"):
        run.input("waivers.yml")
    (tmp_path / "waivers.yml").unlink()
    with pytest.raises(RunError, match="is not there"):
        run.input("waivers.yml")


@pytest.mark.parametrize("inputs", [None, {}, {"waivers.yml": b"b"}, {"waivers.yml": b"a", "other.yml": b"a"}])
def test_inputs_that_the_header_does_not_name_make_no_run(tmp_path: Path, inputs: dict[str, bytes] | None) -> None:
    with pytest.raises(RunError, match="not those the header names"):
        create_run(tmp_path / "out", header(inputs=given(b"a")), PROFILE.raw, anchors_pem(), inputs=inputs)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../x.yml", "a/b.yml", ".hidden.yml", "Waivers.yml", "x", "run.json", "gate.json"])
def test_an_input_with_another_files_name_or_path_makes_no_run(tmp_path: Path, name: str) -> None:
    inputs = {name: InputFile("x", hashlib.sha256(b"a").hexdigest())}
    with pytest.raises(RunError, match="no plain file name|name of another file"):
        create_run(tmp_path / "out", header(inputs=inputs), PROFILE.raw, anchors_pem(), inputs={name: b"a"})


def test_a_run_that_was_begun_gets_another_population_and_what_belongs_to_it(tmp_path: Path) -> None:
    begun = make_run(tmp_path)
    found = header(inputs=given(b"a"), notes=("found",))
    run = renew_run(begun, found, PROFILE.raw, anchors_pem(), inputs={"waivers.yml": b"a"})
    assert open_run(tmp_path) == run and run.header == found and run.input("waivers.yml") == b"a"
    # What came with it the first time may come again.
    again = renew_run(run, found, PROFILE.raw, anchors_pem(), inputs={"waivers.yml": b"a"})
    assert again == run


@pytest.mark.parametrize("name", ["run.json", "journal-old.jsonl", "gate.json"])
def test_a_run_that_was_changed_since_it_was_begun_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    begun = make_run(tmp_path)
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match="changed while the run searched"):
        renew_run(begun, header(notes=("found",)), PROFILE.raw, anchors_pem())
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_is_dropped_with_its_folder_and_that_of_another_one_is_not(tmp_path: Path) -> None:
    begun = make_run(tmp_path / "out")
    (tmp_path / "out/run.json").write_text("mine")
    drop_run(begun)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anchors.pem", "profile.yml", "run.json"]
    begun = make_run(tmp_path / "other")
    drop_run(begun)
    assert not (tmp_path / "other").exists()


def test_a_file_of_the_user_with_an_inputs_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "waivers.yml").write_text("mine")
    with pytest.raises(RunError, match="is there already"):
        create_run(tmp_path, header(inputs=given(b"a")), PROFILE.raw, anchors_pem(), inputs={"waivers.yml": b"a"})
    assert [path.name for path in tmp_path.iterdir()] == ["waivers.yml"]
    assert (tmp_path / "waivers.yml").read_text() == "mine"


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    make_run(tmp_path)
    assert open_run(tmp_path).header == header()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(RunError, match="a file stands where a folder is needed.*choose another --out"):
        make_run(tmp_path / "out")
    with pytest.raises(RunError, match="a file stands where a folder is needed"):
        make_run(tmp_path / "out" / "below")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(out, os.W_OK):
        out.chmod(0o700)
        pytest.skip("this user may write anywhere")
    with pytest.raises(RunError, match="make it writable"):
        make_run(out)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "make it writable"),
        (errno.EACCES, "make it writable"),
        (errno.EIO, "choose another --out"),
    ],
)
def test_what_the_file_system_refuses_is_told_and_the_folder_can_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(atomic_write.os, "replace", refuse)
        with pytest.raises(RunError, match=advice):
            make_run(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert make_run(tmp_path).header == header()


def test_a_write_that_cannot_be_synced_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        with open("/dev/full", "wb", buffering=0) as device:
            device.write(b"x")

    monkeypatch.setattr(atomic_write.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "file", b"x")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_profile_and_anchors_must_be_those_of_the_header(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="profile.yml"):
        create_run(tmp_path, header(), b"other", anchors_pem())
    with pytest.raises(RunError, match="anchors.pem"):
        create_run(tmp_path, header(), PROFILE.raw, b"other")
    with pytest.raises(RunError, match="crls.pem"):
        create_run(tmp_path, header(), PROFILE.raw, anchors_pem(), b"other")
    with pytest.raises(RunError, match="crls.pem"):
        create_run(tmp_path, header(crls_sha256="a" * 64), PROFILE.raw, anchors_pem())
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_could_not_be_read_back_is_never_written(tmp_path: Path) -> None:
    for wrong in ({"run_id": "short"}, {"plan": (HostPlan("a"), HostPlan("a"))}, {"deadline": float("inf")}):
        with pytest.raises(RunError, match="could not be read back"):
            make_run(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no finished run folder"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="no finished run folder"):
        open_run(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "port995/run/2"}', "\ud800"])
def test_a_header_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RunError, match=r"run\.json"):
        open_run(tmp_path)


def test_a_header_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path)
    data = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**data, "more": 1}))
    with pytest.raises(RunError, match="unknown field"):
        open_run(tmp_path)


def test_journals_of_different_vantages_never_share_a_file_nor_leave_the_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    names = [
        "a",
        "A",
        "a/b",
        "../a",
        "..",
        "a b",
        "a~20~b",
        "\u00e4",
        "\x00",
        "x" * 4000,
        "x" * 4001,
        "a\nb",
        "~",
        "\udcff",
    ]
    paths = [run.journal_path(name) for name in names]
    assert len(set(paths)) == len(names)
    assert all(path.parent == tmp_path and len(path.name) < 200 and path.match("journal-*.jsonl") for path in paths)
    with pytest.raises(RunError):
        run.journal_path("")


def test_every_observation_of_every_journal_is_read(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    observations, problems = run.observations()
    assert observations == all_seen()
    assert problems == []
    assert run.journals() == [run.journal_path("controller")]


def test_a_journal_that_was_cut_off_is_a_problem_and_what_stands_before_it_is_kept(tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    path = run.journal_path("controller")
    path.write_bytes(path.read_bytes()[:-20])
    observations, problems = run.observations()
    assert observations == all_seen()[:-1]
    assert len(problems) == 1
    assert "journal-controller.jsonl line 8 was cut off" in problems[0]


@pytest.mark.parametrize("bad", [b"garbage\n", b"{}\n", b"\xff\xfe\n", b"\n", b'{"schema": "port995/observation/2"}\n'])
def test_a_bad_line_is_a_problem_never_dropped(tmp_path: Path, bad: bytes) -> None:
    run = finished_probe(tmp_path)
    path = run.journal_path("controller")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], bad, *lines[3:]]))
    observations, problems = run.observations()
    assert observations == all_seen()[:3]
    assert "line 4" in problems[0]


def test_a_journal_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    run = make_run(tmp_path / "named")
    assert "journal of vantage 'controller' is missing" in run.observations()[1][0]
    run = make_run(tmp_path / "unnamed", vantages=())
    assert "no journal" in run.observations()[1][0]


def test_a_second_vantage_owes_a_journal_too(tmp_path: Path) -> None:
    run = finished_probe(tmp_path, vantages=(VantagePlan("controller"), VantagePlan("scanner")))
    assert ["'scanner'" in problem for problem in run.observations()[1]] == [True]


def test_a_run_with_nothing_to_look_at_owes_no_journal(tmp_path: Path) -> None:
    run = make_run(tmp_path, targets=())
    assert run.observations() == ([], [])


def test_a_folder_in_place_of_a_journal_is_a_problem(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.journal_path("controller").mkdir()
    assert any("can't be read" in problem for problem in run.observations()[1])


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(atomic_write.os, "replace", refuse)
    with pytest.raises(OSError, match="broken"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
