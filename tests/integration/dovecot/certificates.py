# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates made by the openssl command, as an administrator makes them: nothing of ours takes part."""

from __future__ import annotations

import subprocess
from pathlib import Path


def _openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True, timeout=60)


def make_chain(folder: Path, name: str, *, days: int = 90, address: str | None = None) -> tuple[Path, Path, Path]:
    """A private CA without keyUsage (as a plain ``openssl req -x509`` makes it) and a leaf it signed.

    :returns: chain file (leaf, then CA), key file, CA file
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = f"DNS:{name}" + (f",IP:{address}" if address else "")
    (folder / "leaf.cnf").write_text(
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
    )
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
             "-days", "3650", "-subj", "/CN=Test CA of an administrator", cwd=folder)
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr",
             "-subj", f"/CN={name}", cwd=folder)
    _openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
             "-days", str(days), "-extfile", "leaf.cnf", "-out", "leaf.pem", cwd=folder)
    chain = folder / "chain.pem"
    chain.write_text((folder / "leaf.pem").read_text() + (folder / "ca.pem").read_text())
    return chain, folder / "leaf.key", folder / "ca.pem"
