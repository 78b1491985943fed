# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures that OpenSSH takes, and those of OpenSSH that we take; nothing that could be written in two ways."""

from __future__ import annotations

import base64
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from port995.evidence.sshsig import SignatureError, find_signer, load_private_key, read_signers, sign, verify

KEYGEN = shutil.which("ssh-keygen")
DATA = b"0" * 64 + b"  run.json\n"

pytestmark = pytest.mark.skipif(KEYGEN is None, reason="no ssh-keygen on this machine (Debian: openssh-client)")


def keygen(*arguments: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    assert KEYGEN is not None
    return subprocess.run([KEYGEN, *map(str, arguments)], input=data, capture_output=True, check=False)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "other"):
        assert keygen("-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.org", "-f", folder / name).returncode == 0
    assert keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", folder / "rsa").returncode == 0
    assert keygen("-q", "-t", "ed25519", "-N", "secret words", "-f", folder / "locked").returncode == 0
    return folder


def test_openssh_takes_what_we_sign(keys: Path, tmp_path: Path) -> None:
    signature = sign(DATA, load_private_key(keys / "one"))
    (tmp_path / "sig").write_bytes(signature)
    (tmp_path / "signers").write_text(f"auditor@example.org {(keys / 'one.pub').read_text()}")
    arguments = ("-Y", "verify", "-f", tmp_path / "signers", "-I", "auditor@example.org", "-n", "port995", "-s",
                 tmp_path / "sig")  # fmt: skip
    assert keygen(*arguments, data=DATA).returncode == 0
    assert keygen(*arguments, data=DATA + b"x").returncode != 0


def test_we_take_what_openssh_signs_and_its_bytes_are_ours(keys: Path) -> None:
    done = keygen("-Y", "sign", "-n", "port995", "-f", keys / "one", data=DATA)
    assert done.returncode == 0
    key = verify(DATA, done.stdout)
    assert done.stdout == sign(DATA, load_private_key(keys / "one"))
    signers = read_signers((keys / "one.pub").read_bytes(), "one.pub")
    assert find_signer(key, signers) == signers[0]
    assert find_signer(key, read_signers((keys / "other.pub").read_bytes(), "other.pub")) is None
    fingerprint = keygen("-l", "-f", keys / "one.pub").stdout.decode().split()[1]
    assert signers[0].fingerprint == fingerprint


@pytest.mark.parametrize("namespace", ["file", "git", "port996"])
def test_a_signature_for_something_else_is_refused(keys: Path, namespace: str) -> None:
    done = keygen("-Y", "sign", "-n", namespace, "-f", keys / "one", data=DATA)
    with pytest.raises(SignatureError, match="it was made for"):
        verify(DATA, done.stdout)


def test_another_kind_of_key_or_hash_is_refused(keys: Path) -> None:
    done = keygen("-Y", "sign", "-n", "port995", "-f", keys / "rsa", data=DATA)
    with pytest.raises(SignatureError, match="no Ed25519"):
        verify(DATA, done.stdout)
    done = keygen("-Y", "sign", "-n", "port995", "-O", "hashalg=sha256", "-f", keys / "one", data=DATA)
    with pytest.raises(SignatureError, match="sha512 is expected"):
        verify(DATA, done.stdout)


def test_every_octet_of_a_signature_counts(keys: Path) -> None:
    good = sign(DATA, load_private_key(keys / "one"))
    verify(DATA, good)
    for position in range(len(good)):
        for other in (good[position] ^ 1, good[position] ^ 0x20):
            spoilt = good[:position] + bytes([other]) + good[position + 1 :]
            with pytest.raises(SignatureError):
                verify(DATA, spoilt)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.rstrip(b"\n"),
        lambda text: text + b"\n",
        lambda text: text + b"more\n",
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\n" + text,
        lambda text: text.replace(b"\n", b" \n", 2),
        lambda text: text[:40] + b"\n" + text[40:],
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: base64.b64encode(text),
        lambda text: text + b"x" * 100_000,
    ],
)
def test_an_armour_that_is_not_canonical_is_refused(keys: Path, change: object) -> None:
    good = sign(DATA, load_private_key(keys / "one"))
    with pytest.raises(SignatureError):
        verify(DATA, change(good))  # type: ignore[operator]


def test_a_key_that_others_can_read_is_refused(keys: Path, tmp_path: Path) -> None:
    shutil.copy(keys / "one", tmp_path / "key")
    for mode in (0o640, 0o604, 0o660, 0o644):
        (tmp_path / "key").chmod(mode)
        with pytest.raises(SignatureError, match="chmod 600"):
            load_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    load_private_key(tmp_path / "key")


def test_keys_that_can_t_sign_are_told(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="is no Ed25519 key"):
        load_private_key(keys / "rsa")
    with pytest.raises(SignatureError, match="PORT995_SIGN_PASSPHRASE"):
        load_private_key(keys / "locked")
    if importlib.util.find_spec("bcrypt") is None:
        with pytest.raises(SignatureError, match="needs the Python library bcrypt"):
            load_private_key(keys / "locked", b"secret words")
    else:
        with pytest.raises(SignatureError, match="passphrase is wrong"):
            load_private_key(keys / "locked", b"other words")
        load_private_key(keys / "locked", b"secret words")
    (tmp_path / "text").write_text("x")
    (tmp_path / "text").chmod(0o600)
    for path in (tmp_path / "text", tmp_path / "absent", tmp_path):
        with pytest.raises(SignatureError):
            load_private_key(path)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("a@x {key}", ["a@x"]),
        ('a@x namespaces="port995,file" {key}', ["a@x"]),
        ('a@x namespaces="file" {key}', None),
        ("# a@x {key}\n\na@x {key}", ["a@x"]),
        ("a@x cert-authority {key}", None),
        ('a@x valid-before="20200101" {key}', None),
        ("a@x ssh-rsa AAAA", None),
        ("a@x ssh-ed25519 !!!", None),
        ("", None),
    ],
)
def test_who_may_sign_is_read_strictly(keys: Path, line: str, names: list[str] | None) -> None:
    key = " ".join((keys / "one.pub").read_text().split()[:2])
    data = line.replace("{key}", key).encode()
    if names is None:
        with pytest.raises(SignatureError, match="signers"):
            read_signers(data, "signers")
    else:
        assert [one.name for one in read_signers(data, "signers")] == names
