# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that change a host have in common: which phase does what, and what is told of a package."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.port995.pop3s.plugins.module_utils import _changing
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change import taking_back
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.asked import WantedError


class Ended(Exception):  # noqa: N818  How Ansible's own class ends a module.
    def __init__(self, failed: bool, result: dict[str, Any]) -> None:
        super().__init__(result.get("msg", ""))
        self.failed, self.result = failed, result


class Module:
    """As much of AnsibleModule as is used."""

    def __init__(self, check_mode: bool = False, **params: object) -> None:
        usual = {"time_limit": 60.0, "phase": "begin", "change": None, "who": None, "install": False, "daemon": "dovecot"}
        self.params = {**usual, **params}
        self.check_mode = check_mode

    def exit_json(self, **result: Any) -> None:
        raise Ended(False, result)

    def fail_json(self, **result: Any) -> None:
        raise Ended(True, result)


class Problem(Exception):  # noqa: N818
    """Of the host."""


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A host on which a change waits or not, without being root."""
    made = SimpleNamespace(armed=True, did=[], installed=[])

    def still_armed(change: str) -> None:
        if not made.armed:
            raise taking_back.TakenBack("it is gone")

    def revert_now() -> str:
        made.did.append("revert")
        return "taken back"

    monkeypatch.setattr(_changing.os, "geteuid", lambda: 0)
    monkeypatch.setattr(taking_back, "still_armed", still_armed)
    monkeypatch.setattr(taking_back, "revert_now", revert_now)
    monkeypatch.setattr(taking_back, "nothing_waits", lambda: None)
    monkeypatch.setattr(_changing.read, "installed", lambda: [SimpleNamespace(daemon=name) for name in made.installed])
    monkeypatch.setattr(_changing.install, "install", lambda name: made.did.append(f"install {name}") or f"{name}-pop3d")
    monkeypatch.setattr(_changing.install, "command_for", lambda name: (["apt-get"], f"{name}-pop3d"))
    return made


def run(host: SimpleNamespace, module: Module, fails: Exception | None = None) -> Ended:
    def begin(_module: Module, wanted: str, who: str) -> dict[str, Any]:
        host.did.append(f"begin {wanted} by {who}")
        if fails is not None:
            raise fails
        return {"changed": True, "change": "an identity"}

    def finish(change: str, wanted: str, who: str) -> None:
        host.did.append(f"finish {change}")
        if fails is not None:
            raise fails

    problems = (Problem, taking_back.ChangeError)
    with pytest.raises(Ended) as ended:
        _changing.run_phase(module, problems, 30, lambda params: "what is wanted", begin, finish)
    return ended.value


def test_each_phase_does_its_own(host: SimpleNamespace) -> None:
    begun = run(host, Module(who="ada@controller"))
    assert begun.result == {"changed": True, "change": "an identity"}
    assert run(host, Module(phase="finish", change="one")).result == {"changed": False}
    assert run(host, Module(phase="revert", change="one")).result == {"changed": True, "said": "taken back"}
    assert host.did == ["begin what is wanted by ada@controller", "finish one", "revert"]


@pytest.mark.parametrize("armed", [True, False])
def test_whether_it_waits_is_asked_of_the_host(host: SimpleNamespace, armed: bool) -> None:
    host.armed = armed
    assert run(host, Module(phase="status", change="one")).result == {"changed": False, "waits": armed}


def test_what_is_gone_is_not_taken_back_again(host: SimpleNamespace) -> None:
    host.armed = False
    ended = run(host, Module(phase="revert", change="one"))
    assert ended.failed and "it is gone" in ended.result["msg"] and host.did == []


@pytest.mark.parametrize("phase", ["finish", "revert"])
def test_check_mode_goes_no_further_than_the_plan(host: SimpleNamespace, phase: str) -> None:
    assert run(host, Module(check_mode=True, phase=phase, change="one")).result == {"changed": False}
    assert host.did == []


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"time_limit": 29.0}, "time_limit is 29: it is 30 to 3600 seconds"),
        ({"time_limit": 3601.0}, "time_limit is 3601: it is 30 to 3600 seconds"),
        ({"phase": "finish"}, "phase finish needs change"),
        ({"phase": "revert", "change": ""}, "phase revert needs change"),
        ({"phase": "status"}, "phase status needs change"),
    ],
)
def test_what_can_not_be_meant_is_refused(host: SimpleNamespace, params: dict[str, object], says: str) -> None:
    ended = run(host, Module(**params))
    assert ended.failed and says in ended.result["msg"] and host.did == []


def test_only_root_changes_a_host(host: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_changing.os, "geteuid", lambda: 1000)
    ended = run(host, Module())
    assert ended.failed and "set become: true" in ended.result["msg"] and host.did == []


@pytest.mark.parametrize("fails", [Problem("the disk is full"), WantedError("no such port")])
def test_a_problem_is_told_in_its_own_words(host: SimpleNamespace, fails: Exception) -> None:
    ended = run(host, Module(), fails)
    assert ended.failed and ended.result == {"msg": str(fails)}


def test_a_fault_of_the_module_is_not_hidden(host: SimpleNamespace) -> None:
    def begin(*_given: object) -> dict[str, Any]:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        _changing.run_phase(Module(), (Problem,), 30, lambda params: None, begin, lambda *given: None)


def once(module: Module, fails: Exception | None = None) -> dict[str, Any]:
    def begin() -> dict[str, Any]:
        if fails is not None:
            raise fails
        return {"changed": False}

    result: dict[str, Any] = _changing.once_installed(module, (Problem,), begin, differs=["daemon"])
    return result


def test_a_daemon_that_is_there_is_not_installed(host: SimpleNamespace) -> None:
    host.installed = ["dovecot"]
    assert once(Module(install=True)) == {"changed": False} and host.did == []


def test_one_that_is_not_there_is_installed_only_when_asked(host: SimpleNamespace) -> None:
    assert once(Module()) == {"changed": False} and host.did == []
    assert once(Module(install=True)) == {"changed": True, "installed": "dovecot-pop3d"}
    assert host.did == ["install dovecot"]


def test_what_fails_after_that_names_the_package(host: SimpleNamespace) -> None:
    with pytest.raises(Ended) as ended:
        once(Module(install=True), Problem("no such suite."))
    assert ended.value.failed and ended.value.result == {
        "msg": "no such suite. The package dovecot-pop3d was installed before that, and stays.", "installed": "dovecot-pop3d",
    }  # fmt: skip
    with pytest.raises(Problem):
        once(Module(), Problem("no such suite."))


def test_in_check_mode_it_is_said_and_not_done(host: SimpleNamespace) -> None:
    with pytest.raises(Ended) as ended:
        once(Module(check_mode=True, install=True))
    assert not ended.value.failed and ended.value.result["installed"] == "dovecot-pop3d"
    assert ended.value.result["differs"] == ["daemon"] and host.did == []


def test_none_is_installed_that_nobody_named(host: SimpleNamespace) -> None:
    with pytest.raises(WantedError, match="set daemon to dovecot, courier or cyrus"):
        once(Module(install=True, daemon="auto"))
    assert host.did == []
