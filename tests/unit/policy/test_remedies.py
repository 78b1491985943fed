# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fail is mended by what; what nobody can be sure of is for people."""

from __future__ import annotations

import pytest

from port995.policy.model import Intent
from port995.policy.registry import all_checks
from port995.policy.remedies import BY_HAND, CLEAR_TEXT, PORT, SETTINGS, Remedy, remedy_of

INTENTS = (*Intent, None)


@pytest.mark.parametrize(
    ("check", "intent", "states", "remedy"),
    [
        ("POP3S-PORT-001", Intent.CLOSED, {"open"}, Remedy.CLOSE),
        ("POP3S-HOST-001", Intent.CLOSED, {"filtered"}, Remedy.CLOSE),
        ("POP3S-PORT-001", Intent.INTERNAL, {"open"}, Remedy.RESTRICT),
        ("POP3S-PORT-001", Intent.INTERNAL, {"closed"}, Remedy.NONE),
        ("POP3S-PORT-001", Intent.SERVE, {"closed"}, Remedy.ENFORCE),
        ("POP3S-PORT-001", Intent.SERVE, {"filtered"}, Remedy.NONE),
        ("POP3S-PORT-001", Intent.SERVE, {"closed", "open"}, Remedy.NONE),
        ("POP3S-PORT-001", Intent.SERVE, set(), Remedy.NONE),
        ("POP3S-PORT-001", None, {"open"}, Remedy.NONE),
        ("POP3S-VER-003", Intent.SERVE, {"open"}, Remedy.ENFORCE),
        ("POP3S-CIPH-004", Intent.INTERNAL, {"open"}, Remedy.ENFORCE),
        ("POP3S-VER-003", Intent.CLOSED, {"open"}, Remedy.NONE),
        ("POP3S-CLR-002", Intent.SERVE, {"open"}, Remedy.ENFORCE),
        ("POP3S-CLR-002", Intent.CLOSED, {"closed"}, Remedy.NONE),
        ("POP3S-CERT-003", Intent.SERVE, {"open"}, Remedy.NONE),
        ("POP3S-POP-004", Intent.SERVE, {"open"}, Remedy.NONE),
    ],
)
def test_what_mends_it(check: str, intent: Intent | None, states: set[str], remedy: Remedy) -> None:
    chosen = remedy_of(check, intent, states)
    assert chosen.remedy is remedy
    assert bool(chosen.why) is (remedy is Remedy.NONE)


def test_every_check_has_a_remedy_or_a_reason_why_it_has_none() -> None:
    for check in all_checks():
        for intent in INTENTS:
            for states in ({"open"}, {"closed"}, {"filtered"}, {"untold"}, set()):
                chosen = remedy_of(check, intent, states)
                assert (chosen.remedy is Remedy.NONE) is bool(chosen.why), (check, intent, states)


def test_every_row_is_about_a_check_that_there_is() -> None:
    import fnmatch

    for pattern in (*PORT, *SETTINGS, *CLEAR_TEXT, *(pattern for pattern, _why in BY_HAND)):
        assert fnmatch.filter(all_checks(), pattern), pattern


def test_no_host_is_closed_that_is_not_meant_to_be() -> None:
    for check in all_checks():
        for intent in (Intent.SERVE, Intent.INTERNAL, None):
            assert remedy_of(check, intent, {"open"}).remedy is not Remedy.CLOSE
