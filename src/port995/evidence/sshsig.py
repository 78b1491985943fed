# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached signatures as ``ssh-keygen -Y`` makes and verifies them (OpenSSH's PROTOCOL.sshsig), by Ed25519 keys alone.

An auditor needs nothing of ours: ``ssh-keygen -Y verify -n port995 ...`` takes them. Read strictly: an armour that
could be written in another way as well is refused, since two texts for one signature let somebody tell two stories.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import os
import stat
import struct
from pathlib import Path

from ..policy.libraries import ed25519, exceptions, serialization

NAMESPACE = "port995"
MAGIC, VERSION, HASH, KIND = b"SSHSIG", 1, b"sha512", b"ssh-ed25519"
BEGIN, END, WIDTH = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----", 70
MAX_FILE = 64 * 1024
"""Octets of a key or a signature."""


class SignatureError(ValueError):
    """A key or a signature that can't be used, and why."""


@dataclasses.dataclass(frozen=True)
class Signer:
    """A key that may sign, and whose it is."""

    name: str
    key: ed25519.Ed25519PublicKey = dataclasses.field(repr=False)

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(_blob(self.key)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def load_private_key(path: Path, passphrase: bytes | None = None) -> ed25519.Ed25519PrivateKey:
    """Read a key that ``ssh-keygen -t ed25519`` made.

    :param passphrase: of the key; ``None``: it has none
    :raises SignatureError: it can't be read, others than its owner can read it, it is encrypted and no passphrase was
        given, or it is of another type
    """
    try:
        mode = path.stat()
        if not stat.S_ISREG(mode.st_mode):
            raise SignatureError(f"{path}: is no plain file")
        if mode.st_mode & 0o077:
            raise SignatureError(f"{path}: others can read this key (mode {mode.st_mode & 0o777:04o}): chmod 600 it")
        if mode.st_uid not in (os.geteuid(), 0):
            raise SignatureError(f"{path}: this key belongs to another user")
        data = path.read_bytes()[: MAX_FILE + 1]
    except OSError as error:
        raise SignatureError(f"{path}: the key can't be read ({error.strerror or error})") from error
    try:
        key = serialization.load_ssh_private_key(data, passphrase)
    except TypeError as error:
        raise SignatureError(f"{path}: give the passphrase in PORT995_SIGN_PASSPHRASE, or none ({error})") from error
    except exceptions.UnsupportedAlgorithm as error:
        raise SignatureError(f"{path}: a key with a passphrase needs the Python library bcrypt ({error})") from error
    except ValueError as error:
        raise SignatureError(f"{path}: is no OpenSSH private key, or the passphrase is wrong ({error})") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SignatureError(f"{path}: is no Ed25519 key: make one by ssh-keygen -t ed25519")
    return key


def sign(data: bytes, key: ed25519.Ed25519PrivateKey, namespace: str = NAMESPACE) -> bytes:
    """A detached signature, armoured. Ed25519 has no randomness: the same data and key give the same one."""
    signature = key.sign(_signed(data, namespace))
    body = MAGIC + struct.pack(">I", VERSION)
    for part in (_blob(key.public_key()), namespace.encode(), b"", HASH, _string(KIND) + _string(signature)):
        body += _string(part)
    return _armour(body)


def verify(data: bytes, armoured: bytes, namespace: str = NAMESPACE) -> ed25519.Ed25519PublicKey:
    """Check a signature.

    :returns: the key that made it; whose that is, is for `find_signer`
    :raises SignatureError: it is none of this data, of another namespace, key type or hash, or not armoured canonically
    """
    body = _unarmoured(armoured)
    if body[:6] != MAGIC or body[6:10] != struct.pack(">I", VERSION):
        raise SignatureError("it is no SSH signature of version 1")
    parts, rest = [], body[10:]
    for _part in range(5):
        part, rest = _take(rest)
        parts.append(part)
    if rest:
        raise SignatureError("something stands behind the signature")
    blob, space, reserved, algorithm, inner = parts
    if space != namespace.encode():
        raise SignatureError(f"it was made for {space!a:.60}, not for {namespace}")
    if reserved or algorithm != HASH:
        raise SignatureError(f"it uses {algorithm!a:.40}, {HASH.decode()} is expected")
    key = _key_of(blob)
    kind, rest = _take(inner)
    signature, rest = _take(rest)
    if kind != KIND or rest or len(signature) != 64:
        raise SignatureError("it is no Ed25519 signature")
    try:
        key.verify(signature, _signed(data, namespace))
    except exceptions.InvalidSignature as error:
        raise SignatureError("it was not made over these bytes, or not by its key") from error
    return key


def read_signers(data: bytes, source: str, namespace: str = NAMESPACE) -> tuple[Signer, ...]:
    """Who may sign: OpenSSH's ALLOWED SIGNERS (ssh-keygen(1)), or the public key that ``ssh-keygen`` wrote.

    :param source: what to call the file in messages
    :raises SignatureError: a line that can't be read, an option that this version does not know, or no Ed25519 key
    """
    found: list[Signer] = []
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SignatureError(f"{source}: is no text") from error
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.lstrip().startswith("#"):
            continue
        where = f"{source}:{number}"
        if words[0].startswith("ssh-") or words[0].startswith("ecdsa-"):
            name, kind, rest = " ".join(words[2:]) or "unnamed", words[0], words[1:2]
        else:
            name, words = words[0], words[1:]
            while words and not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                option, separator, value = words.pop(0).partition("=")
                if option.lower() != "namespaces":
                    raise SignatureError(f"{where}: the option {option!a:.40} is not known here")
                if namespace not in value.strip('"').split(","):
                    words = []
            if not words:
                continue
            kind, rest = words[0], words[1:2]
        if kind != KIND.decode():
            continue
        try:
            blob = base64.b64decode(rest[0], validate=True)
        except (IndexError, binascii.Error) as error:
            raise SignatureError(f"{where}: the key is no base64") from error
        found.append(Signer(name, _key_of(blob)))
    if not found:
        raise SignatureError(f"{source}: holds no Ed25519 key that may sign for {namespace}")
    return tuple(found)


def find_signer(key: ed25519.Ed25519PublicKey, signers: tuple[Signer, ...]) -> Signer | None:
    """Whose key it is; ``None``: nobody's that may sign."""
    raw = _blob(key)
    return next((one for one in signers if _blob(one.key) == raw), None)


def _signed(data: bytes, namespace: str) -> bytes:
    parts = (namespace.encode(), b"", HASH, hashlib.sha512(data).digest())
    return MAGIC + b"".join(map(_string, parts))


def _blob(key: ed25519.Ed25519PublicKey) -> bytes:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return _string(KIND) + _string(raw)


def _key_of(blob: bytes) -> ed25519.Ed25519PublicKey:
    kind, rest = _take(blob)
    raw, rest = _take(rest)
    if kind != KIND or rest or len(raw) != 32:
        raise SignatureError("it was made by a key that is no Ed25519 key")
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:
        raise SignatureError("it is cut off")
    (length,) = struct.unpack(">I", data[:4])
    if length > len(data) - 4:
        raise SignatureError("it is cut off")
    return data[4 : 4 + length], data[4 + length :]


def _armour(body: bytes) -> bytes:
    text = base64.b64encode(body).decode()
    lines = [text[n : n + WIDTH] for n in range(0, len(text), WIDTH)]
    return ("\n".join([BEGIN, *lines, END]) + "\n").encode()


def _unarmoured(armoured: bytes) -> bytes:
    """The body of an armour that is written in the one way that ssh-keygen writes it.

    :raises SignatureError: it is not
    """
    if len(armoured) > MAX_FILE:
        raise SignatureError("it is too large")
    try:
        lines = armoured.decode("ascii").split("\n")
        body = base64.b64decode("".join(lines[1:-2]), validate=True)
    except (UnicodeDecodeError, binascii.Error) as error:
        raise SignatureError("its armour is no base64") from error
    if _armour(body) != armoured:
        raise SignatureError("its armour is not written in the canonical way")
    return body
