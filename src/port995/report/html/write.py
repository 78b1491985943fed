# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the pages. The first answers; a large fleet's evidence by host is in pages of their own beside it.

Whatever a host said is escaped twice over: control characters are shown (`escape.visible`), and the template engine
escapes what HTML would obey. No script runs: the pages' own policy forbids it, and there is none.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...policy.baseline import FLAPPING, KNOWN, NEW
from ...policy.certificate import CertificateFacts, read_certificate
from ...policy.endpoints import label_of
from ...policy.facts import facts_of
from ...policy.gate import OPEN_QUESTIONS
from ...policy.libraries import LibraryMissing
from ...policy.model import FOLDING_ORDER, Exit, Result, Severity, Status, Views, fold
from ...policy.registry import all_checks
from ...policy.settings import WHERE, daemons_of, setting_for
from ...probe.model import Observation
from ...probe.tls.client_hello import VERSION_NAMES
from ...probe.tls.named_groups import name_of as group_name
from ..escape import LINE_LIMIT, MESSAGE_LIMIT, paragraph, visible
from ..outlook import ahead_lines, frameworks_json
from ..side_by_side import lines_of
from ..tally import VERDICTS, tally, tally_text
from ..told import Format, Told

_MISSING = ""
if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup
else:
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError as error:
        jinja2 = Markup = None
        _MISSING = str(error)

FILE, DETAILS = "report.html", "report-hosts-{:03d}.html"
INLINE_HOSTS = 60
"""Hosts whose evidence stands in the first page; with more, it stands in pages of `HOSTS_PER_PAGE`."""

HOSTS_PER_PAGE = 50
FULL_PICTURE = 100
"""Hosts up to which the picture has a column for each check; beyond, for each family of checks."""

ROWS_TOGETHER = 100
"""Hosts in one part of the picture: a browser lays out the parts that are looked at."""

LISTED = 40
"""Results of one check that are written out in the first page."""

REASONS = 12
FIRST = Path(__file__).parent
MARKS = {
    Status.PASS: "✓", Status.FAIL: "✗", Status.WAIVED: "w", Status.NOT_APPLICABLE: "·", Status.ERROR: "!",
    Status.UNREACHABLE: "!", Status.NOT_TESTED: "!", Status.MANUAL: "!",
}  # fmt: skip
VERDICT_CLASS = {
    Exit.PASSED: "passed", Exit.FAILED: "failed", Exit.INCOMPLETE: "incomplete", Exit.CANNOT_VOUCH: "vouch",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shown:
    """A result with every text fit to be shown."""

    host: str
    endpoint: str
    check_id: str
    title: str
    severity: str
    status: str
    message: str
    expected: str
    observed: str
    evidence: str
    remediation: str
    settings: tuple[tuple[str, str], ...]


def write(told: Told) -> dict[str, bytes]:
    """The pages.

    :raises LibraryMissing: Jinja2 is not installed
    """
    if jinja2 is None:
        raise LibraryMissing(
            f"the Python library Jinja2 is needed for the report in HTML, and could not be imported ({_MISSING}):"
            " install it, for example with `pip install Jinja2`"
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FIRST), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style = (FIRST / "style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    shared = {
        # Marked as safe: it is ours, and an entity in it would be another style than the one that was hashed.
        "style": Markup(style),  # noqa: S704
        "csp": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "run_id": told.header.run_id,
        "equation": str(told.judgement.coverage),
    }
    names = list(told.judgement.dispositions)
    paged = len(names) > INLINE_HOSTS
    daemons = _daemons(told)
    files = {FILE: environment.get_template("report.html.j2").render(**shared, **_first(told, paged, daemons)).encode()}
    if paged:
        template = environment.get_template("details.html.j2")
        for number, part in enumerate(_parts(names), 1):
            hosts = [_host(told, name, daemons) for name in part]
            files[DETAILS.format(number)] = template.render(**shared, hosts=hosts).encode()
    return files


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), HOSTS_PER_PAGE):
        yield names[start : start + HOSTS_PER_PAGE]


def _first(told: Told, paged: bool, daemons: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    judgement, gate = told.judgement, told.gate
    names = list(judgement.dispositions)
    fails = [one for one in judgement.results if one.status is Status.FAIL and one.baseline != KNOWN]
    open_ones = [one for one in judgement.results if one.status in OPEN_QUESTIONS]
    accepted = [one for one in judgement.results if one.status is Status.WAIVED or one.baseline == KNOWN]
    by_family = len(names) > FULL_PICTURE
    columns = _columns(told, by_family)
    pages = [(DETAILS.format(n), part[0], part[-1]) for n, part in enumerate(_parts(names), 1)] if paged else []
    months = _months(told)
    content: dict[str, Any] = {
        "verdict": VERDICTS[gate.exit] + (", and incomplete" if gate.incomplete and gate.exit is Exit.FAILED else ""),
        "verdict_class": VERDICT_CLASS.get(gate.exit, "vouch"),
        "exit": gate.exit.value,
        "incomplete": gate.incomplete,
        "coverage": judgement.coverage,
        "counts_text": tally_text(tally(judgement.results)),
        "profile": visible(judgement.profile_id, 200),
        "judged_at": judgement.at,
        "reasons": [visible(reason, MESSAGE_LIMIT) for reason in gate.reasons[:REASONS]],
        "reasons_left": max(0, len(gate.reasons) - REASONS),
        "changes": _against_baseline(told),
        "by_family": by_family,
        "rows_together": ROWS_TOGETHER,
        "columns": columns,
        "rows": [_row(told, name, columns, by_family, number, paged) for number, name in enumerate(names)],
        "fails": _groups(fails, daemons),
        "fails_count": len(fails),
        "open_groups": _groups(open_ones, daemons),
        "open_count": len(open_ones),
        "accepted": [_shown(one, ()) for one in accepted[:LISTED]],
        "accepted_count": len(accepted),
        "months": months,
        "certificate_count": sum(month["count"] for month in months),
        "spread": _spread(told),
        "ahead": _ahead(told),
        "frameworks": frameworks_json(told.judgement),
        "detail_files": [(name, visible(first, 100), visible(last, 100)) for name, first, last in pages],
        "fleet": _fleet(told),
        "hosts": [] if paged else [_host(told, name, daemons) for name in names],
        "facts": _facts(told),
    }
    present = {
        "why": content["reasons"], "changes": content["changes"], "open": content["open_groups"],
        "accepted": accepted, "ahead": content["ahead"], "frameworks": content["frameworks"],
    }  # fmt: skip
    titles = (
        ("picture", "The fleet"), ("why", "Why"), ("changes", "Against the baseline"), ("fails", "What fails"),
        ("open", "Not proven"), ("accepted", "Waived and known"), ("certificates", "Certificates"),
        ("spread", "What servers speak"), ("ahead", "What fails next"), ("frameworks", "By framework"),
        ("hosts", "By host"), ("run", "The run"),
    )  # fmt: skip
    content["sections"] = [(id_, title) for id_, title in titles if present.get(id_, True)]
    return content


def _columns(told: Told, by_family: bool) -> list[str]:
    order = {id_: number for number, id_ in enumerate(all_checks())}
    used = {result.check_id for result in told.judgement.results if result.host is not None}
    checks = sorted(used, key=lambda id_: (order.get(id_, len(order)), id_))
    return list(dict.fromkeys(map(_family if by_family else _short, checks)))


def _short(check: str) -> str:
    return check.removeprefix("POP3S-")


def _family(check: str) -> str:
    return _short(check).rsplit("-", 1)[0]


def _row(
    told: Told, name: str, columns: Sequence[str], by_family: bool, number: int, paged: bool
) -> dict[str, Any]:
    column_of = _family if by_family else _short
    worst: dict[str, int] = {}
    known: dict[str, bool] = {}
    for result in told.by_host.get(name, ()):
        column = column_of(result.check_id)
        rank = FOLDING_ORDER.index(result.status)
        if rank < worst.get(column, len(FOLDING_ORDER)):
            worst[column], known[column] = rank, result.baseline == KNOWN
        elif rank == worst[column]:
            known[column] = known[column] and result.baseline == KNOWN
    cells = []
    for column in columns:
        if column not in worst:
            cells.append(("", ""))
            continue
        status = FOLDING_ORDER[worst[column]]
        cells.append(("known", "k") if known[column] else (status.value, MARKS[status]))
    plan = told.plans.get(name)
    page = DETAILS.format(number // HOSTS_PER_PAGE + 1) if paged else ""
    disposition = told.judgement.dispositions[name].value
    return {
        "name": visible(name, 200),
        "link": f"{page}#h{_id(name)}",
        "intent": plan.intent.value if plan is not None and plan.intent is not None else "-",
        "status": "excluded" if disposition == "excluded" else told.judgement.host_status[name].value,
        "cells": cells,
    }


@functools.lru_cache(maxsize=16384)
def _id(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _shown(result: Result, daemons: Sequence[str]) -> Shown:
    # Settings are told where something is to be mended, for the daemon that is there.
    settings = []
    if result.status in (Status.FAIL, Status.WAIVED):
        for daemon in daemons:
            setting = setting_for(result.check_id, daemon)
            if setting:
                settings.append((f"{daemon} ({WHERE[daemon]})" if daemon in WHERE else daemon, setting))
    return Shown(
        visible(result.host or "", 200),
        visible(result.endpoint or "", 300),
        result.check_id,
        result.title,
        result.severity.value,
        result.status.value,
        visible(result.message, MESSAGE_LIMIT),
        visible(result.expected, LINE_LIMIT),
        visible(result.observed, LINE_LIMIT),
        paragraph([visible(line, LINE_LIMIT) for line in result.evidence]),
        result.remediation,
        tuple(settings),
    )


def _groups(results: Iterable[Result], daemons: dict[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """By severity, check and status, the heaviest first."""
    order = tuple(Severity)
    found: dict[tuple[int, str, Status], list[Result]] = {}
    for one in results:
        found.setdefault((order.index(one.severity), one.check_id, one.status), []).append(one)
    checks = all_checks()
    groups = []
    for rank, id_, status in sorted(found, key=lambda key: (key[0], key[1], key[2].value)):
        members = found[rank, id_, status]
        check = checks.get(id_)
        there = dict.fromkeys(daemon for one in members for daemon in daemons.get(one.host or "", ()))
        settings = [(daemon, setting_for(id_, daemon)) for daemon in there if setting_for(id_, daemon)]
        groups.append(
            {
                "severity": order[rank].value,
                "id": id_,
                "title": members[0].title,
                "status": status.value,
                "rationale": check.rationale if check is not None else "",
                "remediation": members[0].remediation,
                "references": "; ".join(members[0].references),
                "settings": settings if status is Status.FAIL else [],
                "results": [_shown(one, ()) for one in members[:LISTED]],
                "left": max(0, len(members) - LISTED),
            }
        )
    return groups


def _host(told: Told, name: str, daemons: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    plan = told.plans.get(name)
    results = told.by_host.get(name, [])
    quiet = (Status.PASS, Status.NOT_APPLICABLE)
    variables = plan.variables if plan is not None else {}
    status = told.judgement.host_status.get(name, Status.ERROR).value
    return {
        "id": f"h{_id(name)}",
        "name": visible(name, 200),
        "status": status,
        "disposition": told.judgement.dispositions[name].value,
        "intent": plan.intent.value if plan is not None and plan.intent is not None else "not declared",
        "variables": ", ".join(f"{key} {visible(text, 200)}" for key, text in sorted(variables.items())),
        "views": _views(_views_by_host(told).get(name, ())),
        "told": [_shown(one, daemons.get(name, ())) for one in results if one.status not in quiet],
        "passes": _ids(one for one in results if one.status is Status.PASS),
        "nothing": _ids(one for one in results if one.status is Status.NOT_APPLICABLE),
    }


def _fleet(told: Told) -> dict[str, Any]:
    """What is about no single host, shown as one."""
    results = told.by_host.get(None, [])
    quiet = (Status.PASS, Status.NOT_APPLICABLE)
    return {
        "id": "fleet",
        "name": "The fleet as a whole",
        "status": fold(one.status for one in results).value,
        "disposition": str(told.judgement.coverage),
        "intent": "of each host its own",
        "variables": "",
        "views": [],
        "told": [_shown(one, ()) for one in results if one.status not in quiet],
        "passes": _ids(one for one in results if one.status is Status.PASS),
        "nothing": _ids(one for one in results if one.status is Status.NOT_APPLICABLE),
    }


def _ids(results: Iterable[Result]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for one in results:
        found.setdefault(visible(one.endpoint or "", 300), []).append(_short(one.check_id))
    return [(endpoint, ", ".join(ids)) for endpoint, ids in found.items()]


def _views(views: Sequence[Views]) -> list[str]:
    """What each vantage saw of the port, and where they differ."""
    lines = []
    for one in views:
        lines += [f"{one.endpoint}: {line}" for line in lines_of(one)]
        lines += [f"{one.endpoint}: they differ: {one.differ}"] if one.differ else []
    return [visible(line, LINE_LIMIT) for line in lines]


def _by_host(told: Told) -> dict[str, list[Observation]]:
    """Observations by host; made once for a run."""
    found: dict[str, list[Observation]] | None = told.__dict__.get("_observations_by_host")
    if found is None:
        found = {}
        for seen in told.observations:
            for host in seen.target.hosts:
                found.setdefault(host, []).append(seen)
        told.__dict__["_observations_by_host"] = found
    return found


def _views_by_host(told: Told) -> dict[str, list[Views]]:
    """Views by host; made once for a run."""
    found: dict[str, list[Views]] | None = told.__dict__.get("_views_by_host")
    if found is None:
        found = {}
        for one in told.judgement.views:
            found.setdefault(one.host, []).append(one)
        told.__dict__["_views_by_host"] = found
    return found


def _daemons(told: Told) -> dict[str, tuple[str, ...]]:
    return {host: daemons_of(observations) for host, observations in _by_host(told).items()}


def _against_baseline(told: Told) -> list[str]:
    counts = dict.fromkeys((NEW, FLAPPING, KNOWN), 0)
    for result in told.judgement.results:
        if result.baseline:
            counts[result.baseline] += 1
    if not any(counts.values()):
        return []
    return [f"{counts[NEW]} fails are new", f"{counts[FLAPPING]} flap", f"{counts[KNOWN]} were known"]


def _certificates(told: Told) -> dict[str, tuple[CertificateFacts, str]]:
    """Leaves that were shown, by fingerprint, and where first."""
    found: dict[str, tuple[CertificateFacts, str]] = {}
    for seen in told.observations:
        chain = list(seen.tls.certificates[:1]) if seen.tls is not None else []
        for text in (*chain, *seen.hello_certificates):
            facts = read_certificate(text)
            found.setdefault(facts.sha256, (facts, f"{seen.target.hosts[0]} {label_of(seen.target, seen.address)}"))
    return found


def _months(told: Told) -> list[dict[str, Any]]:
    at = datetime.datetime.fromisoformat(told.judgement.at)
    months: dict[str, list[tuple[datetime.datetime, str, str]]] = {}
    for facts, place in _certificates(told).values():
        if facts.not_after is not None:
            months.setdefault(f"{facts.not_after:%Y-%m}", []).append((facts.not_after, facts.subject, place))
    most = max((len(found) for found in months.values()), default=1)
    return [
        {
            "name": name,
            "count": len(found),
            "width": _width(len(found), most),
            "gone": min(found)[0] <= at,
            "first": visible(f"{min(found)[0]:%Y-%m-%d} {min(found)[1]}: {min(found)[2]}", LINE_LIMIT),
        }
        for name, found in sorted(months.items())
    ]


def _width(count: int, most: int) -> int:
    return max(1, round(20 * count / most)) if count else 0


def _spread(told: Told) -> list[dict[str, Any]]:
    versions: dict[str, int] = {}
    groups: dict[str, int] = {}
    services = 0
    for seen in told.observations:
        if seen.service != "pop3s":
            continue
        facts = facts_of(seen)
        if not facts.versions:
            continue
        services += 1
        for name in {VERSION_NAMES[one.version] for one in facts.versions}:
            versions[name] = versions.get(name, 0) + 1
        for name in {group_name(number) for one in facts.versions for number in one.groups}:
            groups[name] = groups.get(name, 0) + 1
    tables = []
    for title, head, counts in (("Versions", "Version", versions), ("Groups", "Group", groups)):
        if counts:
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            rows = [(name, count, _width(count, services)) for name, count in ordered]
            tables.append({"title": title, "head": head, "of": services, "rows": rows})
    return tables


def _ahead(told: Told) -> list[str]:
    lines = [line.strip() for line in ahead_lines(told.judgement)[2:]]
    ends = [
        f"{one.not_after[:10]} the certificate {one.subject} ends: {', '.join(one.endpoints[:3])}"
        for one in told.judgement.expiring[:REASONS]
    ]
    return [visible(line, LINE_LIMIT) for line in lines or ends]


def _facts(told: Told) -> list[tuple[str, str]]:
    header, activity = told.header, told.activity
    facts = [
        ("Started", header.started),
        ("Command", " ".join(header.command)),
        ("Profile", f"{header.profile_id}, SHA-256 {header.profile_sha256}"),
        ("Trust anchors", f"{header.anchors_source}, SHA-256 {header.anchors_sha256}"),
        ("Observations", f"{activity.observations}, {activity.connection_count} connections"),
        ("Vantages", ", ".join(f"{one.name} ({one.side})" for one in header.vantages)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in sorted(header.versions.items()))),
        ("Notes", "; ".join(header.notes)),
    ]
    facts += [(f"Origin: {key}", text) for key, text in sorted(header.origin.items())]
    return [(term, visible(text, 2 * MESSAGE_LIMIT)) for term, text in facts if text]


FORMATS = (Format("html", "a report for people: pages without scripts", write),)
