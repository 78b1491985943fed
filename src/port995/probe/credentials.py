# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and passwords that a user gave for logins: who may log in where. Nothing of them is ever part of a fact, of a
message or of a representation. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ssl
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from .model import Target
from .tls_session import WatchedObject

READ, DELE = "read", "dele"
"""Words of `Target.login`."""
MAX_LENGTH = 1024
"""Characters of a name or a password."""


class CredentialsError(ValueError):
    """Credentials that can't be used; says what is wrong, and never what was given."""


@dataclasses.dataclass(frozen=True)
class Credential:
    """A name and a password."""

    user: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Logins:
    """Who may log in where, and how carefully."""

    everywhere: Optional[Credential] = dataclasses.field(default=None, repr=False)
    """For targets that have none of their own."""

    by_name: Mapping[str, Credential] = dataclasses.field(default_factory=dict, repr=False)
    """By the name of a host of the population, a server name or an address, in lower case."""

    anchors: Optional[str] = dataclasses.field(default=None, repr=False)
    """PEM of the certificates that a server's path must end at; ``None``: the machine's own."""

    unverified: bool = False
    """Send the password to a server whose certificate was not verified."""

    allow_dele: bool = False
    """Mark a message as deleted, and take it back by RSET."""

    def of(self, target: Target) -> Optional[Credential]:
        """The credential for a target; ``None``: no login there."""
        for name in names_of(target):
            if name in self.by_name:
                return self.by_name[name]
        return self.everywhere

    def owed(self, targets: Iterable[Target]) -> Tuple[Tuple[Target, ...], Tuple[str, ...]]:
        """The targets, those marked that a login is owed for, and the names in the credentials that are no target's.

        :raises CredentialsError: no target is named: the user would believe in logins that were never made
        """
        word = DELE if self.allow_dele else READ
        marked: List[Target] = []
        named: Set[str] = set()
        for target in targets:
            named.update(names_of(target))
            marked.append(target if self.of(target) is None else dataclasses.replace(target, login=word))
        if not any(target.login for target in marked):
            raise CredentialsError("the credentials name none of the targets: name a host, its address or server name")
        return tuple(marked), tuple(sorted(set(self.by_name) - named))

    def context(self) -> ssl.SSLContext:
        """A context that verifies path and name, unless `unverified`.

        :raises CredentialsError: the anchors can't be read
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslobject_class = WatchedObject
        if self.unverified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        if hasattr(context, "hostname_checks_common_name"):
            context.hostname_checks_common_name = False
        if self.anchors is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            return context
        try:
            context.load_verify_locations(cadata=self.anchors)
        except (ssl.SSLError, ValueError) as error:
            raise CredentialsError("the CA certificates that a login needs can't be read: %s" % error) from error
        return context


def names_of(target: Target) -> Tuple[str, ...]:
    """What a target may be called in the credentials, most particular first."""
    names = (*target.hosts, target.server_name or "", target.address)
    return tuple(dict.fromkeys(_folded(name) for name in names if name))


def logins_of(
    given: Mapping[str, Any], anchors: Optional[str] = None, unverified: bool = False, allow_dele: bool = False
) -> Logins:
    """Read credentials as a user writes them.

    :param given: ``user`` and ``password`` for all targets, ``hosts``: name -> both of these; either or both
    :raises CredentialsError: something is missing, unknown or not a text that a login can carry
    """
    known = {"user", "password", "hosts"}
    if not isinstance(given, Mapping) or any(key not in known for key in given):
        raise CredentialsError("credentials hold user, password and hosts, and nothing else")
    hosts = given.get("hosts")
    if hosts is not None and not isinstance(hosts, Mapping):
        raise CredentialsError("credentials: hosts is no mapping of names to user and password")
    everywhere = None
    if given.get("user") is not None or given.get("password") is not None:
        everywhere = _credential(given, "credentials")
    by_name: Dict[str, Credential] = {}
    for number, (name, entry) in enumerate((hosts or {}).items(), 1):
        where = "credentials: entry %d of hosts" % number
        if not isinstance(name, str) or not name.strip():
            raise CredentialsError("%s has no name" % where)
        if not isinstance(entry, Mapping) or any(key not in ("user", "password") for key in entry):
            raise CredentialsError("%s holds user and password, and nothing else" % where)
        if _folded(name) in by_name:
            raise CredentialsError("%s names a host for the second time" % where)
        by_name[_folded(name)] = _credential(entry, where)
    if everywhere is None and not by_name:
        raise CredentialsError("credentials are empty: give user and password, or hosts with theirs")
    return Logins(everywhere, by_name, anchors, unverified, allow_dele)


def _credential(entry: Mapping[str, Any], where: str) -> Credential:
    texts = []
    for key in ("user", "password"):
        text = entry.get(key)
        if not isinstance(text, str) or not text:
            raise CredentialsError("%s: %s is missing, or no text (quote it)" % (where, key))
        if len(text) > MAX_LENGTH or any(character in text for character in "\r\n\0"):
            raise CredentialsError("%s: %s is too long, or holds a line break or NUL" % (where, key))
        texts.append(text)
    return Credential(texts[0], texts[1])


def _folded(name: str) -> str:
    name = name.strip().lower()
    return name[:-1] if name.endswith(".") else name
