# SPDX-License-Identifier: GPL-3.0-or-later
"""NTLM challenges: names are read where they are, and nothing outside of the message ever is."""

from __future__ import annotations

import base64
import dataclasses
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from port995.probe.model import NtlmHost
from port995.probe.ntlm import MAX_MESSAGE, NtlmError, negotiate, read_challenge
from port995.probe.pop3_extras import challenge_in

UNICODE, VERSION = 0x1, 0x02000000
HOST = NtlmHost("EXAMPLE", "MX1", "EXAMPLE", "mx1.ad.example.org", "ad.example.org", "example.org", "10.0.17763")
ORDER = ((2, "netbios_domain"), (1, "netbios_computer"), (4, "dns_domain"), (3, "dns_computer"), (5, "dns_forest"))


def pairs(host: NtlmHost = HOST) -> bytes:
    texts = [(kind, getattr(host, name).encode("utf-16-le")) for kind, name in ORDER]
    return b"".join(struct.pack("<HH", kind, len(text)) + text for kind, text in texts if text) + b"\0\0\0\0"


def challenge(
    target: bytes = "EXAMPLE".encode("utf-16-le"),
    info: bytes | None = None,
    *,
    flags: int = UNICODE | VERSION,
    target_fields: bytes | None = None,
    info_fields: bytes | None = None,
) -> bytes:
    info = pairs() if info is None else info
    first = target_fields or struct.pack("<HHI", len(target), len(target), 56)
    second = info_fields or struct.pack("<HHI", len(info), len(info), 56 + len(target))
    version = struct.pack("<BBH3xB", 10, 0, 17763, 15)
    return (
        b"NTLMSSP\0" + struct.pack("<I", 2) + first + struct.pack("<I", flags) + b"\x11" * 8 + bytes(8) + second
        + version + target + info
    )  # fmt: skip


def test_a_challenge_as_exchange_sends_it() -> None:
    assert read_challenge(challenge()) == HOST


def test_a_challenge_of_one_octet_characters_and_no_version() -> None:
    host = read_challenge(challenge(b"OLD", b"", flags=0))
    assert host == NtlmHost("OLD")


def test_the_shortest_one_has_no_list_at_all() -> None:
    assert read_challenge(challenge(b"", b"")[:32]) == NtlmHost()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"NTLMSSP\0",
        challenge()[:31],
        b"X" + challenge()[1:],
        challenge().replace(struct.pack("<I", 2), struct.pack("<I", 3), 1),
        challenge(target_fields=struct.pack("<HHI", 14, 14, 0xFFFFFFF0)),
        challenge(target_fields=struct.pack("<HHI", 0xFFFF, 0xFFFF, 56)),
        challenge(info_fields=struct.pack("<HHI", 4, 4, 100000)),
        challenge(info=b"\1\0"),
        challenge(info=struct.pack("<HH", 1, 500) + b"X"),
        challenge(info=struct.pack("<HH", 1, 2) + b"\x00\xd8" + bytes(4)),
        challenge(info=struct.pack("<HH", 1, 3) + b"abc" + bytes(4)),
        challenge(info=struct.pack("<HH", 9, 0) * 65),
        challenge(info=struct.pack("<HH", 1, 2000) + bytes(2000)),
        challenge(info=b"\0" * MAX_MESSAGE),
    ],
)
def test_what_is_no_challenge_or_points_outside_is_an_error(message: bytes) -> None:
    with pytest.raises(NtlmError):
        read_challenge(message)


def test_ours_names_nobody() -> None:
    message = negotiate()
    assert message[:12] == b"NTLMSSP\0\1\0\0\0"
    assert len(message) == 32 and message[16:] == bytes(16)


@pytest.mark.parametrize("reply", [b"+", b"+OK", b"-ERR", b"+ ", b"+ AAAA====", b"+ \xff", b"+ ()", b"++ AAAA"])
def test_a_line_without_a_challenge_is_an_error(reply: bytes) -> None:
    with pytest.raises(NtlmError):
        challenge_in(reply)
    assert challenge_in(b"+ " + base64.b64encode(challenge())) == HOST


@given(st.binary(max_size=200))
@example(b"")
def test_noise_raises_nothing_else(noise: bytes) -> None:
    for message in (noise, b"NTLMSSP\0\2\0\0\0" + noise):
        try:
            host = read_challenge(message)
        except NtlmError:
            continue
        assert all(isinstance(text, str) for text in dataclasses.astuple(host))


@given(st.integers(0, 300), st.binary(min_size=1, max_size=8))
def test_a_challenge_with_some_octets_changed_raises_nothing_else(at: int, other: bytes) -> None:
    message = challenge()
    spoiled = message[:at] + other + message[at + len(other) :]
    try:
        host = read_challenge(spoiled)
    except NtlmError:
        return
    for text in dataclasses.astuple(host):
        text.encode("utf-8")


@given(st.binary(max_size=120))
def test_lines_of_noise_raise_nothing_else(noise: bytes) -> None:
    try:
        challenge_in(b"+ " + noise)
    except NtlmError:
        pass
