# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the module on the host, and keep what it told, or that it could not be asked, in the run on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.host_files import (
        write_failure,
        write_seen,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import RunError
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.host.model import (
        FAILED,
        SEEN,
        UNREACHABLE,
    )
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

MODULE = "port995.pop3s.pop3s_host_info"


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at the host."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        given = arguments.pop("out", None)
        if not given:
            unsafe: dict[str, Any] = wrap_var(self._asked(arguments, task_vars))
            return unsafe
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        unsafe = wrap_var(self._recorded(Path(str(plain(given))).absolute(), arguments, task_vars or {}))
        return unsafe

    def _asked(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=arguments, task_vars=task_vars
        )
        return answer

    def _recorded(self, out: Path, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Look, and write down what came of it, whatever that is."""
        host, run_id = str(plain(task_vars["inventory_hostname"])), str(plain(arguments.get("run_id") or ""))
        if not run_id:
            raise AnsibleActionFail("out: give run_id too, both as port995.pop3s.pop3s_plan returned them.")
        try:
            try:
                answer = self._asked(arguments, task_vars)
            except AnsibleConnectionFailure as problem:
                write_failure(out, run_id, host, UNREACHABLE, str(problem))
                raise
            except AnsibleError as problem:
                write_failure(out, run_id, host, FAILED, str(problem))
                raise
            if answer.get("unreachable"):
                write_failure(out, run_id, host, UNREACHABLE, str(answer.get("msg", "")))
            elif answer.get("failed") or "seen" not in answer:
                write_failure(out, run_id, host, FAILED, str(answer.get("msg") or answer.get("module_stderr", "")))
            else:
                # Texts of the host may look like templates: as JSON they are data and nothing else.
                seen = write_seen(out, run_id, host, json.loads(json.dumps(answer["seen"])))
                if seen.outcome != SEEN:
                    answer.update(failed=True, msg=seen.detail)
        except RunError as problem:
            raise AnsibleActionFail(f"What was seen of {host} was not kept: {problem}") from problem
        return answer
