# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 checks``: which checks there are, what one looks at; and the start and the test of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from ..evidence.own_files import read_own
from ..policy.model import Exit
from ..policy.own_checks import load_own
from ..policy.own_checks_kit import CASES, Tried, template, try_out
from ..policy.registry import SelectionError, all_checks, select
from ..policy.strict_yaml import YamlError
from ..report.escape import visible
from . import options as given
from .ending import guarded, say, stop

NEW, TEST = "new", "test"


@guarded
def checks(
    context: typer.Context,
    words: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[EXPRESSION | new NAME | test FILE...]",
            help="Ids, globs, categories, joined by and, or, not; none: a list of all. Or a check of your own: a file"
            " to begin with, or the test of one.",
        ),
    ] = None,
    checks_path: given.ChecksPath = None,
    out: Annotated[
        Optional[Path], typer.Option("--out", help="With new: the file to write; else NAME.py here.")
    ] = None,
) -> int:
    """List the checks, explain those that an expression chooses, or help with checks of your own.

    checks new NAME writes a file to begin with. checks test FILE asks its checks about services that are good, bad and
    not seen, and says what they answered; exit code 1 when one breaks, or passes what was not seen.
    """
    asked = words or []
    if out is not None and asked[:1] != [NEW]:
        stop(Exit.USAGE, "--out is for checks new NAME")
    if asked[:1] == [NEW]:
        return _new(asked[1:], out)
    if asked[:1] == [TEST]:
        return _test(asked[1:])
    given.own_checks(context, checks_path)
    known = all_checks()
    if not asked:
        for check in known.values():
            _say(f"{check.id:<16} {check.severity.value:<9} {check.title}  [{' '.join(check.categories)}]")
        return int(Exit.PASSED)
    try:
        chosen = select(" ".join(asked))
    except SelectionError as error:
        stop(Exit.USAGE, str(error))
    for id_ in chosen:
        _say(known[id_].explain())
    return int(Exit.PASSED)


def _new(words: list[str], out: Path | None) -> int:
    if len(words) != 1:
        stop(Exit.USAGE, f"checks new takes one name, {len(words)} were given: port995 checks new banner-names-us")
    try:
        text = template(words[0])
    except ValueError as error:
        stop(Exit.USAGE, str(error))
    path = out or Path(f"{words[0].lower().replace('-', '_')}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        stop(Exit.USAGE, f"{path} is there already: name another file with --out")
    except OSError as error:
        stop(Exit.USAGE, f"{path} can't be written ({error.strerror or error})")
    say(f"{visible(str(path))}: write your check, then: port995 checks test {visible(str(path))}")
    return int(Exit.PASSED)


def _test(words: list[str]) -> int:
    if not words:
        _no_file()
    try:
        loaded = load_own(read_own([Path(word) for word in words]))
    except YamlError as error:
        stop(Exit.USAGE, str(error))
    tried = try_out(loaded.checks)
    for problem in loaded.problems:
        _say(f"BROKEN  {problem}")
    for one in tried:
        _tell(one)
    wrong = len(loaded.problems) + sum(bool(one.faults) for one in tried)
    say(f"{len(tried)} checks asked about {len(CASES)} services: {wrong} with a fault")
    return int(Exit.FAILED if wrong else Exit.PASSED)


def _tell(one: Tried) -> None:
    _say(f"{one.check.id}  {one.check.title}")
    for case, status, message in one.answers:
        _say(f"  {case:<34} {status.value:<14} {message}")
    for fault in one.faults:
        _say(f"  FAULT: {fault}")
    for note in one.notes:
        _say(f"  note: {note}")


def _no_file() -> NoReturn:
    stop(Exit.USAGE, "checks test takes a file of checks or more: port995 checks test my_check.py")


def _say(text: str) -> None:
    say(visible(text, lines=True))
