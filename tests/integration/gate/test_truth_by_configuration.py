# SPDX-License-Identifier: GPL-3.0-or-later
"""Truth by configuration: real servers are set up at random, and the gate must find what is true of them, no more and no
less. No false pass, no false fail, and hardly anything left open.

GATE_CONFIGURATIONS says how many configurations each kind of server gets (2), GATE_SEED from where they are drawn (a
number; printed). `make truth` runs many. What is expected is read off the suites' names by this test alone.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from port995.probe.model import Observation  # noqa: E402
from tests.peers.peer import Peer, TlsConfiguration, Truth  # noqa: E402
from tests.peers.registry import PEERS  # noqa: E402
from tests.peers.suites import BY_NUMBER, SSL30, TLS10, TLS11, TLS12, TLS13, shown_by  # noqa: E402

from .looked import findings, look  # noqa: E402

CONFIGURATIONS = int(os.environ.get("GATE_CONFIGURATIONS", "2"))
SEED = int(os.environ.get("GATE_SEED", "20261125"))
pytestmark = pytest.mark.timeout(max(180, 30 * CONFIGURATIONS))

STRONG_GROUPS = {0x0017, 0x0018, 0x0019, 0x001D, 0x001E, *range(256, 261), 0x11EB, 0x11EC, 0x11ED, 0x0201, 0x0202}
"""What the profile strict allows, written down once more."""

POST_QUANTUM_GROUPS = {0x11EB, 0x11EC, 0x11ED}

OLD = ((SSL30, "VER-002"), (TLS10, "VER-003"), (TLS11, "VER-004"))
CHECKS = (
    "VER-001", *(check for _, check in OLD), "VER-005", *(f"CIPH-00{number}" for number in range(1, 10)), "GRP-001",
    "GRP-002", "SIG-001",
)  # fmt: skip


@dataclasses.dataclass
class Tally:
    """What came of all comparisons of one kind of server."""

    right: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    undetermined: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    beyond: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Left open as the check says it does: no question of the gate can settle it."""

    hellos: list[int] = dataclasses.field(default_factory=list)


def signs_its_key_exchange(number: int) -> bool:
    """With SHA-1 before TLS 1.2; and in it when a client has nothing better: the peers run at the lowest security level."""
    return BY_NUMBER[number].key_exchange in ("DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA")


def expected_fails(truth: Truth) -> set[str]:
    """The checks that must fail of a server of which this is true. No peer speaks SSL 2.0."""
    fails = {check for _, suite in truth.pairs for check in shown_by(suite)}
    fails |= {check for version, check in OLD if version in truth.versions}
    if not {TLS12, TLS13} & truth.versions:
        fails.add("VER-005")
    if any(group not in STRONG_GROUPS for groups in truth.groups.values() for group in groups):
        fails.add("GRP-001")
    if not POST_QUANTUM_GROUPS & truth.groups.get(TLS13, frozenset()):
        fails.add("GRP-002")
    if any(version <= TLS12 and signs_its_key_exchange(suite) for version, suite in truth.pairs):
        fails.add("SIG-001")
    return fails


def is_beyond(check: str, truth: Truth) -> bool:
    """Whether the check says by itself that it can't settle such a server: groups and signatures are asked about from
    TLS 1.2 on, and of a server that takes no hello whatever nothing is believed."""
    old = truth.versions & {version for version, _ in OLD}
    return not truth.pairs or (check in ("GRP-001", "SIG-001") and bool(old))


def compare(peer: Peer, configuration: TlsConfiguration, folder: Path, tally: Tally) -> None:
    """Start the server, look, and hold each verdict against what is true."""
    truth = peer.truth(configuration)
    folder.mkdir()
    with peer.start(configuration, folder) as running:
        target, seen = look(running.address, running.port, running.stls_port)
    tally.hellos.append(max(len(one.hellos) for one in seen))
    fails = expected_fails(truth)
    for place, found in findings(target, seen).items():
        # One server stands there: whatever it is, its nodes do not differ.
        if found["NODE-001"].status.value == "fail":
            tally.wrong.append(_words(place, "NODE-001", "pass or open", found["NODE-001"].message, configuration, seen))
        for check in CHECKS:
            status, expected = found[check].status.value, "fail" if check in fails else "pass"
            if status == expected:
                tally.right += 1
            elif status == "not_tested":
                open_ones = tally.beyond if is_beyond(check, truth) else tally.undetermined
                open_ones[f"{check} at {place}: {found[check].observed[:160]}"] += 1
            else:
                tally.wrong.append(
                    _words(place, check, expected, f"{status}: {found[check].message}", configuration, seen)
                )


def _words(
    place: str, check: str, expected: str, found: str, configuration: TlsConfiguration, seen: Iterable[Observation]
) -> str:
    hellos = "\n".join(
        f"    {one.service} {hello.question} {hello.version:#06x} {len(hello.suites) // 4} suites -> {hello.outcome}"
        f" {hello.alert} {hello.answered_version} {hello.suite} {hello.group} {hello.signature}"
        for one in seen
        for hello in one.hellos
    )
    return f"{check} at {place}: expected {expected}, is {found[:300]}\n  {configuration}\n{hellos}"


A_HANDFUL = 10


@pytest.fixture(scope="session")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run share (theirs lie side by side); each kind of server leaves its tally there."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "tallies"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_the_gate_finds_what_is_true(peer: Peer, tmp_path: Path, tallies: Path) -> None:
    tally = Tally()
    try:
        if reason := peer.missing():
            pytest.skip(reason)
        draw_and_compare(peer, tmp_path, tally)
    finally:
        written = tmp_path / "tally.json"
        written.write_text(json.dumps([tally.right, tally.undetermined]))
        written.rename(tallies / f"{peer.name}.json")
    assert not tally.wrong, f"{len(tally.wrong)} wrong verdicts, seed {SEED}:\n" + "\n".join(tally.wrong)
    assert tally.right


def draw_and_compare(peer: Peer, tmp_path: Path, tally: Tally) -> None:
    """As many configurations as are asked for, and one that no client can use where one was drawn; prints the tally."""
    rng = random.Random(f"{SEED} {peer.name}")
    drawn = 0
    while drawn < CONFIGURATIONS:
        configuration = peer.random(rng)
        # Whether SSL 3.0 has elliptic curves depends on the hello it answers, so nothing is true of such a server alone.
        if max(configuration.versions) == SSL30:
            continue
        # One that nobody can use tells little: the first is looked at.
        if not peer.truth(configuration).pairs:
            if not (tmp_path / "unusable").exists():
                compare(peer, configuration, tmp_path / "unusable", tally)
            continue
        drawn += 1
        compare(peer, configuration, tmp_path / str(drawn), tally)
    print(
        f"\n{peer.name}: seed {SEED}, {CONFIGURATIONS} configurations, {tally.right} right, {len(tally.wrong)} wrong,"
        f" {tally.undetermined.total()} open, {tally.beyond.total()} beyond what is asked,"
        f" {min(tally.hellos)} to {max(tally.hellos)} hellos"
    )
    for why, count in tally.undetermined.most_common():
        print(f"  {count} x {why}")


def test_hardly_anything_is_left_open(request: pytest.FixtureRequest, tallies: Path) -> None:
    """Over all servers together: below one in a hundred, where enough were drawn to tell (`make truth`); else a handful."""
    drawn = [item.callspec.params["peer"].name for item in request.session.items if hasattr(item, "callspec")
             and item.function is test_the_gate_finds_what_is_true]  # fmt: skip
    # Other workers may still be at theirs; this test stands last, so no worker has one behind it.
    while not all((tallies / f"{name}.json").exists() for name in drawn):
        time.sleep(0.1)
    right, left = 0, collections.Counter[str]()
    for name in drawn:
        found, undetermined = json.loads((tallies / f"{name}.json").read_text())
        right += found
        left.update(undetermined)
    if not right:
        pytest.skip("no server could be looked at")
    print(f"\n{right} verdicts right, {left.total()} open: {dict(left)}")
    assert left.total() <= max(A_HANDFUL, 0.01 * (right + left.total())), left
