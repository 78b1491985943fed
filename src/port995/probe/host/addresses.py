# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own IP addresses, from the kernel's tables: open to everybody, without a program.

Sources: proc_pid_net(5) of if_inet6, net/ipv4/fib_trie.c. Python 3.9, standard library only.
"""

from __future__ import annotations

import ipaddress
from typing import List, Set, Tuple

FIB_TRIE, IF_INET6 = "/proc/net/fib_trie", "/proc/net/if_inet6"
MAX_SIZE = 16 * 1024 * 1024
MAX_ADDRESSES = 1024


def look() -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """The addresses, and what was not seen."""
    found: Set[str] = set()
    unseen: List[str] = []
    for path, read in ((FIB_TRIE, of_fib_trie), (IF_INET6, of_if_inet6)):
        try:
            with open(path, encoding="ascii", errors="replace") as stream:
                text = stream.read(MAX_SIZE + 1)
            if len(text) > MAX_SIZE:
                raise ValueError("it is longer than %d octets" % MAX_SIZE)
            found |= read(text)
        except FileNotFoundError:
            # A host without IPv6 has none.
            if path == FIB_TRIE:
                unseen.append("%s is not there: the host's IPv4 addresses are not seen" % path)
        except (OSError, ValueError) as error:
            unseen.append("%s can't be read (%s): the host's addresses are not all seen" % (path, error))
    ordered = sorted(found, key=lambda one: (":" in one, one))
    if len(ordered) > MAX_ADDRESSES:
        unseen.append("the host has %d addresses, %d are told" % (len(ordered), MAX_ADDRESSES))
    return tuple(ordered[:MAX_ADDRESSES]), tuple(unseen)


def of_fib_trie(text: str) -> Set[str]:
    """The local addresses of a routing table: ``|-- 192.0.2.1`` above ``/32 host LOCAL``."""
    found = set()
    above = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("|--"):
            above = line[3:].strip()
        elif line == "/32 host LOCAL" and above:
            found.add(str(ipaddress.IPv4Address(above)))
    return found


def of_if_inet6(text: str) -> Set[str]:
    """The addresses of interfaces: 32 hexadecimal digits at the start of each line."""
    return {str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in text.splitlines() if line.strip()}
