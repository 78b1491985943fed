# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of daemon and firewall: which intents it contradicts, in which order its parts come and go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from port995.change.asked import WantedError
from port995.change.taking_back import Before
from port995.enforcing import steps
from port995.firewall import model as firewall_model


@pytest.mark.parametrize(("intent", "state", "firewall", "says"), [
    ("closed", "present", None, "the role close closes it"),
    ("closed", "absent", "absent", ""),
    ("internal", "present", "absent", "its firewall would not be restricted"),
    ("internal", "present", "open", "its firewall would not be restricted"),
    ("internal", "present", "restricted", ""),
    ("internal", "present", None, ""),
    ("serve", "present", "restricted", "would let in some networks only"),
    ("serve", "present", "absent", ""),
    (None, "present", "restricted", ""),
])  # fmt: skip
def test_what_contradicts_the_intent_is_refused(intent: str | None, state: str, firewall: str | None, says: str) -> None:
    told = steps.contradiction(intent, state, firewall)
    assert (says in told) if says else not told


def made(state: str) -> steps.Plan:
    firewall: Any = SimpleNamespace(changed=True, notes=(), parts=(), name="firewall")
    daemon: Any = SimpleNamespace(changed=True, notes=())
    rules = firewall_model.wanted(state, allow=["192.0.2.0/24"] if state == "restricted" else [])
    return steps.Plan(steps.Wanted(daemon, "auto", rules), daemon, firewall)


@pytest.mark.parametrize(("state", "order"), [
    ("restricted", ["firewall", "daemon"]), ("open", ["daemon", "firewall"]), ("absent", ["daemon", "firewall"]),
])  # fmt: skip
def test_nobody_is_let_in_to_a_daemon_that_is_not_as_wanted(
    state: str, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.daemon, "before", lambda _made: Before("daemon", {"/d": None}, {"d": ""}))
    monkeypatch.setattr(steps.firewall_part, "before", lambda _made: Before("firewall\n", {"/f": "x"}, {"f": ""}))
    assert [name for name, _apply, _back in steps._parts(made(state))] == order
    back = steps.before(made(state))
    assert back.steps.split() == order[::-1], "it goes in the opposite order"
    assert set(back.files) == {"/d", "/f"} and set(back.extra) == {"d", "f"}


def test_nothing_to_change_is_refused() -> None:
    with pytest.raises(WantedError, match="nothing would be done"):
        steps.plan(steps.Wanted(None, "auto", None))
    with pytest.raises(WantedError, match="one of restricted, open, absent"):
        steps.plan(steps.Wanted(None, "auto", firewall_model.wanted("closed")))
