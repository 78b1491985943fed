# SPDX-License-Identifier: GPL-3.0-or-later
"""A small TLS 1.2 client that asks for a renegotiation, which Python's ssl module can't: does the server let a client
begin one?

One connection: a handshake with X25519 and AES-128-GCM or ChaCha20-Poly1305, then a ClientHello inside it. The server's
signature is not verified, since nothing is sent that is worth protecting. A server without one of these suites, or
without X25519, is not tested. Sources: RFC 5246, RFC 5746 (renegotiation), RFC 7627, RFC 7905, RFC 5288.
Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Awaitable, Callable, List, Optional, Tuple, Union

from ..model import Renegotiation
from ..tcp import ending
from .answer import MAX_MESSAGE, MAX_RECORD
from .ciphers import BASE_POINT, Aes128Gcm, ChaCha20Poly1305, WrongTag, prf, transcript_hash, x25519
from .exchange import Line
from .presentation import Octets, Unreadable

PURPOSE = "renegotiation that the client begins, TLS 1.2"
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE = 1, 2, 11, 12
SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE, FINISHED = 14, 16, 20
WARNING, NO_RENEGOTIATION = 1, 100
EXTENDED_MASTER_SECRET = 23
X25519_GROUP, NAMED_CURVE = 29, 3
SUITES = {
    0xC02F: ("aes-128-gcm", "sha256"), 0xC02B: ("aes-128-gcm", "sha256"),
    0xCCA8: ("chacha20", "sha256"), 0xCCA9: ("chacha20", "sha256"),
}  # fmt: skip
SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807, 0x0201, 0x0203)
MAX_RECORDS = 64
QUIET = 2.0
"""Seconds to wait for an answer to the second hello, before the server is asked whether it still listens."""

Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]


class CannotTell(Exception):
    """The handshake did not come about; says why."""


async def try_renegotiation(line: Line, server_name: Optional[str], timeout: float) -> Renegotiation:
    """Begin a renegotiation, on a connection of its own.

    :param line: makes connections to a port that speaks TLS from the first octet
    :param timeout: seconds for all of it
    """
    tcp, stream = await line.open(PURPOSE)
    if stream is None:
        return Renegotiation("not-connected", tcp.reason)
    client = SmallClient(stream.send, stream.receive, server_name)
    try:
        return await asyncio.wait_for(_renegotiate(client), timeout)
    except CannotTell as problem:
        return Renegotiation("not-tested", str(problem))
    except (Unreadable, WrongTag) as problem:
        return Renegotiation("failed", str(problem))
    except (asyncio.TimeoutError, OSError) as error:
        return Renegotiation(ending(error))
    finally:
        line.close(stream)


async def _renegotiate(client: SmallClient) -> Renegotiation:
    await client.handshake()
    # A greeting that came later would be taken for the answer to QUIT, of a server that has not read the hello yet.
    try:
        await asyncio.wait_for(client.greeting(), QUIET)
        greeted = True
    except asyncio.TimeoutError:
        greeted = False
    await client.begin_again()
    try:
        answer = await asyncio.wait_for(client.answer(), QUIET)
    except asyncio.TimeoutError:
        answer = ""
    if answer:
        return Renegotiation(answer)
    # Silence may be a server that passed it over, or one that hangs: only an answer to a command shows which.
    await client.send_data(b"QUIT\r\n")
    answer = await client.answer(data=greeted)
    return Renegotiation({"data": "ignored", "ended": "eof"}.get(answer, answer))


class SmallClient:
    """One connection. `handshake` first, then the rest."""

    def __init__(self, send: Send, receive: Receive, server_name: Optional[str]) -> None:
        self._send_octets, self._receive_octets, self._name = send, receive, server_name
        self._buffer = bytearray()
        self._messages = bytearray()
        self._transcript = b""
        self._random = os.urandom(32)
        self._hash = "sha256"
        self._out: Optional[_Protection] = None
        self._in: Optional[_Protection] = None
        self._verify_data = b""
        self._records = 0

    async def handshake(self) -> None:
        """Make the connection.

        :raises CannotTell: the server does not take what this client has, or ended it
        :raises Unreadable: it sent what the protocol does not allow
        :raises WrongTag: what it encrypted can't be decrypted
        """
        await self._send_handshake(CLIENT_HELLO, self._hello(b"\x00"))
        server_random, suite, extended, share = await self._flight()
        scalar = os.urandom(32)
        public = x25519(scalar, BASE_POINT)
        secret = x25519(scalar, share)
        await self._send_handshake(CLIENT_KEY_EXCHANGE, bytes((32,)) + public)
        if extended:
            session_hash = transcript_hash(self._transcript, self._hash)
            master = prf(secret, b"extended master secret", session_hash, 48, self._hash)
        else:
            master = prf(secret, b"master secret", self._random + server_random, 48, self._hash)
        outgoing, incoming = _protections(SUITES[suite][0], master, server_random + self._random, self._hash)
        await self._send_record(CHANGE_CIPHER_SPEC, b"\x01")
        self._out = outgoing
        digest = transcript_hash(self._transcript, self._hash)
        self._verify_data = prf(master, b"client finished", digest, 12, self._hash)
        await self._send_handshake(FINISHED, self._verify_data)
        await self._finished(master, incoming)

    async def greeting(self) -> None:
        """Read the line that a server of POP3 begins with.

        :raises CannotTell: it did not come
        """
        while True:
            record = await self._record()
            if record is None or record[0] == ALERT:
                raise CannotTell("the connection ended before a greeting came")
            if record[0] == APPLICATION_DATA and b"\n" in record[1]:
                return

    async def begin_again(self) -> None:
        """Send the second hello, inside the connection, with the first one's proof (RFC 5746 section 3.5)."""
        self._random = os.urandom(32)
        await self._send_handshake(CLIENT_HELLO, self._hello(bytes((len(self._verify_data),)) + self._verify_data))

    async def send_data(self, data: bytes) -> None:
        """Send application data."""
        await self._send_record(APPLICATION_DATA, data)

    async def answer(self, data: bool = False) -> str:
        """How the server answers the second hello: ``accepted``, ``refused`` (by an alert), ``ended``; what it says
        beside (the greeting of POP3) is passed over.

        :param data: application data is an answer too: ``data``
        """
        while True:
            record = await self._record()
            if record is None:
                return "eof" if data else "ended"
            kind, content = record
            if kind == ALERT:
                return "refused" if content[1:2] == bytes((NO_RENEGOTIATION,)) or content[:1] != b"\x01" else "ended"
            if kind == HANDSHAKE and content[:1] == bytes((SERVER_HELLO,)):
                return "accepted"
            if kind == APPLICATION_DATA and data:
                return "data"

    def _hello(self, renegotiation: bytes) -> bytes:
        extensions = []
        if self._name is not None:
            name = self._name.encode("ascii")
            extensions.append((0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name))
        signatures = struct.pack("!%dH" % len(SIGNATURES), *SIGNATURES)
        extensions += [
            (EXTENDED_MASTER_SECRET, b""),
            (10, struct.pack("!HH", 2, X25519_GROUP)),
            (11, b"\x01\x00"),
            (13, struct.pack("!H", len(signatures)) + signatures),
            (0xFF01, renegotiation),
        ]
        block = b"".join(struct.pack("!HH", kind, len(content)) + content for kind, content in extensions)
        suites = struct.pack("!%dH" % len(SUITES), *SUITES)
        return b"".join((
            b"\x03\x03", self._random, b"\x00", struct.pack("!H", len(suites)), suites, b"\x01\x00",
            struct.pack("!H", len(block)), block,
        ))  # fmt: skip

    async def _flight(self) -> Tuple[bytes, int, bool, bytes]:
        """The server's first flight: its random, suite, whether the extended master secret is used, its share."""
        random, suite, extended, share = b"", 0, False, b""
        while True:
            kind, body = await self._message()
            if kind == SERVER_HELLO:
                if body.number(2) != 0x0303:
                    raise CannotTell("another version was chosen")
                random = body.take(32)
                body.vector(1)
                suite = body.number(2)
                body.number(1)
                extensions = body.vector(2) if body else Octets(b"")
                while extensions:
                    number = extensions.number(2)
                    extensions.vector(2)
                    extended = extended or number == EXTENDED_MASTER_SECRET
                if suite not in SUITES:
                    raise Unreadable("a suite was chosen that was not offered")
                self._hash = SUITES[suite][1]
            elif kind == SERVER_KEY_EXCHANGE:
                if (body.number(1), body.number(2)) != (NAMED_CURVE, X25519_GROUP):
                    raise Unreadable("a group was chosen that was not offered")
                share = body.vector(1).rest()
            elif kind == SERVER_HELLO_DONE:
                if not random or len(share) != 32:
                    raise Unreadable("the flight is not whole")
                return random, suite, extended, share

    async def _finished(self, master: bytes, incoming: _Protection) -> None:
        while True:
            record = await self._record()
            if record is None:
                raise CannotTell("the connection ended before the handshake did")
            kind, content = record
            if kind == CHANGE_CIPHER_SPEC:
                self._in = incoming
            elif kind == ALERT:
                raise CannotTell("alert %d in the handshake" % content[1] if len(content) > 1 else "a broken alert")
            elif kind == HANDSHAKE and self._in is not None:
                digest = transcript_hash(self._transcript, self._hash)
                expected = prf(master, b"server finished", digest, 12, self._hash)
                if content != bytes((FINISHED,)) + struct.pack("!I", 12)[1:] + expected:
                    raise Unreadable("the server's Finished is not right")
                return
            elif kind == HANDSHAKE:
                self._transcript += content  # A NewSessionTicket stands before the Finished.

    async def _message(self) -> Tuple[int, Octets]:
        """The next handshake message in clear."""
        while True:
            if len(self._messages) >= 4:
                length = int.from_bytes(self._messages[1:4], "big")
                if length > MAX_MESSAGE:
                    raise Unreadable("a handshake message of %d octets" % length)
                if len(self._messages) >= 4 + length:
                    whole = bytes(self._messages[: 4 + length])
                    del self._messages[: 4 + length]
                    self._transcript += whole
                    return whole[0], Octets(whole[4:])
            record = await self._record()
            if record is None:
                raise CannotTell("the server closed the connection: it takes none of the few suites that are tried")
            kind, content = record
            if kind == ALERT:
                raise CannotTell("alert %d to the few suites that are tried" % (content[1] if len(content) > 1 else 0))
            if kind != HANDSHAKE:
                raise Unreadable("record %d in the handshake" % kind)
            self._messages += content

    async def _record(self) -> Optional[Tuple[int, bytes]]:
        """The next record, decrypted; ``None``: the connection ended."""
        self._records += 1
        if self._records > MAX_RECORDS:
            raise Unreadable("more than %d records" % MAX_RECORDS)
        while True:
            if len(self._buffer) >= 5:
                kind, length = self._buffer[0], int.from_bytes(self._buffer[3:5], "big")
                if self._buffer[1] != 3 or length > MAX_RECORD:
                    raise Unreadable("this is no record")
                if len(self._buffer) >= 5 + length:
                    content = bytes(self._buffer[5 : 5 + length])
                    del self._buffer[: 5 + length]
                    return kind, self._in.open(kind, content) if self._in is not None else content
            data = await self._receive_octets()
            if not data:
                return None
            self._buffer += data

    async def _send_handshake(self, kind: int, body: bytes) -> None:
        message = bytes((kind,)) + len(body).to_bytes(3, "big") + body
        self._transcript += message
        await self._send_record(HANDSHAKE, message)

    async def _send_record(self, kind: int, content: bytes) -> None:
        if self._out is not None:
            content = self._out.close(kind, content)
        await self._send_octets(struct.pack("!BHH", kind, 0x0303, len(content)) + content)


class _Protection:
    """One direction of a connection (RFC 5288 section 3, RFC 7905 section 2)."""

    def __init__(self, cipher: Union[Aes128Gcm, ChaCha20Poly1305], iv: bytes) -> None:
        self._cipher, self._iv, self._number = cipher, iv, 0

    def close(self, kind: int, content: bytes) -> bytes:
        nonce, sent = self._nonce(struct.pack("!Q", self._number))
        sealed = self._cipher.encrypt(nonce, content, self._associated(kind, len(content)))
        self._number += 1
        return sent + sealed

    def open(self, kind: int, content: bytes) -> bytes:
        """:raises WrongTag: it was not encrypted for this place"""
        nonce, sent = self._nonce(content[:8] if len(self._iv) == 4 else struct.pack("!Q", self._number))
        sealed = content[len(sent) :]
        data = self._cipher.decrypt(nonce, sealed, self._associated(kind, max(0, len(sealed) - 16)))
        self._number += 1
        return data

    def _nonce(self, explicit: bytes) -> Tuple[bytes, bytes]:
        """The nonce, and the part of it that is sent."""
        if len(self._iv) == 4:
            return self._iv + explicit.ljust(8, b"\x00"), explicit
        padded = bytes(4) + struct.pack("!Q", self._number)
        return bytes(a ^ b for a, b in zip(self._iv, padded)), b""

    def _associated(self, kind: int, length: int) -> bytes:
        return struct.pack("!QBHH", self._number, kind, 0x0303, length)


def _protections(cipher: str, master: bytes, seed: bytes, hash_name: str) -> List[_Protection]:
    """Of the client's direction and the server's (RFC 5246 section 6.3)."""
    key_size, iv_size = (16, 4) if cipher == "aes-128-gcm" else (32, 12)
    block = Octets(prf(master, b"key expansion", seed, 2 * (key_size + iv_size), hash_name))
    keys = [block.take(key_size) for _side in range(2)]
    ivs = [block.take(iv_size) for _side in range(2)]
    kind = Aes128Gcm if cipher == "aes-128-gcm" else ChaCha20Poly1305
    return [_Protection(kind(key), iv) for key, iv in zip(keys, ivs)]
