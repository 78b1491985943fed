# SPDX-License-Identifier: GPL-3.0-or-later
"""The table a person reads: one line per host, then what fails, the equation, and what the gate says.

On a terminal through rich; plain aligned text in a pipe, where rich is absent, and for Ansible's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from ..policy.baseline import KNOWN
from ..policy.gate import OPEN_QUESTIONS, reason_of
from ..policy.model import Disposition, Exit, GateVerdict, Judgement, Result, Severity, Status
from .activity import Activity
from .escape import MESSAGE_LIMIT, visible
from .outlook import ahead_lines, frameworks_lines, policy_lines
from .run_header import NOT_ASV, RunHeader
from .side_by_side import agreement, lines_of, worth_showing
from .tally import VERDICTS, days_left, endpoints_by_host, speaking_result, tally, tally_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
else:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        Console = Table = Text = None

HEADINGS = ("HOST", "INTENT", "STATUS", "ENDPOINTS", "REASON")
EXPIRING = 10
"""Certificates in the list of those that expire next; report.json has more."""

LISTED = 100
"""Findings that are written out below the table; the rest are counted."""

_WIDEST = 44
"""Columns a cell is padded to; a longer one is never cut, it moves its neighbours."""

_STYLES = {
    "pass": "green", "fail": "bold red", "error": "bold magenta", "unreachable": "magenta", "not_tested": "yellow",
    "manual": "yellow", "waived": "cyan", "not_applicable": "dim", "excluded": "yellow",
}  # fmt: skip
_SEVERITIES = tuple(Severity)


def to_text(
    judgement: Judgement, gate: GateVerdict, header: RunHeader | None = None, activity: Activity | None = None
) -> str:
    """The whole report as plain text, every line ended by a newline. It has no control characters but those."""
    rows = _rows(judgement, header)
    columns = range(len(HEADINGS) - 1)
    widths = [min(_WIDEST, max(len(row[column]) for row in (HEADINGS, *rows))) for column in columns]
    lines = [
        "  ".join([*(row[column].ljust(widths[column]) for column in columns), row[-1]]).rstrip()
        for row in (HEADINGS, *rows)
    ]
    return "\n".join([*lines, *_below(judgement, gate, header, activity)]) + "\n"


def render(
    judgement: Judgement,
    gate: GateVerdict,
    file: TextIO,
    color: bool | None = None,
    header: RunHeader | None = None,
    activity: Activity | None = None,
) -> None:
    """Write the report to a stream.

    :param color: ``True``: as on a terminal; ``False``: plain text; ``None``: as the stream is
    """
    encoding = (getattr(file, "encoding", None) or "utf-8").lower()
    wanted = file.isatty() if color is None else color
    if wanted and Console is not None and encoding.startswith("utf"):
        _render_rich(judgement, gate, file, color is True, header, activity)
        return
    # A stream that can't carry a character gets its escape; failing here would cost the user the verdict.
    file.write(to_text(judgement, gate, header, activity).encode(encoding, "backslashreplace").decode(encoding))


def _rows(judgement: Judgement, header: RunHeader | None) -> list[tuple[str, ...]]:
    intents = {host.name: host.intent for host in header.plan} if header is not None else {}
    labels = endpoints_by_host(judgement)
    mine: dict[str, list[Result]] = {name: [] for name in judgement.dispositions}
    for result in judgement.results:
        if result.host is not None:
            mine.setdefault(result.host, []).append(result)
    rows: list[tuple[str, ...]] = []
    for name, disposition in judgement.dispositions.items():
        intent = intents.get(name)
        status = judgement.host_status.get(name, Status.ERROR)
        word = "excluded" if disposition is Disposition.EXCLUDED else status.value
        told = speaking_result(mine[name], status)
        if status in (Status.PASS, Status.NOT_APPLICABLE) and disposition is Disposition.ASSESSED:
            reason = ""
        else:
            reason = f"{told.check_id}: {told.message}" if told is not None else "no result: report this as a fault"
        count = judgement.counts.get(name, 1)
        first, *others = labels.get(name) or ("-",)
        rows.append(
            (
                visible(name, MESSAGE_LIMIT) + (f" x {count}" if count != 1 else ""),
                "-" if intent is None else intent.value,
                word,
                visible(first, MESSAGE_LIMIT) + (f" +{len(others)}" if others else ""),
                visible(reason, MESSAGE_LIMIT),
            )
        )
    return rows


def _below(
    judgement: Judgement, gate: GateVerdict, header: RunHeader | None, activity: Activity | None
) -> list[str]:
    """Everything under the table."""
    lines = []
    fails = [result for result in judgement.results if result.status is Status.FAIL and result.baseline != KNOWN]
    fails.sort(key=lambda r: (_SEVERITIES.index(r.severity), r.host or "", r.endpoint or "", r.check_id))
    if fails:
        lines += ["", "Failing checks:"]
        lines += [_finding(result) for result in fails[:LISTED]]
        if len(fails) > LISTED:
            lines.append(f"  ... and {len(fails) - LISTED} more in report.json")
    lines += _accepted(judgement.results)
    lines += _unproven(judgement.results)
    lines += _side_by_side(judgement)
    lines += _expiring(judgement)
    lines += [visible(line, MESSAGE_LIMIT) for line in (*ahead_lines(judgement), *frameworks_lines(judgement))]
    lines += ["", visible(str(judgement.coverage))]
    if header is not None and header.vantage_hosts:
        # Whoever misses a server in the equation finds it here.
        names = ", ".join(header.vantage_hosts)
        lines.append(visible(f"vantages only, no part of the inventory: {names}", MESSAGE_LIMIT))
    if judgement.coverage.reasons:
        words = ", ".join(f"{word} {count}" for word, count in judgement.coverage.reasons.items())
        lines.append(f"not assessed: {visible(words, MESSAGE_LIMIT)}")
    lines.append(tally_text(tally(judgement.results)))
    lines += [visible(line, MESSAGE_LIMIT) for line in policy_lines(judgement)]
    if activity is not None:
        purposes = ", ".join(f"{count} {word}" for word, count in activity.connections.items())
        what = f"connections {activity.connection_count}" + (f" ({purposes})" if purposes else "")
        lines.append(visible(f"observations {activity.observations}, {what}", MESSAGE_LIMIT))
    if header is not None and header.population_words:
        lines.append(visible(f"list of hosts: {header.population_words}", MESSAGE_LIMIT))
    if header is not None and header.scope_words:
        lines.append(visible(f"scope: {header.scope_words}; {NOT_ASV}", MESSAGE_LIMIT))
    also = ", and the run is incomplete" if gate.exit is Exit.FAILED and gate.incomplete else ""
    lines.append(f"gate: {VERDICTS[gate.exit]} (exit {gate.exit.value}){also}")
    # Results stand above, each once; what is left are the reasons that no single result tells.
    told = {reason_of(result) for result in judgement.results}
    others = [reason for reason in gate.reasons if reason not in told and not reason.startswith("... and ")]
    return lines + [f"  - {visible(reason, MESSAGE_LIMIT)}" for reason in others]


def _accepted(results: Sequence[Result]) -> list[str]:
    """What stops no gate and does not pass: waived, known to the baseline, and what people attest."""
    lines = []
    for heading, chosen in (
        ("Waived:", [one for one in results if one.status is Status.WAIVED]),
        ("Known fails (baseline):", [one for one in results if one.baseline == KNOWN]),
        ("Attested, and not seen by the probe:", [one for one in results if one.attested]),
    ):
        if chosen:
            lines += ["", heading, *(_finding(one) for one in chosen[:LISTED])]
            if len(chosen) > LISTED:
                lines.append(f"  ... and {len(chosen) - LISTED} more in report.json")
    return lines


def _unproven(results: Iterable[Result]) -> list[str]:
    """What is open, one line per endpoint and status: the checks, and why the first of them is."""
    groups: dict[tuple[str, str, Status], list[Result]] = {}
    for result in results:
        if result.status in OPEN_QUESTIONS and not result.attested:
            groups.setdefault((result.host or "fleet", result.endpoint or "", result.status), []).append(result)
    if not groups:
        return []
    lines = ["", "Not proven:"]
    for host, endpoint, status in sorted(groups, key=lambda key: (key[0], key[1], key[2].value))[:LISTED]:
        group = groups[host, endpoint, status]
        ids = ", ".join(result.check_id for result in group)
        line = f"  {' '.join(filter(None, (host, endpoint)))}: {status.value} {ids}: {group[0].message}"
        lines.append(visible(line, 2 * MESSAGE_LIMIT))
    if len(groups) > LISTED:
        lines.append(f"  ... and {len(groups) - LISTED} more endpoints in report.json")
    return lines


def _side_by_side(judgement: Judgement) -> list[str]:
    """What several vantages saw of each port."""
    shown = worth_showing(judgement)
    lines = ["", "Views side by side:"] if shown else []
    for one in shown[:LISTED]:
        lines.append(visible(f"  {one.host} {one.endpoint}: {agreement(one)}", MESSAGE_LIMIT))
        lines += [visible(f"    {line}", MESSAGE_LIMIT) for line in lines_of(one)]
    if len(shown) > LISTED:
        lines.append(f"  ... and {len(shown) - LISTED} more endpoints in report.json")
    return lines


def _expiring(judgement: Judgement) -> list[str]:
    """The certificates that expire next, one a line."""
    if not judgement.expiring:
        return []
    lines = ["", "Certificates that expire next:"]
    for one in judgement.expiring[:EXPIRING]:
        places = ", ".join(one.endpoints[:3]) + (f" and {one.count - 3} more" if one.count > 3 else "")
        left = days_left(one, judgement)
        words = f"in {left} days" if left >= 0 else "expired"
        lines.append(visible(f"  {one.not_after} ({words}) {one.subject}: {places}", MESSAGE_LIMIT))
    if len(judgement.expiring) > EXPIRING:
        lines.append("  ... and more in report.json")
    return lines


def _finding(result: Result) -> str:
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    line = f"  [{result.severity.value.upper()}] {result.check_id} {result.title}: {where}: {result.message}"
    return visible(line, 2 * MESSAGE_LIMIT)


def _render_rich(
    judgement: Judgement,
    gate: GateVerdict,
    file: TextIO,
    forced: bool,
    header: RunHeader | None,
    activity: Activity | None,
) -> None:
    console = Console(file=file, force_terminal=forced or None, highlight=False, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("INTENT", "STATUS"))
    for row in _rows(judgement, header):
        # Text objects: rich reads nothing in them as markup.
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "") if n == 2 else "") for n, cell in enumerate(row)))
    console.print(table)
    for line in _below(judgement, gate, header, activity):
        style = ""
        if line.startswith("gate: "):
            style = {Exit.PASSED: "bold green", Exit.FAILED: "bold red"}.get(gate.exit, "bold yellow")
        console.print(Text(line, style=style), soft_wrap=True)
