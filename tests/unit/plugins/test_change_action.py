# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does about a change that a host can take back: confirm over a new connection, and where that fails
wait until the host must have taken it back, and see whether it did."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.port995.pop3s.plugins.plugin_utils import _changing

LOST = AnsibleConnectionFailure("no route")
WAITS, GONE = {"waits": True}, {"waits": False}


class Action(_changing.ChangeAction):
    """One whose module answers as a test says."""

    def __init__(self, answers: dict[str, Any], check_mode: bool = False) -> None:
        self.answers, self.did = answers, []  # type: ignore[var-annotated]
        self._task = SimpleNamespace(args={"change": "one"}, check_mode=check_mode)
        self._connection = SimpleNamespace(reset=lambda: self.did.append("new connection"))
        self._arguments = {"phase": "begin"}
        self._task_vars, self._limit = {}, 60.0

    def _execute_module(self, **given: Any) -> dict[str, Any]:
        phase = given["module_args"]["phase"]
        assert "@" in given["module_args"]["who"]
        self.did.append(phase)
        answer = self.answers[phase]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(_changing.time, "sleep", made.append)
    return made


def test_it_is_kept_over_a_new_connection(slept: list[float]) -> None:
    action = Action({"finish": {"changed": False}})
    assert action._confirm({"changed": True, "change": "one"}, "kept") == {"changed": True, "change": "one", "kept": True}
    assert action.did == ["new connection", "finish"] and slept == []


def test_what_the_host_does_not_confirm_is_no_change(slept: list[float]) -> None:
    ended = Action({"finish": {"failed": True, "msg": "rules are gone"}})._confirm({"changed": True, "change": "one"}, "kept")
    assert ended["failed"] and not ended["changed"] and ended["msg"] == "rules are gone" and "kept" not in ended


@pytest.mark.parametrize(
    ("status", "changed", "unreachable", "says"),
    [
        (GONE, False, False, "The host has taken the change back by itself."),
        (WAITS, True, False, "The host has NOT taken the change back (it still waits)."),
        ({"failed": True, "msg": "no Python"}, True, False, "The host has NOT taken the change back (no Python)."),
        ({}, True, False, "The host has NOT taken the change back (it still waits)."),
        (LOST, True, True, "can't be reached: no route"),
    ],
)
def test_a_host_that_is_lost_is_waited_for(
    slept: list[float], status: Any, changed: bool, unreachable: bool, says: str
) -> None:
    ended = Action({"finish": LOST, "status": status})._confirm({"changed": True, "change": "one"}, "kept")
    assert ended["failed"] and ended["changed"] is changed and ended.get("unreachable", False) is unreachable
    assert says in ended["msg"] and "kept" not in ended and slept == [60.0 + _changing.GRACE]


def test_in_check_mode_the_connection_stays() -> None:
    action = Action({"begin": {}}, check_mode=True)
    action._call_anew()
    assert action.did == ["begin"]


@pytest.mark.parametrize(
    ("revert", "status", "failed", "waited", "says"),
    [
        ({"changed": True, "said": "back"}, None, False, False, ""),
        ({"failed": True, "msg": "gone"}, [GONE], False, False, "by itself"),
        ({"failed": True, "msg": "no shell"}, [WAITS, GONE], False, True, "no shell The host has taken the change back by itself"),
        ({"failed": True, "msg": "no shell"}, [WAITS, WAITS], True, True, "NOT taken the change back"),
        (LOST, [GONE], False, True, "by itself"),
        (LOST, [LOST], True, True, "On its console"),
    ],
)
def test_taking_back(slept: list[float], revert: Any, status: Any, failed: bool, waited: bool, says: str) -> None:
    ended = Action({"revert": revert, "status": status})._revert()
    assert ended.get("failed", False) is failed and says in ended.get("msg", "")
    assert slept == ([60.0 + _changing.GRACE] if waited else [])


@pytest.mark.parametrize("revert", [LOST, {"failed": True, "msg": "no shell"}])
def test_what_was_seen_wrong_fails_though_it_could_not_be_taken_back_at_once(slept: list[float], revert: Any) -> None:
    ended = Action({"revert": revert, "status": GONE})._take_back({"changed": True, "change": "one"}, "The port is open.")
    assert ended["failed"] and not ended["changed"] and ended["msg"].startswith("The port is open. Taking it back at once failed")


@pytest.mark.parametrize("name", ["pop3s_close", "pop3s_daemon", "pop3s_enforce", "pop3s_firewall"])
def test_each_waits_for_the_time_limit_of_its_own_module(name: str) -> None:
    plugins = "ansible_collections.port995.pop3s.plugins"
    action, module = (importlib.import_module(f"{plugins}.{kind}.{name}") for kind in ("action", "modules"))
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert action.ActionModule.LIMIT == module.argument_spec()["time_limit"]["default"] == options["time_limit"]["default"]
    assert action.ActionModule.MODULE == f"port995.pop3s.{name}"
