# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust anchors: from a file the user gives, or the machine's own. Their bytes go into the run, so that the same
judgement can be made again elsewhere."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import ssl
import warnings
from pathlib import Path

from .certificate import one_line
from .libraries import x509

MAX_FILE = 16 * 1024 * 1024
"""Octets; a larger file is no list of trust anchors."""

SYSTEM_FILES: tuple[str, ...] = (
    # Where distributions keep the bundle, for a Python whose OpenSSL was built with other paths.
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD, macOS
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)

SYSTEM = "system: "
"""Begins the name of a source that is the machine's own."""

_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.S
)


class TrustError(ValueError):
    """Trust anchors that can't be used; says which file, why, and what to do."""


@dataclasses.dataclass(frozen=True)
class Anchors:
    """The certificates a path may end at."""

    pem: bytes = dataclasses.field(repr=False)
    """The bytes they were read from: what the run stores."""

    certificates: tuple[x509.Certificate, ...] = dataclasses.field(repr=False)
    source: str
    """The file they came from, or ``system: FILE``."""

    sha256: str
    """Of ``pem``, hex."""

    @property
    def from_system(self) -> bool:
        """Whether they are the machine's own, and not a user's file."""
        return self.source.startswith(SYSTEM)


def load_anchors(cafile: Path | None = None) -> Anchors:
    """Load the trust anchors.

    :param cafile: a PEM file; ``None``: the machine's own, where its OpenSSL or its distribution keeps them
    :raises TrustError: the file can't be read, holds no certificate or a broken one, or this machine has none
    """
    if cafile is not None:
        # A file of that name must not pass for the machine's own.
        source = f"./{cafile}" if str(cafile).startswith(SYSTEM) else str(cafile)
        return read_anchors(_read(cafile), source)
    tried: list[str] = []
    for candidate in dict.fromkeys(filter(None, (ssl.get_default_verify_paths().cafile, *SYSTEM_FILES))):
        tried.append(candidate)
        if Path(candidate).is_file():
            return read_anchors(_read(Path(candidate)), f"{SYSTEM}{candidate}", tolerant=True)
    raise TrustError(
        f"this machine has no trust anchors in {', '.join(tried)}: install its ca-certificates package, or give a CA"
        " file"
    )


def read_anchors(pem: bytes, source: str, *, tolerant: bool = False) -> Anchors:
    """Read trust anchors from PEM bytes, as `load_anchors` does from a file.

    :param tolerant: leave out certificates that can't be read, as in a machine's own bundle, which its user did not
        write: an anchor that is missing can only cost a pass. The bytes kept are then those of the others.
    :raises TrustError: no certificate, or (not tolerant) one that can't be read: half a list is not what was given
    """
    blocks = _BLOCK.findall(pem)
    certificates, kept = [], []
    with warnings.catch_warnings():
        # Old roots with odd serial numbers are still roots; CERT-007 tells about them where they are used.
        warnings.simplefilter("ignore")
        for number, block in enumerate(blocks, 1):
            try:
                certificates.append(x509.load_pem_x509_certificate(block))
                kept.append(block)
            except ValueError as error:
                if not tolerant:
                    raise TrustError(
                        f"{source}: certificate {number} of {len(blocks)} can't be read ({one_line(error)}): remove or"
                        " replace it"
                    ) from error
    if not certificates:
        hint = " (it looks like DER: convert it with `openssl x509 -inform der`)" if pem[:1] == b"\x30" else ""
        raise TrustError(f"{source}: holds no PEM certificate{hint}: give a file with the CA certificates to trust")
    if len(kept) < len(blocks):
        pem = b"\n".join(kept) + b"\n"
    return Anchors(pem, tuple(certificates), source, hashlib.sha256(pem).hexdigest())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise TrustError(f"{path}: the CA file can't be read ({reason}): check its path and mode") from error
    if len(data) > MAX_FILE:
        raise TrustError(f"{path}: is larger than {MAX_FILE} octets, so it is no list of CA certificates")
    return data
