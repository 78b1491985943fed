# SPDX-License-Identifier: GPL-3.0-or-later
"""Our few ciphers against a library's, on random input, and against the documents' own vectors."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305 as Theirs

from port995.probe.tls.ciphers import BASE_POINT, Aes128Gcm, ChaCha20Poly1305, WrongTag, prf, x25519

LENGTHS = (0, 1, 15, 16, 17, 63, 64, 65, 200)


@pytest.mark.parametrize("seed", range(4))
def test_x25519_agrees(seed: int) -> None:
    ours, theirs = (random.Random(seed + n).randbytes(32) for n in (0, 100))
    public = X25519PrivateKey.from_private_bytes(theirs).public_key().public_bytes_raw()
    expected = X25519PrivateKey.from_private_bytes(ours).exchange(X25519PublicKey.from_public_bytes(public))
    assert x25519(ours, public) == expected
    assert x25519(theirs, BASE_POINT) == public


@pytest.mark.parametrize("length", LENGTHS)
def test_both_ciphers_agree_in_both_directions(length: int) -> None:
    rng = random.Random(length)
    nonce, data, associated = rng.randbytes(12), rng.randbytes(length), rng.randbytes(13)
    for ours, theirs, size in ((ChaCha20Poly1305, Theirs, 32), (Aes128Gcm, AESGCM, 16)):
        key = rng.randbytes(size)
        encrypted = ours(key).encrypt(nonce, data, associated)
        assert encrypted == theirs(key).encrypt(nonce, data, associated)
        assert ours(key).decrypt(nonce, encrypted, associated) == data


@pytest.mark.parametrize("cipher", [ChaCha20Poly1305(bytes(32)), Aes128Gcm(bytes(16))])
def test_what_was_changed_is_noticed(cipher: ChaCha20Poly1305 | Aes128Gcm) -> None:
    encrypted = cipher.encrypt(bytes(12), b"text", b"")
    for spoiled in (bytes((encrypted[0] ^ 1,)) + encrypted[1:], encrypted[:-1], b""):
        with pytest.raises(WrongTag):
            cipher.decrypt(bytes(12), spoiled, b"")
    with pytest.raises(InvalidTag):
        AESGCM(bytes(16)).decrypt(bytes(12), bytes(20), b"")


def test_the_prf_is_rfc_5246s() -> None:
    """By its definition, written down once more: P_hash over label and seed."""
    import hmac

    secret, seed = b"s" * 48, b"seed"
    a1 = hmac.digest(secret, b"labelseed", "sha256")
    a2 = hmac.digest(secret, a1, "sha256")
    expected = hmac.digest(secret, a1 + b"labelseed", "sha256") + hmac.digest(secret, a2 + b"labelseed", "sha256")
    assert prf(secret, b"label", seed, 40, "sha256") == expected[:40]
    assert hashlib.new("sha384").digest_size == 48 and len(prf(secret, b"l", seed, 100, "sha384")) == 100
