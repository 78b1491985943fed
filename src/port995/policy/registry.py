# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check there is, and how to choose among them as with Nmap's ``--script``."""

from __future__ import annotations

import contextlib
import contextvars
import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from .check import CATEGORIES, Check
from .checks import (
    attestations,
    baseline,
    certificate,
    certificate_chain,
    certificate_key,
    certificate_lifetime,
    certificate_names,
    certificate_public,
    cleartext,
    clients,
    coverage,
    dns,
    fleet,
    groups,
    handshake,
    inside,
    inventory,
    login,
    nodes,
    pop3,
    pop3_extensions,
    port,
    register,
    revocation,
    sasl,
    server_name,
    sessions,
    signatures,
    stls,
    suites,
    tls,
    tolerance,
    versions,
    waivers,
)

MODULES = (
    coverage, register, inventory, fleet, port, tls, versions, suites, groups, signatures, handshake, tolerance,
    sessions, server_name, nodes, cleartext, stls, certificate, certificate_key, certificate_public, revocation,
    certificate_chain, certificate_names, certificate_lifetime, pop3, pop3_extensions, sasl, login, dns, inside,
    clients, waivers, baseline, attestations,
)  # fmt: skip
"""The check files, in the order of a report: a file that is not listed here does not run."""

ALWAYS = ("POP3S-FLT-001", "POP3S-COV-000")
"""Checks that no choice and no profile can leave out."""

WITH_CRLS = ("POP3S-CERT-013",)
"""Checks that a run which is given CRLs has, whatever its profile: they can say nothing without, and a CRL that nothing
is held against would be believed in by its user."""

INVENTORY_CHECKS = ("POP3S-INV-001", "POP3S-INV-002")
WITH_INPUT = {
    "attestations.yml": ("POP3S-ATT-001", "POP3S-ATT-002"),
    "baseline.json": ("POP3S-BASE-001", "POP3S-BASE-002"),
    "waivers.yml": (
        "POP3S-WVR-001", "POP3S-WVR-002", "POP3S-WVR-003", "POP3S-WVR-004", "POP3S-WVR-005", "POP3S-WVR-006",
    ),
    **{f"population.{kind}": INVENTORY_CHECKS for kind in ("csv", "xml", "gz")},
}  # fmt: skip
"""Checks that a run which is given such a file has, whatever its profile and choice: they say whether it can be
believed, and a list that nothing is held against would be."""

MAX_EXPRESSION = 2000
"""Characters of an expression."""


class SelectionError(ValueError):
    """An expression that can't be read or chooses nothing; names the word."""


_added: contextvars.ContextVar[tuple[Check, ...]] = contextvars.ContextVar("port995_added_checks", default=())


@contextlib.contextmanager
def adding(checks: Iterable[Check]) -> Iterator[None]:
    """Within it there are these checks too: a user's own, and controls that people attest. None that came from another
    user of this process: they replace what was added before."""
    token = _added.set(tuple(checks))
    try:
        yield
    finally:
        _added.reset(token)


def added_checks() -> tuple[Check, ...]:
    """Those that are not the program's."""
    return _added.get()


def all_checks() -> dict[str, Check]:
    """Every check by its id, in the order of a report; those that were added stand behind the program's.

    :raises ValueError: two checks have the same id (a fault of the program)
    """
    checks = program_checks()
    for check in _added.get():
        if check.id in checks:
            raise ValueError(f"two checks are called {check.id}")
        checks[check.id] = check
    return checks


def program_checks() -> dict[str, Check]:
    """Every check of the program by its id.

    :raises ValueError: two checks have the same id (a fault of the program)
    """
    checks: dict[str, Check] = {}
    for module in MODULES:
        for check in vars(module).values():
            if isinstance(check, Check):
                if check.id in checks and checks[check.id] is not check:
                    raise ValueError(f"two checks are called {check.id}")
                checks[check.id] = check
    return checks


def select(expression: str, among: Collection[str] | None = None) -> tuple[str, ...]:
    """Choose checks by an expression as Nmap's ``--script`` takes it.

    :param expression: ids (``POP3S-TLS-001``), globs (``POP3S-CERT-*``), categories (``safe``) and ``all``, joined by
        ``and``, ``or`` (or a comma), ``not`` and parentheses; case does not matter
    :param among: ids to choose among; ``None``: all there are
    :returns: ids of the chosen checks, in the order of a report
    :raises SelectionError: a word that matches nothing, bad grammar, or nothing chosen
    """
    checks = {id_: check for id_, check in all_checks().items() if among is None or id_ in among}
    chosen = _Expression(expression, checks).read()
    if not chosen:
        raise SelectionError(f"{expression!a} chooses no check")
    return tuple(id_ for id_ in checks if id_ in chosen)


class _Expression:
    """Recursive descent over the words of an expression; every rule returns a set of ids."""

    def __init__(self, text: str, checks: dict[str, Check]) -> None:
        if len(text) > MAX_EXPRESSION:
            raise SelectionError(f"the expression is longer than {MAX_EXPRESSION} characters")
        self._words = re.findall(r"[(),]|[^\s(),]+", text)
        self._checks = checks
        self._at = 0
        self._depth = 0

    def read(self) -> set[str]:
        if not self._words:
            raise SelectionError("the expression is empty: name checks or categories, for example `default`")
        chosen = self._either()
        if self._at < len(self._words):
            raise SelectionError(f"{self._words[self._at]!a} is not expected here: join words by and, or, not")
        return chosen

    def _next_is(self, *words: str) -> bool:
        return self._at < len(self._words) and self._words[self._at].lower() in words

    def _either(self) -> set[str]:
        chosen = self._both()
        while self._next_is("or", ","):
            self._at += 1
            chosen = chosen | self._both()
        return chosen

    def _both(self) -> set[str]:
        chosen = self._one()
        while self._next_is("and"):
            self._at += 1
            chosen = chosen & self._one()
        return chosen

    def _one(self) -> set[str]:
        if self._at >= len(self._words):
            raise SelectionError("the expression ends where a check or a category is expected")
        word = self._words[self._at]
        self._at += 1
        if word.lower() == "not":
            return self._nested(lambda: set(self._checks) - self._one())
        if word == "(":
            chosen = self._nested(self._either)
            if not self._next_is(")"):
                raise SelectionError("a closing parenthesis is missing")
            self._at += 1
            return chosen
        if word.lower() in ("and", "or", ",", ")"):
            raise SelectionError(f"{word!a} stands where a check or a category is expected")
        return self._named(word)

    def _nested(self, rule: Callable[[], set[str]]) -> set[str]:
        self._depth += 1
        if self._depth > 50:
            raise SelectionError("the expression is nested more than 50 deep")
        chosen = rule()
        self._depth -= 1
        return chosen

    def _named(self, word: str) -> set[str]:
        lowered = word.lower()
        if lowered == "all":
            return set(self._checks)
        if lowered in CATEGORIES:
            return {id_ for id_, check in self._checks.items() if lowered in check.categories}
        chosen = {id_ for id_ in self._checks if fnmatch.fnmatchcase(id_.lower(), lowered)}
        if not chosen and any(fnmatch.fnmatchcase(id_.lower(), lowered) for id_ in all_checks()):
            raise SelectionError(f"{word!a} is not in the profile: choosing it would do nothing")
        if not chosen:
            raise SelectionError(f"{word!a} is no check and no category ({', '.join(CATEGORIES)}, all)")
        return chosen
