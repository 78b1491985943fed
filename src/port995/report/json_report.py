# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement as JSON, ``report.json``: everything that was judged, for programs. Schema: ``report-1.json``."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from ..policy.gate import DEFAULT_RULES, GateRules
from ..policy.model import GateVerdict, Judgement, Result
from ..probe.scope import Scope
from .activity import Activity
from .escape import without_surrogates
from .outlook import ahead_json, frameworks_json
from .run_header import NOT_ASV, RunHeader
from .tally import VERDICTS, days_left, endpoints_by_host, tally

REPORT_SCHEMA = "port995/report/1"


def to_json(
    judgement: Judgement,
    gate: GateVerdict,
    header: RunHeader,
    activity: Activity | None = None,
    rules: GateRules = DEFAULT_RULES,
) -> dict[str, Any]:
    """The report as JSON data. Text from hosts stands as it came, one character per octet; lone surrogates alone are
    escaped, since many readers refuse a document with one.

    :param activity: what the run did
    :param rules: what the gate was told to stop at
    """
    document = _head(judgement, gate, header, activity or Activity(), rules)
    document["results"] = [_result(result) for result in judgement.results]
    clean: dict[str, Any] = _clean(document)
    return clean


def to_octets(
    judgement: Judgement, gate: GateVerdict, header: RunHeader, activity: Activity, rules: GateRules = DEFAULT_RULES
) -> bytes:
    """`as_text` of `to_json`, made one result after the other: a large fleet has hundreds of thousands, and twice as
    much memory as the file itself is all that it should take."""
    head = as_text({**_clean(_head(judgement, gate, header, activity, rules)), "results": []})
    file = io.BytesIO()
    if not judgement.results:
        return head.encode("ascii")
    file.write(head.removesuffix("]\n}\n").encode("ascii"))
    for number, result in enumerate(judgement.results):
        file.write(b",\n" if number else b"\n")
        file.write(f"  {_line(_clean(_result(result)))}".encode("ascii"))
    file.write(b"\n ]\n}\n")
    return file.getvalue()


def _head(
    judgement: Judgement, gate: GateVerdict, header: RunHeader, activity: Activity, rules: GateRules
) -> dict[str, Any]:
    """The report but its results."""
    return {
        "schema": REPORT_SCHEMA,
        "run_id": judgement.run_id,
        "tool": {"name": "port995", "version": header.tool_version, "versions": dict(sorted(header.versions.items()))},
        "started": header.started,
        "judged_at": judgement.at,
        "profile": {"id": judgement.profile_id, "sha256": judgement.profile_sha256},
        "checks": header.checks,
        "anchors": {"source": header.anchors_source, "sha256": header.anchors_sha256},
        "crls": {"sources": list(header.crl_sources), "sha256": header.crls_sha256},
        "statement": NOT_ASV,
        **({} if header.scope is None else {"scope": _scope(header.scope)}),
        **({"inputs": {name: dataclasses.asdict(one) for name, one in header.inputs.items()}} if header.inputs else {}),
        "partial": judgement.partial,
        "deadline": header.deadline,
        "command": list(header.command),
        "notes": list(header.notes),
        "coverage": coverage_json(judgement),
        "counts": tally(judgement.results),
        "gate": gate_json(gate, rules),
        "activity": _activity(activity),
        "hosts": _hosts(judgement, header),
        "expiring": [
            {
                "not_after": one.not_after,
                "days_left": days_left(one, judgement),
                "subject": one.subject,
                "sha256": one.sha256,
                "count": one.count,
                "endpoints": list(one.endpoints),
            }
            for one in judgement.expiring
        ],
        "vantage_hosts": list(header.vantage_hosts),
        "views": [dataclasses.asdict(one) for one in judgement.views],
        "resting": list(judgement.resting),
        "deselected": list(judgement.deselected),
        "ahead": ahead_json(judgement),
        "frameworks": frameworks_json(judgement),
    }


def as_text(document: dict[str, Any]) -> str:
    """JSON text with one line per host and per result, so that two reports can be compared line by line. Pure ASCII:
    it can be shown in a terminal."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            items = ",\n".join(f"  {_line(item)}" for item in value)
            parts.append(f" {json.dumps(key)}: [\n{items}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(item: Any) -> str:
    return json.dumps(item, separators=(", ", ": "))


def coverage_json(judgement: Judgement) -> dict[str, Any]:
    """The equation, in numbers and in words."""
    coverage = judgement.coverage
    return {
        "equation": str(coverage),
        "holds": coverage.holds,
        "inventory": coverage.inventory,
        "assessed": coverage.assessed,
        "unreachable": coverage.unreachable,
        "excluded": coverage.excluded,
        "reasons": dict(coverage.reasons),
    }


def gate_json(gate: GateVerdict, rules: GateRules) -> dict[str, Any]:
    """What the gate says, and what it was told beside the severity."""
    more = {
        field.name: getattr(rules, field.name)
        for field in dataclasses.fields(rules)
        if field.name != "fail_on" and getattr(rules, field.name) != field.default
    }
    return {
        "exit": gate.exit.value,
        "verdict": VERDICTS[gate.exit],
        "incomplete": gate.incomplete,
        "fail_on": rules.fail_on.value,
        **({"rules": more} if more else {}),
        "reasons": list(gate.reasons),
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "file": scope.file,
        "sha256": scope.sha256,
        "ticket": scope.ticket,
        "networks": list(scope.networks),
        "never": list(scope.never),
        "sources": list(scope.sources),
        "times": [{"begins": one.begins, "ends": one.ends} for one in scope.times],
    }


def _activity(activity: Activity) -> dict[str, Any]:
    return {
        "observations": activity.observations,
        "first": activity.first or None,
        "last": activity.last or None,
        "connections": dict(activity.connections),
        "vantages": [
            {
                "name": seen.vantage.name,
                "side": seen.vantage.side,
                "hostname": seen.vantage.hostname,
                "families": list(seen.vantage.families),
                "tool_version": seen.vantage.tool_version,
                "python": seen.vantage.python,
                "openssl": seen.vantage.openssl,
                "sources": list(seen.sources),
                "observations": seen.observations,
            }
            for seen in activity.vantages
        ],
    }


def _hosts(judgement: Judgement, header: RunHeader) -> list[dict[str, Any]]:
    plans = {host.name: host for host in header.plan}
    labels = endpoints_by_host(judgement)
    hosts = []
    for name, disposition in judgement.dispositions.items():
        plan = plans.get(name)
        count = judgement.counts.get(name, 1)
        hosts.append(
            {
                "name": name,
                "intent": plan.intent.value if plan is not None and plan.intent is not None else None,
                "disposition": disposition.value,
                "status": judgement.host_status[name].value if name in judgement.host_status else None,
                "excluded": plan.excluded if plan is not None else None,
                "problems": list(plan.problems) if plan is not None else [],
                "variables": dict(plan.variables) if plan is not None else {},
                "endpoints": list(labels.get(name, ())),
                **({"count": count} if count != 1 else {}),
            }
        )
    return hosts


def _result(result: Result) -> dict[str, Any]:
    return {
        "check_id": result.check_id,
        "title": result.title,
        "severity": result.severity.value,
        "status": result.status.value,
        "host": result.host,
        "endpoint": result.endpoint,
        "message": result.message,
        "expected": result.expected,
        "observed": result.observed,
        "evidence": list(result.evidence),
        "remediation": result.remediation,
        "references": list(result.references),
        **({"facts": list(result.facts)} if result.facts else {}),
        **({"waiver": result.waiver} if result.waiver else {}),
        **({"attested": result.attested} if result.attested else {}),
        **({"baseline": result.baseline} if result.baseline else {}),
    }


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value
