# SPDX-License-Identifier: GPL-3.0-or-later
"""``gate.json``: the exit code of a finished run, and the hash of every file it rests on. Schema: ``gate-1.json``."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from ..policy.gate import DEFAULT_RULES, GateRules
from ..policy.model import Exit, GateVerdict, Judgement
from .escape import without_surrogates
from .json_report import coverage_json, gate_json
from .tally import VERDICTS, tally

GATE_SCHEMA = "port995/gate/1"

_FIELDS = {
    "schema", "run_id", "judged_at", "profile", "exit", "verdict", "incomplete", "fail_on", "reasons", "coverage",
    "counts", "files",
}  # fmt: skip
_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")


class GateFileError(ValueError):
    """The bytes are no gate file that this version can trust; says why."""


@dataclasses.dataclass(frozen=True)
class GateFile:
    """What a gate file says."""

    run_id: str
    verdict: GateVerdict
    files: Mapping[str, str]
    """SHA-256 (hex) by file name, of every other file of the run."""


def to_gate_json(
    judgement: Judgement, gate: GateVerdict, files: Mapping[str, str], rules: GateRules = DEFAULT_RULES
) -> dict[str, Any]:
    """The gate file as JSON data.

    :param files: SHA-256 (hex) by name of every other file in the run folder
    """
    says = gate_json(gate, rules)
    return {
        "schema": GATE_SCHEMA,
        "run_id": judgement.run_id,
        "judged_at": judgement.at,
        "profile": {"id": judgement.profile_id, "sha256": judgement.profile_sha256},
        **says,
        "reasons": [without_surrogates(reason) for reason in gate.reasons],
        "coverage": coverage_json(judgement),
        "counts": tally(judgement.results),
        "files": dict(sorted(files.items())),
    }


def read_gate_json(data: bytes) -> GateFile:
    """Read a gate file; strictly, since a pipeline acts on it.

    :raises GateFileError: no JSON, another schema, a missing or unknown field, a wrong type, or it contradicts itself
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GateFileError(f"it is no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("schema") != GATE_SCHEMA:
        raise GateFileError(f"it is not of schema {GATE_SCHEMA}")
    if set(document) - {"rules"} != _FIELDS:
        odd = ", ".join(sorted(set(document) ^ _FIELDS))
        raise GateFileError(f"fields are missing or unknown: {odd!a:.200}")
    code, reasons, files = document["exit"], document["reasons"], document["files"]
    known = {exit_.value: exit_ for exit_ in (Exit.PASSED, Exit.FAILED, Exit.INCOMPLETE, Exit.CANNOT_VOUCH)}
    if not _whole(code) or code not in known:
        raise GateFileError(f"exit is {code!a:.60}, none of {', '.join(map(str, known))}")
    if not isinstance(document["run_id"], str) or not isinstance(document["incomplete"], bool):
        raise GateFileError("run_id or incomplete is of a wrong type")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise GateFileError("reasons is no list of texts")
    if not isinstance(files, dict) or not all(
        _NAME.fullmatch(name) and isinstance(digest, str) and _HASH.fullmatch(digest) for name, digest in files.items()
    ):
        raise GateFileError("files does not give a SHA-256 for each of plain file names")
    verdict = GateVerdict(known[code], document["incomplete"], tuple(reasons))
    _consistent(verdict, document)
    return GateFile(document["run_id"], verdict, files)


def _whole(value: object) -> bool:
    """A whole number; true and false, which Python counts among them, are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _least_coverage(document: dict[str, Any]) -> float:
    """Per cent of the hosts that had to be assessed."""
    rules = document.get("rules", {})
    least = rules.get("min_coverage", 100) if isinstance(rules, dict) else None
    if isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 < least <= 100:
        raise GateFileError("rules.min_coverage is no share in per cent")
    return float(least)


def _consistent(verdict: GateVerdict, document: dict[str, Any]) -> None:
    """Refuse what no gate would say: above all a pass beside something that forbids one."""
    if document["verdict"] != VERDICTS[verdict.exit]:
        raise GateFileError(f"exit {verdict.exit.value} is not called {document['verdict']!a:.60}")
    passed = verdict.exit is Exit.PASSED
    if passed == bool(verdict.reasons) or (verdict.exit not in (Exit.PASSED, Exit.FAILED) and not verdict.incomplete):
        raise GateFileError(f"exit {verdict.exit.value} does not go with its reasons")
    coverage = document["coverage"]
    keys = ("inventory", "assessed", "unreachable", "excluded")
    if not isinstance(coverage, dict) or not all(_whole(coverage.get(key)) for key in keys):
        raise GateFileError("coverage is no equation")
    holds = coverage["inventory"] == sum(coverage[key] for key in keys[1:])
    least = _least_coverage(document)
    planned = coverage["inventory"] - coverage["excluded"]
    sound = holds and coverage["assessed"] > 0 and coverage["assessed"] * 100 >= least * planned
    if passed and (verdict.incomplete or not sound):
        raise GateFileError("it says passed of a run that is incomplete")
