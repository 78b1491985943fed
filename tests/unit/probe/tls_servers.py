# SPDX-License-Identifier: GPL-3.0-or-later
"""POP3S servers on loopback, made of Python's own ssl module, with chains made on the spot."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import shutil
import ssl
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.hostile.server import Behaviour, Caller
from tests.unit.policy import certificates

GREETING = b"+OK ready\r\n"
ANSWERS = {b"CAPA": b"+OK\r\nUSER\r\nUIDL\r\n.\r\n", b"QUIT": b"+OK bye\r\n"}


@dataclasses.dataclass(frozen=True)
class Identity:
    """A chain as the server sends it, leaf first, and the leaf's key."""

    chain: tuple[bytes, ...]
    """DER."""
    pem: str
    """Chain file with the key in it."""


def identity(kind: str = "ec", *, intermediate: bool = True) -> Identity:
    """A leaf with a key of one kind, with or without its intermediate; the same at every call."""
    return _identity(kind, intermediate)


@functools.cache
def _identity(kind: str, intermediate: bool) -> Identity:
    issuer = "Good Intermediate" if intermediate else "Good CA"
    certificates.intermediate()
    chain = [certificates.leaf(issuer, kind=kind)]
    if intermediate:
        chain += [certificates.intermediate(), certificates.authority()]
    return written(chain, kind)


def written(chain: list[x509.Certificate], kind: str) -> Identity:
    key = certificates.key(kind, 1).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder = Path(tempfile.mkdtemp(prefix="port995-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pem = folder / "chain.pem"
    pem.write_bytes(key + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
    return Identity(tuple(one.public_bytes(serialization.Encoding.DER) for one in chain), str(pem))


def server_context(
    kind: str = "ec",
    version: ssl.TLSVersion | None = None,
    *,
    ciphers: str | None = None,
    curve: str | None = None,
    own: Identity | None = None,
) -> ssl.SSLContext:
    """A server's context: one version only, where one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain((own or identity(kind)).pem)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if curve is not None:
        context.set_ecdh_curve(curve)
    return context


def inside(
    context: ssl.SSLContext,
    talk: Callable[[ssl.SSLSocket], None] | None = None,
    *,
    before: Callable[[Caller], bool] | None = None,
    say_goodbye: bool = True,
) -> Behaviour:
    """TLS, and a dialogue inside it.

    :param talk: what is said inside TLS; ``None``: POP3 as it should be
    :param before: what is said in clear before it, and whether TLS follows
    :param say_goodbye: end with close_notify, or by closing TCP alone
    """

    def behave(caller: Caller) -> None:
        if before is not None and not before(caller):
            return
        with context.wrap_socket(caller.socket, server_side=True, suppress_ragged_eofs=False) as session:
            session.settimeout(60)
            (talk or pop3)(session)
            if say_goodbye:
                session.unwrap()

    return behave


def pop3(session: ssl.SSLSocket, greeting: bytes = GREETING, answers: dict[bytes, bytes] | None = None) -> None:
    """Answer commands until QUIT; greeting empty: none, as after STLS."""
    known = ANSWERS if answers is None else answers
    if greeting:
        session.sendall(greeting)
    line = b""
    while line != b"QUIT":
        line = b""
        while not line.endswith(b"\r\n"):
            octet = session.recv(1)
            if not octet:
                return
            line += octet
        line = line.strip().upper()
        session.sendall(known.get(line, b"-ERR what?\r\n"))
