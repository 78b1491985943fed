# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate on a Dovecot that fail2ban guards with its aggressive filter: with a pace nobody is banned.

What 3 in 600 s is to Debian's jail, 3 in 6 s is to one with a findtime of 6 s: the same arithmetic, a hundredth of the
time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import journal, port995, statuses, wait_for
from tests.integration.dovecot.certificates import make_chain
from tests.integration.dovecot.server import Dovecot, dovecot_binary
from tests.integration.fail2ban_server import Fail2ban, fail2ban_missing

FINDTIME = 6
SERVER_NAME = "mail.test.example"
VERSIONS = ("POP3S-VER-001", "POP3S-VER-002", "POP3S-VER-003", "POP3S-VER-004")

pytestmark = [
    pytest.mark.wide,
    pytest.mark.skipif(dovecot_binary() is None, reason="dovecot is not installed (Debian: dovecot-pop3d)"),
    pytest.mark.skipif(bool(fail2ban_missing()), reason=fail2ban_missing() or "-"),
]


@pytest.fixture
def dovecot(tmp_path: Path) -> Iterator[Dovecot]:
    """A Dovecot that has logged nothing of us yet but its start."""
    chain, key, _ = make_chain(tmp_path / "pki", SERVER_NAME)
    server = Dovecot(tmp_path, chain, key)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def guard(dovecot: Dovecot, tmp_path: Path) -> Iterator[Fail2ban]:
    """fail2ban on that Dovecot's log, from its end on."""
    folder = tmp_path / "fail2ban"
    folder.mkdir()
    wait_for(lambda: " lip=" in dovecot.log, "the line of the connection that saw whether Dovecot is up")
    guard = Fail2ban(folder, tmp_path / "log", FINDTIME)
    guard.start()
    try:
        yield guard
    finally:
        guard.stop()


def audit(dovecot: Dovecot, out: Path, *manners: str) -> int:
    """Ask the Dovecot about its versions; returns how many connections that took."""
    port995(
        "audit", "127.0.0.1", "-p", dovecot.pop3s_port, "--depth", "gate", "--pop3-port", "0", "--server-name", SERVER_NAME,
        "--checks", ",".join(VERSIONS), "--out", out, *manners,
    )  # fmt: skip
    return sum(len(seen["connections"]) for seen in journal(out))


def test_the_gate_at_a_pace_is_not_banned_by_the_aggressive_filter(dovecot: Dovecot, guard: Fail2ban, tmp_path: Path) -> None:
    started = time.monotonic()
    made = audit(dovecot, tmp_path / "run", "--pace", f"3/{FINDTIME}")
    seconds = time.monotonic() - started
    wait_for(lambda: guard.failures >= made, f"fail2ban to read the lines of {made} connections")
    assert guard.failures == made, "each connection leaves one line that the aggressive filter matches"
    assert seconds > 2 * FINDTIME, "shorter than this it would show nothing"
    assert made > guard.maxretry
    assert guard.bans == []
    found = statuses(tmp_path / "run", "127.0.0.1")
    assert {check: found[check] for check in VERSIONS} == dict.fromkeys(VERSIONS, "pass")


def test_the_gate_without_a_pace_is_banned_so_the_guard_does_see_us(dovecot: Dovecot, guard: Fail2ban, tmp_path: Path) -> None:
    audit(dovecot, tmp_path / "run")
    wait_for(lambda: guard.bans, "a ban")
    assert guard.bans[0] == "127.0.0.1"


@pytest.mark.parametrize("depth", ["port", "session"])
def test_even_one_polite_session_is_a_failure_to_the_aggressive_filter(
    dovecot: Dovecot, guard: Fail2ban, depth: str
) -> None:
    port995("scan", f"127.0.0.1:{dovecot.pop3s_port}", "--depth", depth, "--pop3-port", "0", "--server-name", SERVER_NAME)
    wait_for(lambda: guard.failures, "the line of one connection")
    assert (guard.failures, guard.bans) == (1, [])
