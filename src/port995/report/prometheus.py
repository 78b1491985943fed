# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics for Prometheus' textfile collector (exposition format 0.0.4).

The run's own time is a metric: an alert on its age is the only way to notice a run that no longer happens.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from ..policy.certificate import read_certificate
from ..policy.endpoints import label_of
from ..policy.model import FOLDING_ORDER, Disposition, Status
from .escape import visible
from .outlook import frameworks_json
from .told import Format, Told

FILE = "port995.prom"
LABEL_LIMIT = 300


def write(told: Told) -> dict[str, bytes]:
    """The metrics."""
    return {FILE: "".join(f"{line}\n" for line in _lines(told)).encode("utf-8")}


def _lines(told: Told) -> Iterator[str]:
    judgement = told.judgement
    run = {"profile": judgement.profile_id}
    yield from _head("port995_run_timestamp_seconds", "When the run was judged, Unix time.")
    yield _sample("port995_run_timestamp_seconds", run, _unix(judgement.at))
    if told.activity.first:
        yield from _head("port995_evidence_timestamp_seconds", "When the oldest observation was begun, Unix time.")
        yield _sample("port995_evidence_timestamp_seconds", run, _unix(told.activity.first))
    yield from _head("port995_gate_exit_code", "What the gate says: 0 passed, 1 failed, 3 incomplete, 4 cannot vouch.")
    yield _sample("port995_gate_exit_code", run, told.gate.exit.value)
    yield from _head("port995_gate_incomplete", "1: something was not assessed or not tested.")
    yield _sample("port995_gate_incomplete", run, int(told.gate.incomplete))
    yield from _head("port995_inventory_hosts", "Hosts of the inventory.")
    yield _sample("port995_inventory_hosts", run, judgement.coverage.inventory)
    yield from _head("port995_hosts", "Hosts by disposition; they add up to the inventory.")
    counts = dict.fromkeys(Disposition, 0)
    for host, what in judgement.dispositions.items():
        counts[what] += judgement.counts.get(host, 1)
    for disposition, count in counts.items():
        yield _sample("port995_hosts", {**run, "disposition": disposition.value}, count)
    yield from _head("port995_results", "Results by status and severity; a known fail is one that the baseline has.")
    found: dict[tuple[str, str, str], int] = {}
    for result in judgement.results:
        key = (result.status.value, result.severity.value, "yes" if result.baseline == "known" else "no")
        found[key] = found.get(key, 0) + 1
    for status in FOLDING_ORDER:
        if not any(key[0] == status.value for key in found):
            found[status.value, "high", "no"] = 0
    for (word, severity, known), count in sorted(found.items()):
        yield _sample("port995_results", {**run, "status": word, "severity": severity, "known": known}, count)
    yield from _head("port995_host_status", "A host: 0 as it should be, 1 failed, 2 not proven.")
    for host, folded in judgement.host_status.items():
        good = folded in (Status.PASS, Status.NOT_APPLICABLE, Status.WAIVED)
        value = 0 if good else 1 if folded is Status.FAIL else 2
        yield _sample("port995_host_status", {"host": host, "status": folded.value}, value)
    if judgement.ahead:
        name = "port995_next_change_timestamp_seconds"
        yield from _head(name, "When the first pass ends on the same evidence, Unix time.")
        yield _sample(name, run, _unix(f"{judgement.ahead[0].day}T00:00:00+00:00"))
    yield from _head("port995_framework_controls", "Controls of a framework by what the checks say of them.")
    for framework in frameworks_json(judgement):
        for verdict, count in framework["verdicts"].items():
            labels = {**run, "framework": framework["id"], "verdict": verdict}
            yield _sample("port995_framework_controls", labels, count)
    yield from _head("port995_certificate_not_after_seconds", "When a certificate that was shown ends, Unix time.")
    yield from sorted(set(_certificates(told)))


def _certificates(told: Told) -> Iterator[str]:
    for seen in told.observations:
        leaves = list(seen.tls.certificates[:1]) if seen.tls is not None else []
        for text in dict.fromkeys((*leaves, *seen.hello_certificates)):
            facts = read_certificate(text)
            if facts.not_after is None:
                continue
            for host in seen.target.hosts:
                labels = {
                    "host": host, "endpoint": label_of(seen.target, seen.address), "sha256": facts.sha256,
                    "service": seen.service,
                }  # fmt: skip
                yield _sample("port995_certificate_not_after_seconds", labels, facts.not_after.timestamp())


def _head(name: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} gauge"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    words = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    return f"{name}{{{words}}} {value:.15g}"


def _label(text: str) -> str:
    return visible(text, LABEL_LIMIT).replace("\\", "\\\\").replace('"', '\\"')


def _unix(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


FORMATS = (Format("prometheus", "metrics for the textfile collector", write),)
