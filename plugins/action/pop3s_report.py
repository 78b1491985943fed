# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a run folder, write its reports, print the table, and hold the gate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.bundle import make_bundle
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.conclude import conclude
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.own_files import (
        OwnFileError,
        read_own,
        using,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import (
        RunError,
        open_run,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.sshsig import (
        SignatureError,
        load_private_key,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.gate import GateRules
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.model import Exit, Severity
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.report.formats import FormatError, formats_of
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.report.host_summaries import host_summaries
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.report.junit_flavours import Flavour
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.report.tally import VERDICTS, tally
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.report.terminal import to_text
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

REASONS_IN_MESSAGE = 3


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Conclude the run."""
        result = super().run(tmp, task_vars)
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        validation, given = self.validate_argument_spec(
            {
                "out": {"type": "path", "required": True},
                "fail_on": {"type": "str", "choices": [one.value for one in Severity], "default": "low"},
                "gate_checks": {"type": "str", "default": ""},
                "min_coverage": {"type": "float", "default": 100.0},
                "max_waived": {"type": "int"},
                "max_age": {"type": "float"},
                "checks_path": {"type": "list", "elements": "path", "default": []},
                "formats": {"type": "list", "elements": "str", "default": []},
                "junit_flavour": {"type": "str", "choices": [one.value for one in Flavour], "default": "jenkins"},
                "bundle": {"type": "path"},
                "sign_key": {"type": "path"},
                "fail_on_gate": {"type": "bool", "default": True},
                "show": {"type": "bool", "default": True},
            }
        )
        rules = _rules(given)
        try:
            formats = formats_of(given["formats"])
        except FormatError as problem:
            raise AnsibleActionFail(f"The run was not judged: {problem}") from problem
        bundle, key = _signed_bundle(given)
        out = Path(given["out"]).absolute()
        result.update(changed=False, out=str(out))
        try:
            run = open_run(out)
            with using(read_own(map(Path, given["checks_path"]))):
                conclusion = conclude(run, rules=rules, formats=formats, flavour=Flavour(given["junit_flavour"]))
            if bundle is not None:
                make_bundle(out, bundle, key)
                result["bundle"] = str(bundle)
        except (RunError, OwnFileError, LibraryMissing) as problem:
            result.update(failed=True, msg=f"Nothing can be vouched for (exit {int(Exit.CANNOT_VOUCH)}): {problem}")
            return result
        judgement, gate = conclusion.judgement, conclusion.gate
        if given["show"]:
            self._display.display(to_text(judgement, gate, run.header, conclusion.activity))
            self._display.display(f"reports: {out} ({', '.join(conclusion.files)})")
        verdict = f"gate: {VERDICTS[gate.exit]} (exit {int(gate.exit)})"
        result.update(
            files=list(conclusion.files),
            equation=str(judgement.coverage),
            hosts={name: status.value for name, status in judgement.host_status.items()},
            results=tally(judgement.results),
            gate={
                "exit": int(gate.exit),
                "verdict": VERDICTS[gate.exit],
                "incomplete": gate.incomplete,
                "reasons": list(gate.reasons),
            },
            msg="; ".join([f"{verdict}; {judgement.coverage}; reports in {out}", *_first(gate.reasons)]),
        )
        told = {key: result[key] for key in ("out", "equation", "results", "gate")}
        summaries = host_summaries(judgement, run.header)
        result["ansible_facts"] = {"port995_audit": {**told, "hosts": summaries}}
        if given["fail_on_gate"] and gate.exit is not Exit.PASSED:
            result["failed"] = True
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe


def _signed_bundle(given: Mapping[str, Any]) -> tuple[Path | None, Any]:
    """Where the evidence goes, and the key that signs it; its passphrase comes from the environment.

    :raises AnsibleActionFail: a key without a bundle, or one that can't be used
    """
    if given["sign_key"] and not given["bundle"]:
        raise AnsibleActionFail("The run was not judged: sign_key signs the evidence: name it with bundle.")
    bundle = Path(given["bundle"]).absolute() if given["bundle"] else None
    if bundle is not None and bundle.exists():
        raise AnsibleActionFail(f"The run was not judged: {bundle} is there already: name another bundle.")
    if not given["sign_key"]:
        return bundle, None
    passphrase = os.environ.get("PORT995_SIGN_PASSPHRASE")
    try:
        return bundle, load_private_key(Path(given["sign_key"]), passphrase.encode() if passphrase else None)
    except (SignatureError, LibraryMissing) as problem:
        raise AnsibleActionFail(f"The run was not judged: {problem}") from problem


def _first(reasons: tuple[str, ...]) -> list[str]:
    """The first reasons, for one line."""
    rest = len(reasons) - REASONS_IN_MESSAGE
    return [*reasons[:REASONS_IN_MESSAGE], *([f"and {rest} more"] if rest > 0 else [])]


def _rules(given: Mapping[str, Any]) -> GateRules:
    """What the gate stops at.

    :raises AnsibleActionFail: a value makes no sense
    """
    age = given["max_age"]
    rules = GateRules(
        Severity(given["fail_on"]), given["gate_checks"], given["min_coverage"], given["max_waived"],
        None if age is None else age * 3600,
    )  # fmt: skip
    try:
        rules.check()
    except ValueError as problem:
        raise AnsibleActionFail(f"The run was not judged: {problem}") from problem
    return rules
