# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against closing a port."""

from __future__ import annotations

from typing import Any

import pytest

from port995.closing.reasons import against, contradiction
from port995.daemon.login_records import Records
from port995.daemon.sockets import Listener, Peer

DOVECOT = (Listener("0.0.0.0", 995, "dovecot", 7, "dovecot.service", True),)


def records(state: str, **more: Any) -> Records:
    given: dict[str, Any] = {
        "days": 30, "state": state, "reasons": ("the journal can't be read",) if state == "unknown" else (),
        "daemons": ("dovecot",), "sources": (), "users": ("alice",) if state == "used" else (),
        "logins": 3 if state == "used" else 0, "networks": {"192.0.2.0/24": 3} if state == "used" else {},
        "tls_versions": {}, "last": 1.8e9 if state == "used" else None, "imap_users": 0, "imap_logins": 0,
    }  # fmt: skip
    return Records(**{**given, **more})


def test_nothing_speaks_against_a_port_that_nobody_used_or_uses() -> None:
    assert against(records("unused"), (), "", DOVECOT) == ()


def test_a_use_speaks_against_it_and_names_nobody() -> None:
    (said,) = against(records("used"), (), "", DOVECOT)
    assert "1 user(s)" in said and "192.0.2.0/24: 3" in said and "alice" not in said


def test_a_use_counts_though_nothing_listens_now() -> None:
    assert against(records("used"), (), "", ())


def test_what_is_not_known_speaks_against_it() -> None:
    (said,) = against(records("unknown"), (), "", DOVECOT)
    assert "is not known" in said and "the journal can't be read" in said


def test_where_nothing_listens_records_need_not_reach_back() -> None:
    assert against(records("unknown"), (), "", ()) == ()


def test_a_connection_speaks_against_it() -> None:
    (said,) = against(records("unused"), [Peer("192.0.2.9", 995), Peer("2001:db8::1", 995)], "", DOVECOT)
    assert "2 connection(s)" in said and "192.0.2.0/24: 1" in said and "2001:db8::/64: 1" in said


def test_connections_that_can_not_be_seen_speak_against_it() -> None:
    (said,) = against(records("unused"), None, "no /proc", ())
    assert "is not known: no /proc" in said


@pytest.mark.parametrize(("process", "here"), [("nginx", True), ("", True), ("dovecot", False), ("docker-proxy", True)])
def test_records_say_nothing_of_a_daemon_that_did_not_write_them(process: str, here: bool) -> None:
    other = Listener("::", 995, process, 9 if process else 0, "", here)
    (said,) = against(records("unused"), (), "", (*DOVECOT, other))
    assert "its login records can't be read" in said


@pytest.mark.parametrize(("intent", "state", "refused"), [
    ("serve", "closed", True), ("internal", "closed", True), ("closed", "closed", False), (None, "closed", False),
    ("serve", "absent", False),
])  # fmt: skip
def test_a_host_that_is_to_serve_is_not_closed(intent: str | None, state: str, refused: bool) -> None:
    assert bool(contradiction(intent, state)) is refused
