# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault put into the code on purpose, and the tests that must notice it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class MutantError(ValueError):
    """A mutant that says nothing any more: the code it changes has moved on. Correct the mutant."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One fault, as data."""

    name: str
    """Words joined by hyphens, as ``--only`` takes them."""

    file: str
    """Path from the repository's root."""

    old: str
    """Exact text that is there, once."""

    new: str
    """What stands there in the mutant."""

    lie: str
    """What the mutated program would claim."""

    tests: tuple[str, ...]
    """Paths or node ids of tests of which at least one must fail."""

    def apply(self, root: Path) -> str:
        """Change the file under ``root``.

        :returns: its text before, for `Path.write_text`
        :raises MutantError: the old text is not there exactly once, or the new one is no Python
        """
        path = root / self.file
        before = path.read_text(encoding="utf-8")
        path.write_text(self.mutated(before), encoding="utf-8")
        return before

    def mutated(self, text: str) -> str:
        """The text with the fault in it.

        :raises MutantError: as for `apply`
        """
        found = text.count(self.old)
        if found != 1:
            raise MutantError(f"{self.name}: its old text is in {self.file} {found} times, not once: correct the mutant")
        changed = text.replace(self.old, self.new)
        if self.file.endswith(".py"):
            try:
                compile(changed, self.file, "exec")
            except SyntaxError as error:
                raise MutantError(f"{self.name}: {self.file} would be no Python any more ({error})") from error
        return changed
