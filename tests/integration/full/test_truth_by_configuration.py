# SPDX-License-Identifier: GPL-3.0-or-later
"""The depth full against real servers set up at random: exactly the versions, suites and groups of the configuration are
found, whose order decides is told rightly, and every verdict of the gate is as true as the gate's own.

FULL_CONFIGURATIONS says how many configurations each kind of server gets (1), GATE_SEED from where they are drawn.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from port995.policy.facts import CLIENT, SERVER, facts_of  # noqa: E402
from tests.integration.gate.looked import TLS_PORT, findings, look  # noqa: E402
from tests.integration.gate.test_truth_by_configuration import (  # noqa: E402
    CHECKS,
    SEED,
    expected_fails,
    is_beyond,
)
from tests.peers.peer import Peer, TlsConfiguration  # noqa: E402
from tests.peers.registry import PEERS  # noqa: E402
from tests.peers.suites import SSL30, TLS12, TLS13  # noqa: E402

CONFIGURATIONS = int(os.environ.get("FULL_CONFIGURATIONS", "1"))
pytestmark = pytest.mark.timeout(max(120, 30 * CONFIGURATIONS))


ORDER_OF_ITS_OWN = ("tlslite-ng",)
"""Servers that choose by their own order whatever they are told."""


def compare(
    peer: Peer, configuration: TlsConfiguration, folder: Path, left_open: list[str]
) -> tuple[list[str], int, int]:
    """:returns: what is wrong, how many facts were compared, and the hellos of it"""
    truth = peer.truth(configuration)
    folder.mkdir()
    with peer.start(configuration, folder) as running:
        target, seen = look(running.address, running.port, depth="full")
    (one,) = seen
    facts = facts_of(one)
    wrong: list[str] = []
    compared = 0

    def hold(what: str, found: object, expected: object) -> None:
        nonlocal compared
        compared += 1
        if found != expected:
            wrong.append(f"{what}: found {found}, true is {expected}")

    hold("versions", {spoken.version for spoken in facts.versions}, set(truth.versions))
    hold("unsettled versions", facts.unsettled, ())
    for spoken in facts.versions:
        name = f"{spoken.version:#06x}"
        takes = {suite for version, suite in truth.pairs if version == spoken.version}
        # What a server gives only to a client without finite-field groups is not shown to one that has some.
        sometimes = {suite for version, suite in truth.only_without_ffdhe if version == spoken.version}
        hold(f"suites of {name}", set(spoken.suites) | sometimes, takes | sometimes)
        hold(f"all suites of {name} are known", spoken.all_suites, True)
        if spoken.version in truth.groups and spoken.version >= TLS12:
            hold(f"groups of {name}", set(spoken.groups) <= set(truth.groups[spoken.version]), True)
            if spoken.all_groups:
                hold(f"all groups of {name}", set(spoken.groups), set(truth.groups[spoken.version]))
        if spoken.version == TLS12 and spoken.suite_order:
            of_server = configuration.server_order or peer.name in ORDER_OF_ITS_OWN
            hold(f"order of {name}", spoken.suite_order, SERVER if of_server else CLIENT)
    if truth.versions - {TLS13}:
        hold("types of keys", set(facts.keys) <= {key.upper() for key in truth.key_types}, True)
    fails = expected_fails(truth)
    for check in CHECKS:
        status = findings(target, seen)[TLS_PORT][check].status.value
        if status == "not_tested" and is_beyond(check, truth):
            continue
        if status == "not_tested":
            left_open.append(f"{check}: {findings(target, seen)[TLS_PORT][check].message[:200]}")
        else:
            hold(check, status, "fail" if check in fails else "pass")
    return [f"{line}\n  {configuration}" for line in wrong], compared, len(one.hellos)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_all_that_a_server_takes_is_found_and_nothing_else(peer: Peer, tmp_path: Path) -> None:
    if reason := peer.missing():
        pytest.skip(reason)
    rng = random.Random(f"full {SEED} {peer.name}")
    wrong: list[str] = []
    left_open: list[str] = []
    compared, hellos, drawn = 0, [], 0
    while drawn < CONFIGURATIONS:
        configuration = peer.random(rng)
        if max(configuration.versions) == SSL30 or not peer.truth(configuration).pairs:
            continue
        drawn += 1
        found, count, asked = compare(peer, configuration, tmp_path / str(drawn), left_open)
        wrong += found
        compared += count
        hellos.append(asked)
    print(
        f"\n{peer.name}: seed {SEED}, {drawn} configurations, {compared} facts compared, {len(wrong)} wrong,"
        f" {len(left_open)} verdicts open {left_open}, {min(hellos)} to {max(hellos)} hellos"
    )
    assert not wrong, "\n".join(wrong)
    # tlslite-ng finds fault with every hello of TLS 1.3 that holds a withdrawn curve: one check of it stays open.
    assert len(left_open) <= CONFIGURATIONS, left_open
