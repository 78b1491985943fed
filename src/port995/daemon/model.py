# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a mail daemon, and what was found of it. Python 3.9, standard library only."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Mapping, Optional, Sequence, Tuple

from ..change.asked import WantedError

DOVECOT, COURIER, CYRUS = "dovecot", "courier", "cyrus"
KNOWN = (DOVECOT, COURIER, CYRUS)
"""Daemons whose settings can be read and set. Of all others only name and process are told."""

STATES = ("present", "absent")
LISTENERS = ("present", "absent")
CLEARTEXT = ("off", "stls", "keep")
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""From old to new."""
PREFERENCES = ("server", "client")

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
"""A suite or a group, as IANA's registries write them."""


class DaemonError(Exception):
    """What is wanted can't be done with this daemon; the text says why, where, and what can be done."""


@dataclasses.dataclass(frozen=True)
class TlsWanted:
    """What may be negotiated. No order of strength is in it but the order of the tuples."""

    minimum: str
    """One of `VERSIONS`: the oldest that is spoken."""
    suites: Tuple[str, ...]
    """All that are allowed, by IANA's names, the best first. What the daemon's library does not have is left out."""
    groups: Tuple[str, ...]
    """All that are allowed, by IANA's names, the best first."""
    preference: str
    """Whose order decides: one of `PREFERENCES`."""
    weak_signatures: bool
    """Whether signatures with SHA-1 and older may be made."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How POP3S is to be served. Make one with `wanted`."""

    state: str
    """``present``: as said here; ``absent``: as it would be without this program."""
    listener: str
    """Whether the daemon listens for POP3S: ``absent`` for a host that is to be closed."""
    cleartext: str
    """The port for clear text: ``off``, ``stls`` (no password before TLS) or ``keep``."""
    tls: Optional[TlsWanted]
    """``None``: left as it is."""
    certificate: Optional[str]
    """Path of a PEM file, leaf first, then intermediates; ``None``: the one that is set."""
    key: Optional[str]
    """Path of its key."""
    names: Tuple[str, ...]
    """Names that the certificate has to be for."""


@dataclasses.dataclass(frozen=True)
class Found:
    """A mail daemon's settings for POP3, as they are in effect by its configuration. Nothing was changed to find it.

    ``None`` stands for: could not be found out. It is never a reason to think that something is fine.
    """

    daemon: str
    """One of `KNOWN`, or the name of an unknown one's process."""
    version: Optional[str]
    configuration: str
    """The main file; empty for an unknown daemon."""
    units: Tuple[str, ...] = ()
    """Units of systemd that run it: that of POP3S first."""
    pop3s_ports: Optional[Tuple[int, ...]] = None
    """Ports on which it is to speak TLS at once; empty: none."""
    pop3_ports: Optional[Tuple[int, ...]] = None
    """Ports on which it is to begin in clear text."""
    minimum: Optional[str] = None
    """The oldest version of TLS, one of `VERSIONS`, where its settings say so."""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What TLS and logins depend on, in the daemon's own words. Never a key or a password."""
    certificate: Optional[str] = None
    """Path of the certificate that is to be served."""
    key: Optional[str] = None
    """Path of its key."""
    cleartext_login: Optional[bool] = None
    """Whether a password is taken without TLS from other hosts."""
    problem: str = ""
    """Why it could not be read, with file and line where the daemon names them; empty: it could."""
    process: Optional[int] = None
    """Number of an unknown daemon's process."""

    @property
    def known(self) -> bool:
        """Whether its settings can be set; else only a firewall helps."""
        return self.daemon in KNOWN


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise WantedError("%s is %s: it is one of %s" % (name, ascii(value)[:80], ", ".join(known)))
    return value


def _names(name: str, values: Sequence[str]) -> Tuple[str, ...]:
    if not values:
        raise WantedError("tls: %s is empty: it lists what is allowed, by IANA's names" % name)
    for value in values:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise WantedError("tls: %s holds %s, which is no name of IANA's registry" % (name, ascii(value)[:80]))
    return tuple(dict.fromkeys(values))


def tls_wanted(given: Mapping[str, object]) -> TlsWanted:
    """Check what may be negotiated, as a door gives it.

    :param given: ``minimum``, ``suites``, ``groups``, ``preference``, ``weak_signatures``
    :raises WantedError: it can't be read
    """
    known = ("minimum", "suites", "groups", "preference", "weak_signatures")
    unknown = sorted(set(given) - set(known))
    missing = [key for key in known[:3] if key not in given]
    if unknown or missing:
        raise WantedError("tls has %s: it has %s" % (", ".join(map(str, given)) or "nothing", ", ".join(known)))
    suites, groups = given["suites"], given["groups"]
    if not isinstance(suites, (list, tuple)) or not isinstance(groups, (list, tuple)):
        raise WantedError("tls: suites and groups are lists of IANA's names")
    return TlsWanted(
        _one_of("tls: minimum", str(given["minimum"]), VERSIONS),
        _names("suites", suites),
        _names("groups", groups),
        _one_of("tls: preference", str(given.get("preference", "server")), PREFERENCES),
        given.get("weak_signatures", False) is True,
    )


def _path(name: str, value: Optional[str]) -> Optional[str]:
    if value is None:
        return None
    if not os.path.isabs(value) or re.search(r"[^ -~]|[\s\"'`$\\#<>]", value):
        raise WantedError(
            "%s is %s: write an absolute path without spaces, quotes, $, #, < and >, which no daemon's configuration"
            " would take as it stands" % (name, ascii(value)[:200])
        )
    return os.path.normpath(value)


def wanted(
    state: str = "present",
    listener: str = "present",
    cleartext: str = "stls",
    tls: Optional[Mapping[str, object]] = None,
    certificate: Optional[str] = None,
    key: Optional[str] = None,
    names: Sequence[str] = (),
) -> Wanted:
    """Check what is wanted, and put it into one form.

    :raises WantedError: it contradicts itself or can't be read
    """
    _one_of("state", state, STATES)
    _one_of("listener", listener, LISTENERS)
    _one_of("cleartext", cleartext, CLEARTEXT)
    if (certificate is None) != (key is None):
        raise WantedError(
            "certificate and key go together: %s is not given" % ("key" if key is None else "certificate")
        )
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9*]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?", name):
            raise WantedError("names: %s is no host name" % ascii(name)[:80])
    return Wanted(
        state, listener, cleartext, tls_wanted(tls) if tls else None,
        _path("certificate", certificate), _path("key", key), tuple(names),
    )  # fmt: skip


def is_at_least(version: str, minimum: str) -> bool:
    """Whether a version of TLS is the minimum or newer."""
    return VERSIONS.index(version) >= VERSIONS.index(minimum)
