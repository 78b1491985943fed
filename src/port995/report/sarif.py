# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF 2.1.0 (OASIS): the whole judgement, and a flavour that GitHub's code scanning takes.

| status | full | GitHub |
| --- | --- | --- |
| fail | kind fail, level by severity | the same |
| fail, known to the baseline | kind fail, baselineState unchanged | left out |
| waived | kind fail, with an accepted suppression | left out |
| pass | kind pass, level none | left out |
| not_applicable | kind notApplicable | left out |
| manual | kind review | left out |
| not_tested, unreachable, error | kind open, and a notification | the notification |

GitHub reads neither kinds nor suppressions nor baseline states: it would show everything as an alert. A fail that it is
not told is one that the gate does not count either. Of what is open it shows nothing, so its page is no verdict: the
gate is.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

from ..policy.baseline import KNOWN, NEW
from ..policy.check import Check
from ..policy.gate import reason_of
from ..policy.model import Exit, Result, Severity, Status
from ..policy.registry import all_checks
from ..probe.version import __version__
from .escape import MESSAGE_LIMIT, visible
from .told import Format, Told

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FULL, GITHUB = "port995.sarif", "port995-github.sarif"

LEVEL = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note",
    Severity.INFO: "note",
}  # fmt: skip
SECURITY_SEVERITY = {
    # GitHub: above 9.0 critical, from 7.0 high, from 4.0 medium, above 0 low.
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0", Severity.INFO: "0.5",
}  # fmt: skip
KIND = {
    Status.PASS: "pass", Status.FAIL: "fail", Status.WAIVED: "fail", Status.NOT_APPLICABLE: "notApplicable",
    Status.MANUAL: "review", Status.NOT_TESTED: "open", Status.UNREACHABLE: "open", Status.ERROR: "open",
}  # fmt: skip
OPEN = (Status.NOT_TESTED, Status.UNREACHABLE, Status.ERROR)

MAX_NOTIFICATIONS = 1000
"""Open questions that are written as notifications; all are results of the full flavour."""

GITHUB_RESULTS = 5000
"""GitHub shows as many and takes 25 000; the heaviest come first."""


def write_full(told: Told) -> dict[str, bytes]:
    """The whole judgement."""
    return {FULL: _log(told, told.judgement.results, full=True)}


def write_github(told: Told) -> dict[str, bytes]:
    """What GitHub's code scanning is to show: fails that count."""
    order = tuple(Severity)
    fails = [one for one in told.judgement.results if one.status is Status.FAIL and one.baseline != KNOWN]
    fails.sort(key=lambda one: order.index(one.severity))
    return {GITHUB: _log(told, fails[:GITHUB_RESULTS], full=False, left_out=len(fails) - GITHUB_RESULTS)}


def _log(told: Told, results: Sequence[Result], *, full: bool, left_out: int = 0) -> bytes:
    """The file; a line per result, made one after the other: a large fleet has hundreds of thousands."""
    judgement, header = told.judgement, told.header
    used = dict.fromkeys(result.check_id for result in results)
    checks = all_checks()
    severities = {result.check_id: result.severity for result in results}
    rules = [_rule(checks.get(id_), id_, severities[id_]) for id_ in used]
    numbers = {id_: number for number, id_ in enumerate(used)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "port995",
                "version": header.tool_version or __version__,
                "semanticVersion": header.tool_version or __version__,
                "rules": rules,
            }
        },
        "automationDetails": {
            "id": f"port995/{judgement.profile_id}/", "description": {"text": f"run {header.run_id}"},
        },
        "invocations": [_invocation(told, left_out)],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "run_id": header.run_id,
            "equation": str(judgement.coverage),
            "gate": {"exit": told.gate.exit.value, "incomplete": told.gate.incomplete},
            "profile": {"id": judgement.profile_id, "sha256": judgement.profile_sha256},
            **({"vantage_hosts": [visible(one, 200) for one in header.vantage_hosts]} if header.vantage_hosts else {}),
            "ahead": len(judgement.ahead),
        },
    }
    start = json.dumps({"$schema": SCHEMA, "version": "2.1.0"}).removesuffix("}")
    head = json.dumps(run, indent=1).removesuffix("\n}")
    file = io.BytesIO()
    file.write(f'{start}, "runs": [{head},\n "results": [\n'.encode("ascii"))
    for number, one in enumerate(results):
        line = json.dumps(_result(told, one, numbers[one.check_id], full=full))
        file.write(f"{',' + chr(10) if number else ''}{line}".encode("ascii"))
    file.write(b"\n]}]}\n")
    return file.getvalue()


def _rule(check: Check | None, id_: str, severity: Severity) -> dict[str, Any]:
    if check is None:
        return {"id": id_, "shortDescription": {"text": id_}, "fullDescription": {"text": id_}, "help": {"text": id_}}
    references = "; ".join(check.references)
    return {
        "id": check.id,
        "name": re.sub(r"[^A-Za-z0-9]+", "", check.title.title()),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.rationale},
        "help": {
            "text": f"{check.remediation}\n\nReferences: {references}",
            "markdown": f"{check.remediation}\n\n*References:* {references}",
        },
        "defaultConfiguration": {"level": LEVEL[severity]},
        "properties": {
            "tags": ["security", *check.categories][:20],
            "precision": "very-high",
            "security-severity": SECURITY_SEVERITY[severity],
        },
    }


def _invocation(told: Told, left_out: int) -> dict[str, Any]:
    open_ones = [one for one in told.judgement.results if one.status in OPEN]
    notes = [
        {
            "level": "error" if one.status is Status.ERROR else "warning",
            "message": {"text": visible(reason_of(one), MESSAGE_LIMIT)},
            "associatedRule": {"id": one.check_id},
        }
        for one in open_ones[:MAX_NOTIFICATIONS]
    ]
    cut = len(open_ones) - MAX_NOTIFICATIONS
    for count, words in ((cut, "more open questions stand in report.json"), (left_out, "more fails in report.json")):
        if count > 0:
            notes.append({"level": "warning", "message": {"text": f"{count} {words}"}})
    activity = told.activity
    times = {"startTimeUtc": activity.first, "endTimeUtc": activity.last} if activity.first and activity.last else {}
    return {
        # False where the run is no evidence: a reader must not take the results for all there is.
        "executionSuccessful": told.gate.exit is not Exit.CANNOT_VOUCH and not told.gate.incomplete,
        "exitCode": told.gate.exit.value,
        **times,
        **({"toolExecutionNotifications": notes} if notes else {}),
    }


def _result(told: Told, result: Result, rule: int, *, full: bool) -> dict[str, Any]:
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    text = visible(f"{where}: {result.message or result.status.value}", MESSAGE_LIMIT)
    document: dict[str, Any] = {
        "ruleId": result.check_id,
        "ruleIndex": rule,
        "kind": KIND[result.status],
        "level": LEVEL[result.severity] if KIND[result.status] == "fail" else "none",
        "message": {"text": text},
        "locations": [_location(told, result)],
        "partialFingerprints": {
            "primaryLocationLineHash": hashlib.sha256(
                f"{result.host}|{result.endpoint}|{result.check_id}".encode("utf-8", "surrogatepass")
            ).hexdigest()[:16]
            + ":1",
        },
        "properties": {
            "status": result.status.value,
            "severity": result.severity.value,
            **({"hosts": told.judgement.counts[result.host]} if result.host in told.judgement.counts else {}),
            **({"expected": visible(result.expected, MESSAGE_LIMIT)} if result.expected else {}),
            **({"observed": visible(result.observed, MESSAGE_LIMIT)} if result.observed else {}),
        },
    }
    if not full:
        del document["kind"]
        return document
    if result.status is Status.WAIVED:
        document["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": f"waiver {visible(result.waiver, 100)}"}
        ]
    if result.baseline:
        document["baselineState"] = {KNOWN: "unchanged", NEW: "new"}.get(result.baseline, "updated")
    return document


def _location(told: Told, result: Result) -> dict[str, Any]:
    """The host's line of the inventory. A run of typed targets has none: there it is the run's header."""
    plan = told.plans.get(result.host or "")
    uri, line = "run.json", 1
    place = plan.place if plan is not None else ""
    if place:
        uri, colon, number = place.rpartition(":")
        line = int(number)
    elif told.header.inventory:
        uri = told.header.inventory
    names = [{"name": visible(result.host or "fleet", 200), "kind": "resource"}]
    if result.endpoint:
        names.append({"name": visible(result.endpoint, 300), "kind": "resource"})
    return {
        "physicalLocation": {"artifactLocation": {"uri": _uri(uri)}, "region": {"startLine": line}},
        "logicalLocations": names,
    }


def _uri(path: str) -> str:
    """A relative reference (RFC 3986) of a path: GitHub takes no others."""
    return urllib.parse.quote(path.lstrip("/").encode("utf-8", "surrogateescape"), safe="-._~/")


FORMATS = (
    Format("sarif", "SARIF 2.1.0 with every result", write_full),
    Format("sarif-github", "SARIF 2.1.0 as GitHub's code scanning takes it: fails that count", write_github),
)
