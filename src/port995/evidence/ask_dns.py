# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the DNS what a run has to know of it, and keep the answers in its folder. On the controller only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from ..dns.engine import look_up_all
from ..dns.journal import LookupWriter
from ..dns.model import DnsPlan, DnsQuestion, Lookup
from ..policy.dns_questions import first_questions, further_questions
from ..policy.model import HostPlan
from ..probe.model import Target
from .run_folder import RunError, RunFolder, run_error


def ask_dns(
    run: RunFolder, *, seconds: float | None = None, cancelled: bool = False, handle_signals: bool = False
) -> tuple[Lookup, ...]:
    """Make every lookup that a run owes, and write them to its folder; does nothing in a run that asks nobody.

    :param seconds: what is left of the run; what is not asked by then is ``not-tested``
    :param cancelled: the run was ended before: nothing is asked, and all is ``not-tested``
    :param handle_signals: SIGINT and SIGTERM end the asking in order
    :raises RunError: the file can't be written, or is there already: lookups of two times are no evidence of one
    """
    header = run.header
    if header.dns is None:
        return ()
    if os.path.lexists(run.dns_path):
        raise RunError(f"{run.dns_path} is there already: the DNS is asked once in a run")
    try:
        with LookupWriter(run.dns_path) as writer:
            return look_up_plan(
                header.dns, header.plan, header.targets, header.run_id, writer.append, seconds=seconds,
                cancelled=cancelled, handle_signals=handle_signals,
            )  # fmt: skip
    except OSError as error:
        raise run_error(run.dns_path, error) from error


def look_up_plan(
    dns: DnsPlan,
    plan: Sequence[HostPlan],
    targets: Sequence[Target],
    run_id: str,
    sink: Callable[[Lookup], None],
    *,
    seconds: float | None = None,
    cancelled: bool = False,
    handle_signals: bool = False,
) -> tuple[Lookup, ...]:
    """Ask what a plan makes necessary, and what follows from the answers; each lookup is given to the sink."""
    stopped = threading.Event()
    if cancelled:
        stopped.set()

    def further(lookups: Iterable[Lookup]) -> tuple[DnsQuestion, ...]:
        return further_questions(plan, targets, lookups)

    with _stopping(stopped, handle_signals):
        return look_up_all(
            first_questions(plan, targets), further, dns, run_id, sink,
            deadline=None if seconds is None else time.monotonic() + seconds, stopped=stopped,
        )  # fmt: skip


@contextmanager
def _stopping(stopped: threading.Event, wanted: bool) -> Iterator[None]:
    """SIGINT and SIGTERM set the event while this lasts."""
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_told: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
