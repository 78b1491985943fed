# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mail daemon is meant: the one that serves the port, the only one, or the one that is named; never one of two."""

from __future__ import annotations

import pytest

from port995.daemon.model import DaemonError, Found
from port995.daemon.steps import choose

BOTH = (Found("dovecot", "2.3.19", "/d"), Found("courier", "1.0.16", "/c"))
DOVECOT, COURIER, STUNNEL = ("dovecot", 10), ("couriertcpd", 20), ("stunnel4", 30)


@pytest.mark.parametrize(("name", "found", "listening", "chosen"), [
    ("auto", BOTH, [DOVECOT], "dovecot"),
    ("auto", BOTH, [COURIER], "courier"),
    ("auto", BOTH[:1], [], "dovecot"),
    ("courier", BOTH, [], "courier"),
    ("dovecot", BOTH, [DOVECOT, ("pop3-login", 11)], "dovecot"),
])  # fmt: skip
def test_it_is_known_which(name: str, found: tuple[Found, ...], listening: list[tuple[str, int]], chosen: str) -> None:
    assert choose(name, found, listening).daemon == chosen


@pytest.mark.parametrize(("name", "found", "listening", "says"), [
    # Whatever is named: the other one would go on serving.
    ("auto", BOTH, [DOVECOT, COURIER], r"served by courier, dovecot: two mail daemons .* Stop one of them"),
    ("dovecot", BOTH, [DOVECOT, COURIER], r"served by courier, dovecot: two mail daemons .* Stop one of them"),
    ("courier", BOTH, [DOVECOT], r"served by dovecot, and courier is to be changed"),
    ("auto", BOTH, [], r"several mail daemons are installed \(dovecot, courier\).*set daemon"),
    ("auto", (), [], r"no mail daemon is installed .*install: true"),
    ("courier", BOTH[:1], [], r"courier is not installed on this host; install: true installs it"),
    ("auto", (), [STUNNEL], r"served by stunnel4 \(process 30\)"),
    ("auto", BOTH, [STUNNEL], r"served by stunnel4 \(process 30\), .*enforce_settings: false"),
    ("dovecot", BOTH, [DOVECOT, STUNNEL], r"served by stunnel4 \(process 30\)"),
])  # fmt: skip
def test_it_is_not_guessed(name: str, found: tuple[Found, ...], listening: list[tuple[str, int]], says: str) -> None:
    with pytest.raises(DaemonError, match=says):
        choose(name, found, listening)
