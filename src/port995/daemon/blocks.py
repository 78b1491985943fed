# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of ours in a file of others, and lines of theirs put out of effect, so that both can be taken back exactly.

    # BEGIN port995            what stands between is ours
    # END port995
    #port995# theirs           a line of theirs that does not count

What was there comes back octet by octet. `revert_script` does the same in shell. Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import Callable, Optional, Sequence

BEGIN, END = "# BEGIN port995", "# END port995"
BEGIN_AFTER_NO_NEWLINE = "# BEGIN port995 (no newline at the end before)"
HIDDEN = "#port995# "


class BlockError(Exception):
    """Our marks in a file are not as this program leaves them; with the line."""


def without_block(text: str) -> str:
    """The file as it would be without us.

    :raises BlockError: a mark stands alone
    """
    kept = []
    inside = 0
    newline_was_missing = False
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        bare = line.rstrip("\n")
        if bare in (BEGIN, BEGIN_AFTER_NO_NEWLINE):
            if inside:
                raise BlockError("line %d: %s follows another one (line %d)" % (number, BEGIN, inside))
            inside = number
            newline_was_missing = newline_was_missing or bare == BEGIN_AFTER_NO_NEWLINE
        elif bare == END:
            if not inside:
                raise BlockError("line %d: %s without a beginning" % (number, END))
            inside = 0
        elif not inside:
            kept.append(line[len(HIDDEN) :] if line.startswith(HIDDEN) else line)
    if inside:
        raise BlockError("line %d: %s without an end" % (inside, BEGIN))
    whole = "".join(kept)
    # What others appended since then ends the last line for good.
    ends_here = newline_was_missing and text.rstrip("\n").endswith(END)
    return whole[:-1] if ends_here and whole.endswith("\n") else whole


def block_of(text: str) -> str:
    """What stands between our marks, without them; empty: nothing does."""
    inside = False
    found = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        if bare in (BEGIN, BEGIN_AFTER_NO_NEWLINE):
            inside = True
        elif bare == END:
            inside = False
        elif inside:
            found.append(line)
    return "".join(found)


def with_block(
    text: str,
    lines: Sequence[str],
    hide: Callable[[str], bool] = lambda line: False,
    before: Optional[Callable[[str], bool]] = None,
) -> str:
    """The file with our lines, in place of those that it had.

    :param lines: ours; none: only what is to be hidden
    :param hide: which of their lines are put out of effect
    :param before: our lines go before the first line of which this is true; ``None``: to the end
    :raises BlockError: our marks in it are broken
    """
    theirs = without_block(text).splitlines(keepends=True)
    kept = [HIDDEN + line if hide(line.rstrip("\n")) else line for line in theirs]
    if not lines:
        return "".join(kept)
    at = len(kept) if before is None else next(i for i, line in enumerate(theirs) if before(line.rstrip("\n")))
    begin = BEGIN
    if at == len(kept) and kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
        begin = BEGIN_AFTER_NO_NEWLINE
    ours = [begin + "\n", *(line + "\n" for line in lines), END + "\n"]
    return "".join(kept[:at] + ours + kept[at:])
