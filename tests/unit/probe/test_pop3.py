# SPDX-License-Identifier: GPL-3.0-or-later
"""POP3 by RFC 1939, 2449 and 2595: the same octets mean the same whatever pieces they come in, and nothing is endless."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe import pop3
from port995.probe.model import Capability, Pop3Dialogue
from port995.probe.pop3 import APOP_CHALLENGE, Dialogue, Ended, LineReader, capability_of, status_of
from tests.hostile import behaviours
from tests.hostile.server import Server, refusing_port

from .seeing import see, see_clear, tls_target
from .tls_servers import inside, server_context
from .tls_servers import pop3 as serve

CAPA_OF_DOVECOT = (
    b"+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
)


class Peer:
    """A peer that answers each command with set octets, in set pieces. A read beyond them is the end."""

    def __init__(self, answers: Sequence[bytes], cut: Callable[[bytes], list[bytes]] = lambda octets: [octets]) -> None:
        self._answers = [cut(one) for one in answers]
        self._pending: list[bytes] = self._answers.pop(0)
        self.commands: list[bytes] = []
        self.taken = 0

    async def send(self, data: bytes) -> None:
        self.commands.append(data)
        if self._answers:
            self._pending = [*self._pending, *self._answers.pop(0)]

    async def receive(self, limit: int) -> bytes:
        while self._pending:
            piece, self._pending = self._pending[0], self._pending[1:]
            if piece:
                self.taken += len(piece)
                return piece
        return b""


async def whole(dialogue: Dialogue) -> None:
    if await dialogue.greet():
        await dialogue.capa()
        await dialogue.quit()


async def with_stls(dialogue: Dialogue) -> None:
    if await dialogue.greet():
        await dialogue.capa()
        if dialogue.may_try_stls:
            await dialogue.stls()


def talk(peer: Peer, script: Callable[[Dialogue], Awaitable[None]] = whole) -> Pop3Dialogue:
    """What a dialogue shows, without its time."""

    async def run() -> Pop3Dialogue:
        dialogue = Dialogue(peer.send, peer.receive)
        try:
            await script(dialogue)
        except Ended as ended:
            return dialogue.result(ended.outcome)
        return dialogue.result()

    return dataclasses.replace(asyncio.run(run()), seconds=0)


def said(
    greeting: bytes = b"+OK ready\r\n", capa: bytes = b"+OK\r\n.\r\n", quit_reply: bytes = b"+OK bye\r\n"
) -> Pop3Dialogue:
    return talk(Peer([greeting, capa, quit_reply]))


def names(seen: Pop3Dialogue) -> list[str]:
    return [one.name for one in seen.capabilities]


def test_a_dialogue_as_it_should_be() -> None:
    peer = Peer([b"+OK Dovecot ready.\r\n", CAPA_OF_DOVECOT, b"+OK Logging out\r\n"])
    seen = talk(peer)
    assert peer.commands == [b"CAPA\r\n", b"QUIT\r\n"]
    assert (seen.outcome, seen.ended_in, seen.capa_status) == ("completed", None, "listed")
    assert (seen.greeting, seen.greeting_status, seen.apop_challenge) == ("+OK Dovecot ready.", "+OK", None)
    assert (seen.capa_reply, seen.quit_reply, seen.stls_reply) == ("+OK", "+OK Logging out", None)
    assert names(seen) == ["CAPA", "TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER", "SASL"]
    assert seen.capabilities[-1] == Capability("SASL", ("PLAIN", "LOGIN"))


@pytest.mark.parametrize(
    "line", [b"IMPLEMENTATION Cyrus-3.4.1", b"IMPLEMENTATION a.b\r\n..c", b"X .", b"X. y", b"X\r\n.. Z"]
)
def test_a_dot_inside_a_line_does_not_end_the_list(line: bytes) -> None:
    seen = said(capa=b"+OK\r\nTOP\r\n" + line + b"\r\nUSER\r\n.\r\n")
    assert seen.capa_status == "listed"
    assert names(seen)[0] == "TOP" and names(seen)[-1] == "USER"


def test_the_version_of_cyrus_is_whole() -> None:
    seen = said(capa=b"+OK List of capabilities follows\r\nIMPLEMENTATION Cyrus-3.4.1\r\nSASL PLAIN\r\n.\r\n")
    assert seen.capabilities == (Capability("IMPLEMENTATION", ("Cyrus-3.4.1",)), Capability("SASL", ("PLAIN",)))


@pytest.mark.parametrize(("sent", "name"), [(b"..", "."), (b"..X", ".X"), (b"...", ".."), (b".X", "X"), (b". Y", "Y")])
def test_dots_are_unstuffed_once(sent: bytes, name: str) -> None:
    """RFC 1939 section 3: a line that begins with a dot and is no end has that dot taken off."""
    assert names(said(capa=b"+OK\r\n" + sent + b"\r\nUSER\r\n.\r\n")) == [name, "USER"]


@pytest.mark.parametrize("end", [b".\n", b".", b"", b".\r", b". \r\n", b"..\r\n", b"\r.\r\n"])
def test_only_crlf_dot_crlf_ends_the_list(end: bytes) -> None:
    seen = said(capa=b"+OK\r\nTOP\r\nUSER\r\n" + end, quit_reply=b"")
    assert seen.capa_status in ("incomplete", "malformed")
    assert (seen.outcome, seen.ended_in, seen.quit_reply) == (
        "malformed" if end == b".\n" else "eof", "capa", None,
    )  # fmt: skip
    assert seen.capabilities == ()


def test_an_empty_list_is_a_list() -> None:
    seen = said(capa=b"+OK\r\n.\r\n")
    assert (seen.outcome, seen.capa_status, seen.capabilities) == ("completed", "listed", ())


@pytest.mark.parametrize("line", [b"", b"  ", b"\t"])
def test_a_line_without_a_tag_spoils_the_list(line: bytes) -> None:
    seen = said(capa=b"+OK\r\nTOP\r\n" + line + b"\r\n.\r\n")
    assert (seen.outcome, seen.capa_status, seen.capabilities) == ("malformed", "malformed", ())


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [(b"+OK ready\n", "malformed"), (b"+OK\nCAPA\r\n", "malformed"), (b"\n", "malformed"), (b"+OK ready\r", "eof")],
)
def test_a_bare_line_feed_ends_no_line(greeting: bytes, outcome: str) -> None:
    seen = talk(Peer([greeting]))
    assert (seen.outcome, seen.ended_in, seen.greeting) == (outcome, "greeting", None)


def test_a_bare_line_feed_in_a_list_spoils_it() -> None:
    seen = said(capa=b"+OK\r\nTOP\nUSER\r\n.\r\n")
    assert (seen.outcome, seen.ended_in, seen.capa_status) == ("malformed", "capa", "malformed")


@pytest.mark.parametrize(
    ("greeting", "challenge"),
    [
        (b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "<1896.697170952@dbc.mtview.ca.us>"),
        (b"+OK <1@a> ready, have fun", "<1@a>"),
        (b"+OK<1@a>", "<1@a>"),
        (b"+OK <first> then <2@b> then <3@c>", "<2@b>"),
        (b"+OK <<4@d>>", "<4@d>"),
        (b"+OK mail <postmaster at example.org>", None),
        (b"+OK a < b@c", None),
        (b"+OK < 5@e >", None),
        (b"+OK <@>", None),
        (b"+OK", None),
    ],
)
def test_the_challenge_of_apop_is_found_anywhere_in_the_greeting(greeting: bytes, challenge: str | None) -> None:
    assert talk(Peer([greeting + b"\r\n"])).apop_challenge == challenge


@pytest.mark.parametrize("greeting", [b"-ERR [SYS/TEMP] try again later", b"-ERR"])
def test_a_greeting_that_refuses_is_told_and_nothing_is_asked(greeting: bytes) -> None:
    peer = Peer([greeting + b"\r\n", b"+OK\r\n.\r\n"])
    seen = talk(peer)
    assert (seen.outcome, seen.greeting_status, seen.greeting) == ("completed", "-ERR", greeting.decode())
    assert (seen.capa_status, peer.commands) == ("not-asked", [])


@pytest.mark.parametrize(
    "greeting", [b"220 mail ESMTP", b"* OK IMAP4 ready", b"+ok ready", b"+OKAY", b"-ERROR", b"", b"\x00", b" +OK"]
)
def test_what_is_no_greeting_of_pop3_is_malformed(greeting: bytes) -> None:
    peer = Peer([greeting + b"\r\n"])
    seen = talk(peer)
    assert (seen.outcome, seen.ended_in, seen.greeting_status) == ("malformed", "greeting", "other")
    assert seen.greeting == greeting.decode("latin-1") and peer.commands == []


def test_octets_of_a_host_are_kept_one_by_one() -> None:
    every = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"")
    seen = talk(Peer([b"+OK " + every + b"\r\n"]))
    assert seen.greeting is not None and seen.greeting.encode("latin-1") == b"+OK " + every


def test_a_server_without_capa_is_told_apart_from_one_that_broke() -> None:
    refused = said(capa=b"-ERR unknown command\r\n")
    assert (refused.outcome, refused.capa_status) == ("completed", "refused")
    assert (refused.capa_reply, refused.quit_reply) == ("-ERR unknown command", "+OK bye")
    broke = said(capa=b"what?\r\n")
    assert (broke.outcome, broke.ended_in, broke.capa_status) == ("malformed", "capa", "malformed")
    gone = talk(Peer([b"+OK\r\n"]))
    assert (gone.outcome, gone.ended_in, gone.capa_status) == ("eof", "capa", "incomplete")


def test_an_answer_before_its_question_belongs_to_nobody() -> None:
    """Taken for the answer to CAPA it would shift every answer behind it."""
    peer = Peer([b"+OK ready\r\n+OK\r\nSTLS\r\n.\r\n", b"-ERR\r\n"])
    seen = talk(peer)
    assert (seen.outcome, seen.ended_in, seen.capa_status, peer.commands) == ("malformed", "capa", "incomplete", [])
    later = Peer([b"+OK ready\r\n", b"+OK\r\nTOP\r\n.\r\n+OK bye\r\n"])
    shifted = talk(later)
    assert (shifted.outcome, shifted.ended_in, shifted.quit_reply) == ("malformed", "quit", None)
    assert (shifted.capa_status, names(shifted)) == ("listed", ["TOP"])


def test_a_server_that_goes_without_goodbye_keeps_its_list() -> None:
    seen = talk(Peer([b"+OK\r\n", CAPA_OF_DOVECOT]))
    assert (seen.outcome, seen.ended_in, seen.capa_status) == ("eof", "quit", "listed")
    assert "USER" in names(seen)


@pytest.mark.parametrize(
    ("line", "capability"),
    [
        (b"SASL CRAM-MD5 PLAIN", Capability("SASL", ("CRAM-MD5", "PLAIN"))),
        (b"sasl plain", Capability("SASL", ("plain",))),
        (b"SASL", Capability("SASL")),
        (b"SASL  PLAIN   LOGIN ", Capability("SASL", ("PLAIN", "LOGIN"))),
        (b"EXPIRE 5 USER", Capability("EXPIRE", ("5", "USER"))),
        (b"LOGIN-DELAY 900", Capability("LOGIN-DELAY", ("900",))),
        (b"X-\xff\x00 \xe9", Capability("X-\xff\x00", ("\xe9",))),
    ],
)
def test_a_capability_is_a_tag_and_its_arguments(line: bytes, capability: Capability) -> None:
    assert capability_of(line) == capability


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"+OK", "+OK"),
        (b"+OK ", "+OK"),
        (b"+OK x", "+OK"),
        (b"-ERR", "-ERR"),
        (b"-ERR [IN-USE] x", "-ERR"),
        (b"+OKx", "other"),
        (b"+Ok", "other"),
        (b"OK", "other"),
        (b"-ERR\tx", "other"),
        (b"", "other"),
    ],
)
def test_the_status_of_a_reply(line: bytes, status: str) -> None:
    assert status_of(line) == status


@pytest.mark.parametrize(
    ("reply", "may_begin", "behind"),
    [
        (b"+OK Begin TLS\r\n", True, ""),
        (b"+OK\r\n+OK injected\r\n", False, "+OK injected\r\n"),
        (b"+OK\r\nx", False, "x"),
        (b"-ERR no\r\n", False, None),
        (b"what?\r\n", False, None),
    ],
)
def test_tls_begins_only_behind_a_clean_ok(reply: bytes, may_begin: bool, behind: str | None) -> None:
    async def run() -> tuple[bool, Pop3Dialogue]:
        peer = Peer([b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", reply])
        dialogue = Dialogue(peer.send, peer.receive)
        await dialogue.greet()
        await dialogue.capa()
        assert dialogue.may_try_stls
        return await dialogue.stls(), dialogue.result()

    begins, seen = asyncio.run(run())
    assert (begins, seen.octets_after_stls) == (may_begin, behind)
    assert seen.stls_reply == reply.split(b"\r\n")[0].decode()


def test_what_stands_behind_stls_is_kept_within_a_bound() -> None:
    seen = talk(Peer([b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n" + b"x" * 3000]), with_stls)
    assert seen.octets_after_stls == "x" * 512


@pytest.mark.parametrize(
    ("capa", "asked"),
    [
        (b"+OK\r\nSTLS\r\n.\r\n", True),
        (b"+OK\r\nstls\r\n.\r\n", True),
        (b"-ERR unknown\r\n", True),
        (b"+OK\r\nUSER\r\n.\r\n", False),
        (b"+OK\r\nX-STLS\r\n.\r\n", False),
        (b"+OK\r\nSTLS\r\n", False),
    ],
)
def test_stls_is_asked_for_where_it_may_be_there(capa: bytes, asked: bool) -> None:
    peer = Peer(
        [b"+OK\r\n", capa, b"+OK\r\n"] if capa.endswith(b".\r\n") or capa.startswith(b"-") else [b"+OK\r\n", capa]
    )
    talk(peer, with_stls)
    assert (b"STLS\r\n" in peer.commands) is asked


# --- every split of the octets ---------------------------------------------------------------------------------------

DIALOGUES = [
    [b"+OK Dovecot <1.2@h> ready.\r\n", CAPA_OF_DOVECOT, b"+OK Logging out\r\n"],
    [b"+OK\r\n", b"+OK\r\nIMPLEMENTATION Cyrus-3.4.1\r\n..x\r\n.\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"-ERR no CAPA\r\n", b"-ERR no\r\n"],
    [b"+OK\r\n", b"+OK\r\nTOP\nUSER\r\n.\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"+OK\r\nTOP\r\n\r\n.\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"+OK\r\nTOP\r\n.\r", b""],
    [b"-ERR busy\r\n"],
    [b"garbage\r\n"],
    [b"+OK no end"],
    [b"+OK\r\n", b"+OK\r\nX " + b"y" * 8190 + b"\r\n.\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"+OK\r\nX " + b"y" * 8189 + b"\r\n.\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"+OK\r\n" + b"X\r\n" * 256 + b".\r\n", b"+OK\r\n"],
    [b"+OK\r\n", b"+OK\r\n" + b"X\r\n" * 257 + b".\r\n", b"+OK\r\n"],
]


def pieces(octets: bytes, cuts: Sequence[int]) -> list[bytes]:
    at = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
    return [octets[start:end] for start, end in zip(at, at[1:], strict=False)]


@given(script=st.sampled_from(DIALOGUES), cuts=st.lists(st.integers(0, 20_000), max_size=40))
def test_the_same_octets_mean_the_same_in_whatever_pieces(script: list[bytes], cuts: list[int]) -> None:
    assert talk(Peer(script, lambda octets: pieces(octets, cuts))) == talk(Peer(script))


@pytest.mark.parametrize("script", DIALOGUES[:9], ids=range(9))
def test_the_same_octets_mean_the_same_one_by_one(script: list[bytes]) -> None:
    assert talk(Peer(script, lambda octets: [bytes([octet]) for octet in octets])) == talk(Peer(script))


@pytest.mark.parametrize("script", DIALOGUES[:4], ids=range(4))
def test_the_same_octets_mean_the_same_at_every_single_split(script: list[bytes]) -> None:
    expected = talk(Peer(script))
    for cut in range(max(map(len, script))):
        assert talk(Peer(script, lambda octets, cut=cut: [octets[:cut], octets[cut:]])) == expected


POP3_LIKE = st.lists(
    st.sampled_from(
        [b"+OK", b"-ERR", b"\r\n", b"\n", b"\r", b".", b"..", b" ", b"SASL PLAIN", b"USER", b"<1@a>", b"\x00", b"\xff"]
    )
    | st.binary(max_size=8),
    max_size=24,
).map(b"".join)


@given(answers=st.lists(POP3_LIKE, min_size=1, max_size=4), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_no_answer_makes_the_dialogue_raise(answers: list[bytes], cuts: list[int]) -> None:
    for script in (whole, with_stls):
        seen = talk(Peer(answers, lambda octets: pieces(octets, cuts)), script)
        assert seen.outcome in ("completed", "eof", "malformed", "oversize")
        assert (seen.ended_in is None) == (seen.outcome == "completed")
        assert not seen.capabilities or seen.capa_status == "listed"


@given(
    lines=st.lists(
        st.binary(min_size=1, max_size=30)
        .map(lambda line: line.replace(b"\r", b"r").replace(b"\n", b"n"))
        .filter(lambda line: bool(line.strip())),
        max_size=12,
    )
)
def test_every_list_that_is_stuffed_by_the_rfc_comes_back_whole(lines: list[bytes]) -> None:
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    seen = said(capa=b"+OK\r\n" + stuffed + b".\r\n")
    assert (seen.outcome, seen.capa_status) == ("completed", "listed")
    assert seen.capabilities == tuple(capability_of(line) for line in lines)


# --- nothing is endless ----------------------------------------------------------------------------------------------


class Endless:
    """Says one thing again and again; the test fails when it is read beyond every bound."""

    def __init__(self, first: Sequence[bytes], piece: bytes) -> None:
        self._first = list(first)
        self._piece = piece
        self.taken = 0

    async def send(self, data: bytes) -> None:
        pass

    async def receive(self, limit: int) -> bytes:
        piece = self._first.pop(0) if self._first else self._piece[:limit]
        self.taken += len(piece)
        assert self.taken < 1024 * 1024, "read without a bound"
        return piece


@pytest.mark.parametrize("piece", [b"x" * 4096, b"\r" * 4096, b"+OK " * 1024, b"x"])
def test_an_endless_line_ends_at_its_bound(piece: bytes) -> None:
    peer = Endless([], piece)
    seen = talk(peer)  # type: ignore[arg-type]
    assert (seen.outcome, seen.ended_in, seen.greeting) == ("oversize", "greeting", None)
    assert peer.taken <= pop3.MAX_LINE + 2 * pop3.READ_SIZE


@pytest.mark.parametrize("line", [b"USER\r\n", b"X" * 4000 + b"\r\n", b"..\r\n"])
def test_an_endless_list_ends_at_its_bound(line: bytes) -> None:
    peer = Endless([b"+OK\r\n", b"+OK\r\n"], line)
    seen = talk(peer)  # type: ignore[arg-type]
    assert (seen.outcome, seen.ended_in) == ("oversize", "capa")
    assert (seen.capa_status, seen.capabilities) == ("incomplete", ())
    assert peer.taken <= pop3.MAX_LIST_OCTETS + 2 * pop3.READ_SIZE


@pytest.mark.parametrize(("length", "outcome"), [(8191, None), (8192, "oversize")])
def test_the_bound_of_a_line_is_exact(length: int, outcome: str | None) -> None:
    async def run() -> bytes:
        peer = Peer([b"x" * length + b"\r\n"])
        return await LineReader(peer.receive).line()

    if outcome is None:
        assert len(asyncio.run(run())) == length
    else:
        with pytest.raises(Ended, match=outcome):
            asyncio.run(run())


def test_looking_for_the_challenge_takes_no_time_that_grows() -> None:
    for hostile in (b"<" * 8192, b"<a@" * 2700, b"<" + b"a" * 8000 + b"@", b"<a@" + b"b" * 8000):
        assert APOP_CHALLENGE.search(hostile) is None


# --- over real connections -------------------------------------------------------------------------------------------


def test_a_clear_text_server_is_heard_to_its_end() -> None:
    answers = {b"CAPA": CAPA_OF_DOVECOT, b"QUIT": b"+OK bye\r\n"}
    with Server(behaviours.answering(b"+OK <1@a>\r\n", answers)) as server, refusing_port() as other:
        seen = see_clear(server.port, tls_port=other)
    assert seen.clear is not None and (seen.clear.outcome, seen.clear.capa_status) == ("completed", "listed")
    assert seen.clear.apop_challenge == "<1@a>" and seen.clear.stls_reply is None and seen.tls is None
    assert seen.connections[0].octets_sent == len(b"CAPA\r\nQUIT\r\n")


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (behaviours.endless(b"x", first=b"+OK "), "oversize"),
        (behaviours.close_at_once, "eof"),
        (behaviours.saying(b"hello\r\n"), "malformed"),
        (behaviours.reset_at_once, "reset"),
        (behaviours.drip(b"+OK ready\r\n" * 10, 0.2), "timeout"),
        (behaviours.silence, "timeout"),
    ],
    ids=["endless", "closes", "babbles", "resets", "drips", "silent"],
)
def test_a_hostile_clear_text_server_has_its_word(behaviour: behaviours.Behaviour, outcome: str) -> None:
    with Server(behaviour) as server, refusing_port() as other:
        seen = see_clear(server.port, tls_port=other, pop3_timeout=1.0)
    assert seen.tcp is not None and seen.tcp.state == "open"
    assert seen.clear is not None and seen.clear.ended_in == "greeting"
    assert seen.clear.outcome in ({"reset", "eof"} if outcome == "reset" else {outcome})
    assert seen.not_tested is None and seen.tls is None


def test_a_dialogue_that_hangs_inside_tls_keeps_what_was_seen() -> None:
    hanging = {b"CAPA": b"+OK\r\nUSER\r\n"}
    with Server(inside(server_context(), lambda session: serve(session, answers=hanging))) as server:
        seen = see(tls_target(server.port), pop3_timeout=0.5)
    assert seen.tls is not None and seen.tls.outcome == "completed"
    assert seen.pop3 is not None
    assert (seen.pop3.outcome, seen.pop3.ended_in, seen.pop3.capa_status) == ("timeout", "capa", "incomplete")
    assert seen.pop3.greeting == "+OK ready" and seen.pop3.capabilities == ()
