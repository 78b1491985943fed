# SPDX-License-Identifier: GPL-3.0-or-later
"""Resumption and renegotiation with servers that do and do not, each as its own documents say."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.lab import Lab
from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target
from tests.integration.dovecot.server import Dovecot
from tests.peers import identities
from tests.peers.peer import SERVER_NAME, wait_until_open
from tests.ports import own_base_port, own_port

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)")


@contextlib.contextmanager
def s_server(folder: Path, *arguments: str) -> Iterator[int]:
    """OpenSSL's own server, which answers every line and so never says +OK."""
    identities.write("rsa", folder)
    port = own_port()
    log_file = folder / "log"
    with log_file.open("wb") as log:
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", folder / "rsa.crt", "-key", folder / "rsa.key",
             "-quiet", *arguments],
            stdin=subprocess.PIPE, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until_open(server, "127.0.0.1", port, log_file)
        yield port
    finally:
        server.kill()
        server.communicate()


def deep(port: int, kind: str, address: str = "127.0.0.1") -> Observation:
    profile = load_profile("baseline")
    seen: list[Observation] = []
    asked = compile_offers(profile, "deep")
    questions = tuple(one for one in asked if one.kind == kind or one.control)
    options = ScanOptions(depth="deep", questions=questions, tls_timeout=3, pop3_timeout=1)
    run_scan([Target(("mx",), address, port, SERVER_NAME, None)], options, local_vantage(), "0" * 32, seen.append)
    return seen[0]


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (("-client_renegotiation",), "accepted"),
        (("-client_renegotiation", "-cipher", "ECDHE+CHACHA20"), "accepted"),
        ((), "refused"),
        (("-cipher", "AES128-SHA"), "not-tested"),
        (("-tls1_3",), "not-tested"),
    ],
)
def test_a_renegotiation(arguments: tuple[str, ...], outcome: str, tmp_path: Path) -> None:
    with s_server(tmp_path, *arguments) as port:
        seen = deep(port, "renegotiation")
    assert seen.renegotiation is not None and seen.renegotiation.outcome == outcome, seen.renegotiation


def ways(seen: Observation) -> dict[tuple[str, str], str]:
    return {(one.version, one.by): one.outcome for one in seen.resumptions}


def test_a_server_with_one_process_resumes(tmp_path: Path) -> None:
    with Lab(tmp_path, own_base_port()) as lab:
        seen = deep(lab.base_port + 995, "resumption", "127.0.95.1")
    assert set(ways(seen)) == {("TLSv1.3", "ticket"), ("TLSv1.2", "ticket"), ("TLSv1.2", "id")}
    assert ways(seen)["TLSv1.3", "ticket"] == ways(seen)["TLSv1.2", "ticket"] == "resumed"
    assert all(one.lifetime and not one.max_early_data for one in seen.resumptions if one.by == "ticket")


def test_a_dovecot_whose_logins_are_processes_of_their_own_does_not(dovecot: Dovecot) -> None:
    """Each has its own key for tickets, which nobody else can read."""
    seen = deep(dovecot.pop3s_port, "resumption")
    assert ways(seen)["TLSv1.3", "ticket"] == "not-resumed" and ways(seen)["TLSv1.2", "id"] != "resumed"
    read = openssl_reconnects(dovecot.pop3s_port)
    assert "Reused" not in read


def openssl_reconnects(port: int) -> str:
    """What OpenSSL's own client says of five more connections with the same session."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-reconnect"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    ).stdout  # fmt: skip
