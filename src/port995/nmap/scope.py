# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as they were typed against the scope of a run. Python 3.9, standard library only."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Tuple

from ..probe.resolve import family_of, look_up
from ..probe.scope import Scope
from ..probe.tcp import NoRoute, route_source
from .target_syntax import TargetSpace, TargetSyntaxError

MAX_COUNTED = 65536
"""Addresses of one range that are looked at one by one."""


def left_out(word: str, scope: Scope) -> Tuple[int, int, str]:
    """How much of what was typed is out of scope. A name is in it: what it leads to is for whoever resolves it.

    :returns: how many of how many addresses, and why the first of them is; -1: too many to count
    """
    try:
        space = TargetSpace([word], limit=MAX_COUNTED)
    except TargetSyntaxError:
        return -1, MAX_COUNTED, ""
    out, first = 0, ""
    for one in space:
        why = scope.outside(one.address) if family_of(one.address) is not None else ""
        out += bool(why)
        first = first or why
    return out, space.count, first


def why_outside(word: str, scope: Scope) -> str:
    """Why Nmap left a single target out, which it does without a word; empty: it did not for the scope's sake. A name
    is resolved for it."""
    address = word.strip("[]")
    if family_of(address) is not None:
        return scope.outside(address)
    try:
        found = look_up(address)
    except (OSError, UnicodeError):
        return ""
    return next((why for why in map(scope.outside, found) if why), "")


def sources_used(words: Sequence[str], scope: Scope) -> Iterator[str]:
    """The own addresses that packets to targets would leave from, as the routing table has it; names are resolved.

    :raises TargetSyntaxError: a target has too many addresses to ask about each
    :raises OSError: a name does not resolve, or this machine can't say
    """
    for word in words:
        for one in TargetSpace([word], limit=MAX_COUNTED):
            for address in (one.address,) if family_of(one.address) is not None else look_up(one.address):
                found = _source_of(address, scope)
                if found is not None:
                    yield found


def _source_of(address: str, scope: Scope) -> Optional[str]:
    family = family_of(address)
    if family is None or scope.outside(address):
        return None
    try:
        return route_source(address, family, None)
    except NoRoute:
        return None
