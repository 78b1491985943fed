# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world of names on loopback: Knot serves a signed root, Unbound validates it.

``signed.example`` is part of the root; ``plain.example`` is a zone of its own that is not signed, and the root says so;
``bogus.example`` has a DS record of a key that it does not have.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

from ...ports import own_port

ADDRESS = "127.0.53.1"
PATHS = "/usr/sbin:/usr/bin:/sbin:/bin"
KNOT, UNBOUND, KEYMGR = (shutil.which(name, path=PATHS) for name in ("knotd", "unbound", "keymgr"))
MISSING = "" if KNOT and UNBOUND and KEYMGR else "needs knotd and unbound (Debian: knot, unbound)"
START_SECONDS = 30.0

SOA = "@ SOA ns. admin. 1 3600 600 86400 60\n@ NS ns.\n"


@dataclasses.dataclass(frozen=True)
class World:
    """The two servers."""

    authoritative: str
    """Knot: says no AD, since it answers for the zones itself."""

    validating: str
    """Unbound."""


@contextlib.contextmanager
def world(folder: Path, records: str, plain: str = "", bogus: str = "") -> Iterator[World]:
    """Run them until the block ends.

    :param records: lines of the root zone, names with their last dot
    :param plain: lines of ``plain.example``, likewise of ``bogus.example``
    """
    knot, unbound = own_port(), own_port()
    zones = {
        ".": f"ns. A {ADDRESS}\nplain.example. NS ns.\nbogus.example. NS ns.\n"
        f"bogus.example. DS 12345 13 2 {'ab' * 32}\n{records}",
        "plain.example.": plain,
        "bogus.example.": bogus,
    }
    configuration = [
        f'server:\n  rundir: "{folder}"\n  listen: {ADDRESS}@{knot}',
        f'database:\n  storage: "{folder}"',
        "policy:\n  - id: quick\n    algorithm: ecdsap256sha256\n    single-type-signing: on",
        "zone:",
    ]
    for number, (name, lines) in enumerate(zones.items()):
        path = folder / f"zone{number}"
        path.write_text(f"$ORIGIN {name}\n$TTL 60\n{SOA}{lines}")
        signed = "\n    dnssec-signing: on\n    dnssec-policy: quick\n    zonefile-sync: -1" if name == "." else ""
        configuration.append(f'  - domain: {name}\n    file: "{path}"{signed}')
    conf = folder / "knot.conf"
    conf.write_text("\n".join(configuration) + "\n")
    with _running([str(KNOT), "-c", str(conf)], folder / "knot.log"):
        _wait(knot, ".", folder / "knot.log")
        asked = [str(KEYMGR), "-c", str(conf), ".", "ds"]
        anchor = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
        stubs = "".join(
            f'stub-zone:\n  name: "{name}"\n  stub-addr: {ADDRESS}@{knot}\n  stub-prime: no\n' for name in zones
        )
        (folder / "unbound.conf").write_text(
            f'server:\n  directory: "{folder}"\n  chroot: ""\n  username: ""\n  pidfile: ""\n  use-syslog: no\n'
            f"  interface: {ADDRESS}@{unbound}\n  do-not-query-localhost: no\n  access-control: 127.0.0.0/8 allow\n"
            "  do-ip6: no\n  num-threads: 1\n  minimal-responses: no\n"
            + "".join(f'  trust-anchor: "{line}"\n' for line in anchor if " 13 2 " in line)
            + stubs
            + "remote-control:\n  control-enable: no\n"
        )
        command = [str(UNBOUND), "-d", "-p", "-c", str(folder / "unbound.conf")]
        with _running(command, folder / "unbound.log"):
            _wait(unbound, ".", folder / "unbound.log")
            yield World(f"{ADDRESS}:{knot}", f"{ADDRESS}:{unbound}")


@contextlib.contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(port: int, name: str, log: Path) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + START_SECONDS
    query = dns.message.make_query(name, "SOA", use_edns=0)
    while True:
        with contextlib.suppress(Exception):
            if dns.query.udp(query, ADDRESS, timeout=1, port=port).rcode() == dns.rcode.NOERROR:
                return
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.1)
