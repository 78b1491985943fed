# SPDX-License-Identifier: GPL-3.0-or-later
"""One lookup against servers that answer well, badly, not at all, or something else."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from port995.dns import client, engine
from port995.dns.client import look_up
from port995.dns.model import DnsPlan, DnsQuestion, Lookup, Srv, Tlsa

from .fake_server import SOA, Fake, Say, fake, in_stream, reply, zone

SRV = DnsQuestion("_pop3s._tcp.example.org", "SRV", "a test")
NAME = "_pop3s._tcp.example.org."
GOOD = f"{NAME} 300 IN SRV 0 1 995 mail.example.org."


def asked(say: Say, question: DnsQuestion = SRV, *, timeout: float = 2.0, tcp: bool = True) -> tuple[Lookup, Fake]:
    with fake(say, tcp=tcp) as server:
        return look_up(question, DnsPlan((server.server,), "--resolver", timeout=timeout), "0" * 32), server


def says(make: Callable[[dns.message.Message], bytes]) -> Say:
    """The same over UDP and TCP."""
    return lambda query, kind: [in_stream(make(query)) if kind == "tcp" else make(query)]


def told(*answers: str, **more: object) -> Say:
    return says(lambda query: reply(query, *answers, **more).to_wire())  # type: ignore[arg-type]


def test_srv_records_are_read_and_ordered() -> None:
    lookup, server = asked(told(f"{NAME} 300 IN SRV 10 1 1995 B.example.org.", GOOD))
    assert (lookup.outcome, lookup.ttl, lookup.authenticated) == ("answered", 300, False)
    assert lookup.srv == (Srv(0, 1, 995, "mail.example.org"), Srv(10, 1, 1995, "b.example.org"))
    assert lookup.resolver == server.server and lookup.messages == 1
    assert server.flags[0] & dns.flags.AD and server.flags[0] & dns.flags.RD


def test_the_root_as_a_target_stays_the_root() -> None:
    lookup, _server = asked(told(f"{NAME} 300 IN SRV 0 0 0 ."))
    assert lookup.srv == (Srv(0, 0, 0, "."),)


def test_tlsa_records_are_kept_as_published_usable_or_not() -> None:
    name = "_995._tcp.mail.example.org."
    lookup, _server = asked(
        told(f"{name} 60 IN TLSA 3 1 1 {'AB' * 32}", f"{name} 60 IN TLSA 200 7 9 00", ad=True),
        DnsQuestion(name[:-1], "TLSA", "a test"),
    )
    assert lookup.tlsa == (Tlsa(3, 1, 1, "ab" * 32), Tlsa(200, 7, 9, "00"))
    assert lookup.authenticated


@pytest.mark.parametrize(("type_", "data"), [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")])
def test_addresses_are_read(type_: str, data: str) -> None:
    lookup, _server = asked(told(f"a.example.org. 60 IN {type_} {data}"), DnsQuestion("a.example.org", type_, ""))
    assert lookup.addresses == (data,)


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"authority": (SOA,)}, "nodata"),
        ({}, "nodata"),
        ({"authority": (SOA,), "rcode": dns.rcode.NXDOMAIN}, "nxdomain"),
        ({"rcode": dns.rcode.SERVFAIL}, "servfail"),
        ({"rcode": dns.rcode.REFUSED}, "refused"),
        ({"rcode": dns.rcode.NOTIMP}, "failed"),
        # A referral: that server is no resolver, and says nothing of the name.
        ({"authority": ("org. 300 IN NS a.example.",)}, "failed"),
        # A denial in the words of somebody else's zone.
        ({"authority": (SOA.replace("example.org. 300", "example.com. 300"),)}, "malformed"),
    ],
    ids=str,
)
def test_absence_is_told_from_failure(more: dict[str, object], outcome: str) -> None:
    lookup, _server = asked(told(**more), timeout=1)  # type: ignore[arg-type]
    assert lookup.outcome == outcome
    assert lookup.definite == (outcome in ("nodata", "nxdomain"))
    assert lookup.zone == ("example.org" if lookup.definite and more.get("authority") else "")


def test_the_servers_own_words_on_a_failure_are_kept() -> None:
    def bogus(query: dns.message.Message) -> bytes:
        response = reply(query, rcode=dns.rcode.SERVFAIL)
        response.use_edns(0, options=[dns.edns.EDEOption(6, "signature\x1b expired")])
        return response.to_wire()

    lookup, _server = asked(says(bogus), timeout=1)
    assert lookup.outcome == "servfail"
    assert "extended error 6" in lookup.detail and "\x1b" not in lookup.detail


def test_records_of_another_name_are_no_absence_and_no_answer() -> None:
    lookup, _server = asked(told(GOOD.replace("example.org. 300", "example.com. 300")), timeout=1)
    assert (lookup.outcome, lookup.srv) == ("malformed", ())


def test_an_answer_that_denies_the_name_is_no_answer() -> None:
    lookup, _server = asked(told(GOOD, rcode=dns.rcode.NXDOMAIN), timeout=1)
    assert (lookup.outcome, lookup.srv) == ("malformed", ())


def test_aliases_are_followed_within_an_answer_and_beyond() -> None:
    within, _server = asked(
        told(f"{NAME} 60 IN CNAME elsewhere.example.", "elsewhere.example. 60 IN SRV 0 1 995 m.example.", ad=True)
    )
    assert (within.outcome, within.aliases, within.authenticated) == ("answered", ("elsewhere.example",), True)

    for first, second in ((True, True), (True, False), (False, True)):

        def step_by_step(query: dns.message.Message, first: bool = first, second: bool = second) -> bytes:
            if query.question[0].name.to_text() == NAME:
                return reply(query, f"{NAME} 60 IN CNAME elsewhere.example.", ad=first).to_wire()
            return reply(query, "elsewhere.example. 60 IN SRV 0 1 995 m.example.", ad=second).to_wire()

        beyond, server = asked(says(step_by_step))
        assert (beyond.outcome, beyond.aliases, len(server.heard)) == ("answered", ("elsewhere.example",), 2)
        assert beyond.authenticated == (first and second)


def test_an_alias_of_what_does_not_exist_is_nxdomain() -> None:
    lookup, _server = asked(told(f"{NAME} 60 IN CNAME gone.example.org.", authority=(SOA,), rcode=dns.rcode.NXDOMAIN))
    assert (lookup.outcome, lookup.aliases) == ("nxdomain", ("gone.example.org",))


def test_aliases_in_a_circle_end() -> None:
    within, _server = asked(told(f"{NAME} 60 IN CNAME b.example.", f"b.example. 60 IN CNAME {NAME}"))
    assert within.outcome == "alias-loop"

    def across(query: dns.message.Message) -> bytes:
        here = query.question[0].name.to_text()
        return reply(query, f"{here} 60 IN CNAME {'b.example.' if here == NAME else NAME}").to_wire()

    beyond, server = asked(says(across))
    assert beyond.outcome == "alias-loop" and len(server.heard) < 12

    def endless(query: dns.message.Message) -> bytes:
        here = query.question[0].name.to_text()
        return reply(query, f"{here} 60 IN CNAME a{len(here)}.{'x' * (len(here) % 50)}y.example.").to_wire()

    never, server = asked(says(endless))
    assert never.outcome == "alias-loop" and len(server.heard) < 12


def test_what_does_not_fit_is_asked_for_over_tcp_and_nothing_of_the_stump_is_read() -> None:
    def say(query: dns.message.Message, kind: str) -> list[bytes]:
        if kind == "tcp":
            return [in_stream(reply(query, GOOD).to_wire())]
        cut = reply(query, GOOD.replace("mail", "stump"))
        cut.flags |= dns.flags.TC
        return [cut.to_wire()]

    lookup, server = asked(say)
    assert [kind for kind, _name, _type in server.heard] == ["udp", "tcp"]
    assert lookup.srv == (Srv(0, 1, 995, "mail.example.org"),)


def _cut(query: dns.message.Message) -> bytes:
    cut = reply(query, GOOD)
    cut.flags |= dns.flags.TC
    return cut.to_wire()


def test_a_stump_without_the_rest_is_no_answer() -> None:
    for tcp, outcome in ((False, "failed"), (True, "malformed")):
        lookup, _server = asked(says(_cut), timeout=1, tcp=tcp)
        assert (lookup.outcome, lookup.srv) == (outcome, ())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda wire: os.urandom(200), id="noise"),
        pytest.param(lambda wire: b"", id="nothing"),
        pytest.param(lambda wire: wire[:20], id="cut off"),
        pytest.param(lambda wire: wire + b"trailing", id="more behind it"),
        pytest.param(lambda wire: bytes([wire[0] ^ 1]) + wire[1:], id="another id"),
        pytest.param(lambda wire: wire[:2] + bytes([wire[2] & 0x7F]) + wire[3:], id="a query"),
        pytest.param(lambda wire: wire[:12] + wire[12:].replace(b"pop3s", b"pop3t"), id="another question"),
        pytest.param(lambda wire: wire[:4] + b"\0\0" + wire[6:12], id="no question"),
        pytest.param(lambda wire: wire[:12] + b"\xc0\x0c" + wire[14:], id="a name that points at itself"),
        pytest.param(lambda wire: wire[:12] + b"\x3fa" * 30000, id="a name of 64 KB"),
        pytest.param(lambda wire: wire[:6] + b"\xff\xff" + wire[8:], id="records that are not there"),
    ],
)
def test_what_is_no_answer_to_the_question_is_malformed_and_ends(spoil: Callable[[bytes], bytes]) -> None:
    lookup, _server = asked(says(lambda query: spoil(reply(query, GOOD).to_wire())), timeout=0.3)
    assert (lookup.outcome, lookup.srv) == ("malformed", ())
    assert lookup.seconds < 3


def test_a_large_answer_over_tcp_with_more_records_than_anybody_publishes_is_not_believed() -> None:
    many = [f"{NAME} 60 IN SRV {n} 1 995 h{n}.example.org." for n in range(1000)]

    def say(query: dns.message.Message, kind: str) -> list[bytes]:
        return [in_stream(reply(query, *many).to_wire(max_size=65535)) if kind == "tcp" else _cut(query)]

    lookup, server = asked(say, timeout=10)
    assert server.heard[-1][0] == "tcp"
    assert (lookup.outcome, lookup.srv) == ("oversize", ())


def test_a_forged_datagram_before_the_true_answer_is_passed_over() -> None:
    def say(query: dns.message.Message, kind: str) -> list[bytes]:
        true = reply(query, GOOD).to_wire()
        forged = reply(query, GOOD.replace("mail", "evil")).to_wire()
        return [bytes([forged[0] ^ 0x55]) + forged[1:], b"x" * 100, true]

    lookup, _server = asked(say)
    assert lookup.srv == (Srv(0, 1, 995, "mail.example.org"),)


def test_a_flood_of_what_is_no_answer_ends() -> None:
    lookup, _server = asked(lambda query, kind: [b"x" * 20] * 500, timeout=2)
    assert lookup.outcome == "malformed"


def test_silence_is_a_timeout_that_ends() -> None:
    started = time.monotonic()
    lookup, server = asked(lambda query, kind: [], timeout=0.5)
    assert lookup.outcome == "timeout"
    assert len(server.heard) == client.TRIES
    assert time.monotonic() - started < 5


def test_a_stream_that_drips_ends() -> None:
    ended = threading.Event()

    def drops() -> Iterator[bytes]:
        yield struct.pack("!H", 60000)
        while not ended.wait(0.05):
            yield b"x"

    with fake(lambda query, kind: drops() if kind == "tcp" else [_cut(query)]) as server:
        lookup = look_up(SRV, DnsPlan((server.server,), "", timeout=0.8), "0" * 32)
        ended.set()
    assert (lookup.outcome, lookup.srv) == ("timeout", ())
    assert lookup.seconds < 5


def test_no_way_to_the_resolver_is_a_failure_and_no_absence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    lookup = look_up(SRV, DnsPlan((f"127.0.0.1:{port}",), "", timeout=1), "0" * 32)
    assert lookup.outcome in ("failed", "timeout")
    assert not lookup.definite


def test_the_next_resolver_is_asked_when_one_says_nothing() -> None:
    with fake(told(rcode=dns.rcode.SERVFAIL)) as bad, fake(lambda query, kind: []) as silent, fake(told(GOOD)) as good:
        plan = DnsPlan((silent.server, bad.server, good.server), "", timeout=2)
        lookup = look_up(SRV, plan, "0" * 32)
        assert (lookup.outcome, lookup.resolver) == ("answered", good.server)
        last = look_up(SRV, DnsPlan((bad.server, silent.server), "", timeout=0.4), "0" * 32)
        assert last.outcome == "servfail", "what was said is told, and not the silence after it"


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "x..example", "\udcff.example", ".".join(["a" * 60] * 5)])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    lookup = look_up(DnsQuestion(name, "SRV", ""), DnsPlan(("127.0.0.1:9",), "", timeout=1), "0" * 32)
    assert lookup.outcome == "not-tested"


def test_without_the_library_nothing_is_asked_and_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MISSING", "dnspython could not be imported: pip install 'port995[dns]'")
    lookup = look_up(SRV, DnsPlan(("127.0.0.1:9",), ""), "0" * 32)
    assert lookup.outcome == "not-tested" and "port995[dns]" in lookup.detail


def test_many_lookups_are_made_once_each_with_those_that_follow() -> None:
    say = zone({(NAME, "SRV"): ["0 1 995 mail.example.org."], ("mail.example.org.", "A"): ["192.0.2.1"]})
    seen: list[Lookup] = []

    def further(lookups: object) -> list[DnsQuestion]:
        return [SRV, DnsQuestion("mail.example.org", "A", "where it leads")]

    with fake(say) as server:
        plan = DnsPlan((server.server,), "", timeout=2)
        every = engine.look_up_all([SRV, SRV], further, plan, "0" * 32, seen.append)
        assert len(server.heard) == 2
    assert tuple(seen) == every
    assert {lookup.key: lookup.outcome for lookup in every} == {
        SRV.key: "answered", ("mail.example.org", "A"): "answered",
    }  # fmt: skip


def test_what_the_deadline_or_a_signal_cuts_off_is_told() -> None:
    plan = DnsPlan(("127.0.0.1:9",), "", timeout=1)
    late = engine.look_up_all([SRV], lambda _all: [], plan, "0" * 32, lambda _one: None, deadline=time.monotonic() - 1)
    assert [(one.outcome, one.detail) for one in late] == [("not-tested", "the deadline of the run was reached")]
    stopped = threading.Event()
    stopped.set()
    cut = engine.look_up_all([SRV], lambda _all: [], plan, "0" * 32, lambda _one: None, stopped=stopped)
    assert [(one.outcome, one.detail) for one in cut] == [("not-tested", "cancelled")]


def test_no_more_are_in_flight_than_allowed() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    questions = [DnsQuestion(f"n{number}.example.org", "A", "") for number in range(30)]

    def slow(question: DnsQuestion, plan: DnsPlan, run_id: str, *, budget: float | None = None) -> Lookup:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return client.not_tested(question, run_id, "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "look_up", slow)
        engine.look_up_all(questions, lambda _all: [], DnsPlan(("x",), ""), "", lambda _one: None, parallel=3)
    assert 1 < most[0] <= 3
