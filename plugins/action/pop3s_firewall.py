# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change a host's firewall, look at it from here, come in anew, and only then let the change be kept."""

from __future__ import annotations

import getpass
import socket
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python
from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.firewall import outside_view

MODULE = "port995.pop3s.pop3s_firewall"
GRACE = 3.0
"""Seconds beyond the time limit after which the host must have taken the change back."""
INTERNAL = ("phase", "change", "who")


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the change through its steps."""
        super().run(tmp, task_vars)
        require_python()
        task_vars = task_vars or {}
        given = [name for name in INTERNAL if name in self._task.args]
        if given:
            return {"failed": True, "msg": f"{', '.join(given)}: the action sets this itself; leave it out"}
        self._task_vars = task_vars
        try:
            self._limit = float(plain(self._task.args.get("time_limit", 60.0)))
            look = boolean(plain(self._task.args.get("outside_view", True)))
        except (TypeError, ValueError) as error:
            return {"failed": True, "msg": f"time_limit is a number of seconds, outside_view true or false: {error}"}
        unsafe: dict[str, Any] = wrap_var(self._change(look))
        return unsafe

    def _call(self, **more: Any) -> dict[str, Any]:
        arguments = {**self._task.args, "who": self._who(), **more}
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=arguments, task_vars=self._task_vars
        )
        return result

    def _who(self) -> str:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = "unknown user"
        return f"{user}@{socket.gethostname()}"

    def _change(self, look: bool) -> dict[str, Any]:
        planned = self._task.check_mode
        before: list[outside_view.Look] = []
        if look and not planned:
            address = self._address()
            if address is None:
                return {
                    "failed": True,
                    "msg": "outside_view: the controller is the host itself and can't see its ports from outside. Set"
                    " outside_view: false and audit from elsewhere.",
                }
            before, problem = self._look(address)
            if problem:
                return {"failed": True, "msg": f"{problem} Nothing was changed."}
        result = self._call()
        if result.get("failed") or planned or "change" not in result:
            return result
        change = result["change"]
        if look:
            looks, problem = self._look(address)
            result["looks"] = outside_view.rows(looks)
            problem = problem or outside_view.problem(
                looks, before, str(plain(self._task.args["state"])), self._allowed()
            )
            if problem:
                return self._take_back(result, change, problem)
        return self._confirm(result, change)

    def _allowed(self) -> list[str]:
        allow = plain(self._task.args.get("allow", []))
        # As the module reads a list of strings.
        return [word.strip() for word in allow.split(",")] if isinstance(allow, str) else [str(word) for word in allow]

    def _address(self) -> str | None:
        if self._connection.transport == "local":
            return None
        for name in ("host", "remote_addr"):
            # What the connection itself goes to, delegation and templates included; ssh calls it host.
            try:
                address = self._connection.get_option(name)
            except (KeyError, AnsibleError):
                continue
            if address:
                return str(plain(address))
        return str(plain(self._task_vars["inventory_hostname"]))

    def _look(self, address: str) -> tuple[list[outside_view.Look], str]:
        ports = plain(self._task.args.get("ports", [995]))
        ports = ports if isinstance(ports, list) else str(ports).split(",")
        try:
            return outside_view.look(address, [int(port) for port in ports])
        except ValueError:
            return [], "ports: it lists TCP ports."

    def _confirm(self, result: dict[str, Any], change: str) -> dict[str, Any]:
        """Come in over a new connection, and let the change be kept."""
        try:
            reset = getattr(self._connection, "reset", None)
            if reset is not None:
                reset()
            answer = self._call(phase="finish", change=change)
        except AnsibleConnectionFailure as error:
            return self._lost(result, change, str(error))
        if answer.get("failed"):
            result.update(failed=True, changed=False, msg=answer.get("msg", "the change was not confirmed"))
            return result
        result["persisted"] = True
        return result

    def _take_back(self, result: dict[str, Any], change: str, problem: str) -> dict[str, Any]:
        try:
            answer = self._call(phase="revert", change=change)
        except AnsibleConnectionFailure as error:
            return self._lost(result, change, f"{problem} Taking it back at once failed: {error}")
        if answer.get("failed"):
            return self._lost(result, change, f"{problem} Taking it back at once failed: {answer.get('msg')}")
        result.update(failed=True, changed=False, msg=f"{problem} The change is taken back.")
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
