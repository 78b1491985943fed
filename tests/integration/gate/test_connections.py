# SPDX-License-Identifier: GPL-3.0-or-later
"""How many connections the gate makes of a server that is as it should be: counted by the observation and, where it is
Dovecot, by its own log; printed.

A server that refuses by alerts is asked each thing once. One that refuses by closing is asked twice, around an answered
control: a single end of a connection proves nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from port995.policy.profile import load_profile  # noqa: E402
from tests.integration.command_line import wait_for  # noqa: E402
from tests.peers.dovecot23 import Dovecot23  # noqa: E402
from tests.peers.dovecot_in_chroot import Dovecot24  # noqa: E402
from tests.peers.jsse import Jsse  # noqa: E402
from tests.peers.peer import Peer, Running, TlsConfiguration  # noqa: E402

from .looked import TLS_PORT, findings, look  # noqa: E402

GOOD = TlsConfiguration(
    versions=(0x0303, 0x0304), suites=(0xC02F, 0xC030), suites13=(0x1301, 0x1302), server_order=True,
    groups=(0x001D, 0x0017), key_types=("rsa",), dh_parameters=False,
)  # fmt: skip
VERSIONS_AND_SUITES, GROUPS, SIGNATURES = ("VER-", "CIPH-"), ("GRP-",), ("SIG-",)
BASELINE = load_profile("baseline")

MOST_OF_VERSIONS_AND_SUITES = 10
"""Control, TLS 1.1, 1.0 and SSL 3.0, two families of suites of TLS 1.2, TLS 1.3, SSLv2, the session: nine; one more for
whom SSLv2 makes hang up. TLS 1.1 and below cost three and not one since a server with a gap in its versions refuses
a hello in the gap although it speaks what is below."""

MOST_OF_GROUPS, MOST_OF_SIGNATURES, MOST_OF_KEYS = 2, 3, 1
"""Three for signatures: whether there is the other type of key (shared with groups), weak ones alone, which OpenJDK refuses for its certificate's sake, and before good ones, where a
server that goes by its own order prefers a good one."""
LOG_LIMIT = 20.0
"""Seconds a log gets to catch up with the connections."""


def logged(running: Running) -> int:
    """Connections that Dovecot's own log tells of: each ends in one line, since nobody logs in."""
    return sum("login: " in line and "rip=127.0.0.1" in line for line in running.log.splitlines())


@dataclasses.dataclass(frozen=True)
class Counted:
    """Connections to the TLS port, and those of them whose answer was a refusal by closing."""

    made: int
    offers: int
    """Different hellos."""


def count(peer: Peer, folder: Path, checks: tuple[str, ...]) -> Counted:
    """Ask what some checks of the profile baseline need to know; all of them pass."""
    if reason := peer.missing():
        pytest.skip(reason)
    families = tuple(f"POP3S-{one}" for one in checks)
    profile = BASELINE.narrowed([id_ for id_ in BASELINE.checks if id_.startswith(families)])
    folder.mkdir(exist_ok=True)
    with peer.start(GOOD, folder) as running:
        if "dovecot" in peer.name:
            wait_for(lambda: logged(running), "the line of the connection by which the start was noticed")
        before = logged(running)
        target, (seen,) = look(running.address, running.port, profile=profile)
        made = len(seen.connections)
        if "dovecot" in peer.name:
            wait_for(lambda: logged(running) - before >= made, f"the lines of {made} connections", LOG_LIMIT)
            assert logged(running) - before == made, running.log
    found = {check: one.status.value for check, one in findings(target, [seen], profile)[TLS_PORT].items()}
    # The peers run their libraries at the lowest level of security, so SHA-1 signatures are taken.
    found.pop("SIG-001", None)
    assert set(found.values()) == {"pass"}, found
    offers = {(one.version, one.suites, one.groups, one.signatures, one.server_name) for one in seen.hellos}
    return Counted(made, len(offers))


def print_counted(peer: Peer, counted: dict[str, Counted]) -> None:
    told = ", ".join(f"{one.made} ({one.offers} different hellos) for {what}" for what, one in counted.items())
    print(f"\n{peer.name}: connections, the session among them: {told}")


@pytest.mark.parametrize("peer", [Jsse(), Dovecot24()], ids=lambda peer: peer.name)
def test_a_server_that_refuses_by_alerts_is_asked_once(peer: Peer, tmp_path: Path) -> None:
    suites = count(peer, tmp_path / "suites", VERSIONS_AND_SUITES)
    print_counted(peer, {"versions and suites": suites})
    assert suites.made <= MOST_OF_VERSIONS_AND_SUITES


def test_groups_signatures_and_keys_cost_few_connections_more(tmp_path: Path) -> None:
    peer = Dovecot24()
    suites = count(peer, tmp_path / "suites", VERSIONS_AND_SUITES)
    signatures = count(peer, tmp_path / "signatures", VERSIONS_AND_SUITES + SIGNATURES)
    whole = count(peer, tmp_path / "whole", VERSIONS_AND_SUITES + SIGNATURES + GROUPS)
    print_counted(peer, {"versions and suites": suites, "signatures too": signatures, "groups and keys too": whole})
    assert signatures.made <= suites.made + MOST_OF_SIGNATURES
    assert whole.made <= signatures.made + MOST_OF_GROUPS + MOST_OF_KEYS


def test_a_server_that_refuses_by_closing_is_asked_twice(tmp_path: Path) -> None:
    peer = Dovecot23()
    suites = count(peer, tmp_path / "suites", VERSIONS_AND_SUITES)
    whole = count(peer, tmp_path / "whole", VERSIONS_AND_SUITES + SIGNATURES + GROUPS)
    print_counted(peer, {"versions and suites": suites, "signatures, groups and keys too": whole})
    for counted in (suites, whole):
        # Every offer twice, the control among them, and the session.
        assert counted.made <= 2 * counted.offers + 1
    assert whole.offers <= suites.offers + MOST_OF_SIGNATURES + MOST_OF_GROUPS + MOST_OF_KEYS
