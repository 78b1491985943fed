# SPDX-License-Identifier: GPL-3.0-or-later
"""OSCAL 1.1.3 assessment results (NIST): an observation per endpoint and host, with the status of every check; a
finding per fail, and per check that passes everywhere.

A host that was not assessed is an inventory item with observations of what happened, and has no finding: "not
satisfied" would be a verdict, and there is none. Empty arrays are invalid in OSCAL, so what has no entries is left out.
UUIDs are version 5 over what they name: the same host and check have the same one in every run.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from ..policy.check import Check
from ..policy.model import Result, Status
from ..policy.registry import all_checks
from .escape import LINE_LIMIT, MESSAGE_LIMIT, visible
from .outlook import framework_properties
from .side_by_side import agreement
from .tally import VERDICTS
from .told import Format, Told

FILE = "assessment-results.json"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:port995:oscal")
NS = "urn:port995:oscal"
FAILS = (Status.FAIL, Status.WAIVED)
LINES = 20
"""Results of a place that are told in words; the rest stand in its properties."""


def write(told: Told) -> dict[str, bytes]:
    """The document."""
    return {FILE: (json.dumps(_document(told), indent=1) + "\n").encode("ascii")}


def _uuid(*words: str | None) -> str:
    return str(uuid.uuid5(NAMESPACE, json.dumps(words)))


def _document(told: Told) -> dict[str, Any]:
    header, judgement = told.header, told.judgement
    tool, plan = _uuid("tool", header.tool_version), _uuid("plan", header.run_id)
    results = judgement.results
    known = all_checks()
    risks = [_risk(one, known.get(one.check_id)) for one in results if one.status in FAILS]
    items = [_item(told, name) for name in judgement.dispositions]
    checks = sorted({result.check_id for result in results})
    start = told.activity.first or header.started
    one_result: dict[str, Any] = {
        "uuid": _uuid("result", header.run_id, judgement.at),
        "title": f"POP3S by profile {judgement.profile_id}",
        "description": f"{judgement.coverage}; gate: {VERDICTS[told.gate.exit]} (exit {told.gate.exit.value})"
        + (", incomplete" if told.gate.incomplete else ""),
        "start": _zulu(start),
        **({"end": _zulu(told.activity.last)} if told.activity.last else {}),
        "props": [
            _prop("equation", str(judgement.coverage)),
            _prop("gate-exit", str(told.gate.exit.value)),
            _prop("profile-sha256", judgement.profile_sha256),
            _prop("changes-ahead", str(len(judgement.ahead))),
            *(_prop("vantage-only", host) for host in header.vantage_hosts),
            *(_prop("control", f"{name}: {words}") for name, words in framework_properties(judgement).items()),
        ],
        "local-definitions": {
            "components": [
                {
                    "uuid": tool,
                    "type": "software",
                    "title": "port995",
                    "description": "Tells of every server whether TCP 995 is as it should be.",
                    "props": [{"name": "version", "value": header.tool_version or "unknown"}],
                    "status": {"state": "operational"},
                }
            ],
            **({"inventory-items": items} if items else {}),
        },
        "reviewed-controls": {
            "description": "The checks of the profile; what was not tested is told by its observation.",
            "control-selections": [
                {"include-controls": [{"control-id": id_.lower()} for id_ in checks]}
                if checks
                else {"include-all": {}}
            ],
        },
    }
    views = {(one.host, one.endpoint): agreement(one) for one in judgement.views}
    observations = [
        _observation(told, place, found, tool, views.get((place[0] or "", place[1] or ""), ""))
        for place, found in _places(told).items()
    ]
    for key, value in (("observations", observations), ("risks", risks), ("findings", _findings(told))):
        if value:
            one_result[key] = value
    return {
        "assessment-results": {
            "uuid": _uuid("assessment-results", header.run_id, judgement.at),
            "metadata": {
                "title": "POP3S assessment results",
                "last-modified": _zulu(judgement.at),
                "version": header.tool_version or "unknown",
                "oscal-version": "1.1.3",
            },
            "import-ap": {"href": f"#{plan}"},
            "results": [one_result],
            "back-matter": {
                "resources": [
                    {
                        "uuid": plan,
                        "title": "What the run was asked to do",
                        "rlinks": [{"href": "run.json", "media-type": "application/json"}],
                    },
                    {
                        "uuid": _uuid("profile", judgement.profile_sha256),
                        "title": f"Profile {visible(judgement.profile_id, 200)}",
                        "rlinks": [
                            {
                                "href": "profile.yml",
                                "hashes": [{"algorithm": "SHA-256", "value": judgement.profile_sha256}],
                            }
                        ],
                    },
                ]
            },
        }
    }


def _zulu(text: str) -> str:
    return text if text.endswith("Z") or "+" in text else f"{text}Z"


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NS, "value": _word(value)}


def _word(text: str) -> str:
    """A value as OSCAL takes it: not empty, without blanks at its ends."""
    return visible(text, MESSAGE_LIMIT).strip() or "-"


def _item(told: Told, host: str) -> dict[str, Any]:
    plan = told.plans.get(host)
    intent = plan.intent.value if plan is not None and plan.intent is not None else "none declared"
    owner = plan.variables.get("pop3s_owner", "") if plan is not None else ""
    return {
        "uuid": _uuid("host", host),
        "description": _word(host),
        "props": [
            _prop("disposition", told.judgement.dispositions[host].value),
            _prop("intent", intent),
            *([_prop("owner", owner)] if owner else []),
            *([_prop("hosts", str(told.judgement.counts[host]))] if host in told.judgement.counts else []),
        ],
    }


def _subjects(host: str | None, told: Told) -> list[dict[str, Any]]:
    if host is None or host not in told.judgement.dispositions:
        return []
    return [{"subject-uuid": _uuid("host", host), "type": "inventory-item", "title": _word(host)}]


def _places(told: Told) -> dict[tuple[str | None, str | None], list[Result]]:
    """Results by what they are about: an endpoint, a host, the fleet."""
    places: dict[tuple[str | None, str | None], list[Result]] = {}
    for result in told.judgement.results:
        places.setdefault((result.host, result.endpoint), []).append(result)
    return places


def _observation(
    told: Told, place: tuple[str | None, str | None], results: Sequence[Result], tool: str, views: str
) -> dict[str, Any]:
    """What was found at one place: a property per check, its class the check and its value the status.

    :param views: whether the vantages agree; empty: it is no place that they looked at
    """
    host, endpoint = place
    where = visible(" ".join(filter(None, (host or "fleet", endpoint))), 300)
    told_of = [one for one in results if one.status not in (Status.PASS, Status.NOT_APPLICABLE)]
    lines = [f"{one.check_id} {one.status.value}: {visible(one.message, LINE_LIMIT)}" for one in told_of[:LINES]]
    subjects = _subjects(host, told)
    manual = any(one.status is Status.MANUAL for one in results)
    return {
        "uuid": _uuid("observation", told.header.run_id, host, endpoint),
        "title": f"POP3S at {where}",
        "description": f"{len(results)} checks; {len(told_of)} of them neither pass nor lack an object",
        "props": [
            *([_prop("endpoint", endpoint)] if endpoint else []),
            *([_prop("views", views)] if views else []),
            *({"name": "result", "ns": NS, "value": one.status.value, "class": one.check_id} for one in results),
        ],
        "methods": ["TEST-AUTOMATED", *(["EXAMINE"] if manual else [])],
        "types": ["finding"],
        "origins": [{"actors": [{"type": "tool", "actor-uuid": tool}]}],
        **({"subjects": subjects} if subjects else {}),
        "relevant-evidence": [{"href": "report.json", "description": "every result with its evidence"}],
        "collected": _zulu(told.activity.last or told.header.started),
        **({"remarks": "\n".join(lines)} if lines else {}),
    }


def _findings(told: Told) -> list[dict[str, Any]]:
    """One for each fail, waived or not; and one for each check that passes wherever it has an object."""
    findings = []
    by_check: dict[str, list[Result]] = {}
    for result in told.judgement.results:
        by_check.setdefault(result.check_id, []).append(result)
    for check, results in sorted(by_check.items()):
        for one in results:
            if one.status in FAILS:
                key = (told.header.run_id, one.host, one.endpoint)
                where = " ".join(filter(None, (one.host or "fleet", one.endpoint)))
                title = f"{check} on {visible(where, 300)}"
                finding = _finding(one, _uuid("finding", *key, check), title, one.message, "not-satisfied")
                finding["related-observations"] = [{"observation-uuid": _uuid("observation", *key)}]
                finding["related-risks"] = [{"risk-uuid": _uuid("risk", one.host, one.endpoint, check)}]
                findings.append(finding)
        passes = [one for one in results if one.status is Status.PASS]
        if passes and all(one.status in (Status.PASS, Status.NOT_APPLICABLE) for one in results):
            words = f"passes at {len(passes)} of {len(results)} places; it has no object at the others"
            findings.append(_finding(passes[0], _uuid("finding", told.header.run_id, check), check, words, "satisfied"))
    return findings


def _finding(result: Result, identity: str, title: str, words: str, state: str) -> dict[str, Any]:
    return {
        "uuid": identity,
        "title": title,
        "description": _word(words or result.status.value),
        "target": {
            "type": "objective-id",
            "target-id": result.check_id.lower(),
            "title": result.title,
            "status": {"state": state, "reason": "pass" if state == "satisfied" else "fail"},
        },
    }


def _risk(result: Result, check: Check | None) -> dict[str, Any]:
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    waiver = [_prop("waiver", result.waiver)] if result.waiver else []
    risk: dict[str, Any] = {
        "uuid": _uuid("risk", result.host, result.endpoint, result.check_id),
        "title": f"{result.check_id} on {visible(where, 300)}",
        "description": _word(result.message),
        "statement": check.rationale if check is not None else result.title,
        "props": [_prop("severity", result.severity.value), *waiver],
        "status": "deviation-approved" if result.status is Status.WAIVED else "open",
    }
    if result.remediation:
        identity = _uuid("remediation", result.host, result.endpoint, result.check_id)
        words = {"title": f"Mend {result.check_id}", "description": _word(result.remediation)}
        risk["remediations"] = [{"uuid": identity, "lifecycle": "recommendation", **words}]
    return risk


FORMATS = (Format("oscal", "OSCAL 1.1.3 assessment results", write),)
