# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which modelled mail clients and which logins settings of a mail daemon would shut out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import (
        RunError,
        open_run,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.clients.catalogue import (
        CLIENT_IDS,
        client_of,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.clients.result import result_to_json
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.daemon_settings import (
        settings_for,
        today,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.profile import (
        ProfileError,
        load_profile,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.shut_out import shut_out
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the run, and compute."""
        result = super().run(tmp, task_vars)
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        _validation, given = self.validate_argument_spec(
            {
                "run": {"type": "path"},
                "host": {"type": "str", "required": True},
                "profile": {"type": "str"},
                "clients": {"type": "list", "elements": "str"},
                "daemon": {"type": "dict", "default": {}},
                "cleartext": {"type": "str", "choices": ["off", "stls", "keep"], "default": "stls"},
                "logins": {"type": "dict"},
            }
        )
        ids = CLIENT_IDS if given["clients"] is None else given["clients"]
        strange = [name for name in ids if name not in CLIENT_IDS]
        if strange:
            raise AnsibleActionFail(f"clients: {strange[0]!a} is not modelled: choose among {', '.join(CLIENT_IDS)}")
        if ids and not given["run"]:
            raise AnsibleActionFail("run: clients are computed from what was seen; give it, or set clients: []")
        try:
            settings = settings_for(load_profile(given["profile"]), today()) if given["profile"] else None
            observations, problems = (
                open_run(Path(given["run"]).absolute()).observations() if given["run"] else ([], [])
            )
        except (ProfileError, ValueError, RunError, LibraryMissing) as problem:
            raise AnsibleActionFail(f"Nothing can be told: {problem}") from problem
        seen = [one for one in observations if given["host"] in one.target.hosts]
        found = shut_out(
            seen, settings, [client_of(name) for name in ids], given["daemon"], given["cleartext"], given["logins"]
        )
        result.update(
            changed=False,
            clients=[
                {"client": one.now.client, "now": result_to_json(one.now), "after": result_to_json(one.after)}
                for one in found.clients
            ],
            lost=list(found.lost),
            untold=[*found.untold, *problems],
            msg="; ".join((*found.lost, *found.untold)) or "nobody that is known of would be shut out",
        )
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe
