# SPDX-License-Identifier: GPL-3.0-or-later
"""The models as they stand in the file, and a file that can't be used."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from port995.policy.clients.catalogue import CLIENT_IDS, FILE, LISTS, CatalogueError, clients, read_catalogue
from port995.probe.tls.cipher_suites import name_of

DATA = yaml.safe_load(FILE.read_bytes())


def spoiled(**changes: Any) -> bytes:
    """The file with fields of its first client replaced; ``None`` takes one away."""
    data = copy.deepcopy(DATA)
    for field, value in changes.items():
        if value is None:
            del data["clients"][0][field]
        else:
            data["clients"][0][field] = value
    return yaml.safe_dump(data).encode()


def test_the_ids_are_those_of_the_file() -> None:
    assert tuple(client.id for client in clients()) == CLIENT_IDS


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.id)
def test_every_model_is_whole(client: Any) -> None:
    assert client.versions and client.suites and client.groups and client.signatures and client.sources
    assert list(client.versions) == sorted(client.versions, reverse=True)
    speaks_13 = 0x0304 in client.versions
    assert speaks_13 == any(suite >> 8 == 0x13 for suite in client.suites)
    assert speaks_13 == bool(client.key_shares) and set(client.key_shares) <= set(client.groups)
    # Who takes DHE has a limit for its prime; who does not needs none.
    assert bool(client.dh_bits) == any("_DHE_" in name_of(suite) for suite in client.suites)
    assert all(said.why for said in client.uncertain.values())
    assert all(any(word in source for word in ("https://", "http://", "ello")) or "Received" in source for source in client.sources)


def test_what_another_client_lends_is_not_its_doubts() -> None:
    new = next(client for client in clients() if client.id == "thunderbird-140")
    old = next(client for client in clients() if client.id == "thunderbird-128")
    assert new.suites == old.suites and new.groups != old.groups
    assert "groups" in new.uncertain and "groups" not in old.uncertain


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[", "no YAML"),
        (b"schema: port995/clients/2\nclients: []\n", "schema"),
        (spoiled(title=None), "title is missing"),
        (spoiled(sources=[]), "sources"),
        (spoiled(date="soon"), "date"),
        (spoiled(colour="blue"), "colour is not understood"),
        (spoiled(suites=["TLS_NONE"]), "TLS_NONE"),
        (spoiled(groups=["x25519", "x25519"]), "twice"),
        (spoiled(versions="TLSv1.2"), "no list"),
        (yaml.safe_dump({**DATA, "clients": DATA["clients"][-1:] * 2}).encode(), "two clients are called"),
        (spoiled(like="nobody"), "no client above it"),
        (spoiled(certificates={"rsa": 1}), "certificates"),
        (spoiled(uncertain={"groups": {"uncertain": True, "values": ["x448"], "why": "so"}}), "does not hold"),
        (spoiled(uncertain={"groups": {"values": [], "why": "so"}}), "uncertain: true"),
        (spoiled(uncertain={"groups": {"uncertain": True}}), "why"),
        (spoiled(uncertain={"title": {"uncertain": True, "why": "so"}}), "uncertain.title"),
    ],
)
def test_a_spoiled_catalogue_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        read_catalogue(raw)


def test_the_fields_that_can_be_uncertain_are_lists_of_numbers() -> None:
    for client in clients():
        for field in LISTS:
            assert all(isinstance(value, int) for value in client.values(field))
