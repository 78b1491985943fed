# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock Dovecot 2.3 without Diffie-Hellman parameters hides what it takes behind the DHE suites that it dies of. The gate
is not fooled; what the peers say of the same server is printed where print is shown (``pytest -s``), since their users
should know.
"""

from __future__ import annotations

import concurrent.futures
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from port995.policy.model import Status  # noqa: E402
from tests.peers.dovecot23 import Dovecot23  # noqa: E402
from tests.peers.peer import TlsConfiguration  # noqa: E402

from .looked import TLS_PORT, findings, look  # noqa: E402

ECDHE_GCM, DHE_GCM, ECDHE_CBC, RSA_CBC = 0xC02F, 0x009E, 0xC013, 0x002F
CLIENT_ORDER = TlsConfiguration(
    versions=(0x0301, 0x0302, 0x0303), suites=(ECDHE_GCM, DHE_GCM, ECDHE_CBC, 0x0033), suites13=(0x1301,),
    server_order=False, groups=(0x001D, 0x0017), key_types=("rsa",), dh_parameters=False,
)  # fmt: skip
SERVER_ORDER = TlsConfiguration(
    versions=(0x0303,), suites=(ECDHE_GCM, DHE_GCM, ECDHE_CBC), suites13=(0x1301,), server_order=True,
    groups=(0x001D, 0x0017), key_types=("rsa",), dh_parameters=False,
)  # fmt: skip


def what_peers_say(port: int) -> str:
    """The lines of nmap, sslscan and testssl.sh that speak of versions and suites; each within its time."""
    commands = {
        "nmap": ["nmap", "-Pn", "-n", "-p", str(port), "--script", "+ssl-enum-ciphers", "127.0.0.1"],
        "sslscan": ["sslscan", "--no-colour", "--no-heartbleed", "--no-renegotiation", f"127.0.0.1:{port}"],
        "testssl": ["testssl", "--color", "0", "--quiet", "--warnings", "off", "-p", "-s", f"127.0.0.1:{port}"],
    }
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
        return "\n".join(pool.map(_said, commands, commands.values()))


def _said(name: str, command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return f"{name}: not installed"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"{name}: no answer in 60 s"
    words = ("TLS", "CBC", "GCM", "Accepted", "Obsoleted", "closed", "filtered")
    lines = [line for line in done.stdout.splitlines() if any(word in line for word in words)]
    return f"{name}:\n" + "\n".join(f"    {line}" for line in lines[:30])


@pytest.mark.parametrize(
    ("configuration", "check", "named"),
    [(CLIENT_ORDER, "VER-004", "TLSv1.1"), (SERVER_ORDER, "CIPH-007", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")],
    ids=["client order, TLS 1.0 and 1.1 on", "server order, GCM before DHE before CBC"],
)
def test_what_hides_behind_dhe_is_found(
    configuration: TlsConfiguration, check: str, named: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    peer = Dovecot23()
    if reason := peer.missing():
        pytest.skip(reason)
    with peer.start(configuration, tmp_path) as running:
        target, seen = look(running.address, running.port)
        if pytestconfig.getoption("capture") == "no":
            print("\n" + what_peers_say(running.port))
    result = findings(target, seen)[TLS_PORT][check]
    assert result.status is Status.FAIL
    assert named in result.message
