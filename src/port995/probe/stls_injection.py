# SPDX-License-Identifier: GPL-3.0-or-later
"""STLS with a command behind it in the same segment: does what was said in clear text count inside TLS?

A server that keeps what came before TLS obeys a command that anybody on the way may have put there (CVE-2011-0411 and
its kin). After the handshake QUIT is said: its answer shows that the server listens, and whatever stands before it is
the answer to what was injected. So nothing is concluded from silence. No credentials are sent; the command is CAPA.
Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from typing import List, Optional

from .model import Injection
from .pop3 import Ended, LineReader, status_of
from .tcp import TcpStream, ending
from .tls.exchange import Line
from .tls_session import HandshakeEnded, NotTls, TlsStream

PURPOSE, CONTROL_PURPOSE = "STLS command injection", "STLS command injection, control without the command"
STLS, INJECTED = b"STLS\r\n", b"CAPA\r\n"
MAX_LINES = 40
HUNG_UP = ("eof", "reset")


async def try_injection(line: Line, context: ssl.SSLContext, server_name: Optional[str], timeout: float) -> Injection:
    """Try it, and once more without the command when more than one line came.

    :param line: makes connections to the clear-text port
    :param context: of `port995.probe.tls_session.make_context`
    :param timeout: seconds for one session
    """
    tried = await _session(line, PURPOSE, STLS + INJECTED, context, server_name, timeout)
    if tried.outcome in HUNG_UP:
        # Many servers take the command for a broken handshake and hang up; what was unread then makes it a reset.
        again = await _session(line, PURPOSE, STLS + INJECTED, context, server_name, timeout)
        return dataclasses.replace(again, repeated=True) if again.outcome in HUNG_UP else again
    if tried.outcome != "answered" or len(tried.lines) <= 1:
        return tried
    control = await _session(line, CONTROL_PURPOSE, STLS, context, server_name, timeout)
    return Injection(tried.outcome, tried.lines, len(control.lines) if control.outcome == "answered" else None)


async def _session(
    line: Line, purpose: str, opening: bytes, context: ssl.SSLContext, server_name: Optional[str], timeout: float
) -> Injection:
    tcp, stream = await line.open(purpose)
    if stream is None:
        return Injection("not-connected")
    heard: List[str] = []
    try:
        outcome = await asyncio.wait_for(_talk(stream, opening, context, server_name, heard), timeout)
    except HandshakeEnded as ended:
        outcome = ended.outcome
    except Ended as ended:
        outcome = ended.outcome if ended.outcome in ("timeout", "eof", "reset") else "failed"
    except (NotTls, ValueError):
        outcome = "failed"
    except (asyncio.TimeoutError, ssl.SSLError, OSError) as error:
        outcome = ending(error)
    finally:
        line.close(stream)
    return Injection(outcome, tuple(heard))


async def _talk(
    stream: TcpStream, opening: bytes, context: ssl.SSLContext, server_name: Optional[str], heard: List[str]
) -> str:
    clear = LineReader(stream.receive)
    if status_of(await clear.line()) != "+OK":
        return "no-stls"
    await stream.send(opening)
    if status_of(await clear.line()) != "+OK":
        return "no-stls"
    if clear.buffered:
        return "clear-text"
    tls = TlsStream(stream, context, server_name)
    await tls.handshake()
    await tls.send(b"QUIT\r\n")
    inside = LineReader(tls.receive)
    try:
        while len(heard) < MAX_LINES:
            heard.append((await inside.line()).decode("latin-1")[:200])
    except Ended:
        pass  # The server has said goodbye; a session without any line has not answered.
    return "answered" if heard else "eof"
