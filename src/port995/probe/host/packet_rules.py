# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet filter's rules do with the first packet of a TCP connection from another host to a port of this one.

Each rule was reduced to whether it takes that packet (always, never, from some sources, maybe) and what it then does. A
condition that is not understood is a ``maybe``, and a verdict that hangs on one is ``unknown``: it is never guessed.
Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple

from .model import PortVerdict

YES, NO, SOME, MAYBE = "yes", "no", "some", "maybe"
"""Whether a rule takes the packet. `SOME`: from some sources, by their addresses."""

ACCEPT, DROP, RETURN, JUMP, GOTO, REDIRECT, NOTHING, UNCLEAR = (
    "accept", "drop", "return", "jump", "goto", "redirect", "nothing", "unclear",
)  # fmt: skip
GOES_ON = "goes on"

MAX_STEPS = 20000
"""Rules that are gone through for one question: chains that call each other can be endless."""
MAX_DEPTH = 32
MAX_BECAUSE = 6


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule, for one question."""

    takes: str
    does: str
    text: str
    chain: str = ""
    """Of `JUMP` and `GOTO`."""
    sources: Optional[Tuple[str, ...]] = None
    """Networks, where it takes `SOME`; ``None``: not known which."""


@dataclasses.dataclass(frozen=True)
class Base:
    """A chain that the kernel itself begins with."""

    chain: str
    policy: str
    """`ACCEPT` or `DROP`."""
    priority: int
    hook: str
    """``ingress``, ``prerouting``, ``input``."""
    table: str


@dataclasses.dataclass(frozen=True)
class Rules:
    """All of one table."""

    bases: Tuple[Base, ...]
    chains: Mapping[str, Sequence[Rule]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One way that the packet may go."""

    does: str
    """`ACCEPT`, `DROP`, `REDIRECT`, `UNCLEAR`, `GOES_ON`."""
    who: str
    """`YES`: all that are left; `SOME`, `MAYBE`."""
    text: str
    sources: Optional[Tuple[str, ...]] = None


class TooManyError(Exception):
    """The rules are too many, or go in circles."""


class _Walk:
    """Goes through chains; exactly one outcome of each is for the rest of the packets (`YES`)."""

    def __init__(self, chains: Mapping[str, Sequence[Rule]]) -> None:
        self._chains = chains
        self._steps = 0

    def through(self, chain: str, depth: int = 0) -> List[Outcome]:
        """The ways through a chain.

        :raises TooManyError: it has no end
        """
        if depth > MAX_DEPTH:
            raise TooManyError("chains call each other more than %d deep" % MAX_DEPTH)
        outcomes: List[Outcome] = []
        # Who is still on the way: all, or those for whom a chain that ends for the rest may not have been the end.
        left = Outcome(GOES_ON, YES, "the end of chain %s" % chain)
        for rule in self._chains.get(chain, ()):
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise TooManyError("there are more than %d rules to go through" % MAX_STEPS)
            if rule.takes == NO or rule.does == NOTHING:
                continue
            if rule.does not in (JUMP, GOTO):
                does = GOES_ON if rule.does == RETURN else rule.does
                outcomes.append(_limited(Outcome(does, rule.takes, rule.text, rule.sources), left.who, left.sources))
                if rule.takes == YES:
                    return outcomes
                continue
            inner = self.through(rule.chain, depth + 1)
            escapes = [one for one in inner if one.does == GOES_ON] if rule.does == JUMP else []
            ends = [_limited(one, rule.takes, rule.sources) for one in inner if one not in escapes]
            outcomes += [_limited(one, left.who, left.sources) for one in ends]
            if rule.takes == YES:
                if not escapes:
                    return outcomes
                if all(one.who != YES for one in escapes):
                    one = escapes[0] if len(escapes) == 1 else dataclasses.replace(left, who=MAYBE, sources=None)
                    left = dataclasses.replace(_limited(one, left.who, left.sources), text=left.text)
        return [*outcomes, left]


def _limited(outcome: Outcome, who: str, sources: Optional[Tuple[str, ...]]) -> Outcome:
    """An outcome that only these packets get to."""
    if who == YES:
        return outcome
    if outcome.who == YES:
        return dataclasses.replace(outcome, who=who, sources=sources)
    # Sources of two conditions are not put together: that both hold is a maybe.
    return dataclasses.replace(outcome, who=MAYBE, sources=None)


@dataclasses.dataclass(frozen=True)
class _Passage:
    """What one base chain does."""

    state: str
    sources: Tuple[str, ...]
    because: Tuple[str, ...]
    endless: bool = False


def _passage(base: Base, rules: Rules, family: int) -> _Passage:
    everybody = "0.0.0.0/0" if family == 4 else "::/0"
    try:
        outcomes = _Walk(rules.chains).through(base.chain)
    except TooManyError as error:
        return _Passage("unknown", (), ("%s: %s" % (base.table, error),), True)
    policy = "policy %s of chain %s" % (base.policy, base.chain)
    ways = [dataclasses.replace(o, does=base.policy, text=policy) if o.does == GOES_ON else o for o in outcomes]
    rest = next(one for one in ways if one.who == YES)
    others = [one for one in ways if one.does != rest.does]
    told = tuple("%s: %s" % (base.table, one.text[:300]) for one in (*others[: MAX_BECAUSE - 1], rest))
    redirected = tuple("%s: %s" % (base.table, one.text[:300]) for one in ways if one.does == REDIRECT)
    if redirected:
        return _Passage("redirected", (), redirected[:MAX_BECAUSE])
    if any(one.who == MAYBE or one.does == UNCLEAR for one in (*others, rest)):
        return _Passage("unknown", (), told)
    known = _joined(network for one in others for network in one.sources or ())
    unknown = any(one.sources is None for one in others)
    if rest.does == ACCEPT:
        # Let in, but for some by their address.
        return _Passage("unknown" if everybody in known else "open", (), told)
    if not others:
        return _Passage("closed", (), told)
    if unknown:
        return _Passage("unknown", (), told)
    return _Passage("open", (), told) if everybody in known else _Passage("restricted", known, told)


def _joined(networks: Iterable[str]) -> Tuple[str, ...]:
    """Networks without those that others hold."""
    found: List[str] = []
    listed = [ipaddress.ip_network(one, strict=False) for one in networks]
    four = [one for one in listed if isinstance(one, ipaddress.IPv4Network)]
    six = [one for one in listed if isinstance(one, ipaddress.IPv6Network)]
    found += [str(one) for one in ipaddress.collapse_addresses(four)]
    found += [str(one) for one in ipaddress.collapse_addresses(six)]
    return tuple(found)


HOOKS = ("ingress", "prerouting", "input")


def verdict(tables: Sequence[Rules], family: int, port: int) -> PortVerdict:
    """What all tables together do. Who drops decides; who lets in only lets it go on to the next.

    :param tables: reduced for this family and port; none: nothing filters
    """
    passages: List[Tuple[Base, _Passage]] = [
        (base, _passage(base, rules, family)) for rules in tables for base in rules.bases
    ]
    passages.sort(key=lambda one: (HOOKS.index(one[0].hook), one[0].priority, one[0].table))
    state, sources, because = _together(passages)
    # A table that can't be gone through to its end may hide one.
    hidden = any(one.endless for _base, one in passages)
    sent_on = any(one.state == "redirected" for _base, one in passages)
    redirected = True if sent_on else None if hidden else False
    return PortVerdict(family, port, state, sources, because[:MAX_BECAUSE], redirected)


def _together(passages: Sequence[Tuple[Base, _Passage]]) -> Tuple[str, Tuple[str, ...], Tuple[str, ...]]:
    """State, sources and reasons of all base chains, in the order in which the packet comes to them."""
    unknown: List[str] = []
    restricted: Optional[_Passage] = None
    because: List[str] = []
    for base, one in passages:
        if base.hook == "ingress" and one.state != "open":
            # It is there for one interface, and there may be others.
            unknown += one.because
        elif one.state == "closed":
            return "closed", (), one.because
        elif one.state == "redirected":
            return "unknown" if unknown or restricted else "redirected", (), (*one.because, *unknown)
        elif one.state == "unknown":
            unknown += one.because
        elif one.state == "restricted":
            if restricted is not None:
                # Who is in both is let in: at the most those of the first.
                unknown += one.because
            restricted = restricted or one
        else:
            because += one.because
    if restricted is not None:
        # Whatever the others do, nobody else is let in.
        return "restricted", restricted.sources, (*restricted.because, *unknown)
    if unknown:
        return "unknown", (), tuple(unknown)
    return "open", (), tuple(because) or ("no rule is about it",)
