# SPDX-License-Identifier: GPL-3.0-or-later
"""A ClientHello taken apart again, by a reader that shares nothing with the code that wrote it."""

from __future__ import annotations

import dataclasses
import struct


class Cursor:
    """Octets, read from the left; it complains where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        assert len(self.data) >= count, (count, self.data)
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


@dataclasses.dataclass(frozen=True)
class ParsedHello:
    """What a server reads of it."""

    record_version: int
    version: int
    random: bytes
    session: bytes
    suites: tuple[int, ...]
    extensions: tuple[tuple[int, bytes], ...] | None
    """In their order; ``None``: the hello ends before them."""

    message: int
    """Octets of the handshake message, its header included."""

    def extension(self, kind: int) -> bytes | None:
        return dict(self.extensions or ()).get(kind)

    def listed(self, kind: int) -> tuple[int, ...]:
        """The numbers in an extension that is one list of numbers."""
        content = self.extension(kind)
        return () if content is None else pairs(Cursor(content).vector(2))

    @property
    def server_name(self) -> str | None:
        content = self.extension(0)
        if content is None:
            return None
        names = Cursor(Cursor(content).vector(2))
        assert names.number(1) == 0
        name = names.vector(2)
        assert not names.data
        return name.decode("ascii")

    @property
    def shares(self) -> tuple[tuple[int, bytes], ...] | None:
        content = self.extension(51)
        if content is None:
            return None
        entries, found = Cursor(Cursor(content).vector(2)), []
        while entries.data:
            found.append((entries.number(2), entries.vector(2)))
        return tuple(found)


def pairs(data: bytes) -> tuple[int, ...]:
    """Numbers of two octets each."""
    return struct.unpack(f"!{len(data) // 2}H", data)


def parse_hello(octets: bytes) -> ParsedHello:
    """Read one record with one ClientHello in it; nothing may be left over, anywhere."""
    record = Cursor(octets)
    assert record.number(1) == 22
    record_version = record.number(2)
    message = Cursor(record.vector(2))
    assert not record.data
    size = len(message.data)
    assert message.number(1) == 1
    body = Cursor(message.vector(3))
    assert not message.data
    version, random, session = body.number(2), body.take(32), body.vector(1)
    suites = pairs(body.vector(2))
    assert body.vector(1) in (b"\0", b"\1\0")  # none, or DEFLATE and none
    extensions = None
    if body.data:
        block, found = Cursor(body.vector(2)), []
        while block.data:
            found.append((block.number(2), block.vector(2)))
        extensions = tuple(found)
    assert not body.data
    return ParsedHello(record_version, version, random, session, suites, extensions, size)
