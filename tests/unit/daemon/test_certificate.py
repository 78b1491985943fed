# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that can't be served is told before anything changes, with file and what to do."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from port995.daemon.certificate import covers, look
from tests.integration.dovecot.certificates import make_chain

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)")
NAME = "mail.example.org"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    chain, key, _ca = make_chain(tmp_path_factory.mktemp("pki"), NAME)
    key.chmod(0o600)
    return chain, key


def problems(chain: Path | None, key: Path | None, *names: str, now: float | None = None, user: str = "root") -> str:
    found = look(str(chain) if chain else None, str(key) if key else None, names, user, now)
    return "; ".join(found.problems)


def test_one_that_is_right_has_no_problem(made: tuple[Path, Path]) -> None:
    found = look(str(made[0]), str(made[1]), [NAME])
    said = subprocess.run(["openssl", "x509", "-in", made[0], "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True)
    assert found.problems == () and found.sha256 == said.stdout.strip().partition("=")[2].replace(":", "").lower()


def test_names_are_held_against_it(made: tuple[Path, Path]) -> None:
    assert f"is not for other.example.org, but for {NAME}" in problems(*made, "other.example.org")


def test_outside_of_its_time_it_is_not_served(made: tuple[Path, Path]) -> None:
    assert "is expired" in problems(*made, now=time.time() + 91 * 86400)
    assert "is not valid yet" in problems(*made, now=time.time() - 86400)


def test_a_key_that_others_can_read_is_none(made: tuple[Path, Path], tmp_path: Path) -> None:
    key = tmp_path / "open.key"
    shutil.copyfile(made[1], key)
    for mode, says in ((0o644, True), (0o620, True), (0o640, False), (0o400, False)):
        key.chmod(mode)
        assert ("others can read or change it" in problems(made[0], key)) is says, oct(mode)


def test_a_key_of_another_is_told(made: tuple[Path, Path], tmp_path: Path) -> None:
    _chain, key, _ca = make_chain(tmp_path, NAME)
    key.chmod(0o600)
    assert "it does not fit the certificate" in problems(made[0], key)


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    key = tmp_path / "locked.key"
    subprocess.run(["openssl", "rsa", "-aes256", "-passout", "pass:x", "-in", made[1], "-out", key], check=True, capture_output=True)
    key.chmod(0o600)
    assert "it can't be used" in problems(made[0], key)


def test_a_chain_in_the_wrong_order_is_told(made: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    leaf = made[0].read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    # The leaf twice: the second did not issue the first.
    wrong.write_text(leaf + leaf)
    assert "certificate 1 is not by the one after it" in problems(wrong, made[1])


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_never_fine(made: tuple[Path, Path], tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pem"
    path.write_text(text)
    assert problems(path, made[1]) and problems(tmp_path / "gone.pem", made[1]) and problems(None, None)
    assert problems(made[0], None) and problems(made[0], tmp_path / "gone.key")


def test_the_daemons_own_user_must_be_able_to_read_the_key(made: tuple[Path, Path]) -> None:
    assert "can't be read by nobody" in problems(*made, user="nobody")


def test_a_star_is_the_whole_first_label() -> None:
    assert covers(["*.example.org"], NAME) and covers([NAME], "MAIL.example.org.")
    assert not covers(["*.example.org"], "a.b.example.org") and not covers(["*.org"], "example.org")
    assert not covers(["*.example.org"], "example.org") and not covers([], NAME)
