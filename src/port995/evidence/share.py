# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of a bundle for others: the verdicts without names, addresses, words from hosts, or who ran it; signed anew.

It can't be judged again, and says so: what the verdicts rest on was taken out. The hash of the original's sums ties it
to the original, which stays where it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..policy.libraries import ed25519
from .atomic_write import sync_folder, write_atomically
from .bundle import BUNDLE, SIGNATURE, SUMS, BundleError, paths_in, record_custody, refuse_taken, sums_of
from .run_folder import PROFILE, REPORT, run_error
from .sshsig import sign

NAMES, TEXTS, ORIGIN = "names", "texts", "origin"
POLICIES = (NAMES, TEXTS, ORIGIN)
"""What can be taken out. Without names there are no texts either: hosts name themselves in theirs."""

KEPT = (PROFILE,)
"""Files that hold nothing of hosts."""

TEXT_FIELDS = ("message", "expected", "observed", "evidence", "facts", "waiver", "attested")


def share(bundle: Path, out: Path, key: ed25519.Ed25519PrivateKey | None, policies: Iterable[str]) -> int:
    """Make a copy of a bundle from which things are taken out.

    :param bundle: one that was verified
    :param policies: words of `POLICIES`
    :returns: files under the hashes
    :raises RunError: a word that is none, no bundle, or a copy that can't be written
    """
    wanted = set(policies)
    unknown = sorted(wanted - set(POLICIES))
    if unknown or not wanted:
        raise BundleError(f"what to take out is {', '.join(unknown) or 'nothing'}: choose of {', '.join(POLICIES)}")
    if NAMES in wanted:
        wanted.add(TEXTS)
    refuse_taken(out)
    try:
        report = json.loads((bundle / REPORT).read_bytes())
        index = json.loads((bundle / BUNDLE).read_bytes())
        original = (bundle / SUMS).read_bytes()
        removed = [path for path in paths_in(bundle) if path not in (REPORT, BUNDLE, SUMS, SIGNATURE, *KEPT)]
    except (OSError, ValueError) as error:
        raise BundleError(f"{bundle}: is no bundle ({error})") from error
    rename = _renamer(report) if NAMES in wanted else _same
    shared = _report(report, wanted, rename)
    document = _index(index, wanted, rename)
    document["redaction"] = {
        **index["redaction"],
        "shared": True,
        "policy": sorted(wanted),
        "removed": removed,
        "original_sums_sha256": hashlib.sha256(original).hexdigest(),
    }
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        beside.mkdir(parents=True)
        for name, data in ((REPORT, shared), (BUNDLE, document)):
            write_atomically(beside / name, (json.dumps(data, indent=1) + "\n").encode("ascii"))
        for name in KEPT:
            shutil.copyfile(bundle / name, beside / name, follow_symlinks=False)
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
    record_custody(out, "made as a redacted copy", sums)
    return sums.count(b"\n")


def _same(kind: str, text: Any) -> Any:
    return text


def _renamer(report: dict[str, Any]) -> Callable[[str, Any], Any]:
    """Hosts and endpoints get numbers in the order of their names; the same in every file of the copy."""
    names = sorted(host["name"] for host in report["hosts"])
    hosts = {name: f"host-{n:05d}" for n, name in enumerate(names, 1)}
    labels = sorted({one["endpoint"] for one in report["results"] if one["endpoint"]})
    endpoints = {label: f"endpoint-{n:05d}" for n, label in enumerate(labels, 1)}

    def rename(kind: str, text: Any) -> Any:
        if text is None:
            return None
        table = hosts if kind == "host" else endpoints
        return table.get(text, f"{kind}-unknown")

    return rename


def _report(report: dict[str, Any], wanted: set[str], rename: Callable[[str, Any], Any]) -> dict[str, Any]:
    shared = dict(report)
    if ORIGIN in wanted or NAMES in wanted:
        shared["command"] = []
    if TEXTS in wanted:
        shared["notes"] = []
        shared["expiring"] = []
        shared["gate"] = {**report["gate"], "reasons": [f"{len(report['gate']['reasons'])} reasons (taken out)"]}
        shared["anchors"] = {**report["anchors"], "source": ""}
        shared["crls"] = {**report["crls"], "sources": []}
        shared["activity"] = {**report["activity"], "vantages": []}
    shared["hosts"] = [
        {
            **host,
            "name": rename("host", host["name"]),
            "endpoints": [rename("endpoint", label) for label in host["endpoints"]],
            **({"variables": {}, "problems": [], "excluded": None if host["excluded"] is None else "excluded"}
               if TEXTS in wanted else {}),
        }
        for host in report["hosts"]
    ]  # fmt: skip
    shared["results"] = [
        {
            key: ([] if isinstance(value, list) else "") if key in TEXT_FIELDS and TEXTS in wanted else value
            for key, value in {
                **one, "host": rename("host", one["host"]), "endpoint": rename("endpoint", one["endpoint"]),
            }.items()
        }
        for one in report["results"]
    ]  # fmt: skip
    # What is not known here may hold names: a later version's sections are left out rather than let through.
    known = {
        "schema", "run_id", "tool", "started", "judged_at", "profile", "checks", "anchors", "crls", "partial",
        "deadline", "command", "notes", "coverage", "counts", "gate", "activity", "hosts", "expiring", "results",
    }  # fmt: skip
    return {key: value for key, value in shared.items() if key in known or TEXTS not in wanted}


def _index(index: dict[str, Any], wanted: set[str], rename: Callable[[str, Any], Any]) -> dict[str, Any]:
    shared = dict(index)
    if ORIGIN in wanted or NAMES in wanted:
        shared["origin"], shared["command"] = {}, []
    if TEXTS in wanted:
        shared["gate"] = {**index["gate"], "reasons": []}
    shared["population"] = [
        {**host, "name": rename("host", host["name"]), **({"excluded": None} if TEXTS in wanted else {})}
        for host in index["population"]
    ]
    # Ids stay: they are hashes, and who has the original finds what they stand for.
    shared["evidence"] = [{"id": one["id"], "sha256": one["sha256"]} for one in index["evidence"]]
    return shared
