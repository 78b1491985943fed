# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which firewalls are on a host, without changing anything.

iptables-save is not called for the older filter: it loads the modules that it asks about. The kernel lists its tables
in /proc/net/ip_tables_names once they are in use. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
from typing import List, Optional, Tuple

from ..change.commands import CommandError, find, run
from .model import Found

OUR_TABLE = "inet port995"
DOCKER_TABLES = ("ip docker-bridges", "ip6 docker-bridges")

FIREWALLD_NOT_RUNNING = 252
"""Exit code of firewall-cmd(1)."""


def _says(*argv: str) -> Tuple[Optional[int], str]:
    """Exit code and output; the code is ``None`` where the program is missing, hangs or says too much."""
    try:
        done = run(argv)
    except CommandError:
        return None, ""
    return done.code, done.output


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read(65536).split()
    except OSError:
        return []


def _nft() -> Tuple[Optional[str], Tuple[str, ...], bool]:
    """Version, foreign tables, and whether Docker's chains are among them."""
    code, said = _says("nft", "--version")
    version = re.search(r"v(\d+(?:\.\d+)*)", said)
    if code != 0 or version is None:
        return None, (), False
    code, listed = _says("nft", "list", "tables")
    if code != 0:
        return None, (), False
    tables = tuple(line[len("table ") :].strip() for line in listed.splitlines() if line.startswith("table "))
    _code, chains = _says("nft", "list", "chains")
    docker = bool(re.search(r"^\s*chain DOCKER", chains, re.MULTILINE)) or bool(set(tables) & set(DOCKER_TABLES))
    return version.group(1), tuple(table for table in tables if table != OUR_TABLE), docker


def _iptables() -> Optional[str]:
    code, said = _says("iptables", "-V")
    if code != 0:
        return None
    return "nf_tables" if "nf_tables" in said else "legacy"


def _unit(name: str) -> str:
    _code, said = _says("systemctl", "is-enabled", name)
    return said.strip() or "not-found"


def detect() -> Found:
    """What is there now."""
    version, tables, docker = _nft()
    systemd = os.path.isdir("/run/systemd/system")
    legacy = tuple("ip " + name for name in _lines("/proc/net/ip_tables_names")) + tuple(
        "ip6 " + name for name in _lines("/proc/net/ip6_tables_names")
    )
    unknown = []
    ufw = find("ufw") is not None and _says("ufw", "status")
    if ufw and ufw[0] != 0:
        unknown.append("ufw")
    firewalld = find("firewall-cmd") is not None and _says("firewall-cmd", "--state")
    if firewalld and firewalld[0] not in (0, FIREWALLD_NOT_RUNNING):
        unknown.append("firewalld")
    if find("nft") is not None and version is None:
        unknown.append("nft")
    return Found(
        nft=version,
        nft_tables=tables,
        nftables_service=_unit("nftables.service") if systemd else "not-found",
        iptables=_iptables(),
        legacy_tables=legacy,
        ufw_active=ufw is not False and "Status: active" in ufw[1],
        firewalld_active=firewalld is not False and firewalld[0] == 0,
        docker=docker,
        systemd=systemd,
        unknown=tuple(unknown),
    )
