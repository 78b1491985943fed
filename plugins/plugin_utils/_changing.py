# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PRIVATE to this collection: what the actions have in common whose module changes a host that can take it back."""

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
TAKEN_BACK = "The host has taken the change back by itself."


class ChangeAction(ActionBase):
    """Run a phase of a change: say who asks, confirm over a new connection only, wait where the host must take back."""

    TRANSFERS_FILES = False
    MODULE = ""
    LIMIT = 120.0
    """Seconds: the module's own default for ``time_limit``."""
    OF_THE_ACTION = ("who",)
    """Options that no task may set."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        require_python()
        self._task_vars = task_vars or {}
        given = [name for name in self.OF_THE_ACTION if name in self._task.args]
        if given:
            return {"failed": True, "msg": f"{', '.join(given)}: the action sets this itself; leave it out"}
        phase = str(plain(self._task.args.get("phase") or "begin"))
        if phase in ("finish", "revert") and not self._task.args.get("change"):
            return {"failed": True, "msg": f"phase {phase} needs change, as the task that began it returned it"}
        try:
            limit = plain(self._task.args.get("time_limit"))
            self._limit = self.LIMIT if limit is None else float(limit)
        except (TypeError, ValueError) as error:
            return {"failed": True, "msg": f"time_limit is a number of seconds: {error}"}
        try:
            self._arguments = self._make_arguments()
        except (TypeError, ValueError) as error:
            return {"failed": True, "msg": f"Nothing was changed: {error}"}
        phases = {"begin": self._begin, "finish": self._finish, "revert": self._revert}
        unsafe: dict[str, Any] = wrap_var(phases.get(phase, self._call)())
        return unsafe

    def _make_arguments(self) -> dict[str, Any]:
        """What the module is given, beside who asks.

        :raises ValueError: an option can't be used
        """
        return dict(self._task.args)

    def _call(self, **more: Any) -> dict[str, Any]:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = "unknown user"
        arguments = {**self._arguments, "who": f"{user}@{socket.gethostname()}", **more}
        result: dict[str, Any] = self._execute_module(
            module_name=self.MODULE, module_args=arguments, task_vars=self._task_vars
        )
        return result

    def _begin(self) -> dict[str, Any]:
        return self._call()

    def _finish(self) -> dict[str, Any]:
        """Come in over a new connection. That it fails is no loss of the host: it takes the change back."""
        try:
            return self._call_anew()
        except AnsibleConnectionFailure as error:
            return {
                "failed": True,
                "msg": f"The host can't be reached over a new connection ({error}), so the change was not confirmed.",
            }

    def _call_anew(self, **more: Any) -> dict[str, Any]:
        """Call the module over a connection that was not there before the change."""
        if not self._task.check_mode:
            reset = getattr(self._connection, "reset", None)
            if reset is not None:
                reset()
        return self._call(**more)

    def _revert(self) -> dict[str, Any]:
        """Take the change back at once, or wait until the host has done it, and see whether it did."""
        change = self._task.args["change"]
        try:
            result = self._call(phase="revert", change=change)
            if not result.get("failed"):
                return result
            problem = str(result.get("msg"))
            if not self._call(phase="status", change=change).get("waits", True):
                return {"changed": False, "msg": TAKEN_BACK}
        except AnsibleConnectionFailure as error:
            problem = str(error)
        return self._wait_for_the_host(change, problem)

    def _wait_for_the_host(self, change: str, problem: str) -> dict[str, Any]:
        """Wait until it must have taken the change back; how that ended."""
        time.sleep(self._limit + GRACE)
        try:
            answer = self._call(phase="status", change=change)
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
        return {"changed": False, "msg": f"{problem} {TAKEN_BACK}".lstrip()}

    def _confirm(self, result: dict[str, Any], kept: str) -> dict[str, Any]:
        """Come in over a new connection, and let the change be kept.

        :param result: of the phase that began it; it is what the task returns
        :param kept: name of what is true in it then
        """
        change = result["change"]
        try:
            answer = self._call_anew(phase="finish", change=change)
        except AnsibleConnectionFailure as error:
            return self._lost(result, str(error))
        if answer.get("failed"):
            result.update(failed=True, changed=False, msg=answer.get("msg", "the change was not confirmed"))
        else:
            result[kept] = True
        return result

    def _take_back(self, result: dict[str, Any], problem: str) -> dict[str, Any]:
        """Take back what the result tells of, for what was seen of it."""
        at_once = f"{problem} Taking it back at once failed:"
        try:
            answer = self._call(phase="revert", change=result["change"])
        except AnsibleConnectionFailure as error:
            return self._lost(result, f"{at_once} {error}")
        if answer.get("failed"):
            return self._lost(result, f"{at_once} {answer.get('msg')}")
        result.update(failed=True, changed=False, msg=f"{problem} The change is taken back.")
        return result

    def _lost(self, result: dict[str, Any], problem: str) -> dict[str, Any]:
        """The task failed in any case; whether the host is as before is seen when it must be."""
        result.update(self._wait_for_the_host(result["change"], problem))
        result["failed"] = True
        return result
