# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make settings of a profile and run a phase of enforcing, in the way in which a phase of closing is run."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.port995.pop3s.plugins.action.pop3s_close import ActionModule as PhaseAction
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.daemon_settings import (
        settings_for,
        today,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.profile import (
        ProfileError,
        load_profile,
    )
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None


class ActionModule(PhaseAction):
    """See the documentation of the module."""

    MODULE = "port995.pop3s.pop3s_enforce"

    def _arguments(self) -> dict[str, Any]:
        """The module's arguments, with a profile's settings.

        :raises AnsibleActionFail: the profile can't be read, leaves nothing, or stands beside the settings
        """
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        arguments = dict(self._task.args)
        profile = arguments.pop("profile", None)
        if profile is None:
            return arguments
        if arguments.get("tls"):
            raise AnsibleActionFail("profile and tls: one of them says what may be negotiated, leave the other out")
        try:
            arguments["tls"] = settings_for(load_profile(str(plain(profile))), today())
        except (ProfileError, ValueError, LibraryMissing) as error:
            raise AnsibleActionFail(f"Nothing was changed: {error}") from error
        return arguments
