# SPDX-License-Identifier: GPL-3.0-or-later
"""From a judgement to an exit code. Nothing but passes and proven absences lets it through."""

from __future__ import annotations

from .model import Disposition, Exit, GateVerdict, Judgement, Result, Severity, Status

SEVERITIES: tuple[Severity, ...] = tuple(Severity)
"""Heaviest first."""

OPEN_QUESTIONS = (Status.ERROR, Status.UNREACHABLE, Status.NOT_TESTED, Status.MANUAL)
"""Statuses that leave a run incomplete."""

MAX_LISTED = 20
"""Reasons of one kind that are written out; the rest are counted."""


def gate(judgement: Judgement, *, fail_on: Severity = Severity.LOW) -> GateVerdict:
    """Say whether the run may pass.

    :param fail_on: fails of this severity or a heavier one stop it; lighter ones are reported only. An open question
        (error, unreachable, not tested, manual) stops it whatever its severity.
    :returns: exit 4 when the equation does not hold, 1 with any such fail, 3 with any open question, host that was
        excluded in a run that was not to be partial, or empty population; 0 otherwise
    """
    coverage = judgement.coverage
    excluded = {host for host, what in judgement.dispositions.items() if what is Disposition.EXCLUDED}
    fails, questions = [], []
    for result in judgement.results:
        line = reason_of(result)
        if result.status is Status.FAIL:
            if SEVERITIES.index(result.severity) <= SEVERITIES.index(fail_on):
                fails.append(line)
        elif result.status in OPEN_QUESTIONS and result.host not in excluded:
            questions.append(line)
    gaps = []
    if coverage.inventory == 0:
        gaps.append("the population is empty: nothing was assessed")
    if excluded and not judgement.partial:
        named = ", ".join(sorted(excluded)[:MAX_LISTED])
        gaps.append(f"{len(excluded)} hosts were excluded, and a partial run was not asked for: {named}")
    if coverage.unreachable:
        gaps.append(f"{coverage.unreachable} of {coverage.inventory} hosts were not assessed")
    told = {result.host for result in judgement.results}
    untold = sorted(host for host in judgement.dispositions if host not in told)
    if untold:
        gaps.append(f"{len(untold)} hosts have no result: {', '.join(untold[:MAX_LISTED])}")
    if not coverage.assessed and not gaps:
        gaps.append("no host was assessed")
    incomplete = bool(gaps or questions)
    reasons = (*_listed(fails), *gaps, *_listed(questions))
    if not coverage.holds or _miscounted(judgement):
        return GateVerdict(Exit.CANNOT_VOUCH, True, (f"the equation does not hold: {coverage}", *reasons))
    if judgement.mistrust:
        return GateVerdict(Exit.CANNOT_VOUCH, True, (*judgement.mistrust, *reasons))
    if fails:
        return GateVerdict(Exit.FAILED, incomplete, reasons)
    if incomplete:
        return GateVerdict(Exit.INCOMPLETE, True, reasons)
    return GateVerdict(Exit.PASSED, False, ())


def reason_of(result: Result) -> str:
    """A result as one of the gate's reasons."""
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    return f"{where}: {result.check_id} {result.status.value}: {result.message}"


def _miscounted(judgement: Judgement) -> bool:
    """Whether the dispositions, host by host, say something else than the equation."""
    found = list(judgement.dispositions.values())
    coverage = judgement.coverage
    return (
        len(found) != coverage.inventory
        or found.count(Disposition.ASSESSED) != coverage.assessed
        or found.count(Disposition.UNREACHABLE) != coverage.unreachable
        or found.count(Disposition.EXCLUDED) != coverage.excluded
        or set(judgement.host_status) != set(judgement.dispositions)
    )


def _listed(lines: list[str]) -> list[str]:
    rest = len(lines) - MAX_LISTED
    return lines[:MAX_LISTED] + ([f"... and {rest} more"] if rest > 0 else [])
