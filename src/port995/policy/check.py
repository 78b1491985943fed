# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is: its metadata, and the function that looks. Written as with Nmap's scripts: read it top to bottom."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence

from ..probe.credentials import DELE
from ..probe.model import Target
from .model import Severity
from .subject import EndpointSubject, Finding, FleetSubject, HostSubject

CATEGORIES = ("default", "safe", "auth", "vuln", "intrusive", "discovery")
"""Nmap's category words that are used here."""


VERSIONS, SUITES_ASKED, GROUPS_ASKED, SIGNATURES, POST_QUANTUM, KEYS, INJECTION, NO_NAME, MORE_COMMANDS = (
    "versions", "suites", "groups", "signatures", "post-quantum", "keys", "stls-injection", "no-name", "pop3-extras",
)  # fmt: skip
EXTRAS, FALLBACK, ALPN, TOLERANCE, RESUMED, RENEGOTIATED = (
    "extras", "fallback", "alpn", "tolerance", "resumption", "renegotiation",
)  # fmt: skip
"""What a check may ask a server by ClientHellos, in `Check.asks`; `policy.offers` makes questions of it."""

NEEDS_LOGIN, NEEDS_DELE = "login", "dele"
"""What the plan has to owe for a check to be made at all, in `Check.needs`."""


class Scope(str, enum.Enum):
    """What a check is asked about."""

    ENDPOINT = "endpoint"
    HOST = "host"
    FLEET = "fleet"


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A value of a check that a profile may set."""

    default: object
    """A number or a tuple of words."""

    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    """Words that may stand in it; none: any."""

    may_be_empty: bool = False
    """Whether a list without words means something: that none is allowed."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One check. Ids are never used again for another thing; titles hold no values."""

    id: str
    title: str
    scope: Scope
    severity: Severity
    categories: tuple[str, ...]
    rationale: str
    remediation: str
    references: tuple[str, ...]
    applies: str
    """The applicability rule in words: when there is an object to look at."""

    on_endpoint: Callable[[EndpointSubject], Sequence[Finding]] | None = None
    on_host: Callable[[HostSubject], Sequence[Finding]] | None = None
    on_fleet: Callable[[FleetSubject], Sequence[Finding]] | None = None
    parameters: dict[str, Parameter] = dataclasses.field(default_factory=dict)
    asks: tuple[str, ...] = ()
    """What has to be asked by ClientHellos for it; words from above."""

    forbids: tuple[str, ...] = ()
    """Classes of cipher suites that must be refused; words of `probe.tls.cipher_suites.WEAKNESSES`."""

    needs: str = ""
    """What the plan has to owe of an endpoint (words from above), else there is no result; empty: nothing."""

    def owed_by(self, targets: Iterable[Target]) -> bool:
        """Whether the plan wants it of these targets. It is the plan that says so and no observation: what is lost can
        take no check away."""
        logins = {target.login for target in targets} - {None}
        return bool({"": True, NEEDS_LOGIN: logins, NEEDS_DELE: DELE in logins}[self.needs])

    def explain(self) -> str:
        """The check on a few lines, for ``port995 checks``."""
        lines = [
            f"{self.id}  {self.title}",
            f"  severity {self.severity.value}, per {self.scope.value}, categories {' '.join(self.categories)}",
            f"  why: {self.rationale}",
            f"  applies: {self.applies}",
            f"  if it fails: {self.remediation}",
            f"  references: {'; '.join(self.references)}",
        ]
        for name, parameter in self.parameters.items():
            value = parameter.default
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            lines.append(f"  parameter {name} = {shown}: {parameter.meaning}")
        return "\n".join(lines)


def endpoint_check(
    *,
    id: str,  # noqa: A002 - the field's own word
    title: str,
    severity: Severity,
    categories: tuple[str, ...],
    rationale: str,
    remediation: str,
    references: tuple[str, ...],
    applies: str,
    parameters: dict[str, Parameter] | None = None,
    asks: tuple[str, ...] = (),
    forbids: tuple[str, ...] = (),
    needs: str = "",
) -> Callable[[Callable[[EndpointSubject], Sequence[Finding]]], Check]:
    """Make a `Check` of a function that looks at one endpoint."""

    def make(action: Callable[[EndpointSubject], Sequence[Finding]]) -> Check:
        return Check(
            id, title, Scope.ENDPOINT, severity, categories, rationale, remediation, references, applies,
            on_endpoint=action, parameters=parameters or {}, asks=asks, forbids=forbids, needs=needs,
        )  # fmt: skip

    return make


def host_check(
    *,
    id: str,  # noqa: A002 - the field's own word
    title: str,
    severity: Severity,
    categories: tuple[str, ...],
    rationale: str,
    remediation: str,
    references: tuple[str, ...],
    applies: str = "to every host",
    parameters: dict[str, Parameter] | None = None,
) -> Callable[[Callable[[HostSubject], Sequence[Finding]]], Check]:
    """Make a `Check` of a function that looks at one host."""

    def make(action: Callable[[HostSubject], Sequence[Finding]]) -> Check:
        return Check(
            id, title, Scope.HOST, severity, categories, rationale, remediation, references, applies,
            on_host=action, parameters=parameters or {},
        )  # fmt: skip

    return make


def fleet_check(
    *,
    id: str,  # noqa: A002 - the field's own word
    title: str,
    severity: Severity,
    categories: tuple[str, ...],
    rationale: str,
    remediation: str,
    references: tuple[str, ...],
    applies: str = "to every run",
    asks: tuple[str, ...] = (),
) -> Callable[[Callable[[FleetSubject], Sequence[Finding]]], Check]:
    """Make a `Check` of a function that looks at the whole run."""

    def make(action: Callable[[FleetSubject], Sequence[Finding]]) -> Check:
        return Check(
            id, title, Scope.FLEET, severity, categories, rationale, remediation, references, applies, on_fleet=action,
            asks=asks,
        )  # fmt: skip

    return make
