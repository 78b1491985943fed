# SPDX-License-Identifier: GPL-3.0-or-later
"""One lookup: ask the resolvers of the plan in turn until one says something of the name, or the time is over."""

from __future__ import annotations

import dataclasses
import datetime
import socket
import time

from .answer import MAX_ALIASES, Answer, read_answer, text_of
from .library import MISSING, dns
from .line import MAX_STRAYS, Silence, connect, next_datagram, over_tcp
from .model import DNS_SCHEMA, DnsPlan, DnsQuestion, Lookup
from .resolvers import split

TRIES = 2
"""Rounds over all resolvers."""

PAYLOAD = 1232
"""Octets of an answer over UDP that pass everywhere (DNS Flag Day 2020)."""


@dataclasses.dataclass
class _Try:
    """What came of the tries so far."""

    answer: Answer = dataclasses.field(default_factory=lambda: Answer("timeout", "no answer within the time given"))
    resolver: str = ""
    messages: int = 0


def look_up(question: DnsQuestion, plan: DnsPlan, run_id: str, *, budget: float | None = None) -> Lookup:
    """Make one lookup.

    :param budget: seconds that are left of the whole run
    :returns: what was said, or why nothing was; whatever comes from outside raises nothing
    """
    if MISSING:
        return not_tested(question, run_id, MISSING)
    started = datetime.datetime.now(datetime.UTC)
    begin = time.monotonic()
    seconds = plan.timeout if budget is None else min(plan.timeout, budget)
    state = _Try()
    try:
        name = dns.name.from_text(question.name)
    except (dns.exception.DNSException, ValueError) as error:
        return not_tested(question, run_id, f"{question.name!a:.80} is no domain name ({type(error).__name__})")
    state.answer = _followed(name, question.type, plan, state, begin + seconds)
    answer = state.answer
    return Lookup(
        DNS_SCHEMA, run_id, question.name, question.type, question.purpose, answer.outcome, answer.detail,
        state.resolver, answer.authenticated, answer.aliases, answer.zone, answer.srv, answer.tlsa, answer.addresses,
        answer.ttl, state.messages, started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        round(time.monotonic() - begin, 3),
    )  # fmt: skip


def not_tested(question: DnsQuestion, run_id: str, why: str) -> Lookup:
    """A lookup that was not made, and why."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Lookup(DNS_SCHEMA, run_id, question.name, question.type, question.purpose, "not-tested", why, started=now)


def _followed(name: dns.name.Name, type_: str, plan: DnsPlan, state: _Try, deadline: float) -> Answer:
    """Ask for a name, and for what it is an alias of where the answer does not go to the end."""
    aliases: tuple[str, ...] = ()
    authenticated = True
    here = name
    while True:
        answer = _asked(here, type_, plan, state, deadline)
        aliases += answer.aliases
        authenticated = authenticated and answer.authenticated
        whole = dataclasses.replace(answer, aliases=aliases, authenticated=authenticated)
        if answer.outcome:
            return whole
        if len(aliases) > MAX_ALIASES or len(set(aliases)) < len(aliases) or text_of(name) in aliases:
            return dataclasses.replace(
                whole, outcome="alias-loop", detail="aliases lead in a circle", authenticated=False
            )
        here = dns.name.from_text(answer.unfinished)


def _asked(name: dns.name.Name, type_: str, plan: DnsPlan, state: _Try, deadline: float) -> Answer:
    """Ask every resolver in turn, twice, until one says something of the name."""
    last = Answer("timeout", "no answer within the time given")
    rounds = [server for _round in range(TRIES) for server in plan.servers]
    for position, server in enumerate(rounds):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        # Each gets its share of what is left, so that one that is silent does not keep the others from being asked.
        until = time.monotonic() + left / (len(rounds) - position)
        state.resolver = server
        answer = _from_one(name, type_, server, state, until)
        if answer.outcome in ("", "answered", "nodata", "nxdomain", "oversize", "alias-loop"):
            return answer
        # A timeout says less than anything else that was said.
        last = answer if answer.outcome != "timeout" or last.outcome == "timeout" else last
    return last


def _from_one(name: dns.name.Name, type_: str, server: str, state: _Try, deadline: float) -> Answer:
    address, port = split(server)
    query = _query(name, type_)
    wire = query.to_wire()
    state.messages += 1
    try:
        message = _over_udp(query, wire, address, port, deadline)
        if message is None:
            state.messages += 1
            message = _read(query, over_tcp(address, port, wire, deadline))
            if message is None:
                return Answer("malformed", "what came over TCP is no whole answer to the question")
    except Silence as error:
        return Answer(*error.args) if len(error.args) == 2 else Answer("timeout", str(error))
    except OSError as error:
        return Answer("failed", f"the resolver can't be asked ({error.strerror or error})")
    return read_answer(message, name, type_)


def _over_udp(
    query: dns.message.Message, wire: bytes, address: str, port: int, deadline: float
) -> dns.message.Message | None:
    """Ask over UDP; ``None``: the answer does not fit, and has to be asked for over TCP.

    What is no answer to the question is passed over, since anybody may send it; it is counted.

    :raises Silence: no answer came; with the outcome ``malformed`` when something else did
    """
    strays = 0
    with connect(address, port, socket.SOCK_DGRAM, deadline) as udp:
        udp.send(wire)
        while strays < MAX_STRAYS:
            try:
                data = next_datagram(udp, deadline)
            except Silence:
                break
            if _is_truncated(query, data):
                return None
            message = _read(query, data)
            if message is not None:
                return message
            strays += 1
    if strays:
        raise Silence("malformed", f"{strays} messages came that are no answer to the question")
    raise Silence("no answer within the time given")


def _query(name: dns.name.Name, type_: str) -> dns.message.Message:
    """A query that asks for recursion and shows that the AD bit is understood (RFC 6840 section 5.7)."""
    query = dns.message.make_query(name, type_, use_edns=0, payload=PAYLOAD)
    query.flags |= dns.flags.RD | dns.flags.AD
    return query


def _is_truncated(query: dns.message.Message, data: bytes) -> bool:
    """Whether it is our answer, cut off (TC). Of such a one nothing is read."""
    return len(data) >= 12 and data[:2] == query.id.to_bytes(2, "big") and data[2] & 0x82 == 0x82


def _read(query: dns.message.Message, data: bytes) -> dns.message.Message | None:
    """The message, when it can be read, is whole, and answers this very question.

    An error without a question section is none of them: RFC 1035 lets a server leave it out, but so may anybody.
    """
    if _is_truncated(query, data):
        return None
    try:
        message = dns.message.from_wire(data, ignore_trailing=False)
        fits = query.is_response(message) and message.question == query.question
    except Exception:  # noqa: BLE001 - hostile octets: whatever the library raises, it is no answer
        return None
    return message if fits else None
