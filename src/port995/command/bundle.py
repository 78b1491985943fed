# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 bundle`` and ``port995 verify``: evidence that proves itself, and the check of it, offline."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Optional

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..evidence.bundle import SUMS, BundleError, make_bundle, record_custody, refuse_taken
from ..evidence.run_folder import RunError
from ..evidence.share import POLICIES, share
from ..evidence.sshsig import SignatureError, load_private_key, read_signers
from ..evidence.verify import verify_bundle
from ..policy.model import Exit
from ..report.escape import visible
from . import options as given
from .ending import guarded, say, stop

PASSPHRASE = "PORT995_SIGN_PASSPHRASE"  # noqa: S105 - the name of a variable

SignKey = Annotated[
    Optional[Path],
    typer.Option("--sign-key", help=f"OpenSSH Ed25519 key to sign with; its passphrase in {PASSPHRASE}."),
]


@guarded
def bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run; with --share of a bundle.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    sign_key: SignKey = None,
    shared: Annotated[
        bool, typer.Option("--share", help="Make a copy of a bundle for others, without what --redact names.")
    ] = False,
    redact: Annotated[
        str, typer.Option("--redact", help=f"What the copy lacks: {', '.join(POLICIES)}.")
    ] = ",".join(POLICIES),
) -> int:
    """Make the evidence of a run: a folder with everything the judgement rests on, hashes over it, and a signature.

    It is checked by `sha256sum -c SHA256SUMS` and `ssh-keygen -Y verify -n port995`, or by `port995 verify`, which
    judges again too. The same run gives the same bytes.
    """
    key = signing_key(sign_key)
    if not shared:
        bundled(run, out, key)
        return int(Exit.PASSED)
    try:
        found = verify_bundle(run, None)
        if not found.sound:
            stop(Exit.CANNOT_VOUCH, f"{run}: {found.problems[0]}: only a whole bundle can be shared")
        count = share(run, out, key, [word.strip() for word in redact.split(",") if word.strip()])
    except RunError as error:
        stop(Exit.USAGE, str(error))
    say(f"redacted copy: {visible(str(out))} ({count} files, {'signed' if key is not None else 'not signed'})")
    return int(Exit.PASSED)


def signing_key(path: Path | None) -> Ed25519PrivateKey | None:
    """The key; ends with exit code 2 where it can't be used."""
    if path is None:
        return None
    try:
        passphrase = os.environ.get(PASSPHRASE)
        return load_private_key(path, passphrase.encode() if passphrase else None)
    except SignatureError as error:
        stop(Exit.USAGE, str(error))


def require_free(out: Path) -> None:
    """End with exit code 2 before anything is sent, where a bundle could not be put."""
    try:
        refuse_taken(out)
    except BundleError as error:
        stop(Exit.USAGE, f"--bundle: {error}")


def bundled(run: Path, out: Path, key: Ed25519PrivateKey | None, *, quiet: bool = False) -> None:
    """Make the bundle and tell; ends with exit code 4 where the run can't be vouched for, 2 where it can't be made."""
    try:
        count = make_bundle(run, out, key)
    except BundleError as error:
        stop(Exit.USAGE, str(error))
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if not quiet:
        say(f"bundle: {visible(str(out))} ({count} files, {'signed' if key is not None else 'not signed'})")


@guarded
def verify(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle.")],
    signers: Annotated[
        Optional[Path],
        typer.Option("--signers", help="Who may sign: OpenSSH's allowed signers, or a public key."),
    ] = None,
    record: Annotated[
        Optional[str], typer.Option("--record", metavar="TEXT", help="Write this into the log beside the bundle.")
    ] = None,
    checks_path: given.ChecksPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> int:
    """Check a bundle, offline: its files, its signature, and its judgement, which is made again.

    Exit code 0: it is whole and judged alike; 1: whole, and this version judges otherwise; 4: it is not whole, or not
    signed by who may.
    """
    try:
        known = read_signers(signers.read_bytes(), str(signers)) if signers is not None else None
    except OSError as error:
        stop(Exit.USAGE, f"{signers}: can't be read ({error.strerror or error})")
    except SignatureError as error:
        stop(Exit.USAGE, str(error))
    given.own_checks(context, checks_path)
    try:
        found = verify_bundle(path, known)
        if found.sound and record:
            record_custody(path, record, (path / SUMS).read_bytes())
    except RunError as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    code = Exit.CANNOT_VOUCH if found.problems else Exit.FAILED if found.differences else Exit.PASSED
    if as_json:
        say(json.dumps({
            "exit": int(code), "problems": list(found.problems), "differences": list(found.differences),
            "notes": list(found.notes), "signer": found.signer, "files": found.files,
            "judged_again": found.judged_again,
        }))  # fmt: skip
        return int(code)
    say(f"bundle: {'whole' if found.sound else 'NOT WHOLE'}, {found.files} files, signer {found.signer or 'not known'}")
    for line in (*found.problems, *found.differences):
        say(f"  - {visible(line, 500)}")
    for line in found.notes:
        say(f"  note: {visible(line, 500)}")
    if found.judged_again and not found.problems and not found.differences:
        say("judged again: the same")
    return int(code)
