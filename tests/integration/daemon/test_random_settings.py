# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings drawn at random, within what Dovecot can do, put into its words and served by it: what the probe sees
afterwards is what was asked, no more and no less.

DAEMON_SETTINGS says how many are drawn (2), GATE_SEED from where.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from port995.daemon import dh, dovecot_edit
from port995.daemon.model import VERSIONS, DaemonError, Found, TlsWanted, tls_wanted, wanted
from port995.daemon.names import GROUPS_OF_OPENSSL, is_tls13, openssl_suite
from port995.daemon.openssl import Library
from port995.policy.facts import CLIENT, SERVER, facts_of
from port995.probe.tls.cipher_suites import SUITES, CipherSuite
from port995.probe.tls.named_groups import FFDHE, GROUPS
from tests.integration.dovecot.server import Dovecot, dovecot_binary
from tests.integration.gate.looked import look
from tests.peers import identities

DRAWN = int(os.environ.get("DAEMON_SETTINGS", "2"))
SEED = int(os.environ.get("GATE_SEED", "20261127"))
pytestmark = pytest.mark.timeout(max(120, 40 * DRAWN))

NUMBERS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
BY_NUMBER = {group.number: group for group in GROUPS}


def _version() -> str:
    done = subprocess.run([dovecot_binary() or "", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split()[0] if done.stdout else ""


@pytest.fixture(scope="module")
def library() -> Library:
    if dovecot_binary() is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-pop3d)")
    if not _version().startswith("2.3."):
        pytest.skip(f"this machine's Dovecot is {_version()}; 2.3 is set up here")
    try:
        return Library()
    except DaemonError as error:
        pytest.skip(str(error))


def can_be_served(suite: CipherSuite, library: Library) -> bool:
    """With an RSA key, by ciphers that OpenSSL has on at any level."""
    if is_tls13(suite.name):
        return suite.name in ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
                              "TLS_AES_128_CCM_SHA256")  # fmt: skip
    name = openssl_suite(suite.name)
    return (
        name is not None and suite.authentication == "RSA" and suite.key_exchange in ("RSA", "ECDHE", "DHE")
        and suite.encryption.startswith(("AES_", "CHACHA20")) and library.has_suite(name)
    )  # fmt: skip


def draw(rng: random.Random, library: Library) -> dict[str, Any]:
    served = [suite for suite in SUITES if can_be_served(suite, library)]
    new = [suite for suite in served if is_tls13(suite.name)]
    old = [suite for suite in served if not is_tls13(suite.name)]
    minimum = rng.choice(VERSIONS)
    suites = rng.sample(new, rng.randint(1, len(new)))
    if minimum != "TLSv1.3":
        suites += rng.sample(old, rng.randint(1, len(old)))
    groups = [name for name, there in GROUPS_OF_OPENSSL.items() if library.has_group(there) and _is_usual(name)]
    # One that TLS of every version has: else some versions would be spoken by nobody.
    chosen = rng.sample(groups, rng.randint(1, len(groups)))
    if not {"x25519", "secp256r1", "secp384r1"} & set(chosen):
        chosen.append("secp256r1")
    return {
        "minimum": minimum, "suites": [suite.name for suite in suites], "groups": chosen,
        "preference": rng.choice(["server", "client"]), "weak_signatures": minimum in ("TLSv1", "TLSv1.1"),
    }  # fmt: skip


def _is_usual(name: str) -> bool:
    group = next(one for one in GROUPS if one.name == name)
    return not group.deprecated and group.kind != FFDHE and not name.startswith("brainpool")


def expected(tls: TlsWanted) -> dict[int, set[int]]:
    """The suites of each version that is to be spoken."""
    chosen = [suite for suite in SUITES if suite.name in tls.suites]
    found: dict[int, set[int]] = {}
    for version in VERSIONS[VERSIONS.index(tls.minimum) :]:
        number = NUMBERS[version]
        suites = {
            suite.number for suite in chosen
            if suite.minimum_version <= number <= suite.maximum_version and (number == TLS_1_3) == is_tls13(suite.name)
        }  # fmt: skip
        if suites:
            found[number] = suites
    return found


def test_what_is_seen_is_what_was_asked(library: Library, tmp_path: Path) -> None:
    rng = random.Random(f"daemon {SEED}")
    wrong: list[str] = []
    compared = 0
    found = Found("dovecot", _version(), "", settings={"ssl_cipher_suites": ""}, pop3s_ports=(995,))
    for number in range(DRAWN):
        asked = draw(rng, library)
        tls = tls_wanted(asked)
        settings, left_out = dovecot_edit.settings(wanted(tls=asked), found)
        assert left_out == ()
        folder = tmp_path / str(number)
        folder.mkdir()
        if "ssl_dh" in settings:
            (folder / "dh.pem").write_text(dh.pem())
            settings["ssl_dh"] = f"<{folder}/dh.pem"
        identity = identities.write("rsa", folder)
        extra = "protocol pop3 {\n" + "".join(f"  {name} = {value}\n" for name, value in settings.items()) + "}\n"
        server = Dovecot(folder, identity.certificate, identity.key, listen="127.0.0.1", extra=extra)
        server.start()
        try:
            _target, (seen,) = look("127.0.0.1", server.pop3s_port, depth="full")
        finally:
            server.stop()
        facts = facts_of(seen)
        true = expected(tls)
        spoken = {one.version: one for one in facts.versions}
        checks: list[tuple[str, object, object]] = [
            ("versions", set(spoken), set(true)), ("unsettled versions", facts.unsettled, ()),
        ]  # fmt: skip
        names = set(tls.groups)
        for version, suites in true.items():
            if version not in spoken:
                continue
            one = spoken[version]
            checks.append((f"suites of {version:#06x}", set(one.suites), suites))
            checks.append((f"all suites of {version:#06x} are known", one.all_suites, True))
            groups = {BY_NUMBER[group].name for group in one.groups}
            # DHE below TLS 1.3 shows its prime and no group.
            checks.append((f"groups of {version:#06x} beyond those asked", groups - names, set()))
            if version == TLS_1_3 and one.all_groups:
                checks.append(("groups of TLS 1.3", groups, names))
            if version == TLS_1_2 and one.suite_order:
                checks.append(("whose order decides", one.suite_order, SERVER if tls.preference == "server" else CLIENT))
        compared += len(checks)
        wrong += [f"{what}: seen {is_}, asked {should} of {asked}" for what, is_, should in checks if is_ != should]
    print(f"\nseed {SEED}, {DRAWN} settings, {compared} facts compared, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert compared >= 4 * DRAWN
