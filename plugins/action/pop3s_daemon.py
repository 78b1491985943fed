# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make settings of a profile, change a mail daemon, come in anew, and only then let the change be kept."""

from __future__ import annotations

from typing import Any

from ansible_collections.port995.pop3s.plugins.plugin_utils._changing import ChangeAction
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain
from ansible_collections.port995.pop3s.plugins.plugin_utils._settings import with_settings


class ActionModule(ChangeAction):
    """See the documentation of the module."""

    MODULE = "port995.pop3s.pop3s_daemon"

    def _make_arguments(self) -> dict[str, Any]:
        return with_settings(self._task.args)

    def _begin(self) -> dict[str, Any]:
        result = self._call()
        if result.get("failed") or self._task.check_mode or "change" not in result:
            return result
        if str(plain(self._task.args.get("confirm", "now"))) == "later":
            return result
        return self._confirm(result, "confirmed")
