# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that users bring: Python files that import ``port995_checks``, whatever this package itself is called (it has
one name in the wheel and another in an Ansible collection).

A file that can't be read as checks is a problem of the run, never a check less: who wrote it believes that it looks. A
check of such a file that raises, or answers with anything but findings, is an error of that result.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from .check import CATEGORIES, NEEDS_DELE, NEEDS_LOGIN, Check, Parameter, endpoint_check, fleet_check, host_check
from .model import HostPlan, Intent, Severity, Status
from .reach import port_seen
from .registry import program_checks
from .subject import Endpoint, EndpointSubject, Finding, FleetSubject, HostSubject, seen_from

S = TypeVar("S")

MODULE = "port995_checks"
"""What users import from."""

OFFERED: dict[str, Any] = {
    "CATEGORIES": CATEGORIES, "Check": Check, "Endpoint": Endpoint, "EndpointSubject": EndpointSubject,
    "Finding": Finding, "FleetSubject": FleetSubject, "HostPlan": HostPlan, "HostSubject": HostSubject,
    "Intent": Intent, "Parameter": Parameter, "Severity": Severity, "Status": Status,
    "endpoint_check": endpoint_check, "fleet_check": fleet_check, "host_check": host_check,
    "port_seen": port_seen, "seen_from": seen_from,
}  # fmt: skip
"""What they find there; what is here stays."""

OWN_ID = re.compile(r"[A-Z][A-Z0-9]{0,15}(-[A-Z0-9]{1,24}){1,4}")
RESERVED = "POP3S-"
MAX_FILE = 256 * 1024
"""Octets of a file of checks."""

NEVER_ANSWERED = (Status.WAIVED,)
"""Statuses that no check may answer: they come of a file that other people approved."""


@dataclasses.dataclass(frozen=True)
class OwnFile:
    """A file of checks."""

    source: str
    """As the user named it, or its name in a run folder."""

    data: bytes = dataclasses.field(repr=False)

    @property
    def sha256(self) -> str:
        """Of its bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclasses.dataclass(frozen=True)
class OwnChecks:
    """What the files hold."""

    checks: tuple[Check, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be loaded, each with its file: a run with one is not complete."""


def load_own(files: Sequence[OwnFile]) -> OwnChecks:
    """Run files of checks and take what they define. This runs their code: only files that the user named.

    :returns: the checks, each guarded, and what is wrong with the files
    """
    _offer()
    checks: dict[str, Check] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    for one in files:
        try:
            found = list(_defined(one))
        except Exception as error:  # noqa: BLE001 - a user's file may raise anything, and the run must say so
            problems.append(f"checks of {one.source} can't be loaded: {_words(error, one.source)}")
            continue
        except SystemExit:
            problems.append(f"checks of {one.source} can't be loaded: the file ends the program (SystemExit)")
            continue
        if not found:
            problems.append(f"{one.source} defines no check: decorate a function with endpoint_check of {MODULE}")
        for check in found:
            fault = _fault(check)
            if not fault and check.id in checks:
                fault = f"the id stands in {places[check.id]} too"
            if fault:
                problems.append(f"check {str(check.id)!a:.60} of {one.source} can't be used: {fault}")
                continue
            checks[check.id] = _guarded(check, one.source)
            places[check.id] = one.source
    return OwnChecks(tuple(checks.values()), tuple(problems))


def _offer() -> None:
    """Let ``import port995_checks`` find what is offered, in files and in what they import."""
    module = types.ModuleType(MODULE, "What checks of users are made of; see the README of port995.")
    vars(module).update(OFFERED)
    vars(module)["__all__"] = list(OFFERED)
    sys.modules[MODULE] = module


def _defined(file: OwnFile) -> Iterator[Check]:
    if len(file.data) > MAX_FILE:
        raise ValueError(f"it is larger than {MAX_FILE} octets")
    module = types.ModuleType(f"port995_own_{file.sha256[:16]}")
    module.__file__ = file.source
    code = compile(file.data, file.source, "exec", dont_inherit=True)
    # Dataclasses and pickles of the file look for its module by name.
    sys.modules[module.__name__] = module
    exec(code, vars(module))  # noqa: S102 - the purpose: a file that the user named
    seen: set[int] = set()
    for value in list(vars(module).values()):
        if isinstance(value, Check) and id(value) not in seen:
            seen.add(id(value))
            yield value


def _fault(check: Check) -> str:
    """What is wrong with a check's data; empty: nothing."""
    if not isinstance(check.id, str) or not OWN_ID.fullmatch(check.id):
        return "its id is not like X-NAME-001: capitals, digits and dashes"
    if check.id.startswith(RESERVED) or check.id in program_checks():
        return f"ids that begin with {RESERVED} are the program's: call it X-..."
    if not isinstance(check.severity, Severity):
        return f"its severity is {check.severity!a:.40}, one of Severity.CRITICAL, HIGH, MEDIUM, LOW, INFO is expected"
    for name in ("title", "rationale", "remediation", "applies"):
        text = getattr(check, name)
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            return f"its {name} is no text of one line"
    for name in ("categories", "references", "asks", "forbids"):
        words = getattr(check, name)
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            return f"its {name} are no tuple of texts (a comma behind a single one: (\"safe\",))"
    unknown = [word for word in check.categories if word not in CATEGORIES]
    if unknown or not check.categories:
        return f"its categories are {', '.join(check.categories) or 'none'}: choose among {', '.join(CATEGORIES)}"
    if check.asks or check.forbids:
        # What is asked of servers is the program's own matter: it has rates, budgets and proofs to keep.
        return "it asks of servers more than the program does: checks of users look at what was seen"
    if check.needs not in ("", NEEDS_LOGIN, NEEDS_DELE):
        return f"it needs {check.needs!a:.40}, expected {NEEDS_LOGIN} or {NEEDS_DELE}"
    if not all(isinstance(one, Parameter) for one in check.parameters.values()):
        return "its parameters are no mapping of names to Parameter"
    return ""


def _guarded(check: Check, source: str) -> Check:
    """The same check, of which every answer is held against what an answer may be."""
    changes: dict[str, Any] = {
        name: _guard(action, check.id, source)
        for name in ("on_endpoint", "on_host", "on_fleet")
        if (action := getattr(check, name)) is not None
    }
    return dataclasses.replace(check, **changes)


def _guard(action: Callable[[S], object], id_: str, source: str) -> Callable[[S], Sequence[Finding]]:
    @functools.wraps(action)
    def ask(subject: S) -> Sequence[Finding]:
        try:
            # A generator does its work, and raises, only here.
            found = action(subject)
            answer = list(found) if isinstance(found, (list, tuple, types.GeneratorType)) else found
        except Exception as error:  # noqa: BLE001 - whatever it raises, it is no answer
            return [_broke(id_, source, f"it raised {_words(error, source)}")]
        except SystemExit:
            return [_broke(id_, source, "it ends the program (SystemExit)")]
        wrong = _no_answer(answer)
        return [_broke(id_, source, wrong)] if wrong else answer  # type: ignore[return-value]

    return ask


def _no_answer(answer: object) -> str:
    """Why something is no answer of a check; empty: it is one."""
    if not isinstance(answer, list):
        return f"it returned {type(answer).__name__}, a list of Finding is expected"
    if not answer:
        return "it returned no finding: what it could not tell is Finding(Status.NOT_TESTED, why)"
    for one in answer:
        if not isinstance(one, Finding):
            return f"it returned a list with {type(one).__name__} in it, each has to be a Finding"
        if not isinstance(one.status, Status):
            return f"a Finding has the status {one.status!a:.40}, one of Status is expected"
        if one.status in NEVER_ANSWERED:
            return f"a Finding has the status {one.status.value}: only a waiver does that"
        if not all(isinstance(text, str) for text in (one.message, one.expected, one.observed, one.reason)):
            return "message, expected, observed and reason of a Finding are texts"
        if not one.message.strip():
            return "a Finding has no message"
        if not isinstance(one.evidence, tuple) or not all(isinstance(line, str) for line in one.evidence):
            return "evidence of a Finding is a tuple of texts"
    return ""


def _broke(id_: str, source: str, why: str) -> Finding:
    return Finding(Status.ERROR, f"the check {id_} of {source} broke: {why}: correct it", reason="own-check")


def _words(error: Exception, source: str) -> str:
    """An exception on one line, with the line of the file it came from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(f"{type(error).__name__}: {told}".split())[:300]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return f"{shown} (line {line})" if line else shown
