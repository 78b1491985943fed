# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a bundle, offline: every file is there and as it was, none was added, the signature is of a key that may sign,
and the judgement made again from the evidence is the one that stands in it.

Everything in a bundle is foreign: sizes are bounded, names are plain, and nothing of it is run.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ..policy.gate import GateRules
from ..policy.libraries import LibraryMissing
from ..policy.model import Severity
from ..probe.version import __version__
from .bundle import BUNDLE, PATH, SCHEMA, SIGNATURE, SUMS, BundleError, custody_log, paths_in
from .conclude import conclude, read_gate
from .run_folder import GATE, REPORT, RunError, open_run, read_bytes
from .sshsig import SignatureError, Signer, find_signer
from .sshsig import verify as verify_signature

MAX_SUMS = 64 * 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
NO_TIME = "the date is asserted by the signer only: no time stamp of another one says when it was signed"


@dataclasses.dataclass(frozen=True)
class Verified:
    """What a check of a bundle came to."""

    problems: tuple[str, ...]
    """What is wrong with it; none: it is whole, and signed by who may where that was asked for."""

    differences: tuple[str, ...] = ()
    """What this version judges otherwise; none: the same."""

    notes: tuple[str, ...] = ()
    signer: str = ""
    files: int = 0
    judged_again: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_bundle(bundle: Path, signers: tuple[Signer, ...] | None) -> Verified:
    """Check a bundle.

    :param signers: whose signature is taken; ``None``: the signature is not asked for, and that is noted
    :raises BundleError: there is no bundle, or it can't be read
    """
    if not bundle.is_dir():
        raise BundleError(f"{bundle}: there is no such folder: give the folder of a bundle")
    problems: list[str] = []
    notes: list[str] = []
    sums = _read(bundle / SUMS, MAX_SUMS)
    hashes, faults = read_sums(sums)
    problems += faults
    try:
        present = paths_in(bundle)
    except BundleError as error:
        return Verified((str(error),))
    for path in present:
        if path not in hashes and path not in (SUMS, SIGNATURE):
            problems.append(f"{path} is no file of this bundle: it was added")
    for path, digest in hashes.items():
        if path not in present:
            problems.append(f"{path} is missing")
        elif _sha256(bundle / path) != digest:
            problems.append(f"{path} was changed")
    signer, more = _signature(bundle, sums, signers, notes)
    problems += more
    problems += _custody(bundle, sums, notes)
    if problems:
        return Verified(tuple(problems), (), tuple(notes), signer, len(hashes))
    document, faults = _index(bundle)
    if faults:
        return Verified(tuple(faults), (), tuple(notes), signer, len(hashes))
    if document["redaction"].get("shared"):
        notes.append("it is a redacted copy: the evidence was taken out, so it can't be judged again")
        return Verified((), (), tuple(notes), signer, len(hashes))
    try:
        read_gate(bundle)
        differences = _judged_again(bundle)
    except (RunError, LibraryMissing) as error:
        return Verified((f"the judgement can't be made again: {error}",), (), tuple(notes), signer, len(hashes))
    made_by = document["tool"].get("version")
    if differences and made_by == __version__:
        return Verified(
            tuple(f"judged again, {one}" for one in differences), (), tuple(notes), signer, len(hashes), True
        )
    if differences:
        notes.append(f"it was judged by version {made_by}, this is {__version__}")
    return Verified((), tuple(differences), tuple(notes), signer, len(hashes), True)


def read_sums(data: bytes) -> tuple[dict[str, str], list[str]]:
    """The hashes by path, read strictly: in the one way that they are written.

    :returns: and what is wrong with them
    """
    found: dict[str, str] = {}
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return {}, [f"{SUMS} is no text"]
    if not text.endswith("\n"):
        return {}, [f"{SUMS} is cut off, or empty"]
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            return {}, [f"{SUMS}:{number}: is no line of hashes"]
        path = match.group(2)
        if not PATH.fullmatch(path) or path in (SUMS, SIGNATURE):
            return {}, [f"{SUMS}:{number}: {path[:80]!a} is a path that no bundle holds"]
        if path in found:
            return {}, [f"{SUMS}:{number}: {path} stands twice"]
        found[path] = match.group(1)
    if list(found) != sorted(found):
        return {}, [f"{SUMS}: its lines are not in order"]
    return found, []


def _signature(
    bundle: Path, sums: bytes, signers: tuple[Signer, ...] | None, notes: list[str]
) -> tuple[str, list[str]]:
    path = bundle / SIGNATURE
    if not path.exists():
        if signers is None:
            notes.append("it is not signed: who made it is not known")
            return "", []
        return "", [f"{SIGNATURE} is missing: it is not signed"]
    try:
        key = verify_signature(sums, _read(path, 64 * 1024))
    except SignatureError as error:
        return "", [f"{SIGNATURE}: {error}"]
    notes.append(NO_TIME)
    if signers is None:
        fingerprint = Signer("", key).fingerprint
        notes.append(f"it is signed by the key {fingerprint}; whose that is was not asked (--signers)")
        return fingerprint, []
    signer = find_signer(key, signers)
    if signer is None:
        return "", [f"{SIGNATURE}: it was made by the key {Signer('', key).fingerprint}, which is none that may sign"]
    return f"{signer.name} ({signer.fingerprint})", []


def _custody(bundle: Path, sums: bytes, notes: list[str]) -> list[str]:
    """The chain of the log that lies beside the bundle, where there is one."""
    log = custody_log(bundle)
    if not log.is_file():
        notes.append("there is no log of who had it beside it")
        return []
    previous = ""
    lines = _read(log, MAX_SUMS).splitlines(keepends=True)
    mine = hashlib.sha256(sums).hexdigest()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            same = entry["previous"] == previous and entry["sums_sha256"] == mine
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            return [f"{log.name}:{number}: does not follow from the line before it, or is of another bundle"]
        previous = hashlib.sha256(line).hexdigest()
    notes.append(f"its log has {len(lines)} entries, each bound to the one before")
    return []


def _index(bundle: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        document = json.loads(_read(bundle / BUNDLE, MAX_SUMS))
        if document["schema"] != SCHEMA:
            return {}, [f"{BUNDLE}: its schema {document['schema']!a:.60} is none that this version reads"]
        if not isinstance(document["redaction"], dict) or not isinstance(document["tool"], dict):
            return {}, [f"{BUNDLE}: can't be read"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, [f"{BUNDLE}: can't be read"]
    return document, []


def _judged_again(bundle: Path) -> list[str]:
    """Judge the evidence of a bundle at its own time by its own rules, and compare."""
    old = json.loads(read_bytes(bundle / REPORT))
    with tempfile.TemporaryDirectory(prefix="port995-verify-") as name:
        folder = Path(name) / "run"
        folder.mkdir()
        for path in paths_in(bundle):
            if "/" not in path and path not in (SUMS, SIGNATURE, BUNDLE, GATE):
                shutil.copyfile(bundle / path, folder / path, follow_symlinks=False)
        told = old["gate"]
        rules = GateRules(Severity(told["fail_on"]), **told.get("rules", {}))
        conclude(open_run(folder), at=datetime.datetime.fromisoformat(old["judged_at"]), rules=rules)
        if (folder / REPORT).read_bytes() == (bundle / REPORT).read_bytes():
            return []
        new = json.loads((folder / REPORT).read_bytes())
    return _differences(old, new)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    if old["gate"] != new["gate"]:
        found.append(f"the gate says exit {new['gate']['exit']}, it says {old['gate']['exit']}")
    keys = ("host", "endpoint", "check_id")
    before = {tuple(one[key] for key in keys): one["status"] for one in old["results"]}
    after = {tuple(one[key] for key in keys): one["status"] for one in new["results"]}
    for place in sorted(set(before) | set(after), key=lambda one: tuple(word or "" for word in one)):
        if before.get(place) != after.get(place):
            where = " ".join(word or "" for word in place).strip()
            found.append(f"{where} is {after.get(place, 'not judged')}, it says {before.get(place, 'nothing')}")
    return found or ["the reports differ in their words"]


def _read(path: Path, limit: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path}: is not there, or no plain file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BundleError(f"{path}: is larger than {limit} octets")
    return data


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
