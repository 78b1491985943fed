# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a second session go on where the first one ended: by session id, by ticket, in TLS 1.2 and 1.3; how long a
ticket is good for, and whether it allows early data.

Made with the standard library's TLS; each way has two connections. A greeting is read in the first, since tickets of
TLS 1.3 come after the handshake, and QUIT is said. Sources: RFC 5246 section 7.3, RFC 5077, RFC 8446 sections 2.2 and
4.6.1. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import warnings
from typing import List, Optional, Tuple

from .handshake_messages import read_ticket
from .model import Resumption
from .pop3 import Dialogue, Ended
from .tcp import ending
from .tls.exchange import Line
from .tls_session import HandshakeEnded, NotTls, TlsStream, make_context

TICKET, ID = "ticket", "id"
WAYS = (("TLSv1.3", TICKET), ("TLSv1.2", TICKET), ("TLSv1.2", ID))
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclasses.dataclass
class _Session:
    """What one session came to."""

    outcome: str
    session: Optional[ssl.SSLSession] = None
    reused: bool = False
    ticket: Tuple[Optional[int], Optional[int]] = (None, None)
    """Lifetime in seconds, octets of early data."""


async def try_resumption(line: Line, server_name: Optional[str], timeout: float) -> List[Resumption]:
    """Try each way, with two connections.

    :param line: makes connections to a port that speaks TLS from the first octet
    :param timeout: seconds for one session
    """
    return [await _try(line, version, by, server_name, timeout) for version, by in WAYS]


async def _try(line: Line, version: str, by: str, server_name: Optional[str], timeout: float) -> Resumption:
    context = _context(version, by)
    first = await _session(line, context, "resumption, %s by %s, first session" % (version, by), server_name, timeout)
    lifetime, early = first.ticket
    if first.outcome != "completed":
        return Resumption(version, by, first.outcome)
    given = first.session
    if given is None or (by == TICKET) is not given.has_ticket or (by == ID and not given.id):
        return Resumption(version, by, "nothing-given", lifetime, early)
    second = await _session(
        line, context, "resumption, %s by %s, second session" % (version, by), server_name, timeout, given
    )
    if second.outcome != "completed":
        return Resumption(version, by, second.outcome, lifetime, early)
    return Resumption(version, by, "resumed" if second.reused else "not-resumed", lifetime, early)


def _context(version: str, by: str) -> ssl.SSLContext:
    context = make_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = VERSIONS[version]
    if by == ID:
        context.options |= ssl.OP_NO_TICKET
    return context


async def _session(
    line: Line,
    context: ssl.SSLContext,
    purpose: str,
    server_name: Optional[str],
    timeout: float,
    resumed: Optional[ssl.SSLSession] = None,
) -> _Session:
    tcp, stream = await line.open(purpose)
    if stream is None:
        return _Session("not-connected")
    found = _Session("failed")
    try:
        tls = TlsStream(stream, context, server_name, resumed)
        await asyncio.wait_for(_talk(tls, found), timeout)
    except HandshakeEnded as ended:
        found.outcome = ended.outcome
    except Ended as ended:
        found.outcome = ended.outcome
    except (NotTls, ValueError):
        found.outcome = "failed"
    except (asyncio.TimeoutError, ssl.SSLError, OSError) as error:
        found.outcome = ending(error)
    finally:
        line.close(stream)
    return found


def _worst(tls: TlsStream) -> Tuple[Optional[int], Optional[int]]:
    """The longest life and the most early data of all tickets; nothing where one of them can't be read."""
    read = [read_ticket(message, tls.version) for message in tls.ticket_messages]
    lifetimes = [lifetime for lifetime, _early in read if lifetime is not None]
    early = [amount for _lifetime, amount in read if amount is not None]
    whole = bool(read) and len(lifetimes) == len(read)
    return max(lifetimes) if whole else None, max(early) if early else None


async def _talk(tls: TlsStream, found: _Session) -> None:
    await tls.handshake()
    found.reused = tls.resumed
    dialogue = Dialogue(tls.send, tls.receive)
    if await dialogue.greet():
        await dialogue.quit()
    found.session, found.ticket = tls.ssl_session, _worst(tls)
    await tls.close()
    found.outcome = "completed"
