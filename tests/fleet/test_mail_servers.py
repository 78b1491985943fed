# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mail server of the lab boots, listens with the process and unit it is known by, and answers as a POP3S server."""

from __future__ import annotations

import json

import pytest

from port995.probe.codec import decode
from port995.probe.host.model import Listening

from .lab import Lab
from .mail_servers import SERVERS, MailServer
from .on_host import put_library

# Cyrus's master waits some seconds with the next process when one has ended at once, as after a look at the port.
ASK = """
import json, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
said = {}
for address in sys.argv[1:]:
    with socket.create_connection((address, 995), 45) as line, context.wrap_socket(line) as session:
        said[address] = session.recv(4096).decode(), session.version()
print(json.dumps(said))
"""

LISTENERS = """
import json
from port995.probe.codec import to_json
from port995.probe.host import listeners
print(json.dumps(to_json(listeners.look((995, 110)))))
"""


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_it_boots_listens_and_answers(server: MailServer, lab: Lab) -> None:
    host = server.boot(lab)
    try:
        installed = host.console(f"dpkg-query --show --showformat='${{source:Version}}' {server.package}")
        assert installed.partition(":")[2].startswith(server.version) or installed.startswith(server.version)
        everywhere = {"ipv4": "open", "ipv6": "open"}
        assert lab.outside.states(host) == everywhere
        assert lab.outside.states(host, 110) == everywhere
        said = json.loads(lab.outside.run("python3", "-c", ASK, host.ipv4, host.ipv6).stdout)
        for greeting, version in said.values():
            assert greeting.startswith("+OK") and version in ("TLSv1.2", "TLSv1.3"), said
        put_library(host)
        told = host.console("PYTHONPATH=/opt/library python3 -", data=LISTENERS.encode())
        found = decode(Listening, json.loads(told))
        assert found.settled(995) and found.settled(110) and found.unseen == ()
        for port in (995, 110):
            assert {one.family for one in found.on(port)} | {4 for one in found.on(port) if one.takes_ipv4} == {4, 6}
        for listener in found.on(995):
            assert listener.unseen == ()
            assert server.process in [process.name for process in listener.processes]
            assert {process.unit for process in listener.processes} == {server.unit}
            assert all(process.executable and process.executable.startswith("/usr/") for process in listener.processes)
    finally:
        host.remove()
        lab.hosts.remove(host)
