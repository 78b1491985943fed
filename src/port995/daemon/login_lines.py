# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of a log, and what it says of a login. Python 3.9, standard library only.

Formats, as the daemons write them: Dovecot 2.3 and 2.4 (src/login-common/client-common.c), Courier (imaplogin.c and
pop3dserver.c of courier-libs), Cyrus (imap/pop3d.c). What a client gave (its user name) stands in these lines too: a
client that imitates a login makes one more, and can take none away.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
from typing import Dict, Optional

MAX_LINE = 16 * 1024
"""Octets of a line that are looked at."""
MAX_PROCESSES = 4096
"""Processes of Cyrus whose handshake is remembered until the login."""
DAY = 86400.0

SYSLOG = re.compile(
    r"(?P<when>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?) (?P<rest>.*)"
)
TAGGED = re.compile(r"(?:\S+ )?(?P<tag>[\w./-]+?)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)")
DOVECOT_OWN = re.compile(r"(?:pop3|imap)(?:-login: |\()")
"""How Dovecot begins a line in a file of its own: without a host and a tag."""

DOVECOT_LOGIN = re.compile(r"(?P<service>pop3|imap)-login: (?:Info: )?(?:Login|Logged in): (?P<fields>.*)")
"""2.3 and 2.4, with the default login_log_format; 2.4 says "Login aborted: " of what is none."""
DOVECOT_PROXY = re.compile(
    r"(?P<service>pop3|imap)-login: (?:Info: )?(?:proxy\((?P<user>.*?)\): )?[Ss]tarted proxying to (?P<fields>.*)"
)
DOVECOT_SESSION = re.compile(r"(?P<service>pop3|imap)\((?P<user>[^)]*)\).*: (?:Info: )?Disconnected:? (?P<fields>.*)")
"""The end of a session: proof of its login where that was not logged."""
COURIER_LOGIN = re.compile(r"LOGIN, user=(?P<user>.*), ip=\[(?P<ip>[^\]]*)\](?P<fields>.*)")
COURIER_TAG = re.compile(r"(?:courier)?(?P<service>pop3|imap)(?:d|login)?(?P<tls>d?-ssl)?$")
CYRUS_TAG = re.compile(r"(?:.*/)?(?P<service>pop3|imap)(?P<tls>s)?$")
CYRUS_LOGIN = re.compile(r"login: (?:\S+ )?\[(?P<ip>[^\]]*)\] (?P<user>\S+) (?P<how>\S+) User logged in(?P<fields>.*)")
TLS_VERSION = re.compile(r"\b(TLSv1(?:\.[0-3])?|SSLv3|TLS1\.[0-3])\b")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a log."""

    when: float
    """Seconds since the epoch."""
    tag: str
    """The program's name; empty in a file that is Dovecot's own."""
    pid: str
    message: str


@dataclasses.dataclass(frozen=True)
class Login:
    """Somebody logged in."""

    when: float
    daemon: str
    """``dovecot``, ``courier`` or ``cyrus``."""
    service: str
    """``pop3`` or ``imap``."""
    user: str
    """Empty: the line does not say."""
    address: str
    """Empty: the line does not say."""
    tls: Optional[bool]
    """``None``: the line does not say."""
    tls_version: str
    """As ``TLSv1.3``; empty: not logged, as in most configurations."""
    begun: bool
    """``False``: the end of a session was logged, and not this login."""


def _epoch(text: str, now: float) -> Optional[float]:
    """The time of a line. Without a year: the latest that is no more than a day ahead; without a zone: this host's."""
    try:
        if text[0].isdigit():
            main, zone = text[:19].replace(" ", "T"), text[19:].lstrip(".,0123456789")
            parsed = time.strptime(main, "%Y-%m-%dT%H:%M:%S")
            if not zone:
                return time.mktime(parsed)
            offset = 0
            if zone != "Z":
                offset = int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
            return float(calendar.timegm(parsed) - offset)
        month, day, clock = MONTHS.index(text[:3]) + 1, int(text[4:6]), [int(part) for part in text[7:].split(":")]
        year = time.localtime(now).tm_year + 1
        # Nine: the 29th of February may be eight years back.
        for candidate in range(year, year - 9, -1):
            if day > calendar.monthrange(candidate, month)[1]:
                continue
            when = time.mktime((candidate, month, day, clock[0], clock[1], clock[2], 0, 0, -1))
            if when <= now + DAY:
                return when
    except (ValueError, IndexError, OverflowError):
        pass
    return None


def entry_of(line: str, now: float) -> Optional[Entry]:
    """Read a line of a log file; ``None``: it is in no form that is known here.

    :param now: seconds since the epoch, for lines without a year
    """
    found = SYSLOG.match(line[:MAX_LINE])
    if found is None:
        return None
    when, rest = _epoch(found["when"], now), found["rest"]
    if when is None:
        return None
    if DOVECOT_OWN.match(rest):
        return Entry(when, "", "", rest)
    tagged = TAGGED.match(rest)
    if tagged is None:
        return Entry(when, "", "", rest)
    return Entry(when, tagged["tag"], tagged["pid"] or "", tagged["message"])


def daemon_of(entry: Entry) -> str:
    """Which daemon wrote it: ``dovecot``, ``courier``, ``cyrus``, or empty."""
    if entry.tag == "dovecot" or (not entry.tag and DOVECOT_OWN.match(entry.message)):
        return "dovecot"
    if entry.tag.startswith("cyrus/") or (CYRUS_TAG.match(entry.tag) and not entry.message.startswith("LOG")):
        return "cyrus"
    return "courier" if COURIER_TAG.match(entry.tag) else ""


def _field(text: str, name: str) -> str:
    found = re.search(r"(?:^|[\s,:])%s=(?:<(?P<inside>.*?)>(?=[,\s]|$)|(?P<plain>[^,\s]*))" % name, text)
    return (found["inside"] or found["plain"] or "") if found else ""


def _version(text: str) -> str:
    found = TLS_VERSION.search(text)
    return found[1].replace("TLS1.", "TLSv1.") if found else ""


class Reader:
    """Reads entries in their order; it remembers handshakes of Cyrus until the login that follows."""

    def __init__(self) -> None:
        self._handshakes: Dict[str, str] = {}

    def login(self, entry: Entry) -> Optional[Login]:
        """What an entry says of a login; ``None``: nothing."""
        daemon = daemon_of(entry)
        if daemon == "dovecot":
            return self._dovecot(entry)
        if daemon == "courier":
            return self._courier(entry)
        return self._cyrus(entry) if daemon == "cyrus" else None

    @staticmethod
    def _dovecot(entry: Entry) -> Optional[Login]:
        for pattern in (DOVECOT_LOGIN, DOVECOT_PROXY, DOVECOT_SESSION):
            found = pattern.match(entry.message)
            if found is None:
                continue
            fields = found["fields"]
            named = found.groupdict().get("user") or _field(fields, "user")
            if pattern is DOVECOT_SESSION:
                return Login(entry.when, "dovecot", found["service"], named, "", None, "", False)
            # By a client's own word in its user name nothing of this may be chosen: what follows the user counts.
            after = fields.rpartition("rip=")[2] if "rip=" in fields else fields
            tls = True if re.search(r", TLS\b", after) or _version(after) else False if "rip=" in fields else None
            address = re.split(r"[,\s]", after)[0] if "rip=" in fields else ""
            return Login(entry.when, "dovecot", found["service"], named, address, tls, _version(after), True)
        return None

    @staticmethod
    def _courier(entry: Entry) -> Optional[Login]:
        tag, found = COURIER_TAG.match(entry.tag), COURIER_LOGIN.match(entry.message)
        if tag is None or found is None:
            return None
        fields = found["fields"]
        tls: Optional[bool] = True if tag["tls"] or "tls=1" in fields else None
        return Login(entry.when, "courier", tag["service"], found["user"], found["ip"], tls, _version(fields), True)

    def _cyrus(self, entry: Entry) -> Optional[Login]:
        tag = CYRUS_TAG.match(entry.tag)
        if tag is None:
            return None
        if entry.message.startswith("starttls: "):
            if len(self._handshakes) >= MAX_PROCESSES:
                self._handshakes.clear()
            self._handshakes[entry.pid] = _version(entry.message)
            return None
        found = CYRUS_LOGIN.match(entry.message)
        if found is None:
            return None
        version = self._handshakes.pop(entry.pid, "")
        tls = bool(tag["tls"] or version or "TLS" in found["how"].upper().split("+")[1:])
        return Login(entry.when, "cyrus", tag["service"], found["user"], found["ip"], tls, version, True)
