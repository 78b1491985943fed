# SPDX-License-Identifier: GPL-3.0-or-later
"""Make golden bundles of a fixed run, when a schema gets a new version. Those that are there stay.

    python -m tests.golden.make NAME

Makes ``tests/golden/NAME-passed``, ``-failed`` and ``-incomplete``. The key is made of a number that everybody can read:
it proves nothing but that signatures are verified in years to come as they are today.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from port995.evidence.bundle import custody_log, make_bundle
from port995.evidence.conclude import conclude
from port995.probe.model import Observation
from port995.report.formats import formats_of
from tests.unit.evidence.runs import NOW, OPEN, TARGETS, all_seen, finished_probe

FOLDER = Path(__file__).parent
SIGNERS = FOLDER / "signers"
WHO = "golden@port995.example"
VERSION = "0.0.0"
"""Of the tool, as the runs have it: every version is a later one."""

FORMATS = ("sarif", "oscal", "csv", "prometheus", "markdown")


def key() -> Ed25519PrivateKey:
    """The key of the tests."""
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def signers_line() -> str:
    """Who may sign, as ssh-keygen wants it."""
    public = key().public_key()
    text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return f"{WHO} {text}\n"


def observations_of(verdict: str) -> list[Observation]:
    """Of two hosts that are to be closed: both are; one is open; one was not looked at from everywhere."""
    everything = all_seen()
    if verdict == "failed":
        return [
            dataclasses.replace(one, tcp=OPEN) if (one.target, one.service) == (TARGETS[1], "pop3s") else one
            for one in everything
        ]
    return everything[:-1] if verdict == "incomplete" else everything


def make(name: str) -> None:
    """Make the bundles of a version."""
    for verdict in ("passed", "failed", "incomplete"):
        out = FOLDER / f"{name}-{verdict}"
        if out.exists():
            sys.exit(f"{out} is there: what is golden stays; give another name")
        with tempfile.TemporaryDirectory() as folder:
            run = finished_probe(Path(folder) / "run", observations_of(verdict), tool_version=VERSION)
            conclude(run, at=NOW, formats=formats_of(FORMATS if verdict == "failed" else ()))
            make_bundle(run.path, out, key())
        # It names the machine that this was made on.
        custody_log(out).unlink()
    SIGNERS.write_text(signers_line())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(sys.argv[1])
