# SPDX-License-Identifier: GPL-3.0-or-later
"""A cable between two network namespaces that delays every packet: two TUN devices and this process between them.

It does what ``tc qdisc ... netem delay`` does, on kernels built without netem as well. Run as root:

    python delay_line.py CLIENT_NAMESPACE SERVER_NAMESPACE DEVICE SECONDS
"""

from __future__ import annotations

import collections
import ctypes
import errno
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
CLONE_NEWNET = 0x40000000
PACKET = 65536
BACKLOG = 200_000
"""Packets in flight at most; beyond that they are dropped, as a queue does."""


def tun_in(namespace: str, device: str) -> int:
    """Open a TUN device inside a namespace; the caller has moved there afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(descriptor)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN_NO_PI))
    return tun


def carry(left: int, right: int, seconds: float) -> None:
    """Move packets between two TUN devices, each one `seconds` late, until a device is gone."""
    other = {left: right, right: left}
    flying: collections.deque[tuple[float, int, bytes]] = collections.deque()
    while True:
        now = time.monotonic()
        while flying and flying[0][0] <= now:
            _, to, packet = flying.popleft()
            try:
                os.write(to, packet)
            except OSError as error:
                # A queue that is full, or an end that is not up yet (EIO): a packet is lost, as on any cable.
                if error.errno not in (errno.EAGAIN, errno.EIO):
                    raise
        wait = max(0.0, flying[0][0] - now) if flying else None
        ready, _, _ = select.select([left, right], [], [], wait)
        due = time.monotonic() + seconds
        for tun in ready:
            for _ in range(64):
                try:
                    packet = os.read(tun, PACKET)
                except BlockingIOError:
                    break
                if len(flying) < BACKLOG:
                    flying.append((due, other[tun], packet))


if __name__ == "__main__":
    client, server, name, delay = sys.argv[1:]
    ends = (tun_in(client, name), tun_in(server, name))
    print("ready", flush=True)
    carry(*ends, float(delay))
