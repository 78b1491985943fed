# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's files as evidence of a run: who is judged, and the observations. Nothing that a file leaves out is lost: a
file that is not whole, a name that did not resolve and hosts that are only counted are hosts in error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..nmap.model import NmapHost, NmapRun
from ..nmap.observe import not_told, observe, unaccounted
from ..nmap.read_xml import read_files
from ..nmap.run import Accounts
from ..policy.inventory import merge_targets, plan_host
from ..policy.model import HostPlan, Intent
from ..probe.model import Observation, Target, Vantage
from ..probe.version import __version__


@dataclasses.dataclass(frozen=True)
class NmapEvidence:
    """What files say, as the parts of a run."""

    plan: tuple[HostPlan, ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...]
    seen: tuple[tuple[NmapRun, NmapHost], ...]
    missing: tuple[str, ...]
    """Targets that had to be in the files and are not."""

    def observations(self, run_id: str) -> Iterator[Observation]:
        """An observation of each service of each target."""
        vantage = Vantage("nmap", tool_version=__version__)
        by_name = {target.hosts[0]: target for target in self.targets}
        for run, host in self.seen:
            target = by_name.get(_name(host))
            if target is None:
                continue
            for service in ("pop3s", "pop3"):
                yield observe(run, host, target, service, vantage=vantage, run_id=run_id)
        at = self.seen[0][0].started if self.seen else None
        for name in self.missing:
            for service in ("pop3s", "pop3"):
                yield not_told(
                    by_name[name], service, vantage=vantage, run_id=run_id, at=at, outcome="not-tested",
                    detail="Nmap's files do not tell of it",
                )  # fmt: skip


def read_evidence(paths: Sequence[str], intent: Intent, port: int, expected: Sequence[str] = ()) -> NmapEvidence:
    """Read files.

    :param expected: names and addresses that must be in them
    :raises NmapXmlError: as `read_files`
    """
    seen: list[tuple[NmapRun, NmapHost]] = []
    told = Accounts()

    def keep(run: NmapRun, host: NmapHost) -> None:
        seen.append((run, _narrowed(host, port)))
        told.add(host)

    runs = read_files(list(paths), keep)
    plan: dict[str, HostPlan] = {}
    aims: list[Target] = []
    notes: list[str] = []
    missing = told.missing(expected)
    for name, address in [*((_name(host), host.address) for _run, host in seen), *((one, one) for one in missing)]:
        if name in plan:
            continue
        host_plan, targets = plan_host(
            name, {"pop3s_intent": intent.value, "pop3s_address": address, "pop3s_port": port}
        )
        plan[name] = host_plan
        aims += targets
    every = [word for _run, host in seen for word in (host.address, *host.names)]
    for run in runs:
        notes.append(f"{run.source}: Nmap {run.version or '(no version)'}, {run.hosts_read} hosts")
        for name in dict.fromkeys([*unaccounted(run, every), *run.unresolved]):
            why = f"{run.source} was to scan it and does not tell of it: it did not resolve, or did not answer"
            plan.setdefault(name, HostPlan(name, intent, (why,)))
        problems = _problems(run)
        if problems:
            notes += problems
            plan[run.source] = HostPlan(run.source, intent, problems)
    merged, more = merge_targets(aims)
    return NmapEvidence(tuple(plan.values()), merged, (*notes, *more), tuple(seen), tuple(missing))


def _problems(run: NmapRun) -> tuple[str, ...]:
    found = []
    if run.problem:
        found.append(f"{run.source} is not whole: {run.problem}; scan again, what it holds is judged")
    if run.untold_down:
        found.append(
            f"{run.source}: {run.untold_down} hosts did not answer and are not named: scan with nmap -v or -Pn, which"
            " tell them one by one"
        )
    if run.complete and not run.hosts_read and not run.untold_down:
        found.append(f"{run.source} holds no host: Nmap scanned nothing, it could not resolve a name perhaps")
    return tuple(found)


def _name(host: NmapHost) -> str:
    return host.names[0] if host.names else host.address


def _narrowed(host: NmapHost, port: int) -> NmapHost:
    """The host with the ports that are judged only: memory is theirs."""
    return dataclasses.replace(host, ports=tuple(one for one in host.ports if one.port in (port, 110)))
