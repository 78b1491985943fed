# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories as CSV (RFC 4180): of certificates (PCI DSS 4.0.1, 4.2.1.1) and of protocols and cipher suites (12.3.3).

They list what was seen, and a line for each endpoint where nothing was: an inventory that leaves it out would look
whole. A cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from ..policy.certificate import read_certificate, timestamp
from ..policy.endpoints import label_of
from ..policy.facts import facts_of
from ..probe.model import Observation
from ..probe.tls.cipher_suites import name_of as suite_name
from ..probe.tls.client_hello import VERSION_NAMES
from ..probe.tls.named_groups import name_of as group_name
from ..probe.tls.signature_schemes import name_of as scheme_name
from .escape import LINE_LIMIT, visible
from .told import Format, Told

CERTIFICATES, PROTOCOLS = "certificates.csv", "protocols.csv"
FORMULA = ("=", "+", "-", "@")

CERTIFICATE_COLUMNS = (
    "host", "endpoint", "owner", "purpose", "subject", "names", "issuer", "serial", "key", "signature", "not_before",
    "not_after", "sha256", "chain_position", "seen_by", "hosts",
)  # fmt: skip
PROTOCOL_COLUMNS = (
    "host", "endpoint", "owner", "purpose", "version", "suites", "all_suites_known", "order", "groups", "signatures",
    "not_spoken", "not_settled", "seen_by", "hosts",
)  # fmt: skip


def cell(text: str) -> str:
    """Text as a spreadsheet may show it: nothing is run, nothing is hidden."""
    shown = visible(text, LINE_LIMIT)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def write(told: Told) -> dict[str, bytes]:
    """Both inventories."""
    return {
        CERTIFICATES: _csv(CERTIFICATE_COLUMNS, _counted(told, _certificates(told))),
        PROTOCOLS: _csv(PROTOCOL_COLUMNS, _counted(told, _protocols(told))),
    }


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in sorted(set(map(tuple, rows))):
        writer.writerow([cell(value) for value in row])
    return text.getvalue().encode("utf-8")


def _counted(told: Told, rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """The rows, and how many hosts each one's host stands for."""
    for row in rows:
        yield [*row, str(told.judgement.counts.get(row[0], 1))]


def _seen(told: Told) -> Iterator[tuple[str, str, list[str], Observation]]:
    """Every observation of the TLS port, once per host that it is of: host, endpoint, owner and purpose."""
    for seen in told.observations:
        if seen.service == "pop3s":
            for host in seen.target.hosts:
                yield host, label_of(seen.target, seen.address), _owner(told, host), seen


def _owner(told: Told, host: str) -> list[str]:
    plan = told.plans.get(host)
    variables = plan.variables if plan is not None else {}
    return [variables.get("pop3s_owner", ""), variables.get("pop3s_purpose", "")]


def _unseen(told: Told, seen: Iterable[str], columns: Sequence[str]) -> Iterator[list[str]]:
    """A line for each host of the population of which there is none."""
    for host in sorted(set(told.judgement.dispositions) - set(seen)):
        words = f"not seen: {told.judgement.dispositions[host].value}"
        yield [host, words, *_owner(told, host), *[""] * (len(columns) - 5)]


def _certificates(told: Told) -> Iterator[list[str]]:
    hosts = set()
    for host, endpoint, owner, seen in _seen(told):
        hosts.add(host)
        chains = [seen.tls.certificates] if seen.tls is not None and seen.tls.certificates else []
        chains += [(leaf,) for leaf in seen.hello_certificates if not any(leaf in chain for chain in chains)]
        if not chains:
            yield [host, endpoint, *owner, f"none seen: {_state(seen)}", *[""] * 9, seen.vantage.name]
        for chain in chains:
            for position, text in enumerate(chain):
                facts = read_certificate(text)
                names = [*facts.dns_names, *map(str, facts.ip_addresses), *facts.srv_names]
                yield [
                    host, endpoint, *owner, facts.subject or f"can't be read: {facts.problem}", " ".join(names),
                    facts.issuer, facts.serial, str(facts.key), facts.signature, timestamp(facts.not_before),
                    timestamp(facts.not_after), facts.sha256, str(position), seen.vantage.name,
                ]  # fmt: skip
    yield from _unseen(told, hosts, CERTIFICATE_COLUMNS)


def _protocols(told: Told) -> Iterator[list[str]]:
    hosts = set()
    for host, endpoint, owner, seen in _seen(told):
        hosts.add(host)
        facts = facts_of(seen)
        refused = " ".join(VERSION_NAMES[one] for one in facts.unspoken)
        open_ones = " ".join(VERSION_NAMES[one] for one in facts.unsettled)
        if not facts.versions:
            yield [
                host, endpoint, *owner, f"none seen: {_state(seen)}", *[""] * 5, refused, open_ones, seen.vantage.name,
            ]  # fmt: skip
        for spoken in facts.versions:
            yield [
                host, endpoint, *owner, VERSION_NAMES[spoken.version],
                " ".join(suite_name(one) for one in spoken.suites), "yes" if spoken.all_suites else "no",
                spoken.suite_order or "not known", " ".join(group_name(one) for one in spoken.groups),
                " ".join(scheme_name(one) for one in spoken.signatures), refused, open_ones, seen.vantage.name,
            ]  # fmt: skip
    yield from _unseen(told, hosts, PROTOCOL_COLUMNS)


def _state(seen: Observation) -> str:
    if seen.tcp is not None and seen.tcp.state != "open":
        return f"{seen.tcp.state} ({seen.tcp.reason})"
    return seen.not_tested or (seen.tls.outcome if seen.tls is not None else "no handshake")


FORMATS = (Format("csv", "inventories of certificates and of protocols and suites, as CSV", write),)
