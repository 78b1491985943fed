# SPDX-License-Identifier: GPL-3.0-or-later
"""Judgements made by hand, so that a report is tested on every status, also on those no check gives today."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from port995.policy.gate import gate
from port995.policy.model import (
    Coverage,
    Disposition,
    GateVerdict,
    HostPlan,
    Intent,
    Judgement,
    Result,
    Severity,
    Status,
    fold,
)
from port995.probe.model import Target
from port995.report.run_header import RunHeader, VantagePlan

RUN = "0123456789abcdef" * 2
COVERAGE = "POP3S-COV-000"
HOSTILE = "\x1b[2J\x00\x07\u202e\uffff\ud800]]><script>alert(1)</script>[[ATTACHMENT|/etc/passwd]]\r\n\x85&\"'"


def result(
    host: str | None, status: Status, check: str = "POP3S-TLS-001", endpoint: str | None = None, **more
) -> Result:
    """A result with all its texts; ``more`` replaces fields."""
    fields = {
        "check_id": check,
        "title": "TLS from the first byte",
        "severity": Severity.HIGH,
        "status": status,
        "host": host,
        "endpoint": endpoint,
        "message": f"{status.value} was what came out",
        "expected": "what should be",
        "observed": "what was",
        "evidence": ("first fact", "second fact"),
        "remediation": "do this",
        "references": ("RFC 8314 section 3.1",),
    }
    return Result(**{**fields, **more})


def coverage_result(host: str, status: Status = Status.PASS, **more) -> Result:
    return result(host, status, COVERAGE, title="Host was assessed", **more)


def judgement_of(
    results: Sequence[Result], dispositions: dict[str, Disposition], *, partial: bool = False, **reasons: int
) -> Judgement:
    """Everything else follows from the results and the dispositions."""
    found = list(dispositions.values())
    coverage = Coverage(
        len(found),
        found.count(Disposition.ASSESSED),
        found.count(Disposition.UNREACHABLE),
        found.count(Disposition.EXCLUDED),
        reasons,
    )
    statuses = {
        name: Status.NOT_TESTED if what is Disposition.EXCLUDED else fold(r.status for r in results if r.host == name)
        for name, what in dispositions.items()
    }
    fleet = result(None, Status.PASS, "POP3S-FLT-001", title="Coverage equation holds", message=str(coverage))
    ordered = sorted([fleet, *results], key=lambda r: (r.host is not None, r.host or "", r.endpoint or "", r.check_id))
    return Judgement(
        RUN, "baseline", "a" * 64, "2026-11-24T12:00:00Z", tuple(ordered), dict(sorted(dispositions.items())),
        dict(sorted(statuses.items())), coverage, partial,
    )  # fmt: skip


def header_of(judgement: Judgement, **more) -> RunHeader:
    fields = {
        "run_id": judgement.run_id,
        "started": "2026-11-24T11:00:00.000Z",
        "plan": tuple(
            HostPlan(name, Intent.SERVE, excluded="--limit" if what is Disposition.EXCLUDED else None)
            for name, what in judgement.dispositions.items()
        ),
        "targets": tuple(Target((name,), name) for name in judgement.dispositions),
        "profile_id": judgement.profile_id,
        "profile_sha256": judgement.profile_sha256,
        "anchors_source": "ca.pem",
        "anchors_sha256": "b" * 64,
        "tool_version": "0.1.0",
        "vantages": (VantagePlan("controller", "inside", ("127.0.0.1",)),),
        "partial": judgement.partial,
    }
    return RunHeader(**{**fields, **more})


def told(judgement: Judgement) -> tuple[Judgement, GateVerdict, RunHeader]:
    """What every format takes."""
    return judgement, gate(judgement), header_of(judgement)


def every_status() -> Judgement:
    """One assessed host with an endpoint on which each status occurs."""
    results = [coverage_result("mx.example.org")]
    for number, status in enumerate(Status, 1):
        results.append(result("mx.example.org", status, f"POP3S-TLS-{number:03d}", "192.0.2.1:995/mx.example.org"))
    return judgement_of(results, {"mx.example.org": Disposition.ASSESSED})


def five_hosts() -> Judgement:
    """One good, one bad, one unresolvable, one dark, and one that refuses as it should."""
    results = []
    for host, label in (("good.example", "192.0.2.1:995"), ("bad.example", "192.0.2.2:995")):
        status = Status.PASS if host == "good.example" else Status.FAIL
        results += [coverage_result(host), result(host, Status.PASS, "POP3S-PORT-001", label)]
        results.append(result(host, status, "POP3S-CERT-003", label, message="the certificate expired 3 days ago"))
    results += [
        coverage_result("lost.example", Status.ERROR, message="lost.example does not resolve"),
        result("lost.example", Status.ERROR, "POP3S-PORT-001", "lost.example:995"),
        coverage_result("dark.example", Status.UNREACHABLE, message="no answer in 5 s: silence is no answer"),
        result("dark.example", Status.UNREACHABLE, "POP3S-PORT-001", "192.0.2.4:995"),
        result("dark.example", Status.NOT_TESTED, "POP3S-TLS-001", "192.0.2.4:995"),
        coverage_result("shut.example"),
        result("shut.example", Status.PASS, "POP3S-PORT-001", "192.0.2.5:995"),
        result("shut.example", Status.NOT_APPLICABLE, "POP3S-TLS-001", "192.0.2.5:995"),
    ]
    here, away = Disposition.ASSESSED, Disposition.UNREACHABLE
    return judgement_of(
        results,
        {"good.example": here, "bad.example": here, "lost.example": away, "dark.example": away, "shut.example": here},
        **{"not-found": 1, "no-response": 1},
    )


def good_host(name: str = "good.example") -> Judgement:
    results = [coverage_result(name), result(name, Status.PASS, endpoint="192.0.2.1:995")]
    return judgement_of(results, {name: Disposition.ASSESSED})


def cases_of(xml: str) -> list[ET.Element]:
    return list(ET.fromstring(xml.encode("utf-8")).iter("testcase"))
