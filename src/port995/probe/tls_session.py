# SPDX-License-Identifier: GPL-3.0-or-later
"""One TLS handshake with the standard library over a stream of ours, tolerant on purpose.

Certificates are recorded and judged elsewhere, so nothing is verified here, and every version and suite that the local
TLS stack still knows is offered: what a strict client would refuse must be seen to be reported. Python 3.9, standard
library only.
"""

from __future__ import annotations

import base64
import dataclasses
import ssl
import time
import warnings
from typing import Any, Optional, Sequence

from .handshake_messages import Transcript, read_handshake
from .model import TlsSession
from .resolve import family_of
from .tcp import TcpStream

MAX_HANDSHAKE_OCTETS = 512 * 1024
"""Octets read before a handshake is given up: OpenSSL's own bound on a chain is 100 KiB."""
MAX_PLAINTEXT = 512
RECORD_TYPES = (20, 21, 22, 23)
"""TLS record content types (RFC 8446 section 5.1)."""
NO_CERTIFICATE_COMPRESSION = 1 << 33
"""SSL_OP_NO_RX_CERTIFICATE_COMPRESSION of OpenSSL 3.2: a compressed chain could not be read from the messages."""


class WatchedObject(ssl.SSLObject):
    """An SSLObject that remembers the messages it received."""

    transcript: Optional[Transcript] = None


class NotTls(Exception):
    """The peer spoke, and it was not TLS."""


class HandshakeEnded(Exception):
    """The handshake ended early.

    :param outcome: a word of `TlsSession.outcome`
    """

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.detail = detail


def make_context(watch: bool = True) -> ssl.SSLContext:
    """A client context that offers all it can and verifies nothing. One serves a whole run.

    :param watch: read the handshake messages, where this Python can
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    if ssl.OPENSSL_VERSION_INFO >= (3, 2):
        context.options |= NO_CERTIFICATE_COMPRESSION
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.sslobject_class = WatchedObject
    if watch and hasattr(context, "_msg_callback"):
        context._msg_callback = _record
    return context


def _record(
    connection: Any, direction: str, version: Any, content_type: Any, message_type: Any, data: bytes
) -> None:
    transcript = getattr(connection, "transcript", None)
    if direction == "read" and transcript is not None:
        transcript.record(int(content_type), int(message_type), data)


def sni_of(name: Optional[str]) -> Optional[str]:
    """The name to send as SNI: never an IP literal, no final dot (RFC 6066 section 3).

    :raises ValueError: not a name that fits into the extension
    """
    if not name or family_of(name) is not None:
        return None
    name = name[:-1] if name.endswith(".") else name
    try:
        return name.encode("ascii").decode() if name.isascii() else name.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("%s can't be sent as SNI: %s" % (ascii(name), error)) from error


class TlsStream:
    """TLS over a stream; `session` says how the handshake went, at any time.

    :param stream: the connection
    :param context: of `make_context`
    :param server_name: sent as SNI when it is a name
    :param resumed: a session of the same context to go on with
    :param expected: name or IP address that a context which verifies holds the certificate against
    :raises ValueError: a name that can't be sent
    """

    def __init__(
        self,
        stream: TcpStream,
        context: ssl.SSLContext,
        server_name: Optional[str],
        resumed: Optional[ssl.SSLSession] = None,
        expected: Optional[str] = None,
    ) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server_name = sni_of(server_name)
        self._watching = getattr(context, "_msg_callback", None) is not None
        self._transcript = Transcript()
        try:
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=expected or self.server_name, session=resumed
            )
        except (ValueError, UnicodeError, ssl.SSLError) as error:
            raise ValueError("%s can't be sent as SNI: %s" % (ascii(self.server_name), error)) from error
        self._tls.transcript = self._transcript  # type: ignore[attr-defined]  # a WatchedObject, by make_context
        self._started = time.monotonic()
        self._before = stream.octets_received
        self._head = b""
        self._done_after: Optional[float] = None
        self._negotiated: Optional[TlsSession] = None
        self._received = 0
        self.close_notify: Optional[bool] = None

    async def handshake(self) -> None:
        """Make the handshake; a deadline is the caller's.

        :raises NotTls: the first octets are no TLS record; they are in `plaintext`
        :raises HandshakeEnded: any other end, with its word
        :raises OSError: the connection broke
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._more()
                continue
            except ssl.SSLError as error:
                await self._flush_last()
                raise self._ended(error) from error
            self._done_after = time.monotonic() - self._started
            self._received = self._stream.octets_received - self._before
            # Read now: a connection that broke later (TCP closed without close_notify) no longer tells.
            self._negotiated = self._read_negotiated()
            await self._flush()
            return

    @property
    def plaintext(self) -> bytes:
        """The first octets received, at most `MAX_PLAINTEXT`."""
        return self._head[:MAX_PLAINTEXT]

    async def rest_of_plaintext(self) -> None:
        """Read on to the end of the first line, its bound, or the end."""
        while b"\n" not in self._head and len(self._head) < MAX_PLAINTEXT:
            data = await self._stream.receive(MAX_PLAINTEXT)
            if not data:
                return
            self._head += data

    async def send(self, data: bytes) -> None:
        """Send application data."""
        self._tls.write(data)
        await self._flush()

    async def receive(self, limit: int = 16384) -> bytes:
        """Application data, at most ``limit`` octets; empty: the peer has closed (`close_notify` says how).

        :raises ssl.SSLError: the TLS connection broke, `alert` may say why
        :raises OSError: the TCP connection broke
        """
        while True:
            try:
                data = self._tls.read(limit)
            except ssl.SSLWantReadError:
                await self._flush()
                received = await self._stream.receive()
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
                continue
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLEOFError:
                # Where the peer has said close_notify before, the end of TCP is no loss.
                self.close_notify = self._transcript.closed
                return b""
            if not data:
                self.close_notify = True
            return data

    async def close(self) -> None:
        """Say close_notify, as both sides owe it before the end of TCP (RFC 8314 section 3.4)."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # The peer's own may not have come; ours is written all the same.
        await self._flush_last()

    @property
    def version(self) -> Optional[str]:
        """The version that was negotiated."""
        return self._tls.version()

    @property
    def resumed(self) -> bool:
        """Whether the handshake went on with a session from before."""
        return bool(self._tls.session_reused)

    @property
    def ssl_session(self) -> Optional[ssl.SSLSession]:
        """What may be gone on with."""
        return self._tls.session

    @property
    def ticket_messages(self) -> Sequence[bytes]:
        """Each NewSessionTicket that came, where this Python shows messages."""
        return self._transcript.tickets

    @property
    def alert(self) -> Optional[int]:
        """The fatal alert received, if any."""
        return self._transcript.fatal_alert

    def session(self, outcome: str, detail: str = "") -> TlsSession:
        """The facts of the handshake so far.

        :param outcome: a word of `TlsSession.outcome`
        """
        now = time.monotonic() - self._started
        return dataclasses.replace(
            self._negotiated or TlsSession(outcome),
            outcome=outcome,
            detail=detail,
            alert=self.alert if outcome == "alert" else None,
            octets_received=self._received or self._stream.octets_received - self._before,
            server_name_sent=self.server_name,
            seconds=round(now if self._done_after is None else self._done_after, 6),
            close_notify=self.close_notify,
        )

    def _read_negotiated(self) -> TlsSession:
        suite = self._tls.cipher()
        name = suite[0] if suite else None
        facts = read_handshake(self._transcript, name)
        leaf = self._tls.getpeercert(binary_form=True)
        chain, source = facts.certificates, "handshake"
        # The library's own word on the leaf stands: a chain that does not begin with it was misread.
        if not chain or chain[0] != leaf:
            chain, source = ((leaf,), "leaf-only") if leaf else ((), "none")
        return TlsSession(
            "completed",
            version=self._tls.version(),
            cipher_suite=name,
            group=facts.group,
            signature_scheme=facts.signature_scheme,
            certificates=tuple(base64.b64encode(der).decode("ascii") for der in chain),
            chain_source=source,
        )

    async def _more(self) -> None:
        data = await self._stream.receive()
        if not data:
            raise HandshakeEnded("eof")
        if not self._head:
            self._head = data[:MAX_PLAINTEXT]
            if data[0] not in RECORD_TYPES:
                raise NotTls
        elif len(self._head) < 2:
            self._head += data[:MAX_PLAINTEXT]
        # The second octet of a record is the major version, 3 in every version of TLS.
        if len(self._head) > 1 and self._head[1] != 3:
            raise NotTls
        if self._stream.octets_received - self._before > MAX_HANDSHAKE_OCTETS:
            raise HandshakeEnded("failed", "more than %d octets in the handshake" % MAX_HANDSHAKE_OCTETS)
        self._incoming.write(data)

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self._stream.send(data)

    async def _flush_last(self) -> None:
        """Send our own alert; that the peer is gone matters no more."""
        try:
            await self._flush()
        except OSError:
            pass

    def _ended(self, error: ssl.SSLError) -> HandshakeEnded:
        if self.alert is not None or "ALERT" in (error.reason or ""):
            return HandshakeEnded("alert", _reason(error))
        return HandshakeEnded("failed", _reason(error))


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")[:200]
