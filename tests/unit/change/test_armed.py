# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a change that is taken back unless it is confirmed, whatever fails in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from port995.change import armed, taking_back
from port995.change.commands import CommandError

BEFORE = taking_back.Before("steps", {}, {})


class Host:
    """What was asked of the host, in its order; and which of it fails."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.at_work = False
        self.systemd = True

    def does(self, what: str) -> None:
        self.did.append(what)
        if what in self.fails:
            raise self.fails[what]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()

    @contextlib.contextmanager
    def at_work(patience: float = 0.0) -> Iterator[None]:
        made.at_work = True
        try:
            yield
        finally:
            made.at_work = False

    def revert_now() -> str:
        assert not made.at_work, "the script takes the mutex that is still held"
        made.does("revert")
        return "taken back"

    def step(name: str, answer: object = None) -> Any:
        def does(*given: object) -> object:
            made.does(name)
            return answer

        return does

    for name, stand_in in {
        "at_work": at_work, "revert_now": revert_now, "has_systemd": lambda: made.systemd,
        "take_lock": step("lock", "an identity"), "save": step("save"), "arm": step("arm"),
        "give_up": step("give up"), "still_armed": step("ask"), "disarm": step("disarm"),
        "record": lambda what, *given: made.does(f"record {what}"),
    }.items():  # fmt: skip
        monkeypatch.setattr(taking_back, name, stand_in)
    return made


def begin(host: Host) -> str:
    return armed.begin("somebody", 60.0, {}, BEFORE, lambda: host.does("apply"))


def test_it_is_armed_before_anything_changes(host: Host) -> None:
    assert begin(host) == "an identity"
    assert host.did == ["lock", "save", "arm", "record begun", "apply"]


@pytest.mark.parametrize("fails", ["save", "arm", "record begun"])
def test_what_fails_before_the_change_lets_go_of_it(host: Host, fails: str) -> None:
    host.fails[fails] = OSError("no room")
    with pytest.raises(OSError, match="no room"):
        begin(host)
    assert host.did[-1] == "give up" and "apply" not in host.did


def test_another_run_at_work_is_left_alone(host: Host) -> None:
    host.fails["lock"] = taking_back.ChangeError("another run")
    with pytest.raises(taking_back.ChangeError, match="another run"):
        begin(host)
    assert host.did == ["lock"]


def test_a_change_that_fails_half_way_is_taken_back_at_once(host: Host) -> None:
    host.fails["apply"] = OSError("the disk is full")
    with pytest.raises(taking_back.ChangeError, match=r"^the disk is full\. taken back$"):
        begin(host)
    assert host.did[-2:] == ["apply", "revert"]


def test_where_it_can_not_be_taken_back_at_once_that_is_said(host: Host) -> None:
    host.fails["apply"] = OSError("the disk is full")
    host.fails["revert"] = CommandError("no shell")
    with pytest.raises(taking_back.ChangeError, match="no shell.*the host does so at the end of the time limit"):
        begin(host)


@pytest.mark.parametrize(("otherwise", "said"), [("", "back$"), ("close it by hand", "back; close it by hand$")])
def test_a_host_that_can_take_nothing_back_is_not_changed(host: Host, otherwise: str, said: str) -> None:
    host.systemd = False
    with pytest.raises(taking_back.ChangeError, match=said):
        armed.begin("somebody", 60.0, {}, BEFORE, lambda: host.does("apply"), otherwise)
    assert host.did == []


def finish(host: Host) -> None:
    def keep() -> dict[str, Any]:
        host.does("keep")
        return {}

    armed.finish("an identity", "somebody", keep)


def test_what_is_kept_was_seen_first(host: Host) -> None:
    finish(host)
    assert host.did == ["ask", "keep", "record confirmed", "disarm"]


def test_what_is_not_as_it_was_applied_is_taken_back(host: Host) -> None:
    host.fails["keep"] = ValueError("another rule is there")
    with pytest.raises(taking_back.ChangeError, match=r"^another rule is there\. taken back$"):
        finish(host)
    assert host.did == ["ask", "keep", "revert"]


def test_what_the_host_took_back_before_is_not_kept(host: Host) -> None:
    host.fails["ask"] = taking_back.TakenBack("it is gone")
    with pytest.raises(taking_back.TakenBack):
        finish(host)
    assert host.did == ["ask"]


def test_what_the_host_took_back_meanwhile_is_not_taken_back_twice(host: Host) -> None:
    host.fails["disarm"] = taking_back.TakenBack("too late")
    with pytest.raises(taking_back.TakenBack):
        finish(host)
    assert "revert" not in host.did


@pytest.mark.parametrize("fails", [False, True])
def test_a_change_with_nothing_to_take_it_back_is_recorded_even_if_it_fails_half_way(host: Host, fails: bool) -> None:
    if fails:
        host.fails["apply"] = OSError("the disk is full")
    with pytest.raises(OSError, match="full") if fails else contextlib.nullcontext():
        armed.at_once("somebody", {}, lambda: host.does("apply"))
    assert host.did == ["lock", "record changed without taking back", "apply", "give up"]
