# SPDX-License-Identifier: GPL-3.0-or-later
"""How many connections the gate makes of a server that is as it should be, counted by the observation; printed.

A server that refuses by alerts is asked each thing once. One that refuses by closing is asked twice, around an answered
control: a single end of a connection proves nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from port995.policy.profile import load_profile  # noqa: E402
from tests.peers.dovecot23 import Dovecot23  # noqa: E402
from tests.peers.dovecot_in_chroot import Dovecot24  # noqa: E402
from tests.peers.jsse import Jsse  # noqa: E402
from tests.peers.peer import Peer, TlsConfiguration  # noqa: E402

from .looked import look, verdicts  # noqa: E402

GOOD = TlsConfiguration(
    versions=(0x0303, 0x0304), suites=(0xC02F, 0xC030), suites13=(0x1301, 0x1302), server_order=True,
    groups=(0x001D, 0x0017), key_types=("rsa",), dh_parameters=False,
)  # fmt: skip
VERSIONS_AND_SUITES = ("VER-", "CIPH-")
ALL = ("VER-", "CIPH-", "GRP-", "SIG-")
BASELINE = load_profile("baseline")


def count(peer: Peer, folder: Path, checks: tuple[str, ...]) -> int:
    """Connections to the TLS port for some checks of the profile baseline, all of which pass."""
    if reason := peer.missing():
        pytest.skip(reason)
    families = tuple(f"POP3S-{one}" for one in checks)
    profile = BASELINE.narrowed([id_ for id_ in BASELINE.checks if id_.startswith(families)])
    folder.mkdir(exist_ok=True)
    with peer.start(GOOD, folder) as running:
        target, (seen,) = look(running.address, running.port, profile=profile)
    found = {check: one.status.value for check, one in verdicts(target, [seen], profile).items()}
    # The peers run their libraries at the lowest level of security, so SHA-1 signatures are taken.
    found.pop("SIG-001", None)
    assert set(found.values()) == {"pass"}, found
    return len(seen.connections)


# Control, three old versions, two families of suites, TLS 1.3, SSLv2, the session; one or two more where a version is not
# refused as such.
MOST_OF_VERSIONS_AND_SUITES = 12


def test_jsse_that_refuses_by_alerts_is_asked_once(tmp_path: Path) -> None:
    """Of groups in TLS 1.3 it says "unexpected_message", which refuses nothing, so those are not asked here."""
    made = count(Jsse(), tmp_path, VERSIONS_AND_SUITES)
    print(f"\njsse: {made} connections for versions and suites")
    assert made <= MOST_OF_VERSIONS_AND_SUITES


def test_a_dovecot_that_refuses_by_alerts_is_asked_once(tmp_path: Path) -> None:
    peer = Dovecot24()
    suites, whole = count(peer, tmp_path / "a", VERSIONS_AND_SUITES), count(peer, tmp_path / "b", ALL)
    print(f"\n{peer.name}: {suites} connections for versions and suites, {whole} with groups, signatures and keys")
    assert suites <= MOST_OF_VERSIONS_AND_SUITES
    assert whole <= suites + 5


def test_dovecot_that_refuses_by_closing_is_asked_twice(tmp_path: Path) -> None:
    peer = Dovecot23()
    suites, whole = count(peer, tmp_path / "a", VERSIONS_AND_SUITES), count(peer, tmp_path / "b", ALL)
    print(f"\n{peer.name}: {suites} connections for versions and suites, {whole} with groups, signatures and keys")
    assert suites <= 3 + 2 * 10
    assert whole <= suites + 2 * 5
