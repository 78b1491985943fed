# SPDX-License-Identifier: GPL-3.0-or-later
"""Who used POP3: counted, redacted, and never "nobody" where that is not proven."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import pytest

from port995.daemon import log_sources, login_records
from port995.daemon.log_sources import Destinations, LogFile, SourceError
from port995.daemon.login_lines import Entry

NOW = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
DAY = 86400.0


def line(days_ago: float, text: str) -> str:
    return time.strftime("%b %e %H:%M:%S", time.localtime(NOW - days_ago * DAY)) + " host dovecot: " + text


def login(days_ago: float, user: str = "alice", address: str = "192.0.2.9", service: str = "pop3") -> str:
    return line(days_ago, f"{service}-login: Login: user=<{user}>, method=PLAIN, rip={address}, lip=192.0.2.1, mpid=1, TLS")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(login_records, "installed", lambda: ["dovecot"])
    monkeypatch.setattr(login_records, "destinations", lambda _daemons: Destinations(("dovecot",), {}, ()))
    return tmp_path


class Files:
    """The records are these, and there is no journal."""

    def __init__(self, *sources: Any) -> None:
        self._sources = sources

    def all(self, _wanted: Destinations, _since: float) -> list[Any]:
        return list(self._sources)


def write(path: Path, lines: list[str], days_ago: float, packed: bool = False) -> Path:
    data = "".join(text + "\n" for text in lines).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    os.utime(path, (NOW - days_ago * DAY,) * 2)
    return path


def read(path: Path, days: int = 30) -> login_records.Records:
    return login_records.read(days, NOW, Files(LogFile(str(path), False, None)))  # type: ignore[arg-type]


def test_users_networks_and_versions_are_counted_and_imap_apart(folder: Path) -> None:
    log = folder / "mail.log"
    write(folder / "mail.log.2.gz", [line(40, "master: Dovecot v2.3 starting up"), login(31, "old")], 20, packed=True)
    write(folder / "mail.log.1", [login(15), login(14), login(13, "bob", "2001:db8:1:2:3::1")], 8)
    write(log, [login(2, "carol", "192.0.2.200"), login(1, "dave", service="imap"), line(0.1, "x")], 0)
    records = read(log)
    assert records.state == "used" and records.users == ("alice", "bob", "carol") and records.logins == 4
    assert records.networks == {"192.0.2.0/24": 3, "2001:db8:1:2::/64": 1}
    assert records.tls_versions == {"TLS, version not logged": 4}
    assert (records.imap_users, records.imap_logins) == (1, 1)
    assert "alice" not in str(login_records.summary(records)) + login_records.words(records)
    assert login_records.summary(records, named=True)["names"] == ["alice", "bob", "carol"]


def test_nobody_is_said_where_the_records_reach_back(folder: Path) -> None:
    write(folder / "mail.log.1", [login(40)], 20)
    write(folder / "mail.log", [login(3, service="imap"), line(0.1, "x")], 0)
    records = read(folder / "mail.log")
    assert records.state == "unused" and records.reasons == ()


def cut_off(folder: Path) -> None:
    write(folder / "mail.log", [line(12, "x"), line(0.1, "x")], 0)


def of_another_daemon(folder: Path) -> None:
    lines = [line(40, "x").replace("dovecot", "postfix/smtpd"), line(0.1, "x").replace("dovecot", "postfix/smtpd")]
    write(folder / "mail.log", lines, 0)


def not_written_any_more(folder: Path) -> None:
    write(folder / "mail.log", [line(40, "x"), line(10, "x")], 10)


def one_between_is_missing(folder: Path) -> None:
    write(folder / "mail.log.3", [line(40, "x")], 30)
    write(folder / "mail.log.1", [line(9, "x")], 5)
    write(folder / "mail.log", [line(0.1, "x")], 0)


def packed_and_broken(folder: Path) -> None:
    write(folder / "mail.log.1.gz", [line(40, "x")], 20, packed=True)
    (folder / "mail.log.1.gz").write_bytes((folder / "mail.log.1.gz").read_bytes()[:-9])
    os.utime(folder / "mail.log.1.gz", (NOW - 20 * DAY,) * 2)
    write(folder / "mail.log", [line(0.1, "x")], 0)


def in_another_form(folder: Path) -> None:
    write(folder / "mail.log", [line(40, "x"), "1795822213 pop3-login: Login: user=<alice>", line(0.1, "x")], 0)


def empty(folder: Path) -> None:
    write(folder / "mail.log", [], 0)


def not_there(_folder: Path) -> None:
    pass


@pytest.mark.parametrize(
    "made", [cut_off, of_another_daemon, not_written_any_more, one_between_is_missing, packed_and_broken, in_another_form,
             empty, not_there],
)  # fmt: skip
def test_what_does_not_prove_that_nobody_did_is_unknown_and_says_why(folder: Path, made: Any) -> None:
    made(folder)
    records = read(folder / "mail.log")
    assert records.state == "unknown" and records.reasons and "not known" in login_records.words(records)


def test_a_login_counts_also_in_records_that_are_cut_off(folder: Path) -> None:
    write(folder / "mail.log", [login(1)], 0)
    assert read(folder / "mail.log").state == "used"


def test_the_same_login_in_two_sources_counts_once(folder: Path) -> None:
    for name in ("mail.log", "syslog"):
        write(folder / name, [line(40, "x"), login(1)], 0)
    sources = [LogFile(str(folder / name), False, None) for name in ("mail.log", "syslog")]
    assert login_records.read(30, NOW, Files(*sources)).logins == 1  # type: ignore[arg-type]


def test_logins_of_one_second_are_told_apart(folder: Path) -> None:
    lines = [f"{login(1)} {version} with cipher X, session=<{number}>" for number, version in enumerate(("TLSv1.3", "TLSv1.3", "TLSv1"))]
    own = [text.replace("host dovecot: ", "").replace("-login: ", "-login: Info: ", 1) for text in lines]
    write(folder / "mail.log", [line(40, "x"), *lines], 0)
    write(folder / "dovecot.log", [line(40, "x"), *own], 0)
    sources = [LogFile(str(folder / name), False, None) for name in ("mail.log", "dovecot.log")]
    records = login_records.read(30, NOW, Files(*sources))  # type: ignore[arg-type]
    assert records.tls_versions == {"TLSv1": 1, "TLSv1.3": 2}, "none stands for another, and none counts twice"


def test_no_daemon_that_is_known_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_records, "installed", list)
    write(folder / "mail.log", [line(40, "x"), line(0.1, "x")], 0)
    assert read(folder / "mail.log").state == "unknown"


@pytest.mark.parametrize(("said", "words"), [
    ("log_path = /dev/null\ninfo_log_path = \nlogin_log_format = %$: %s\n", "can't be read"),
    ("log_path = syslog\ninfo_log_path = /dev/null\nlogin_log_format = %$: %s\n", "can't be read"),
    ("log_path = syslog\ninfo_log_path = \nlogin_log_format = %s\n", "login_log_format"),
])  # fmt: skip
def test_logging_that_is_turned_off_is_a_problem(monkeypatch: pytest.MonkeyPatch, said: str, words: str) -> None:
    monkeypatch.setattr(log_sources, "demand", lambda _words: said)
    problems = log_sources.destinations(["dovecot"]).problems
    assert len(problems) == 1 and words in problems[0]


@pytest.mark.parametrize("form", log_sources.LOGIN_FORMATS)
def test_logging_as_by_default_goes_to_syslog(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    said = f"log_path = syslog\ninfo_log_path = \nlogin_log_format = {form}\n"
    monkeypatch.setattr(log_sources, "demand", lambda _words: said)
    assert log_sources.destinations(["dovecot", "cyrus"]) == Destinations(("cyrus", "dovecot"), {}, ())


def test_dovecots_own_file_is_believed_without_a_line_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write(folder / "dovecot.log", [line(40, "x").replace("host dovecot", "master"), line(0.1, "x")], 0)
    monkeypatch.setattr(login_records, "destinations", lambda _daemons: Destinations((), {"dovecot": str(log)}, ()))
    assert login_records.read(30, NOW, Files(LogFile(str(log), True, None))).state == "unused"  # type: ignore[arg-type]


def journal(monkeypatch: pytest.MonkeyPatch, first: float, before: float, rows: list[dict[str, Any]]) -> log_sources.Journal:
    def lines(words: list[str]) -> Any:
        stamp = first if "-n" not in words else before
        asked = "-t" in words
        return iter(rows if asked else [{"__REALTIME_TIMESTAMP": str(int(stamp * 1e6))}])

    monkeypatch.setattr(log_sources, "_lines", lines)
    monkeypatch.setattr(log_sources.Journal, "_readable", staticmethod(lambda: None))
    return log_sources.Journal()


def row(days_ago: float, tag: str, message: Any) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": str(int((NOW - days_ago * DAY) * 1e6)), "SYSLOG_IDENTIFIER": tag, "MESSAGE": message}


def test_the_journal_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Entry] = []
    octets = list(b"pop3-login: Login: user=<\xff>, rip=192.0.2.9, lip=192.0.2.1")
    source = journal(monkeypatch, NOW - 90 * DAY, NOW - 30.5 * DAY, [row(1, "dovecot", octets)])
    assert source.feed(NOW - 30 * DAY, NOW, taken.append) == pytest.approx(NOW - 90 * DAY)
    assert taken[0].message.startswith("pop3-login: Login: user=<�>")


def test_a_wrong_clock_does_not_let_the_journal_reach_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = journal(monkeypatch, 0.0, 12.0, [])
    with pytest.raises(SourceError, match="no entry around"):
        source.feed(NOW - 30 * DAY, NOW, lambda _entry: None)


def test_a_journal_that_left_messages_out_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(1, "systemd-journald", "Suppressed 1234 messages from dovecot.service")]
    source = journal(monkeypatch, NOW - 90 * DAY, NOW - 30.5 * DAY, rows)
    with pytest.raises(SourceError, match="left out messages"):
        source.feed(NOW - 30 * DAY, NOW, lambda _entry: None)
