# SPDX-License-Identifier: GPL-3.0-or-later
"""The PROXY protocol header that a load balancer would send first.

Source: HAProxy, "The PROXY protocol", versions 1 and 2 (proxy-protocol.txt, sections 2.1 and 2.2).
Python 3.9, standard library only.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Tuple

VERSIONS = ("v1", "v2")
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
VERSION_2_PROXY = 0x21
TCP_OVER_IPV4, TCP_OVER_IPV6 = 0x11, 0x21


def header(version: str, source: Tuple[str, int], destination: Tuple[str, int]) -> bytes:
    """The header for a connection from ``source`` to ``destination`` (IP literal and port, both of one family).

    :raises ValueError: another version than v1 or v2, no IP literal, two families
    """
    ends = [ipaddress.ip_address(address.partition("%")[0]) for address, port in (source, destination)]
    family = ends[0].version
    if ends[1].version != family:
        raise ValueError("both ends are of one family, not %s and %s" % (ends[0], ends[1]))
    if version == "v1":
        return b"PROXY TCP%d %s %s %d %d\r\n" % (
            family, str(ends[0]).encode(), str(ends[1]).encode(), source[1], destination[1]
        )  # fmt: skip
    if version != "v2":
        raise ValueError("PROXY protocol versions are %s, not %r" % (" and ".join(VERSIONS), version))
    addresses = ends[0].packed + ends[1].packed + struct.pack("!HH", source[1], destination[1])
    kind = TCP_OVER_IPV6 if family == 6 else TCP_OVER_IPV4
    return SIGNATURE + struct.pack("!BBH", VERSION_2_PROXY, kind, len(addresses)) + addresses
