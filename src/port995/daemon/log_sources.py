# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this host's mail daemons log to: the journal, files of a syslog daemon, files of their own; rotated ones too.

Each source gives its entries in their order and says how far it reaches back. Python 3.9, standard library only.
"""

from __future__ import annotations

import bz2
import dataclasses
import glob
import gzip
import json
import lzma
import os
import re
import subprocess
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from ..change.commands import CommandError, demand, find
from .login_lines import MAX_LINE, Entry, entry_of

TIME_LIMIT = 60.0
"""Seconds that reading one source may take: about ten million lines."""
QUIET = 2 * 86400.0
"""Seconds that a source in use may be silent at either end of what is asked: a host's own timers write every day."""

SYSLOG_FILES = ("/var/log/mail.log", "/var/log/mail.info", "/var/log/maillog", "/var/log/mail", "/var/log/syslog",
                "/var/log/messages")  # fmt: skip
"""Debian's rsyslog, RHEL's, SUSE's."""
JOURNALS = ("/var/log/journal", "/run/log/journal")
JOURNALD_CONF = (
    "/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/*.conf", "/run/systemd/journald.conf.d/*.conf",
    "/usr/lib/systemd/journald.conf.d/*.conf",
)  # fmt: skip
LOGIN_FORMATS = ("%$: %s", "%{message}: %{elements}")
"""The default of Dovecot 2.3 and of 2.4."""
IDENTIFIERS = (
    "dovecot", "pop3d", "pop3d-ssl", "pop3login", "courierpop3login", "courierpop3d", "imapd", "imapd-ssl",
    "pop3", "pop3s", "imap", "imaps", "cyrus/pop3", "cyrus/pop3s",
    "cyrus/imap", "cyrus/imaps", "cyrus/master", "systemd-journald",
)  # fmt: skip
ROTATED = re.compile(r"(?:[.-](?P<number>\d{1,3})|[.-]\d{6,10}(?:-\d+)?)?(?P<packed>\.(?:gz|bz2|xz|zst))?$")

Take = Callable[[Entry], None]


class SourceError(Exception):
    """A source can't be read, or not as far as it should; the text says which and why."""


@dataclasses.dataclass(frozen=True)
class Destinations:
    """Where the daemons' logs go."""

    to_syslog: Tuple[str, ...]
    """Daemons that log to syslog."""
    own_files: Dict[str, str]
    """Daemons that log to a file of their own."""
    problems: Tuple[str, ...]

    def proves(self, source: str) -> Tuple[str, ...]:
        """Daemons whose every login stands in a source."""
        if source == Journal.name:
            return self.to_syslog
        return tuple(daemon for daemon, path in self.own_files.items() if path == source)


def installed() -> List[str]:
    """Mail daemons whose records are known here, of those that are installed."""
    found = []
    if find("doveconf"):
        found.append("dovecot")
    if os.path.exists("/etc/courier/pop3d") or os.path.exists("/etc/courier/pop3d-ssl"):
        found.append("courier")
    if find("cyrmaster") or os.path.exists("/etc/cyrus.conf"):
        found.append("cyrus")
    return found


def destinations(daemons: Sequence[str]) -> Destinations:
    """Ask each daemon's configuration where its log goes."""
    to_syslog = [daemon for daemon in daemons if daemon != "dovecot"]
    own: Dict[str, str] = {}
    problems = []
    if "dovecot" in daemons:
        try:
            said = demand(["doveconf", "log_path", "info_log_path", "login_log_format"])
            values = dict(re.findall(r"^(\w+) = *(.*)$", said, re.MULTILINE))
            form = values.get("login_log_format", "").strip()
            if form not in LOGIN_FORMATS:
                problems.append("Dovecot's login_log_format is %s: logins in it are not known here" % ascii(form)[:80])
            path = values.get("info_log_path") or values.get("log_path") or ""
            if path == "syslog":
                to_syslog.append("dovecot")
            elif path in ("", "/dev/null", "/dev/stderr", "/dev/stdout") or not path.startswith("/"):
                problems.append("Dovecot logs its logins to %s, where they can't be read" % ascii(path)[:80])
            else:
                own["dovecot"] = path
        except CommandError as error:
            problems.append("where Dovecot logs to can't be found out: %s" % error)
    return Destinations(tuple(to_syslog), own, tuple(problems))


class Journal:
    """The journal of systemd."""

    name = "the journal"
    whole = True

    def feed(self, since: float, now: float, take: Take) -> Optional[float]:
        """Give the entries of mail daemons.

        :returns: the time of its first entry; ``None``: it has none
        :raises SourceError: it can't be read, or lost entries
        """
        self._readable()
        first = next(_lines(["-o", "json", "--output-fields=PRIORITY"]), None)
        if first is None:
            return None
        earliest = _when(first)
        if earliest <= since:
            # One entry with a wrong clock, as before the first NTP answer, must not let it reach back.
            before = next(_lines(["-o", "json", "--output-fields=PRIORITY", "-n", "1", "--until=@%d" % since]), None)
            if before is None or _when(before) < since - QUIET:
                raise SourceError("the journal has no entry around %s, and may have lost later ones too" % _date(since))
        words = ["-o", "json", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID", "--since=@%d" % since]
        for identifier in IDENTIFIERS:
            words += ["-t", identifier]
        for row in _lines(words):
            entry = Entry(_when(row), _string(row, "SYSLOG_IDENTIFIER"),
                          _string(row, "SYSLOG_PID") or _string(row, "_PID"), _string(row, "MESSAGE"))  # fmt: skip
            if entry.tag == "systemd-journald":
                if re.match(r"Suppressed \d+ messages from .*(?:dovecot|courier|cyrus)", entry.message):
                    raise SourceError("the journal left out messages: %s" % ascii(entry.message)[1:-1][:120])
                continue
            take(entry)
        return earliest

    @staticmethod
    def _readable() -> None:
        if find("journalctl") is None:
            raise SourceError("journalctl is not installed on this host")
        files = [path for folder in JOURNALS for path in glob.glob(folder + "/*/system.journal")]
        if not files:
            raise SourceError("there is no journal on this host")
        if not all(os.access(path, os.R_OK) for path in files):
            raise SourceError("the journal can't be read by this user: become root")
        for path in [path for pattern in JOURNALD_CONF for path in glob.glob(pattern)]:
            try:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    found = re.findall(r"^\s*MaxLevelStore\s*=\s*(\S+)", stream.read(65536), re.MULTILINE)
            except OSError:
                continue
            if found and found[-1] not in ("info", "debug", "6", "7"):
                raise SourceError("the journal keeps no logins: %s sets MaxLevelStore=%s" % (path, ascii(found[-1])))


def _date(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(when))


def _when(row: Dict[str, Any]) -> float:
    try:
        return int(row["__REALTIME_TIMESTAMP"]) / 1e6
    except (KeyError, ValueError, TypeError) as error:
        raise SourceError("the journal can't be understood: %s" % error) from error


def _string(row: Dict[str, Any], key: str) -> str:
    value = row.get(key)
    if isinstance(value, list):  # Octets that are no text; or several values, which none of ours has.
        octets = [number for number in value if isinstance(number, int) and 0 <= number < 256]
        return bytes(octets).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _lines(words: Sequence[str]) -> Iterator[Dict[str, Any]]:
    """The rows that journalctl writes, one by one: there may be millions.

    :raises SourceError: it fails or takes too long
    """
    # "--": a file of that name is none. It is ended below in every event.
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        [find("journalctl") or "journalctl", "--no-pager", "-q", "--system", *words], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    end = time.monotonic() + TIME_LIMIT
    try:
        while True:
            line = process.stdout.readline(MAX_LINE * 8) if process.stdout is not None else b""
            if not line:
                break
            if time.monotonic() > end:
                raise SourceError("reading the journal took longer than %g s" % TIME_LIMIT)
            try:
                row = json.loads(line)
            except ValueError:
                raise SourceError("the journal has a line that can't be understood") from None
            if isinstance(row, dict):
                yield row
        if process.wait(10):
            said = process.stderr.read(500).decode(errors="replace").strip() if process.stderr is not None else ""
            raise SourceError("journalctl failed: %s" % (ascii(said)[1:-1] or "it said nothing"))
    except subprocess.TimeoutExpired:
        raise SourceError("journalctl does not end") from None
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class LogFile:
    """A file of a syslog daemon or of a mail daemon, with those that were rotated."""

    def __init__(self, path: str, whole: bool, taken_over: Optional[float]) -> None:
        """
        :param whole: its daemon writes all to it
        :param taken_over: time from which another source holds all, so that this may end there
        """
        self.name, self.whole, self._taken_over = path, whole, taken_over

    def _files(self) -> List[str]:
        """Oldest first.

        :raises SourceError: one between others is missing
        """
        found = []
        numbers = set()
        for path in glob.glob(glob.escape(self.name) + "*"):
            rotated = ROTATED.match(path[len(self.name) :])
            if rotated and os.path.isfile(path):
                found.append(path)
                if rotated["number"]:
                    numbers.add(int(rotated["number"]))
        if numbers and set(range(min(numbers), max(numbers))) - numbers:
            raise SourceError("%s was rotated, and one of the files between is missing" % self.name)
        return sorted(found, key=os.path.getmtime)

    def feed(self, since: float, now: float, take: Take) -> Optional[float]:
        """Give its entries.

        :returns: the time of the first entry; ``None``: it has none
        :raises SourceError: it can't be read, does not go on to now, or is in another form
        """
        end = time.monotonic() + TIME_LIMIT
        earliest = last = None
        try:
            files = self._files()
            # What was written last before the time that is asked holds nothing of it, but says that it reaches back.
            old = [path for path in files if os.path.getmtime(path) < since]
            for path in old[-1:] + files[len(old) :]:
                for entry in self._entries(path, now, end):
                    earliest = entry.when if earliest is None else min(earliest, entry.when)
                    last = entry.when if last is None else max(last, entry.when)
                    take(entry)
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise SourceError("%s can't be read: %s" % (self.name, error)) from error
        if last is not None and last < now - QUIET and not (self._taken_over and last >= self._taken_over):
            raise SourceError("%s ends at %s: whether it is still written is not known" % (self.name, _date(last)))
        return earliest

    def _entries(self, path: str, now: float, end: float) -> Iterator[Entry]:
        with _opened(path) as stream:
            while True:
                line = stream.readline(MAX_LINE)
                if not line:
                    return
                if time.monotonic() > end:
                    raise SourceError("reading %s took longer than %g s" % (self.name, TIME_LIMIT))
                text = line.decode("utf-8", "replace").rstrip("\n")
                entry = entry_of(text, now)
                if entry is not None:
                    yield entry
                elif "pop3" in text:
                    raise SourceError("%s has lines in a form that is not known here" % path)


def _opened(path: str) -> Union[IO[bytes], gzip.GzipFile]:
    if path.endswith(".gz"):
        return gzip.open(path, "rb")
    if path.endswith(".bz2"):
        return bz2.open(path, "rb")
    if path.endswith(".xz"):
        return lzma.open(path, "rb")
    if path.endswith(".zst"):
        raise SourceError("%s is packed by zstd, which can't be read here" % path)
    return open(path, "rb")


class Sources:
    """The sources of this host."""

    def all(self, wanted: Destinations, since: float) -> List[Any]:
        """Those to read, the journal first."""
        journal_from = self._journal_from()
        found: List[Any] = [Journal()]
        found += [LogFile(path, True, None) for path in wanted.own_files.values()]
        there = [path for path in SYSLOG_FILES if glob.glob(path + "*") and not os.path.isdir(path)]
        found += [LogFile(path, False, journal_from) for path in there if path not in wanted.own_files.values()]
        return found

    @staticmethod
    def _journal_from() -> Optional[float]:
        try:
            first = next(_lines(["-o", "json", "--output-fields=PRIORITY"]), None)
            return None if first is None else _when(first)
        except (SourceError, OSError):
            return None
