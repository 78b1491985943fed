# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a phase of closing: say who asks, confirm over a new connection only, and wait where the host must take back."""

from __future__ import annotations

import getpass
import socket
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python

GRACE = 5.0
"""Seconds beyond the time limit after which the host must have taken the change back."""


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    MODULE = "port995.pop3s.pop3s_close"

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the phase."""
        super().run(tmp, task_vars)
        require_python()
        self._task_vars = task_vars or {}
        if "who" in self._task.args:
            return {"failed": True, "msg": "who: the action sets this itself; leave it out"}
        phase = str(plain(self._task.args.get("phase") or "begin"))
        if phase == "finish":
            result = self._finish()
        elif phase == "revert":
            result = self._revert()
        else:
            result = self._call()
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe

    def _arguments(self) -> dict[str, Any]:
        """What the module is given, beside who asks."""
        return dict(self._task.args)

    def _call(self, **more: Any) -> dict[str, Any]:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = "unknown user"
        arguments = {**self._arguments(), "who": f"{user}@{socket.gethostname()}", **more}
        result: dict[str, Any] = self._execute_module(
            module_name=self.MODULE, module_args=arguments, task_vars=self._task_vars
        )
        return result

    def _finish(self) -> dict[str, Any]:
        """Come in over a new connection. That it fails is no loss of the host: it takes the change back."""
        try:
            reset = getattr(self._connection, "reset", None)
            if reset is not None:
                reset()
            return self._call()
        except AnsibleConnectionFailure as error:
            return {
                "failed": True,
                "msg": f"The host can't be reached over a new connection ({error}), so the change was not confirmed.",
            }

    def _revert(self) -> dict[str, Any]:
        """Take the change back at once, or wait until the host has done it, and see whether it did."""
        problem = ""
        try:
            result = self._call()
            if not result.get("failed"):
                return result
            problem = str(result.get("msg"))
            if not self._call(phase="status").get("waits", True):
                return {"changed": False, "msg": "The host has taken the change back by itself."}
        except AnsibleConnectionFailure as error:
            problem = str(error)
        time.sleep(float(plain(self._task.args.get("time_limit") or 120.0)) + GRACE)
        try:
            answer = self._call(phase="status")
        except AnsibleConnectionFailure as error:
            return {
                "failed": True,
                "unreachable": True,
                "msg": f"{problem} The host should have taken the change back by now and can't be reached: {error} On"
                " its console, /var/lib/port995/revert takes it back.",
            }
        if answer.get("failed") or answer.get("waits", True):
            return {
                "failed": True,
                "msg": f"{problem} The host has NOT taken the change back ({answer.get('msg', 'it still waits')}). Run"
                " /var/lib/port995/revert there.",
            }
        return {"changed": False, "msg": "The host has taken the change back by itself."}
