# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of a run as a folder that proves itself: everything the judgement rests on, an index, hashes over all,
and a signature. `sha256sum -c` and `ssh-keygen -Y verify` check it; `evidence.verify` does that and judges again.

    run.json profile.yml anchors.pem ... gate.json    the run folder as it was
    certificates/SHA256.pem                           every certificate that was shown
    bundle.json                                       what this is: population, tool, index of the evidence, redactions
    SHA256SUMS  SHA256SUMS.sig                        over all of the above

Made of the run alone, with no clock: the same run gives the same bytes. Beside it lies the log of who had it, a chain
of hashes: BUNDLE.custody.jsonl.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..policy.libraries import ed25519
from ..probe.journal import read_cut_journal
from ..probe.model import Observation
from .atomic_write import sync_folder, write_atomically
from .conclude import read_gate
from .origin import origin
from .run_folder import GATE, JOURNALS, REPORT, RUN, RunError, RunFolder, open_run, read_bytes, run_error
from .sshsig import sign

SCHEMA = "port995/bundle/1"
BUNDLE, SUMS, SIGNATURE, CERTIFICATES = "bundle.json", "SHA256SUMS", "SHA256SUMS.sig", "certificates"
CUSTODY = ".custody.jsonl"
PATH = re.compile(r"(?:[a-z0-9-]+/)?[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
"""Paths inside of a bundle: at most one folder deep, nothing hidden, nothing that climbs."""


class BundleError(RunError):
    """A bundle that can't be made, and why."""


def make_bundle(
    run_path: Path, out: Path, key: ed25519.Ed25519PrivateKey | None, redaction: Mapping[str, Any] | None = None
) -> int:
    """Make a bundle of a finished run.

    :param out: the new folder; beside it is made first and renamed, so that there is no half bundle of this name
    :param key: to sign with; ``None``: no signature
    :param redaction: what was taken out, for the index; ``None``: nothing
    :returns: files under the hashes
    :raises RunError: the run has no verdict that can be trusted, or the bundle can't be written
    """
    read_gate(run_path)
    run = open_run(run_path)
    refuse_taken(out)
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        beside.mkdir(parents=True)
        for name in files_of(run):
            shutil.copyfile(run_path / name, beside / name, follow_symlinks=False)
        _certificates(run, beside)
        document = index_of(run, beside, redaction or {})
        write_atomically(beside / BUNDLE, (json.dumps(document, indent=1) + "\n").encode("ascii"))
        sums = sums_of(beside)
        write_atomically(beside / SUMS, sums)
        if key is not None:
            write_atomically(beside / SIGNATURE, sign(sums, key))
        os.rename(beside, out)
        sync_folder(out.parent)
    except OSError as error:
        raise run_error(out, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    record_custody(out, "made", sums)
    return sums.count(b"\n")


def refuse_taken(out: Path) -> None:
    """Refuse a place for a bundle where something is, or the log of one that was there: the new one's line would follow
    from the old one's, and `verify` would find fault with it.

    :raises BundleError: it is taken
    """
    if os.path.lexists(out):
        raise BundleError(f"{out} is there already: name another folder")
    if os.path.lexists(custody_log(out)):
        raise BundleError(f"{custody_log(out)} is the log of another bundle: keep it with that, or name another folder")


def files_of(run: RunFolder) -> list[str]:
    """The files of a run that its verdict vouches for, and the verdict."""
    gate = json.loads(read_bytes(run.path / GATE))
    return sorted({RUN, GATE, *gate["files"]})


def sums_of(folder: Path) -> bytes:
    """Hashes over every file but the sums and their signature, as ``sha256sum`` writes them, by path."""
    lines = []
    for path in paths_in(folder):
        if path not in (SUMS, SIGNATURE):
            lines.append(f"{_sha256(folder / path)}  {path}\n")
    return "".join(lines).encode("ascii")


def paths_in(folder: Path) -> list[str]:
    """Every file below a folder, by path.

    :raises BundleError: something in it is no plain file or folder, or has a name that no bundle holds
    """
    found = []
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BundleError(f"{inner!a}: is no plain file")
            if not PATH.fullmatch(inner):
                raise BundleError(f"{inner!a}: no bundle holds a file of this name")
        found += [Path(root, name).relative_to(folder).as_posix() for name in files]
    return sorted(found)


def index_of(run: RunFolder, folder: Path, redaction: Mapping[str, Any]) -> dict[str, Any]:
    """``bundle.json``: what the bundle is and where the evidence for each endpoint stands."""
    header = run.header
    report = json.loads(read_bytes(run.path / REPORT))
    facts = ("name", "intent", "disposition", "status", "excluded")
    tool = {"name": "port995", "version": header.tool_version, "sha256": tool_sha256(), "versions": header.versions}
    return {
        "schema": SCHEMA,
        "run_id": header.run_id,
        "started": header.started,
        "judged_at": report["judged_at"],
        "command": list(header.command),
        "origin": dict(header.origin),
        "tool": tool,
        "profile": report["profile"],
        "gate": report["gate"],
        "coverage": report["coverage"],
        "population": [{key: host[key] for key in facts} for host in report["hosts"]],
        "evidence": list(_evidence(folder)),
        "redaction": {
            "never_recorded": ["passwords", "what a peer says after it was given one", "private keys"],
            **redaction,
        },
    }


def _evidence(folder: Path) -> Iterator[dict[str, Any]]:
    """Each observation with an id that is made of its bytes."""
    for path in sorted(folder.glob(JOURNALS)):
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                digest = hashlib.sha256(line).hexdigest()
                entry: dict[str, Any] = {"id": f"EV-{digest[:16]}", "file": path.name, "line": number, "sha256": digest}
                try:
                    data = json.loads(line)
                    target = data["target"]
                    entry["hosts"] = [str(host) for host in target["hosts"]]
                    entry["service"] = str(data["service"])
                    entry["address"] = str(data.get("address") or target["address"])
                    entry["port"] = int(data["port"])
                    entry["vantage"] = str(data["vantage"]["name"])
                    entry["started"] = str(data["started"])
                except (ValueError, KeyError, TypeError):
                    entry["unreadable"] = True
                yield entry


def _certificates(run: RunFolder, folder: Path) -> None:
    """Every certificate that was shown, once, as PEM."""
    found: dict[str, bytes] = {}
    for path in run.journals():
        observations, _problem = read_cut_journal(str(path))
        for seen in observations:
            for text in _shown(seen):
                try:
                    der = base64.b64decode(text, validate=True)
                except ValueError:
                    continue
                found[hashlib.sha256(der).hexdigest()] = der
    (folder / CERTIFICATES).mkdir()
    for digest, der in sorted(found.items()):
        body = base64.encodebytes(der).decode().replace("\n", "")
        lines = [body[n : n + 64] for n in range(0, len(body), 64)]
        text = "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
        write_atomically(folder / CERTIFICATES / f"{digest}.pem", text.encode())
    if not found:
        (folder / CERTIFICATES).rmdir()


def _shown(seen: Observation) -> Iterator[str]:
    if seen.tls is not None:
        yield from seen.tls.certificates
    yield from seen.hello_certificates


@functools.lru_cache(maxsize=1)
def tool_sha256() -> str:
    """Over the program's own files, by path: two installations with the same judge alike."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".yml", ".json") and path.is_file():
            digest.update(f"{path.relative_to(root).as_posix()} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def record_custody(bundle: Path, what: str, sums: bytes) -> None:
    """Append to the log beside a bundle: each line holds the hash of the one before.

    :param what: what was done (``made``, ``verified``), in the user's words or ours
    :raises RunError: it can't be written
    """
    log = custody_log(bundle)
    try:
        before = log.read_bytes() if log.exists() else b""
        last = before.rstrip(b"\n").rsplit(b"\n", 1)[-1] + b"\n" if before else b""
        facts = origin()
        entry = {
            "at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "what": what[:500],
            "operator": facts.get("operator", ""), "machine": facts.get("machine", ""),
            "sums_sha256": hashlib.sha256(sums).hexdigest(),
            "previous": hashlib.sha256(last).hexdigest() if last else "",
        }  # fmt: skip
        write_atomically(log, before + (json.dumps(entry) + "\n").encode("ascii"))
    except OSError as error:
        raise run_error(log, error) from error


def custody_log(bundle: Path) -> Path:
    """Where the log of a bundle lies."""
    return bundle.with_name(bundle.name + CUSTODY)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
