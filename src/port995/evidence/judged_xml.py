# SPDX-License-Identifier: GPL-3.0-or-later
"""A judged run as Nmap XML: each port with what was seen of it and its checks, tables of the script ``port995``."""

from __future__ import annotations

from ..nmap.write_xml import XmlWriter
from ..policy.endpoints import label_of
from ..policy.model import Judgement, Result
from .run_folder import RunFolder

UNFINISHED = ("cancelled", "deadline")
"""`Observation.not_tested` words of a scan that did not come to its end."""


def as_nmap_xml(run: RunFolder, judgement: Judgement) -> str:
    """The document; its end says so where the run was ended early, or a journal is not whole."""
    observations, problems = run.observations()
    writer = XmlWriter(" ".join(("port995", *run.header.command)))
    places: dict[str, tuple[str, int]] = {}
    of_host: dict[str, str] = {}
    for seen in observations:
        if seen.run_id != run.header.run_id:
            continue
        writer.add(seen)
        if seen.address is not None:
            places.setdefault(label_of(seen.target, seen.address), (seen.address, seen.target.port))
            for host in seen.target.hosts:
                of_host.setdefault(host, seen.address)
    for result in judgement.results:
        items = _items(result)
        if result.host is None:
            writer.check(result.check_id, items)
        elif result.endpoint is None:
            if result.host in of_host:
                writer.check(result.check_id, items, of_host[result.host])
        elif result.endpoint in places:
            writer.check(result.check_id, items, *places[result.endpoint])
    early = any(seen.not_tested in UNFINISHED for seen in observations)
    return writer.document(complete=not early and not problems)


def _items(result: Result) -> list[tuple[str, str]]:
    items = [
        ("status", result.status.value),
        ("severity", result.severity.value),
        ("title", result.title),
        ("message", result.message),
        ("expected", result.expected),
        ("observed", result.observed),
    ]
    if result.host is not None:
        items.append(("host", result.host))
    return [item for item in items if item[1]]
