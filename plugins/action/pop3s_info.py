# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the module where the task runs, and bring its journal to the controller."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.journal import sha256_of

MODULE = "port995.pop3s.pop3s_info"


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; fetch its journal when it is asked for."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        given = arguments.pop("journal_dest", None)
        destination = Path(given).expanduser().absolute() if given else None
        # Where the machine that looks is the controller, the journal is written where it belongs.
        direct = bool(destination) and self._connection.transport == "local" and not arguments.get("journal")
        if direct:
            arguments["journal"] = str(destination)
        result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        if destination and not direct and not result.get("failed"):
            self._fetch(result, destination, keep=bool(arguments.get("journal")), task_vars=task_vars)
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe

    def _fetch(
        self, result: dict[str, Any], destination: Path, keep: bool, task_vars: dict[str, Any] | None
    ) -> None:
        """Bring the journal home; it takes its name only when it is whole."""
        remote = result["journal"]
        arriving = destination.with_name(f"{destination.name}.part")
        try:
            if self._play_context.become:
                # The file belongs to another user than the one that is logged in.
                self._slurp(remote, arriving, task_vars)
            else:
                self._connection.fetch_file(remote, str(arriving))
            fetched = sha256_of(str(arriving))
            whole = fetched == result["journal_sha256"]
            os.replace(arriving, destination if whole else f"{destination}.rejected")
        except (AnsibleError, OSError) as error:
            result.update(
                failed=True,
                msg=f"The journal {remote} was not fetched to {destination} ({error}). It is still there: fetch it by"
                " hand and conclude the run with port995.pop3s.pop3s_report.",
            )
            return
        if not whole:
            result.update(
                failed=True,
                msg=f"The journal {remote} arrived as another file (SHA-256 {fetched}, written"
                f" {result['journal_sha256']}). It is kept as {destination}.rejected and not used.",
            )
            return
        if not keep:
            self._remove(remote, task_vars)
        result["journal"] = str(destination)

    def _slurp(self, remote: str, destination: Path, task_vars: dict[str, Any] | None) -> None:
        answer = self._execute_module(
            module_name="ansible.builtin.slurp", module_args={"src": remote}, task_vars=task_vars
        )
        if answer.get("failed"):
            raise AnsibleError(str(answer.get("msg")))
        destination.write_bytes(base64.b64decode(answer["content"]))

    def _remove(self, remote: str, task_vars: dict[str, Any] | None) -> None:
        before = self._task.check_mode
        # Our own temporary file, so it goes in check mode too.
        self._task.check_mode = False
        try:
            self._execute_module(
                module_name="ansible.builtin.file", module_args={"path": remote, "state": "absent"}, task_vars=task_vars
            )
        finally:
            self._task.check_mode = before
