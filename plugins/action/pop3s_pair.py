# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the run before a change and the run after it side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.pair import (
        pair,
        to_json,
        to_text,
        write,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import RunError
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pair the runs."""
        result = super().run(tmp, task_vars)
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        _validation, given = self.validate_argument_spec(
            {
                "before": {"type": "path", "required": True},
                "after": {"type": "path", "required": True},
                "out": {"type": "path", "required": True},
                "shut": {"type": "list", "elements": "str", "default": []},
                "show": {"type": "bool", "default": True},
            }
        )
        out = Path(given["out"]).absolute()
        try:
            paired = pair(Path(given["before"]).absolute(), Path(given["after"]).absolute())
            files = write(paired, out)
        except (RunError, LibraryMissing) as problem:
            result.update(failed=True, msg=str(problem))
            return result
        if given["show"]:
            self._display.display(to_text(paired))
        statement = to_json(paired)
        by_name = {host.name: host for host in paired.hosts}
        open_still = [name for name in given["shut"] if name not in by_name or not by_name[name].is_shut]
        result.update(
            changed=False, out=str(out), files=files, hosts=statement["hosts"], changed_hosts=statement["changed"],
            msg=f"{len(statement['changed'])} of {len(paired.hosts)} hosts changed; {out}",
        )  # fmt: skip
        if open_still:
            result.update(failed=True, msg=f"not seen shut in the run after: {', '.join(open_still)}; see {out}")
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe
