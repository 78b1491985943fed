# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change a host's firewall, look at it from here, come in anew, and only then let the change be kept."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.port995.pop3s.plugins.plugin_utils._changing import ChangeAction
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain
from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.firewall import outside_view


class ActionModule(ChangeAction):
    """See the documentation of the module."""

    MODULE = "port995.pop3s.pop3s_firewall"
    LIMIT = 60.0
    OF_THE_ACTION = ("phase", "change", "who")

    def _begin(self) -> dict[str, Any]:
        """The whole change: look, change, look again, come in anew."""
        planned = self._task.check_mode
        try:
            look = boolean(plain(self._task.args.get("outside_view", True)))
        except (TypeError, ValueError) as error:
            return {"failed": True, "msg": f"outside_view is true or false: {error}"}
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
        if look:
            looks, problem = self._look(address)
            result["looks"] = outside_view.rows(looks)
            problem = problem or outside_view.problem(
                looks, before, str(plain(self._task.args["state"])), self._allowed()
            )
            if problem:
                return self._take_back(result, problem)
        return self._confirm(result, "persisted")

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
