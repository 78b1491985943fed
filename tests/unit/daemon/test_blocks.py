# SPDX-License-Identifier: GPL-3.0-or-later
"""Our lines in a file of others come and go, and what was there stays octet by octet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from port995.change.revert_script import SCRIPT_TEXT
from port995.daemon import blocks

LINES = some.lists(some.sampled_from(["a=1", "", "# comment", "b: 2", "  }", "x=\té"]), max_size=8)


@given(lines=LINES, newline=some.booleans(), ours=some.lists(some.sampled_from(["one", "two"]), max_size=3))
def test_what_was_there_comes_back(lines: list[str], newline: bool, ours: list[str]) -> None:
    text = "\n".join(lines) + ("\n" if newline and lines else "")
    with_ours = blocks.with_block(text, ours, lambda line: line.startswith("b:"))
    assert blocks.without_block(with_ours) == text
    assert blocks.block_of(with_ours) == "".join(line + "\n" for line in ours)
    assert blocks.with_block(with_ours, ours, lambda line: line.startswith("b:")) == with_ours, "once is enough"


def test_ours_can_stand_before_a_line_and_others_are_put_out_of_effect() -> None:
    text = "SERVICES {\n  pop3 x\n}\n"
    made = blocks.with_block(text, ["  pop3s y"], lambda line: "pop3 " in line, lambda line: line == "}")
    assert made == "SERVICES {\n#port995#   pop3 x\n# BEGIN port995\n  pop3s y\n# END port995\n}\n"
    assert blocks.without_block(made) == text


def test_what_others_append_later_stays() -> None:
    made = blocks.with_block("a=1", ["ours"])
    assert blocks.without_block(made) == "a=1"
    assert blocks.without_block(made + "b=2\n") == "a=1\nb=2\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n# BEGIN port995\nb\n", 2), ("a\n# END port995\n", 2), ("# BEGIN port995\n# BEGIN port995\n# END port995\n", 2)],
)
def test_broken_marks_are_told_with_the_line(text: str, line: int) -> None:
    with pytest.raises(blocks.BlockError, match=f"^line {line}: "):
        blocks.without_block(text)


def run_script(folder: Path, before: str, edited: str, now: str) -> tuple[str, int]:
    """Take a file back with the functions of the script itself.

    :returns: the file afterwards, and its mode
    """
    path = folder / "file"
    for name, text in ((f"before/files{path}", before), (f"before/edited{path}", edited)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    path.write_text(now)
    path.chmod(0o640)
    functions = SCRIPT_TEXT[SCRIPT_TEXT.index("failed=\n") : SCRIPT_TEXT.index(". before/steps")]
    subprocess.run(
        ["sh", "-euc", f'{functions}\nrestore_edited "$1"\ntest -z "$failed"', "sh", str(path)], cwd=folder, check=True
    )
    return path.read_text(), path.stat().st_mode & 0o777


@pytest.mark.parametrize("before", ["a=1\nb: 2\n", "a=1\nb: 2"])
def test_the_script_puts_back_what_was_there(tmp_path: Path, before: str) -> None:
    edited = blocks.with_block(before, ["ours"], lambda line: line.startswith("b:"))
    assert run_script(tmp_path, before, edited, edited) == (before, 0o640)
    assert run_script(tmp_path, before, edited, before) == (before, 0o640), "nothing was written yet"


def test_the_script_leaves_what_others_changed_meanwhile(tmp_path: Path) -> None:
    before = "a=1\nb: 2\n"
    edited = blocks.with_block(before, ["ours"], lambda line: line.startswith("b:"))
    assert run_script(tmp_path, before, edited, edited + "c=3\n")[0] == before + "c=3\n"


def test_the_script_keeps_a_copy_where_something_of_ours_was_there_before(tmp_path: Path) -> None:
    before = blocks.with_block("a=1\n", ["ours of before"])
    edited = blocks.with_block("a=1\n", ["ours of now"])
    assert run_script(tmp_path, before, edited, edited + "c=3\n")[0] == before
    assert (tmp_path / "file.changed-meanwhile").read_text() == edited + "c=3\n"
