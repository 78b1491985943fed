# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: a pure function from what was planned and what was seen to a verdict on every host.

No clock, no network, no file; the order of the observations changes nothing. What was planned and not seen gets its
result too: a host can't fall out of a judgement.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from ..probe.model import Observation, Target
from .ahead import Ahead, ordered
from .attestations import FAMILY as ATTESTATIONS_FAMILY
from .attestations import Attestations, apply_attestations
from .baseline import Baseline, apply_baseline
from .certificate import one_line, timestamp
from .check import Check, Scope
from .crl import NO_CRLS, Crls
from .dns_view import DnsSeen, DnsView
from .endpoints import endpoints_of, sort_out
from .fleet import expiring_next, fleet_endpoint, in_place
from .inside_view import HostInside, InsideSeen
from .mending import mending_words
from .model import FOLDING_ORDER, Coverage, Disposition, Flip, HostPlan, Judgement, Result, Status, fold
from .nmaps_word import unless_told
from .path import Trust
from .population import Population, known_of, reconcile
from .profile import CheckSettings, Profile
from .registry import all_checks
from .subject import Endpoint, EndpointSubject, Finding, FleetEndpoint, FleetSubject, HostSubject
from .trust import Anchors
from .twins import Judged, Twins, is_shared, moved, placed
from .views import views_of
from .waivers import FAMILY as WAIVERS_FAMILY
from .waivers import Waivers, apply_waivers

S = TypeVar("S")

DROWN = "POP3S-FLT-003"
"""The check that wants to know of every endpoint whether it speaks SSL 2.0."""

SHOWN_ADDRESSES = 400
"""Characters of the ranges of many addresses in a fact; longer ones are told by their hash."""

ABOUT_POLICY = (WAIVERS_FAMILY, "POP3S-BASE-", ATTESTATIONS_FAMILY)
"""Checks of what the user gave: they are made last, and nothing is waived of them."""

ASSESSED = "POP3S-COV-000"
"""The check that a host's disposition follows."""


def judge(
    *,
    run_id: str,
    plan: Sequence[HostPlan],
    targets: Sequence[Target],
    observations: Iterable[Observation],
    profile: Profile,
    anchors: Anchors,
    at: datetime.datetime,
    partial: bool = False,
    problems: Sequence[str] = (),
    expected: Mapping[str, Sequence[str]] | None = None,
    owed: Mapping[str, Collection[Target]] | None = None,
    dns: DnsSeen | None = None,
    crls: Crls = NO_CRLS,
    waivers: Waivers | None = None,
    baseline: Baseline | None = None,
    population: Population | None = None,
    inside: InsideSeen | None = None,
    attestations: Attestations | None = None,
    ahead_days: int = 0,
) -> Judgement:
    """Judge one run.

    :param run_id: observations of another run are kept out, and noted
    :param plan: the population; every host of it gets results, whatever was seen
    :param targets: the services that had to be looked at
    :param observations: what the journals hold, in any order
    :param profile: which checks, how heavy, with which parameters
    :param anchors: the trust anchors that certificates must lead to
    :param at: the clock (aware); with another one the same run can be judged as of another day
    :param partial: hosts that were excluded do not make the run incomplete
    :param problems: what is wrong with the journals themselves; each is an error of the fleet
    :param expected: vantage name -> the source addresses it was told to use (none: the kernel's choice). Each of these
        vantages owes observations of every target from each of them; what it owes and is not there is missing.
        ``None``: what is owed is read from the observations alone, so a vantage of which all is lost is not missed.
    :param owed: vantage name -> the targets that it had to look at; ``None``: every one
    :param dns: what the DNS said; ``None``: it was not asked, and checks that a profile makes only then are left out
    :param crls: revocation lists that the user gave
    :param waivers: fails that were accepted; ``None``: none were given
    :param baseline: fails that were there before; ``None``: it does not matter
    :param population: a list of hosts that the inventory is held against; ``None``: none was given
    :param inside: what the hosts show from inside; ``None``: nobody looked there, and checks that a profile makes only
        then are left out
    :param attestations: what people say of controls that no probe sees; their controls are among `all_checks` by then
    :param ahead_days: how far to look ahead for what will not pass any more; 0: not at all
    :raises ValueError: ``at`` is naive
    """
    if at.tzinfo is None:
        raise ValueError("the clock of a judgement needs a time zone")
    trust = Trust(anchors, at.astimezone(datetime.UTC), crls)
    heap = sort_out(run_id, targets, observations, expected, owed)
    profile = profile.of_run(dns=dns is not None, inside=inside is not None)
    day = trust.at.date()
    resting = tuple(id_ for id_, rule in profile.checks.items() if not rule.holds_on(day))
    every = {id_: check for id_, check in all_checks().items() if id_ in profile.checks}
    look = Ahead(profile, every, trust, ahead_days)
    profile = profile.on(day)
    checks = {id_: check for id_, check in every.items() if id_ in profile.checks}
    by_host: dict[str, list[Target]] = {}
    for target in targets:
        for name in target.hosts:
            by_host.setdefault(name, []).append(target)

    endpoints = {host.name: endpoints_of(host, by_host.get(host.name, ()), heap) for host in plan}
    if inside is not None:
        endpoints = {
            name: tuple(dataclasses.replace(one, inside=HostInside(inside.hosts.get(name))) for one in found)
            for name, found in endpoints.items()
        }
    view = None if dns is None else DnsView(run_id, dns, [(host, endpoints[host.name]) for host in plan])

    twins = Twins()
    flips: list[Flip] = []
    seen_of: list[FleetEndpoint] = []
    results: list[Result] = []
    dispositions: dict[str, Disposition] = {}
    host_status: dict[str, Status] = {}
    reasons: dict[str, int] = {}
    for host in plan:
        mine, fleet_part, later, why = _judge_host(
            host, endpoints[host.name], checks, profile, trust, view, twins, look
        )
        results += mine
        flips += later
        seen_of += fleet_part
        dispositions[host.name] = _disposition(host, mine)
        if dispositions[host.name] is not Disposition.ASSESSED:
            reasons[why] = reasons.get(why, 0) + host.count

    counted = dict.fromkeys(Disposition, 0)
    # By name: a host that stands in the plan twice has one disposition, and the equation does not hold.
    for name, size in {host.name: host.count for host in plan}.items():
        counted[dispositions[name]] += size
    inventory = sum(host.count for host in plan)
    coverage = Coverage(
        inventory,
        counted[Disposition.ASSESSED],
        counted[Disposition.UNREACHABLE],
        counted[Disposition.EXCLUDED],
        dict(sorted(reasons.items())),
    )
    strangers = sorted(set(by_host) - set(dispositions))
    fleet = FleetSubject(
        inventory,
        str(coverage),
        coverage.holds,
        (*problems, *(f"a target names {name!a}, which is no host of the population" for name in strangers)),
        (*heap.notes, *(view.notes if view is not None else ())),
        {},
        tuple(seen_of),
        coverage.excluded,
        population=None if population is None else reconcile(population, known_of(plan, targets, endpoints)),
    )
    results += _judge_fleet(checks, profile, fleet, about_policy=False)
    left_out = [
        (check, profile.deselected[id_])
        for id_, check in all_checks().items()
        if id_ in profile.deselected and profile.deselected[id_].holds_on(day) and check.owed_by(targets)
    ]
    results += [_deselected(check, settings) for check, settings in left_out]
    if waivers is not None:
        results, use = apply_waivers(waivers, plan, results, _addresses(endpoints), trust.at)
        fleet = dataclasses.replace(fleet, waivers=use)
    if baseline is not None:
        results, compared = apply_baseline(baseline, dispositions, results, trust.at)
        fleet = dataclasses.replace(fleet, baseline=compared)
    if attestations is not None:
        results, attested = apply_attestations(attestations, plan, results, _addresses(endpoints), trust.at)
        fleet = dataclasses.replace(fleet, attestations=attested)
    results += _judge_fleet(checks, profile, fleet, about_policy=True)
    statuses: dict[str, list[Status]] = {host.name: [] for host in plan}
    for result in results:
        if result.host is not None:
            statuses[result.host].append(result.status)
    for host in plan:
        host_status[host.name] = Status.NOT_TESTED if host.excluded is not None else fold(statuses[host.name])
    return Judgement(
        run_id, profile.id, profile.sha256, timestamp(at),
        tuple(sorted(results, key=lambda r: (r.host is not None, r.host or "", r.endpoint or "", r.check_id))),
        dict(sorted(dispositions.items())), dict(sorted(host_status.items())), coverage, partial, heap.mistrust,
        expiring_next(seen_of),
        tuple(
            views_of(host.name, endpoint)
            for host in sorted(plan, key=lambda host: host.name) if host.excluded is None
            for endpoint in endpoints[host.name]
        ),
        {host.name: host.count for host in plan if host.count != 1},
        resting, ordered(flips), ahead_days, tuple(check.id for check, _settings in left_out),
    )  # fmt: skip


def _judge_fleet(
    checks: Mapping[str, Check], profile: Profile, fleet: FleetSubject, *, about_policy: bool
) -> list[Result]:
    """Results about the whole run: first those that may be waived, then those about the waivers and the baseline."""
    return [
        _result(check, profile.checks[check.id], None, None, _asked(check.on_fleet, fleet))[0]
        for check in checks.values()
        if check.scope is Scope.FLEET
        and check.on_fleet is not None
        and check.id.startswith(ABOUT_POLICY) is about_policy
    ]


def _addresses(endpoints: Mapping[str, tuple[Endpoint, ...]]) -> dict[str, list[str]]:
    """Where each host was looked at."""
    return {name: [one.address for one in mine if one.address is not None] for name, mine in endpoints.items()}


def _judge_host(
    plan: HostPlan,
    endpoints: tuple[Endpoint, ...],
    checks: Mapping[str, Check],
    profile: Profile,
    trust: Trust,
    view: DnsView | None,
    twins: Twins,
    look: Ahead,
) -> tuple[list[Result], list[FleetEndpoint], list[Flip], str]:
    """Results of one host, what fleet checks need of it, what will change, and the word for why it was not assessed, if
    it was not."""
    if plan.excluded is not None:
        finding = Finding(Status.NOT_TESTED, f"excluded from this run: {plan.excluded}", reason=plan.excluded)
        result, _reason = _result(checks[ASSESSED], profile.checks[ASSESSED], plan.name, None, [finding])
        return [result], [], [], plan.excluded
    results: list[Result] = []
    seen_of: list[FleetEndpoint] = []
    why = ""

    def of_host(check: Check, settings: CheckSettings, clock: Trust) -> tuple[Result, str]:
        subject = HostSubject(plan, endpoints, settings.parameters, clock.at)
        findings = () if check.on_host is None else _asked(check.on_host, subject)
        return _result(check, settings, plan.name, None, findings)

    for check in checks.values():
        if check.on_host is not None:
            result, reason = of_host(check, profile.checks[check.id], trust)
            results.append(result)
            why = reason if check.id == ASSESSED else why
    flips = list(look.of_host(plan, _by_check(results), lambda *asked: of_host(*asked)[0]))

    def of_endpoint(endpoint: Endpoint, check: Check, settings: CheckSettings, clock: Trust) -> Result | None:
        if check.on_endpoint is None or not check.owed_by(endpoint.targets):
            return None
        question = EndpointSubject(plan, endpoint, settings.parameters, clock, clock.at, view)
        findings = unless_told(check.id, endpoint, _asked(check.on_endpoint, question))
        return _result(check, settings, plan.name, endpoint.label, findings)[0]

    for endpoint in endpoints:
        before = len(results)
        ask = functools.partial(of_endpoint, endpoint)
        own = [ask(check, profile.checks[check.id], trust) for check in checks.values() if not is_shared(check)]
        told = tuple(filter(None, own))
        results += told
        flips += look.of_endpoint(endpoint, _by_check(told), ask, lambda check: not is_shared(check))
        key = twins.key_of(plan, endpoint)
        twin = twins.find(key)
        if twin is None:
            shared = [ask(check, profile.checks[check.id], trust) for check in checks.values() if is_shared(check)]
            told = tuple(filter(None, shared))
            later = look.of_endpoint(endpoint, _by_check(told), ask, is_shared)
            twin = Judged(told, later, _of_fleet(plan, endpoint, trust, DROWN in checks))
            twins.keep(key, twin)
        results += placed(twin.results, plan.name, endpoint.label)
        results[before:] = _told_together(results[before:], endpoint)
        flips += moved(twin.ahead, plan.name, endpoint.label)
        seen_of.append(in_place(twin.fleet, plan, endpoint))
    return results, seen_of, flips, why


def _told_together(results: Sequence[Result], endpoint: Endpoint) -> list[Result]:
    """Results of an endpoint, where it stands for many addresses with these among the facts of its fails: its name is
    the same whichever they are, and a baseline that knew some must not let others through."""
    words = {word for seen in (*endpoint.sessions, *endpoint.companions) for word in seen.addresses}
    if not words or all(result.status is not Status.FAIL for result in results):
        return list(results)
    every = " ".join(sorted(words))
    fact = f"at {every}" if len(every) <= SHOWN_ADDRESSES else f"at sha256:{hashlib.sha256(every.encode()).hexdigest()}"
    return [
        dataclasses.replace(one, facts=tuple(sorted((*one.facts, fact)))) if one.status is Status.FAIL else one
        for one in results
    ]


def _by_check(results: Iterable[Result]) -> dict[str, Result]:
    return {result.check_id: result for result in results}


def _deselected(check: Check, settings: CheckSettings) -> Result:
    """What the profile names and this run was told to leave out: nobody may take its silence for a pass."""
    finding = Finding(
        Status.NOT_TESTED, "deselected: the profile names it, and this run was told to leave it out (--checks)",
        reason="deselected",
    )  # fmt: skip
    return _result(check, settings, None, None, [finding])[0]


def _of_fleet(plan: HostPlan, endpoint: Endpoint, trust: Trust, ask_ssl_2: bool) -> FleetEndpoint:
    """What fleet checks need of an endpoint; where that can't be had, an endpoint of which nothing is known."""
    try:
        return fleet_endpoint(plan, endpoint, trust, ask_ssl_2=ask_ssl_2)
    except Exception:  # noqa: BLE001 - as in `_asked`; what is not known is not_tested there
        return FleetEndpoint(plan.name, endpoint.label, plan.name, (), Status.ERROR, False, Status.ERROR)


def _asked(action: Callable[[S], Sequence[Finding]], subject: S) -> Sequence[Finding]:
    """A check's findings; a check that breaks is an error of that one result, and never a pass."""
    try:
        return action(subject)
    except Exception as error:  # noqa: BLE001 - one broken check must not cost the run its verdict
        return [
            Finding(
                Status.ERROR,
                f"the check itself broke ({type(error).__name__}: {one_line(error)}): report it",
                reason="internal-error",
            )
        ]


def _disposition(plan: HostPlan, results: Sequence[Result]) -> Disposition:
    if plan.excluded is not None:
        return Disposition.EXCLUDED
    found = [result.status for result in results if result.check_id == ASSESSED]
    return Disposition.ASSESSED if fold(found) is Status.PASS else Disposition.UNREACHABLE


def _one_line(message: str) -> str:
    """A message on one line: whatever came from outside with control characters is shown, not obeyed."""
    # Nearly every message is as it should be; to look at each character takes a tenth of the judging.
    return message if message.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)


@functools.lru_cache(maxsize=1024)
def _references(own: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    """Each once; the same tuple for every result of a check."""
    return tuple(dict.fromkeys((*own, *added)))


def _facts(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What is wrong, in the words of the fails: what was seen, taken apart where it is a list."""
    fails = [finding for finding in findings if finding.status is Status.FAIL]
    told = {part.strip() for finding in fails for part in (finding.observed or finding.message).split(", ")}
    return tuple(sorted(_one_line(part) for part in told if part))


def _mending(check: Check) -> str:
    """What mends it, and whether a role of the collection does."""
    return f"{check.remediation.rstrip()} {mending_words(check.id)}".strip()


def _result(
    check: Check, settings: CheckSettings, host: str | None, endpoint: str | None, findings: Sequence[Finding]
) -> tuple[Result, str]:
    """Fold the findings of one subject: the worst speaks, and says how many others there are."""
    if not findings:
        findings = [Finding(Status.NOT_TESTED, "the check found nothing to say", reason="internal-error")]
    ordered = list(findings)
    if len(findings) > 1:
        ordered = sorted(
            dict.fromkeys(findings), key=lambda f: (FOLDING_ORDER.index(f.status), f.message, f.observed, f.evidence)
        )
    worst = ordered[0]
    others: dict[str, int] = {}
    for finding in ordered[1:]:
        others[finding.status.value] = others.get(finding.status.value, 0) + 1
    rest = f" (and {', '.join(f'{count} {word}' for word, count in others.items())} more)" if others else ""
    evidence = dict.fromkeys(line for f in ordered if f.status is worst.status for line in f.evidence)
    result = Result(
        check.id,
        check.title,
        settings.severity,
        worst.status,
        host,
        endpoint,
        _one_line(worst.message + rest),
        worst.expected,
        worst.observed,
        tuple(evidence),
        "" if worst.status in (Status.PASS, Status.NOT_APPLICABLE) else _mending(check),
        _references(check.references, settings.references),
        facts=_facts(ordered) if worst.status is Status.FAIL else (),
    )
    return result, worst.reason or worst.status.value
