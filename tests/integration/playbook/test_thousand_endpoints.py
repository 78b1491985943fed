# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand endpoints of one real Dovecot, in one task: each is looked at once, and the result stays small."""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..dovecot.certificates import make_chain
from ..dovecot.server import Dovecot, dovecot_binary
from .ansible_run import playbook

pytestmark = pytest.mark.wide

NAME = "mail.test.example"
ADDRESSES = [f"127.9.{index // 250}.{index % 250 + 1}" for index in range(1000)]
BUSY = """\
service pop3-login {
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  client_limit = 4000
}
"""
SESSION = re.compile(r"pop3-login: .*lip=(127\.9\.[0-9.]+), TLS")
"""A line of Dovecot's log that tells the end of a session inside TLS, and the address that the client had called."""

MAX_RESULT = 500_000
"""Octets of the task's result for a thousand endpoints; whole observations would be many times that."""


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    if dovecot_binary() is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-pop3d)")
    folder = tmp_path_factory.mktemp("dovecot")
    chain, key, _ = make_chain(folder / "pki", NAME)
    server = Dovecot(folder, chain, key, listen="0.0.0.0", extra=BUSY)
    try:
        server.start()
    except RuntimeError as error:
        if "Permission" in str(error):
            pytest.skip(f"this user may not start dovecot: {error}")
        raise
    yield server
    server.stop()


@pytest.fixture(scope="module")
def seen(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one task of one play returned."""
    folder = tmp_path_factory.mktemp("thousand")
    targets = [
        {
            "hosts": [f"host-{address}"],
            "address": address,
            "port": dovecot.pop3s_port,
            "server_name": NAME,
            "pop3_port": 0,
        }
        for address in ADDRESSES
    ]
    look = {"port995.pop3s.pop3s_info": {"targets": targets}, "register": "seen"}
    tell = {"ansible.builtin.copy": {"content": "{{ seen | to_json }}", "dest": f"{folder}/seen.json", "mode": "0600"}}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    run = playbook(
        folder, None, play=[{"hosts": "localhost", "gather_facts": False, "vars": local, "tasks": [look, tell]}]
    )
    assert run.code == 0, run.said
    result: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return result


def test_every_endpoint_is_seen_and_has_its_observation(seen: dict[str, Any]) -> None:
    assert seen["counts"]["by_state"] == {"open": 1000}
    assert seen["counts"]["observations"] == seen["counts"]["connections"] == 1000
    lines = [json.loads(line) for line in Path(seen["journal"]).read_text().splitlines()]
    assert sorted(one["address"] for one in lines) == sorted(ADDRESSES)
    assert collections.Counter((one["tls"]["outcome"], one["pop3"]["outcome"]) for one in lines) == {
        ("completed", "completed"): 1000
    }


def test_dovecot_saw_one_session_inside_tls_for_every_address(seen: dict[str, Any], dovecot: Dovecot) -> None:
    """The server's word, not ours."""
    sessions = collections.Counter(SESSION.findall(dovecot.log))
    assert set(sessions) == set(ADDRESSES)
    assert set(sessions.values()) == {1}


def test_the_result_of_the_task_stays_small(seen: dict[str, Any]) -> None:
    """A registered result is copied to every host and every later task: whole observations made it hundreds of MB."""
    assert "observations" not in seen
    assert len(seen["rows"]) == 1000
    assert len(json.dumps(seen)) < MAX_RESULT < Path(seen["journal"]).stat().st_size
