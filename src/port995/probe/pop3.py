# SPDX-License-Identifier: GPL-3.0-or-later
"""POP3 in its AUTHORIZATION state, by buffered lines: greeting, CAPA, STLS, QUIT. No credentials are ever sent.

Sources: RFC 1939 sections 3, 4, 5 and 7, RFC 2449 sections 3 to 6, RFC 2595 section 4. A line ends at CRLF, a list at
CRLF.CRLF with dots stuffed: a list cut elsewhere would hide the capability behind the cut. Python 3.9, standard
library only.
"""

from __future__ import annotations

import re
import time
from typing import Awaitable, Callable, Dict, List, Optional

from .model import Capability, Pop3Dialogue

MAX_LINE = 8192
"""Octets of a line; RFC 2449 section 4 allows 512."""
MAX_LIST_LINES = 256
MAX_LIST_OCTETS = 64 * 1024
READ_SIZE = 4096

APOP_CHALLENGE = re.compile(rb"<[^<>@\s]+@[^<>@\s]+>")
"""msg-id of RFC 1939 section 7, anywhere in the greeting."""

Receive = Callable[[int], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[None]]


class Ended(Exception):
    """The dialogue ended early.

    :param outcome: a word of `Pop3Dialogue.outcome`
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class LineReader:
    """Lines out of a stream, whatever pieces they come in.

    :param receive: gives up to so many octets, empty at the end
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffer = bytearray()

    @property
    def buffered(self) -> bytes:
        """What has arrived and was not read as a line yet."""
        return bytes(self._buffer)

    async def line(self) -> bytes:
        """The next line without its CRLF.

        :raises Ended: ``eof``; ``oversize``: longer than `MAX_LINE`; ``malformed``: a line ends with a bare LF
        """
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                break
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise Ended("oversize")
            data = await self._receive(READ_SIZE)
            if not data:
                raise Ended("eof")
            self._buffer += data
        if end > MAX_LINE:
            raise Ended("oversize")
        line = bytes(self._buffer[:end])
        if not line.endswith(b"\r"):
            raise Ended("malformed")
        del self._buffer[: end + 1]
        return line[:-1]

    async def list_lines(self) -> List[bytes]:
        """The lines of a list up to the one that is a single dot, dots unstuffed (RFC 1939 section 3).

        :raises Ended: as `line`; ``oversize`` too for a list beyond its bounds
        """
        lines: List[bytes] = []
        octets = 0
        while True:
            line = await self.line()
            if line == b".":
                return lines
            octets += len(line) + 2
            if len(lines) >= MAX_LIST_LINES or octets > MAX_LIST_OCTETS:
                raise Ended("oversize")
            lines.append(line[1:] if line.startswith(b".") else line)

    async def message_octets(self, limit: int) -> int:
        """How many octets a message has up to the line that is a single dot, dots unstuffed (RFC 1939 sections 3 and
        11). Lines may be of any length, and nothing of them is kept.

        :param limit: octets to count at the most
        :raises Ended: ``eof``; ``oversize``: more than that
        """
        counted = 0
        starts = True
        while True:
            end = self._buffer.find(b"\r\n")
            stuffed = 1 if starts and self._buffer.startswith(b".") else 0
            if end >= 0:
                if starts and self._buffer[:end] == b".":
                    del self._buffer[:3]
                    return counted
                counted += end + 2 - stuffed
                del self._buffer[: end + 2]
                starts = True
            else:
                taken = len(self._buffer) - (1 if self._buffer.endswith(b"\r") else 0)
                # A dot at the start may be the end of the message, and CR the first half of a line's end.
                if taken > stuffed:
                    counted += taken - stuffed
                    del self._buffer[:taken]
                    starts = False
                data = await self._receive(READ_SIZE)
                if not data:
                    raise Ended("eof")
                self._buffer += data
            if counted > limit:
                raise Ended("oversize")


class Dialogue:
    """One dialogue, step by step; `result` gives what was seen so far at any time, also after a step has raised.

    :param send: sends octets
    :param receive: gives up to so many octets, empty at the end
    """

    def __init__(self, send: Send, receive: Receive) -> None:
        self._send = send
        self._reader = LineReader(receive)
        self._started = time.monotonic()
        self._phase: Optional[str] = None
        self._greeting: Optional[bytes] = None
        self._capa_status = "not-asked"
        self._capabilities: List[Capability] = []
        self._replies: Dict[str, bytes] = {}
        self._after_stls: Optional[bytes] = None

    async def greet(self) -> bool:
        """Read the greeting.

        :returns: whether it is +OK, so that commands may follow
        :raises Ended: see `LineReader.line`, or ``malformed`` for what is no POP3 reply
        """
        self._phase = "greeting"
        self._greeting = await self._reader.line()
        if status_of(self._greeting) == "other":
            raise Ended("malformed")
        return status_of(self._greeting) == "+OK"

    async def capa(self) -> None:
        """Ask for the capabilities (RFC 2449 section 5)."""
        self._phase = "capa"
        self._capa_status = "incomplete"
        reply = await self._command(b"CAPA")
        status = status_of(reply)
        if status == "-ERR":
            self._capa_status = "refused"
            return
        if status == "other":
            self._capa_status = "malformed"
            raise Ended("malformed")
        try:
            lines = await self._reader.list_lines()
        except Ended as end:
            if end.outcome == "malformed":
                self._capa_status = "malformed"
            raise
        if any(not line.strip() for line in lines):
            self._capa_status = "malformed"
            raise Ended("malformed")
        self._capabilities = [capability_of(line) for line in lines]
        self._capa_status = "listed"

    @property
    def may_try_stls(self) -> bool:
        """Whether STLS is listed, or the server knows no CAPA that could list it."""
        return self._capa_status == "refused" or any(one.name == "STLS" for one in self._capabilities)

    async def stls(self) -> bool:
        """Ask for TLS (RFC 2595 section 4).

        :returns: whether TLS may begin: +OK, and not one octet behind it
        """
        self._phase = "stls"
        reply = await self._command(b"STLS")
        if status_of(reply) != "+OK":
            return False
        self._after_stls = self._reader.buffered[:512]
        return not self._after_stls

    async def quit(self) -> None:
        """Say goodbye and read the answer."""
        self._phase = "quit"
        await self._command(b"QUIT")

    @property
    def reader(self) -> LineReader:
        """Where answers are read from, for those who ask more."""
        return self._reader

    async def ask(self, command: bytes) -> bytes:
        """One command, or several joined by CRLF, and the first line of the answer.

        :raises Ended: see `LineReader.line`; ``malformed`` too when something was said before the command
        """
        if self._reader.buffered:
            # An answer that came before its question belongs to nobody; taking it would shift all that follow.
            raise Ended("malformed")
        await self._send(command + b"\r\n")
        return await self._reader.line()

    def note_quit(self, reply: bytes) -> None:
        """Keep the answer to a QUIT that was sent another way than by `quit`."""
        self._replies["QUIT"] = reply

    async def _command(self, command: bytes) -> bytes:
        reply = await self.ask(command)
        self._replies[command.decode("ascii")] = reply
        return reply

    def result(self, outcome: str = "completed") -> Pop3Dialogue:
        """What was seen.

        :param outcome: a word of `Pop3Dialogue.outcome`
        """
        challenge = APOP_CHALLENGE.search(self._greeting or b"")
        return Pop3Dialogue(
            outcome,
            None if outcome == "completed" else self._phase,
            _text(self._greeting),
            None if self._greeting is None else status_of(self._greeting),
            None if challenge is None else _text(challenge.group()),
            self._capa_status,
            tuple(self._capabilities),
            _text(self._replies.get("CAPA")),
            _text(self._replies.get("STLS")),
            _text(self._after_stls),
            _text(self._replies.get("QUIT")),
            round(time.monotonic() - self._started, 6),
        )


def status_of(line: bytes) -> str:
    """``+OK``, ``-ERR`` (RFC 1939 section 3: upper case, then a space or the end) or ``other``."""
    for status in (b"+OK", b"-ERR"):
        if line == status or line.startswith(status + b" "):
            return status.decode("ascii")
    return "other"


def capability_of(line: bytes) -> Capability:
    """One line of the list: a tag and its arguments, parted by spaces (RFC 2449 section 3)."""
    words = line.split()
    return Capability(words[0].upper().decode("latin-1"), tuple(word.decode("latin-1") for word in words[1:]))


def _text(octets: Optional[bytes]) -> Optional[str]:
    return None if octets is None else octets.decode("latin-1")
