# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a certificate stand for this name: RFC 9525 with DNS-ID and IP-ID (RFC 7817 for mail, RFC 8314 section 3.1).

The common name is never looked at (RFC 9525 section 2); a wildcard counts only as the whole left-most label (section
6.3) and stands for exactly one label.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import unicodedata
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclasses.dataclass(frozen=True)
class ReferenceName:
    """The one name a client expects of the server."""

    text: str
    """As its owner wrote it."""

    dns: str | None
    """A-label form, lower case, without a trailing dot; ``None``: it is an IP address, or no usable name."""

    ip: IPAddress | None
    """The IP address, when it is one."""


def reference_name(text: str) -> ReferenceName:
    """Read a domain name (U-labels become A-labels) or an IP literal (a zone id is dropped: no certificate has one).

    :returns: with neither ``dns`` nor ``ip`` when the text is neither
    """
    try:
        return ReferenceName(text, None, ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        pass
    labels = [_a_label(label) for label in text.removesuffix(".").split(".")]
    name = ".".join(labels)
    usable = bool(name) and len(name) <= 253 and all(0 < len(label) <= 63 for label in labels) and "*" not in name
    return ReferenceName(text, name if usable else None, None)


def _a_label(label: str) -> str:
    lowered = unicodedata.normalize("NFC", label.lower())
    return lowered if lowered.isascii() else "xn--" + lowered.encode("punycode").decode("ascii")


def matching_name(reference: ReferenceName, dns_names: Iterable[str], ip_addresses: Iterable[IPAddress]) -> str | None:
    """Find the presented identifier that matches.

    :param dns_names: DNS-IDs of the certificate's subjectAltName
    :param ip_addresses: IP-IDs of it
    :returns: the first identifier that matches, as presented; ``None``: none does
    """
    if reference.ip is not None:
        return next((str(address) for address in ip_addresses if address == reference.ip), None)
    if reference.dns is None:
        return None
    return next((name for name in dns_names if _dns_matches(reference.dns, name)), None)


def matching_srv_name(service: str, domains: Iterable[str], srv_names: Iterable[str]) -> str | None:
    """Find the SRV-ID of a mail domain (RFC 9525 section 6.4; RFC 4985 allows no wildcard in it).

    :param service: ``pop3s`` or ``pop3``, as the SRV record names it (RFC 6186)
    :param domains: mail domains whose users are served
    :returns: as presented; ``None``: there is none
    """
    wanted = {f"_{service}.{name}" for domain in domains if (name := reference_name(domain).dns)}
    return next((name for name in srv_names if name.lower() in wanted), None)


def common_name_only(reference: ReferenceName, common_names: Iterable[str]) -> bool:
    """Whether a common name is the expected one: of no use, and worth a hint."""
    wanted = {reference.dns, str(reference.ip) if reference.ip is not None else None} - {None}
    return any(name.lower().removesuffix(".") in wanted for name in common_names)


def unusable(name: str) -> str:
    """Why no client can match a DNS-ID against any name; empty: it can be used.

    A wildcard counts only as the whole left-most label (RFC 9525 section 6.3), and not for all of a top-level domain.
    """
    if not name or not name.isascii() or any(c.isspace() or not c.isprintable() for c in name):
        return "is no domain name in ASCII"
    try:
        ipaddress.ip_address(name)
        return "is an IP address, which only an IP-ID can stand for"
    except ValueError:
        pass
    if name.endswith("."):
        return "ends with a dot"
    labels = name.split(".")
    if len(name) > 253 or not all(0 < len(label) <= 63 for label in labels):
        return "has a label, or a length, that no domain name has"
    if "*" in name:
        if labels[0] != "*" or "*" in name[1:]:
            return "has a wildcard elsewhere than as the whole left-most label"
        if len(labels) < 3:
            return "has a wildcard for a whole top-level domain"
    return ""


def is_host_name(text: str) -> bool:
    """Whether a text is meant as the name of a host: a domain name of two labels or more, or an IP address."""
    reference = reference_name(text.removeprefix("*."))
    return reference.ip is not None or (
        reference.dns is not None and "." in reference.dns and not any(c.isspace() or c in "@/:" for c in text)
    )


def _dns_matches(reference: str, presented: str) -> bool:
    if not presented.isascii() or not reference.isascii():
        return False
    first, dot, parent = presented.lower().partition(".")
    if first != "*":
        return presented.lower() == reference
    # A wildcard for a whole top-level domain stands for nobody's service.
    return bool(dot) and "." in parent and "*" not in parent and reference.partition(".")[2] == parent
