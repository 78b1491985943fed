# SPDX-License-Identifier: GPL-3.0-or-later
"""What reports cost as fleets grow: every format of one run, each by itself and all together, seconds and the peak of
memory; a fleet of each size is written by a process of its own, that has judged it before. Not a test: `make bench` runs it.

    python -m tests.bench.bench_reports --scale 500,5000
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from port995.evidence.conclude import ALWAYS
from port995.policy.gate import gate
from port995.policy.judge import judge
from port995.policy.profile import load_profile
from port995.report.activity import activity_of
from port995.report.formats import all_formats
from port995.report.run_header import RunHeader, VantagePlan
from port995.report.told import Told
from tests.bench.bench_judge import fleet
from tests.unit.policy.certificates import NOW, anchors
from tests.unit.policy.seen import RUN

SECONDS, MEGABYTES = 60.0, 1024.0
"""What 5 000 endpoints may cost, all formats together; memory with all that was judged in it."""


def told_of(endpoints: int, profile: str) -> Told:
    """The run of a fleet, judged."""
    hosts, targets, observations = fleet(endpoints, profile)
    plan = tuple(dataclasses.replace(host, place=f"hosts.yml:{number}") for number, host in enumerate(hosts, 1))
    rules = load_profile(profile)
    judgement = judge(
        run_id=RUN, plan=plan, targets=targets, observations=observations, profile=rules, anchors=anchors(), at=NOW
    )
    header = RunHeader(
        RUN, "2026-11-24T11:00:00.000Z", plan, tuple(targets), rules.id, rules.sha256, "ca.pem", "0" * 64, "0",
        vantages=(VantagePlan("controller"),), inventory="hosts.yml",
    )  # fmt: skip
    return Told(judgement, gate(judgement), header, activity_of(RUN, observations), observations=tuple(observations))


def one_size(endpoints: int, profile: str) -> dict[str, object]:
    """Write the reports of a fleet and measure."""
    told = told_of(endpoints, profile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds: dict[str, float] = {}
    octets: dict[str, int] = {}
    for one in (*ALWAYS, *all_formats().values()):
        # What formats share is worked out for each anew: none is made to look quick by the one before it.
        fresh = dataclasses.replace(told)
        begin = time.process_time()
        files = one.write(fresh)
        seconds[one.name] = time.process_time() - begin
        octets[one.name] = sum(map(len, files.values()))
        del files
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "endpoints": endpoints, "results": len(told.judgement.results), "seconds": seconds, "octets": octets,
        "before": before, "peak": peak,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="500,5000", help="endpoints, separated by commas")
    parser.add_argument("--profile", default="baseline")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one is not None:
        print(json.dumps(one_size(given.one, given.profile)))
        return
    sizes = []
    for endpoints in map(int, given.scale.split(",")):
        command = [sys.executable, "-m", "tests.bench.bench_reports", "--one", str(endpoints), "--profile", given.profile]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        sizes.append(json.loads(done.stdout))
    print("| | " + " | ".join(f"{one['endpoints']} endpoints" for one in sizes) + " |")
    print("| --- |" + " ---: |" * len(sizes))
    for name in sizes[0]["seconds"]:
        cells = [f"{one['seconds'][name]:.2f} s, {one['octets'][name] / 1e6:.1f} MB" for one in sizes]
        print(f"| `{name}` | {' | '.join(cells)} |")
    totals = [sum(one["seconds"].values()) for one in sizes]
    print("| all | " + " | ".join(f"{total:.2f} s" for total in totals) + " |")
    print("| peak, with the judged run | " + " | ".join(f"{o['peak']:.0f} MB ({o['before']:.0f})" for o in sizes) + " |")
    growth = (totals[-1] / totals[0]) / (sizes[-1]["endpoints"] / sizes[0]["endpoints"])
    print(f"\n{sizes[-1]['results']} results; time per endpoint grows {growth:.2f} times from the first to the last")
    kept = totals[-1] < SECONDS and sizes[-1]["peak"] < MEGABYTES
    print(f"under {SECONDS:.0f} s and {MEGABYTES:.0f} MB: {'yes' if kept else 'NO'}")


if __name__ == "__main__":
    main()
