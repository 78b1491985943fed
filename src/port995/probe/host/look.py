# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the host from inside. Changes nothing. Python 3.9, standard library only."""

from __future__ import annotations

import datetime
import os
import platform
import re
from typing import Optional, Sequence, Tuple

from ...change.commands import CommandError, find, run
from . import addresses, certificate_files, firewall, listeners
from .model import HOST_SCHEMA, SEEN, DaemonSeen, HostObservation, Named

PROGRAMS = (("nft", ("nft", "--version")), ("iptables", ("iptables", "-V")), ("systemd", ("systemctl", "--version")),
            ("openssl", ("openssl", "version")))  # fmt: skip


def look(
    run_id: str,
    ports: Sequence[int],
    daemons: Sequence[DaemonSeen],
    certificates: Sequence[Tuple[str, Optional[str], Optional[str]]],
) -> HostObservation:
    """Look at everything.

    :param run_id: of the run that it is for; empty: none
    :param ports: TCP ports
    :param daemons: the mail daemons that are installed
    :param certificates: as `certificate_files.look_at_all` takes them
    :returns: with no host's name: who asked knows it
    """
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    own, no_addresses = addresses.look()
    on_disk, no_certificates = certificate_files.look_at_all(certificates)
    return HostObservation(
        HOST_SCHEMA, run_id, "", SEEN, "", started, os.geteuid(), own, listeners.look(ports), firewall.look(ports),
        tuple(daemons), on_disk, versions(daemons), no_addresses + no_certificates,
    )  # fmt: skip


def versions(daemons: Sequence[DaemonSeen]) -> Tuple[Named, ...]:
    """Versions of what the rest of it depends on; what is not installed is left out."""
    found = [Named("kernel", platform.release()[:100]), Named("python", platform.python_version())]
    for name, argv in PROGRAMS:
        if find(argv[0]) is None:
            continue
        try:
            said = run(argv).output
        except CommandError:
            continue
        number = re.search(r"\d+(?:\.\d+)*[a-z]?", said[:400])
        if number is not None:
            found.append(Named(name, number.group()))
    return (*found, *(Named(one.daemon, one.version[:100]) for one in daemons if one.version))
