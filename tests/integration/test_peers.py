# SPDX-License-Identifier: GPL-3.0-or-later
"""What the peers say is true of them is what clients that are not ours find: what is in is in, what is out is out."""

from __future__ import annotations

import dataclasses
import os
import poplib
import random
import ssl
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is not installed (it comes with the dev extra)")

from tests.peers import chroots, clients  # noqa: E402  # They need tlslite-ng.
from tests.peers import groups as named_groups  # noqa: E402
from tests.peers.dovecot23 import Dovecot23  # noqa: E402
from tests.peers.dovecot_in_chroot import HYBRID, Dovecot24, DovecotOnOpenSsl111  # noqa: E402
from tests.peers.gnutls import GnuTls  # noqa: E402
from tests.peers.peer import Peer, TlsConfiguration, Truth  # noqa: E402
from tests.peers.registry import PEERS  # noqa: E402
from tests.peers.suites import BY_NUMBER, SSL30, TABLE, TLS10, TLS11, TLS12, TLS13  # noqa: E402

SEEDS = (3, 5, 14)[: int(os.environ.get("PEER_SEEDS", "1"))]
"""Chosen so that every peer has many pairs that are in; PEER_SEEDS says how many of them (1)."""

P256, X25519 = 0x0017, 0x001D

ASKED_IN, ASKED_OUT = 14, 14
"""Pairs asked of each kind, per configuration: each is a handshake, or two."""

MODERN = TlsConfiguration(
    versions=(TLS12, TLS13), suites=(0xC02F,), suites13=(0x1301,), server_order=True, groups=(X25519, P256),
    key_types=("rsa",), dh_parameters=False,
)


def need(peer: Peer) -> None:
    if reason := peer.missing():
        pytest.skip(reason)


def asking_release(peer: Peer) -> chroots.Release | None:
    """Whose OpenSSL asks: only that of 3.5 knows the hybrid groups, only that of 1.1.1 old curves in TLS 1.3."""
    if isinstance(peer, DovecotOnOpenSsl111):
        return chroots.BULLSEYE
    return chroots.TRIXIE if isinstance(peer, Dovecot24) else None


def asked(truth: Truth, configuration: TlsConfiguration, rng: random.Random) -> dict[tuple[int, int], bool]:
    """Some pairs with what they should come to: mostly those that a near miss in the configuration would change."""
    everything = [
        (version, suite.number) for version in (SSL30, TLS10, TLS11, TLS12, TLS13) for suite in TABLE
        if suite.exists_in(version) and (version != TLS13 or clients.openssl_can_ask(version, suite.number))
    ]
    inside = sorted(truth.pairs)
    outside = [pair for pair in everything if pair not in truth.pairs]
    near = [pair for pair in outside if pair[1] in configuration.suites + configuration.suites13]
    chosen = rng.sample(inside, min(ASKED_IN, len(inside))) + rng.sample(near, min(ASKED_OUT // 2, len(near)))
    chosen += rng.sample(outside, min(ASKED_OUT // 2, len(outside)))
    return {pair: pair in truth.pairs for pair in chosen}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_pair_is_spoken_exactly_if_the_truth_says_so(peer: Peer, seed: int, tmp_path: Path) -> None:
    need(peer)
    rng = random.Random(seed)
    configuration = peer.random(rng)
    truth = peer.truth(configuration)
    with peer.start(configuration, tmp_path) as server:
        expected = asked(truth, configuration, rng)
        release = asking_release(peer)
        seen = {pair: clients.is_spoken(server.address, server.port, *pair, release) for pair in expected}
        wrong = {
            f"{version:#06x} {BY_NUMBER[suite].name}": "is spoken" if spoken else "is not spoken"
            for (version, suite), spoken in seen.items() if spoken != expected[version, suite]
        }
        assert not wrong, f"{peer.name}, seed {seed}, {configuration}:\n{wrong}\n{server.log[-2000:]}"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_modern_configuration_offers_just_what_it_names(peer: Peer, tmp_path: Path) -> None:
    """No random choice: every peer can run it, and every peer means the same by it."""
    need(peer)
    truth = peer.truth(MODERN)
    assert {TLS12, TLS13} == truth.versions
    assert (TLS12, 0xC02F) in truth.pairs and truth.key_types == {"rsa"}
    assert truth.groups == {TLS12: {X25519, P256}, TLS13: {X25519, P256}}
    with peer.start(MODERN, tmp_path) as server:
        for version, suite in ((TLS12, 0xC02F), (TLS13, 0x1301)):
            assert clients.is_spoken(server.address, server.port, version, suite), server.log[-2000:]
        for version, suite in ((TLS11, 0xC013), (TLS12, 0xC013), (TLS12, 0x009C), (TLS12, 0xC02B), (TLS12, 0x009E)):
            assert not clients.is_spoken(server.address, server.port, version, suite), hex(suite)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_group_is_reached_exactly_if_the_truth_says_so(peer: Peer, tmp_path: Path) -> None:
    need(peer)
    configuration = dataclasses.replace(MODERN, groups=peer.groups[::2])
    truth = peer.truth(configuration)
    lax = isinstance(peer, (DovecotOnOpenSsl111, GnuTls))
    with peer.start(configuration, tmp_path) as server:
        for version, suite in ((TLS12, 0xC02F), (TLS13, 0x1301)):
            for number in peer.groups:
                group = named_groups.BY_NUMBER[number]
                release, withdrawn = asking_release(peer), version == TLS13 and not group.is_in_tls13
                if withdrawn and lax:
                    if chroots.missing(chroots.BULLSEYE):
                        continue
                    release = chroots.BULLSEYE
                elif withdrawn or (version != TLS13 and (group.is_finite_field or group.is_hybrid)):
                    assert number not in truth.groups[version]
                    continue
                reached = clients.openssl_completes(server.address, server.port, version, suite, (number,), release)
                assert reached == (number in truth.groups[version]), f"{version:#06x} {group.openssl}"
    if isinstance(peer, Dovecot24):
        assert truth.groups[TLS13] & set(HYBRID)
    assert (0x0013 in truth.groups[TLS13]) == lax


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.name != GnuTls.name], ids=lambda peer: peer.name)
def test_inside_tls_a_peer_speaks_pop3(peer: Peer, tmp_path: Path) -> None:
    need(peer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with peer.start(MODERN, tmp_path) as server:
        session = poplib.POP3_SSL(server.address, server.port, context=context, timeout=30)
        assert session.getwelcome().startswith(b"+OK")
        assert "UIDL" in session.capa()
        assert session.quit().startswith(b"+OK")


def test_a_server_that_is_asked_for_stls_offers_the_same_tls(tmp_path: Path) -> None:
    peer = Dovecot23()
    need(peer)
    with peer.start(MODERN, tmp_path) as server:
        assert server.stls_port
        session = poplib.POP3(server.address, server.stls_port, timeout=30)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        session.stls(context)
        assert session.sock.version() == "TLSv1.3"  # type: ignore[attr-defined]
        session.quit()


def test_dovecot_without_dh_parameters_speaks_no_dhe(tmp_path: Path) -> None:
    peer = Dovecot23()
    need(peer)
    for number, dh_parameters in enumerate((False, True)):
        configuration = dataclasses.replace(MODERN, suites=(0xC02F, 0x009E), dh_parameters=dh_parameters)
        folder = tmp_path / str(number)
        folder.mkdir()
        with peer.start(configuration, folder) as server:
            assert clients.is_spoken(server.address, server.port, TLS12, 0x009E) is dh_parameters
            assert ((TLS12, 0x009E) in peer.truth(configuration).pairs) is dh_parameters


def test_gnutls_with_dh_parameters_refuses_dhe_to_who_offers_other_finite_field_groups(tmp_path: Path) -> None:
    """RFC 7919 section 4: who asks with ffdhe groups is told no, who asks without them is served."""
    peer = GnuTls()
    need(peer)
    configuration = dataclasses.replace(MODERN, suites=(0x009E,), dh_parameters=True)
    truth = peer.truth(configuration)
    assert (TLS12, 0x009E) in truth.pairs & truth.only_without_ffdhe
    with peer.start(configuration, tmp_path) as server:
        for offered in (True, False):
            spoken = clients.tlslite_completes(
                server.address, server.port, TLS12, 0x009E, finite_field_groups=offered
            )
            assert spoken is not offered, server.log[-2000:]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_random_configuration_is_reproducible_and_lies_within_what_the_peer_can(peer: Peer) -> None:
    for seed in range(50):
        configuration = peer.random(random.Random(seed))
        assert configuration == peer.random(random.Random(seed))
        assert configuration.versions and set(configuration.versions) <= set(peer.versions)
        assert configuration.versions == tuple(sorted(configuration.versions))
        assert set(configuration.suites) <= set(peer.suites) and set(configuration.groups) <= set(peer.groups)
        truth = peer.truth(configuration)
        assert set(truth.groups) == truth.versions <= set(configuration.versions)
        assert truth.only_without_ffdhe <= truth.pairs
