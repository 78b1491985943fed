# SPDX-License-Identifier: GPL-3.0-or-later
"""A cable between two network namespaces, on kernels built without veth as well: two TUN devices and this process.

python cable.py ONE_NAMESPACE OTHER_NAMESPACE DEVICE
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
CLONE_NEWNET = 0x40000000


def end_in(namespace: str, device: str) -> int:
    """A TUN device inside a namespace; this process is in there afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(descriptor)
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN_NO_PI))
    return tun


def main(one: str, other: str, device: str) -> None:
    ends = [end_in(namespace, device) for namespace in (one, other)]
    print("ready", flush=True)
    while True:
        for end in select.select(ends, [], [])[0]:
            packet = os.read(end, 65536)
            try:
                os.write(ends[1 - ends.index(end)], packet)
            except OSError:
                pass  # The other end is down: the packet is lost, as on any cable.


if __name__ == "__main__":
    main(*sys.argv[1:])
