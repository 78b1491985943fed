# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 profiles``: which there are, what one asks, what two differ in."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from ..policy.libraries import LibraryMissing
from ..policy.model import Exit
from ..policy.profile import Profile, ProfileError, list_profiles, load_profile
from ..policy.profile_words import differences, differences_text, explain, to_json
from ..report.escape import visible
from .ending import guarded, say, stop

DIFF = "diff"


@guarded
def profiles(
    words: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[NAME | diff NAME NAME]", help="Profile to explain, name or file; or two to compare; none: a list."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> int:
    """List the profiles that come with the program, explain one in full, or compare two."""
    given = words or []
    try:
        if not given:
            _list(list_profiles(), as_json)
        elif given[0] == DIFF:
            if len(given) != 3:
                stop(Exit.USAGE, f"profiles diff takes two profiles, {len(given) - 1} were given")
            one, other = load_profile(given[1]), load_profile(given[2])
            said = differences(one, other)
            _say(json.dumps({"one": one.id, "other": other.id, "differences": said}) if as_json else
                 differences_text(one, other))  # fmt: skip
        elif len(given) == 1:
            profile = load_profile(given[0])
            _say(json.dumps(to_json(profile)) if as_json else explain(profile))
        else:
            stop(Exit.USAGE, f"profiles explains one profile, {len(given)} were given: to compare, profiles diff A B")
    except ProfileError as error:
        stop(Exit.USAGE, str(error))
    except LibraryMissing as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    return int(Exit.PASSED)


def _list(found: tuple[Profile, ...], as_json: bool) -> None:
    if as_json:
        _say(json.dumps([
            {"id": one.id, "date": one.date, "title": one.title, "checks": len(one.checks), "sha256": one.sha256}
            for one in found
        ]))  # fmt: skip
        return
    for one in found:
        _say(f"{one.id:<26} {one.date}  {len(one.checks):>2} checks  {one.title}")


def _say(text: str) -> None:
    say(visible(text, lines=True))
