# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mutant still says something: it fits the code as it is. Whether tests notice it, `make mutants` shows."""

from __future__ import annotations

import pytest

from .catalogue import MUTANTS
from .mutant import ROOT, Mutant, MutantError


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_code(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.mutated(text) != text


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_must_notice_it_are_there(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        assert (ROOT / test.split("::")[0]).exists(), f"{mutant.name} names {test}, which is not there"


def test_no_two_mutants_have_one_name() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 10


@pytest.mark.parametrize(("old", "new"), [("absent", "x"), ("twice", "x"), ("once", "def")])
def test_a_mutant_that_does_not_fit_is_told(old: str, new: str) -> None:
    mutant = Mutant("m", "m.py", old, new, "", ())
    with pytest.raises(MutantError, match="^m: "):
        mutant.mutated("twice = 1\nonce = twice\n")
