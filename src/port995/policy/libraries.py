# SPDX-License-Identifier: GPL-3.0-or-later
"""The third-party libraries of this room, imported once and guarded: importing the room works in a bare environment
(documentation tools do that); using a missing library says which one to install, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING


class LibraryMissing(RuntimeError):
    """A library that judging needs is not installed; says which, and how to get it."""


class _Missing:
    """Stands for a module that could not be imported: the first use of anything in it raises `LibraryMissing`."""

    def __init__(self, library: str, reason: str) -> None:
        self._library = library
        self._reason = reason

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise LibraryMissing(
            f"the Python library {self._library} is needed where the judgement is made, and could not be imported"
            f" ({self._reason}): install it there, for example with `pip install {self._library}`"
        )


if TYPE_CHECKING:
    import yaml
    from cryptography import exceptions, x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.x509 import ocsp, oid, verification
else:
    try:
        import yaml
    except ImportError as error:
        yaml = _Missing("PyYAML", str(error))
    try:
        from cryptography import exceptions, x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
        from cryptography.x509 import ocsp, oid
    except ImportError as error:
        x509 = exceptions = hashes = serialization = _Missing("cryptography", str(error))
        dsa = ec = ed448 = ed25519 = ocsp = oid = padding = rsa = x509
    try:
        from cryptography.x509 import verification
    except ImportError as error:  # older than the path validation of cryptography 42
        verification = _Missing("cryptography", str(error))

__all__ = [
    "LibraryMissing",
    "dsa",
    "ec",
    "ed448",
    "ed25519",
    "exceptions",
    "hashes",
    "ocsp",
    "oid",
    "padding",
    "rsa",
    "serialization",
    "verification",
    "x509",
    "yaml",
]
