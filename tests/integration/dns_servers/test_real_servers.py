# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups at a real authoritative server and at a real validating resolver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from port995.dns.client import look_up
from port995.dns.model import DnsQuestion, Lookup, Srv, Tlsa
from port995.dns.resolvers import plan_of

from .world import MISSING, World, world

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

RECORDS = f"""
_pop3s._tcp.signed.example. SRV 0 1 995 mail.signed.example.
_pop3s._tcp.none.example. SRV 0 0 0 .
mail.signed.example. A 192.0.2.1
alias.signed.example. CNAME mail.signed.example.
_995._tcp.mail.signed.example. TLSA 3 1 1 {"ab" * 32}
_995._tcp.alias.signed.example. CNAME _995._tcp.mail.signed.example.
""" + "".join(f"_many._tcp.signed.example. TLSA 3 0 2 {number:02x}{'cd' * 63}\n" for number in range(30))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    plain = f"_995._tcp.mail.plain.example. TLSA 3 1 1 {'ab' * 32}\n"
    with world(tmp_path_factory.mktemp("names"), RECORDS, plain, "_995._tcp.mail.bogus.example. TLSA 3 1 1 00\n") as it:
        yield it


def ask(server: str, name: str, type_: str = "SRV") -> Lookup:
    return look_up(DnsQuestion(name, type_, "a test"), plan_of(server, timeout=10), "0" * 32)


@pytest.mark.parametrize("which", ["authoritative", "validating"])
def test_what_is_there_and_what_is_not(names: World, which: str) -> None:
    server = getattr(names, which)
    there = ask(server, "_pop3s._tcp.signed.example")
    assert (there.outcome, there.srv) == ("answered", (Srv(0, 1, 995, "mail.signed.example"),))
    assert ask(server, "_pop3s._tcp.none.example").srv == (Srv(0, 0, 0, "."),)
    gone, empty = ask(server, "_pop3s._tcp.gone.example"), ask(server, "mail.signed.example")
    assert (gone.outcome, gone.zone) == ("nxdomain", ".")
    assert (empty.outcome, empty.zone) == ("nodata", ".")
    pinned = ask(server, "_995._tcp.mail.signed.example", "TLSA")
    assert pinned.tlsa == (Tlsa(3, 1, 1, "ab" * 32),)
    alias = ask(server, "_995._tcp.alias.signed.example", "TLSA")
    assert (alias.tlsa, alias.aliases) == (pinned.tlsa, ("_995._tcp.mail.signed.example",))
    for lookup in (there, gone, empty, pinned, alias):
        assert lookup.authenticated == (which == "validating"), lookup


def test_the_root_is_authenticated_by_one_that_validates_and_by_no_other(names: World) -> None:
    assert ask(names.validating, ".", "SOA").authenticated
    assert not ask(names.authoritative, ".", "SOA").authenticated


def test_an_unsigned_zone_is_insecure_and_a_forged_one_is_not_answered(names: World) -> None:
    plain = ask(names.validating, "_995._tcp.mail.plain.example", "TLSA")
    assert (plain.outcome, plain.authenticated) == ("answered", False)
    bogus = ask(names.validating, "_995._tcp.mail.bogus.example", "TLSA")
    assert (bogus.outcome, bogus.tlsa) == ("servfail", ())


def test_an_answer_that_does_not_fit_is_fetched_whole(names: World) -> None:
    many = ask(names.authoritative, "_many._tcp.signed.example", "TLSA")
    assert (many.outcome, len(many.tlsa), many.messages) == ("answered", 30, 2)
