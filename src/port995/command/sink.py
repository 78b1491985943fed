# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a scan's observations go, and what happens when they can't be kept."""

from __future__ import annotations

from collections.abc import Callable

from ..probe.model import Observation


class Sink:
    """Takes observations until one can't be kept: that ends the scan, and its fault is the one that is told.

    Probes in flight meet the same full disk a moment later; without this each of them would print a traceback. A fault
    while a scan is being ended may go unseen by the scan: `check` it afterwards.

    :param keep: takes one observation; may raise OSError
    """

    def __init__(self, keep: Callable[[Observation], None]) -> None:
        self._keep = keep
        self._fault: OSError | None = None

    def __call__(self, seen: Observation) -> None:
        if self._fault is not None:
            return
        try:
            self._keep(seen)
        except OSError as error:
            self._fault = error
            raise

    def check(self) -> None:
        """See that every observation was kept.

        :raises OSError: the first one that was not
        """
        if self._fault is not None:
            raise self._fault
