# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a CA may certify (RFC 5280 section 4.2.1.10), judged form by form: DNS names, IP addresses and directory
names. The verifier of ``cryptography`` refuses whole chains for forms it does not know; here each is judged, and what
is not is said.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Iterable

from .libraries import x509
from .names import IPAddress


@dataclasses.dataclass(frozen=True)
class LeafNames:
    """The names of a certificate that constraints are held against."""

    dns: tuple[str, ...]
    ip: tuple[IPAddress, ...]
    subject: x509.Name
    others: frozenset[str]
    """Forms of names it has beside them (``RFC822Name``, ``OtherName`` ...)."""


@dataclasses.dataclass(frozen=True)
class NamesJudged:
    """What the constraints of one CA say of the names below it."""

    violations: tuple[str, ...]
    undecided: tuple[str, ...]
    """What could not be judged, in words."""


def leaf_names(certificate: x509.Certificate, dns: tuple[str, ...], ip: tuple[IPAddress, ...]) -> LeafNames:
    """Collect the names; ``dns`` and ``ip`` are those of its subjectAltName.

    :raises ValueError: its extensions can't be parsed
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return LeafNames(dns, ip, certificate.subject, frozenset())
    except Exception as error:
        raise ValueError("its extensions can't be parsed") from error
    others = frozenset(type(name).__name__ for name in names) - {"DNSName", "IPAddress"}
    return LeafNames(dns, ip, certificate.subject, others)


def judge_names(constraints: x509.NameConstraints, names: LeafNames) -> NamesJudged:
    """Hold the names of a leaf against the constraints of a CA above it."""
    permitted, excluded = list(constraints.permitted_subtrees or ()), list(constraints.excluded_subtrees or ())
    violations = [
        *_form(permitted, excluded, x509.DNSName, names.dns, _dns_within, _dns_may_be_within),
        *_form(permitted, excluded, x509.IPAddress, names.ip, _ip_within, _ip_within),
    ]
    if list(names.subject):
        violations += _form(permitted, excluded, x509.DirectoryName, (names.subject,), _below, _below)
    constrained = {type(one).__name__ for one in (*permitted, *excluded)}
    undecided = [f"constraints for names of the form {form}" for form in sorted(constrained & names.others)]
    return NamesJudged(tuple(violations), tuple(undecided))


def _form(
    permitted: Iterable[x509.GeneralName],
    excluded: Iterable[x509.GeneralName],
    form: type,
    names: Iterable[object],
    within: Callable[[object, object], bool],
    may_be_within: Callable[[object, object], bool],
) -> list[str]:
    """Violations of one form: a name in no permitted subtree of it, where there are any, or in an excluded one."""
    allowed = [one.value for one in permitted if isinstance(one, form)]
    forbidden = [one.value for one in excluded if isinstance(one, form)]
    found = []
    for name in names:
        shown = name.rfc4514_string() if isinstance(name, x509.Name) else str(name)
        if allowed and not any(within(name, one) for one in allowed):
            found.append(f"{shown!a} is in no permitted subtree ({', '.join(map(_shown, allowed))})")
        hit = [one for one in forbidden if may_be_within(name, one)]
        found += [f"{shown!a} is in the excluded subtree {_shown(one)}" for one in hit]
    return found


def _shown(value: object) -> str:
    return ascii(value.rfc4514_string() if isinstance(value, x509.Name) else str(value))


def _dns_within(name: object, constraint: object) -> bool:
    """Zero or more labels added on the left; a leading dot, as OpenSSL takes it, asks for at least one. All that a
    wildcard stands for must be within."""
    presented, limit = str(name).lower().removesuffix("."), str(constraint).lower().removesuffix(".")
    wildcard = presented.startswith("*.")
    base = presented[2:] if wildcard else presented
    if not limit:
        return True
    if limit.startswith("."):
        return base.endswith(limit) or (wildcard and base == limit[1:])
    return base == limit or base.endswith(f".{limit}")


def _dns_may_be_within(name: object, constraint: object) -> bool:
    """Whether the name, or any that a wildcard stands for, is within."""
    if _dns_within(name, constraint):
        return True
    presented, limit = str(name).lower().removesuffix("."), str(constraint).lower().removesuffix(".")
    first, _dot, parent = limit.partition(".")
    return presented.startswith("*.") and bool(first) and parent == presented[2:]


def _ip_within(name: object, constraint: object) -> bool:
    if not isinstance(constraint, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return False
    if not isinstance(name, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return False
    return name.version == constraint.version and name in constraint


def _below(name: object, constraint: object) -> bool:
    """Whether a directory name begins with the constraint's parts; case and runs of blanks do not count (RFC 5280
    section 7.1)."""
    if not isinstance(name, x509.Name) or not isinstance(constraint, x509.Name):
        return False
    mine, limit = _parts(name), _parts(constraint)
    return mine[: len(limit)] == limit


def _parts(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    return [
        frozenset((one.oid.dotted_string, " ".join(str(one.value).lower().split())) for one in part)
        for part in name.rdns
    ]
