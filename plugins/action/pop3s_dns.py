# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the DNS what a run owes, on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.ask_dns import ask_dns
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import (
        RunError,
        open_run,
    )
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the lookups."""
        result = super().run(tmp, task_vars)
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        validation, given = self.validate_argument_spec({"out": {"type": "path", "required": True}})
        out = Path(given["out"]).absolute()
        try:
            run = open_run(out)
            lookups = ask_dns(run, seconds=run.header.deadline)
        except RunError as problem:
            raise AnsibleActionFail(f"The DNS was not asked: {problem}") from problem
        outcomes: dict[str, int] = {}
        for lookup in lookups:
            outcomes[lookup.outcome] = outcomes.get(lookup.outcome, 0) + 1
        result.update(changed=False, out=str(out), outcomes=dict(sorted(outcomes.items())))
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe
