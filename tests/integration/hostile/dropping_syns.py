# SPDX-License-Identifier: GPL-3.0-or-later
"""To be run in a network namespace of its own: servers that get their firewall to drop our SYNs from connection k on.

python -m tests.integration.hostile.dropping_syns K...
prints one JSON object: k (``never`` for the unspoilt one) -> check id -> status, with ``state`` and ``ended`` beside them
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import subprocess
import sys

from port995.probe.model import Target
from tests.hostile.server import Caller, Server
from tests.unit.policy.certificates import NAME

from .gate_run import OPTIONS, gate_run
from .test_ban_at_every_connection import old_context
from .tls_liars import patient

NEVER = "never"


class Dropping(Server):
    """Serve until connection k is to come; the first is 0."""

    def __init__(self, k: int | None, address: str) -> None:
        super().__init__(self._behave, address)
        self._serve, self._k, self._number = patient(old_context()), k, itertools.count()
        if k == 0:
            self._drop()

    def _behave(self, caller: Caller) -> None:
        if self._k is not None and next(self._number) == self._k - 1:
            self._drop()
        self._serve(caller)

    def _drop(self) -> None:
        """In the packet filter, SYNs alone: what is connected goes on."""
        nft(f"add rule inet ban input ip daddr {self.address} tcp flags & (syn|ack) == syn drop")


def nft(rule: str) -> None:
    subprocess.run(["nft", rule], check=True, timeout=30)


def main(arguments: list[str]) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=30)
    nft("add table inet ban")
    nft("add chain inet ban input { type filter hook input priority 0; }")
    with contextlib.ExitStack() as stack:
        targets = {}
        for number, text in enumerate([NEVER, *arguments]):
            server = Dropping(None if text == NEVER else int(text), f"127.0.7.{number + 1}")
            stack.enter_context(server)
            targets[text] = Target((text,), server.address, server.port, NAME, None)
        run = gate_run(targets, dataclasses.replace(OPTIONS, connect_timeout=0.5, endpoint_timeout=20.0))
    told = {}
    for host in targets:
        (seen,) = run.of(host)
        told[host] = {
            "state": seen.tcp.state if seen.tcp else "",
            "ended": seen.hellos_ended,
            "checks": {id_: status.value for id_, status in run.statuses(host).items()},
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
