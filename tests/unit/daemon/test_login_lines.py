# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of real logs, as the daemons of Debian write them, and what they say of logins."""

from __future__ import annotations

import time

import pytest

from port995.daemon.login_lines import Reader, daemon_of, entry_of

NOW = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))

RECORDED = {
    "dovecot 2.3.19, TLS": (
        "Nov 27 23:30:13 host2 dovecot[49]: pop3-login: Login: user=<alice>, method=PLAIN, rip=198.51.100.2,"
        " lip=192.0.2.12, mpid=88, TLS, session=<XBsicUphbr3GM2QC>",
        ("dovecot", "pop3", "alice", "198.51.100.2", True, ""),
    ),
    "dovecot 2.3.13, IPv6": (
        "Nov 27 23:30:07 host1 dovecot[45]: pop3-login: Login: user=<alice>, method=PLAIN, rip=2001:db8:1::2,"
        " lip=2001:db8::11, mpid=85, TLS, session=<xra9cEphvtMgAQ24AAEAAAAAAAAAAAAC>",
        ("dovecot", "pop3", "alice", "2001:db8:1::2", True, ""),
    ),
    "dovecot 2.4.1": (
        "Nov 27 23:30:26 host3 dovecot[83]: pop3-login: Logged in: user=<alice>, method=PLAIN, rip=198.51.100.2,"
        " lip=192.0.2.13, mpid=124, TLS, session=<6ErDcUphsLrGM2QC>",
        ("dovecot", "pop3", "alice", "198.51.100.2", True, ""),
    ),
    "rsyslog's newer form": (
        "2026-11-27T23:30:26.123456+01:00 host3 dovecot: pop3-login: Login: user=<bob>, method=PLAIN,"
        " rip=192.0.2.9, lip=192.0.2.13, mpid=124, session=<x>",
        ("dovecot", "pop3", "bob", "192.0.2.9", False, ""),
    ),
    "dovecot's own file, with %k in login_log_format_elements": (
        "Nov 27 23:30:26 pop3-login: Info: Login: user=<alice>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.13, mpid=1,"
        " TLS, TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
        ("dovecot", "pop3", "alice", "192.0.2.9", True, "TLSv1.3"),
    ),
    "dovecot, IMAP": (
        "Nov 27 23:30:26 h dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, mpid=1, TLS",
        ("dovecot", "imap", "alice", "192.0.2.9", True, ""),
    ),
    "dovecot, the end of a session": (
        "Nov 27 23:30:15 host2 dovecot[49]: pop3(alice)<88><XBsicUphbr3GM2QC>: Disconnected: Logged out top=0/0, retr=0/0,"
        " del=0/0, size=0",
        ("dovecot", "pop3", "alice", "", None, ""),
    ),
    "courier, 995": (
        "Nov 27 23:30:38 host4 pop3d-ssl[70]: LOGIN, user=alice, ip=[::ffff:198.51.100.2], port=[35546]",
        ("courier", "pop3", "alice", "::ffff:198.51.100.2", True, ""),
    ),
    "courier, 110": (
        "Nov 27 23:30:38 host4 pop3d[70]: LOGIN, user=alice, ip=[2001:db8:1::2], port=[35546]",
        ("courier", "pop3", "alice", "2001:db8:1::2", None, ""),
    ),
    "courier, IMAP": (
        "Nov 27 23:30:38 host4 imapd-ssl[70]: LOGIN, user=alice, ip=[::ffff:198.51.100.2], port=[1], protocol=IMAP",
        ("courier", "imap", "alice", "::ffff:198.51.100.2", True, ""),
    ),
    "cyrus": (
        "Nov 27 23:30:51 host5 cyrus/pop3s[130]: login: client.example.org [198.51.100.2] alice plaintext+TLS User logged in"
        " SESSIONID=<host5-130-1>",
        ("cyrus", "pop3", "alice", "198.51.100.2", True, ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_a_login_is_read(name: str) -> None:
    line, wanted = RECORDED[name]
    entry = entry_of(line, NOW)
    assert entry is not None and daemon_of(entry) == wanted[0]
    login = Reader().login(entry)
    assert login is not None
    assert (login.daemon, login.service, login.user, login.address, login.tls, login.tls_version) == wanted


@pytest.mark.parametrize("line", [
    "Nov 27 23:30:26 h dovecot[83]: pop3-login: Login aborted: Connection closed (no auth attempts in 0 secs)"
    " (no_auth_attempts): user=<>, rip=198.51.100.2, lip=192.0.2.13, TLS, session=<x>",
    "Nov 27 23:30:26 h dovecot: pop3-login: Disconnected (no auth attempts in 0 secs): user=<>, rip=192.0.2.9, lip=192.0.2.1",
    "Nov 27 23:30:26 h dovecot: pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs):"
    " user=<alice>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, TLS",
    "Nov 27 23:30:36 host4 pop3d-ssl[70]: Connection, ip=[::ffff:198.51.100.2], port=[35546]",
    "Nov 27 23:30:36 host4 pop3d-ssl[70]: LOGIN FAILED, user=alice, ip=[::ffff:198.51.100.2], port=[35546]",
    "Nov 27 23:30:51 host5 cyrus/pop3s[130]: badlogin: [198.51.100.2] plaintext (alice) [SASL(-13): user not found:"
    " checkpass failed]",
    "Nov 27 23:30:51 host5 sshd[130]: Accepted publickey for alice from 192.0.2.1 port 1 ssh2",
])  # fmt: skip
def test_what_is_no_login_is_none(line: str) -> None:
    entry = entry_of(line, NOW)
    assert entry is not None and Reader().login(entry) is None


def test_the_version_of_tls_comes_from_the_handshake_of_the_same_process() -> None:
    reader = Reader()
    lines = (
        "Nov 27 23:30:49 h cyrus/pop3s[130]: starttls: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits new) no"
        " authentication",
        "Nov 27 23:30:50 h cyrus/pop3s[131]: starttls: TLSv1.2 with cipher X (256/256 bits new) no authentication",
        "Nov 27 23:30:51 h cyrus/pop3s[130]: login: [198.51.100.2] alice plaintext+TLS User logged in",
        "Nov 27 23:30:51 h cyrus/pop3s[131]: login: [198.51.100.2] bob plaintext+TLS User logged in",
    )
    entries = [entry_of(line, NOW) for line in lines]
    logins = [reader.login(entry) for entry in entries if entry is not None]
    assert [login.tls_version for login in logins if login] == ["TLSv1.3", "TLSv1.2"]


def test_a_user_name_chooses_neither_address_nor_tls() -> None:
    line = (
        "Nov 27 23:30:13 h dovecot: pop3-login: Login: user=<x>, rip=203.0.113.9, TLS, TLSv1.3>, method=PLAIN,"
        " rip=198.51.100.2, lip=192.0.2.12, mpid=88, session=<y>"
    )
    entry = entry_of(line, NOW)
    assert entry is not None
    login = Reader().login(entry)
    assert login is not None and login.address == "198.51.100.2" and login.tls is False and login.tls_version == ""


def test_a_line_without_a_year_is_of_the_last_one_that_can_be() -> None:
    def age(text: str) -> float:
        entry = entry_of(text + " h dovecot: x", NOW)
        assert entry is not None
        return (NOW - entry.when) / 86400

    assert 0 < age("Nov 27 12:00:00") < 2
    assert 330 < age("Dec 25 12:00:00") < 345
    assert 900 < age("Feb 29 12:00:00") < 1100, "the last leap year was 2024"


@pytest.mark.parametrize("line", ["", "Nov 31 23:30:13 h dovecot: x", "2026-13-27T23:30:26 h dovecot: x", "nonsense", "\x00" * 50])
def test_a_line_in_no_known_form_is_none(line: str) -> None:
    assert entry_of(line, NOW) is None
