# SPDX-License-Identifier: GPL-3.0-or-later
"""More questions before login: what each answer shows, and that how they end spoils nothing of the session before."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe import pop3_extras
from port995.probe.endpoint import PURPOSES
from port995.probe.model import Observation, Pop3Extras, Question
from port995.probe.options import EXTRAS
from port995.probe.pop3 import Dialogue, Ended
from port995.probe.pop3_extras import NTLM_PURPOSE, Extras
from tests.hostile.server import Server

from .seeing import see, tls_target
from .test_ntlm import HOST, challenge
from .test_pop3 import Peer
from .tls_servers import inside, server_context
from .tls_servers import pop3 as serve

CAPA = b"+OK\r\nUSER\r\nPIPELINING\r\nLANG\r\nSASL PLAIN LOGIN\r\n.\r\n"
PLAIN_CAPA = b"+OK\r\nUSER\r\n.\r\n"
UNKNOWN = b"-ERR what?\r\n"
AUTH = b"+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n"
LANG = b"+OK\r\nen English\r\ni-default Default\r\n.\r\n"
BYE = b"+OK bye\r\n"


def asked(*answers: bytes, capa: bytes = CAPA, greeting: bytes = b"+OK\r\n") -> tuple[Pop3Extras, list[bytes]]:
    """What a peer that gives these answers shows, and the commands it was sent behind CAPA."""
    peer = Peer([greeting, capa, *answers])

    async def run() -> Pop3Extras:
        dialogue = Dialogue(peer.send, peer.receive)
        await dialogue.greet()
        await dialogue.capa()
        extras = Extras(dialogue)
        try:
            await extras.ask()
        except Ended as ended:
            return extras.result(ended.outcome)
        return extras.result()

    return asyncio.run(run()), peer.commands[1:]


def test_a_server_as_it_should_be() -> None:
    seen, commands = asked(UNKNOWN, AUTH, LANG, CAPA + BYE)
    assert commands == [b"XNOP\r\n", b"AUTH\r\n", b"LANG\r\n", b"CAPA\r\nQUIT\r\n"]
    assert seen == Pop3Extras(
        "completed", None, "-ERR what?", "-ERR", "listed", "+OK", ("PLAIN", "LOGIN"), "listed", "+OK",
        ("en", "i-default"), "obeyed", ("+OK", "+OK bye"),
    )  # fmt: skip


def test_nothing_is_asked_that_is_not_announced() -> None:
    seen, commands = asked(UNKNOWN, BYE, capa=PLAIN_CAPA)
    assert commands == [b"XNOP\r\n", b"QUIT\r\n"]
    assert (seen.outcome, seen.auth_status, seen.lang_status, seen.pipelining) == (
        "completed", "not-asked", "not-asked", "not-asked",
    )  # fmt: skip


def test_auth_that_begins_a_login_is_cancelled() -> None:
    seen, commands = asked(UNKNOWN, b"+ \r\n", b"-ERR cancelled\r\n", LANG, CAPA + BYE)
    assert commands[2] == b"*\r\n"
    assert (seen.outcome, seen.auth_status) == ("completed", "refused")


@pytest.mark.parametrize(
    ("answers", "outcome", "phase", "pipelining"),
    [
        ((UNKNOWN,), "eof", "auth", "not-asked"),
        ((), "eof", "unknown", "not-asked"),
        ((b"what?\r\n",), "malformed", "unknown", "not-asked"),
        ((b"-ERR\n",), "malformed", "unknown", "not-asked"),
        ((b"x" * 9000,), "oversize", "unknown", "not-asked"),
        ((UNKNOWN, AUTH[:-3]), "eof", "auth", "not-asked"),
        ((UNKNOWN, b"huh\r\n"), "malformed", "auth", "not-asked"),
        ((UNKNOWN, AUTH + b"+OK\r\n"), "malformed", "lang", "not-asked"),
        ((UNKNOWN, AUTH, b"+ \r\n"), "malformed", "lang", "not-asked"),
        ((UNKNOWN, AUTH, b"+OK\r\n" + b"en x\r\n" * 300), "oversize", "lang", "not-asked"),
        ((UNKNOWN, AUTH, LANG), "eof", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, CAPA), "eof", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, BYE), "eof", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, BYE + CAPA), "completed", None, "disordered"),
        ((UNKNOWN, AUTH, LANG, BYE + CAPA + BYE), "completed", None, "disordered"),
        ((UNKNOWN, AUTH, LANG, PLAIN_CAPA + BYE), "malformed", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, b"+OK\r\n \r\n.\r\n" + BYE), "malformed", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, b"huh\r\n"), "malformed", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, CAPA + b"bye\r\n"), "malformed", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, CAPA + BYE + BYE), "malformed", "pipelining", "incomplete"),
        ((UNKNOWN, AUTH, LANG, CAPA + b"-ERR what?\r\n"), "completed", None, "refused"),
        ((UNKNOWN, AUTH, LANG, b"-ERR what?\r\n", BYE), "completed", None, "refused"),
    ],
)
def test_how_it_may_end(answers: tuple[bytes, ...], outcome: str, phase: str | None, pipelining: str) -> None:
    seen, _ = asked(*answers)
    assert (seen.outcome, seen.ended_in, seen.pipelining) == (outcome, phase, pipelining)


def forgetful(session: ssl.SSLSocket) -> None:
    """Reads what is there, answers the first line of it, and forgets the rest."""
    session.sendall(b"+OK ready\r\n")
    while True:
        data = session.recv(4096)
        if not data:
            return
        first = data.split(b"\r\n")[0].upper()
        session.sendall({b"CAPA": CAPA, b"AUTH": AUTH, b"LANG": LANG, b"QUIT": BYE}.get(first, UNKNOWN))
        if first == b"QUIT":
            return


def deaf(session: ssl.SSLSocket) -> None:
    """As forgetful, and says nothing more behind the first answer to two commands."""
    session.sendall(b"+OK ready\r\n")
    while data := session.recv(4096):
        lines = data.split(b"\r\n")
        session.sendall({b"CAPA": CAPA, b"AUTH": AUTH, b"LANG": LANG}.get(lines[0].upper(), UNKNOWN))
        if len(lines) > 2:
            while session.recv(4096):
                pass
            return


def full(talk: Callable[[ssl.SSLSocket], None], **options: Any) -> Observation:
    with Server(inside(server_context(), talk)) as server:
        return see(tls_target(server.port), **{"pop3_full": True, "pop3_timeout": 2.0, **options})


def knowing(answers: dict[bytes, bytes]) -> Callable[[ssl.SSLSocket], None]:
    return lambda session: serve(session, answers=answers)


GOOD = {b"CAPA": CAPA, b"AUTH": AUTH, b"LANG": LANG, b"QUIT": BYE}


def test_in_the_same_session() -> None:
    seen = full(knowing(GOOD))
    assert len(seen.connections) == 1
    assert seen.extras is not None and seen.extras.outcome == "completed"
    assert seen.extras.pipelining == "obeyed"
    assert seen.pop3 is not None and (seen.pop3.outcome, seen.pop3.quit_reply) == ("completed", "+OK bye")
    assert seen.tls is not None and seen.tls.close_notify is True


def test_a_question_of_the_kind_asks_too() -> None:
    asking = Question(EXTRAS, "more before login", 0, "", kind=EXTRAS)
    assert full(knowing(GOOD), pop3_full=False, questions=(asking,)).extras is not None
    assert full(knowing(GOOD), pop3_full=False).extras is None


def test_what_is_lost_is_told_from_what_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop3_extras, "SECOND_ANSWER_SECONDS", 0.3)
    seen = full(forgetful)
    assert seen.extras is not None and (seen.extras.outcome, seen.extras.pipelining) == ("completed", "lost")
    assert seen.pop3 is not None and seen.pop3.quit_reply == "+OK bye"
    seen = full(deaf, pop3_timeout=1.0)
    assert seen.extras is not None and (seen.extras.outcome, seen.extras.pipelining) == ("timeout", "incomplete")


def test_a_server_that_hangs_up_on_what_it_does_not_know_has_answered_before() -> None:
    def leaving(session: ssl.SSLSocket) -> None:
        session.sendall(b"+OK\r\n")
        session.recv(100)
        session.sendall(CAPA)
        session.recv(100)

    seen = full(leaving)
    assert seen.extras is not None and (seen.extras.outcome, seen.extras.ended_in) == ("eof", "unknown")
    assert seen.pop3 is not None and (seen.pop3.outcome, seen.pop3.capa_status) == ("completed", "listed")


NTLM_CAPA = b"+OK\r\nUSER\r\nSASL PLAIN NTLM\r\n.\r\n"


def windows(answer: bytes, begun: bytes = b"+ \r\n") -> Callable[[ssl.SSLSocket], None]:
    """A server with NTLM that answers with this to the first message."""
    return knowing({b"CAPA": NTLM_CAPA, b"AUTH": AUTH, b"AUTH NTLM": begun, b"QUIT": BYE,
                    base64.b64encode(pop3_extras.negotiate()).upper(): answer})  # fmt: skip


def test_an_ntlm_challenge_is_asked_for_over_a_connection_of_its_own() -> None:
    seen = full(windows(b"+ " + base64.b64encode(challenge()) + b"\r\n"))
    assert [one.purpose for one in seen.connections] == [PURPOSES["pop3s"], NTLM_PURPOSE]
    assert seen.extras is not None and seen.extras.ntlm is not None
    assert (seen.extras.ntlm.outcome, seen.extras.ntlm.host) == ("challenge", HOST)


@pytest.mark.parametrize(
    ("answer", "begun", "outcome"),
    [
        (b"-ERR no\r\n", b"+ \r\n", "refused"),
        (b"", b"-ERR no\r\n", "refused"),
        (b"", b"huh\r\n", "malformed"),
        (b"+ !!!\r\n", b"+ \r\n", "malformed"),
        (b"+OK\r\n", b"+ \r\n", "malformed"),
        (b"+ " + base64.b64encode(challenge()[:40]) + b"\r\n", b"+ \r\n", "malformed"),
        (b"+ " + b"A" * 9000 + b"\r\n", b"+ \r\n", "oversize"),
        (b"", b"+ \r\n", "timeout"),
    ],
)
def test_what_else_comes_of_ntlm(answer: bytes, begun: bytes, outcome: str) -> None:
    seen = full(windows(answer, begun), pop3_timeout=0.7)
    assert seen.extras is not None and seen.extras.ntlm is not None
    assert (seen.extras.ntlm.outcome, seen.extras.ntlm.host) == (outcome, None)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_noise_for_answers_is_never_obedience(answers: list[bytes]) -> None:
    seen, _ = asked(*answers)
    assert seen.outcome in ("completed", "eof", "malformed", "oversize")
    assert seen.pipelining != "obeyed" or seen.outcome == "completed"
