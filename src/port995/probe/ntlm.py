# SPDX-License-Identifier: GPL-3.0-or-later
"""What an NTLM challenge tells of its host before anybody has logged in.

Source: [MS-NLMP] sections 2.2.1.1 (NEGOTIATE_MESSAGE), 2.2.1.2 (CHALLENGE_MESSAGE), 2.2.2.1 (AV_PAIR) and 2.2.2.10
(VERSION). All numbers are little-endian; every offset comes from the peer and is held against the message's end.
Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Dict

from .model import NtlmHost

SIGNATURE = b"NTLMSSP\0"
NEGOTIATE, CHALLENGE = 1, 2
UNICODE, OEM, REQUEST_TARGET, NTLM, VERSION = 0x1, 0x2, 0x4, 0x200, 0x02000000
MAX_MESSAGE = 6144
"""Octets; base64 of it fits into a line that is read."""
MAX_PAIRS = 64
MAX_NAME = 1024
"""Octets of one name."""

END_OF_LIST = 0
NAMES = {1: "netbios_computer", 2: "netbios_domain", 3: "dns_computer", 4: "dns_domain", 5: "dns_forest"}
"""AvId -> field of `NtlmHost`."""


class NtlmError(ValueError):
    """No challenge, or one whose parts lie outside of it."""


def negotiate() -> bytes:
    """A NEGOTIATE_MESSAGE that names nobody: no domain, no workstation."""
    return SIGNATURE + struct.pack("<II16x", NEGOTIATE, UNICODE | OEM | REQUEST_TARGET | NTLM)


def read_challenge(message: bytes) -> NtlmHost:
    """The names and the version in a CHALLENGE_MESSAGE.

    :raises NtlmError: it is none, or a part of it lies outside of it or is no text
    """
    if len(message) > MAX_MESSAGE:
        raise NtlmError("longer than %d octets" % MAX_MESSAGE)
    if len(message) < 32 or message[:8] != SIGNATURE:
        raise NtlmError("no NTLMSSP message")
    kind, flags = struct.unpack_from("<I8xI", message, 8)
    if kind != CHALLENGE:
        raise NtlmError("message type %d is no challenge" % kind)
    unicode = bool(flags & UNICODE)
    host = NtlmHost(target=_text(_part(message, 12), unicode))
    if len(message) >= 48:
        host = dataclasses.replace(host, **_pairs(_part(message, 40)))
    if flags & VERSION and len(message) >= 56:
        host = dataclasses.replace(host, os_version="%d.%d.%d" % struct.unpack_from("<BBH", message, 48))
    return host


def _part(message: bytes, fields_at: int) -> bytes:
    """The octets that a length and an offset point at."""
    length, offset = struct.unpack_from("<H2xI", message, fields_at)
    if length and offset + length > len(message):
        raise NtlmError("a part lies outside of the message")
    return message[offset : offset + length] if length else b""


def _pairs(octets: bytes) -> Dict[str, str]:
    found: Dict[str, str] = {}
    at = 0
    for _pair in range(MAX_PAIRS):
        if not octets[at:]:
            return found
        if at + 4 > len(octets):
            raise NtlmError("a pair is cut off")
        kind, length = struct.unpack_from("<HH", octets, at)
        at += 4
        if at + length > len(octets):
            raise NtlmError("a value lies outside of its list")
        if kind == END_OF_LIST:
            return found
        if kind in NAMES:
            found.setdefault(NAMES[kind], _text(octets[at : at + length], True))
        at += length
    raise NtlmError("more than %d pairs" % MAX_PAIRS)


def _text(octets: bytes, unicode: bool) -> str:
    if len(octets) > MAX_NAME:
        raise NtlmError("a name is longer than %d octets" % MAX_NAME)
    try:
        return octets.decode("utf-16-le" if unicode else "latin-1")
    except UnicodeDecodeError as error:
        raise NtlmError("a name is no UTF-16") from error
