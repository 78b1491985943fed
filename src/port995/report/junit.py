# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML, for every CI there is: suite per endpoint and per host, case per check, one suite about the fleet.

The one place that touches the junit-xml package. All text is escaped before it gets there, because the package drops
illegal characters silently. Facts about the readers: GitLab shows the text of a failure and loses its
message, Jenkins drops a suite without cases, xunit knows properties of suites only. What else they want of a file is
done in `junit_flavours`.
"""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..policy.baseline import KNOWN
from ..policy.libraries import LibraryMissing
from ..policy.model import Disposition, Exit, GateVerdict, Judgement, Result, Severity, Status, Views
from .activity import Activity
from .escape import LINE_LIMIT, MESSAGE_LIMIT, for_junit, paragraph
from .junit_flavours import Flavour, head, shape
from .junit_names import FLEET, UniqueNames, case_name, classname
from .outlook import framework_properties
from .run_header import NOT_ASV, RunHeader
from .side_by_side import agreement, lines_of, worth_showing
from .tally import VERDICTS, endpoints_by_host, tally, tally_text

_MISSING = ""
if TYPE_CHECKING:
    import junit_xml
else:
    try:
        import junit_xml
    except ImportError as error:
        junit_xml = None
        _MISSING = str(error)

COVERAGE_CHECK = "POP3S-COV-000"
"""The check that says whether a host was assessed: each host has its case."""

PORT_CHECK = "POP3S-PORT-001"
"""The check whose case tells what each vantage saw of the port."""

MAX_CASES = 5000
MAX_OCTETS = 5_000_000
"""Per file. GitLab takes 30 MB, Jenkins' readers suffer far earlier."""

SKIPPED = {
    Status.NOT_TESTED: "NOT TESTED",
    Status.MANUAL: "MANUAL",
    Status.WAIVED: "WAIVED",
    Status.NOT_APPLICABLE: "N/A",
}

REASONS_SHOWN = 200
"""Gate reasons written into the gate's case."""


@dataclasses.dataclass(frozen=True)
class _Suite:
    """One suite, written."""

    text: str
    tests: int
    failures: int
    errors: int


def to_junit(
    judgement: Judgement, gate: GateVerdict, header: RunHeader, activity: Activity | None = None,
    flavour: Flavour = Flavour.JENKINS,
) -> str:
    """The whole report as one XML document.

    :param activity: what the run did, for the suites' properties
    :param flavour: who is to read it
    :raises LibraryMissing: junit-xml is not installed
    """
    return _document(list(_suites(judgement, gate, header, activity, flavour)), flavour)


def to_junit_files(
    judgement: Judgement, gate: GateVerdict, header: RunHeader, activity: Activity | None = None,
    flavour: Flavour = Flavour.JENKINS,
) -> dict[str, str]:
    """The report as files that every reader takes: ``TEST-port995.xml``, or ``TEST-port995-001.xml`` and so on when
    there are more than `MAX_CASES` cases or `MAX_OCTETS` octets. The fleet's suite is in the first.

    :returns: XML document by file name
    :raises LibraryMissing: junit-xml is not installed
    """
    shards: list[list[_Suite]] = [[]]
    cases = octets = 0
    for suite in _suites(judgement, gate, header, activity, flavour):
        size = len(suite.text.encode("utf-8"))
        if shards[-1] and (cases + suite.tests > MAX_CASES or octets + size > MAX_OCTETS):
            shards.append([])
            cases = octets = 0
        shards[-1].append(suite)
        cases += suite.tests
        octets += size
    if len(shards) == 1:
        return {"TEST-port995.xml": _document(shards[0], flavour)}
    return {f"TEST-port995-{number:03d}.xml": _document(shard, flavour) for number, shard in enumerate(shards, 1)}


def _suites(
    judgement: Judgement, gate: GateVerdict, header: RunHeader, activity: Activity | None, flavour: Flavour
) -> Iterator[_Suite]:
    if junit_xml is None:
        raise LibraryMissing(
            f"the Python library junit-xml is needed where reports are written, and could not be imported ({_MISSING}):"
            " install it there, for example with `pip install junit-xml`"
        )
    unique = UniqueNames()
    shared = _properties(judgement, header, activity)
    by_host: dict[str, list[Result]] = {host.name: [] for host in header.plan}
    by_host.update((name, []) for name in judgement.dispositions)
    fleet: list[Result] = []
    for result in judgement.results:
        (fleet if result.host is None else by_host.setdefault(result.host, [])).append(result)
    number = 1
    yield _fleet_suite(judgement, gate, header, fleet, shared, unique, flavour)
    labels = endpoints_by_host(judgement)
    places = {host.name: host.place for host in header.plan}
    views = {(one.host, one.endpoint): one for one in worth_showing(judgement)}
    for host in sorted(by_host):
        about_host = [result for result in by_host[host] if result.endpoint is None]
        if not any(result.check_id == COVERAGE_CHECK for result in about_host):
            about_host.insert(0, _lost(host))
        groups = [(f"host {host}", about_host)]
        for label in labels.get(host, ()):
            groups.append((f"endpoint {host} {label}", [r for r in by_host[host] if r.endpoint == label]))
        properties = {**shared, "endpoints": ", ".join(labels.get(host, ())) or "none"}
        if host in judgement.counts:
            properties["hosts told together"] = str(judgement.counts[host])
        for name, results in groups:
            number += 1
            cases = [
                _case(judgement, result, classname(host), unique, views.get((host, result.endpoint or "")))
                for result in results
            ]
            place = places.get(host) or header.inventory
            yield _suite(judgement, name, cases, properties, number, flavour, place, hostname=host)


def _fleet_suite(
    judgement: Judgement,
    gate: GateVerdict,
    header: RunHeader,
    results: list[Result],
    shared: dict[str, str],
    unique: UniqueNames,
    flavour: Flavour,
) -> _Suite:
    cases = [_case(judgement, result, FLEET, unique) for result in results]
    told = [for_junit(reason, MESSAGE_LIMIT) for reason in gate.reasons[:REASONS_SHOWN]]
    if len(gate.reasons) > REASONS_SHOWN:
        told.append(f"... and {len(gate.reasons) - REASONS_SHOWN} more in gate.json")
    verdict = f"exit {gate.exit.value}: {VERDICTS[gate.exit]}"
    if gate.incomplete and gate.exit is Exit.FAILED:
        verdict += ", and the run is incomplete"
    summary = [verdict, str(judgement.coverage), tally_text(tally(judgement.results))]
    if header.vantage_hosts:
        summary.append(for_junit(f"vantages only: {', '.join(header.vantage_hosts)}", MESSAGE_LIMIT))
    case = junit_xml.TestCase(unique.take(FLEET, "gate"), classname=FLEET)
    text = paragraph([*summary, *told])
    if gate.exit is Exit.FAILED:
        case.add_failure_info(verdict, text, "gate")
    elif gate.exit is not Exit.PASSED:
        case.add_error_info(verdict, text, VERDICTS[gate.exit])
    # In a case too: several readers show nothing of a suite but its cases.
    case.stdout = "\n".join(summary)
    reasons = ", ".join(f"{for_junit(word, 100)} {count}" for word, count in judgement.coverage.reasons.items())
    properties = {
        **shared,
        "vantages only": ", ".join(header.vantage_hosts) or "none",
        "equation": str(judgement.coverage),
        "not assessed": reasons or "none",
        "results": tally_text(tally(judgement.results)),
        **framework_properties(judgement),
        "gate": verdict,
    }
    return _suite(
        judgement, "fleet", [*cases, case], properties, 1, flavour, header.inventory, stdout="\n".join(summary)
    )


def _suite(
    judgement: Judgement, name: str, cases: list[Any], properties: dict[str, str], number: int, flavour: Flavour,
    place: str, **more: str,
) -> _Suite:
    suite = junit_xml.TestSuite(
        for_junit(name, MESSAGE_LIMIT),
        cases,
        id=str(number),
        package=for_junit(f"pop3s.{judgement.profile_id}", 200),
        timestamp=judgement.at.removesuffix("Z"),
        properties={key: for_junit(value, MESSAGE_LIMIT) for key, value in properties.items()},
        hostname=for_junit(more["hostname"], MESSAGE_LIMIT) if "hostname" in more else None,
        stdout=more.get("stdout"),
    )
    element = suite.build_xml_doc()
    shape(element, flavour, place)
    ET.indent(element, " ")
    counts = (int(element.get(key, "0")) for key in ("tests", "failures", "errors"))
    return _Suite(ET.tostring(element, encoding="unicode"), *counts)


def _document(suites: list[_Suite], flavour: Flavour) -> str:
    tests, failures, errors = (sum(getattr(s, key) for s in suites) for key in ("tests", "failures", "errors"))
    body = "\n".join(suite.text for suite in suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head(flavour, tests, failures, errors)}\n{body}\n</testsuites>\n'


def _case(
    judgement: Judgement, result: Result, class_: str, unique: UniqueNames, views: Views | None = None
) -> Any:
    case = junit_xml.TestCase(unique.take(class_, case_name(result)), classname=class_)
    if views is not None and result.check_id == PORT_CHECK:
        told = [f"views side by side: {agreement(views)}", *lines_of(views)]
        case.stdout = paragraph([for_junit(line, MESSAGE_LIMIT) for line in told])
    message = for_junit(result.message or result.status.value, MESSAGE_LIMIT)
    text = _text(result)
    status = result.status
    if result.check_id == COVERAGE_CHECK and result.endpoint is None:
        status = _coverage_status(judgement, result)
    if status is Status.FAIL and result.baseline == KNOWN:
        case.add_skipped_info(f"KNOWN FAIL: {message}", f"KNOWN FAIL (in the baseline): {text}")
    elif status is Status.FAIL:
        case.add_failure_info(message, text, result.severity.value)
    elif status in (Status.ERROR, Status.UNREACHABLE):
        # The type is the status as judged: a host that was not tested shows red here and is still counted as such.
        kind = status if result.status in (Status.PASS, Status.NOT_APPLICABLE) else result.status
        case.add_error_info(message, text, kind.value)
    elif status in SKIPPED:
        case.add_skipped_info(f"{SKIPPED[status]}: {message}", f"{SKIPPED[status]}: {text}")
    elif status is not Status.PASS:
        case.add_error_info(message, text, status.value)
    return case


def _coverage_status(judgement: Judgement, result: Result) -> Status:
    """How the case of a host's coverage shows: only a host that was assessed, or that a partial run left out on
    purpose, may look anything but red, since most readers draw what is skipped like what has passed."""
    disposition = judgement.dispositions.get(result.host or "")
    if disposition is Disposition.ASSESSED:
        return result.status
    if disposition is Disposition.EXCLUDED and judgement.partial and result.status is Status.NOT_TESTED:
        return result.status
    return result.status if result.status is Status.FAIL else Status.ERROR


def _lost(host: str) -> Result:
    """Stands for the coverage result that a host must have and has not."""
    return Result(
        COVERAGE_CHECK, "Host was assessed", Severity.HIGH, Status.ERROR, host, None,
        "the host is in the population and the judgement holds no result of it: report this as a fault of the program",
    )  # fmt: skip


def _text(result: Result) -> str:
    """All there is to say, since GitLab shows the text and nothing else."""
    lines = [for_junit(result.message or result.status.value, MESSAGE_LIMIT)]
    about = (("expected", result.expected), ("observed", result.observed))
    lines += [f"{word}: {for_junit(value, MESSAGE_LIMIT)}" for word, value in about if value]
    if result.remediation:
        lines.append(f"remediation: {for_junit(result.remediation, MESSAGE_LIMIT)}")
    if result.references:
        lines.append(f"references: {for_junit('; '.join(result.references), MESSAGE_LIMIT)}")
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    subject = for_junit(where, LINE_LIMIT)
    lines.append(f"status: {result.status.value}, severity: {result.severity.value}, subject: {subject}")
    # Evidence last: it is the hosts' own words, and as long as they like.
    if result.evidence:
        lines.append("evidence:")
        lines += [f"  {for_junit(line, LINE_LIMIT)}" for line in result.evidence]
    return paragraph(lines)


def _properties(judgement: Judgement, header: RunHeader, activity: Activity | None) -> dict[str, str]:
    vantages = [
        f"{v.vantage.name} ({v.vantage.side}) from {', '.join(v.sources) or 'no address'}"
        for v in (activity.vantages if activity else ())
    ] or [f"{plan.name} ({plan.side}) from {', '.join(plan.sources) or 'any address'}" for plan in header.vantages]
    return {
        "profile": f"{judgement.profile_id} sha256:{judgement.profile_sha256}",
        "run": judgement.run_id,
        "tool": f"port995 {header.tool_version}".strip(),
        "vantages": "; ".join(vantages) or "none",
        "statement": NOT_ASV,
        **({"scope": header.scope_words} if header.scope_words else {}),
        **({"population": header.population_words} if header.population_words else {}),
    }
