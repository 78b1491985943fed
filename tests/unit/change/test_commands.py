# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the host are ended when they hang, and are not listened to without end."""

from __future__ import annotations

import os
import time

import pytest

from port995.change import commands
from port995.change.commands import CommandError, demand, run


def test_what_it_says_and_how_it_ends_is_told() -> None:
    done = run(["sh", "-c", "cat; echo wrong >&2; exit 3"], "given")
    assert (done.code, done.output, done.errors) == (3, "given", "wrong\n")


def test_one_that_hangs_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(CommandError, match="did not end in"):
        run(["sh", "-c", "sleep 60 & echo $!; wait"], timeout=0.3)
    assert time.monotonic() - began < 30


def test_one_that_closes_its_pipes_and_hangs_is_ended() -> None:
    with pytest.raises(CommandError, match="did not end in"):
        run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout=0.3)


def test_one_that_never_stops_talking_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MAX_OUTPUT", 100_000)
    with pytest.raises(CommandError, match="more than 100000 octets"):
        run(["yes"])


def test_one_that_is_missing_is_named() -> None:
    with pytest.raises(CommandError, match="no-such-program is not installed"):
        run(["no-such-program"])


def test_a_demand_that_fails_says_what_the_program_said() -> None:
    with pytest.raises(CommandError, match=r"exit 1\): no luck"):
        demand(["sh", "-c", "echo no luck >&2; exit 1"])


def test_messages_are_read_in_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LC_ALL", "de_DE.UTF-8")
    assert run(["sh", "-c", "echo $LC_ALL"]).output == "C\n"
