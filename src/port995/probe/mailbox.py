# SPDX-License-Identifier: GPL-3.0-or-later
"""The mailbox commands of RFC 1939 after a login: STAT, LIST, UIDL, TOP, RETR of the smallest message, CAPA, and, where
it is allowed, DELE undone by RSET. Nothing of a message or a name is kept: statuses and numbers only.

QUIT is what makes a server delete (RFC 1939 section 6). So it is said only where nothing is marked: after DELE, only
when RSET was answered and STAT is as before; else the connection is closed without it. RETR is left out where EXPIRE 0
says that a fetched message may be deleted (RFC 2449 section 6.7). Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import re
from typing import AsyncIterator, Dict, Tuple

from .model import Mailbox, Pop3Dialogue
from .pop3 import Dialogue, Ended, capability_of, status_of

MAX_MESSAGES = 100000
MAX_LIST = 16 * 1024 * 1024
"""Octets of the answer to LIST or UIDL."""
MAX_MESSAGE = 1024 * 1024
"""Octets of a message that is fetched; a larger one is not."""
SLACK = 64 * 1024
"""Octets that a message may have beyond what LIST said, before it is given up."""
MAX_HEADER = 256 * 1024

NUMBERS = re.compile(rb"\+OK (\d{1,18}) (\d{1,18})(?: .*)?")
LISTED = re.compile(rb"(\d{1,9}) (\d{1,18})(?: .*)?")
UNIQUE_ID = re.compile(rb"(\d{1,9}) ([\x21-\x7e]{1,70})")

REGISTERED = (
    "TOP", "USER", "SASL", "RESP-CODES", "LOGIN-DELAY", "PIPELINING", "EXPIRE", "UIDL", "IMPLEMENTATION", "STLS",
    "AUTH-RESP-CODE", "UTF8", "LANG",
)  # fmt: skip
"""IANA's POP3 extension mechanism registry."""


def numbers_in(reply: bytes) -> Tuple[int, int]:
    """Count and octets in the answer to STAT (RFC 1939 section 5).

    :raises Ended: ``malformed``: they are not there
    """
    found = NUMBERS.fullmatch(reply)
    if found is None:
        raise Ended("malformed")
    return int(found[1]), int(found[2])


class Walk:
    """Through the mailbox, command by command; `result` gives what was seen so far, also after a step has raised.

    :param dialogue: one that is logged in
    :param before: what CAPA said before the login
    :param allow_dele: mark the smallest message as deleted, and take it back
    """

    def __init__(self, dialogue: Dialogue, before: Pop3Dialogue, allow_dele: bool) -> None:
        self._dialogue, self._allow_dele = dialogue, allow_dele
        self._listed = {one.name: one.arguments for one in before.capabilities}
        self._seen = Mailbox("completed")
        self._sizes: Dict[int, int] = {}
        self._phase = "stat"

    async def go(self) -> None:
        """All of it, to the goodbye.

        :raises Ended: the session ended early, or said what the RFC does not have
        """
        await self._stat()
        await self._list()
        if "UIDL" in self._listed:
            await self._uidl()
        if self._sizes:
            await self._fetch()
        else:
            self._note(retr_skipped="empty")
        await self._capa()
        if self._allow_dele and self._sizes and not await self._dele_and_rset():
            return
        self._phase = "quit"
        self._note(quit=await self._command(b"QUIT"))

    async def _stat(self) -> None:
        reply = await self._dialogue.ask(b"STAT")
        if self._status("stat", reply):
            messages, octets = numbers_in(reply)
            self._note(messages=messages, octets=octets)

    async def _list(self) -> None:
        self._phase = "list"
        if not self._status("listing", await self._dialogue.ask(b"LIST")):
            return
        sizes: Dict[int, int] = {}
        async for line in self._lines():
            found = LISTED.fullmatch(line)
            if found is None or int(found[1]) in sizes:
                raise Ended("malformed")
            sizes[int(found[1])] = int(found[2])
        self._sizes = sizes
        self._note(list_messages=len(sizes), list_octets=sum(sizes.values()))

    async def _uidl(self) -> None:
        self._phase = "uidl"
        if not self._status("uidl", await self._dialogue.ask(b"UIDL")):
            return
        count, well = 0, True
        numbers, names = set(), set()
        async for line in self._lines():
            count += 1
            found = UNIQUE_ID.fullmatch(line)
            if found is None:
                well = False
                continue
            numbers.add(int(found[1]))
            names.add(found[2])
        self._note(uidl_messages=count, uidl_unique=well and len(names) == len(numbers) == count)

    async def _lines(self) -> AsyncIterator[bytes]:
        """One line for each message, up to the line that is a single dot."""
        count = octets = 0
        while True:
            line = await self._dialogue.reader.line()
            if line == b".":
                return
            count, octets = count + 1, octets + len(line) + 2
            if count > MAX_MESSAGES or octets > MAX_LIST:
                raise Ended("oversize")
            yield line

    async def _fetch(self) -> None:
        smallest = min(self._sizes, key=lambda number: (self._sizes[number], number))
        size = self._sizes[smallest]
        if "TOP" in self._listed:
            self._phase = "top"
            if self._status("top", await self._dialogue.ask(b"TOP %d 0" % smallest)):
                await self._dialogue.reader.message_octets(MAX_HEADER)
        self._phase = "retr"
        if self._listed.get("EXPIRE", ())[:1] == ("0",):
            self._note(retr_skipped="expires")
        elif size > MAX_MESSAGE:
            self._note(retr_skipped="too-large")
        elif self._status("retr", await self._dialogue.ask(b"RETR %d" % smallest)):
            octets = await self._dialogue.reader.message_octets(size + SLACK)
            self._note(retr_octets=octets, retr_listed=size)

    async def _capa(self) -> None:
        self._phase = "capa"
        if not self._status("capa", await self._dialogue.ask(b"CAPA")):
            return
        lines = await self._dialogue.reader.list_lines()
        names = [capability_of(line).name for line in lines if line.strip()]
        self._note(capabilities=tuple(name for name in REGISTERED if name in names))

    async def _dele_and_rset(self) -> bool:
        """Whether the mailbox is as before, so that QUIT deletes nothing."""
        self._phase = "dele"
        smallest = min(self._sizes, key=lambda number: (self._sizes[number], number))
        self._note(dele=await self._command(b"DELE %d" % smallest))
        self._phase = "rset"
        self._note(rset=await self._command(b"RSET"))
        reply = await self._dialogue.ask(b"STAT")
        if status_of(reply) != "+OK":
            raise Ended("malformed")
        messages, octets = numbers_in(reply)
        self._note(messages_after=messages, octets_after=octets)
        same = (messages, octets) == (self._seen.messages, self._seen.octets)
        return same and self._seen.rset == "+OK"

    async def _command(self, command: bytes) -> str:
        status = status_of(await self._dialogue.ask(command))
        if status == "other":
            raise Ended("malformed")
        return status

    def _status(self, field: str, reply: bytes) -> bool:
        status = status_of(reply)
        if status == "other":
            raise Ended("malformed")
        self._note(**{field: status})
        return status == "+OK"

    def _note(self, **seen: object) -> None:
        self._seen = dataclasses.replace(self._seen, **seen)  # type: ignore[arg-type]

    def result(self, outcome: str = "completed") -> Mailbox:
        """What was seen.

        :param outcome: a word of `Mailbox.outcome`
        """
        return dataclasses.replace(
            self._seen, outcome=outcome, ended_in=None if outcome == "completed" else self._phase
        )
