# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that answers no SYN, on loopback and without root.

Linux drops a SYN to a listener whose queue of established connections is full: to the one who connects it looks as if
a firewall had swallowed it. (A namespace with a drop rule shows the same, and needs root.)
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

ATTEMPTS = 8


@contextlib.contextmanager
def dark_port(address: str) -> Iterator[int]:
    """A port of the address that swallows every SYN.

    :raises RuntimeError: this kernel lets its queue overflow in another way
    """
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind((address, 0))
        listener.listen(0)
        for _ in range(ATTEMPTS):
            filler = held.enter_context(socket.socket())
            filler.settimeout(0.3)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
        else:
            raise RuntimeError(f"{address} took {ATTEMPTS} connections that nobody accepts")
        yield listener.getsockname()[1]
