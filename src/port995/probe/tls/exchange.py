# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection, one hello, one answer: from the first octet on, or after STLS. What the peer does never raises.

A server that throttles closes connections too, and one that answers before it was asked answers somebody else's
question. So the hello waits a moment after the connect (a round trip, and at least `QUIET_SECONDS`) and is sent only
into silence: what comes, or ends, before it is ``early`` and no answer. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import time
from typing import Optional, Tuple

from ..model import Hello, Question, TcpConnect
from ..pop3 import Dialogue, Ended
from ..tcp import TcpStream, ending
from .answer import Answer, AnswerReader
from .client_hello import SSL_2, Offer, digits, write_hello

QUIET_SECONDS = 0.02
"""A throttle that accepts and closes does it at once."""
SPLIT_SECONDS = 0.05


class Line:
    """How connections to the endpoint are made; `port995.probe.endpoint` has the real one."""

    async def open(self, purpose: str) -> Tuple[TcpConnect, Optional[TcpStream]]:
        """Connect once, within manners and deadline; the stream is there when the port is open."""
        raise NotImplementedError

    def close(self, stream: TcpStream) -> None:
        """End that connection and count what passed."""
        raise NotImplementedError


@dataclasses.dataclass
class _Times:
    quiet: float = 0.0
    sent: Optional[float] = None


async def say_hello(
    line: Line, question: Question, offer: Offer, stls: bool, timeout: float, end_at: float
) -> Tuple[Hello, Answer]:
    """Send one offer over a connection of its own.

    :param stls: ask for TLS by STLS first (RFC 2595 section 4)
    :param timeout: seconds for the answer, from the open connection on
    :param end_at: `time.monotonic` value at which everything has to end
    :returns: what was seen, and the answer itself with its certificates
    """
    written = write_hello(offer)
    tcp, stream = await line.open(question.purpose)
    times, ended, round_trip = _Times(), time.monotonic(), tcp.seconds
    if stream is None:
        answer = Answer("not-connected", tcp.reason)
    else:
        reader, begun = AnswerReader(offer), time.monotonic() - tcp.seconds
        round_trip = min(round_trip, stream.round_trip() or round_trip)
        try:
            await asyncio.wait_for(
                _converse(
                    stream, begun + round_trip, round_trip, reader, written.octets, stls, times, question.split
                ),
                max(0.0, min(timeout, end_at - time.monotonic())),
            )
        except (asyncio.TimeoutError, OSError) as error:
            reader.end(ending(error) if times.sent is not None else _before(error))
        finally:
            ended = time.monotonic()
            line.close(stream)
        answer = reader.answer
    size = 6 if offer.version == SSL_2 else 4
    return Hello(
        question=question.id,
        purpose=question.purpose,
        version=offer.version,
        suites=digits(offer.suites, size),
        groups=digits(offer.groups),
        signatures=digits(offer.signatures),
        key_share=offer.key_share,
        server_name=offer.server_name if 0 in written.extensions else None,
        extensions=written.extensions,
        octets=len(written.octets),
        outcome=answer.outcome,
        detail=answer.detail[:200],
        answered_version=answer.version,
        suite=answer.suite,
        group=answer.group,
        signature=answer.signature,
        dh_bits=answer.dh_bits,
        complete=answer.complete,
        alert=answer.alert,
        answer_extensions=answer.extensions,
        random_tail=answer.random_tail,
        compression=answer.compression,
        head=answer.head.hex(),
        octets_received=answer.octets,
        connect_seconds=round_trip,
        quiet_seconds=round(times.quiet, 6),
        answer_seconds=0.0 if times.sent is None else round(ended - times.sent, 6),
        offers_compression=offer.offers_compression,
        alpn=",".join(offer.alpn),
        answered_alpn=answer.alpn,
        staple=None if answer.staple is None else base64.b64encode(answer.staple).decode("ascii"),
        scts=answer.scts,
        dh_public=hashlib.sha256(answer.dh_public).hexdigest() if answer.dh_public else "",
        split=question.split,
        experiment=question.experiment,
    ), answer  # fmt: skip


def _before(error: BaseException) -> str:
    """Nothing was sent yet: an end is no answer."""
    return "timeout" if isinstance(error, asyncio.TimeoutError) else "early"


async def _converse(
    stream: TcpStream,
    connected: float,
    round_trip: float,
    reader: AnswerReader,
    hello: bytes,
    stls: bool,
    times: _Times,
    split: bool,
) -> None:
    """:param connected: `time.monotonic` value at which the SYN was answered"""
    if stls:
        problem = await _begin_tls(stream)
        if problem is not None:
            reader.answer.outcome, reader.answer.detail = "no-stls", problem
            return
    else:
        wait = connected + max(QUIET_SECONDS, round_trip) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
    spoken = stream.peek()
    if spoken is not None:
        reader.answer.outcome = "early"
        reader.answer.detail = "octets before the hello" if spoken else "closed before the hello"
        reader.answer.head, reader.answer.octets = spoken[:32], len(spoken)
        return
    times.quiet = time.monotonic() - connected
    if split:
        # A moment apart, so that they leave as two segments.
        await stream.send(hello[: len(hello) // 2])
        await asyncio.sleep(SPLIT_SECONDS)
        hello = hello[len(hello) // 2 :]
    await stream.send(hello)
    times.sent = time.monotonic()
    while True:
        data = await stream.receive()
        if not data:
            reader.end("eof")
            return
        if reader.feed(data):
            return


async def _begin_tls(stream: TcpStream) -> Optional[str]:
    """Greeting and STLS; ``None``: TLS may begin, else what stood in the way."""
    dialogue = Dialogue(stream.send, stream.receive)
    try:
        if await dialogue.greet() and await dialogue.stls():
            return None
    except Ended as ended:
        return "%s in %s" % (ended.outcome, dialogue.result(ended.outcome).ended_in)
    seen = dialogue.result()
    if seen.octets_after_stls:
        return "octets behind the answer to STLS"
    return (seen.stls_reply or seen.greeting or "")[:120]
