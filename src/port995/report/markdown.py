# SPDX-License-Identifier: GPL-3.0-or-later
"""A summary in Markdown for a pull request or a job: the gate, the equation, what fails, what is open. Under 65 535
octets, which is what GitHub takes of a comment; what does not fit is counted."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from ..policy.baseline import KNOWN
from ..policy.gate import OPEN_QUESTIONS
from ..policy.model import Exit, Result, Severity, Status
from .escape import visible
from .outlook import SHOWN, ahead_lines
from .side_by_side import agreement, worth_showing
from .tally import VERDICTS, tally
from .told import Format, Told

FILE = "summary.md"
MAX_OCTETS = 65_000
CELL = 300
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~:@$^])")


def write(told: Told) -> dict[str, bytes]:
    """The summary."""
    judgement, gate = told.judgement, told.gate
    word = VERDICTS[gate.exit] + (", and incomplete" if gate.incomplete and gate.exit is Exit.FAILED else "")
    lines = [
        f"## POP3S: {word} (exit {gate.exit.value})",
        "",
        f"**{plain(str(judgement.coverage))}**",
        "",
        f"Profile {plain(judgement.profile_id)}, run {told.header.run_id}, judged {plain(judgement.at)}.",
        "",
        "| " + " | ".join(tally(judgement.results)) + " |",
        "| " + " | ".join("---:" for _status in tally(judgement.results)) + " |",
        "| " + " | ".join(str(count) for count in tally(judgement.results).values()) + " |",
    ]
    if gate.reasons:
        lines += ["", "### Why", "", *(f"- {plain(reason)}" for reason in gate.reasons)]
    if told.header.vantage_hosts:
        lines += ["", f"Vantages only, not audited: {plain(', '.join(told.header.vantage_hosts))}."]
    differ = [one for one in worth_showing(judgement) if one.differ or one.missing]
    if differ:
        lines += ["", f"### Vantages do not agree: {len(differ)}", ""]
        lines += [f"- {plain(f'{one.host} {one.endpoint}: {agreement(one)}')}" for one in differ[:SHOWN]]
        lines += [f"- ... and {len(differ) - SHOWN} more in report.json"] if len(differ) > SHOWN else []
    ahead = [line.strip() for line in ahead_lines(judgement) if line]
    if ahead:
        lines += ["", f"### {plain(ahead[0].rstrip(':'))}", "", *(f"- {plain(line)}" for line in ahead[1:])]
    order = tuple(Severity)
    fails = [one for one in judgement.results if one.status is Status.FAIL and one.baseline != KNOWN]
    fails.sort(key=lambda one: (order.index(one.severity), one.host or "", one.endpoint or "", one.check_id))
    open_ones = [one for one in judgement.results if one.status in OPEN_QUESTIONS]
    waived = [one for one in judgement.results if one.status is Status.WAIVED]
    known = [one for one in judgement.results if one.baseline == KNOWN]
    size = sum(len(line.encode()) + 1 for line in lines)
    sections = (("Fails", fails), ("Not proven", open_ones), ("Waived", waived), ("Known (baseline)", known))
    for heading, results in sections:
        if results:
            added = _table(heading, results, MAX_OCTETS - size, judgement.counts)
            lines += added
            size += sum(len(line.encode()) + 1 for line in added)
    return {FILE: ("\n".join(lines) + "\n").encode("utf-8")}


def _table(heading: str, results: Sequence[Result], room: int, counts: Mapping[str, int]) -> list[str]:
    columns = "| severity | check | where | what |"
    head = ["", f"### {heading}: {len(results)}", "", columns, "| --- | --- | --- | --- |"]
    room -= sum(len(line) + 1 for line in head) + 100
    rows: list[str] = []
    for result in results:
        where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
        together = counts.get(result.host or "", 1)
        where += f" ({together} hosts)" if together != 1 else ""
        cells = (result.severity.value, result.check_id, where, f"{result.title}: {result.message}")
        row = f"| {' | '.join(plain(one) for one in cells)} |"
        room -= len(row.encode()) + 1
        if room < 0:
            break
        rows.append(row)
    rest = len(results) - len(rows)
    more = ["", f"... and {rest} more in report.json"] if rest else []
    return [*head, *rows, *more] if rows else ["", f"### {heading}: {len(results)} (see report.json)"]


def plain(text: str) -> str:
    """Text in which nothing is Markdown, HTML, a mention or a link, and nothing ends a cell."""
    return _SPECIAL.sub(r"\\\1", html.escape(visible(text, CELL), quote=False)).replace("www.", "www&#46;")


FORMATS = (Format("markdown", "a summary for a pull request", write),)
