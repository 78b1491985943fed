# SPDX-License-Identifier: GPL-3.0-or-later
"""How a scan is made: families, source addresses, deadlines, and the check that they make sense before it starts."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import socket
import typing
from typing import Optional, Tuple

from .credentials import CredentialsError, Logins
from .model import Question, Target
from .resolve import family_of
from .scope import Scope, ScopeError
from .tls.client_hello import SSL_2, numbers
from .tls.interrogation import WALKS

FAMILIES = ("auto", "4", "6", "both")
PORT, SESSION, GATE, FULL, DEEP = "port", "session", "gate", "full", "deep"
DEPTHS = (PORT, SESSION, GATE, FULL, DEEP)
ASKING = (GATE, FULL, DEEP)
"""Depths at which questions are asked."""
BUDGETS = {PORT: 1, SESSION: 1, GATE: 80, FULL: 250, DEEP: 400}
"""Hellos for one service of one endpoint at the most, where the user does not say. A server with old versions and
fifty suites in each takes many more than a good one."""
HELLO, INJECTION, RESUMPTION, RENEGOTIATION = "hello", "stls-injection", "resumption", "renegotiation"
EXTRAS = "pop3-extras"
KINDS = (HELLO, INJECTION, RESUMPTION, RENEGOTIATION, EXTRAS)
"""Kinds of questions."""

MAX_CONCURRENCY = 10000


class OptionsError(ValueError):
    """An option that can't be used; says which, and what would do."""


@dataclasses.dataclass(frozen=True)
class ScanOptions:
    """Options of one scan. Times are in seconds."""

    families: str = "auto"
    """``auto``: every address the name has; ``4``, ``6``: of that family only; ``both``: a name must have both."""

    source_addresses: Tuple[str, ...] = ()
    """Local addresses to probe from, each endpoint from each of its family; none: the kernel's choice."""

    resolve_timeout: float = 5.0
    connect_timeout: float = 5.0
    tls_timeout: float = 10.0
    pop3_timeout: float = 10.0
    endpoint_timeout: float = 60.0
    """For all phases of one service of one endpoint together, the waiting for a turn not counted."""

    deadline: Optional[float] = None
    """For the whole run, from its start; what is left then is ``not_tested``."""

    concurrency: int = 200
    """Endpoints in flight at one time."""

    depth: str = SESSION
    """``port``: the state of the port only; ``session``: one TLS and POP3 session; ``gate``: `questions`, then it;
    ``full``, ``deep``: the same, with the questions of those depths."""

    questions: Tuple[Question, ...] = ()
    """What is asked by ClientHellos of each endpoint, from the depth ``gate`` on."""

    canary_host: Optional[Target] = None
    """A server known to speak TLS 1.1 or below, behind the same path: asked first, to see whether the network lets old
    hellos pass."""

    hello_budget: Optional[int] = None
    """Hellos for one service of one endpoint at the most; ``None``: that of the depth, in `BUDGETS`."""

    per_address: int = 2
    """Connections to one IP address at one time."""

    address_connections: Optional[int] = None
    """Connections to one IP address within `address_seconds`; ``None``: no limit. Three in 600 s is what fail2ban's
    aggressive Dovecot filter lets pass as Debian sets it."""

    address_seconds: float = 600.0

    rate: Optional[float] = None
    """Connections per second of the whole run; ``None``: no limit."""

    pop3_full: bool = False
    """Ask more inside TLS before login (`port995.probe.pop3_extras`); so do the depths ``full`` and ``deep``, and a
    question of that kind."""

    @property
    def budget(self) -> int:
        """Hellos for one service of one endpoint at the most."""
        return BUDGETS[self.depth] if self.hello_budget is None else self.hello_budget

    logins: Optional[Logins] = dataclasses.field(default=None, repr=False)
    """Credentials for the targets that a login is owed for; ``None``: no login."""

    scope: Optional[Scope] = None
    """What may be touched, and when; ``None``: all, at any time."""

    @property
    def asks_extras(self) -> bool:
        """Whether more is asked inside TLS before login."""
        deep = self.depth in (FULL, DEEP)
        return self.pop3_full or deep or any(question.kind == EXTRAS for question in self.questions)

    def check(self) -> None:
        """See that every option makes sense here.

        :raises OptionsError: one does not
        """
        if self.families not in FAMILIES:
            raise OptionsError("families is one of %s, not %r" % (", ".join(FAMILIES), self.families))
        if self.depth not in DEPTHS:
            raise OptionsError("depth is one of %s, not %r" % (", ".join(DEPTHS), self.depth))
        for name in ("resolve_timeout", "connect_timeout", "tls_timeout", "pop3_timeout", "endpoint_timeout"):
            _positive(name, getattr(self, name))
        if self.deadline is not None:
            _positive("deadline", self.deadline)
        whole = isinstance(self.concurrency, int) and not isinstance(self.concurrency, bool)
        if not whole or not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise OptionsError("concurrency is from 1 to %d, not %r" % (MAX_CONCURRENCY, self.concurrency))
        for name, least, most in (("hello_budget", 1, 1000), ("per_address", 1, 64)):
            if name == "hello_budget" and self.hello_budget is None:
                continue
            if isinstance(getattr(self, name), bool) or not least <= getattr(self, name) <= most:
                raise OptionsError("%s is from %d to %d, not %r" % (name, least, most, getattr(self, name)))
        if self.address_connections is not None and not 1 <= self.address_connections <= 1000:
            raise OptionsError("address_connections is from 1 to 1000, not %r" % (self.address_connections,))
        _positive("address_seconds", self.address_seconds)
        if self.rate is not None:
            _positive("rate", self.rate)
        self._check_questions()
        self._check_logins()
        self._check_scope()
        for address in self.source_addresses:
            _own(address)
        if len({ipaddress.ip_address(address) for address in self.source_addresses}) != len(self.source_addresses):
            raise OptionsError("a source address is given twice: %s" % ", ".join(self.source_addresses))

    def _check_scope(self) -> None:
        if self.scope is None:
            return
        try:
            self.scope.check()
        except ScopeError as error:
            raise OptionsError("the scope can't be used: %s" % error) from error
        for address in self.source_addresses:
            why = self.scope.outside_source(address)
            if why:
                raise OptionsError("%s: probe from another, or correct the scope" % why)

    def _check_logins(self) -> None:
        if self.logins is None:
            return
        if self.depth == PORT:
            raise OptionsError("a login needs a session: take the depth %s or deeper, or no credentials" % SESSION)
        try:
            self.logins.context()
        except CredentialsError as error:
            raise OptionsError(str(error)) from error

    def _check_questions(self) -> None:
        if self.depth in ASKING and not any(question.control for question in self.questions):
            raise OptionsError(
                "the depth %s needs questions, one of them a control: compile them from a profile" % self.depth
            )
        if len({question.id for question in self.questions}) != len(self.questions):
            raise OptionsError("a question's id stands twice")
        for question in self.questions:
            try:
                _check_question(question)
            except ValueError as error:
                raise OptionsError("question %.60r can't be asked: %s" % (question.id, error)) from error


def _check_question(question: Question) -> None:
    """See that its numbers can be read and offered.

    :raises ValueError: they can't
    """
    if question.kind not in KINDS:
        raise ValueError("its kind is %.40r, none of %s" % (question.kind, ", ".join(KINDS)))
    if question.kind != HELLO:
        return
    size = 6 if question.version == SSL_2 else 4
    if question.version != SSL_2 and not 0x0300 <= question.version <= 0x0304:
        raise ValueError("version 0x%04x is none of SSLv2 to TLS 1.3" % question.version)
    if not numbers(question.suites, size):
        raise ValueError("no suites")
    for text in (question.groups, question.signatures, *(mark.suites for mark in question.marks)):
        numbers(text)
    if question.walk not in WALKS:
        raise ValueError("walk is %.40r, none of %s" % (question.walk, ", ".join(filter(None, WALKS))))
    if any(not 1 <= len(name) <= 255 or not name.isascii() for name in question.alpn.split(",") if question.alpn):
        raise ValueError("a protocol of alpn is empty, too long or not ASCII")
    if question.key_share not in ("none", "empty", "x25519") or not 0 <= question.pad_to <= 4096:
        raise ValueError("key_share or pad_to is out of range")


def _positive(name: str, seconds: object) -> None:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 < typing.cast(float, seconds) < math.inf:
        raise OptionsError("%s is a number of seconds above 0, not %r" % (name, seconds))


def _own(address: str) -> None:
    """See that an address is one of this machine's, by binding to it."""
    family = family_of(address)
    if family is None:
        raise OptionsError("source address %r is no IP address" % address)
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    try:
        where = socket.getaddrinfo(address, 0, kind, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]
        with socket.socket(kind, socket.SOCK_DGRAM) as trial:
            trial.bind(where)
    except OSError as error:
        raise OptionsError(
            "source address %s can't be used on this machine (%s): give one of its own" % (address, error.strerror)
        ) from error
