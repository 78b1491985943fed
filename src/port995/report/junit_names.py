# SPDX-License-Identifier: GPL-3.0-or-later
"""Class names and case names of the JUnit report.

GitLab keys a test by classname and name and drops every further case with the same two; trend graphs need them to stay
the same from run to run. So they depend on the host, the check and the endpoint alone, never on a value or a count.
"""

from __future__ import annotations

import re

from ..policy.model import Result
from .escape import for_junit

FLEET = "port995.fleet"
"""Class name of the cases about the whole run; no host can have it."""

NAME_LIMIT = 480
"""Characters; Azure DevOps refuses case names over 512."""

_PLAIN = re.compile(r"[A-Za-z0-9:-]")


def classname(host: str) -> str:
    """``pop3s.`` and the host with dots as ``_``, since Jenkins makes packages of dots.

    Two hosts never share one: ``_`` itself is ``__``, and whatever would make that ambiguous (``_`` beside a dot, a dot
    after a dot) or is no letter, digit, ``-`` or ``:`` is ``~`` and its code point in hexadecimal.
    """
    parts = []
    for index, character in enumerate(host):
        before = host[index - 1] if index else ""
        after = host[index + 1 : index + 2]
        if character == "." and before != ".":
            parts.append("_")
        elif character == "_" and "." not in (before, after):
            parts.append("__")
        elif _PLAIN.match(character) or (character > "\u00ff" and character.isalnum()):
            parts.append(character)
        else:
            parts.append(_coded(character))
    return "pop3s." + "".join(parts)


def case_name(result: Result) -> str:
    """``[SEVERITY] ID title``, with the endpoint in parentheses where there is one."""
    name = f"[{result.severity.value.upper()}] {result.check_id} {result.title}"
    if result.endpoint is not None:
        name += f" ({result.endpoint})"
    return for_junit(name, NAME_LIMIT)


class UniqueNames:
    """Gives each case its own name within its class; a name that comes again gets a number."""

    def __init__(self) -> None:
        self._given: set[tuple[str, str]] = set()

    def take(self, classname_: str, name: str) -> str:
        """The name, or the name with the first free number behind it."""
        chosen, number = name, 1
        while (classname_, chosen) in self._given:
            number += 1
            chosen = f"{name} #{number}"
        self._given.add((classname_, chosen))
        return chosen


def _coded(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"~{code:02x}"
    return f"~u{code:04x}" if code < 0x10000 else f"~U{code:06x}"
