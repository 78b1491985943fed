# SPDX-License-Identifier: GPL-3.0-or-later
"""Who used POP3 in the last days, from the login records of this host. Who can't be seen is not "nobody".

That nobody used it is said only where records of each mail daemon here can be read, and reach back all these days. A
file is believed of a daemon when it holds a line of it. Python 3.9, standard library only: runs on managed hosts.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import time
from typing import Any, Dict, List, Optional, Set, Tuple

from .log_sources import SourceError, Sources, destinations, installed
from .login_lines import Entry, Login, Reader, daemon_of

MAX_LOGINS = 500_000
"""Different logins that are counted; beyond it the count says "at least"."""
MAX_NETWORKS = 50
"""Networks that are listed, those with most logins first."""


@dataclasses.dataclass(frozen=True)
class Records:
    """What the records say. Make one with `read`."""

    days: int
    state: str
    """``used``, ``unused``, or ``unknown``: nothing was seen, and that proves nothing; `reasons` say why."""
    reasons: Tuple[str, ...]
    """What could not be read, or does not reach back far enough."""
    daemons: Tuple[str, ...]
    """Mail daemons that are installed here and whose records are known."""
    sources: Tuple[str, ...]
    """What was read, with the day that it reaches back to."""
    users: Tuple[str, ...]
    """Who used POP3."""
    logins: int
    networks: Dict[str, int]
    """Logins by /24 and /64."""
    tls_versions: Dict[str, int]
    """Logins by TLS version, ``TLS, version not logged``, ``no TLS`` and ``not logged``."""
    last: Optional[float]
    """The latest, seconds since the epoch."""
    imap_users: int
    imap_logins: int


def network_of(address: str) -> str:
    """The /24 or /64 of an address; ``unknown`` where there is none."""
    try:
        own = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(own, ipaddress.IPv6Address) and own.ipv4_mapped is not None:
        own = own.ipv4_mapped
    return str(ipaddress.ip_network("%s/%d" % (own, 24 if own.version == 4 else 64), strict=False))


def _tls(login: Login) -> str:
    if login.tls_version:
        return login.tls_version
    return {True: "TLS, version not logged", False: "no TLS", None: "not logged"}[login.tls]


class Tally:
    """Counts logins; the same login in two sources counts once."""

    def __init__(self, since: float) -> None:
        self._since, self._reader = since, Reader()
        self._seen: Set[int] = set()
        self.users: Dict[str, Set[str]] = {"pop3": set(), "imap": set()}
        self.logins = {"pop3": 0, "imap": 0}
        self.networks: Dict[str, int] = {}
        self.tls_versions: Dict[str, int] = {}
        self.last: Optional[float] = None
        self.more = False
        self.daemons: Set[str] = set()
        """Daemons that wrote a line in the source that is read."""

    def take(self, entry: Entry) -> None:
        """Count what an entry says."""
        daemon = daemon_of(entry)
        if not daemon:
            return
        self.daemons.add(daemon)
        login = self._reader.login(entry)
        if login is None or login.when < self._since:
            return
        users = self.users[login.service]
        if not login.begun and login.user in users:
            return
        # The line too: one user may log in twice within a second, by different versions. A file of Dovecot's own has
        # a word more in it than the journal.
        line = entry.message.replace("Info: ", "", 1)
        key = hash((int(login.when), login.service, login.user, login.address, entry.pid, login.begun, line))
        if key in self._seen:
            return
        if len(self._seen) >= MAX_LOGINS:
            self.more = True
        else:
            self._seen.add(key)
        users.add(login.user)
        self.logins[login.service] += 1
        if login.service != "pop3":
            return
        self.last = max(login.when, self.last or 0.0)
        network, version = network_of(login.address), _tls(login)
        self.networks[network] = self.networks.get(network, 0) + 1
        self.tls_versions[version] = self.tls_versions.get(version, 0) + 1


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


def read(days: int, now: Optional[float] = None, sources: Optional[Sources] = None) -> Records:
    """Read the records of the last days.

    :param days: more than 0
    :param now: seconds since the epoch; the present when absent
    :param sources: where to read; this host's own when absent
    """
    now = time.time() if now is None else now
    since, sources = now - days * 86400.0, sources or Sources()
    tally = Tally(since)
    daemons = installed()
    wanted = destinations(daemons)
    reasons = list(wanted.problems)
    told: List[str] = []
    # Of each daemon: the sources that prove what it did not write.
    proven: Set[str] = set()
    for source in sources.all(wanted, since):
        tally.daemons = set()
        try:
            earliest = source.feed(since, now, tally.take)
        except SourceError as error:
            reasons.append(str(error))
            continue
        if earliest is None:
            told.append("%s is empty" % source.name)
            continue
        told.append("%s, from %s" % (source.name, _day(earliest)))
        if earliest > since:
            reasons.append("%s reaches back to %s only, not %d days" % (source.name, _day(earliest), days))
            continue
        proven |= set(wanted.proves(source.name)) if source.whole else tally.daemons
    if not daemons:
        reasons.append("no mail daemon is installed whose login records this can read (Dovecot, Courier, Cyrus)")
    missing = [daemon for daemon in daemons if daemon not in proven]
    reasons += ["no records of %s were found that reach back %d days" % (daemon, days) for daemon in missing]
    used = tally.logins["pop3"] > 0
    known = bool(daemons) and not missing and not wanted.problems
    return Records(
        days=days,
        state="used" if used else "unused" if known else "unknown",
        # Where one source proves it, another one that does not reach back is no gap.
        reasons=tuple(dict.fromkeys(reasons)) if not known else (),
        daemons=tuple(daemons),
        sources=tuple(told),
        users=tuple(sorted(tally.users["pop3"])),
        logins=tally.logins["pop3"],
        networks=dict(sorted(tally.networks.items(), key=lambda item: (-item[1], item[0]))[:MAX_NETWORKS]),
        tls_versions=dict(sorted(tally.tls_versions.items())),
        last=tally.last,
        imap_users=len(tally.users["imap"]),
        imap_logins=tally.logins["imap"],
    )


def summary(records: Records, named: bool = False) -> Dict[str, Any]:
    """The records as plain data: users are counted, and named only when asked for.

    :param named: name the users
    """
    told: Dict[str, Any] = {
        "days": records.days, "state": records.state, "reasons": list(records.reasons),
        "daemons": list(records.daemons), "sources": list(records.sources), "users": len(records.users),
        "logins": records.logins, "networks": dict(records.networks), "tls_versions": dict(records.tls_versions),
        "last": None if records.last is None else _day(records.last),
        "imap": {"users": records.imap_users, "logins": records.imap_logins},
    }  # fmt: skip
    if named:
        told["names"] = list(records.users)
    return told


def words(records: Records) -> str:
    """The records in one line, with no user's name."""
    if records.state == "used":
        networks = ", ".join("%s: %d" % item for item in list(records.networks.items())[:5])
        versions = ", ".join("%s: %d" % item for item in records.tls_versions.items())
        return "%d user(s) logged in by POP3 in the last %d days, %d time(s), last %s (from %s; %s)" % (
            len(records.users), records.days, records.logins, _day(records.last or 0.0), networks, versions,
        )  # fmt: skip
    if records.state == "unused":
        return "nobody logged in by POP3 in the last %d days" % records.days
    return "who logged in by POP3 in the last %d days is not known: %s" % (records.days, "; ".join(records.reasons))
