# SPDX-License-Identifier: GPL-3.0-or-later
"""What a back end can't do is refused with the reason and another way, and leaves the host as it was."""

from __future__ import annotations

import re
from typing import Any

import pytest

from . import on_host
from .backends import FIREWALLD, IPTABLES, UFW, Backend
from .lab import Lab, LabError
from .test_backends import state

pytestmark = pytest.mark.timeout(900)

REFUSED: list[tuple[Backend, str, dict[str, Any], str]] = [
    (UFW, "ufw disable", {}, "ufw is not active"),
    (UFW, "sed -i s/^IPV6=yes/IPV6=no/ /etc/default/ufw", {}, "ufw leaves IPv6 alone"),
    (UFW, "iptables -I INPUT 1 -p tcp --dport 995 -j ACCEPT", {}, "a rule before those of ufw's users decides"),
    (UFW, "true", {"established": "cut"}, "can't do established: cut"),
    (UFW, "true", {"loopback": True}, "can't do loopback: true"),
    (UFW, "true", {"state": "restricted", "allow": ["192.0.2.0/24"], "forward": True}, "can't do forward: true"),
    (UFW, "rm /etc/ufw/user6.rules", {}, "could not be asked"),
    (FIREWALLD, "systemctl stop firewalld", {}, "firewalld is not running"),
    (FIREWALLD, "true", {"established": "cut"}, "can't do established: cut"),
    (FIREWALLD, "true", {"forward": True}, "can't do forward: true"),
    (FIREWALLD, "echo '<zone/>' > /etc/firewalld/zones/odd.xml", {}, "no line </zone>"),
    (IPTABLES, "mv /usr/sbin/ip6tables-restore /usr/sbin/gone", {}, "IPv6 can't be closed with it"),
]


@pytest.mark.parametrize("backend", [UFW, FIREWALLD, IPTABLES], ids=lambda backend: backend.name)
def test_what_it_can_not_do_is_refused_and_changes_nothing(lab: Lab, backend: Backend) -> None:
    host = lab.host(backend.release)
    try:
        for _backend, broken, given, says in [row for row in REFUSED if row[0] is backend]:
            asked: dict[str, Any] = {"state": "closed", **given}
            host.reset()
            host.wait_for_listener()
            on_host.put_library(host)
            host.console(backend.lets_in)
            host.console(broken)
            before = state(host, backend)
            with pytest.raises(LabError, match=re.escape(says)):
                on_host.change(host, backend=backend.name, **asked)
            assert state(host, backend) == before, says
    finally:
        host.remove()
        lab.hosts.remove(host)
