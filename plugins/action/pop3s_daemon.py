# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make settings of a profile, change a mail daemon, come in anew, and only then let the change be kept."""

from __future__ import annotations

import getpass
import socket
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python
from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.daemon_settings import settings_for, today
from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.profile import ProfileError, load_profile

MODULE = "port995.pop3s.pop3s_daemon"
GRACE = 5.0
"""Seconds beyond the time limit after which the host must have taken the change back."""


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the change through its steps."""
        super().run(tmp, task_vars)
        require_python()
        self._task_vars = task_vars or {}
        if "who" in self._task.args:
            return {"failed": True, "msg": "who: the action sets this itself; leave it out"}
        phase = str(plain(self._task.args.get("phase", "begin")))
        if phase in ("finish", "revert") and not self._task.args.get("change"):
            return {"failed": True, "msg": f"phase {phase} needs change, as the task that began it returned it"}
        try:
            self._limit = float(plain(self._task.args.get("time_limit", 120.0)))
            self._arguments = self._with_settings()
        except (TypeError, ValueError) as error:
            return {"failed": True, "msg": f"{error}"}
        unsafe: dict[str, Any] = wrap_var(self._change() if phase == "begin" else self._only(phase))
        return unsafe

    def _with_settings(self) -> dict[str, Any]:
        """The module's arguments, with a profile's settings.

        :raises ValueError: the profile can't be read, or stands beside the settings
        """
        arguments = dict(self._task.args)
        profile = arguments.pop("profile", None)
        if profile is None:
            return arguments
        if arguments.get("tls"):
            raise ValueError("profile and tls: one of them says what may be negotiated, leave the other out")
        try:
            arguments["tls"] = settings_for(load_profile(str(plain(profile))), today())
        except ProfileError as error:
            raise ValueError(str(error)) from error
        return arguments

    def _call(self, **more: Any) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**self._arguments, "who": self._who(), **more}, task_vars=self._task_vars
        )
        return result

    def _who(self) -> str:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = "unknown user"
        return f"{user}@{socket.gethostname()}"

    def _change(self) -> dict[str, Any]:
        result = self._call()
        if result.get("failed") or self._task.check_mode or "change" not in result:
            return result
        if str(plain(self._task.args.get("confirm", "now"))) == "later":
            return result
        return self._confirm(result, result["change"])

    def _only(self, phase: str) -> dict[str, Any]:
        """One step of a change that another task began."""
        if phase == "finish" and not self._task.check_mode:
            self._come_in_anew()
        return self._call()

    def _come_in_anew(self) -> None:
        reset = getattr(self._connection, "reset", None)
        if reset is not None:
            reset()

    def _confirm(self, result: dict[str, Any], change: str) -> dict[str, Any]:
        """Come in over a new connection, and let the change be kept."""
        try:
            self._come_in_anew()
            answer = self._call(phase="finish", change=change)
        except AnsibleConnectionFailure as error:
            return self._lost(result, change, str(error))
        if answer.get("failed"):
            result.update(failed=True, changed=False, msg=answer.get("msg", "the change was not confirmed"))
            return result
        result["confirmed"] = True
        return result

    def _lost(self, result: dict[str, Any], change: str, problem: str) -> dict[str, Any]:
        """Wait for the host to take the change back, and see whether it did."""
        time.sleep(self._limit + GRACE)
        result.update(failed=True)
        try:
            answer = self._call(phase="status", change=change)
        except AnsibleConnectionFailure as error:
            result.update(
                unreachable=True,
                msg=f"{problem} The host should have taken the change back by now and can't be reached: {error} On its"
                " console, /var/lib/port995/revert takes it back.",
            )
            return result
        if answer.get("failed") or answer.get("waits", True):
            result["msg"] = (
                f"{problem} The host has NOT taken the change back ({answer.get('msg', 'it still waits')})."
                " Run /var/lib/port995/revert there."
            )
        else:
            result.update(changed=False, msg=f"{problem} The host has taken the change back by itself.")
        return result
