# SPDX-License-Identifier: GPL-3.0-or-later
"""What one message says to one question. Everything in it is hostile: what is not an answer to the question says
nothing, and what contradicts itself is no absence."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

from .library import dns
from .model import ANSWERED, NODATA, NXDOMAIN, ROOT, Srv, Tlsa

MAX_ALIASES = 8
"""CNAME records that are followed in a row."""

MAX_RECORDS = 32
"""Records of one type at one name; nobody publishes more of these."""

MAX_DETAIL = 200
"""Characters of a server's own words (RFC 8914) that are kept."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a message says."""

    outcome: str
    detail: str = ""
    authenticated: bool = False
    aliases: tuple[str, ...] = ()
    unfinished: str = ""
    """The name at which the aliases end without a word on what is there: it has to be asked next."""

    zone: str = ""
    srv: tuple[Srv, ...] = ()
    tlsa: tuple[Tlsa, ...] = ()
    addresses: tuple[str, ...] = ()
    ttl: int = 0


def read_answer(message: dns.message.Message, name: dns.name.Name, type_: str) -> Answer:
    """Read a message that answers (name, type): its question was compared already.

    :returns: never an absence unless the message says so and nothing in it speaks against it
    """
    words = _words(message)
    code = message.rcode()
    authenticated = bool(message.flags & dns.flags.AD)
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        outcome = {dns.rcode.SERVFAIL: "servfail", dns.rcode.REFUSED: "refused"}.get(code, "failed")
        return Answer(outcome, " ".join(filter(None, (dns.rcode.to_text(code), words))))
    aliases: list[str] = []
    here = name
    while True:
        found = _find(message, here, type_)
        if found is not None:
            break
        alias = _find(message, here, "CNAME")
        if alias is None:
            break
        if len(alias) != 1:
            return Answer("malformed", "a name is an alias of several", aliases=tuple(aliases))
        here = alias[0].target
        if text_of(here) in (text_of(name), *aliases) or len(aliases) >= MAX_ALIASES:
            return Answer(
                "alias-loop", f"aliases lead in a circle, or more than {MAX_ALIASES} in a row", False, tuple(aliases)
            )
        aliases.append(text_of(here))
    so_far = Answer("", words, authenticated, tuple(aliases))
    if found is not None:
        if code == dns.rcode.NXDOMAIN:
            return dataclasses.replace(
                so_far, outcome="malformed", detail="says that the name does not exist, and what is there"
            )
        return _with_records(so_far, found, type_)
    return _absent(message, here, code, so_far)


def _absent(message: dns.message.Message, here: dns.name.Name, code: int, so_far: Answer) -> Answer:
    """A message without the record: says so, or says nothing?"""
    for rrset in message.answer:
        known = rrset.rdtype in (dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.RRSIG)
        if not known:
            return dataclasses.replace(
                so_far, outcome="malformed", detail="answers with records of another name or type"
            )
    owners = [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]
    if any(not here.is_subdomain(rrset.name) for rrset in owners):
        return dataclasses.replace(so_far, outcome="malformed", detail="denies the name in the words of another zone")
    told = dataclasses.replace(
        so_far, zone=text_of(owners[0].name) if owners else "", ttl=int(owners[0].ttl) if owners else 0
    )
    if code == dns.rcode.NXDOMAIN:
        return dataclasses.replace(told, outcome=NXDOMAIN)
    if not owners and any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority):
        return dataclasses.replace(
            told, outcome="failed", detail="refers to other servers: this one is no resolver for that name"
        )
    if so_far.aliases and not owners:
        return dataclasses.replace(told, unfinished=so_far.aliases[-1])
    return dataclasses.replace(told, outcome=NODATA)


def _with_records(so_far: Answer, found: dns.rrset.RRset, type_: str) -> Answer:
    if len(found) > MAX_RECORDS:
        return dataclasses.replace(so_far, outcome="oversize", detail=f"{len(found)} records, more than {MAX_RECORDS}")
    records: list[Any] = list(found)
    told = dataclasses.replace(so_far, outcome=ANSWERED, ttl=int(found.ttl))
    if type_ == "SRV":
        srv = (Srv(one.priority, one.weight, one.port, text_of(one.target)) for one in records)
        return dataclasses.replace(told, srv=tuple(sorted(srv, key=dataclasses.astuple)))
    if type_ == "TLSA":
        tlsa = (Tlsa(one.usage, one.selector, one.mtype, bytes(one.cert).hex()) for one in records)
        return dataclasses.replace(told, tlsa=tuple(sorted(tlsa, key=dataclasses.astuple)))
    if type_ in ("A", "AAAA"):
        addresses = (str(ipaddress.ip_address(one.address)) for one in records)
        return dataclasses.replace(told, addresses=tuple(sorted(addresses)))
    return told


def _find(message: dns.message.Message, name: dns.name.Name, type_: str) -> dns.rrset.RRset | None:
    return message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.from_text(type_))


def _words(message: dns.message.Message) -> str:
    """The server's own words on an error (RFC 8914), on one line."""
    words = []
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            text = " ".join((option.text or "").split())
            words.append(f"extended error {int(option.code)}{f' {text!a}' if text else ''}")
    return ", ".join(words)[:MAX_DETAIL]


def text_of(name: dns.name.Name) -> str:
    """A name as it stands in a `Lookup`."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ROOT
