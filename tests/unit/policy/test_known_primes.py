# SPDX-License-Identifier: GPL-3.0-or-later
"""The formulas give the very primes that OpenSSL knows by these names."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric.dh import DHParameters
from cryptography.hazmat.primitives.serialization import load_pem_parameters

from port995.policy.known_primes import known_primes, name_of_prime

OPENSSL_NAMES = {
    "modp_1536": "RFC 3526 group 5", "modp_2048": "RFC 3526 group 14", "modp_3072": "RFC 3526 group 15",
    "modp_4096": "RFC 3526 group 16", "modp_6144": "RFC 3526 group 17", "modp_8192": "RFC 3526 group 18",
    "ffdhe2048": "ffdhe2048", "ffdhe3072": "ffdhe3072", "ffdhe4096": "ffdhe4096", "ffdhe6144": "ffdhe6144",
    "ffdhe8192": "ffdhe8192",
}  # fmt: skip


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)")
@pytest.mark.parametrize("theirs", OPENSSL_NAMES)
def test_openssl_knows_the_same_prime(theirs: str) -> None:
    made = subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{theirs}"],
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"this OpenSSL does not know {theirs}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That such groups are on their way out is known here.
        parameters = load_pem_parameters(made.stdout)
        assert isinstance(parameters, DHParameters)
        prime = parameters.parameter_numbers().p
    assert known_primes()[prime] == OPENSSL_NAMES[theirs]


def test_the_small_groups_are_primes_of_their_size() -> None:
    small = {name: prime for prime, name in known_primes().items() if "2409" in name}
    assert {prime.bit_length() for prime in small.values()} == {768, 1024}
    # Fermat's test with a few bases: a slip in the formula gives a composite number.
    assert all(pow(base, prime - 1, prime) == 1 for prime in small.values() for base in (2, 3, 5))


def test_another_number_has_no_name() -> None:
    prime = next(iter(known_primes()))
    assert name_of_prime(prime.to_bytes(1024, "big"))
    assert name_of_prime((prime + 2).to_bytes(1024, "big")) == "" and name_of_prime(b"") == ""
