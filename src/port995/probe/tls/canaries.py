# SPDX-License-Identifier: GPL-3.0-or-later
"""Known faults, shown to this machine's own probe before it looks at anybody: what it misses here, it misses anywhere.

Each canary is a canned conversation: a hello is sent through the very code that probes servers, over a socket pair, and
a server's octets come back that show a fault. A canary that is not seen takes its checks with it: they are not tested.
The octets are minimal answers after RFC 6101, RFC 5246, RFC 8422, RFC 8446 and draft-hickman-netscape-ssl-00.
Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
from typing import Dict, Optional, Tuple

from ..model import Question, TcpConnect
from ..tcp import TcpStream
from .client_hello import (
    RENEGOTIATION_SCSV,
    SIGNATURE_ALGORITHMS,
    SSL_2,
    SSL_3,
    SUPPORTED_GROUPS,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    Offer,
)
from .exchange import Line, say_hello

TIMEOUT = 5.0
"""Seconds for all canaries together; they take a twentieth of one."""

RANDOM = "5a" * 32
RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
NO_CERTIFICATE, DONE = "0b000003000000", "0e000000"


@dataclasses.dataclass(frozen=True)
class Canary:
    """One canned conversation."""

    name: str
    """What this machine would see; checks name it."""

    offer: Offer
    answer: str
    """The server's octets, hex."""

    seen: Tuple[Tuple[str, object], ...]
    """Fields of `Hello` that must come out of it."""

    in_hello: Tuple[str, ...]
    """Octets that must be in the hello that was sent, hex: the question must really be put. Whole lists: two octets of
    a number stand somewhere in the randomness once in a thousand runs."""

    stls: bool = False


def _listed(*values: int) -> str:
    return "%04x" % (2 * len(values)) + "".join("%04x" % value for value in values)


def _in_extension(kind: int, *values: int) -> str:
    return "%04x%04x" % (kind, 2 * len(values) + 2) + _listed(*values)


def _record(version: int, *messages: str) -> str:
    content = "".join(messages)
    return "16%04x%04x" % (version, len(content) // 2) + content


def _server_hello(version: int, suite: int, random: str = RANDOM, extensions: str = "") -> str:
    body = "%04x" % version + random + "00" + "%04x" % suite + "00"
    if extensions:
        body += "%04x" % (len(extensions) // 2) + extensions
    return "02%06x" % (len(body) // 2) + body


def _key_exchange(group: int, signature: Optional[int]) -> str:
    body = "03%04x" % group + "01" + "04" + ("%04x" % signature + "0001" + "00" if signature is not None else "")
    return "0c%06x" % (len(body) // 2) + body


def _chosen(name: str, version: int, suite: int) -> Canary:
    """A server that chooses an old version, or a weak suite."""
    answer = _record(version, _server_hello(version, suite), NO_CERTIFICATE, DONE)
    seen = (("outcome", "server-hello"), ("answered_version", version), ("suite", suite), ("complete", True))
    return Canary(
        name,
        Offer(version, (0xC02F, suite), (0x001D,), (0x0401,)),
        answer,
        seen,
        (_listed(0xC02F, suite, RENEGOTIATION_SCSV),),
    )


def _retried(name: str, suite: int, group: int) -> Canary:
    """A TLS 1.3 server that names suite and group in a HelloRetryRequest."""
    extensions = "002b00020304" + "00330002%04x" % group
    answer = _record(TLS_1_2, _server_hello(TLS_1_2, suite, RETRY, extensions))
    seen = (
        ("outcome", "hello-retry-request"), ("answered_version", TLS_1_3), ("suite", suite), ("group", group),
        ("complete", True),
    )  # fmt: skip
    offer = Offer(TLS_1_3, (0x1301, suite), (0x001D, group), (0x0403, 0x0804), "empty")
    put = (_listed(0x1301, suite), _in_extension(SUPPORTED_GROUPS, 0x001D, group))
    return Canary(name, offer, answer, seen, put)


def _signed(name: str, group: int, signature: int) -> Canary:
    """A TLS 1.2 server whose key exchange has a weak group and a weak signature."""
    answer = _record(
        TLS_1_2, _server_hello(TLS_1_2, 0xC02F), NO_CERTIFICATE, _key_exchange(group, signature), DONE
    )  # fmt: skip
    seen = (("outcome", "server-hello"), ("group", group), ("signature", signature), ("complete", True))
    put = (
        _in_extension(SUPPORTED_GROUPS, 0x001D, group), _in_extension(SIGNATURE_ALGORITHMS, 0x0401, signature),
    )  # fmt: skip
    return Canary(name, Offer(TLS_1_2, (0xC02F,), (0x001D, group), (0x0401, signature)), answer, seen, put)


def _refused(name: str, answer: str, *seen: Tuple[str, object], stls: bool = False) -> Canary:
    """A server that refuses, in one way or another: each must be told from the others."""
    return Canary(
        name,
        Offer(TLS_1_2, (0xC02F,), (0x001D,), (0x0401,)),
        answer,
        seen,
        (_listed(0xC02F, RENEGOTIATION_SCSV),),
        stls,
    )


def _ssl_2() -> Canary:
    """SERVER-HELLO: no session, no certificate, one cipher (RC4 of 128 bits), a connection id of 16 octets."""
    body = "04" + "00" + "00" + "0002" + "0000" + "0003" + "0010" + "010080" + "5a" * 16
    answer = "%04x" % (0x8000 | len(body) // 2) + body
    seen = (("outcome", "server-hello"), ("answered_version", SSL_2), ("complete", True))
    return Canary("SSLv2", Offer(SSL_2, (0x010080, 0x0700C0)), answer, seen, ("0100800700c0",))


CANARIES: Tuple[Canary, ...] = (
    _ssl_2(),
    _chosen("SSLv3", SSL_3, 0x0005),
    _chosen("TLSv1", TLS_1_0, 0x0035),
    _chosen("TLSv1.1", TLS_1_1, 0x002F),
    _chosen("TLSv1.2 suite", TLS_1_2, 0x0005),
    _retried("TLSv1.3 suite", 0x1305, 0x001D),
    _retried("TLSv1.3 group", 0x1301, 0x0016),
    _signed("TLSv1.2 group", 0x0013, 0x0401),
    _signed("TLSv1.2 signature", 0x001D, 0x0201),
    _refused("alert", "15030300020228", ("outcome", "alert"), ("alert", 40), ("complete", False)),
    _refused("warning", "15030300020170", ("outcome", "eof"), ("alert", None)),
    _refused("eof", "", ("outcome", "eof"), ("octets_received", 0)),
    _refused("plain text", b"+OK ready\r\n".hex(), ("outcome", "not-tls")),
    _refused(
        "STLS", _record(TLS_1_2, _server_hello(TLS_1_2, 0xC02F), NO_CERTIFICATE, _key_exchange(0x001D, 0x0401), DONE),
        ("outcome", "server-hello"), ("suite", 0xC02F), ("complete", True), stls=True,
    ),
)  # fmt: skip
PATH = "path"
"""What the canary host shows: an old hello came through, and its answer back."""

NAMES: Tuple[str, ...] = tuple(canary.name for canary in CANARIES)


async def sing() -> Tuple[str, ...]:
    """Show every canary to the probe.

    :returns: names of those that were seen
    """
    trials = [asyncio.ensure_future(_seen(canary)) for canary in CANARIES]
    done, late = await asyncio.wait(trials, timeout=TIMEOUT)
    for trial in late:
        trial.cancel()
    if late:
        await asyncio.wait(late)
    return tuple(canary.name for canary, trial in zip(CANARIES, trials) if trial in done and _true(trial))


def _true(trial: asyncio.Future[bool]) -> bool:
    return not trial.cancelled() and trial.exception() is None and trial.result()


async def _seen(canary: Canary) -> bool:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    hello_sent: Dict[str, bytes] = {}
    server = asyncio.ensure_future(_serve(canary, theirs, hello_sent))
    try:
        question = Question("canary", canary.name, canary.offer.version, "")
        end_at = time.monotonic() + TIMEOUT
        hello, _answer = await say_hello(_Pair(ours), question, canary.offer, canary.stls, TIMEOUT, end_at)
        await asyncio.wait_for(server, TIMEOUT)
    finally:
        server.cancel()
        ours.close()
        theirs.close()
    put = all(bytes.fromhex(octets) in hello_sent.get("hello", b"") for octets in canary.in_hello)
    return put and all(getattr(hello, name) == value for name, value in canary.seen)


async def _serve(canary: Canary, theirs: socket.socket, hello_sent: Dict[str, bytes]) -> None:
    loop = asyncio.get_running_loop()
    if canary.stls:
        await loop.sock_sendall(theirs, b"+OK canary\r\n")
        await loop.sock_recv(theirs, 64)
        await loop.sock_sendall(theirs, b"+OK begin\r\n")
    hello_sent["hello"] = await loop.sock_recv(theirs, 16384)
    answer = bytes.fromhex(canary.answer)
    # In two pieces, as networks do.
    for piece in (answer[:7], answer[7:]):
        if piece:
            await loop.sock_sendall(theirs, piece)
            await asyncio.sleep(0)
    theirs.shutdown(socket.SHUT_WR)


class _Pair(Line):
    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    async def open(self, purpose: str) -> Tuple[TcpConnect, Optional[TcpStream]]:
        return TcpConnect("open", "syn-ack"), TcpStream(self._ours)

    def close(self, stream: TcpStream) -> None:
        stream.close()
