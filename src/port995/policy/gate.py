# SPDX-License-Identifier: GPL-3.0-or-later
"""From a judgement to an exit code. Nothing but passes and proven absences lets it through."""

from __future__ import annotations

import dataclasses
import datetime

from .baseline import KNOWN
from .model import Disposition, Exit, GateVerdict, Judgement, Result, Severity, Status
from .registry import select

SEVERITIES: tuple[Severity, ...] = tuple(Severity)
"""Heaviest first."""

OPEN_QUESTIONS = (Status.ERROR, Status.UNREACHABLE, Status.NOT_TESTED, Status.MANUAL)
"""Statuses that leave a run incomplete."""

CLOCKS_DIFFER = datetime.timedelta(minutes=5)
"""How far ahead of the judgement's clock a vantage's may be."""

MAX_LISTED = 20
"""Reasons of one kind that are written out; the rest are counted."""


@dataclasses.dataclass(frozen=True)
class GateRules:
    """What a gate stops at. Nothing here makes a pass of what was not seen, but `min_coverage`, which says so."""

    fail_on: Severity = Severity.LOW
    """Fails of this severity or a heavier one stop it; lighter ones are reported only."""

    checks: str = ""
    """Expression over checks whose fails stop it; empty: all. Open questions stop it whatever they are of."""

    min_coverage: float = 100.0
    """Per cent of the hosts that were not excluded which have to be assessed."""

    max_waived: int | None = None
    """Waived results that it lets through; ``None``: any number."""

    max_age: float | None = None
    """Seconds that the oldest observation may be old at the judgement's clock; ``None``: any age."""

    def check(self) -> None:
        """
        :raises ValueError: a value that makes no sense; `SelectionError`: the expression chooses nothing
        """
        if not 0 < self.min_coverage <= 100:
            raise ValueError(f"the least coverage is {self.min_coverage:g}, a share above 0 and up to 100 is expected")
        if self.max_waived is not None and self.max_waived < 0:
            raise ValueError(f"the most waived results are {self.max_waived}, 0 or more is expected")
        if self.max_age is not None and not 0 < self.max_age < float("inf"):
            raise ValueError(f"the most age is {self.max_age:g}, a number of seconds is expected")
        if self.checks:
            select(self.checks)


DEFAULT_RULES = GateRules()


def gate(judgement: Judgement, rules: GateRules = DEFAULT_RULES, *, oldest: str = "") -> GateVerdict:
    """Say whether the run may pass.

    One table decides, from its top; a run that is stopped for several reasons names them all:

    | what | exit |
    | --- | --- |
    | the equation does not hold, or a probe saw no fault of its self-test | 4 |
    | a fail that counts (severity, check; not waived, not known to the baseline), or too many waived results | 1 |
    | a host not assessed beyond the least coverage, excluded in a run that was not to be partial, without a result; a
      check deselected in one that was not; an empty population; an open question (error, unreachable, not tested,
      manual that nobody attests) of a host that was assessed or of the fleet; evidence that is too old | 3 |
    | else | 0 |

    :param rules: what to stop at
    :param oldest: when the oldest observation was begun, RFC 3339; empty: there is none
    :raises SelectionError: `GateRules.checks` can't be read
    """
    coverage = judgement.coverage
    excluded = {host for host, what in judgement.dispositions.items() if what is Disposition.EXCLUDED}
    counted = set(select(rules.checks)) if rules.checks else None
    planned = coverage.inventory - coverage.excluded
    covered = planned > 0 and coverage.assessed * 100 >= rules.min_coverage * planned
    # Within the tolerance that was asked for, what is open about a host that was not assessed stops nothing.
    tolerated = set() if not covered or rules.min_coverage == 100 else {
        host for host, what in judgement.dispositions.items() if what is Disposition.UNREACHABLE
    }
    allowed = set(judgement.deselected) if judgement.partial else set()
    fails, questions = [], []
    waived = 0
    for result in judgement.results:
        if result.host is None and result.check_id in allowed:
            continue
        if result.status is Status.WAIVED:
            # A group of a search stands for many hosts, and its waiver for as many.
            waived += judgement.counts.get(result.host or "", 1)
        if result.status is Status.FAIL:
            heavy = SEVERITIES.index(result.severity) <= SEVERITIES.index(rules.fail_on)
            if heavy and (counted is None or result.check_id in counted) and result.baseline != KNOWN:
                fails.append(reason_of(result))
        elif result.attested and result.status is Status.MANUAL:
            continue
        elif result.status in OPEN_QUESTIONS and result.host not in excluded and result.host not in tolerated:
            questions.append(reason_of(result))
    if rules.max_waived is not None and waived > rules.max_waived:
        fails.append(f"{waived} results are waived, {rules.max_waived} are allowed")
    gaps = []
    if coverage.inventory == 0:
        gaps.append("the population is empty: nothing was assessed")
    if excluded and not judgement.partial:
        named = ", ".join(sorted(excluded)[:MAX_LISTED])
        gaps.append(f"{len(excluded)} hosts were excluded, and a partial run was not asked for: {named}")
    if coverage.unreachable and (rules.min_coverage == 100 or not covered):
        least = f", {rules.min_coverage:g} % have to be" if rules.min_coverage != 100 else ""
        gaps.append(f"{coverage.unreachable} of {coverage.inventory} hosts were not assessed{least}")
    told = {result.host for result in judgement.results}
    untold = sorted(host for host in judgement.dispositions if host not in told)
    if untold:
        gaps.append(f"{len(untold)} hosts have no result: {', '.join(untold[:MAX_LISTED])}")
    if not coverage.assessed and not gaps:
        gaps.append("no host was assessed")
    gaps += _too_old(judgement, rules, oldest)
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


def _too_old(judgement: Judgement, rules: GateRules, oldest: str) -> list[str]:
    if rules.max_age is None:
        return []
    if not oldest:
        return ["nothing was observed, so its age is not known"]
    try:
        age = datetime.datetime.fromisoformat(judgement.at) - datetime.datetime.fromisoformat(oldest)
    except (ValueError, TypeError):
        return [f"when the oldest observation was made can't be read ({oldest!a:.60})"]
    if age > datetime.timedelta(seconds=rules.max_age):
        return [f"the oldest observation is {age.total_seconds():.0f} s old, {rules.max_age:g} s are allowed"]
    # A clock that went back makes old evidence look young.
    return [f"the oldest observation is of {oldest}, after the judgement"] if age < -CLOCKS_DIFFER else []


def reason_of(result: Result) -> str:
    """A result as one of the gate's reasons."""
    where = " ".join(filter(None, (result.host or "fleet", result.endpoint)))
    return f"{where}: {result.check_id} {result.status.value}: {result.message}"


def _miscounted(judgement: Judgement) -> bool:
    """Whether the dispositions, host by host, say something else than the equation."""
    coverage = judgement.coverage
    found = dict.fromkeys(Disposition, 0)
    for host, what in judgement.dispositions.items():
        found[what] += judgement.counts.get(host, 1)
    return (
        sum(found.values()) != coverage.inventory
        or found[Disposition.ASSESSED] != coverage.assessed
        or found[Disposition.UNREACHABLE] != coverage.unreachable
        or found[Disposition.EXCLUDED] != coverage.excluded
        or set(judgement.host_status) != set(judgement.dispositions)
    )


def _listed(lines: list[str]) -> list[str]:
    rest = len(lines) - MAX_LISTED
    return lines[:MAX_LISTED] + ([f"... and {rest} more"] if rest > 0 else [])
