# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns: how far apart connections to one address are, and that nobody else waits for them."""

from __future__ import annotations

import asyncio

import pytest

from port995.probe.manners import Manners


def estimate(times: list[float], findtime: float) -> int:
    """The highest count that fail2ban comes to for failures at these times (FailTicket.adjustTime, version 1.0)."""
    count, first, highest = 0, times[0], 0
    for time in map(int, times):
        if first < time - findtime:
            count, first = int(round(count / (time - first) * findtime)), time - findtime
        count += 1
        highest = max(highest, count)
    return highest


def turns(connections: int, seconds: float, wanted: int, late: float = 0.0) -> list[float]:
    """When connections to one address end that last up to ``late`` seconds, every other one that long."""
    manners = Manners(connections, seconds, clock=lambda: 0.0)
    return [manners.reserve("192.0.2.1") + (late if number % 2 else 0.0) for number in range(wanted)]


def test_without_limits_nobody_waits() -> None:
    manners = Manners()
    assert [manners.reserve("192.0.2.1") for _ in range(5)] == [0.0] * 5


def test_turns_of_one_address_are_spread_evenly() -> None:
    assert turns(3, 600.0, 5) == [0.0, 200.0, 400.0, 600.0, 800.0]


def test_another_address_does_not_wait_for_the_first() -> None:
    manners = Manners(1, 100.0, clock=lambda: 0.0)
    assert [manners.reserve(one) for one in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [0.0, 0.0, 100.0]


def test_who_comes_late_does_not_wait_and_saves_up_nothing() -> None:
    now = [0.0]
    manners = Manners(1, 100.0, clock=lambda: now[0])
    assert manners.reserve("192.0.2.1") == 0.0
    now[0] = 1000.0
    assert [manners.reserve("192.0.2.1") for _ in range(3)] == [0.0, 100.0, 200.0]


def test_the_rate_is_for_all_addresses_together() -> None:
    manners = Manners(rate=4.0, clock=lambda: 0.0)
    assert [manners.reserve("192.0.2.%d" % number) for number in range(4)] == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("late", [0.0, 0.9, 10.0, 30.0])
def test_three_in_600_seconds_never_come_to_five_by_fail2bans_estimate(late: float) -> None:
    assert estimate(turns(3, 600.0, 200, late), 600.0) < 5


def test_four_in_600_seconds_come_to_five_by_it() -> None:
    assert estimate(turns(4, 600.0, 200), 600.0) >= 5


def test_the_time_waited_is_told() -> None:
    async def second() -> float:
        manners = Manners(1, 0.05)
        await manners.turn("192.0.2.1")
        return await manners.turn("192.0.2.1")

    assert 0.0 < asyncio.run(second()) <= 0.05
