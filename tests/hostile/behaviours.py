# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile, broken or overloaded server may do: one function each, in the octets themselves."""

from __future__ import annotations

import random

from .server import Behaviour, Caller

HANDSHAKE_RECORD, ALERT_RECORD = 22, 21
FATAL = 2
ENDLESS = 64 * 1024 * 1024
"""Octets after which an "endless" answer ends after all, so that a reader without a bound fails instead of the
machine."""


def silence(caller: Caller) -> None:
    """Take the connection and never say a word."""
    caller.wait_for_end()


def close_at_once(caller: Caller) -> None:
    """Accept, then close, as a throttle or TCP wrappers do."""


def reset_at_once(caller: Caller) -> None:
    """Accept, then RST."""
    caller.reset()


def reset_after_hearing(caller: Caller) -> None:
    """Hear the first words of the client, then RST."""
    caller.hear()
    caller.reset()


def close_after_hearing(caller: Caller) -> None:
    """Hear the first words of the client, then close."""
    caller.hear()


def saying(data: bytes, *, after_hearing: bool = False, then_close: bool = False) -> Behaviour:
    """Say it all at once, and then hold the line, or close it."""

    def behave(caller: Caller) -> None:
        if after_hearing:
            caller.hear()
        caller.say(data)
        if not then_close:
            caller.wait_for_end()

    return behave


def drip(data: bytes, seconds: float = 1.0, *, after_hearing: bool = False) -> Behaviour:
    """Say it octet by octet with a pause before each: every read succeeds, and nothing ever comes of it."""

    def behave(caller: Caller) -> None:
        if after_hearing:
            caller.hear()
        for octet in data:
            caller.wait(seconds)
            caller.say(bytes([octet]))
        caller.wait_for_end()

    return behave


def endless(piece: bytes, *, first: bytes = b"", after_hearing: bool = False) -> Behaviour:
    """Say one thing again and again, as fast as it is taken."""

    def behave(caller: Caller) -> None:
        if after_hearing:
            caller.hear()
        caller.say(first)
        block = piece * max(1, 65536 // len(piece))
        for _block in range(ENDLESS // len(block)):
            caller.say(block)

    return behave


def garbage(seed: int, octets: int = 4096, *, first: bytes = b"", after_hearing: bool = False) -> Behaviour:
    """Say noise, the same for the same seed, and close."""
    noise = first + random.Random(seed).randbytes(octets)
    return saying(noise, after_hearing=after_hearing, then_close=True)


def record(content_type: int, content: bytes, version: int = 0x0303) -> bytes:
    """A TLS record (RFC 8446 section 5.1)."""
    return bytes([content_type]) + version.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def alerting(description: int, level: int = FATAL) -> Behaviour:
    """Answer the ClientHello with an alert, and close."""
    return saying(record(ALERT_RECORD, bytes([level, description])), after_hearing=True, then_close=True)


def answering(greeting: bytes, answers: dict[bytes, bytes], default: bytes = b"-ERR what?\r\n") -> Behaviour:
    """A POP3 server that knows its answers by heart.

    :param answers: what is said to each command line, without its CRLF; all of it as it stands, CRLF included
    """

    def behave(caller: Caller) -> None:
        caller.say(greeting)
        while True:
            line = caller.hear_line()
            if not line:
                return
            command = line.rstrip(b"\r\n").upper()
            caller.say(answers.get(command, default))
            if command == b"QUIT":
                return

    return behave
