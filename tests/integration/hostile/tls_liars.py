# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile server may do to a ClientHello, one behaviour each. None of them proves anything about its TLS, unless
it stands in `PROVEN`."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time

from tests.hostile.behaviours import (
    close_after_hearing,
    close_at_once,
    drip,
    endless,
    garbage,
    reset_after_hearing,
    reset_at_once,
    saying,
    silence,
)
from tests.hostile.server import Behaviour, Caller
from tests.unit.probe.tls_servers import inside
from tests.unit.probe_tls import flights
from tests.unit.probe_tls.flights import DONE, FLIGHT, alert, certificate, ecdhe, message, record, server_hello

HELLO, CHAIN, KEY_EXCHANGE = server_hello(), certificate(b"leaf"), ecdhe()
HELLO_REQUEST = message(0)
CLIENTS_TURN = 0.06
"""Seconds from the connect on, until the probe has surely sent its hello."""


def steps(*messages: bytes, then_reset: bool = True) -> Behaviour:
    """Say some messages of a flight, and break off."""

    def behave(caller: Caller) -> None:
        caller.hear()
        caller.say(b"".join(record(one) for one in messages))
        if then_reset:
            caller.reset()

    return behave


def unasked(data: bytes, seconds: float = 0.0) -> Behaviour:
    """Say the answer whatever the question, some time after the connect, and hold the line."""

    def behave(caller: Caller) -> None:
        caller.wait(seconds)
        caller.say(data)
        caller.wait_for_end()

    return behave


class OncePerSecond:
    """A throttle: one connection a second is served, others are closed at once."""

    def __init__(self, serve: Behaviour) -> None:
        self._serve, self._lock, self._free_at = serve, threading.Lock(), 0.0

    def __call__(self, caller: Caller) -> None:
        with self._lock:
            now = time.monotonic()
            taken = now >= self._free_at
            if taken:
                self._free_at = now + 1.0
        if taken:
            self._serve(caller)


def patient(context: ssl.SSLContext) -> Behaviour:
    """A TLS server, whose thread survives the hellos it refuses."""
    serve = inside(context)

    def behave(caller: Caller) -> None:
        with contextlib.suppress(ssl.SSLError):
            serve(caller)

    return behave


def always(data: bytes) -> Behaviour:
    return saying(data, after_hearing=True, then_close=True)


LIARS: dict[str, Behaviour] = {
    # Time
    "silence": silence,
    "a flight, an octet a second": drip(FLIGHT, 1.0, after_hearing=True),
    "an alert, an octet a second": drip(alert(40), 1.0, after_hearing=True),
    "a greeting, an octet a second": drip(b"+OK ready\r\n", 1.0),
    # Floods
    "an endless greeting": endless(b"+OK welcome "),
    "an endless line after the hello": endless(b"+OK welcome ", after_hearing=True),
    "an endless handshake": endless(record(HELLO_REQUEST), first=record(HELLO), after_hearing=True),
    "an endless chain": endless(record(certificate(bytes(9000))), first=record(HELLO), after_hearing=True),
    "a handshake message of 2^24 octets": endless(
        record(bytes(16000)), first=record(HELLO) + record(b"\x0b\xff\xff\xff"), after_hearing=True
    ),
    "records of length 0": endless(record(b""), after_hearing=True),
    "records of length 0 behind a ServerHello": endless(record(b""), first=record(HELLO), after_hearing=True),
    "change of cipher without end": endless(record(b"\x01", 20), after_hearing=True),
    "warnings without end": endless(alert(112, flights.WARNING), after_hearing=True),
    "alternating alerts": endless(alert(112, flights.WARNING) + alert(40, 0) + alert(90, 3), after_hearing=True),
    "octets of chance without end": endless(bytes(range(256)), after_hearing=True),
    # Lies
    "a version above the offer": always(record(server_hello(0x0304) + CHAIN + KEY_EXCHANGE + DONE)),
    "a version that is none": always(record(server_hello(0x0399) + CHAIN + KEY_EXCHANGE + DONE)),
    "a version below all": always(record(server_hello(0x0002) + CHAIN + KEY_EXCHANGE + DONE)),
    "a suite that nobody offered": always(record(server_hello(0x0303, 0xDADA) + CHAIN + KEY_EXCHANGE + DONE)),
    "a group that nobody offered": always(record(HELLO + CHAIN + ecdhe(0xDADA) + DONE)),
    "a retry for a group that nobody offered": always(record(flights.server_hello_13(0x1301, 0xDADA, retry=True))),
    "two ServerHellos": always(record(HELLO + HELLO + CHAIN + KEY_EXCHANGE + DONE)),
    "a flight without its first message": always(record(CHAIN + KEY_EXCHANGE + DONE)),
    "an SSLv2 hello to everything": always(flights.ssl_2_hello(0x010080)),
    "application data in clear": always(record(b"+OK ready\r\n", 23)),
    # Ends
    "a close at once": close_at_once,
    "a reset at once": reset_at_once,
    "a close after the hello": close_after_hearing,
    "a reset after the hello": reset_after_hearing,
    "a reset after half a record": always(FLIGHT[:40]),
    "a reset after the ServerHello": steps(HELLO),
    "a reset after the certificate": steps(HELLO, CHAIN),
    "a reset after the key exchange": steps(HELLO, CHAIN, KEY_EXCHANGE),
    "a close after the key exchange": steps(HELLO, CHAIN, KEY_EXCHANGE, then_reset=False),
    # Refusals of everything
    "handshake_failure to everything": always(alert(40)),
    "protocol_version to everything": always(alert(70)),
    "internal_error to everything": always(alert(80)),
    "close_notify to everything": always(alert(0, flights.WARNING)),
    "an alert after the ServerHello": always(record(HELLO) + alert(40)),
    "one connection a second": OncePerSecond(always(alert(40))),
    # Answers before the question
    "a flight before the hello": unasked(FLIGHT),
    "an alert before the hello": unasked(alert(40)),
    "an alert that crosses the hello": unasked(alert(40), 0.015),
    "an alert whatever the hello": unasked(alert(40), CLIENTS_TURN),
    "the same flight whatever the hello": unasked(FLIGHT, CLIENTS_TURN),
    # Something else
    "a POP3 greeting": saying(b"+OK Dovecot ready.\r\n"),
    "an HTTP answer": always(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "an SSH banner": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "noise": garbage(995, after_hearing=True),
    "noise in a handshake record": garbage(996, first=b"\x16\x03\x03\x10\x00\x02\x00\x00\x46", after_hearing=True),
    "noise before the hello": garbage(997),
}

PROVEN = {
    # It chose TLS 1.2, and that is all.
    "the same flight whatever the hello": {"POP3S-VER-005"},
}
"""Checks that a behaviour may pass, by its own octets."""

STLS_LIARS: dict[str, Behaviour] = {
    "silence": silence,
    "an endless greeting": endless(b"+OK welcome "),
    "an octet a second": drip(b"+OK ready\r\n", 1.0),
    "a flood behind STLS": endless(b"+OK begin\r\n", first=b"+OK ready\r\n", after_hearing=True),
    "plain text behind STLS": saying(b"+OK ready\r\n+OK begin\r\n+OK and on\r\n", then_close=True),
    "noise behind the greeting": garbage(998, first=b"+OK ready\r\n"),
    "a reset at once": reset_at_once,
}
"""The same on the clear-text port, before and behind STLS."""
