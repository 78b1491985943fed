# SPDX-License-Identifier: GPL-3.0-or-later
"""Of several tickets the worst one counts, and one that can't be read leaves it open."""

from __future__ import annotations

import types

import pytest

from port995.probe.resumption import _worst


def ticket(lifetime: int, early: int | None = None) -> bytes:
    extension = b"" if early is None else b"\x00\x2a\x00\x04" + early.to_bytes(4, "big")
    body = lifetime.to_bytes(4, "big") + bytes(4) + b"\x01\x00" + b"\x00\x02tt" + len(extension).to_bytes(2, "big")
    return b"\x04" + len(body + extension).to_bytes(3, "big") + body + extension


@pytest.mark.parametrize(
    ("tickets", "worst"),
    [
        ([ticket(7200, 16384), ticket(300)], (7200, 16384)),
        ([ticket(300), ticket(7200, 16384)], (7200, 16384)),
        ([ticket(300), ticket(300)], (300, None)),
        ([ticket(300), b"\x04\x00\x00\x01x"], (None, None)),
        ([], (None, None)),
    ],
)
def test_the_worst_of_all_tickets_counts(tickets: list[bytes], worst: tuple[int | None, int | None]) -> None:
    assert _worst(types.SimpleNamespace(ticket_messages=tickets, version="TLSv1.3")) == worst
