# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's POP3 server: a dialogue in the AUTHORIZATION state, in clear text, inside TLS, or silent.

It is there to be looked at: no login ever succeeds. Source: RFC 1939, RFC 2449, RFC 2595.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ssl

MAX_COMMANDS = 64
"""Commands in one connection, and seconds it may last: a lab that is scanned by mistake must not fill up."""
MAX_SECONDS = 120.0
MAX_LINE = 1024


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """How a listener behaves."""

    tls: ssl.SSLContext | None = None
    """TLS from the first byte; ``None``: clear text."""

    stls: ssl.SSLContext | None = None
    """Offer STLS in clear text."""

    clear_text_login: bool = False
    """Offer USER and SASL PLAIN in clear text."""

    keeps_clear_text: bool = False
    """Obey inside TLS what came behind STLS in clear text (CVE-2011-0411)."""

    silent: bool = False
    """Say nothing after the handshake."""


async def serve(behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection to its end; what the peer breaks ends it quietly."""
    try:
        await asyncio.wait_for(_Session(behaviour, reader, writer).run(), MAX_SECONDS)
    except (OSError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    except asyncio.CancelledError:
        # The lab ends: a TLS goodbye would wait for a peer that may never answer.
        writer.transport.abort()
        raise
    finally:
        writer.close()


class _Session:
    def __init__(self, behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._behaviour, self._reader, self._writer = behaviour, reader, writer
        self._inside_tls = behaviour.tls is not None
        self._buffer = b""

    async def run(self) -> None:
        if self._behaviour.silent:
            await self._reader.read(MAX_LINE)
            await asyncio.sleep(MAX_SECONDS)
            return
        await self._say("+OK POP3 lab server ready")
        for _ in range(MAX_COMMANDS):
            line = await self._line()
            command = line.strip().upper().split(b" ")[0]
            if command == b"CAPA":
                await self._say("+OK capabilities follow", *self._capabilities(), ".")
            elif command == b"STLS" and self._behaviour.stls is not None and not self._inside_tls:
                await self._say("+OK begin TLS")
                if not self._behaviour.keeps_clear_text:
                    self._buffer = b""
                await self._writer.start_tls(self._behaviour.stls)
                self._inside_tls = True
            elif command == b"QUIT":
                await self._say("+OK bye")
                return
            elif command == b"USER" and self._may_log_in:
                await self._say("+OK send PASS")
            else:
                await self._say("-ERR [AUTH] not here")

    async def _line(self) -> bytes:
        """The next line. What was read beyond it stays here and not in the stream, where it would stay."""
        while b"\r\n" not in self._buffer:
            data = await self._reader.read(MAX_LINE)
            if not data or len(self._buffer) > MAX_LINE:
                raise asyncio.IncompleteReadError(self._buffer, None)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    @property
    def _may_log_in(self) -> bool:
        return self._inside_tls or self._behaviour.clear_text_login

    def _capabilities(self) -> list[str]:
        offered = ["TOP", "UIDL", "RESP-CODES", "PIPELINING"]
        if self._behaviour.stls is not None and not self._inside_tls:
            offered.append("STLS")
        return offered + (["USER", "SASL PLAIN"] if self._may_log_in else ["SASL"])

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode("ascii"))
        await self._writer.drain()
