# SPDX-License-Identifier: GPL-3.0-or-later
"""Many lookups, a few at a time, and all of them told: what was not made is ``not-tested``, with the reason."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from .client import look_up, not_tested
from .model import DnsPlan, DnsQuestion, Lookup

PARALLEL = 8
"""Lookups in flight."""

MAX_ROUNDS = 4
"""Rounds of questions that follow from answers."""

FOLLOWING = 4
LEAST = 1000
"""Lookups of a run at the most: so many for each that is asked at first, and these at least. Hostile answers could make
any number of questions that follow from them."""

Further = Callable[[Sequence[Lookup]], Iterable[DnsQuestion]]


def look_up_all(
    questions: Iterable[DnsQuestion],
    further: Further,
    plan: DnsPlan,
    run_id: str,
    sink: Callable[[Lookup], None],
    *,
    deadline: float | None = None,
    stopped: threading.Event | None = None,
    parallel: int = PARALLEL,
) -> tuple[Lookup, ...]:
    """Ask the questions, and those that follow from the answers, each once.

    :param further: what follows from all answers so far
    :param sink: is given each lookup as it ends, one at a time; what it raises ends all
    :param deadline: on `time.monotonic`; what is left then is not made
    :param stopped: when it is set, what is left is not made
    :returns: all lookups
    """
    stopped = stopped or threading.Event()
    done: dict[tuple[str, str], Lookup] = {}
    lookups: list[Lookup] = []
    first = _new(questions, set())
    most = max(LEAST, FOLLOWING * len(first))
    questions = first

    def one(question: DnsQuestion) -> Lookup:
        if stopped.is_set():
            return not_tested(question, run_id, "cancelled")
        budget = None if deadline is None else deadline - time.monotonic()
        if budget is not None and budget <= 0:
            return not_tested(question, run_id, "the deadline of the run was reached")
        return look_up(question, plan, run_id, budget=budget)

    with concurrent.futures.ThreadPoolExecutor(parallel, "dns") as pool:
        try:
            for _round in range(MAX_ROUNDS):
                asked = _new(questions, set(done))[: most - len(lookups)]
                if not asked:
                    break
                for ended in concurrent.futures.as_completed([pool.submit(one, question) for question in asked]):
                    lookup = ended.result()
                    done[lookup.key] = lookup
                    lookups.append(lookup)
                    sink(lookup)
                questions = further(lookups)
        except BaseException:
            stopped.set()
            raise
    return tuple(lookups)


def _new(questions: Iterable[DnsQuestion], known: set[tuple[str, str]]) -> list[DnsQuestion]:
    found: dict[tuple[str, str], DnsQuestion] = {}
    for question in questions:
        if question.key not in known:
            found.setdefault(question.key, question)
    return list(found.values())
