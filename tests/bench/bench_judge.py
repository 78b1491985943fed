# SPDX-License-Identifier: GPL-3.0-or-later
"""What judging costs as fleets grow: 200 distinct chains and transcripts, one endpoint in twenty faulty, all the checks
of a profile. Prints seconds of this process, endpoints/s and the peak of its memory; a fleet of each size is judged by a
process of its own. Not a test: `make bench` runs it.

    python -m tests.bench.bench_judge --scale 1000,2000,5000,10000 --profile strict
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from port995.policy.judge import judge
from port995.policy.model import HostPlan, Intent, Status
from port995.policy.profile import load_profile
from port995.probe.model import Capability, Hello, Observation, Target
from tests.unit.policy.certificates import NOW, anchors, chain, intermediate, leaf
from tests.unit.policy.hellos import good_hellos, taken
from tests.unit.policy.seen import GOOD_CLEAR, RUN, companion, good_tls, session, target

DISTINCT = 200
FAULTY = 20
"""One endpoint in so many is faulty."""


def transcript(number: int, profile: str) -> dict[str, object]:
    """What a server shows, and what it answers; every one has its own certificate and its own times."""
    long = number % 3 == 0
    own = leaf("Good Intermediate" if long else "Good CA")
    certificates = chain(own, intermediate()) if long else chain(own)
    hellos: tuple[Hello, ...] = tuple(
        dataclasses.replace(hello, answer_seconds=0.001 + number * 1e-6)
        for hello in good_hellos(certificates[0], profile)
    )
    found: dict[str, object] = {
        "tls": dataclasses.replace(good_tls(), certificates=certificates), "hellos": hellos,
        "hello_certificates": certificates[:1],
    }  # fmt: skip
    return found


def faults(profile: str) -> list[dict[str, object]]:
    """Servers with something wrong."""
    old = leaf(end=NOW - datetime.timedelta(days=1))
    other = leaf(dns=("other.example",))
    good = chain(leaf())
    return [
        {"tls": dataclasses.replace(good_tls(), certificates=chain(old))},
        {"tls": dataclasses.replace(good_tls(), certificates=chain(other))},
        {"tls": dataclasses.replace(good_tls(), version="TLSv1")},
        {"hellos": good_hellos(good[0], profile, old_ecdhe_rsa=taken(0xC013, 0x0301))},
        {"tls": dataclasses.replace(good_tls(), outcome="timeout", certificates=()), "pop3": None},
    ]


def fleet(count: int, profile: str) -> tuple[list[HostPlan], list[Target], list[Observation]]:
    """A fleet of so many hosts with one endpoint each."""
    shown = [transcript(number, profile) for number in range(DISTINCT)]
    behind_stls = good_hellos(chain(leaf())[0], profile)
    wrong = faults(profile)
    plan, targets, seen = [], [], []
    for number in range(count):
        name = f"h{number:05}"
        aim = target((name,), f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        plan.append(HostPlan(name, Intent.SERVE))
        targets.append(aim)
        changes = dict(shown[number % DISTINCT])
        clear = GOOD_CLEAR
        if number % FAULTY == 0:
            changes.update(wrong[number // FAULTY % len(wrong)])
        elif number % FAULTY == 1:
            clear = dataclasses.replace(GOOD_CLEAR, capabilities=(*GOOD_CLEAR.capabilities, Capability("USER")))
        seen += [session(aim, **changes), companion(aim, clear=clear, hellos=behind_stls)]
    return plan, targets, seen


def measure(count: int, profile: str) -> dict[str, float]:
    """Judge one fleet in this process."""
    plan, targets, seen = fleet(count, profile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, wall = time.process_time(), time.monotonic()
    judgement = judge(
        run_id=RUN, plan=plan, targets=targets, observations=seen, profile=load_profile(profile), anchors=anchors(),
        at=NOW,
    )  # fmt: skip
    return {
        "count": count,
        "seconds": time.process_time() - began,
        "wall": time.monotonic() - wall,
        "results": len(judgement.results),
        "fails": sum(one.status is Status.FAIL for one in judgement.results),
        "observations_mb": before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size in a process of its own, so that the memory of one is not that of the next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1000,2000,5000,10000")
    parser.add_argument("--profile", default="strict")
    parser.add_argument("--one", type=int, help="measure one size here, and print it as JSON")
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measure(given.one, given.profile)))
        return
    print(f"{'endpoints':>9} {'CPU s':>7} {'per s':>7} {'results':>8} {'fails':>6} {'before MB':>9} {'peak MB':>8}")
    for count in map(int, given.scale.split(",")):
        command = [sys.executable, "-m", "tests.bench.bench_judge", "--one", str(count), "--profile", given.profile]
        found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        rate = count / found["seconds"]
        print(
            f"{count:>9} {found['seconds']:>7.1f} {rate:>7.0f} {found['results']:>8} {found['fails']:>6}"
            f" {found['observations_mb']:>9.0f} {found['peak_mb']:>8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
