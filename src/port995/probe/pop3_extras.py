# SPDX-License-Identifier: GPL-3.0-or-later
"""More questions to a POP3 server before login, inside TLS, in the session that has just listed its capabilities.

Asked are: a command that does not exist; AUTH without a mechanism where SASL is listed; LANG where it is listed; and
CAPA with QUIT behind it in the same segment where PIPELINING is listed, else QUIT alone. Where NTLM is listed its
challenge is asked for over a connection of its own, and the login then cancelled. No credentials are sent.

Sources: RFC 1939 section 3, RFC 2449 sections 5 and 6.6, RFC 5034 section 4, RFC 6856 section 3. Python 3.9, standard
library only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import ssl
from typing import Awaitable, Callable, Optional, Tuple

from .model import NtlmAnswer, NtlmHost, Pop3Dialogue, Pop3Extras
from .ntlm import NtlmError, negotiate, read_challenge
from .pop3 import Dialogue, Ended, capability_of, status_of
from .tcp import TcpStream, ending
from .tls.exchange import Line
from .tls_session import HandshakeEnded, NotTls, TlsStream

UNKNOWN = b"XNOP"
"""A command that no RFC and no server has."""
PIPELINED = (b"CAPA", b"QUIT")
SECOND_ANSWER_SECONDS = 3.0
"""How long to wait for the answer to the second command before the server is asked whether it has lost it."""
NTLM_PURPOSE = "NTLM challenge"
MAX_NAMES = 64
"""Mechanisms or languages that are kept."""


def lists(dialogue: Pop3Dialogue, name: str, argument: str = "") -> bool:
    """Whether a capability is listed, with an argument where one is given; case does not matter."""
    return any(
        one.name.upper() == name and (not argument or argument in (word.upper() for word in one.arguments))
        for one in dialogue.capabilities
    )


class Extras:
    """The questions, one after the other; `result` gives what was seen so far, also after a step has raised.

    :param dialogue: one that has greeted and asked for the capabilities; it is ended by QUIT here
    """

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._known = dialogue.result()
        self._seen = Pop3Extras("completed")
        self._phase = "unknown"

    async def ask(self) -> None:
        """Ask them all, and say goodbye.

        :raises Ended: the dialogue ended early
        """
        self._note(unknown_reply=_text(await self._dialogue.ask(UNKNOWN)))
        if self._seen.unknown_status == "other":
            raise Ended("malformed")
        if lists(self._known, "SASL"):
            await self._auth()
        if lists(self._known, "LANG"):
            await self._lang()
        if lists(self._known, "PIPELINING"):
            await self._pipelined()
        if self._dialogue.result().quit_reply is None:
            self._phase = "quit"
            await self._dialogue.quit()

    async def _auth(self) -> None:
        self._phase = "auth"
        self._note(auth_status="incomplete")
        status, reply, lines = await self._listed(b"AUTH")
        if status == "continued":
            # It takes this for the beginning of a login: that is cancelled (RFC 5034 section 4).
            await self._dialogue.ask(b"*")
            status = "refused"
        names = tuple(word.decode("latin-1").upper() for line in lines for word in line.split()[:1])
        self._note(auth_status=status, auth_reply=_text(reply), auth_mechanisms=names[:MAX_NAMES])

    async def _lang(self) -> None:
        self._phase = "lang"
        self._note(lang_status="incomplete")
        status, reply, lines = await self._listed(b"LANG")
        if status == "continued":
            self._note(lang_status="malformed", lang_reply=_text(reply))
            raise Ended("malformed")
        names = tuple(word.decode("latin-1") for line in lines for word in line.split()[:1])
        self._note(lang_status=status, lang_reply=_text(reply), languages=names[:MAX_NAMES])

    async def _listed(self, command: bytes) -> Tuple[str, bytes, Tuple[bytes, ...]]:
        reply = await self._dialogue.ask(command)
        status = status_of(reply)
        if status == "-ERR":
            return "refused", reply, ()
        if reply == b"+" or reply.startswith(b"+ "):
            return "continued", reply, ()
        if status != "+OK":
            raise Ended("malformed")
        return "listed", reply, tuple(await self._dialogue.reader.list_lines())

    async def _pipelined(self) -> None:
        """CAPA and QUIT in one segment: a list, then one line (RFC 2449 section 6.6)."""
        self._phase = "pipelining"
        self._note(pipelining="incomplete")
        reader = self._dialogue.reader
        reply = await self._dialogue.ask(b"\r\n".join(PIPELINED))
        if status_of(reply) == "-ERR":
            self._note(pipelining="refused", pipelined=(_text(reply) or "",))
            return
        if status_of(reply) != "+OK":
            raise Ended("malformed")
        lines = await reader.list_lines()
        if not all(line.strip() for line in lines):
            raise Ended("malformed")
        if lines and status_of(lines[0]) == "+OK":
            # The one line came first, and then the list with its own first line.
            self._note(pipelining="disordered", pipelined=(_text(reply) or "", _text(lines[0]) or ""))
            self._dialogue.note_quit(reply)
            return
        if [one.name for one in map(capability_of, lines)] != [one.name for one in self._known.capabilities]:
            raise Ended("malformed")
        try:
            second = await asyncio.wait_for(reader.line(), SECOND_ANSWER_SECONDS)
        except asyncio.TimeoutError:
            await self._is_lost()
            return
        self._note(pipelined=(_text(reply) or "", _text(second) or ""))
        if status_of(second) == "other" or reader.buffered:
            raise Ended("malformed")
        self._dialogue.note_quit(second)
        self._note(pipelining="obeyed" if status_of(second) == "+OK" else "refused")

    async def _is_lost(self) -> None:
        """Silence alone says nothing: a server that has heard QUIT answers no CAPA any more, one that lost it does."""
        reply = await self._dialogue.ask(b"CAPA")
        if status_of(reply) != "+OK":
            raise Ended("malformed")
        await self._dialogue.reader.list_lines()
        self._note(pipelining="lost")

    def _note(self, **seen: object) -> None:
        if "unknown_reply" in seen:
            seen["unknown_status"] = status_of(str(seen["unknown_reply"]).encode("latin-1"))
        self._seen = dataclasses.replace(self._seen, **seen)  # type: ignore[arg-type]

    def result(self, outcome: str = "completed") -> Pop3Extras:
        """What was seen.

        :param outcome: a word of `Pop3Extras.outcome`
        """
        return dataclasses.replace(
            self._seen, outcome=outcome, ended_in=None if outcome == "completed" else self._phase
        )


async def ask_ntlm(line: Line, context: ssl.SSLContext, server_name: Optional[str], timeout: float) -> NtlmAnswer:
    """Ask for an NTLM challenge over a connection of its own, and cancel.

    :param line: makes connections to the TLS port
    :param context: of `port995.probe.tls_session.make_context`
    :param timeout: seconds for the session
    """
    tcp, stream = await line.open(NTLM_PURPOSE)
    if stream is None:
        return NtlmAnswer("not-connected")
    seen = NtlmAnswer("timeout")

    def note(answer: NtlmAnswer) -> None:
        nonlocal seen
        seen = answer

    try:
        await asyncio.wait_for(_challenge(stream, context, server_name, note), timeout)
    except (HandshakeEnded, Ended) as ended:
        note(dataclasses.replace(seen, outcome=ended.outcome if seen.outcome == "timeout" else seen.outcome))
    except (NotTls, ValueError):
        note(dataclasses.replace(seen, outcome="failed" if seen.outcome == "timeout" else seen.outcome))
    except (asyncio.TimeoutError, ssl.SSLError, OSError) as error:
        note(dataclasses.replace(seen, outcome=ending(error) if seen.outcome == "timeout" else seen.outcome))
    finally:
        line.close(stream)
    return seen


async def _challenge(
    stream: TcpStream, context: ssl.SSLContext, server_name: Optional[str], note: Callable[[NtlmAnswer], None]
) -> None:
    tls = TlsStream(stream, context, server_name)
    await tls.handshake()
    dialogue = Dialogue(tls.send, tls.receive)
    if not await dialogue.greet():
        raise Ended("malformed")
    if not await _continued(dialogue.ask, b"AUTH NTLM", note):
        return
    reply = await dialogue.ask(base64.b64encode(negotiate()))
    if status_of(reply) == "-ERR":
        note(NtlmAnswer("refused", _text(reply)))
        return
    try:
        note(NtlmAnswer("challenge", None, challenge_in(reply)))
    except NtlmError as error:
        note(NtlmAnswer("malformed", str(error)))
    await dialogue.ask(b"*")
    await dialogue.quit()


async def _continued(
    ask: Callable[[bytes], Awaitable[bytes]], command: bytes, note: Callable[[NtlmAnswer], None]
) -> bool:
    reply = await ask(command)
    if status_of(reply) == "-ERR":
        note(NtlmAnswer("refused", _text(reply)))
        return False
    if not reply.startswith(b"+"):
        raise Ended("malformed")
    return True


def challenge_in(reply: bytes) -> NtlmHost:
    """The challenge in a line that goes on with a login: ``+ `` and base64.

    :raises NtlmError: it holds none
    """
    if not reply.startswith(b"+ "):
        raise NtlmError("no continuation")
    try:
        return read_challenge(base64.b64decode(reply[2:], validate=True))
    except binascii.Error as error:
        raise NtlmError("no base64") from error


def _text(octets: Optional[bytes]) -> Optional[str]:
    return None if octets is None else octets.decode("latin-1")
